//! Three processes sign together, or say why not.

use std::fs;

use ensign_identity::SignerKey;
use ensign_primitives::Network;
use ensign_psbt::{Group, Map};
use ensign_wire::GroupKeys;

use crate::ensign::{Signer, argument, blind, treasury};
use crate::money::{accepted, coin, psbt};

/// Returns the signer's group, computed from what the binary says about its members.
fn group(signer: &Signer) -> Group {
    let shown = signer.json(&["group", "show", "treasury"]).succeeded().last();
    let key = |member: &serde_json::Value| {
        let bytes = hex::decode(member["signer"].as_str().unwrap()).unwrap();
        SignerKey::from_bytes(&bytes.try_into().unwrap()).unwrap()
    };
    let keys = shown["members"].as_array().unwrap().iter().map(key).collect();
    Group::new(Network::Regtest, &GroupKeys::new(keys).unwrap()).unwrap()
}

#[test]
fn three_homes_sign_a_psbt_that_bitcoin_accepts() {
    let [alice, bob, carol] = treasury();
    let coins = vec![coin(&alice); 2];
    let [tx, out, extracted] = ["tx.psbt", "signed.psbt", "tx.hex"].map(|name| alice.path(name));
    fs::write(&tx, psbt(&coins).serialize()).unwrap();
    let mut others = [bob.up("all"), carol.up("all")];
    let arguments = [
        ["sign", argument(&tx), "--group", "treasury"],
        ["--out", argument(&out), "--extract", argument(&extracted)],
        ["--purpose", "rent", "--mode", "strict"],
    ]
    .concat();
    let arguments = [&arguments[..], &["--yes"]].concat();
    let signed = alice.json(&arguments).succeeded();
    let done: Vec<_> = signed.lines().into_iter().filter(|l| l["event"] == "peer_done").collect();
    assert_eq!(done.len(), 2, "{done:?}");
    for (other, running) in [&bob, &carol].into_iter().zip(&mut others) {
        let request = running.wait_for("request");
        assert_eq!(request["creator"], "alice");
        assert_eq!(request["purpose"], "rent");
        assert_eq!((&request["blind"], &request["fee_sat"]), (&false.into(), &1_000.into()));
        assert_eq!(request["inputs"].as_array().unwrap().len(), 2);
        let kept = running.wait_for("kept");
        assert!(kept["file"].as_str().unwrap().starts_with(argument(&other.home)));
    }

    let transaction = hex::decode(fs::read_to_string(extracted).unwrap().trim()).unwrap();
    assert!(accepted(&transaction, &coins));
    let signed = ensign_psbt::parse(&fs::read(out).unwrap()).unwrap();
    for input in 0..2 {
        assert_eq!(signed.musig_fields(Map::Input(input)).len(), 1 + 3 + 3);
    }
}

#[test]
fn base64_in_gives_base64_out() {
    let [alice, bob, carol] = treasury();
    let [tx, out] = ["tx.psbt", "signed.psbt"].map(|name| alice.path(name));
    fs::write(&tx, psbt(&[coin(&alice)]).to_string()).unwrap();
    let _others = [bob.up("all"), carol.up("all")];
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--mode", "fast"];
    alice.json(&[&sign[..], &["--out", argument(&out)]].concat()).succeeded();
    let text = fs::read_to_string(out).unwrap();
    assert!(text.starts_with("cHNidP"), "{text}");
    let printed = alice.text(&sign).succeeded().stdout;
    let last = printed.lines().last().unwrap();
    ensign_psbt::parse(last.as_bytes()).unwrap();
}

#[test]
fn a_message_is_signed_blindly_and_verifies_under_the_groups_key() {
    let [alice, bob, carol] = treasury();
    let message = [0xab; 32];
    let mut others = [bob.up("all"), carol.up("all")];
    let signed = alice
        .json(&[
            "sign",
            "--yes",
            "--accept-note",
            "blind",
            "--message",
            &hex::encode(message),
            "--group",
            "treasury",
        ])
        .succeeded();
    assert_eq!(others[0].wait_for("request")["blind"], true);
    let done = signed.lines().into_iter().find(|line| line["event"] == "done").unwrap();
    let signature = hex::decode(done["signatures"][0].as_str().unwrap()).unwrap();
    let key = group(&alice).aggregate_key().x_only_public_key().0;
    assert!(ensign_musig::verify_schnorr(&key, &message, &signature.try_into().unwrap()));
}

#[test]
fn a_person_is_asked_and_signs_with_yes() {
    let [alice, bob, carol] = treasury();
    let message = "cd".repeat(32);
    let (_carol, mut bob) = (carol.up("all"), bob.up("ask"));
    let alice = alice.start(&blind(&message, &[]));
    bob.answer("perhaps");
    bob.wait_for("answer_void");
    let accept = ["yes", "--accept-note", "blind"];
    bob.type_line(&accept.join(" "));
    let void = bob.wait_for("answer_void");
    let why = void["why"].as_str().unwrap();
    let form = why.split('`').nth(1).unwrap();
    assert!(form.ends_with("--accept-note blind"), "{why}");
    bob.type_line(form);
    bob.wait_for("approved");
    bob.wait_for("done");
    alice.end().succeeded();
}

#[test]
fn who_declines_is_named_and_the_exit_code_is_5() {
    let [alice, bob, carol] = treasury();
    let message = "cd".repeat(32);
    let (_carol, mut bob) = (carol.up("none"), bob.up("ask"));
    let alice = alice.start(&blind(&message, &[]));
    bob.answer("no");
    bob.wait_for("declined");
    let error = alice.end().refused(5, "E-SES-001");
    assert_eq!(error["who"], serde_json::json!(["bob"]));
}

#[test]
fn an_absent_signer_is_named_when_the_time_is_over() {
    let [alice, bob, _carol] = treasury();
    let _bob = bob.up("all");
    let message = "cd".repeat(32);
    let arguments = blind(&message, &["--expires", "2s"]);
    let error = alice.json(&arguments).refused(4, "E-SES-003");
    assert_eq!(error["who"], serde_json::json!(["carol"]));
}

#[test]
fn without_input_to_ask_on_a_request_stays_open() {
    let [alice, bob, carol] = treasury();
    let message = "cd".repeat(32);
    let (_carol, mut bob) = (carol.up("all"), bob.up("ask"));
    bob.close_input();
    let arguments = blind(&message, &["--expires", "2s"]);
    let alice = alice.start(&arguments);
    bob.wait_for("request");
    bob.wait_for("cannot_ask");
    let error = alice.end().refused(4, "E-SES-003");
    assert_eq!(error["who"], serde_json::json!(["bob"]));
}

#[test]
fn an_interrupted_proposal_goes_on_when_its_signer_is_up_again() {
    let [alice, bob, carol] = treasury();
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let _bob = bob.up("all");
    let mut proposal = alice.start(&[
        "sign",
        "--yes",
        argument(&tx),
        "--group",
        "treasury",
        "--until-stdin-closes",
    ]);
    let request = proposal.wait_for("proposed")["request"].as_str().unwrap().to_owned();
    // Nothing is joined while carol is away: bob has agreed, and that holds.
    proposal.wait_for("wait");
    proposal.close_input();
    proposal.end().refused(4, "E-OWN-002");

    let _carol = carol.up("all");
    let mut again = alice.up("none");
    let resumed = again.wait_for("resumed");
    assert_eq!(
        (&resumed["request"], &resumed["fee_sat"]),
        (&request.as_str().into(), &1_000.into())
    );
    let kept = again.wait_for("kept");
    assert_eq!(kept["request"], request.as_str());
    let signed = fs::read(kept["file"].as_str().unwrap()).unwrap();
    ensign_psbt::parse(&signed).unwrap();
}

#[test]
fn regression_signatures_in_a_row_were_told_as_a_second_copy_of_a_home() {
    let [alice, bob, carol] = treasury();
    let (mut running, _carol) = (bob.up("all"), carol.up("all"));
    for number in 1..=5 {
        let message = format!("{number:02x}").repeat(32);
        alice.json(&blind(&message, &[])).succeeded();
    }
    let is_gone = |line: &serde_json::Value| line["event"] == "disconnected";
    let seen = running.read_until_times("disconnected", 5);
    let told: Vec<_> = seen.iter().filter(|line| is_gone(line)).collect();
    assert!(told.iter().all(|line| line["who"] == "alice" && line["stopped"] == true), "{told:?}");
    assert_eq!(seen.iter().filter(|line| line["code"] == "E-NET-003").count(), 0, "{seen:#?}");
}
