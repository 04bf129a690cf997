//! One process serves a home, and every other command is its client.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::ensign::{Running, Signer, argument, treasury};
use crate::money::{coin, psbt};

/// Sends a signal to a process that goes on.
fn signal(running: &Running, name: &str) {
    let id = running.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
}

fn status(signer: &Signer) -> Value {
    signer.json(&["status"]).succeeded().last()
}

#[test]
fn sign_beside_a_running_up_proposes_there_and_prints_the_result() {
    let [alice, bob, carol] = treasury();
    let (mut up, _bob, _carol) = (alice.up("none"), bob.up("all"), carol.up("all"));
    let message = "ab".repeat(32);
    let sign = ["sign", "--message", &message, "--group", "treasury", "--yes"];
    // The same rules as without a running node.
    alice.json(&sign).refused(5, "E-OWN-005");
    alice.json(&sign[..5]).refused(5, "E-OWN-004");
    let ended = alice.json(&[&sign[..], &["--accept-note", "blind"]].concat()).succeeded();
    let lines = ended.lines();
    let named = |name: &str| lines.iter().find(|line| line["event"] == name).unwrap();
    assert_eq!(named("proposed")["handle"], "#1");
    let signature = &named("signed_message")["signature"];
    assert_eq!(signature.as_str().unwrap().len(), 128);
    assert_eq!(&up.wait_for("done")["signatures"][0], signature);
    up.wait_for("kept");
}

#[test]
fn result_is_written_by_the_process_that_serves_also_after_its_restart() {
    let [alice, bob, carol] = treasury();
    let (tx, out, extract) = (alice.path("tx.psbt"), alice.path("out.psbt"), alice.path("tx.hex"));
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let mut up = alice.up("none");
    let mut sign = alice.start(&[
        "sign",
        argument(&tx),
        "--group",
        "treasury",
        "--yes",
        "--out",
        argument(&out),
        "--extract",
        argument(&extract),
        "--until-stdin-closes",
    ]);
    let request = sign.wait_for("proposed")["request"].as_str().unwrap().to_owned();
    assert_eq!(up.wait_for("proposed")["request"], *request);
    // Whoever asked for it leaves, and then the process that promised it is killed.
    sign.close_input();
    let error = sign.end().refused(4, "E-OWN-002");
    assert!(error["do"].as_str().unwrap().contains("ensign request cancel '#1'"), "{error}");
    drop(up);
    assert!(!out.exists());
    let (_bob, _carol) = (bob.up("all"), carol.up("all"));
    let mut up = alice.up("none");
    for _ in 0..2 {
        up.wait_for("written");
    }
    let (signed, hex) = (fs::read(&out).unwrap(), fs::read_to_string(&extract).unwrap());
    assert!(signed.starts_with(b"psbt\xff"), "in the form of what was given");
    assert!(hex.trim().chars().all(|c| c.is_ascii_hexdigit()) && hex.len() > 100);
    // It is written once.
    signal(&up, "-TERM");
    up.end().succeeded();
    fs::remove_file(&out).unwrap();
    drop(alice.up("none"));
    assert!(!out.exists() && fs::read_dir(alice.home.join("outs")).unwrap().next().is_none());
}

#[test]
fn place_that_cannot_be_written_is_told_before_anything_is_proposed() {
    let [alice, ..] = treasury();
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let _up = alice.up("none");
    let sign = ["sign", argument(&tx), "--group", "treasury", "--yes"];
    let nowhere = alice.path("nowhere/out");
    alice.json(&[&sign[..], &["--out", argument(&nowhere)]].concat()).refused(2, "E-FIL-002");
    alice.json(&[&sign[..], &["--out", argument(&tx)]].concat()).refused(2, "E-FIL-010");
    assert_eq!(status(&alice)["requests"], json!([]));
}

#[test]
fn groups_are_made_changed_and_forgotten_while_a_node_runs() {
    let [alice, bob, _carol] = treasury();
    let codes = [alice.code(), bob.code()];
    bob.json(&["group", "new", "pair", "--member", &codes[0]]).succeeded();
    let (mut up, _bob) = (alice.up("none"), bob.up("all"));
    let made = alice.json(&["group", "new", "pair", "--member", &codes[1]]).succeeded().last();
    assert_eq!((&made["event"], &made["group"]), (&json!("group"), &json!("pair")));
    alice.json(&["group", "new", "pair", "--member", &codes[1]]).refused(2, "E-GRP-006");
    let groups = status(&alice)["groups"].as_array().unwrap().clone();
    let names: Vec<_> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pair", "treasury"]);

    // It signs at once, and its members go by their names.
    let message = "cd".repeat(32);
    let sign =
        ["sign", "--message", &message, "--group", "pair", "--yes", "--accept-note", "blind"];
    alice.json(&sign).succeeded();
    assert_eq!(up.wait_for("proposed")["group"], "pair");

    alice.json(&["group", "update", "pair", "--member", &codes[1]]).succeeded();
    alice.json(&["group", "rename", "pair", "duo"]).succeeded();
    alice.json(&["group", "show", "pair"]).refused(2, "E-GRP-001");
    assert_eq!(status(&alice)["groups"][0]["name"], "duo");
    alice.json(&["group", "forget", "duo", "--yes"]).succeeded();
    assert_eq!(status(&alice)["groups"].as_array().unwrap().len(), 1);
}

#[test]
fn group_with_an_open_request_is_not_forgotten() {
    let [alice, ..] = treasury();
    let _up = alice.up("none");
    let message = "cd".repeat(32);
    let sign =
        ["sign", "--message", &message, "--group", "treasury", "--yes", "--accept-note", "blind"];
    let mut sign = alice.start(&[&sign[..], &["--until-stdin-closes"]].concat());
    sign.wait_for("proposed");
    alice.json(&["group", "forget", "treasury", "--yes"]).refused(3, "E-GRP-009");
    alice.json(&["group", "show", "treasury"]).succeeded();
    alice.json(&["request", "cancel", "#1"]).succeeded();
    sign.end().refused(5, "E-SES-011");
}

#[test]
fn sighup_reads_the_groups_again() {
    let [alice, bob, _carol] = treasury();
    let (mut up, _bob) = (alice.up("none"), bob.up("none"));
    // Until it serves, a signal ends it.
    up.wait_for("connected");
    // A file that lay in another home, as a restored backup or an editor leaves it.
    let file = |signer: &Signer, name: &str| signer.home.join(format!("groups/{name}.toml"));
    let kept = fs::read(file(&alice, "treasury")).unwrap();
    fs::rename(file(&alice, "treasury"), file(&alice, "vault")).unwrap();
    signal(&up, "-HUP");
    assert_eq!(up.wait_for("reloaded")["groups"], json!(["vault"]));
    assert_eq!(status(&alice)["groups"][0]["name"], "vault");
    // What cannot be understood is told, and nothing ends.
    fs::write(file(&alice, "broken"), "x").unwrap();
    signal(&up, "-HUP");
    assert_eq!(up.wait_for("warning")["code"], "E-HOM-005");
    fs::remove_file(file(&alice, "broken")).unwrap();
    fs::remove_file(file(&alice, "vault")).unwrap();
    fs::write(file(&alice, "treasury"), kept).unwrap();
    signal(&up, "-HUP");
    assert_eq!(up.wait_for("reloaded")["groups"], json!(["treasury"]));
}

#[test]
fn status_says_whose_turn_it_is_with_a_node_and_without() {
    let [alice, bob, _carol] = treasury();
    let mut up = bob.up("none");
    let message = "ab".repeat(32);
    let sign =
        ["sign", "--message", &message, "--group", "treasury", "--yes", "--accept-note", "blind"];
    let sign = [&sign[..], &["--purpose", "rent", "--until-stdin-closes"]].concat();
    let mut proposal = alice.start(&sign);
    proposal.wait_for("proposed");
    up.wait_for("request");
    let board = status(&bob);
    assert_eq!(board["requests"][0]["state"], "undecided");
    assert_eq!(board["requests"][0]["grave"], json!(["blind"]));
    let text = bob.text(&["status"]).succeeded().stdout;
    for words in [
        "bob  regtest  up",
        "NEEDS YOU",
        "#1  treasury",
        "BLIND",
        "by alice for \"rent\"",
        "PEERS",
        "ensign request approve '#1'",
        "GROUPS",
        "missing: carol",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let longest = |text: &str| {
        let hex = |word: &&str| word.len() > 8 && word.chars().all(|c| c.is_ascii_hexdigit());
        text.split_whitespace().filter(hex).count()
    };
    assert_eq!(longest(&text), 0, "{text}");
    // For her it is open, and she waits.
    let text = alice.text(&["status"]).succeeded().stdout;
    let turn = "1 of 3 has agreed; it is the turn of ";
    assert!(text.contains("OPEN") && text.contains(turn), "{text}");
    assert!(text.contains("carol's node cannot be reached"), "{text}");
    proposal.close_input();
    proposal.end();
    let ended = alice.text(&["status"]).succeeded();
    assert!(ended.stdout.contains("nothing runs") && ended.stdout.contains("#1"), "{ended:?}");
    assert!(ended.stderr.contains("ensign up"), "{ended:?}");
}

#[test]
fn regression_a_home_of_any_length_is_served() {
    let [alice, ..] = treasury();
    let deep = alice.folder.path().join("d".repeat(120)).join("e".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::rename(&alice.home, deep.join("home")).unwrap();
    let alice = Signer { home: deep.join("home"), folder: alice.folder };
    let _up = alice.up("none");
    alice.json(&["request", "list"]).succeeded();
    assert!(status(&alice)["me"]["listen"].is_string());
    assert!(Path::new(&alice.home).join("api.sock").exists());
}

#[test]
fn answer_in_one_terminal_settles_the_question_in_the_other() {
    let [alice, bob, carol] = treasury();
    let (mut up, _carol) = (bob.start(&["up"]), carol.up("all"));
    up.wait_for("up");
    let message = "ab".repeat(32);
    let sign =
        ["sign", "--message", &message, "--group", "treasury", "--yes", "--accept-note", "blind"];
    let mut proposal = alice.start(&sign);
    proposal.wait_for("proposed");
    let asking = up.wait_for("asking");
    let digest = asking["digest"].as_str().unwrap();
    let approve = ["request", "approve", "#1", "--digest", digest, "--accept-note", "blind"];
    bob.json(&approve).succeeded();
    assert_eq!(up.wait_for("decided")["how"], "approved");
    // What is typed here now answers nothing; the request goes on.
    up.type_line(&format!("no {digest}"));
    up.wait_for("kept");
    proposal.end().succeeded();
    bob.json(&approve).refused(2, "E-REQ-003");
}
