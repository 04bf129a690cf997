//! One process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

use super::{Home, io_failure, shown};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::key_file::private;

const LOCK: &str = "lock";

/// Most bytes of the lock file that are read: a process id has at most ten digits.
const LOCK_BYTES_MAX: u64 = 16;

/// A home that no other process uses. The system lets go of it when the process ends, however that
/// happens.
#[derive(Debug)]
pub(crate) struct HeldHome {
    /// The home.
    pub(crate) home: Home,
    _lock: File,
}

impl Home {
    /// Takes the home for this process, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// [`code::HOME_IN_USE`] with the other process's id.
    pub(crate) fn hold(self) -> Result<HeldHome> {
        let lock = take(self.path())?;
        Ok(HeldHome { home: self, _lock: lock })
    }
}

/// Takes the lock and leaves our process id for whoever comes later.
fn take(home: &Path) -> Result<File> {
    let path = home.join(LOCK);
    let refused = |error: io::Error| io_failure("lock", &path, &error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = private(&mut options).open(&path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(home, &file)),
        Err(TryLockError::Error(error)) => return Err(refused(error)),
    }
    let id = format!("{}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(id.as_bytes()))
        .map_err(refused)?;
    Ok(file)
}

fn in_use(home: &Path, file: &File) -> Failure {
    let mut text = String::new();
    let id = match file.take(LOCK_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => text.trim().parse::<u32>().ok(),
        Err(_) => None,
    };
    let who = id.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
    let failure = Failure::new(&code::HOME_IN_USE, format!("{who} uses {}", shown(home)));
    match id {
        Some(id) => failure.hint(format!(
            "while it runs, `ensign status`, `sign`, `request` and `group` ask it; for anything else end \
             process {id} (Ctrl-C where it runs), then try again"
        )),
        None => failure,
    }
}
