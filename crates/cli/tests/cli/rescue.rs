//! Homes whose files are damaged, moved, copied or readable by others: what is said, and that what
//! it says works.

use std::fs::{self, File, FileTimes, Permissions};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ensign_store::{RedbStore, StoreOptions};
use serde_json::Value;

use crate::ensign::{Running, Signer, argument, blind, copy, treasury};

/// A home whose node has run once.
fn used() -> [Signer; 3] {
    let signers = treasury();
    drop(signers[0].up("none"));
    signers
}

fn says(error: &Value, field: &str, what: &str) {
    assert!(error[field].as_str().unwrap().contains(what), "{what}: {error}");
}

/// Every command that needs the store is refused alike; returns what `up` says.
fn refused(signer: &Signer, exit: i32, code: &str) -> Value {
    for command in [["request", "list"], ["nonce", "audit"], ["evidence", "list"]] {
        signer.json(&command).refused(exit, code);
    }
    signer.json(&["up"]).refused(exit, code)
}

#[test]
fn store_that_others_can_read_is_refused_with_the_command_that_repairs_it() {
    let [alice, ..] = used();
    for file in ["store.redb", "store.mark"] {
        let path = alice.home.join(file);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let error = refused(&alice, 3, "E-HOM-004");
        says(&error, "do", &format!("chmod 600 {}", argument(&path)));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        drop(alice.up("none"));
    }
}

#[test]
fn damaged_store_is_left_alone_and_what_is_advised_works() {
    let [alice, ..] = used();
    let path = alice.home.join("store.redb");
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"my notes"] {
        fs::write(&path, damaged).unwrap();
        let error = refused(&alice, 3, "E-HOM-008");
        says(&error, "do", &format!("mv {} ", argument(&path)));
        says(&error, "do", "leave store.mark");
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
    fs::rename(&path, path.with_extension("redb.damaged")).unwrap();
    let mut again = alice.start(&["up", "--approve", "none"]);
    let warning = again.wait_for("warning");
    assert_eq!(warning["code"], "E-STO-004", "{warning}");
    drop(again);
    // Without the mark nobody knows what was open, so the advice is to wait.
    fs::write(&path, "my notes").unwrap();
    fs::remove_file(alice.home.join("store.mark")).unwrap();
    says(&refused(&alice, 3, "E-HOM-008"), "do", "wait a day");
}

#[test]
fn clock_that_was_set_back_is_told() {
    let [alice, ..] = used();
    let later = SystemTime::now() + Duration::from_secs(3 * 24 * 60 * 60);
    let mark = File::options().write(true).open(alice.home.join("store.mark")).unwrap();
    mark.set_times(FileTimes::new().set_modified(later)).unwrap();
    let warning = alice.start(&["up", "--approve", "none"]).wait_for("warning");
    assert_eq!(warning["code"], "E-HOM-022", "{warning}");
    says(&warning, "what", "2 d 23 h later");
    says(&warning, "do", "keys are safe");
}

#[test]
fn key_that_is_gone_is_named_with_the_way_back() {
    let alice = Signer::init("alice");
    fs::remove_file(alice.home.join("signer.key")).unwrap();
    let error = alice.json(&["contact", "show"]).refused(3, "E-HOM-009");
    says(&error, "what", "signer.key is gone");
    says(&error, "do", "key restore");
    says(&error, "risk", "unless a backup");
}

#[test]
fn line_of_a_setting_that_is_not_understood_is_named() {
    let [alice, ..] = treasury();
    let path = alice.home.join("ensign.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}colour = \"red\"\n")).unwrap();
    let error = alice.json(&["contact", "show"]).refused(3, "E-HOM-005");
    says(&error, "what", &format!("line {}: unknown field", text.lines().count() + 1));
    fs::write(&path, text).unwrap();
    fs::write(alice.home.join("groups/treasury.toml"), "id = 1\n").unwrap();
    let error = alice.json(&["group", "list"]).refused(3, "E-HOM-005");
    says(&error, "what", "line 1: ");
}

#[test]
fn result_is_kept_although_its_folder_is_gone() {
    let [alice, bob, carol] = treasury();
    fs::remove_dir(bob.home.join("signed")).unwrap();
    let mut others = [bob.up("all"), carol.up("all")];
    let message = "ab".repeat(32);
    alice.json(&blind(&message, &[])).succeeded();
    let kept = others[0].wait_for("kept");
    assert_eq!(fs::read(kept["file"].as_str().unwrap()).unwrap().len(), 128);
}

/// Waits for the warning that the store may have missed something; returns what it says.
fn missed(running: &mut Running) -> String {
    let warning = running.wait_for("warning");
    assert_eq!(warning["code"], "E-STO-004", "{warning}");
    warning["what"].as_str().unwrap().to_owned()
}

#[test]
fn home_of_another_machine_runs_only_when_the_other_is_said_to_be_off() {
    let [alice, ..] = treasury();
    for file in ["store.redb", "store.mark"] {
        fs::remove_file(alice.home.join(file)).unwrap();
    }
    let store = StoreOptions { machine: [7; 32], mark: [1; 32], ..StoreOptions::default() };
    drop(RedbStore::open(&alice.home, &store).unwrap());
    let before = files(&alice.home);
    let error = refused(&alice, 7, "E-HOM-020");
    says(&error, "do", "ensign up --moved");
    let message = "ab".repeat(32);
    let sign = blind(&message, &[]);
    alice.json(&sign).refused(7, "E-HOM-020");
    assert!(files(&alice.home) == before, "a refused home was changed");

    let mut moved = alice.start(&["up", "--moved", "--approve", "none"]);
    assert!(missed(&mut moved).contains("from another machine"));
    drop(moved);
    // From now on it is at home here.
    alice.json(&["request", "list"]).succeeded();
}

#[test]
fn home_that_was_copied_without_its_store_says_so_and_refuses_what_is_older() {
    let [alice, ..] = used();
    for file in ["store.redb", "store.mark", "store.lock"] {
        fs::remove_file(alice.home.join(file)).unwrap();
    }
    let mut running = alice.start(&["up", "--approve", "none"]);
    assert!(missed(&mut running).contains("without it"));
    drop(running);
    // A fresh home has one, and does not.
    let bob = Signer::init("bob");
    assert!(bob.home.join("store.redb").exists());
    assert_eq!(bob.json(&["request", "list"]).succeeded().lines().len(), 0);
}

/// The files of a home that may not change, with what is in them.
fn files(home: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let names = ["store.mark", "ensign.toml", "node.key", "signer.key"];
    names.map(|name| (home.join(name), fs::read(home.join(name)).unwrap())).into()
}

#[test]
fn copy_of_a_home_says_so_also_when_its_first_start_failed() {
    let [alice, ..] = used();
    let home = alice.path("copy");
    copy(&alice.home, &home);
    let second = Signer { home, ..Signer::new() };
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    second.json(&["up", "--listen", &address]).refused(8, "E-NET-001");
    // Looking takes nothing away either.
    second.json(&["request", "list"]).succeeded();
    let mut running = second.start(&["up", "--approve", "none", "--listen", "127.0.0.1:0"]);
    assert!(missed(&mut running).contains("or copied"));
}
