//! Who may read a home: its owner.

use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Result;

/// Refuses a home that other users can read, with the command that repairs it.
#[cfg(unix)]
pub(super) fn check(home: &Path, keys: &[PathBuf]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    use super::shown;
    use crate::catalogue as code;
    use crate::failure::Failure;

    let paths = std::iter::once((home, "700")).chain(keys.iter().map(|key| (&**key, "600")));
    for (path, wanted) in paths {
        let metadata = std::fs::metadata(path).map_err(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return super::io_failure("read", path, &error);
            }
            let what = format!("the file {} is gone, and with it a secret key", shown(path));
            Failure::new(&code::KEYS_MISSING, what)
        })?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            if path != home && !super::keys::holds_key(path) {
                let what = format!("{} holds no key any more: it was overwritten", shown(path));
                return Err(Failure::new(&code::KEYS_MISSING, what));
            }
            let what = format!("{} has mode 0{mode:o} instead of 0{wanted}", shown(path));
            let hint = format!("type `chmod {wanted} {}`", shown(path));
            return Err(Failure::new(&code::HOME_OPEN_TO_OTHERS, what).hint(hint));
        }
    }
    Ok(())
}

/// Other systems have no modes; the folder is as private as the user's other data.
#[cfg(not(unix))]
pub(super) fn check(_home: &Path, _keys: &[PathBuf]) -> Result<()> {
    Ok(())
}

/// Makes a folder that only its owner can read.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a folder for a while that only its owner can read.
pub(crate) fn private_folder(prefix: &str, inside: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    builder.tempdir_in(inside)
}
