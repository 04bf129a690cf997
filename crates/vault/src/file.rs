//! Vaults on disk: private to their owner, and replaced only by a file that is complete.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::FILE_BYTES_MAX;

/// A step on the way of a file to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Open and read the file.
    Read,
    /// Make a new file beside the place, and write it.
    Write,
    /// Wait until the new file is on disk.
    Sync,
    /// Give the new file its name.
    Rename,
    /// Wait until the name is on disk. The file is in its place already.
    SyncFolder,
}

/// Why a file cannot be read or written. Except after [`Step::SyncFolder`], what was there is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refuses a step.
    #[error("cannot {step} {path}: {reason}", step = step.in_words(), path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Which step.
        step: Step,
        /// What kind of refusal: a full disk, a read-only folder, a missing file.
        kind: io::ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// Other users could read or change it.
    #[error("{path} has mode 0{mode:o} instead of 0600", path = path.display())]
    OpenToOthers {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is larger than any vault.
    #[error("{path} has more than {FILE_BYTES_MAX} bytes", path = path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
}

impl Step {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "bring to disk",
            Self::Rename => "put into its place",
            Self::SyncFolder => "make sure on disk of the name of",
        }
    }
}

/// Reads a vault that only its owner can read.
///
/// # Errors
///
/// [`FileError::OpenToOthers`], [`FileError::TooLarge`], [`FileError::Io`].
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(|error| failed(path, Step::Read, &error))?;
    private(path, &file)?;
    read_all(path, file)
}

/// Reads a vault whoever can read it: a copy on a medium that knows no modes.
///
/// # Errors
///
/// [`FileError::TooLarge`], [`FileError::Io`].
pub fn read_anywhere(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(|error| failed(path, Step::Read, &error))?;
    read_all(path, file)
}

fn read_all(path: &Path, file: File) -> Result<Vec<u8>, FileError> {
    let refused = |error: io::Error| failed(path, Step::Read, &error);
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

/// Writes a new vault with mode 0600, complete or not at all.
///
/// # Errors
///
/// [`FileError::Io`], of kind [`io::ErrorKind::AlreadyExists`] when something is there.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    put(&mut System, path, bytes, Place::Free)
}

/// Replaces a vault, or writes a new one. Whatever happens, the old or the new one is there.
///
/// # Errors
///
/// [`FileError::Io`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    put(&mut System, path, bytes, Place::Any)
}

#[cfg(unix)]
fn private(path: &Path, file: &File) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|error| failed(path, Step::Read, &error))?;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(FileError::OpenToOthers { path: path.to_owned(), mode }),
    }
}

/// Other systems have no modes.
#[cfg(not(unix))]
fn private(_path: &Path, _file: &File) -> Result<(), FileError> {
    Ok(())
}

/// Whether something may be in the place already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Free,
    Any,
}

/// What may go wrong, so that a test can let it.
pub(crate) trait Disk {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self, file: &File) -> io::Result<()>;
    fn rename(&mut self, from: tempfile::NamedTempFile, to: &Path, place: Place) -> io::Result<()>;
    fn sync_folder(&mut self, folder: &Path) -> io::Result<()>;
}

struct System;

impl Disk for System {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&mut self, from: tempfile::NamedTempFile, to: &Path, place: Place) -> io::Result<()> {
        match place {
            Place::Free => from.persist_noclobber(to)?,
            Place::Any => from.persist(to)?,
        };
        Ok(())
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// Writes beside the place, waits for the disk, and only then gives the file its name. What was
/// begun is removed when a step fails.
pub(crate) fn put(
    disk: &mut impl Disk,
    path: &Path,
    bytes: &[u8],
    place: Place,
) -> Result<(), FileError> {
    let at = |step| move |error: io::Error| failed(path, step, &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Mode 0600 from the beginning.
    let mut builder = tempfile::Builder::new();
    let mut file = builder.prefix(".ensign-").tempfile_in(folder).map_err(at(Step::Write))?;
    disk.write(file.as_file_mut(), bytes).map_err(at(Step::Write))?;
    disk.sync(file.as_file()).map_err(at(Step::Sync))?;
    disk.rename(file, path, place).map_err(at(Step::Rename))?;
    disk.sync_folder(folder).map_err(at(Step::SyncFolder))
}

fn failed(path: &Path, step: Step, error: &io::Error) -> FileError {
    FileError::Io { path: path.to_owned(), step, kind: error.kind(), reason: error.to_string() }
}
