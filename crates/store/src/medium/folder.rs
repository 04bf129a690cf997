//! A store in a folder of the file system.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{StorageBackend, backends::FileBackend};

use super::{Flush, Medium, NOTE_OFFSET, Witness, watched::is_no_flush};
use crate::OpenError;

/// The data file.
const DATA_FILE: &str = "store.redb";
/// The mark file.
const MARK_FILE: &str = "store.mark";
const FRESH_DATA_FILE: &str = "store.redb.new";
const FRESH_MARK_FILE: &str = "store.mark.new";
const LOCK_FILE: &str = "store.lock";

/// Most bytes of the mark file that are read.
const MARK_BYTES_MAX: u64 = 4096;
/// Most bytes of the lock file that are read: a process id has at most ten digits.
const LOCK_BYTES_MAX: u64 = 16;

/// A folder that no other process uses for a store.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: PathBuf,
    data: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder for this process and looks at who may read what is in it.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        let lock = lock(&folder.join(LOCK_FILE))?;
        for name in [DATA_FILE, MARK_FILE] {
            check_mode(&folder.join(name))?;
        }
        check_flush(folder)?;
        Ok(Self { folder: folder.to_owned(), data: folder.join(DATA_FILE), _lock: lock })
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn mark_path(&self) -> PathBuf {
        self.folder.join(MARK_FILE)
    }
}

impl Medium for Folder {
    fn path(&self) -> &Path {
        &self.data
    }

    fn data(&mut self) -> io::Result<Option<Arc<dyn StorageBackend>>> {
        match OpenOptions::new().read(true).write(true).open(&self.data) {
            Ok(file) => backend(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn fresh(&mut self) -> io::Result<Arc<dyn StorageBackend>> {
        backend(make(&self.folder.join(FRESH_DATA_FILE))?)
    }

    fn publish(&mut self) -> io::Result<()> {
        fs::rename(self.folder.join(FRESH_DATA_FILE), &self.data)?;
        self.sync()
    }

    fn mark(&mut self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.mark_path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MARK_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn replace_mark(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(FRESH_MARK_FILE);
        let mut file = make(&path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&path, self.mark_path())?;
        self.sync()
    }

    fn note(&mut self, note: &[u8], flush: Flush) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.mark_path())?;
        file.seek(SeekFrom::Start(NOTE_OFFSET))?;
        file.write_all(note)?;
        match flush {
            Flush::Now => file.sync_all(),
            Flush::Later => Ok(()),
        }
    }

    fn witness(&mut self) -> io::Result<Option<Witness>> {
        witness(&fs::metadata(self.mark_path())?)
    }

    fn free_bytes(&self) -> Option<u64> {
        free_bytes(&self.folder)
    }
}

fn backend(file: File) -> io::Result<Arc<dyn StorageBackend>> {
    // A device or a pipe may have no end.
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    match FileBackend::new(file) {
        Ok(backend) => Ok(Arc::new(backend)),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Makes a file that only its owner can read, in place of what an interrupted start left there.
fn make(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    private(options.read(true).write(true).create_new(true)).open(path)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Keeps every other process off and leaves our id for it.
fn lock(path: &Path) -> Result<File, OpenError> {
    let failed = |error: io::Error| OpenError::io(path, &error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = private(&mut options).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let read = (&file).take(LOCK_BYTES_MAX).read_to_string(&mut text);
            let process = read.ok().and_then(|_| text.trim().parse().ok());
            return Err(OpenError::InUse { path: path.to_owned(), process });
        }
        // A file system without locks cannot be asked.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0)
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
        .map_err(failed)?;
    Ok(file)
}

/// Finds out before anything depends on it whether the file system can flush.
fn check_flush(folder: &Path) -> Result<(), OpenError> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Ok(()) => Ok(()),
        Err(error) if is_no_flush(&error) => Err(OpenError::NoFlush { path: folder.to_owned() }),
        Err(error) => Err(OpenError::io(folder, &error)),
    }
}

/// Refuses a file that other users can read or write.
#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::PermissionsExt as _;

    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => Err(OpenError::OpenToOthers {
            path: path.to_owned(),
            mode: found.permissions().mode() & 0o777,
        }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenError::io(path, &error)),
    }
}

/// Other systems have no modes; the folder is as private as the user's other data.
#[cfg(not(unix))]
fn check_mode(_path: &Path) -> Result<(), OpenError> {
    Ok(())
}

#[cfg(unix)]
fn witness(found: &fs::Metadata) -> io::Result<Option<Witness>> {
    use std::os::unix::fs::MetadataExt as _;

    let made = found.created().ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| u64::try_from(made.as_nanos()).unwrap_or(u64::MAX));
    Ok(Some(Witness { number: found.ino(), made }))
}

#[cfg(not(unix))]
fn witness(_found: &fs::Metadata) -> io::Result<Option<Witness>> {
    Ok(None)
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}
