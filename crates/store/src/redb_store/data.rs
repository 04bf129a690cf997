//! The data file alone: a store without a generation.

use core::ops::{Bound, ControlFlow};
use std::path::PathBuf;

use ensign_primitives::UnixTime;
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, TableDefinition,
    WriteTransaction,
};

use super::{FORMAT_VERSION, cause::cause, record};
use crate::{
    Batch, Place, Record, Row, Size, Store, StoreError, Table, Visit,
    generation::Generation,
    medium::Watcher,
    room::{self, Room},
};

/// What the store itself writes down.
pub(super) const OWN: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("ensign");
pub(super) const FORMAT: &str = "format";
pub(super) const COMMITS: &str = "commits";
pub(super) const GENERATION: &str = "generation";

/// The memory that redb keeps pages in. Reads go to the system's own cache beyond it.
pub(super) const CACHE_BYTES: usize = 8 * 1024 * 1024;

pub(super) fn table(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

/// A table that is read.
pub(super) type Found = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Opens a table; a store that was made before there was such a table has none of it.
pub(super) fn table_of(
    transaction: &ReadTransaction,
    kind: Table,
) -> Result<Option<Found>, redb::Error> {
    match transaction.open_table(table(kind)) {
        Ok(found) => Ok(Some(found)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// An open data file.
pub(super) struct Data {
    pub(super) database: Database,
    pub(super) path: PathBuf,
    pub(super) watcher: Watcher,
    pub(super) backend: std::sync::Arc<dyn redb::StorageBackend>,
    pub(super) limit: u64,
    pub(super) used: u64,
    pub(super) commits: u64,
    /// What the file system has left, where it says so.
    pub(super) free: Option<u64>,
    /// A write failed, so that nobody knows what the file holds.
    pub(super) stopped: bool,
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").field("path", &self.path).field("used", &self.used).finish()
    }
}

impl Data {
    pub(super) fn flushes(&self) -> u64 {
        self.watcher.flushes()
    }

    pub(super) const fn commits(&self) -> u64 {
        self.commits
    }

    /// Makes every table and says which format it is.
    pub(super) fn lay_out(&mut self) -> Result<(), StoreError> {
        self.write(Phases::Two, |transaction| {
            for kind in Table::ALL {
                transaction.open_table(table(kind))?;
            }
            let mut own = transaction.open_table(OWN)?;
            own.insert(FORMAT, FORMAT_VERSION.to_be_bytes().as_slice())?;
            Ok(())
        })
    }

    pub(super) fn set_generation(&mut self, generation: &Generation) -> Result<(), StoreError> {
        self.set_own(GENERATION, &generation.encode())
    }

    /// Writes down a value of the store's own.
    pub(super) fn set_own(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.write(Phases::Two, |transaction| {
            transaction.open_table(OWN)?.insert(name, value)?;
            Ok(())
        })
    }

    /// Commits one transaction, counted; the store stops when that fails.
    fn write<T>(
        &mut self,
        phases: Phases,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        if self.stopped {
            return Err(StoreError::Stopped);
        }
        let commits = self.commits + 1;
        let written = transact(&self.database, phases, commits, change);
        self.stopped = written.is_err();
        let done = written.map_err(|error| self.failed(error))?;
        self.commits = commits;
        Ok(done)
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        cause(error, &self.watcher).store(&self.path)
    }

    fn read_one(&self, place: &Place) -> Result<Option<Vec<u8>>, redb::Error> {
        let Some(found) = table_of(&self.database.begin_read()?, place.table())? else {
            return Ok(None);
        };
        Ok(found.get(place.key())?.map(|guard| guard.value().to_vec()))
    }

    fn decode<'a>(
        &self,
        table: Table,
        key: &[u8],
        bytes: &'a [u8],
    ) -> Result<(UnixTime, &'a [u8]), StoreError> {
        let damaged = || StoreError::Damaged { path: self.path.clone() };
        record::decode(table, key, bytes).ok_or_else(damaged)
    }
}

impl Store for Data {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.stopped {
            return Err(StoreError::Stopped);
        }
        Room { used: self.used, limit: self.limit, free: self.free }.admit(batch)?;
        let used = self.used;
        self.used = self.write(Phases::of(batch), |transaction| apply(transaction, batch, used))?;
        Ok(())
    }

    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        let Some(bytes) = self.read_one(place).map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        let (written, value) = self.decode(place.table(), place.key(), &bytes)?;
        Ok(Some(Record { written, value: value.to_vec() }))
    }

    fn scan(&self, kind: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let failed = |error: redb::Error| self.failed(error);
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let Some(found) = table_of(&transaction, kind).map_err(failed)? else { return Ok(()) };
        let range = (Bound::Included(prefix), Bound::Unbounded);
        let entries = found.range::<&[u8]>(range).map_err(|error| failed(error.into()))?;
        for entry in entries {
            let (key, bytes) = entry.map_err(|error| failed(error.into()))?;
            let (key, bytes) = (key.value(), bytes.value());
            if !key.starts_with(prefix) {
                break;
            }
            let (written, value) = self.decode(kind, key, bytes)?;
            if visit(Row { key, written, value }) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn size(&self) -> Result<Size, StoreError> {
        let file = self.backend.len().map_err(redb::Error::Io);
        let file = file.map_err(|error| self.failed(error))?;
        Ok(Size { used: self.used, limit: self.limit, file, free: self.free })
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        if self.stopped {
            return Err(StoreError::Stopped);
        }
        let done = self.database.compact();
        self.stopped = done.is_err();
        done.map(drop).map_err(|error| self.failed(error))
    }
}

/// How a transaction becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phases {
    /// One flush. After a crash, redb finds out by the checksums of its pages whether the last
    /// transaction is whole, and goes back to the one before when it is not.
    One,
    /// Two flushes: the pages are on disk before anything points to them.
    Two,
}

impl Phases {
    /// Joins, burn marks and partials stand between a signer and its signature, so they wait for one
    /// flush only. Their bytes are ours: nobody else can choose them so that torn pages look whole.
    fn of(batch: &Batch) -> Self {
        let is_ours =
            |place: &Place| matches!(place.table(), Table::Joins | Table::Burns | Table::Partials);
        match batch.changes().iter().all(|change| is_ours(&change.place)) {
            true => Self::One,
            false => Self::Two,
        }
    }
}

fn transact<T>(
    database: &Database,
    phases: Phases,
    commits: u64,
    change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
) -> Result<T, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(phases == Phases::Two);
    let done = change(&transaction)?;
    transaction.open_table(OWN)?.insert(COMMITS, commits.to_be_bytes().as_slice())?;
    transaction.commit()?;
    Ok(done)
}

/// Makes the changes of a batch and returns what the records take afterwards.
fn apply(transaction: &WriteTransaction, batch: &Batch, used: u64) -> Result<u64, redb::Error> {
    let mut used = used;
    for change in batch.changes() {
        let (kind, key) = (change.place.table(), change.place.key());
        let mut open = transaction.open_table(table(kind))?;
        let old = match &change.value {
            Some(value) => {
                used += room::taken(key, value.len());
                let bytes = record::encode(kind, key, batch.written(), value);
                open.insert(key, bytes.as_slice())?
            }
            None => open.remove(key)?,
        };
        let old = old.map(|old| record::value_len(old.value()));
        used = used.saturating_sub(old.map_or(0, |length| room::taken(key, length)));
    }
    Ok(used)
}
