//! The durable store: redb in a folder, with a generation mark beside it.

use std::path::Path;

use crate::{
    Batch, OpenError, Opening, Place, Record, Size, Store, StoreError, Table, Visit,
    generation::{self, Generation},
    medium::{Flush, Medium},
};

mod begin;
mod cause;
mod data;
mod options;
mod record;
mod verify;
use data::Data;
pub use options::{OnMove, StoreOptions};

/// Version of what is on disk.
pub const FORMAT_VERSION: u32 = 2;

/// A [`Store`] on disk.
///
/// One process at a time has it open. A commit of joins, burn marks and partials alone flushes once,
/// any other twice; see `docs/protocol/store.md`.
#[derive(Debug)]
pub struct RedbStore {
    data: Data,
    medium: Box<dyn Medium>,
    generation: Generation,
}

impl RedbStore {
    /// Opens the store in a folder, and makes it when there is none.
    ///
    /// Reads everything in it, twice after a crash: what is returned was verified to the last byte
    /// that is in use.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing was overwritten then.
    pub fn open(folder: &Path, options: &StoreOptions) -> Result<(Self, Opening), OpenError> {
        Self::open_any(crate::medium::Folder::take(folder)?, options)
    }

    /// Opens the store on another medium than a folder: a disk that fails on demand.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[cfg(feature = "fault")]
    pub fn open_on(
        medium: impl Medium + 'static,
        options: &StoreOptions,
    ) -> Result<(Self, Opening), OpenError> {
        Self::open_any(medium, options)
    }

    fn open_any(
        mut medium: impl Medium + 'static,
        options: &StoreOptions,
    ) -> Result<(Self, Opening), OpenError> {
        let data = match begin::existing(&mut medium, options)? {
            Some(data) => data,
            None => begin::fresh(&mut medium, options.limit)?,
        };
        begin::generation(data, Box::new(medium), options)
    }

    /// Forgets what opening found, because the caller has acted on it and its batch is durable.
    /// Until then every opening finds the same again.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn acknowledge(&mut self) -> Result<(), StoreError> {
        let settled = Generation { found: Opening::Continued, ..self.generation };
        self.data.set_generation(&settled)?;
        self.generation = settled;
        self.leave_note();
        Ok(())
    }

    /// Returns how often the store has waited for the disk since it was opened.
    pub fn flushes(&self) -> u64 {
        self.data.flushes()
    }

    /// Writes down beside the store how many commits it has. Nothing waits for the disk here, so a
    /// note that is late or missing means nothing; one that is ahead means a rollback.
    fn leave_note(&mut self) {
        let note = generation::note(&self.generation, self.data.commits());
        // The commit is durable, and only the next rollback would be seen a little later.
        let _ = self.medium.note(&note, Flush::Later);
    }
}

impl Store for RedbStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.data.free = self.medium.free_bytes();
        self.data.commit(batch)?;
        self.leave_note();
        Ok(())
    }

    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        self.data.get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.data.scan(table, prefix, visit)
    }

    fn size(&self) -> Result<Size, StoreError> {
        Ok(Size { free: self.medium.free_bytes(), ..self.data.size()? })
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.data.compact()
    }
}
