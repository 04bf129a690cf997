//! `docs/operate/tutorial.md` and `two-homes.md`: every command in them runs, and says what the page says.
//!
//! A block names who types in it. A line that begins with `$ ` is a command, what follows a question is
//! typed, every other line must come. Keys, ids, paths and times differ, so they are not compared, and
//! neither is where lines are broken.

use std::collections::BTreeMap;

use crate::ensign::{Signer, argument};
use crate::terminal::Terminal;

const PAGE: &str = include_str!("../../../../docs/operate/tutorial.md");
const OPEN_PAGE: &str = include_str!("../../../../docs/operate/two-homes.md");
/// What a command exits with that finds nobody.
const NOT_FOUND: i32 = 6;
const QUESTION: &str = "[y/n]";
const NAMES: [&str; 4] = ["alice", "bob", "carol", "boot"];

/// One person of the page.
struct Person {
    name: &'static str,
    signer: Signer,
    code: String,
    /// The command that goes on, and what it has shown.
    running: Option<(Terminal, String)>,
}

/// One block: who types, whether in the terminal where nothing else runs, and the lines.
struct Block<'a> {
    name: &'a str,
    is_aside: bool,
    lines: Vec<&'a str>,
}

fn blocks(page: &'static str) -> Vec<Block<'static>> {
    let block = |text: &'static str| {
        let (head, lines) = text.split_once('\n').unwrap();
        let (name, aside) = head.split_once(", ").unwrap_or((head, ""));
        let lines = lines.split("\n```").next().unwrap().lines().collect();
        Block { name, is_aside: !aside.is_empty(), lines }
    };
    page.split("\n```console ").skip(1).map(block).collect()
}

/// Returns the words of a text without what differs from run to run.
fn words(text: &str) -> String {
    let same = |word: &str| {
        let word = word.trim_end_matches([',', ';', ':', '.']);
        let is_hash = word.len() >= 20 && word.chars().all(|c| c.is_ascii_alphanumeric());
        let is_path = word.starts_with('/');
        if is_hash || is_path { "*".to_owned() } else { word.to_owned() }
    };
    text.split_whitespace().map(same).collect::<Vec<_>>().join(" ")
}

fn has(shown: &str, line: &str) -> bool {
    words(shown).contains(&words(line))
}

/// Returns a command's arguments, with codes and files in their places.
fn arguments(line: &str, people: &BTreeMap<&str, Person>, signer: &Signer) -> Vec<String> {
    let place = |word: &str| {
        if word == "INVITATION" {
            return invitation(&people["alice"].running.as_ref().unwrap().1);
        }
        if let Some(name) = word.strip_suffix("_CODE") {
            return people[name.to_lowercase().as_str()].code.clone();
        }
        if let Some(name) = word.strip_suffix("_BARE") {
            let signer = &people[name.to_lowercase().as_str()].signer;
            let code = signer.text(&["contact", "show", "--no-address"]).succeeded().stdout;
            return code.trim().to_owned();
        }
        let is_file = [".psbt", ".hex"].iter().any(|end| word.ends_with(end));
        if is_file { argument(&signer.path(word)).to_owned() } else { word.to_owned() }
    };
    let words = line.strip_prefix("$ ensign ").unwrap().split_whitespace();
    words.map(place).collect()
}

/// Returns the code among what was shown.
fn invitation(shown: &str) -> String {
    let begin = shown.find("ensigninvite1").unwrap();
    shown[begin..].chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Whether a command goes on while others are typed.
fn goes_on(asked: &[&str]) -> bool {
    matches!(asked, ["up" | "sign", ..] | ["group", "invite" | "join", ..])
}

/// Runs a block whose command goes on, as far as its last line.
fn follow(terminal: &mut Terminal, shown: &mut String, lines: &[&str]) {
    for line in lines {
        if let Some((question, answer)) = line.split_once(QUESTION) {
            if !has(shown, question) {
                shown.push_str(&terminal.shown_until(QUESTION));
                assert!(has(shown, question), "{line}\n{shown}");
            }
            if !answer.is_empty() {
                terminal.wait_to_answer();
                terminal.type_text(&format!("{}\r", answer.trim()));
            }
        } else {
            while !has(shown, line) {
                shown.push_str(&terminal.shown_until("\n"));
            }
        }
    }
}

/// Runs a page; returns its people, and how many commands it has.
fn play(page: &'static str) -> (BTreeMap<&'static str, Person>, usize) {
    let person = |name| Person { name, signer: Signer::new(), code: String::new(), running: None };
    let mut people: BTreeMap<&str, Person> = NAMES.map(|name| (name, person(name))).into();
    let mut commands = 0;
    for Block { name, is_aside, lines } in blocks(page) {
        let (first, rest) = lines.split_first().unwrap();
        let asked =
            first.starts_with("$ ").then(|| arguments(first, &people, &people[name].signer));
        let person = people.get_mut(name).unwrap();
        let Some(asked) = asked else {
            let (terminal, shown) = person.running.as_mut().unwrap();
            follow(terminal, shown, &lines);
            continue;
        };
        commands += 1;
        if !is_aside && let Some((terminal, _)) = person.running.take() {
            assert_eq!(terminal.end(), 0, "before {first}");
        }
        let mut asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        if goes_on(&asked) {
            let mut terminal = Terminal::start(&person.signer, &asked);
            let mut shown = String::new();
            follow(&mut terminal, &mut shown, rest);
            assert!(person.running.replace((terminal, shown)).is_none(), "{first}");
            continue;
        }
        assert!(is_aside == person.running.is_some(), "{first}: this terminal is not free");
        let listen = crate::ensign::own_address();
        if asked[0] == "init" {
            asked.extend(["--listen", &listen]);
        }
        let mut ended = person.signer.text(&asked);
        // Who has joined a moment ago may be asked for too early: then one asks again, as is said.
        while ended.code == NOT_FOUND && asked[0] == "net" {
            ended = person.signer.text(&asked);
        }
        let ended = ended.succeeded();
        let said = format!("{}\n{}", ended.stdout, ended.stderr);
        for line in rest {
            assert!(has(&said, line), "{}: `{first}` does not say `{line}`:\n{said}", person.name);
        }
        if asked[0] == "init" {
            person.code = person.signer.code();
        }
    }
    (people, commands)
}

#[test]
fn two_homes_find_each_other_as_it_is_written() {
    let (_people, commands) = play(OPEN_PAGE);
    assert_eq!(commands, 3 * 4 + 3);
}

#[test]
fn tutorial_runs_as_it_is_written() {
    let (mut people, commands) = play(PAGE);
    let (alice, _) = people.get_mut("alice").unwrap().running.take().unwrap();
    assert_eq!(alice.end(), 0);
    // A drilled group with an address takes seven commands from three empty homes, a first signature four
    // more; the others only look.
    let looks = ["group descriptor", "status", "request history"];
    assert_eq!(commands - looks.len(), 7 + 4);
    let hex = std::fs::read_to_string(people["alice"].signer.path("tx.hex")).unwrap();
    assert!(hex.trim().len() > 300 && hex.trim().chars().all(|c| c.is_ascii_hexdigit()), "{hex}");
}
