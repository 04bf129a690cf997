//! Files that are not what was written: each is read as it was written, or refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

use ensign_store::{
    FORMAT_VERSION, OpenError, Opening, RedbStore, Store, StoreError, StoreOptions,
    medium::{Backup, Fault, FaultDisk, Restore},
};
use ensign_testkit::store::{Model, history};

/// Optimized, every byte is tried; else every one of this many, and each of the first ones.
const STRIDE: usize = if cfg!(debug_assertions) { 2_999 } else { 1 };
const HEAD_BYTES: usize = if cfg!(debug_assertions) { 160 } else { 0 };

fn open(disk: &FaultDisk, mark: u8) -> Result<(RedbStore, Opening), OpenError> {
    let options = StoreOptions { mark: [mark; 32], ..StoreOptions::default() };
    RedbStore::open_on(disk.clone(), &options)
}

/// A store that was closed in order, and what it holds.
fn small() -> (FaultDisk, Backup, Model) {
    let disk = FaultDisk::new([0; 32]);
    let (mut store, _) = open(&disk, 1).unwrap();
    history().iter().take(8).for_each(|batch| store.commit(batch).unwrap());
    let model = Model::of(&store);
    drop(store);
    let backup = disk.copy();
    (disk, backup, model)
}

fn positions(length: usize) -> impl Iterator<Item = usize> {
    (0..length).filter(|at| *at < HEAD_BYTES || at % STRIDE == 0)
}

/// Opens a disk whose data file was changed.
fn check(disk: &FaultDisk, changed: Backup, model: &Model, what: &str) -> bool {
    disk.restore(&changed, Restore::Data);
    let opened = open(disk, 2);
    match opened {
        Ok((store, _)) => {
            assert_eq!(Model::of(&store), *model, "{what}: other content");
            true
        }
        Err(error) => {
            let known = matches!(error, OpenError::Damaged { .. } | OpenError::Foreign { .. });
            assert!(known, "{what}: {error}");
            assert!(error.to_string().contains("nothing was overwritten"), "{error}");
            assert_eq!(disk.copy().data, changed.data, "{what}: the file was changed");
            false
        }
    }
}

#[test]
fn flipped_byte_anywhere_is_harmless_or_refused() {
    let (disk, backup, model) = small();
    let length = backup.data.as_ref().unwrap().len();
    let mut refused = 0;
    for at in positions(length) {
        let mut changed = backup.clone();
        changed.data.as_mut().unwrap()[at] ^= 1 << (at % 8);
        refused += usize::from(!check(&disk, changed, &model, &format!("byte {at}")));
    }
    assert!(refused > 0, "no flip was ever noticed");
}

#[test]
fn file_cut_anywhere_is_refused_or_whole() {
    let (disk, backup, model) = small();
    let length = backup.data.as_ref().unwrap().len();
    for cut in positions(length) {
        let mut changed = backup.clone();
        changed.data.as_mut().unwrap().truncate(cut);
        check(&disk, changed, &model, &format!("cut at {cut}"));
    }
}

#[test]
fn flipped_byte_anywhere_in_the_mark_file_is_never_worse_than_a_rollback() {
    let (disk, backup, model) = small();
    let length = backup.mark.as_ref().unwrap().len();
    for at in (0..length).step_by(if cfg!(debug_assertions) { 7 } else { 1 }) {
        let mut changed = backup.clone();
        changed.mark.as_mut().unwrap()[at] ^= 1 << (at % 8);
        disk.restore(&changed, Restore::Everything);
        let (store, opening) = open(&disk, 2).unwrap();
        assert_eq!(Model::of(&store), model);
        let fits = matches!(
            opening,
            Opening::Continued | Opening::Copied | Opening::RolledBack { seen_epoch: None, .. }
        );
        assert!(fits, "byte {at}: {opening:?}");
    }
}

#[test]
fn record_that_changes_on_disk_while_the_store_is_open_is_damage_and_not_content() {
    let (disk, _, _) = small();
    let (store, _) = open(&disk, 2).unwrap();
    let place = history()[2].changes()[0].place;
    let value = store.get(&place).unwrap().unwrap().value;
    drop(store);
    let (mut store, _) = open(&disk, 3).unwrap();
    // Each copy of the value on the disk changes, while nothing of it is in memory.
    let mut changed = disk.copy();
    let data = changed.data.as_mut().unwrap();
    let hits: Vec<_> =
        (0..data.len() - value.len()).filter(|at| data[*at..*at + value.len()] == value).collect();
    hits.iter().for_each(|at| data[*at] ^= 1);
    assert!(!hits.is_empty(), "the value is not where it can be changed");
    disk.restore(&changed, Restore::Data);
    match store.get(&place) {
        // It was in memory.
        Ok(Some(record)) => assert_eq!(record.value, value),
        other => assert!(matches!(other, Err(StoreError::Damaged { .. })), "{other:?}"),
    }
    let _ = store.compact();
}

#[test]
fn database_of_another_program_is_foreign() {
    let (disk, mut backup, _) = small();
    backup.data = Some(b"SQLite format 3\0 and so on".to_vec());
    disk.restore(&backup, Restore::Data);
    assert!(matches!(open(&disk, 2), Err(OpenError::Foreign { .. })));
    assert_eq!(disk.copy().data, backup.data);
}

#[test]
fn empty_file_is_damage_and_not_a_new_store() {
    let (disk, mut backup, _) = small();
    backup.data = Some(Vec::new());
    disk.restore(&backup, Restore::Data);
    assert!(matches!(open(&disk, 2), Err(OpenError::Damaged { .. })));
    assert_eq!(disk.copy().data, backup.data);
}

#[test]
fn store_of_a_newer_version_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::default;
    drop(RedbStore::open(folder.path(), &options()).unwrap());
    let path = folder.path().join("store.redb");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&str, &[u8]>::new("ensign");
    let newer = (FORMAT_VERSION + 1).to_be_bytes();
    transaction.open_table(table).unwrap().insert("format", newer.as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let before = std::fs::read(&path).unwrap();
    let error = RedbStore::open(folder.path(), &options()).unwrap_err();
    let (seen, known) = (FORMAT_VERSION + 1, FORMAT_VERSION);
    assert_eq!(error, OpenError::Newer { path: path.clone(), seen, known });
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn disk_that_cannot_be_read_is_an_error_of_the_disk_and_not_damage() {
    let (disk, _, model) = small();
    disk.set_unreadable(Fault::On);
    assert!(matches!(open(&disk, 2), Err(OpenError::Io { .. })));
    disk.set_unreadable(Fault::Off);
    let (store, _) = open(&disk, 3).unwrap();
    assert_eq!(Model::of(&store), model);
}

#[test]
fn file_system_that_cannot_flush_is_refused() {
    let disk = FaultDisk::new([0; 32]);
    disk.set_unflushable(Fault::On);
    let error = open(&disk, 1).unwrap_err();
    assert!(matches!(error, OpenError::NoFlush { .. }), "{error}");
    let (disk, backup, _) = small();
    disk.set_unflushable(Fault::On);
    assert!(matches!(open(&disk, 2), Err(OpenError::NoFlush { .. })));
    disk.set_unflushable(Fault::Off);
    disk.restore(&backup, Restore::Data);
    assert!(open(&disk, 3).is_ok());
}

#[test]
fn full_disk_is_named_when_a_store_is_made_and_when_it_is_opened() {
    let disk = FaultDisk::new([0; 32]);
    disk.set_full(Fault::On);
    assert!(matches!(open(&disk, 1), Err(OpenError::DiskFull { .. })));
    let (disk, _, model) = small();
    disk.set_full(Fault::On);
    assert!(matches!(open(&disk, 2), Err(OpenError::DiskFull { .. })));
    disk.set_full(Fault::Off);
    let (store, _) = open(&disk, 3).unwrap();
    assert_eq!(Model::of(&store), model);
}
