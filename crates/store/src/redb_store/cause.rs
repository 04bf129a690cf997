//! What redb's errors mean for us.

use std::{io, path::Path};

use crate::{OpenError, StoreError, error::is_full, medium::Watcher};

/// Why redb did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Damaged,
    NotOurs,
    DiskFull,
    CannotFlush,
    Io(io::ErrorKind),
}

/// Reads an error of redb.
pub(super) fn cause(error: impl Into<redb::Error>, watcher: &Watcher) -> Cause {
    let error = error.into();
    if watcher.cannot_flush() {
        Cause::CannotFlush
    } else if let redb::Error::Io(error) = &error {
        of_system(error.kind())
    } else if matches!(error, redb::Error::UpgradeRequired(_)) {
        Cause::NotOurs
    } else if is_damage(&error) {
        Cause::Damaged
    } else {
        Cause::Io(io::ErrorKind::Other)
    }
}

fn of_system(kind: io::ErrorKind) -> Cause {
    if is_full(kind) {
        Cause::DiskFull
    } else if kind == io::ErrorKind::UnexpectedEof {
        // A file that ends before its content does.
        Cause::Damaged
    } else {
        Cause::Io(kind)
    }
}

const fn is_damage(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TypeDefinitionChanged { .. }
    )
}

impl Cause {
    pub(super) fn store(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Damaged | Self::NotOurs => StoreError::Damaged { path },
            Self::DiskFull => StoreError::DiskFull { path },
            Self::CannotFlush => StoreError::Io { path, kind: io::ErrorKind::Unsupported },
            Self::Io(kind) => StoreError::Io { path, kind },
        }
    }

    pub(super) fn open(self, path: &Path) -> OpenError {
        match self {
            Self::Damaged => OpenError::Damaged { path: path.to_owned() },
            Self::NotOurs => OpenError::Foreign { path: path.to_owned() },
            Self::DiskFull => OpenError::DiskFull { path: path.to_owned() },
            Self::CannotFlush => OpenError::NoFlush { path: path.to_owned() },
            Self::Io(kind) => OpenError::io(path, &kind.into()),
        }
    }
}
