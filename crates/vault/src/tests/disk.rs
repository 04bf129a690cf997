//! Files: a disk that fails at each step, and folders that refuse.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::file::{Disk, Place, put};
use crate::{FILE_BYTES_MAX, FileError, Step, create, read, replace};

/// Fails at one step, as a full disk does; a write gets half through.
struct Failing(Step);

impl Failing {
    fn at(&self, step: Step) -> io::Result<()> {
        if self.0 == step { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for Failing {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(file, &bytes[..bytes.len() / 2])?;
        self.at(Step::Write)?;
        io::Write::write_all(file, &bytes[bytes.len() / 2..])
    }

    fn sync(&mut self, _file: &File) -> io::Result<()> {
        self.at(Step::Sync)
    }

    fn rename(&mut self, from: tempfile::NamedTempFile, to: &Path, _: Place) -> io::Result<()> {
        self.at(Step::Rename)?;
        Ok(from.persist(to).map(|_| ())?)
    }

    fn sync_folder(&mut self, _folder: &Path) -> io::Result<()> {
        self.at(Step::SyncFolder)
    }
}

#[test]
fn whatever_step_fails_the_old_file_or_the_new_one_is_there_and_nothing_else() {
    for step in [Step::Write, Step::Sync, Step::Rename, Step::SyncFolder] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.ens");
        create(&path, b"the old one").unwrap();
        let failed = put(&mut Failing(step), &path, b"the new one", Place::Any).unwrap_err();
        let FileError::Io { step: at, kind, .. } = failed else { panic!("{failed}") };
        assert_eq!((at, kind), (step, io::ErrorKind::StorageFull));
        let there = read(&path).unwrap();
        let expected = if step == Step::SyncFolder { b"the new one" } else { b"the old one" };
        assert_eq!(there, expected, "{step:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{step:?}");
    }
}

#[test]
fn a_new_file_is_private_and_never_takes_the_place_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.ens");
    create(&path, b"one").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = create(&path, b"two").unwrap_err();
    assert!(matches!(refused, FileError::Io { kind: io::ErrorKind::AlreadyExists, .. }));
    assert_eq!(read(&path).unwrap(), b"one");
    replace(&path, b"two").unwrap();
    assert_eq!(read(&path).unwrap(), b"two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_others_can_read_or_change_is_refused_with_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.ens");
    create(&path, b"one").unwrap();
    for mode in [0o640, 0o604, 0o620, 0o666, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(read(&path), Err(FileError::OpenToOthers { path: path.clone(), mode }));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(read(&path).unwrap(), b"one");
}

#[test]
fn missing_and_oversized_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.ens");
    let refused = read(&path).unwrap_err();
    assert!(matches!(refused, FileError::Io { kind: io::ErrorKind::NotFound, .. }));
    create(&path, &vec![0; FILE_BYTES_MAX + 1]).unwrap();
    assert_eq!(read(&path), Err(FileError::TooLarge { path: path.clone() }));
    let nowhere = folder.path().join("none/vault.ens");
    let refused = replace(&nowhere, b"one").unwrap_err();
    assert!(matches!(refused, FileError::Io { step: Step::Write, .. }));
}
