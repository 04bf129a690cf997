//! Stores of every earlier format are read, with what was in them.
//!
//! A fixture is never made anew: it is what a program of that version left on a disk.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use ensign_primitives::UnixTime;
use ensign_store::{Batch, Opening, Place, RedbStore, Store as _, StoreOptions};
use ensign_testkit::store::{Model, history};

/// What the fixtures hold: the first batches of the history.
fn expected() -> Model {
    let mut model = Model::default();
    history()[..8].iter().for_each(|batch| model.apply(batch));
    model
}

#[test]
fn store_of_version_2_is_read_with_everything_in_it() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-2");
    let folder = tempfile::tempdir().unwrap();
    for name in ["store.redb", "store.mark"] {
        let path = folder.path().join(name);
        fs::write(&path, fs::read(fixture.join(name)).unwrap()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    let (mut store, opening) = RedbStore::open(folder.path(), &StoreOptions::default()).unwrap();
    assert_eq!(Model::of(&store), expected());
    // A table that it does not have is empty, and is made with the first record.
    let place = Place::overlay("later");
    assert_eq!(store.get(&place).unwrap(), None);
    let mut batch = Batch::new(UnixTime::default());
    batch.put(place, [1]).unwrap();
    store.commit(&batch).unwrap();
    assert_eq!(store.get(&place).unwrap().map(|found| found.value), Some(vec![1]));
    // The fixture is a copy, as far as the mark can tell.
    assert_eq!(opening, Opening::Copied);
}
