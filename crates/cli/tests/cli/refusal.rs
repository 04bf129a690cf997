//! Bad input through the real entry point.

use std::fs;
use std::net::UdpSocket;

use crate::ensign::{Signer, argument, blind, run, treasury};
use crate::money::{coin, psbt};

/// Signs a file of these bytes and expects to be refused.
fn refused(signer: &Signer, bytes: &[u8], exit: i32, code: &str) -> String {
    let file = signer.path("bad.psbt");
    fs::write(&file, bytes).unwrap();
    let ended = signer.json(&["sign", "--yes", argument(&file), "--group", "treasury"]);
    ended.refused(exit, code)["what"].as_str().unwrap().to_owned()
}

#[test]
fn a_message_of_the_wrong_length_is_refused() {
    let [alice, ..] = treasury();
    for wrong in ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"xy".repeat(32)] {
        let arguments =
            ["sign", "--yes", "--accept-note", "blind", "--message", wrong, "--group", "treasury"];
        alice.json(&arguments).refused(2, "E-USE-002");
    }
}

#[test]
fn a_file_that_is_missing_or_no_psbt_is_refused() {
    let [alice, ..] = treasury();
    let missing = alice.path("missing.psbt");
    let arguments = ["sign", "--yes", argument(&missing), "--group", "treasury"];
    alice.json(&arguments).refused(2, "E-FIL-001");
    let good = psbt(&[coin(&alice)]).serialize();
    refused(&alice, b"", 2, "E-PSB-001");
    refused(&alice, b"hello", 2, "E-PSB-001");
    let what = refused(&alice, &good[..good.len() - 3], 2, "E-PSB-001");
    assert!(what.contains("cut off"), "{what}");
    let what = refused(&alice, &[&good[..], b"!"].concat(), 2, "E-PSB-001");
    assert!(what.contains("too many"), "{what}");
}

#[test]
fn a_psbt_that_is_not_the_groups_to_sign_is_refused() {
    let [alice, ..] = treasury();
    let ours = coin(&alice);
    let mut foreign = ours.clone();
    foreign.script_pubkey =
        bitcoin::ScriptBuf::from_hex(&format!("5120{}", "11".repeat(32))).unwrap();
    let what = refused(&alice, &psbt(&[ours.clone(), foreign]).serialize(), 9, "E-PSB-002");
    assert!(what.contains("input 1"), "{what}");
    let mut without = psbt(std::slice::from_ref(&ours));
    without.inputs[0].witness_utxo = None;
    refused(&alice, &without.serialize(), 9, "E-PSB-002");
    let mut none = psbt(&[ours]);
    none.inputs[0].sighash_type = Some(bitcoin::psbt::PsbtSighashType::from_u32(2));
    let what = refused(&alice, &none.serialize(), 9, "E-PSB-002");
    assert!(what.contains("sighash"), "{what}");
}

#[test]
fn a_result_that_could_not_be_written_is_refused_before_anybody_signs() {
    let [alice, ..] = treasury();
    let (tx, out) = (alice.path("tx.psbt"), alice.path("nowhere/signed.psbt"));
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let arguments =
        ["sign", "--yes", argument(&tx), "--group", "treasury", "--out", argument(&out)];
    let ended = alice.json(&arguments);
    ended.refused(2, "E-FIL-002");
    assert_eq!(ended.lines().len(), 1, "{ended:?}");
}

#[test]
fn an_unknown_group_and_a_home_without_groups_are_told() {
    let alice = Signer::init("alice");
    alice.json(&["up"]).refused(3, "E-GRP-005");
    let message = "ab".repeat(32);
    let arguments = blind(&message, &[]);
    alice.json(&arguments).refused(2, "E-GRP-001");
}

#[test]
fn a_lifetime_outside_its_limits_is_refused() {
    let [alice, ..] = treasury();
    let message = "ab".repeat(32);
    for wrong in ["0s", "25h"] {
        let arguments = blind(&message, &["--expires", wrong]);
        alice.json(&arguments).refused(2, "E-USE-004");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let [alice, ..] = treasury();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = alice.json(&["up", "--listen", &address]).refused(8, "E-NET-001");
    assert!(error["what"].as_str().unwrap().contains(&address), "{error}");
    let error = alice.json(&["up", "--listen", "192.0.2.1:4820"]).refused(8, "E-NET-002");
    assert!(error["what"].as_str().unwrap().contains("192.0.2.1:4820"), "{error}");
}

#[test]
fn a_command_line_that_is_not_understood_exits_with_2() {
    let ended = run(&["sign", "--group", "treasury"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("Usage"), "{}", ended.stderr);
    run(&["--json", "fly"]).refused(2, "E-USE-001");
}
