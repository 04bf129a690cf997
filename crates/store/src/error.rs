//! Why a store does not do what it is asked.

use std::{io, path::PathBuf};

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
    /// The disk has too little room left for new work, or none at all.
    #[error(
        "the disk has {free} bytes left where {wanted} are wanted; what was stored before is safe; \
         free some room and start again"
    )]
    NoSpace {
        /// What the file system has left, in bytes; 0 when a write failed for want of room.
        free: u64,
        /// What should be left, in bytes.
        wanted: u64,
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
            Self::TooLarge { .. } | Self::Full { .. } => true,
            Self::NoSpace { free, .. } => *free > 0,
            Self::Damaged { .. } | Self::Io { .. } | Self::Stopped => false,
        }
    }
}
