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

#[test]
fn home_that_calls_itself_by_a_word_of_the_program_invites_nobody() {
    let alice = Signer::init("alice");
    let settings = alice.home.join("ensign.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("\"alice\"", "\"me\"")).unwrap();
    let invite = ["group", "invite", "treasury", "--size", "3"];
    let refused = alice.json(&invite).refused(3, "E-HOM-005");
    assert!(refused.to_string().contains("the name `me` would be read as"), "{refused}");
}

#[test]
fn what_was_interrupted_goes_on_where_a_node_is_up() {
    let homes = three();
    let mut running = gathered(&homes);
    compared(&mut running);
    // All three are killed, as if the power had gone.
    drop(running);
    let mut running = homes.each_ref().map(|signer| signer.up("none"));
    let words = homes.each_ref().map(|signer| {
        loop {
            let shown = signer.json(&["group", "show", "treasury"]).succeeded().last();
            assert_eq!(
                (&shown["event"], &shown["name"]),
                (&"formation".into(), &"treasury".into())
            );
            if let Some(words) = shown["fingerprint"].as_str() {
                break words.to_owned();
            }
        }
    });
    assert!(words.iter().all(|it| *it == words[0]), "{words:?}");
    for signer in &homes {
        signer.json(&["group", "confirm", "treasury", &words[0]]).succeeded();
    }
    for it in &mut running {
        it.wait_for("formed");
    }
    for signer in &homes {
        let shown = loop {
            let shown = signer.json(&["group", "show", "treasury"]).succeeded().last();
            if shown["event"] == "group" {
                break shown;
            }
        };
        assert_eq!(shown["fingerprint"], words[0].as_str());
    }
}

#[test]
fn who_says_no_leaves_no_group_to_anybody() {
    let homes = three();
    let mut running = gathered(&homes);
    compared(&mut running);
    homes[1].json(&["group", "confirm", "treasury", "--refuse"]).succeeded();
    for (signer, running) in homes.iter().zip(running).filter(|(it, _)| it.home != homes[1].home) {
        let ended = running.end();
        let error = ended.lines().pop().unwrap();
        assert_eq!((ended.code, &error["code"]), (5, &"E-GRP-013".into()), "{error}");
        assert!(error["what"].as_str().unwrap().contains("bob does not want it"), "{error}");
        signer.json(&["group", "show", "treasury"]).refused(2, "E-GRP-001");
    }
}

#[test]
fn a_code_that_is_none_or_is_our_own_takes_no_seat() {
    let [alice, bob, _carol] = three();
    let mut inviting = alice.start(&["group", "invite", "pair", "--size", "2"]);
    let code = inviting.wait_for("invitation")["code"].as_str().unwrap().to_owned();
    let changed = format!("{}q", &code[..code.len() - 1]);
    bob.json(&["group", "join", &changed]).refused(2, "E-GRP-015");
    let contact = bob.json(&["group", "join", &alice.code()]).refused(2, "E-GRP-015");
    assert!(contact["what"].as_str().unwrap().contains("a contact code"), "{contact}");
    alice.json(&["group", "join", &code]).refused(2, "E-GRP-011");
}

#[test]
fn a_certificate_that_was_changed_by_hand_is_none() {
    let [alice, bob, _carol] = three();
    let mut inviting = alice.start(&["group", "invite", "pair", "--size", "2"]);
    let code = inviting.wait_for("invitation")["code"].as_str().unwrap().to_owned();
    let mut joining = bob.start(&["group", "join", &code]);
    let words = joining.wait_for("fingerprint")["fingerprint"].as_str().unwrap().to_owned();
    inviting.wait_for("fingerprint");
    for signer in [&alice, &bob] {
        signer.json(&["group", "confirm", "pair", &words]).succeeded();
    }
    inviting.wait_for("group");
    inviting.end();
    let file = alice.home.join("groups/pair.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("certificate = \"").unwrap();
    let flipped = if after.as_bytes()[after.find('"').unwrap() - 1] == b'0' { "1" } else { "0" };
    let end = after.find('"').unwrap();
    let changed =
        format!("{before}certificate = \"{}{flipped}{}", &after[..end - 1], &after[end..]);
    std::fs::write(&file, changed).unwrap();
    let error = alice.json(&["group", "address", "pair"]).refused(3, "E-HOM-005");
    assert!(error["what"].as_str().unwrap().contains("certificate"), "{error}");
    // A group of an earlier version has none, goes on working, and says so.
    let without: String = text
        .lines()
        .filter(|line| !line.starts_with("certificate"))
        .fold(String::new(), |all, line| all + line + "\n");
    std::fs::write(&file, without).unwrap();
    alice.json(&["group", "address", "pair"]).refused(3, "E-GRP-014");
    let shown = alice.text(&["group", "show", "pair"]).succeeded().stdout;
    assert!(shown.contains("NOT CERTIFIED"), "{shown}");
}

#[test]
fn regression_a_group_that_another_refused_could_not_be_left() {
    let homes = three();
    let mut running = gathered(&homes);
    let words = compared(&mut running);
    let [alice, bob, carol] = &homes;
    for signer in [alice, bob] {
        signer.json(&["group", "confirm", "treasury", &words]).succeeded();
    }
    let refused = ["group", "confirm", "treasury", "--refuse"];
    carol.json(&refused).succeeded();
    let late = alice.json(&refused).refused(2, "E-GRP-011");
    assert!(late["do"].as_str().unwrap().contains("group forget treasury"), "{late}");
    let forgotten = alice.text(&["group", "forget", "treasury", "--yes"]).succeeded();
    assert!(forgotten.stderr.contains("your signature is out"), "{}", forgotten.stderr);
    alice.json(&["group", "show", "treasury"]).refused(2, "E-GRP-001");
    // The name is free again.
    let mut again = alice.start(&["group", "invite", "treasury", "--size", "3"]);
    again.wait_for("invitation");
}

/// Confirms a group where all nodes are up, and checks that all have one certificate and one address.
fn confirm_all<const N: usize>(homes: &[&Signer; N], running: &mut [Running; N], group: &str) {
    let words = running.each_mut().map(|it| it.wait_for("fingerprint")["fingerprint"].clone());
    assert!(words.iter().all(|it| *it == words[0]), "{words:?}");
    for signer in homes {
        signer.json(&["group", "address", group]).refused(3, "E-GRP-014");
        let words = words[0].as_str().unwrap();
        signer.json(&["group", "confirm", group, words]).succeeded();
    }
    let addresses = homes.map(|signer| {
        loop {
            let shown = signer.json(&["group", "show", group]).succeeded().last();
            if shown["event"] == "group" && shown["fingerprint"] == words[0] {
                let last = signer.json(&["group", "address", group]).succeeded().last();
                return last["address"].clone();
            }
        }
    });
    assert!(addresses.iter().all(|it| *it == addresses[0]), "{addresses:?}");
}

#[test]
fn pasted_codes_end_in_the_same_certificate_as_an_invitation() {
    let [alice, bob, carol] = three();
    let homes = [&alice, &bob, &carol];
    let codes = homes.map(Signer::code);
    let new = |own: usize| {
        let [first, second] = [(own + 1) % 3, (own + 2) % 3].map(|other| codes[other].as_str());
        let new = ["group", "new", "treasury", "--member", first, "--member", second];
        homes[own].json(&new).succeeded().last()
    };
    // One has a node that runs already, and needs nothing more; so do those that start later.
    let made = new(0);
    assert_eq!((&made["address"], &made["fingerprint"]), (&Value::Null, &Value::Null));
    let first = alice.up("none");
    new(1);
    new(2);
    let mut running = [first, bob.up("none"), carol.up("none")];
    confirm_all(&homes, &mut running, "treasury");
    drop(running);
    // What was confirmed stays.
    for signer in homes {
        assert!(
            signer.json(&["group", "show", "treasury"]).succeeded().last()["fingerprint"]
                .is_string()
        );
    }
}

#[test]
fn group_of_an_earlier_version_is_confirmed_on_demand() {
    let [alice, bob, _carol] = three();
    for (signer, other) in [(&alice, &bob), (&bob, &alice)] {
        signer.json(&["group", "new", "pair", "--member", &other.code()]).succeeded();
        signer.is_of_an_earlier_version("pair");
    }
    let mut running = [alice.up("none"), bob.up("none")];
    for signer in [&alice, &bob] {
        // It begins; that the other must come is said, and no alarm.
        let begun = signer.json(&["group", "confirm", "pair"]);
        assert!([2, 5].contains(&begun.code), "{begun:?}");
    }
    confirm_all(&[&alice, &bob], &mut running, "pair");
}
