//! Keys under a passphrase, and copies of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::ensign::{Signer, argument, blind, treasury};

const PASSPHRASE: &str = "correct horse battery";

/// What an encrypted home begins with.
const HOME_FILES: [&str; 8] = [
    "delegation",
    "ensign.toml",
    "groups",
    "signed",
    "store.lock",
    "store.mark",
    "store.redb",
    "vault.ens",
];

/// Writes a passphrase into a file that only we can read.
fn passphrase(signer: &Signer, name: &str, text: &str) -> PathBuf {
    let path = signer.path(name);
    fs::write(&path, format!("{text}\n")).unwrap();
    private(&path);
    path
}

fn private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A signer whose keys are encrypted, and the file with the passphrase.
fn encrypted(name: &str) -> (Signer, PathBuf) {
    let folder = Signer::new();
    let source = passphrase(&folder, "right", PASSPHRASE);
    let signer = Signer::init_with(name, &["--passphrase-file", argument(&source)]);
    let source = passphrase(&signer, "right", PASSPHRASE);
    (signer, source)
}

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn init_puts_the_keys_into_a_vault_that_shows_public_parts_only() {
    let (alice, _) = encrypted("alice");
    assert_eq!(files(&alice.home), HOME_FILES);
    let vault = alice.home.join("vault.ens");
    assert_eq!(fs::metadata(&vault).unwrap().permissions().mode() & 0o777, 0o600);
    let shown = alice.json(&["key", "show"]).succeeded().last();
    assert_eq!(shown["encrypted"], true);
    assert_eq!(shown["kdf"], "argon2id, 256 MiB, 3 passes, 1 lane");
    let contact = alice.json(&["contact", "show"]).succeeded().last();
    assert_eq!((&contact["node"], &contact["signer"]), (&shown["node"], &shown["signer"]));
    for mode in [0o640, 0o604] {
        fs::set_permissions(&vault, fs::Permissions::from_mode(mode)).unwrap();
        let error = alice.json(&["contact", "show"]).refused(3, "E-HOM-004");
        assert!(error["do"].as_str().unwrap().contains("chmod 600 "), "{error}");
    }
}

#[test]
fn without_a_passphrase_or_somebody_to_ask_no_home_is_made() {
    let alice = Signer::new();
    let error = alice.json(&["init", "--name", "alice"]).refused(3, "E-VLT-009");
    assert!(error["do"].as_str().unwrap().contains("--passphrase-file"), "{error}");
    let short = passphrase(&alice, "short", "seven 7");
    let init = ["init", "--name", "alice", "--passphrase-file", argument(&short)];
    alice.json(&init).refused(2, "E-VLT-011");
    fs::set_permissions(&short, fs::Permissions::from_mode(0o644)).unwrap();
    let error = alice.json(&init).refused(2, "E-VLT-010");
    assert!(error["do"].as_str().unwrap().contains("chmod 600 "), "{error}");
    assert!(!alice.home.exists());
}

#[test]
fn encrypted_homes_sign_with_the_passphrase_from_each_source() {
    let [alice, bob, carol] = treasury();
    let source = passphrase(&alice, "right", PASSPHRASE);
    let from_file = ["--passphrase-file", argument(&source)];
    for signer in [&alice, &bob, &carol] {
        let encrypt = [&["key", "encrypt"][..], &from_file].concat();
        let done = signer.json(&encrypt).succeeded().last();
        assert_eq!(done["removed"].as_array().unwrap().len(), 2);
        assert!(!signer.home.join("signer.key").exists());
    }
    alice.json(&["up"]).refused(3, "E-VLT-009");
    let wrong = passphrase(&alice, "wrong", "correct horse batterie");
    let error = alice.json(&["up", "--passphrase-file", argument(&wrong)]);
    error.refused(3, "E-VLT-001");

    let credentials = alice.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::copy(&source, credentials.join("ensign-passphrase")).unwrap();
    let variable = ("CREDENTIALS_DIRECTORY", argument(&credentials));
    let mut bob = bob.start_in(&["up", "--approve", "all", "--accept-note", "blind"], &[variable]);
    bob.wait_for("up");
    // The pipe that is its standard input.
    let mut carol =
        carol.start(&["up", "--approve", "all", "--accept-note", "blind", "--passphrase-fd", "0"]);
    carol.type_line(PASSPHRASE);
    carol.close_input();
    carol.wait_for("up");
    let message = "ab".repeat(32);
    let sign = blind(&message, &[]);
    alice.json(&[&sign[..], &from_file].concat()).succeeded();
}

#[test]
fn an_interrupted_encryption_is_finished_and_never_loses_a_key() {
    let alice = Signer::init("alice");
    let keys = ["node.key", "signer.key"].map(|name| fs::read(alice.home.join(name)).unwrap());
    let shown = alice.json(&["key", "show"]).succeeded().last();
    let source = passphrase(&alice, "right", PASSPHRASE);
    let encrypt = ["key", "encrypt", "--passphrase-file", argument(&source)];
    alice.json(&encrypt).succeeded();
    alice.json(&encrypt).refused(2, "E-VLT-012");
    // As if the process had ended before it removed the second file.
    let left = alice.home.join("signer.key");
    fs::write(&left, &keys[1]).unwrap();
    private(&left);
    let again = alice.json(&encrypt).succeeded().last();
    assert_eq!(again["removed"].as_array().unwrap().len(), 1);
    let after = alice.json(&["key", "show"]).succeeded().last();
    assert_eq!((&after["node"], &after["signer"]), (&shown["node"], &shown["signer"]));
    // Another key is not removed.
    fs::write(&left, &keys[0]).unwrap();
    private(&left);
    alice.json(&encrypt).refused(3, "E-HOM-005");
    assert_eq!(fs::read(&left).unwrap(), keys[0]);
}

#[test]
fn a_changed_passphrase_replaces_the_old_one() {
    let (alice, old) = encrypted("alice");
    let new = passphrase(&alice, "new", "another passphrase");
    let (old, new) = (argument(&old), argument(&new));
    let change = ["key", "passphrase", "--passphrase-file", old, "--new-passphrase-file", new];
    alice.json(&change).succeeded();
    let copy = alice.path("backup");
    let backup = ["key", "backup", argument(&copy), "--passphrase-file"];
    alice.json(&[&backup[..], &[old]].concat()).refused(3, "E-VLT-001");
    assert!(!copy.exists());
    alice.json(&[&backup[..], &[new]].concat()).succeeded();
    let plain = Signer::init("bob");
    plain.json(&change).refused(3, "E-VLT-013");
}

#[test]
fn a_backup_is_drilled_and_becomes_a_home_with_groups_and_without_a_store() {
    let [alice, bob, _carol] = treasury();
    // So that there is a store that must not come back.
    drop(alice.up("none"));
    let mut before = files(&alice.home);
    let source = passphrase(&alice, "own", PASSPHRASE);
    let backup = alice.path("backup.ens");
    let (file, source) = (argument(&backup), argument(&source));
    let make = ["key", "backup", file, "--new-passphrase-file", source];
    let made = alice.json(&make).succeeded().last();
    assert_eq!(made["groups"], serde_json::json!(["treasury"]));
    // Before anybody types a passphrase, and without touching what is there.
    let error = alice.json(&["key", "backup", file]).refused(3, "E-VLT-008");
    assert!(error["what"].as_str().unwrap().ends_with("backup.ens exists already"), "{error}");

    let drill = ["key", "drill", file, "--passphrase-file", source];
    let bytes = fs::read(&backup).unwrap();
    let drilled = alice.json(&drill).succeeded().last();
    assert_eq!(
        (&drilled["signer"], &drilled["written_ms"]),
        (&made["signer"], &made["written_ms"])
    );
    // Only when it was read back.
    before.push("backup.toml".into());
    before.sort();
    assert_eq!((fs::read(&backup).unwrap(), files(&alice.home)), (bytes, before));
    let error = bob.json(&drill).refused(3, "E-VLT-014");
    assert!(error["what"].as_str().unwrap().contains("`alice`"), "{error}");
    // A group that was formed later is not in it.
    alice.json(&["group", "new", "pair", "--member", &bob.code()]).succeeded();
    let drilled = alice.json(&drill).succeeded().last();
    assert_eq!(drilled["missing_groups"], serde_json::json!(["pair"]));

    let restore = ["key", "restore", file, "--passphrase-file", source];
    let error = alice.json(&restore).refused(2, "E-HOM-002");
    assert!(error["do"].as_str().unwrap().contains("--home NEW key restore"), "{error}");
    let damaged = alice.path("damaged.ens");
    let mut bytes = fs::read(&backup).unwrap();
    bytes[200] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let drill_damaged = ["key", "drill", argument(&damaged)];
    let error = alice.json(&drill_damaged).refused(3, "E-VLT-020");
    assert!(error["do"].as_str().unwrap().contains("make a new one"), "{error}");
    let again = Signer::new();
    again.json(&restore).succeeded();
    // Its first start makes a delegation with a higher number.
    assert_eq!(files(&again.home), HOME_FILES[1..]);
    // The code of a node that was started carries its delegation besides.
    let own = |signer: &Signer| {
        let shown = signer.json(&["contact", "show"]).succeeded().last();
        [&shown["node"], &shown["signer"], &shown["name"]].map(ToString::to_string)
    };
    assert_eq!(own(&again), own(&alice));
    let group = |signer: &Signer| {
        let shown = signer.json(&["group", "show", "treasury"]).succeeded().last();
        shown["id"].clone()
    };
    assert_eq!(group(&again), group(&alice));
    let mut up = again.start(&["up", "--approve", "none", "--passphrase-file", source]);
    up.wait_for("up");
}

#[test]
fn damaged_foreign_and_newer_files_are_told_apart() {
    let (alice, source) = encrypted("alice");
    let vault = alice.home.join("vault.ens");
    let whole = fs::read(&vault).unwrap();
    let check = |bytes: &[u8], exit, code| {
        fs::write(&vault, bytes).unwrap();
        alice.json(&["contact", "show"]).refused(exit, code);
    };
    let mut flipped = whole.clone();
    flipped[200] ^= 1;
    check(&flipped, 3, "E-VLT-002");
    check(&whole[..100], 3, "E-VLT-002");
    check(b"", 3, "E-VLT-002");
    check(b"-----BEGIN AGE ENCRYPTED FILE-----", 2, "E-VLT-004");
    fs::write(&vault, &whole).unwrap();
    // The vault of a home is no backup.
    let drill = ["key", "drill", argument(&vault), "--passphrase-file", argument(&source)];
    alice.json(&drill).refused(2, "E-VLT-015");
}

#[test]
fn a_vault_that_cannot_be_written_leaves_the_home_as_it_was() {
    let (alice, source) = encrypted("alice");
    let before = fs::read(alice.home.join("vault.ens")).unwrap();
    let nowhere = alice.path("no/such/folder/backup");
    let source = argument(&source);
    let backup = ["key", "backup", argument(&nowhere), "--passphrase-file", source];
    alice.json(&backup).refused(3, "E-VLT-008");
    assert_eq!(fs::read(alice.home.join("vault.ens")).unwrap(), before);
    assert_eq!(files(&alice.home), HOME_FILES);
}

#[test]
fn regression_one_passphrase_in_two_unicode_forms_was_two() {
    let alice = Signer::new();
    let [composed, apart, marked, typed] = [
        ("composed", "caf\u{e9}-caf\u{e9}"),
        ("apart", "cafe\u{301}-cafe\u{301}"),
        ("marked", "\u{feff}cafe-cafe\r"),
        ("typed", "cafe-cafe"),
    ]
    .map(|(name, text)| passphrase(&alice, name, text));
    let init = |signer: &Signer, source: &Path| {
        let init = ["init", "--name", "alice", "--network", "regtest", "--listen", "127.0.0.1:0"];
        let source = ["--passphrase-file", argument(source)];
        signer.text(&[&init[..], &source].concat()).succeeded().stderr
    };
    let drill = |signer: &Signer, source: &Path| {
        let file = signer.path("backup");
        let source = ["--passphrase-file", argument(source)];
        signer.text(&[&["key", "backup", argument(&file)][..], &source].concat())
    };
    assert!(!init(&alice, &composed).contains("warning"));
    let made = drill(&alice, &apart).succeeded();
    assert!(made.stderr.contains("fits with its accents composed (NFC)"), "{}", made.stderr);
    // ASCII has one form: nothing else is tried.
    let wrong = drill(&Signer { home: alice.home.clone(), ..Signer::new() }, &typed);
    assert!(wrong.stderr.contains("E-VLT-001") && !wrong.stderr.contains("trying"), "{wrong:?}");

    let bob = Signer::new();
    assert!(init(&bob, &marked).contains("begins with an invisible mark"));
    drill(&bob, &typed).succeeded();
    let carol = Signer::new();
    assert!(init(&carol, &apart).contains("accents that stand apart"));
}

#[test]
fn retired_node_is_another_one_under_the_same_key_and_the_groups_stay() {
    let [alice, ..] = treasury();
    for home in [alice, encrypted("erin").0] {
        let args: &[&str] = &[];
        let source = home.path("right");
        let source = ["--passphrase-file", argument(&source)];
        let args = if home.home.join("vault.ens").exists() { &source[..] } else { args };
        let before = home.json(&["key", "show"]).succeeded().last();
        let is_member = args.is_empty();
        let group = || home.json(&["group", "list"]).succeeded().last()["id"].clone();
        let groups = is_member.then(group);
        let told = home.json(&[&["key", "retire-node"], args].concat()).succeeded().last();
        let after = home.json(&["key", "show"]).succeeded().last();
        assert_eq!((&told["from"], &told["node"]), (&before["node"], &after["node"]));
        assert_ne!(before["node"], after["node"]);
        assert_eq!(before["signer"], after["signer"]);
        assert_eq!(is_member.then(group), groups);
    }
}
