//! What a line means as an answer.

use super::{Audience, Question, Wanted};
use crate::home::check_note;

/// What a line says about the question that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Yes,
    No,
    /// It is no answer; the question stays. Says what is wanted.
    Nothing(String),
}

/// Returns what a line means.
pub(super) fn meaning(line: &str, audience: Audience, question: &Question) -> Meaning {
    match audience {
        Audience::Person => of_person(line, &question.wanted),
        Audience::Program => of_program(line, question),
    }
}

fn of_person(line: &str, wanted: &Wanted) -> Meaning {
    match (line.trim().to_ascii_lowercase().as_str(), wanted) {
        (_, Wanted::Name(name)) if line.trim() == name => Meaning::Yes,
        ("n" | "no", _) => Meaning::No,
        ("y" | "yes", Wanted::Yes) => Meaning::Yes,
        (typed, Wanted::Digits { digits, .. }) if typed == digits => Meaning::Yes,
        (_, Wanted::Yes) => Meaning::Nothing("please answer y or n".to_owned()),
        (_, Wanted::Name(name)) => Meaning::Nothing(format!("please type {name}, or n")),
        (_, Wanted::Digits { of, notes, .. }) => Meaning::Nothing(format!(
            "that is not enough, because of what is grave here ({}): please type the last six digits \
             of {of}, or n",
            notes.join(", ")
        )),
    }
}

/// Reads `yes [NAME] DIGEST [--accept-note NAME]..` and `no NAME|DIGEST`.
fn of_program(line: &str, question: &Question) -> Meaning {
    let mut words = line.split_whitespace();
    let verb = words.next().unwrap_or_default().to_ascii_lowercase();
    let words: Vec<_> = words.collect();
    match verb.as_str() {
        "y" | "yes" | "approve" => yes_of_program(&words, question),
        "n" | "no" | "decline" => no_of_program(&words, question),
        _ => Meaning::Nothing(form(question)),
    }
}

fn yes_of_program(words: &[&str], question: &Question) -> Meaning {
    let (accepted, named): (Vec<_>, Vec<_>) =
        options(words).into_iter().partition(|word| matches!(word, Word::Note(_)));
    let digest = hex::encode(question.digest);
    let is_digest =
        |word: &Word<'_>| matches!(word, Word::Name(name) if name.eq_ignore_ascii_case(&digest));
    let is_other =
        |word: &Word<'_>| !is_digest(word) && !matches!(word, Word::Name(n) if *n == question.name);
    if !named.iter().any(is_digest) || named.iter().any(is_other) {
        return Meaning::Nothing(form(question));
    }
    for word in &accepted {
        if let Word::Note(name) = word
            && let Err((what, hint)) = check_note(name)
        {
            return Meaning::Nothing(format!("{what}; {hint}"));
        }
    }
    if let Wanted::Digits { notes, .. } = &question.wanted
        && let Some(missing) = notes.iter().find(|note| !accepted.contains(&Word::Note(note)))
    {
        let why = format!("the note {missing} is grave: add `--accept-note {missing}`");
        return Meaning::Nothing(why);
    }
    Meaning::Yes
}

fn no_of_program(words: &[&str], question: &Question) -> Meaning {
    let digest = hex::encode(question.digest);
    let names = |word: &&str| *word == question.name || word.eq_ignore_ascii_case(&digest);
    if !words.is_empty() && words.iter().all(names) {
        return Meaning::No;
    }
    Meaning::Nothing(form(question))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word<'a> {
    Name(&'a str),
    Note(&'a str),
}

/// Reads the names of notes that follow `--accept-note`; one that lacks is a name that fits nothing.
fn options<'a>(words: &[&'a str]) -> Vec<Word<'a>> {
    let mut read = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        read.push(match (*word, word.strip_prefix("--accept-note=")) {
            ("--accept-note", _) => words.next().map_or(Word::Name(word), |note| Word::Note(note)),
            (_, Some(note)) => Word::Note(note),
            (word, None) => Word::Name(word),
        });
    }
    read
}

/// Says what is wanted off a terminal.
pub(super) fn form(question: &Question) -> String {
    let (name, digest) = (&question.name, hex::encode(question.digest));
    let notes = match &question.wanted {
        Wanted::Yes | Wanted::Name(_) => String::new(),
        Wanted::Digits { notes, .. } => {
            notes.iter().map(|note| format!(" --accept-note {note}")).collect()
        }
    };
    format!("answer `yes {digest}{notes}` or `no {name}`")
}
