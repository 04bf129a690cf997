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
