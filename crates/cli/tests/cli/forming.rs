//! Three empty homes become a group that all have confirmed, with one code.

use serde_json::Value;

use crate::ensign::{Running, Signer};

/// Alice, bob and carol, each with a home and no group.
fn three() -> [Signer; 3] {
    ["alice", "bob", "carol"].map(Signer::init)
}

/// Alice invites, the others join; returns the processes that go on.
fn gathered([alice, bob, carol]: &[Signer; 3]) -> [Running; 3] {
    let mut alice = alice.start(&["group", "invite", "treasury", "--size", "3"]);
    let invitation = alice.wait_for("invitation");
    let code = invitation["code"].as_str().unwrap();
    assert!(code.starts_with("ensigninvite1"), "{code}");
    let join = |signer: &Signer| signer.start(&["group", "join", code]);
    let (bob, carol) = (join(bob), join(carol));
    [alice, bob, carol]
}

/// Waits until all see the same words, and returns them.
fn compared(running: &mut [Running; 3]) -> String {
    let all = running.each_mut().map(|it| it.wait_for("fingerprint"));
    assert!(all.iter().all(|it| it["fingerprint"] == all[0]["fingerprint"]), "{all:?}");
    let mut members: Vec<&str> =
        all[0]["members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alice", "bob", "carol"]);
    all[0]["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn three_empty_homes_become_a_drilled_group_with_an_address() {
    let homes = three();
    let mut running = gathered(&homes);
    let words = compared(&mut running);
    let [alice, bob, carol] = &homes;
    // Before all have confirmed nothing shows an address.
    let shown = alice.text(&["group", "show", "treasury"]).succeeded().stdout;
    assert!(shown.contains("no address yet") && !shown.contains("bcrt1"), "{shown}");
    alice.json(&["group", "address", "treasury"]).refused(2, "E-GRP-001");
    // What is not the fingerprint confirms nothing.
    let wrong = ["group", "confirm", "treasury", "these", "are", "no", "words", "of", "it"];
    bob.json(&wrong).refused(2, "E-GRP-012");
    for signer in &homes {
        signer.json(&["group", "confirm", "treasury", &words]).succeeded();
    }
    let groups = running.each_mut().map(|it| it.wait_for("group"));
    assert!(groups.iter().all(|it| it["id"] == groups[0]["id"]), "{groups:?}");
    assert!(groups.iter().all(|it| it["fingerprint"] == words.as_str()), "{groups:?}");
    for running in running {
        assert_eq!(running.end().code, 0);
    }

    let before = alice.json(&["group", "address", "treasury"]).succeeded().last();
    assert_eq!((&before["path"], &before["drilled_ms"]), (&"0/0".into(), &Value::Null));
    let text = alice.text(&["group", "address", "treasury"]).succeeded();
    assert!(text.stderr.contains("NEVER DRILLED"), "{text:?}");
    let _others = [bob.up("all"), carol.up("all")];
    alice.json(&["group", "drill", "treasury", "--yes"]).succeeded();
    let after = alice.json(&["group", "address", "treasury", "--new"]).succeeded().last();
    assert_eq!(after["path"], "0/1");
    assert!(after["drilled_ms"].is_u64() && after["address"] != before["address"], "{after}");
    // A node that runs hands them out too, from its own home.
    let other = bob.json(&["group", "address", "treasury"]).succeeded().last();
    assert_eq!(other["address"], before["address"]);
    let other = bob.json(&["group", "address", "treasury", "--new"]).succeeded().last();
    assert_eq!(other["address"], after["address"]);
}
