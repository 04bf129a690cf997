//! Files that are either not there or complete, also after a power cut.

use std::io::{self, Write as _};
use std::path::Path;

/// Whether a file that exists may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Take its place.
    Replace,
    /// Leave it and fail.
    Keep,
}

/// Who may read the file, the user's umask aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner.
    Owner,
    /// Whoever the user usually lets read.
    Usual,
}

/// Writes a file beside its place, waits until it is on disk, and moves it there.
///
/// # Errors
///
/// What the system says; [`io::ErrorKind::AlreadyExists`] with [`Existing::Keep`].
pub(crate) fn write(
    path: &Path,
    bytes: &[u8],
    existing: Existing,
    readers: Readers,
) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = builder(readers).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match existing {
        Existing::Replace => file.persist(path)?,
        Existing::Keep => file.persist_noclobber(path)?,
    };
    sync_folder(folder)
}

/// Finds out whether a file could be written in a folder; leaves nothing there.
///
/// # Errors
///
/// What the system says.
pub(crate) fn try_folder(folder: &Path) -> io::Result<()> {
    builder(Readers::Usual).tempfile_in(folder)?.close()
}

/// Waits until the names in a folder are on disk.
///
/// # Errors
///
/// What the system says.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

fn builder(readers: Readers) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ensign-");
    #[cfg(unix)]
    if readers == Readers::Usual {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"one", Existing::Keep, Readers::Owner).unwrap();
        let refused = write(&path, b"two", Existing::Keep, Readers::Owner).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write(&path, b"two", Existing::Replace, Readers::Usual).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
