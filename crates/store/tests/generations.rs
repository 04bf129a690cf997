//! Backups, copies and moves are told from a store that goes on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

use ensign_primitives::UnixTime;
use ensign_store::{
    Batch, OnMove, OpenError, Opening, Place, RedbStore, Store, StoreOptions,
    medium::{FaultDisk, Restore},
};

fn open(disk: &FaultDisk, mark: u8) -> (RedbStore, Opening) {
    let options = StoreOptions { mark: [mark; 32], ..StoreOptions::default() };
    RedbStore::open_on(disk.clone(), &options).unwrap()
}

fn commit(store: &mut RedbStore) {
    let mut batch = Batch::new(UnixTime::default());
    batch.put(Place::meta("name"), b"value").unwrap();
    store.commit(&batch).unwrap();
}

#[test]
fn backup_of_an_earlier_generation_is_a_rollback() {
    let disk = FaultDisk::new([0; 32]);
    drop(open(&disk, 1));
    let backup = disk.copy();
    drop(open(&disk, 2));
    disk.restore(&backup, Restore::Data);
    let (_, opening) = open(&disk, 3);
    assert_eq!(opening, Opening::RolledBack { store_epoch: 1, seen_epoch: Some(2) });
}

#[test]
fn backup_of_the_same_generation_is_a_rollback_once_something_was_committed_after_it() {
    let disk = FaultDisk::new([0; 32]);
    let (mut store, _) = open(&disk, 1);
    commit(&mut store);
    drop(store);
    let backup = disk.copy();
    disk.restore(&backup, Restore::Data);
    let (mut store, opening) = open(&disk, 2);
    assert_eq!(opening, Opening::Continued, "a backup of what is there changes nothing");
    let backup = disk.copy();
    commit(&mut store);
    drop(store);
    disk.restore(&backup, Restore::Data);
    let (_, opening) = open(&disk, 3);
    assert_eq!(opening, Opening::RolledBack { store_epoch: 2, seen_epoch: Some(2) });
}

#[test]
fn backup_of_all_files_is_seen_as_copies() {
    let disk = FaultDisk::new([0; 32]);
    drop(open(&disk, 1));
    let backup = disk.copy();
    disk.restore(&backup, Restore::Everything);
    assert_eq!(open(&disk, 2).1, Opening::Copied);
}

#[test]
fn store_that_is_gone_while_its_mark_is_there_is_a_rollback() {
    let disk = FaultDisk::new([0; 32]);
    drop(open(&disk, 1));
    let backup = ensign_store::medium::Backup { data: None, ..disk.copy() };
    disk.restore(&backup, Restore::Data);
    let (_, opening) = open(&disk, 2);
    assert_eq!(opening, Opening::RolledBack { store_epoch: 0, seen_epoch: Some(1) });
}

#[test]
fn what_was_found_is_found_again_until_it_is_acknowledged() {
    let disk = FaultDisk::new([0; 32]);
    drop(open(&disk, 1));
    let backup = disk.copy();
    drop(open(&disk, 2));
    disk.restore(&backup, Restore::Data);
    let found = open(&disk, 3).1;
    assert!(found.may_have_missed());
    let (mut store, again) = open(&disk, 4);
    assert_eq!(again, found);
    store.acknowledge().unwrap();
    commit(&mut store);
    drop(store);
    assert_eq!(open(&disk, 5).1, Opening::Continued);
}

#[test]
fn crash_while_a_rollback_is_found_does_not_forget_it() {
    let prepare = || {
        let disk = FaultDisk::new([7; 32]);
        drop(open(&disk, 1));
        let backup = disk.copy();
        drop(open(&disk, 2));
        disk.restore(&backup, Restore::Data);
        disk
    };
    let disk = prepare();
    let before = disk.steps();
    drop(open(&disk, 3));
    for step in before..disk.steps() {
        let disk = prepare();
        disk.crash_at(step);
        let options = StoreOptions { mark: [3; 32], ..StoreOptions::default() };
        let opened = RedbStore::open_on(disk.clone(), &options);
        disk.power_off();
        drop(opened);
        disk.power_on();
        let (_, opening) = open(&disk, 4);
        let is_rollback = matches!(opening, Opening::RolledBack { store_epoch: 1, .. });
        assert!(is_rollback, "step {step}: {opening:?}");
    }
}

#[test]
fn store_of_another_machine_is_refused_as_it_is_until_this_one_takes_over() {
    let disk = FaultDisk::new([0; 32]);
    let on = |machine, on_move, mark| {
        let options = StoreOptions {
            machine: [machine; 32],
            on_move,
            mark: [mark; 32],
            ..Default::default()
        };
        RedbStore::open_on(disk.clone(), &options).map(|(_, opening)| opening)
    };
    assert_eq!(on(1, OnMove::Refuse, 1), Ok(Opening::New));
    let before = disk.copy();
    assert!(matches!(on(2, OnMove::Refuse, 2), Err(OpenError::Moved { .. })));
    let after = disk.copy();
    assert!(
        (&after.mark, &after.data) == (&before.mark, &before.data),
        "not a byte of it was written"
    );
    assert_eq!(on(1, OnMove::Adopt, 3), Ok(Opening::Continued));
    assert_eq!(on(2, OnMove::Adopt, 4), Ok(Opening::Moved));
    assert_eq!(on(2, OnMove::Refuse, 6), Ok(Opening::Moved), "not acted on yet, and ours");
    assert!(matches!(on(1, OnMove::Refuse, 5), Err(OpenError::Moved { .. })));
}

#[test]
fn folder_that_was_copied_is_seen_and_one_that_was_renamed_is_not() {
    let base = tempfile::tempdir().unwrap();
    let [one, two, copy] = ["one", "two", "copy"].map(|name| base.path().join(name));
    std::fs::create_dir(&one).unwrap();
    let open =
        |folder: &std::path::Path| RedbStore::open(folder, &StoreOptions::default()).unwrap().1;
    assert_eq!(open(&one), Opening::New);
    std::fs::rename(&one, &two).unwrap();
    assert_eq!(open(&two), Opening::Continued);
    std::fs::create_dir(&copy).unwrap();
    for name in ["store.redb", "store.mark"] {
        std::fs::copy(two.join(name), copy.join(name)).unwrap();
    }
    assert_eq!(open(&copy), Opening::Copied);
    assert_eq!(open(&two), Opening::Continued);
}
