//! Why a store cannot be opened, in words that help.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

use ensign_coordinator::{Archive, LedgerError, OpeningError};
use ensign_store::{OpenError, StoreError};

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::words;

/// The file of a store that every commit touches.
const MARK: &str = "store.mark";

/// From which difference on a clock that was set back is told; less is set right by time servers.
const CLOCK_BACK_MIN: Duration = Duration::from_secs(5 * 60);

/// Says that the clock was set back since the store of a home was last written, if it was.
///
/// To be asked before the store is opened, which writes.
pub(crate) fn clock_set_back(home: &Path) -> Option<Failure> {
    let written = home.join(MARK).metadata().ok()?.modified().ok()?;
    let ahead = written.duration_since(SystemTime::now()).ok()?;
    if ahead < CLOCK_BACK_MIN {
        return None;
    }
    let what = format!(
        "the store was last written {} later than this machine's clock says it is now",
        words::duration(ahead)
    );
    Some(Failure::new(&code::CLOCK_BACK, what))
}

/// Makes the store of a new home, and says in it that its keys are new.
///
/// # Errors
///
/// What keeps it from being made.
pub(crate) fn make(home: &Path) -> Result<()> {
    let mut store = Archive::open(home).map_err(|error| opening_failure(&error))?;
    store.begin(words::now()).map_err(|error| ledger_failure(&error))
}

/// Opens the store of a home whose keys may have joined attempts that it does not know of: what was
/// open is closed, and requests made until now are refused.
///
/// # Errors
///
/// What keeps it from being opened or written.
pub(crate) fn make_void(home: &Path) -> Result<()> {
    let mut store = Archive::open(home).map_err(|error| opening_failure(&error))?;
    store.void(words::now()).map_err(|error| ledger_failure(&error))
}

/// Says that the store of a home is gone, if it is, and begins one that knows.
///
/// # Errors
///
/// What keeps it from being read or written.
pub(crate) fn void_if_lost(store: &mut Archive) -> Result<Option<Failure>> {
    if !store.is_empty().map_err(|error| ledger_failure(&error))? {
        return Ok(None);
    }
    store.void(words::now()).map_err(|error| ledger_failure(&error))?;
    let what = "this home has no store, so it was copied or restored without it, and may have missed \
                what was done; requests from before this start are refused";
    let entry = code::find("E-STO-004").unwrap_or(&code::STORE);
    Ok(Some(Failure::new(entry, what)))
}

/// Says why a store cannot be used.
pub(crate) fn opening_failure(error: &OpeningError) -> Failure {
    match error {
        OpeningError::Open(error) => open_failure(error),
        OpeningError::Entropy => Failure::new(&code::ENTROPY, error.to_string()),
        OpeningError::Ledger(error) => ledger_failure(error),
        OpeningError::Folder { .. } | _ => Failure::new(&code::STORE, error.to_string()),
    }
}

/// Says why an open store cannot be read or written.
pub(crate) fn ledger_failure(error: &LedgerError) -> Failure {
    let LedgerError::Store(error) = error else {
        return Failure::new(&code::STORE, error.to_string());
    };
    match error {
        StoreError::NoSpace { free, wanted } => full(format!(
            "the disk has {} MiB left and new work wants {}; running work goes on",
            free >> 20,
            wanted.div_ceil(1 << 20)
        )),
        StoreError::Full { used, limit } => full(format!(
            "the store takes {} of {} MiB, and the rest is for running work, which goes on",
            used.div_ceil(1 << 20),
            limit >> 20
        )),
        StoreError::DiskFull { path } => no_room(path),
        StoreError::Damaged { path } => unreadable(path, "is damaged"),
        StoreError::Io { path, kind } => cannot_use(path, *kind),
        StoreError::TooLarge { .. } | StoreError::Stopped | _ => {
            Failure::new(&code::STORE, error.to_string())
        }
    }
}

fn full(what: String) -> Failure {
    Failure::new(code::find("E-STO-003").unwrap_or(&code::STORE_NO_ROOM), what)
}

fn no_room(path: &Path) -> Failure {
    let what = format!("the disk of {} is full; what was stored is safe", shown(path));
    Failure::new(&code::STORE_NO_ROOM, what)
}

fn cannot_use(path: &Path, kind: ErrorKind) -> Failure {
    let failure = Failure::new(&code::HOME_IO, format!("cannot use {}: {kind}", shown(path)));
    words::way_out(kind).map_or(failure.clone(), |hint| failure.hint(hint))
}

fn open_failure(error: &OpenError) -> Failure {
    match error {
        OpenError::InUse { .. } => Failure::new(&code::HOME_IN_USE, error.to_string()),
        OpenError::OpenToOthers { path, mode } => {
            let what = format!("{} has mode 0{mode:o} instead of 0600", shown(path));
            let hint = format!("type `chmod 600 {}`", shown(path));
            Failure::new(&code::HOME_OPEN_TO_OTHERS, what).hint(hint)
        }
        OpenError::ReadOnly { path, kind } | OpenError::Io { path, kind } => {
            cannot_use(path, *kind)
        }
        OpenError::DiskFull { path } => no_room(path),
        OpenError::NoFlush { path } => {
            let what = format!(
                "the file system of {} cannot flush what is written, so a power cut could undo what \
                 was promised to others",
                shown(path)
            );
            let hint = "move the home to a disk of this machine; nothing was changed";
            Failure::new(&code::STORE, what).hint(hint)
        }
        OpenError::Damaged { path } => unreadable(path, "is damaged"),
        OpenError::Foreign { path } => unreadable(path, "is no store, or its beginning is damaged"),
        OpenError::Newer { path, seen, known } => {
            let what = format!(
                "{} has version {seen} of the format, this program knows up to {known}",
                shown(path)
            );
            let hint = "update this program; nothing was changed";
            Failure::new(&code::STORE, what).hint(hint)
        }
        OpenError::Moved { path } => {
            let what = format!("{} belongs to another machine", shown(path));
            Failure::new(&code::HOME_MOVED, what)
        }
        OpenError::Refused { .. } | _ => Failure::new(&code::STORE, error.to_string()),
    }
}

/// Says how to go on without a store that cannot be read, safely: with the mark beside it, the next
/// start knows that the store is gone, and closes whatever may have been open.
fn unreadable(path: &Path, how: &str) -> Failure {
    let file = shown(path);
    let failure = Failure::new(&code::STORE, format!("{file} {how}; it was not changed"));
    let wait = if path.with_extension("mark").exists() {
        "leave store.mark there"
    } else {
        "wait a day, until nothing from before can be open"
    };
    failure.hint(format!(
        "set it aside, `mv {file} {file}.damaged`, {wait}, and run `ensign up`: what was open is \
         closed and can be proposed again; results are in `signed`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_advice() {
        let path = || "home/store.redb".into();
        let reasons = [
            (
                OpenError::ReadOnly { path: path(), kind: ErrorKind::ReadOnlyFilesystem },
                "read-only",
            ),
            (
                OpenError::ReadOnly { path: path(), kind: ErrorKind::PermissionDenied },
                "as the user",
            ),
            (
                OpenError::Io { path: path(), kind: ErrorKind::Unsupported },
                "a disk of this machine",
            ),
            (OpenError::DiskFull { path: path() }, "free some room"),
            (OpenError::NoFlush { path: path() }, "a disk of this machine"),
            (OpenError::Newer { path: path(), seen: 3, known: 2 }, "update this program"),
            (OpenError::Damaged { path: path() }, "set it aside"),
            (OpenError::Foreign { path: path() }, "set it aside"),
            (OpenError::OpenToOthers { path: path(), mode: 0o644 }, "chmod 600 home/store.redb"),
            (OpenError::Moved { path: path() }, "ensign up --moved"),
        ];
        for (error, advice) in reasons {
            let failure = open_failure(&error);
            assert!(failure.advice().contains(advice), "{error:?}: {failure:?}");
            assert!(failure.what.contains("home/store.redb"), "{failure:?}");
        }
    }

    #[test]
    fn refusal_for_want_of_room_is_told_in_megabytes() {
        let error = StoreError::NoSpace { free: 62_799_872, wanted: 67_110_046 };
        let failure = ledger_failure(&LedgerError::Store(error));
        assert_eq!(failure.entry.code, "E-STO-003");
        assert!(failure.what.contains("59 MiB left and new work wants 65"), "{failure:?}");
    }
}
