//! What a running node tells.

use std::fs;

use crate::ensign::{argument, treasury};
use crate::money::{coin, psbt};
use crate::terminal::Terminal;

#[test]
fn regression_a_group_that_the_other_lacks_was_told_as_an_attack() {
    let [alice, bob, _carol] = treasury();
    alice.json(&["group", "new", "pair", "--member", &bob.code()]).succeeded();
    let shown = alice.json(&["group", "show", "pair"]).succeeded().last();
    let id = shown["id"].as_str().unwrap();
    let mut bobs = bob.up("none");
    let mut alices = alice.up("none");
    let lacking = alices.wait_for("group_unknown");
    assert_eq!((&lacking["who"], &lacking["group"]), (&"bob".into(), &"pair".into()));
    assert_eq!(lacking["group_id"], id);
    let missing = bobs.wait_for("group_missing");
    assert_eq!((&missing["who"], &missing["group_id"]), (&"alice".into(), &id.into()));
}

#[test]
fn each_line_about_a_request_names_it_and_nobody_is_a_number() {
    let [alice, bob, carol] = treasury();
    let _others = [bob.up("all"), carol.up("all")];
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury"];
    let mut terminal = Terminal::start(&alice, &sign);
    terminal.wait_for("(#1) to group treasury, 2 more must sign");
    let told = terminal.shown_until("all have signed");
    for line in ["#1 treasury: you joined", "#1 treasury: bob joined", "#1 treasury: carol signed"]
    {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    assert!(!told.contains("signer "), "{told}");
    terminal.wait_for("cHNidP");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn what_is_approved_without_asking_is_shown_with_the_rule_that_did() {
    let [alice, bob, carol] = treasury();
    let _carol = carol.up("all");
    let mut up = Terminal::start(&bob, &["up", "--approve", "all"]);
    up.wait_for("signing without asking what is asked of treasury");
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury"];
    let proposal = alice.start(&sign);
    up.wait_for("request #1 by alice to group treasury");
    up.wait_for("spends 0.00050000 BTC");
    up.wait_for("up --approve all approved");
    proposal.end().succeeded();
    // A blind message is left open: it is grave, and nobody has typed its digits.
    let message = "ab".repeat(32);
    let blind = ["sign", "--yes", "--accept-note", "blind", "--message", &message];
    let _proposal = alice.start(&[&blind[..], &["--group", "treasury"]].concat());
    up.wait_for("BLIND");
    up.wait_for("type the last six digits of the last message");
}

#[test]
fn group_show_says_who_is_missing_and_what_helps() {
    let [alice, bob, _carol] = treasury();
    let shown = alice.text(&["group", "show", "treasury"]).succeeded();
    assert!(shown.stderr.contains("no node runs here"), "{}", shown.stderr);
    let (mut up, _bob) = (alice.up("none"), bob.up("none"));
    up.wait_for("connected");
    let wait = alice.json(&["group", "show", "treasury"]).succeeded().last()["wait"].clone();
    assert_eq!(wait["ready"], false);
    let lacks = wait["lacks"].as_array().unwrap();
    assert!(lacks.contains(&serde_json::json!({ "who": "alice", "whom": "carol" })), "{wait}");
    let shown = alice.text(&["group", "show", "treasury"]).succeeded().stdout;
    assert!(
        shown.contains("\n  not ready: a signature needs all nodes at the same time"),
        "{shown}"
    );
    assert!(
        shown.contains("carol's node cannot be reached: `ensign up` has to run there"),
        "{shown}"
    );
}
