//! Why a store does not do what it is asked.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::Table;

/// Why a store cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A value is too large for its table.
    #[error("a value of {seen} bytes for {table}, more than the limit of {limit}")]
    TooLarge {
        /// Where it should have gone.
        table: Table,
        /// Its size in bytes.
        seen: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The store has reached its bound; what is left is kept for work that runs.
    #[error(
        "the store is full: {used} of {limit} bytes are taken, so new work is refused while running \
         work goes on; nothing was lost; let old records expire or allow the store more room"
    )]
    Full {
        /// What the records take, in bytes.
        used: u64,
        /// How much they may take, in bytes.
        limit: u64,
    },
    /// The disk has too little room left for new work; nothing was written.
    #[error(
        "the disk has {free} bytes left and new work wants {wanted}; running work goes on and nothing \
         was lost; free some room"
    )]
    NoSpace {
        /// What the file system has left, in bytes.
        free: u64,
        /// What should be left, in bytes.
        wanted: u64,
    },
    /// The disk took a part of what was written and then no more.
    #[error(
        "the disk of {} is full; what was stored before is safe; free some room and start again",
        path.display()
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// What was read is not what was written.
    #[error("{} is damaged; nothing was overwritten; keep a copy before you restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("{}: {kind}; what was stored before is safe", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// An earlier error left open what the disk holds.
    #[error("the store stopped after an earlier error; start again to read what is on disk")]
    Stopped,
}

impl StoreError {
    /// Whether the batch was refused before anything was written, so that it will never turn up and
    /// the store goes on.
    pub const fn is_refused(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::Full { .. } | Self::NoSpace { .. } => true,
            Self::DiskFull { .. } | Self::Damaged { .. } | Self::Io { .. } | Self::Stopped => false,
        }
    }
}

/// Why a store cannot be opened. Whatever it is, nothing was overwritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the store open.
    #[error(
        "{} uses the store at {}; nothing was changed; end it, then try again",
        process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}")),
        path.display()
    )]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// The other process, where it says so.
        process: Option<u32>,
    },
    /// Other users can read or write the file.
    #[error(
        "{} has mode 0{mode:o}, so that other users can read or write it; nothing was changed; type \
         `chmod 600 {}`",
        path.display(), path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Nothing can be written there.
    #[error(
        "{} cannot be written: {kind}; nothing was changed; make the folder writable for this user, or \
         name another one",
        path.display()
    )]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// There is no room left.
    #[error(
        "the disk of {} is full; what was stored is safe; free some room, then try again",
        path.display()
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The file system cannot promise that anything is durable.
    #[error(
        "the file system of {} cannot flush what is written, so that a crash could forget what was \
         promised; nothing was changed; move the folder to a disk of this machine",
        path.display()
    )]
    NoFlush {
        /// The file or folder.
        path: PathBuf,
    },
    /// What is in the file is not what was written.
    #[error(
        "{} is damaged; nothing was overwritten; copy the file to a safe place, then restore a backup \
         of it; keys are in other files",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{} is no store, or its first bytes are damaged; nothing was overwritten; move it away, or \
         restore a backup of it",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version wrote the store.
    #[error(
        "{} has format version {seen}, this program knows versions up to {known}; nothing was changed; \
         install the newer program again",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        seen: u32,
        /// The newest version that is known.
        known: u32,
    },
    /// The store was made on another machine.
    #[error(
        "{} belongs to another machine; two machines with one home would use one signer twice; \
         nothing was changed; if the other one is gone for good, say that this one takes over",
        path.display()
    )]
    Moved {
        /// The file.
        path: PathBuf,
    },
    /// The new store does not take its own first record.
    #[error("{} cannot be laid out: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: StoreError,
    },
    /// The operating system refuses.
    #[error("{}: {kind}; nothing was overwritten", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        let (path, kind) = (path.to_owned(), error.kind());
        if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            Self::ReadOnly { path, kind }
        } else if is_full(kind) {
            Self::DiskFull { path }
        } else {
            Self::Io { path, kind }
        }
    }
}

/// Whether an error says that there is no room left.
pub(crate) const fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
