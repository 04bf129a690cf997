//! What a home keeps: requests from a second terminal, without a node, and after a backup.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::ensign::{Running, Signer, argument, blind, copy, treasury};
use crate::money::{coin, psbt};

/// Proposes a message as a signer; returns the process and the request's id.
fn propose(signer: &Signer, byte: &str, more: &[&str]) -> (Running, String) {
    let message = byte.repeat(32);
    let sign = blind(&message, &[]);
    let mut running = signer.start(&[&sign[..], more].concat());
    let proposed = running.wait_for("proposed");
    (running, proposed["request"].as_str().unwrap().to_owned())
}

fn entries(signer: &Signer, what: &str) -> Vec<Value> {
    signer.json(&["request", what]).succeeded().lines()
}

#[test]
fn requests_are_shown_and_approved_from_a_second_terminal() {
    let [alice, bob, carol] = treasury();
    let (mut running, _carol) = (bob.up("none"), carol.up("all"));
    let (sign, request) = propose(&alice, "ab", &["--purpose", "rent"]);
    let asked = running.wait_for("request");

    let [entry] = &entries(&bob, "list")[..] else { panic!() };
    assert_eq!(
        (&entry["request"], &entry["state"]),
        (&request.clone().into(), &"undecided".into())
    );
    assert_eq!((&entry["creator"], &entry["purpose"]), (&"alice".into(), &"rent".into()));
    let text = bob.text(&["request", "list"]).succeeded().stdout;
    for word in ["NO", "OPEN FOR", "#1", "asks you", "BLIND", "1 h 59 min", "by alice for \"rent\""]
    {
        assert!(text.contains(word), "{word}: {text}");
    }

    // A beginning shows, and never approves: whoever proposes can choose it.
    let shown = bob.json(&["request", "show", &request[..6]]).succeeded().last();
    let digest = shown["work"]["digest"].as_str().unwrap().to_owned();
    assert_eq!((&shown["handle"], &shown["request"]), (&"#1".into(), &asked["request"]));
    let accept = ["--digest", &digest, "--accept-note", "blind"];
    let approve =
        |name: &str, more: &[&str]| bob.json(&[&["request", "approve", name][..], more].concat());
    approve(&request[..6], &accept).refused(2, "E-REQ-010");
    approve(&request[..63], &accept).refused(2, "E-REQ-010");
    // Nobody sees a question here, so silence is no yes; and a yes names what was shown.
    let error = approve("#1", &[]).refused(5, "E-OWN-004");
    assert!(error["do"].as_str().unwrap().contains(&digest), "{error}");
    approve("#1", &accept[..2]).refused(2, "E-REQ-012");
    let wrong = "ab".repeat(32);
    approve("#1", &["--digest", &wrong, "--accept-note", "blind"]).refused(4, "E-REQ-006");
    approve("#1", &accept).succeeded();
    assert_eq!(running.wait_for("decided")["how"], "approved");
    running.wait_for("kept");
    sign.end().succeeded();
    approve(&request, &accept).refused(2, "E-REQ-003");
    assert_eq!(entries(&bob, "list").len(), 0);
    let text = bob.text(&["request", "history"]).succeeded().stdout;
    assert!(text.contains("ENDED") && text.contains("#1") && text.contains("signed"), "{text}");

    // The same is seen when no node runs, and the result can be written out.
    let live = entries(&bob, "history");
    drop(running);
    let stored = entries(&bob, "history");
    assert_eq!((live.len(), stored.len()), (1, 1));
    assert_eq!((&live[0]["state"], &stored[0]["state"]), (&"signed".into(), &"signed".into()));
    let out = bob.path("out");
    bob.json(&["request", "show", &request, "--out", argument(&out)]).succeeded();
    assert_eq!(fs::read_to_string(out).unwrap().trim().len(), 128);
    let audit = bob.json(&["nonce", "audit"]).succeeded().last();
    assert_eq!((&audit["joined"], &audit["burned"]), (&1.into(), &1.into()));
    assert_eq!(audit["violations"], 0);
}

#[test]
fn what_a_request_signs_is_shown_in_a_second_terminal_and_without_a_node() {
    let [alice, bob, _carol] = treasury();
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let mut running = bob.up("none");
    let mut sign = alice.start(&[
        "sign",
        "--yes",
        argument(&tx),
        "--group",
        "treasury",
        "--until-stdin-closes",
    ]);
    let proposed = sign.wait_for("proposed");
    let request = proposed["request"].as_str().unwrap().to_owned();
    running.wait_for("request");
    let check = |signer: &Signer| {
        let shown = signer.json(&["request", "show", &request]).succeeded().last();
        for field in ["txid", "outputs", "fee_sat"] {
            assert_eq!(shown["work"][field], proposed[field], "{shown}");
        }
        let text = signer.text(&["request", "show", &request]).succeeded().stdout;
        assert!(text.contains(proposed["outputs"][0]["to"].as_str().unwrap()), "{text}");
    };
    check(&bob);
    check(&alice);
    sign.close_input();
    sign.end().refused(4, "E-OWN-002");
    check(&alice);
    let text = alice.text(&["request", "list"]).succeeded().stderr;
    assert!(text.contains("no node runs here"), "{text}");

    // The bytes of a bare message are shown too, and give no transaction.
    let (mut sign, blind) = propose(&alice, "ab", &["--until-stdin-closes"]);
    let text = alice.text(&["request", "show", &blind]).succeeded().stdout;
    assert!(text.contains("BLIND") && text.contains(&"ab".repeat(32)), "{text}");
    alice.json(&["request", "show", &blind, "--extract", "x"]).refused(2, "E-USE-001");
    sign.close_input();
    sign.end();
    let text = alice.text(&["nonce", "audit"]).succeeded().stdout;
    assert!(text.contains("no nonce met two challenges"), "{text}");
    // Before everybody is there nobody draws any.
    assert!(text.contains("has joined no attempt yet"), "{text}");
}

#[test]
fn request_that_is_cancelled_without_a_node_ends_for_the_others_at_the_next_start() {
    let [alice, bob, _carol] = treasury();
    let mut running = bob.up("none");
    let (mut sign, request) = propose(&alice, "ab", &["--until-stdin-closes"]);
    running.wait_for("request");
    sign.close_input();
    sign.end().refused(4, "E-OWN-002");

    assert_eq!(entries(&alice, "list").len(), 1);
    let error = alice.json(&["request", "approve", &request]).refused(2, "E-REQ-003");
    assert!(error["what"].as_str().unwrap().contains("approved by the rule sign --yes"), "{error}");
    alice.json(&["request", "cancel", &request]).succeeded();
    alice.json(&["request", "cancel", &request]).refused(2, "E-REQ-003");
    assert_eq!(entries(&alice, "list").len(), 0);
    assert_eq!(entries(&alice, "history")[0]["state"], "closed");

    let _alice = alice.up("none");
    let failed = running.wait_for("failed");
    assert_eq!((&failed["request"], &failed["code"]), (&request.into(), &"E-SES-011".into()));
}

#[test]
fn request_is_cancelled_and_declined_from_a_second_terminal() {
    let [alice, bob, _carol] = treasury();
    let mut running = bob.up("none");
    let (sign, request) = propose(&alice, "ab", &[]);
    running.wait_for("request");
    alice.json(&["request", "cancel", &request]).succeeded();
    let error = sign.end().refused(5, "E-SES-011");
    assert_eq!(error["what"], "you gave the request up");
    assert_eq!(error["who"], serde_json::json!([]));
    let failed = running.wait_for("failed");
    assert_eq!(failed["who"], serde_json::json!(["alice"]));
    let (sign, request) = propose(&alice, "cd", &[]);
    running.wait_for("request");
    bob.json(&["request", "decline", &request]).succeeded();
    let error = sign.end().refused(5, "E-SES-001");
    assert_eq!(error["who"], serde_json::json!(["bob"]));
}

#[test]
fn request_that_nobody_means_is_named() {
    let [alice, ..] = treasury();
    let (mut sign, request) = propose(&alice, "ab", &["--until-stdin-closes"]);
    alice.json(&["request", "show", "zz"]).refused(2, "E-REQ-001");
    alice.json(&["request", "show", ""]).refused(2, "E-REQ-002");
    alice.json(&["request", "show", &request, "--out", "x"]).refused(4, "E-REQ-005");
    alice.json(&["evidence", "show", "00"]).refused(2, "E-EVI-001");
    sign.close_input();
    sign.end();
}

#[test]
fn socket_is_private_and_a_dead_one_is_in_nobodys_way() {
    let [alice, ..] = treasury();
    let running = alice.up("none");
    let path = alice.home.join("api.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(entries(&alice, "list").len(), 0);
    drop(running);
    assert!(path.exists());
    alice.json(&["request", "list"]).succeeded();
    drop(alice.up("none"));
}

#[test]
fn home_restored_from_a_backup_voids_what_was_open_and_goes_on() {
    let [alice, bob, carol] = treasury();
    let mut others = [bob.up("all")];
    let (mut sign, request) = propose(&alice, "ab", &["--until-stdin-closes"]);
    // Its own yes is kept; nonces are drawn once carol is there.
    sign.wait_for("wait");
    sign.close_input();
    sign.end().refused(4, "E-OWN-002");
    let backup = alice.path("backup");
    copy(&alice.home, &backup);

    // The session is finished after the backup.
    let _carol = carol.up("all");
    let mut again = alice.up("none");
    again.wait_for("kept");
    others[0].wait_for("kept");
    drop(again);

    fs::remove_dir_all(&alice.home).unwrap();
    copy(&backup, &alice.home);
    let mut restored = alice.start(&["up", "--approve", "all", "--accept-note", "blind"]);
    let mut seen = Vec::new();
    let warned = restored.wait_for("warning");
    assert_eq!(warned["code"], "E-STO-004", "{warned}");
    let voided = restored.wait_for("failed");
    assert_eq!(
        (&voided["request"], &voided["code"]),
        (&request.clone().into(), &"E-STO-005".into())
    );
    for _ in 0..2 {
        seen.push(restored.wait_for("connected"));
    }
    drop(restored);
    let history = entries(&alice, "history");
    assert_eq!((history.len(), &history[0]["state"]), (1, &"closed".into()));
    assert_eq!(alice.json(&["nonce", "audit"]).succeeded().last()["violations"], 0);

    // Nothing was open for the others, and new work goes on.
    let (sign, _) = propose(&alice, "cd", &[]);
    sign.end().succeeded();
}

#[test]
fn home_made_of_a_key_backup_never_joins_what_the_lost_one_may_have_joined() {
    let [alice, bob, _carol] = treasury();
    let (backup, passphrase) = (alice.path("backup"), alice.path("passphrase"));
    fs::write(&passphrase, "correct horse battery").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let [backup, passphrase] = [argument(&backup), argument(&passphrase)];
    alice.json(&["key", "backup", backup, "--new-passphrase-file", passphrase]).succeeded();
    let mut lost = alice.up("all");
    let (mut sign, request) = propose(&bob, "ab", &[]);
    // What it has said yes to it may have joined since.
    lost.wait_for("approved");
    drop(lost);
    fs::remove_dir_all(&alice.home).unwrap();

    let from = ["--passphrase-file", passphrase];
    alice.json(&[&["key", "restore", backup][..], &from].concat()).succeeded();
    let mut restored =
        alice.start(&[&["up", "--approve", "all", "--accept-note", "blind"][..], &from].concat());
    let refused = restored.wait_for("failed");
    assert_eq!((&refused["request"], &refused["code"]), (&request.into(), &"E-STO-005".into()));
    // Nobody is blamed, and bob hears who will not sign it.
    let ended = sign.wait_for("failed");
    assert_eq!((&ended["code"], &ended["who"]), (&"E-SES-001".into(), &json!(["alice"])));
    sign.end();
    assert_eq!(bob.json(&["evidence", "list"]).succeeded().lines().len(), 0);
}
