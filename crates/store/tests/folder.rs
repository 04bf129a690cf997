//! A store in a real folder: who may open it, what is in the way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::{fs, path::Path};

use ensign_store::{OpenError, Opening, RedbStore, StoreOptions};

fn open(folder: &Path) -> Result<(RedbStore, Opening), OpenError> {
    RedbStore::open(folder, &StoreOptions::default())
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
