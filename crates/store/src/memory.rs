//! A store that lives as long as its process, for tests and simulations.

use core::ops::ControlFlow;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Batch, Place, Record, Row, STORE_BYTES_MAX, Size, Store, StoreError, Table, Visit,
    room::{self, Room},
};

/// A store in memory.
///
/// Clones share their content, so that a node that is started again with a clone finds what the node
/// before it had committed. It keeps the contract except for the crash of its process.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
    limit: u64,
}

#[derive(Debug, Default)]
struct Content {
    records: BTreeMap<Place, Record>,
    used: u64,
}

impl Content {
    fn matching(&self, table: Table, prefix: &[u8]) -> Vec<(Place, Record)> {
        let records = self.records.iter();
        records
            .filter(|(place, _)| place.table() == table && place.key().starts_with(prefix))
            .map(|(place, record)| (*place, record.clone()))
            .collect()
    }
}

impl MemoryStore {
    /// An empty store of the usual size.
    pub fn new() -> Self {
        Self::with_limit(STORE_BYTES_MAX)
    }

    /// An empty store.
    ///
    /// - `limit`: how many bytes the records may take.
    pub fn with_limit(limit: u64) -> Self {
        Self { content: Arc::default(), limit }
    }

    /// Takes the content. A thread that panicked in between cannot have left half a batch.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut content = self.content();
        Room { used: content.used, limit: self.limit, free: None }.admit(batch)?;
        for change in batch.changes() {
            let old = match &change.value {
                Some(value) => {
                    content.used += room::taken(change.place.key(), value.len());
                    let record = Record { written: batch.written(), value: value.clone() };
                    content.records.insert(change.place, record)
                }
                None => content.records.remove(&change.place),
            };
            let freed = old.map_or(0, |old| room::taken(change.place.key(), old.value.len()));
            content.used = content.used.saturating_sub(freed);
        }
        Ok(())
    }

    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        Ok(self.content().records.get(place).cloned())
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        // A copy, so that `visit` may read the store.
        let found = self.content().matching(table, prefix);
        for (place, record) in &found {
            let row = Row { key: place.key(), written: record.written, value: &record.value };
            if visit(row) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn size(&self) -> Result<Size, StoreError> {
        Ok(Size { used: self.content().used, limit: self.limit, file: 0, free: None })
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
