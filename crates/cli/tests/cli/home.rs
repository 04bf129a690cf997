//! Homes, contact codes and groups.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::ensign::{Signer, treasury};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_a_private_home_and_says_that_keys_are_not_encrypted() {
    let alice = Signer::new();
    let made = alice
        .text(&["init", "--name", "alice", "--network", "regtest", "--no-passphrase"])
        .succeeded();
    assert!(made.stdout.contains("NOT encrypted"), "{}", made.stdout);
    assert_eq!(made.stderr, "");
    assert_eq!(mode(&alice.home), 0o700);
    for file in ["node.key", "signer.key", "ensign.toml"] {
        assert_eq!(mode(&alice.home.join(file)), 0o600, "{file}");
    }
    assert!(made.stdout.ends_with(&format!("{}\n", alice.code())));
    for key in ["node.key", "signer.key"] {
        let secret = fs::read_to_string(alice.home.join(key)).unwrap();
        assert!(!made.stdout.contains(secret.trim()), "{key} was printed");
    }
}

#[test]
fn without_a_name_a_signer_is_called_as_its_user_is() {
    for (user, called) in [("mallory", Some("mallory")), ("a b", None)] {
        let signer = Signer::new();
        let init = ["init", "--network", "regtest", "--no-passphrase"];
        let ended = signer.start_in(&init, &[("USER", user), ("LOGNAME", "a b")]).end();
        match called {
            Some(name) => assert_eq!(ended.succeeded().last()["name"], name),
            None => drop(ended.refused(2, "E-CON-005")),
        }
    }
}

#[test]
fn an_existing_home_is_refused_and_left_alone() {
    let alice = Signer::init("alice");
    let key = fs::read(alice.home.join("signer.key")).unwrap();
    alice.json(&["init", "--name", "alice"]).refused(2, "E-HOM-002");
    assert_eq!(fs::read(alice.home.join("signer.key")).unwrap(), key);
    assert_eq!(fs::read_dir(alice.home.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn an_empty_folder_becomes_a_private_home() {
    let alice = Signer::new();
    fs::create_dir(&alice.home).unwrap();
    alice.json(&["init", "--name", "alice", "--no-passphrase"]).succeeded();
    assert_eq!(mode(&alice.home), 0o700);
}

#[test]
fn names_that_could_mislead_are_refused() {
    let alice = Signer::new();
    for name in ["", "../alice", "alice (bob)", "al\u{202e}ice"] {
        alice.json(&["init", "--name", name]).refused(2, "E-CON-005");
    }
    assert!(!alice.home.exists());
}

#[test]
fn three_homes_see_the_same_group_whatever_the_order() {
    let signers = ["alice", "bob", "carol"].map(Signer::init);
    let codes: Vec<_> = signers.iter().map(Signer::code).collect();
    let mut seen = Vec::new();
    for (own, signer) in signers.iter().enumerate() {
        let mut arguments = vec!["group", "new", "treasury"];
        // Alice names her own code too, the others do not.
        for other in (0..3).rev().filter(|other| own == 0 || *other != own) {
            arguments.extend(["--member", codes[other].as_str()]);
        }
        let formed = signer.json(&arguments).succeeded().last();
        assert_eq!(formed["members"].as_array().unwrap().len(), 3);
        let listed = signer.json(&["group", "list"]).succeeded().last();
        let shown = signer.json(&["group", "show", "treasury"]).succeeded().last();
        for again in [&listed, &shown] {
            assert_eq!(again["id"], formed["id"]);
        }
        // Before all have confirmed it nobody is told an address.
        for of in ["address", "descriptor"] {
            let more = ["group", of, "treasury"];
            signer.json(&more).refused(3, "E-GRP-014");
            signer.json(&[&more[..], &["--uncertified"]].concat()).refused(3, "E-GRP-014");
            let all = [listed.clone(), shown.clone(), formed.clone()];
            assert!(!all.iter().any(|it| it.to_string().contains("bcrt1")), "{all:?}");
        }
        signer.is_of_an_earlier_version("treasury");
        signer.json(&["group", "address", "treasury"]).refused(3, "E-GRP-014");
        let shown = ["group", "descriptor", "treasury", "--uncertified"];
        let shown = signer.json(&shown).succeeded().last();
        seen.push((formed["id"].clone(), shown["address"].clone()));
    }
    assert!(seen[0].1.as_str().unwrap().starts_with("bcrt1p"));
    assert!(seen.iter().all(|group| *group == seen[0]), "{seen:?}");
}

#[test]
fn a_group_is_formed_once() {
    let [alice, bob, carol] = treasury();
    let (bob, carol) = (bob.code(), carol.code());
    let form = |name: &str, members: &[&str]| {
        let mut arguments = vec!["group", "new", name];
        members.iter().for_each(|member| arguments.extend(["--member", member]));
        alice.json(&arguments)
    };
    form("treasury", &[&bob]).refused(2, "E-GRP-002");
    let same = form("other", &[&carol, &bob]).refused(2, "E-GRP-006");
    assert!(same["what"].as_str().unwrap().contains("treasury"), "{same}");
    form("other", &[&bob]).succeeded();
}

#[test]
fn a_code_that_was_not_copied_completely_is_refused() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let code = bob.code();
    let changed = code.replace(&code[20..21], if &code[20..21] == "q" { "p" } else { "q" });
    for wrong in [&code[..code.len() - 1], &changed, "bob", ""] {
        alice.json(&["group", "new", "g", "--member", wrong]).refused(2, "E-CON-001");
    }
    alice.json(&["group", "show", "g"]).refused(2, "E-GRP-001");
}

#[test]
fn a_code_of_another_network_is_refused_with_its_owner() {
    let (alice, bob) = (Signer::init("alice"), Signer::new());
    bob.json(&["init", "--name", "bob", "--network", "bitcoin", "--no-passphrase"]).succeeded();
    let error = alice.json(&["group", "new", "g", "--member", &bob.code()]).refused(2, "E-CON-002");
    assert_eq!(error["who"][0], "bob");
}

#[test]
fn a_member_that_stands_twice_is_named() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let bob = bob.code();
    let arguments = ["group", "new", "g", "--member", &bob, "--member", &bob];
    let error = alice.json(&arguments).refused(2, "E-GRP-003");
    assert_eq!(error["who"][0], "bob");
    let own = alice.code();
    alice.json(&["group", "new", "g", "--member", &own]).refused(2, "E-GRP-004");
}

#[test]
fn a_home_that_others_can_read_is_refused_with_the_command_that_repairs_it() {
    let alice = Signer::init("alice");
    for (file, wrong, right) in [("", 0o750, 0o700), ("signer.key", 0o604, 0o600)] {
        let path = alice.home.join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(wrong)).unwrap();
        let error = alice.json(&["contact", "show"]).refused(3, "E-HOM-004");
        let advice = error["do"].as_str().unwrap();
        assert!(advice.contains(&format!("chmod {right:o} ")), "{advice}");
        fs::set_permissions(&path, fs::Permissions::from_mode(right)).unwrap();
        alice.json(&["contact", "show"]).succeeded();
    }
}

#[test]
fn a_missing_or_damaged_home_is_told_apart() {
    let alice = Signer::new();
    alice.json(&["contact", "show"]).refused(3, "E-HOM-001");
    let alice = Signer::init("alice");
    fs::write(alice.home.join("signer.key"), "00").unwrap();
    let error = alice.json(&["contact", "show"]).refused(3, "E-HOM-005");
    assert!(error["what"].as_str().unwrap().contains("signer.key"), "{error}");
    fs::write(alice.home.join("ensign.toml"), "name = 1").unwrap();
    alice.json(&["contact", "show"]).refused(3, "E-HOM-005");
}

#[test]
fn a_group_file_that_was_changed_is_refused() {
    let [alice, ..] = treasury();
    let path = alice.home.join("groups/treasury.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once("id = \"").unwrap();
    let digit = if after.starts_with('0') { '1' } else { '0' };
    let changed = format!("{before}id = \"{digit}{}", &after[1..]);
    fs::write(&path, changed).unwrap();
    alice.json(&["group", "show", "treasury"]).refused(3, "E-HOM-005");
}

#[test]
fn a_home_that_another_process_uses_is_refused_with_its_id() {
    let [alice, bob, _carol] = treasury();
    let running = alice.up("none");
    // Whatever needs the home to itself; everything else asks the process.
    let error = alice.json(&["up"]).refused(3, "E-HOM-003");
    let what = error["what"].as_str().unwrap();
    assert!(what.contains(&format!("process {} ", running.id())), "{what}");
    assert!(error["do"].as_str().unwrap().contains("ensign status"), "{error}");
    alice.json(&["status"]).succeeded();
    // Reading is for everybody.
    alice.json(&["contact", "show"]).succeeded();
    drop(running);
    alice.json(&["group", "new", "two", "--member", &bob.code()]).succeeded();
}
