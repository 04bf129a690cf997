//! A yes that became void, was overtaken, or is followed without hearing of it.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use crate::ensign::{Running, Signer, argument, treasury};
use crate::money::{coin, psbt};
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
