//! A yes that became void, was overtaken, or is followed without hearing of it.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Signal, kill_process};

use crate::ensign::{Running, Signer, argument, treasury};
use crate::money::{coin, psbt};
use crate::payee::with_policy;
use crate::terminal::Terminal;

/// Proposes a transaction over the signer's first coin; another purpose makes another request.
fn propose(signer: &Signer, purpose: &str) -> Running {
    let tx = signer.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(signer)]).serialize()).unwrap();
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--purpose", purpose];
    let mut running = signer.start(&sign);
    running.wait_for("proposed");
    running
}

fn approve(signer: &Signer, name: &str) {
    let shown = signer.json(&["request", "show", name]).succeeded().last();
    let digest = shown["work"]["digest"].as_str().unwrap().to_owned();
    signer.json(&["request", "approve", name, "--digest", &digest]).succeeded();
}

#[test]
fn regression_a_rule_renewed_a_yes_that_was_not_its_own() {
    let [alice, bob, carol] = treasury();
    let mut up = alice.up("treasury");
    let (mut bobs, mut carols) = (bob.up("none"), carol.up("none"));
    let mut sign = propose(&alice, "first");
    bobs.wait_for("request");
    carols.wait_for("request");
    let _second = propose(&bob, "second");
    // Nobody was asked about that one before, so the rule may say yes.
    let approved = up.wait_for("approved");
    assert_eq!(approved["handle"], "#2");
    approve(&bob, "#1");
    approve(&carol, "#1");
    assert_eq!(up.wait_for("voided")["handle"], "#1");
    let asking = up.wait_for("asking");
    assert_eq!(asking["handle"], "#1");
    // The command that follows it says so too.
    let voided = sign.wait_for("voided");
    assert_eq!(voided["notes"], serde_json::json!(["coin_open"]));
    up.type_line(&format!("yes {}", asking["digest"].as_str().unwrap()));
    assert_eq!(up.wait_for("approved")["handle"], "#1");
    sign.end().succeeded();
}

#[test]
fn regression_a_question_that_was_decided_elsewhere_stayed_on_the_screen() {
    let [alice, bob, _carol] = treasury();
    let mut up = bob.up("none");
    let sign = propose(&alice, "rent");
    up.wait_for("request");
    let mut terminal = Terminal::start(&bob, &["request", "approve", "#1"]);
    terminal.wait_for("sign #1: 0.00049 BTC to ");
    terminal.wait_for("? [y/n] ");
    bob.json(&["request", "decline", "#1"]).succeeded();
    terminal.wait_for("#1: you declined it in another terminal");
    terminal.wait_for("ensign request show '#1'");
    assert_eq!(terminal.end(), 2);
    sign.end().refused(5, "E-SES-001");
}

#[test]
fn regression_readers_that_never_read_kept_everybody_from_signing() {
    let [alice, bob, carol] = treasury();
    let (_up, _bob, _carol) = (alice.up("none"), bob.up("all"), carol.up("all"));
    let listen = |_| {
        let mut stream = UnixStream::connect(alice.home.join("api.sock")).unwrap();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: ensign\r\n\r\n").unwrap();
        stream
    };
    let _deaf: Vec<_> = (0..32).map(listen).collect();
    let out = alice.path("out.psbt");
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--out", argument(&out)];
    alice.json(&sign).succeeded();
    assert!(fs::read(&out).unwrap().starts_with(b"psbt\xff"));
}

#[test]
fn sign_beside_a_node_has_the_words_of_sign_alone() {
    let [alice, bob, carol] = treasury();
    let (_up, _bob, _carol) = (alice.up("none"), bob.up("all"), carol.up("all"));
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let mut terminal = Terminal::start(&alice, &["sign", argument(&tx), "--group", "treasury"]);
    terminal.wait_for("propose and sign this: 0.00049 BTC to bcrt1q");
    terminal.wait_for("fee 0.00001 BTC? [y/n] ");
    terminal.wait_to_answer();
    terminal.type_text("y\r");
    terminal.wait_for("#1 treasury: you joined");
    terminal.wait_for("#1 treasury: all have signed, the signature verifies; transaction");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn of_two_questions_about_one_coin_the_second_is_asked_anew_after_the_yes_to_the_first() {
    let [alice, bob, carol] = treasury();
    let mut up = bob.start(&["up"]);
    up.wait_for("up");
    let _first = propose(&alice, "first");
    let first = up.wait_for("asking");
    let _second = propose(&carol, "second");
    up.wait_for("request");
    up.type_line(&format!("yes {}", first["digest"].as_str().unwrap()));
    let seen = up.read_until_times("asking", 2);
    let questions: Vec<_> = seen.iter().filter(|line| line["event"] == "asking").collect();
    assert_eq!((&questions[0]["handle"], &questions[1]["handle"]), (&"#2".into(), &"#2".into()));
    assert_ne!(questions[0]["digest"], questions[1]["digest"]);
    let again = seen.iter().rfind(|line| line["event"] == "request").unwrap();
    let notes = again["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note["name"] == "coin_open"), "{again}");
}

#[test]
fn a_question_that_stands_is_asked_anew_under_the_rules_of_a_hangup() {
    let [alice, bob, _carol] = treasury();
    let mut up = bob.start(&["up"]);
    up.wait_for("up");
    let hang_up = |id: u32| kill_process(Pid::from_raw(id.cast_signed()).unwrap(), Signal::HUP);
    let _sign = propose(&alice, "rent");
    let asked = up.wait_for("asking");
    // What cannot be read changes nothing.
    with_policy(&bob, "fee_maximum = 1");
    hang_up(up.id()).unwrap();
    let warning = up.wait_for("warning");
    assert!(warning["what"].as_str().unwrap().contains("fee_maximum"), "{warning}");
    with_policy(&bob, "fee_max = 1000000");
    hang_up(up.id()).unwrap();
    let again = up.wait_for("asking");
    assert_eq!(again["handle"], asked["handle"]);
    assert_ne!(again["digest"], asked["digest"], "the rules are part of what a yes is given to");
    with_policy(&bob, "fee_max = 1");
    hang_up(up.id()).unwrap();
    let failed = up.wait_for("failed");
    assert_eq!((&failed["handle"], &failed["code"]), (&"#1".into(), &"E-POL-001".into()));
}
