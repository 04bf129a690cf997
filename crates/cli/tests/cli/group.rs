//! Changing, renaming and forgetting groups.

use std::fs;

use crate::ensign::{Signer, argument, treasury};
use crate::money::{coin, psbt};

/// Moves a signer to another port, and returns its new code.
fn moved(signer: &Signer) -> String {
    let path = signer.home.join("ensign.toml");
    let text = fs::read_to_string(&path).unwrap();
    let listen = text.lines().find(|line| line.starts_with("listen")).unwrap();
    fs::write(&path, text.replace(listen, "listen = \"127.0.0.1:45454\"")).unwrap();
    signer.code()
}

fn addresses(signer: &Signer, member: &str) -> Vec<String> {
    let shown = signer.json(&["group", "show", "treasury"]).succeeded().last();
    let members = shown["members"].as_array().unwrap();
    let member = members.iter().find(|it| it["name"] == member).unwrap();
    member["addresses"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().into()).collect()
}

#[test]
fn regression_no_command_took_the_new_address_of_a_member() {
    let [alice, bob, carol] = treasury();
    let new = moved(&bob);
    let again = ["group", "new", "g", "--member", &new, "--member", &carol.code()];
    let refused = alice.json(&again).refused(2, "E-GRP-006");
    let advice = refused["do"].as_str().unwrap();
    assert!(advice.contains("ensign group update treasury --member"), "{advice}");
    assert_eq!(refused["who"][0], "bob");
    let updated = alice.json(&["group", "update", "treasury", "--member", &new]).succeeded().last();
    assert!(updated["notes"][0].as_str().unwrap().contains("127.0.0.1:45454"), "{updated}");
    assert_eq!(addresses(&alice, "bob"), ["127.0.0.1:45454"]);
    let same = alice.json(&["group", "update", "treasury", "--member", &new]).succeeded().last();
    assert!(same["notes"][0].as_str().unwrap().contains("no new addresses"), "{same}");
}

#[test]
fn the_same_group_with_new_addresses_is_updated() {
    let [alice, bob, carol] = treasury();
    let (old, new, carol) = (bob.code(), moved(&bob), carol.code());
    let form = |code: &str| {
        alice.json(&["group", "new", "treasury", "--member", code, "--member", &carol])
    };
    let updated = form(&new).succeeded().last();
    let notes = updated["notes"].to_string();
    assert!(notes.contains("it was updated") && notes.contains("127.0.0.1:45454"), "{notes}");
    assert_eq!(addresses(&alice, "bob"), ["127.0.0.1:45454"]);
    form(&new).refused(2, "E-GRP-006");
    // Through a node that runs, too.
    let _up = alice.up("none");
    form(&old).succeeded();
    assert_ne!(addresses(&alice, "bob"), ["127.0.0.1:45454"]);
}

#[test]
fn regression_a_signer_was_called_you() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let code = bob.code();
    for name in ["you", "Me", "a11", "nobody"] {
        let member = format!("{name}={code}");
        alice.json(&["group", "new", "g", "--member", &member]).refused(2, "E-CON-005");
        let fresh = Signer::new();
        fresh.json(&["init", "--name", name, "--no-passphrase"]).refused(2, "E-CON-005");
    }
    // One that was made otherwise is given a name here.
    let path = bob.home.join("ensign.toml");
    let settings = fs::read_to_string(&path).unwrap();
    fs::write(&path, settings.replace("\"bob\"", "\"You\"")).unwrap();
    bob.json(&["contact", "show"]).refused(3, "E-HOM-005");
    alice.json(&["group", "new", "all", "--member", &code]).refused(2, "E-CON-005");
    alice.json(&["group", "new", "g", "--member", &code]).succeeded();
}

#[test]
fn a_code_with_other_keys_is_no_update() {
    let [alice, ..] = treasury();
    let dave = Signer::init("dave");
    let update = |code: &str| alice.json(&["group", "update", "treasury", "--member", code]);
    update(&dave.code()).refused(2, "E-GRP-008");
    let own = update(&alice.code()).refused(2, "E-GRP-008");
    assert!(own["what"].as_str().unwrap().contains("your own"), "{own}");
    alice.json(&["group", "update", "nogroup", "--member", &dave.code()]).refused(2, "E-GRP-001");
}

#[test]
fn a_signer_key_with_another_node_is_a_new_member() {
    let [alice, bob, carol] = treasury();
    let dave = Signer::init("dave");
    fs::copy(dave.home.join("node.key"), bob.home.join("node.key")).unwrap();
    let code = bob.code();
    let refused =
        alice.json(&["group", "update", "treasury", "--member", &code]).refused(2, "E-GRP-007");
    assert!(refused["what"].as_str().unwrap().contains("signer key of bob, but another node"));
    let again = ["group", "new", "g", "--member", &code, "--member", &carol.code()];
    alice.json(&again).refused(2, "E-GRP-007");
    // And a node with another signer key.
    fs::copy(dave.home.join("signer.key"), carol.home.join("signer.key")).unwrap();
    let code = carol.code();
    let refused =
        alice.json(&["group", "update", "treasury", "--member", &code]).refused(2, "E-GRP-007");
    assert!(refused["what"].as_str().unwrap().contains("node of carol, but another signer key"));
}

#[test]
fn a_group_is_renamed_and_forgotten() {
    let [alice, ..] = treasury();
    let id = alice.json(&["group", "show", "treasury"]).succeeded().last()["id"].clone();
    let renamed = alice.json(&["group", "rename", "treasury", "coffer"]).succeeded().last();
    assert_eq!((&renamed["group"], &renamed["id"]), (&"coffer".into(), &id));
    alice.json(&["group", "show", "treasury"]).refused(2, "E-GRP-001");
    alice.json(&["group", "rename", "coffer", "../x"]).refused(2, "E-CON-005");
    let same = alice.json(&["group", "rename", "coffer", "coffer"]).refused(2, "E-GRP-002");
    assert_eq!(same["what"], "the group is called `coffer` already");

    // Nobody can be asked.
    let ended = alice.json(&["group", "forget", "coffer"]);
    let refused = ended.refused(2, "E-GRP-010");
    assert!(refused["do"].as_str().unwrap().contains("--yes"), "{refused}");
    let forgotten = alice.text(&["group", "forget", "coffer", "--yes"]).succeeded();
    assert!(forgotten.stderr.contains("can be moved only when all 3"), "{}", forgotten.stderr);
    assert_eq!(forgotten.stdout, "forgot group coffer\n");
    assert_eq!(alice.json(&["group", "list"]).succeeded().stdout, "");
    let kept: Vec<_> = fs::read_dir(alice.home.join("groups")).unwrap().collect();
    let name = kept[0].as_ref().unwrap().file_name().into_string().unwrap();
    assert!(name.starts_with("coffer.") && name.ends_with(".forgotten"), "{name}");
}

#[test]
fn names_are_the_users_and_none_looks_like_another() {
    let [alice, bob, b0b] = ["alice", "bob", "B0B"].map(Signer::init);
    let (bob, b0b) = (bob.code(), b0b.code());
    let new = |name: &str, members: &[&str]| {
        let mut arguments = vec!["group", "new", name];
        members.iter().for_each(|member| arguments.extend(["--member", member]));
        alice.json(&arguments)
    };
    let refused = new("g", &[&bob, &b0b]).refused(2, "E-CON-006");
    assert!(refused["what"].as_str().unwrap().contains("which looks like"), "{refused}");
    assert!(refused["do"].as_str().unwrap().contains("--member NAME=CODE"), "{refused}");
    let formed = new("g", &[&bob, &format!("other-bob={b0b}")]).succeeded().last();
    let members = formed["members"].as_array().unwrap();
    let other = members.iter().find(|it| it["name"] == "other-bob").unwrap();
    assert_eq!(other["calls_itself"], "B0B");
    // In the home, not only in the group; and a name once given is used again.
    new("h", &[&b0b]).succeeded();
    let shown = alice.text(&["group", "show", "h"]).succeeded().stdout;
    assert!(shown.contains("other-bob") && shown.contains("(calls itself B0B)"), "{shown}");
    let impostor = Signer::init("Al1ce");
    new("i", &[&impostor.code()]).refused(2, "E-CON-006");
}

#[test]
fn own_and_double_codes_are_told() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let (own, bob) = (alice.code(), bob.code());
    let alone = alice.json(&["group", "new", "g", "--member", &own]).refused(2, "E-GRP-004");
    assert!(alone["what"].as_str().unwrap().contains("the only code is your own"), "{alone}");
    let twice = ["group", "new", "g", "--member", &bob, "--member", &bob];
    let twice = alice.json(&twice).refused(2, "E-GRP-003");
    assert_eq!(twice["who"].as_array().unwrap(), &["bob"]);
    let [one, other] = ["bob", "bob2"].map(|name| format!("{name}={bob}"));
    let twice = alice.json(&["group", "new", "g", "--member", &one, "--member", &other]);
    let twice = twice.refused(2, "E-GRP-003");
    assert_eq!(twice["what"], "one code was given twice, as bob and as bob2");
    let formed = alice.json(&["group", "new", "g", "--member", &bob, "--member", &own]).succeeded();
    assert!(formed.last()["notes"][0].as_str().unwrap().contains("code 2 is your own"));
}

#[test]
fn a_group_file_edited_by_hand_is_refused_with_its_line() {
    let [alice, ..] = treasury();
    let path = alice.home.join("groups/treasury.toml");
    let good = fs::read_to_string(&path).unwrap();
    let first = good.lines().find(|line| line.contains("ensign1")).unwrap().to_owned();
    let id = good.lines().find(|line| line.starts_with("id = ")).unwrap();
    let digit = if id.contains("\"0") { "\"1" } else { "\"0" };
    for (text, what, hint) in [
        (format!("{good}membres = []\n"), "unknown field `membres`", "did you mean `members`"),
        (good.replace(&first, &format!("{first}\n{first}")), "stands here twice", "remove"),
        (good.replace(&first, ""), "its members do not give this id", "its id is to be"),
        (good.replace(id, &id.replace(&id[5..7], digit)), "line 2: its members do not", "backup"),
        (
            good.replace("bcrt1p", "bcrt1q"),
            "line 3: its members do not give this address",
            "pay nothing",
        ),
        (good.replace("ensign1", "ensign1b"), "line 5: character 8 is `b`", "correct that line"),
    ] {
        fs::write(&path, text).unwrap();
        let refused = alice.json(&["group", "show", "treasury"]).refused(3, "E-HOM-005");
        let seen = refused["what"].as_str().unwrap();
        assert!(seen.contains("treasury.toml, line ") && seen.contains(what), "{what}: {seen}");
        assert!(refused["do"].as_str().unwrap().contains(hint), "{refused}");
    }
    fs::write(&path, &good).unwrap();
    alice.json(&["group", "show", "treasury"]).succeeded();
    let copy = alice.home.join("groups/vault.toml");
    fs::write(&copy, good).unwrap();
    let refused = alice.json(&["group", "list"]).refused(3, "E-HOM-005");
    let seen = refused["what"].as_str().unwrap();
    assert!(seen.contains("vault.toml, line 1: it is the same group as treasury"), "{seen}");
    // No home could be made of such a backup.
    let backup = alice.path("backup.ens");
    alice.json(&["key", "backup", argument(&backup)]).refused(3, "E-HOM-005");
    assert!(!backup.exists());
}

#[test]
fn a_group_with_open_requests_is_not_forgotten() {
    let [alice, ..] = treasury();
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let mut sign = alice.start(&["sign", "--yes", argument(&tx), "--group", "treasury"]);
    sign.wait_for("proposed");
    drop(sign);
    let refused = alice.json(&["group", "forget", "treasury", "--yes"]).refused(3, "E-GRP-009");
    assert!(refused["what"].as_str().unwrap().contains("open requests: #"), "{refused}");
    alice.json(&["group", "show", "treasury"]).succeeded();
}

#[test]
fn a_group_of_more_than_16_is_warned_of() {
    let all: Vec<_> = (0..17).map(|number| Signer::init(&format!("n{number}x"))).collect();
    let codes: Vec<_> = all[1..].iter().map(Signer::code).collect();
    let mut arguments = vec!["group", "new", "g"];
    codes.iter().for_each(|code| arguments.extend(["--member", code]));
    let notes = all[0].json(&arguments).succeeded().last()["notes"].clone();
    assert!(notes[0].as_str().unwrap().contains("17 members must all be there"), "{notes}");
}
