//! A store in a real folder: who may open it, what is in the way, where an old journal goes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::{cell::Cell, fs, path::Path};

use ensign_primitives::{RequestId, UnixTime};
use ensign_store::{
    Batch, Import, ImportError, OLD_JOURNAL_BACKUP, OLD_JOURNAL_FILE, OpenError, Opening, Options,
    Place, RedbStore, Store,
};
use ensign_testkit::store::Model;

fn open(folder: &Path) -> Result<(RedbStore, Opening), OpenError> {
    RedbStore::open(folder, Options::default())
}

#[test]
fn folder_that_is_in_use_is_refused_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let held = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    let path = folder.path().join("store.lock");
    assert_eq!(error, OpenError::InUse { path, process: Some(std::process::id()) });
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(held);
    assert!(open(folder.path()).is_ok());
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    for name in ["store.redb", "store.mark", "store.lock"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    for name in ["store.redb", "store.mark"] {
        let path = folder.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error, OpenError::OpenToOthers { path: path.clone(), mode: 0o640 });
        let repair = format!("`chmod 600 {}`", path.display());
        assert!(error.to_string().contains(&repair), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(open(folder.path()).is_ok());
    }
}

/// Nobody may make files there, not even root.
#[cfg(target_os = "linux")]
#[test]
fn folder_that_cannot_be_written_is_refused() {
    let error = open(Path::new("/sys")).unwrap_err();
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
}

#[test]
fn folder_that_is_missing_is_an_error_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(&folder.path().join("missing")).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn device_in_place_of_the_file_is_refused_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let path = folder.path().join("store.redb");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let error = open(folder.path()).unwrap_err();
    let fits = matches!(error, OpenError::Foreign { .. } | OpenError::OpenToOthers { .. });
    assert!(fits, "{error}");
}

#[test]
fn what_an_interrupted_start_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["store.redb.new", "store.mark.new"] {
        fs::write(folder.path().join(name), "half of something").unwrap();
    }
    assert_eq!(open(folder.path()).unwrap().1, Opening::New);
    assert_eq!(open(folder.path()).unwrap().1, Opening::Continued);
}

/// Reads a journal of one byte per request.
struct Bytes {
    fails: Cell<bool>,
}

impl Import for Bytes {
    fn import(&mut self, journal: &Path, store: &mut dyn Store) -> Result<(), ImportError> {
        let mut batch = Batch::new(UnixTime::default());
        for byte in fs::read(journal).unwrap() {
            batch.put(Place::request(&RequestId::from_bytes([byte; 32])), [byte])?;
        }
        store.commit(&batch)?;
        if self.fails.get() { Err(ImportError::Damaged { offset: 2 }) } else { Ok(()) }
    }
}

fn open_with(folder: &Path, import: &mut Bytes) -> Result<(RedbStore, Opening), OpenError> {
    let options = Options { import: Some(import), ..Options::default() };
    RedbStore::open(folder, options)
}

#[test]
fn journal_of_version_1_becomes_a_store_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join(OLD_JOURNAL_FILE);
    fs::write(&journal, [1, 2, 3]).unwrap();
    let mut import = Bytes { fails: Cell::new(true) };

    let error = open(folder.path()).unwrap_err();
    let reason = ImportError::NoImporter;
    assert_eq!(error, OpenError::OldJournal { path: journal.clone(), reason });
    let error = open_with(folder.path(), &mut import).unwrap_err();
    let reason = ImportError::Damaged { offset: 2 };
    assert_eq!(error, OpenError::OldJournal { path: journal.clone(), reason });
    assert_eq!(fs::read(&journal).unwrap(), [1, 2, 3]);

    import.fails.set(false);
    let (store, _) = open_with(folder.path(), &mut import).unwrap();
    let model = Model::of(&store);
    let place = Place::request(&RequestId::from_bytes([2; 32]));
    assert_eq!(store.get(&place).unwrap().unwrap().value, [2]);
    drop(store);
    let backup = folder.path().join(OLD_JOURNAL_BACKUP);
    assert_eq!(fs::read(&backup).unwrap(), [1, 2, 3]);
    assert!(!journal.exists());

    // A crash between the two renames.
    fs::rename(&backup, &journal).unwrap();
    let (store, _) = open(folder.path()).unwrap();
    assert_eq!(Model::of(&store), model);
    drop(store);
    assert!(backup.exists() && !journal.exists());
}

#[test]
fn journal_that_was_written_after_it_became_a_store_is_not_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join(OLD_JOURNAL_FILE);
    fs::write(&journal, [1]).unwrap();
    let mut import = Bytes { fails: Cell::new(false) };
    drop(open_with(folder.path(), &mut import).unwrap());
    fs::write(&journal, [1, 9]).unwrap();
    let error = open_with(folder.path(), &mut import).unwrap_err();
    let reason = ImportError::Stale;
    assert_eq!(error, OpenError::OldJournal { path: journal.clone(), reason });
    assert_eq!(fs::read(&journal).unwrap(), [1, 9]);
}
