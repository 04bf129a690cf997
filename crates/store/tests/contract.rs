//! Both stores keep the contract that the test kit checks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

use ensign_primitives::{RequestId, UnixTime};
use ensign_store::{
    Batch, Change, MemoryStore, Opening, Place, RedbStore, Store, StoreOptions, Table,
    medium::FaultDisk,
};
use ensign_testkit::store::{conformance, conformance_when_reopened, history};

fn redb_on(disk: &FaultDisk) -> RedbStore {
    RedbStore::open_on(disk.clone(), &StoreOptions::default()).unwrap().0
}

#[test]
fn memory_store_keeps_the_contract() {
    conformance(MemoryStore::new);
    let kept = MemoryStore::new();
    conformance_when_reopened(|| kept.clone());
}

#[test]
fn redb_store_keeps_the_contract() {
    conformance(|| redb_on(&FaultDisk::new([1; 32])));
    let disk = FaultDisk::new([2; 32]);
    conformance_when_reopened(|| redb_on(&disk));
}

#[test]
fn redb_store_in_a_folder_keeps_the_contract_when_reopened() {
    let folder = tempfile::tempdir().unwrap();
    conformance_when_reopened(|| {
        RedbStore::open(folder.path(), &StoreOptions::default()).unwrap().0
    });
}

#[test]
fn joins_burn_marks_and_partials_flush_once_and_anything_else_twice() {
    let disk = FaultDisk::new([3; 32]);
    let mut store = redb_on(&disk);
    // A commit that makes the file grow flushes once more, so it has grown before.
    history().iter().for_each(|batch| store.commit(batch).unwrap());
    for batch in history() {
        let before = disk.flushes();
        store.commit(&batch).unwrap();
        let is_once = |change: &Change| {
            matches!(change.place.table(), Table::Joins | Table::Burns | Table::Partials)
        };
        let expected = if batch.changes().iter().all(is_once) { 1 } else { 2 };
        assert_eq!(disk.flushes() - before, expected, "{batch:?}");
    }
}

#[test]
fn join_in_one_batch_with_bytes_that_others_chose_flushes_twice() {
    let disk = FaultDisk::new([5; 32]);
    let mut store = redb_on(&disk);
    history().iter().for_each(|batch| store.commit(batch).unwrap());
    let id = RequestId::from_bytes([7; 32]);
    for (places, expected) in [
        (vec![Place::consent(&id), Place::join(&id, 1)], 2),
        (vec![Place::join(&id, 2), Place::burn(&id, 2)], 1),
        (vec![Place::burn(&id, 3), Place::finished(&id)], 2),
    ] {
        let mut batch = Batch::new(UnixTime::from_millis(3));
        places.iter().for_each(|place| batch.put(*place, [1]).unwrap());
        let before = disk.flushes();
        store.commit(&batch).unwrap();
        assert_eq!(disk.flushes() - before, expected, "{places:?}");
    }
}

#[test]
fn store_that_was_left_in_order_goes_on() {
    let disk = FaultDisk::new([4; 32]);
    let open = |byte| {
        let options = StoreOptions { mark: [byte; 32], ..StoreOptions::default() };
        RedbStore::open_on(disk.clone(), &options).map(|(_, opening)| opening)
    };
    assert_eq!(open(1), Ok(Opening::New));
    // Nobody has said that the new store was seen; it is no longer new all the same.
    assert_eq!(open(2), Ok(Opening::Continued));
    assert_eq!(open(3), Ok(Opening::Continued));
}
