//! The contract of a store.

use core::ops::ControlFlow;

use ensign_primitives::UnixTime;

use crate::{Batch, Place, StoreError, Table};

/// A durable map from [`Place`] to bytes.
///
/// The contract, which `ensign_testkit::store::conformance` checks on any implementation:
///
/// 1. **Durable on return.** When [`commit`](Self::commit) returns `Ok`, the batch survives a crash of
///    the process and of the machine, as far as the disk keeps its promise about flushed writes.
/// 2. **All or nothing.** After a crash, and after a `commit` that returned an error, a batch is there
///    wholly or not at all. Which of the two is known only after `Ok`: a batch whose `commit` did not
///    return, or failed with an error that is not [refused](StoreError::is_refused), may turn up when
///    the store is opened again.
/// 3. **In order.** A batch is never there without every batch that was acknowledged before it.
/// 4. **Committed only.** Reads see what was committed, all of it, and nothing else.
/// 5. **Loud.** What cannot be read as it was written is [`StoreError::Damaged`], never other content.
///    After an error that is not refused, every later `commit` fails until the store is opened again.
///
/// Calls block; a driver gives the store a thread of its own.
pub trait Store: Send {
    /// Makes the changes together; durable on return. An empty batch changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] and [`StoreError::NoSpace`] for new work before anything was written;
    /// any other, see the contract.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Reads one record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError>;

    /// Shows the records of a table whose keys begin with `prefix`, in the order of their keys,
    /// until `visit` breaks. `visit` may read the store.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Says how much room is taken.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    fn size(&self) -> Result<Size, StoreError>;

    /// Gives room that removed records left back to the system, where there is any. Takes time in
    /// proportion to the store; nothing else waits for it.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    fn compact(&mut self) -> Result<(), StoreError>;
}

/// What [`Store::scan`] calls for each record.
pub type Visit<'a> = dyn FnMut(Row<'_>) -> ControlFlow<()> + 'a;

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The time of the batch that wrote it.
    pub written: UnixTime,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// A record that a scan shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its key; [`Place::found`] makes a place of it.
    pub key: &'a [u8],
    /// The time of the batch that wrote it.
    pub written: UnixTime,
    /// Its bytes.
    pub value: &'a [u8],
}

/// How much room a store takes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// What the records take.
    pub used: u64,
    /// How much they may take; the last [`RESERVE_BYTES`](crate::RESERVE_BYTES) of it are kept for work that runs.
    pub limit: u64,
    /// The length of the file, 0 for a store without one.
    pub file: u64,
    /// What the file system has left for us, where it says so.
    pub free: Option<u64>,
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        (**self).commit(batch)
    }

    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        (**self).get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        (**self).scan(table, prefix, visit)
    }

    fn size(&self) -> Result<Size, StoreError> {
        (**self).size()
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        (**self).compact()
    }
}
