//! A store that is nearly full refuses new work and lets running work go on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

use ensign_primitives::{RequestId, UnixTime};
use ensign_store::{
    Batch, FREE_BYTES_MIN, MemoryStore, Place, RedbStore, Store, StoreError, StoreOptions,
    medium::FaultDisk,
};

const LIMIT: u64 = 2 * 1024 * 1024;

fn put(store: &mut dyn Store, place: Place, bytes: usize) -> Result<(), StoreError> {
    let mut batch = Batch::new(UnixTime::default());
    batch.put(place, vec![1; bytes])?;
    store.commit(&batch)
}

fn id(number: u16) -> RequestId {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    RequestId::from_bytes(bytes)
}

fn check(mut store: impl Store) {
    let mut ids = (0..).map(id);
    let refused = ids.find_map(|id| put(&mut store, Place::consent(&id), 10_000).err()).unwrap();
    assert!(matches!(refused, StoreError::Full { limit: LIMIT, .. }), "{refused}");
    assert!(refused.is_refused());
    let evidence = put(&mut store, Place::evidence(&[1; 32]), 10_000);
    assert!(matches!(evidence, Err(StoreError::Full { .. })));

    let before = store.size().unwrap().used;
    for number in 0..20 {
        put(&mut store, Place::burn(&id(number), 1), 100).unwrap();
        put(&mut store, Place::partial(&id(number), 1), 200).unwrap();
        put(&mut store, Place::finished(&id(number)), 64).unwrap();
    }
    assert!(store.size().unwrap().used > before);

    let mut batch = Batch::new(UnixTime::default());
    (0..20).for_each(|number| batch.remove(Place::consent(&id(number))));
    store.commit(&batch).unwrap();
    put(&mut store, Place::consent(&id(0)), 10_000).unwrap();
}

#[test]
fn store_at_its_bound_refuses_new_work_and_takes_the_marks_of_what_runs() {
    check(MemoryStore::with_limit(LIMIT));
    let options = StoreOptions { limit: LIMIT, ..StoreOptions::default() };
    check(RedbStore::open_on(FaultDisk::new([0; 32]), &options).unwrap().0);
}

#[test]
fn disk_that_is_nearly_full_takes_the_marks_of_what_runs_alone() {
    let disk = FaultDisk::new([0; 32]);
    let (mut store, _) = RedbStore::open_on(disk.clone(), &StoreOptions::default()).unwrap();
    disk.set_free_bytes(Some(FREE_BYTES_MIN));
    let refused = put(&mut store, Place::consent(&id(1)), 100).unwrap_err();
    assert!(matches!(refused, StoreError::NoSpace { free: FREE_BYTES_MIN, .. }), "{refused}");
    assert!(refused.is_refused());
    put(&mut store, Place::burn(&id(1), 1), 100).unwrap();
    disk.set_free_bytes(Some(2 * FREE_BYTES_MIN));
    put(&mut store, Place::consent(&id(1)), 100).unwrap();
}

#[test]
fn room_is_counted_the_same_after_opening_again() {
    let disk = FaultDisk::new([0; 32]);
    let open = || RedbStore::open_on(disk.clone(), &StoreOptions::default()).unwrap().0;
    let mut store = open();
    for batch in ensign_testkit::store::history() {
        store.commit(&batch).unwrap();
    }
    let used = store.size().unwrap().used;
    drop(store);
    assert_eq!(open().size().unwrap().used, used);
}

#[test]
fn compaction_gives_room_back_to_the_system() {
    let disk = FaultDisk::new([0; 32]);
    let (mut store, _) = RedbStore::open_on(disk, &StoreOptions::default()).unwrap();
    (0..60).for_each(|number| put(&mut store, Place::consent(&id(number)), 60_000).unwrap());
    let mut batch = Batch::new(UnixTime::default());
    (0..60).for_each(|number| batch.remove(Place::consent(&id(number))));
    store.commit(&batch).unwrap();
    let before = store.size().unwrap().file;
    store.compact().unwrap();
    let after = store.size().unwrap().file;
    assert!(after * 2 < before, "{after} after {before}");
}
