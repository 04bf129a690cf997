//! Where a store lies: a folder, or a disk that fails on demand.

use std::{fmt, io, path::Path, sync::Arc};

use redb::StorageBackend;

#[cfg(feature = "fault")]
mod fault;
#[cfg(feature = "fault")]
pub use fault::{Backup, Fault, FaultDisk, Restore, SECTOR_BYTES};
mod folder;
pub(crate) use folder::Folder;
mod overlay;
pub(crate) use overlay::Overlay;
mod watched;
pub(crate) use watched::{Watched, Watcher};

/// The files that a store consists of.
///
/// There is one data file, which is made beside its place and moved there when it is complete, and
/// one small mark file, which is always replaced as a whole; its [note](Self::note) alone is
/// overwritten in place.
pub trait Medium: fmt::Debug + Send {
    /// The data file's path, for people.
    fn path(&self) -> &Path;

    /// Opens the data file; `None` when there is none.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn data(&mut self) -> io::Result<Option<Arc<dyn StorageBackend>>>;

    /// Makes an empty data file beside its place, in place of one that was left there.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn fresh(&mut self) -> io::Result<Arc<dyn StorageBackend>>;

    /// Moves the data file that [`fresh`](Self::fresh) made to its place; durable on return.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn publish(&mut self) -> io::Result<()>;

    /// Reads the mark file; `None` when there is none.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn mark(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Replaces the mark file, wholly or not at all; durable on return.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn replace_mark(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes the note at [`NOTE_OFFSET`] of the mark file. A crash leaves the note before it or this
    /// one, because it lies in one sector.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn note(&mut self, note: &[u8], flush: Flush) -> io::Result<()>;

    /// Returns what tells this mark file from a copy of it; `None` when the system has nothing.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn witness(&mut self) -> io::Result<Option<Witness>>;

    /// Returns how many bytes can still be written; `None` when the system does not say.
    fn free_bytes(&self) -> Option<u64>;
}

/// Where the note begins in the mark file: a sector of its own, so that writing it leaves the rest
/// alone.
pub const NOTE_OFFSET: u64 = 512;

/// Whether a write waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// It is durable on return.
    Now,
    /// It survives the process; the machine's crash may take it.
    Later,
}

/// The identity of a file on one file system: its number and when it was made. A copy has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The file's number.
    pub number: u64,
    /// When it was made, in nanoseconds since the Unix epoch; 0 when the system does not say.
    pub made: u64,
}
