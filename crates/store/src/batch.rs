//! Changes that happen together or not at all.

use ensign_primitives::UnixTime;

use crate::{Place, StoreError, Table};

/// Changes that [`Store::commit`](crate::Store::commit) makes together.
///
/// A place that is named twice holds what was named last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    written: UnixTime,
    changes: Vec<Change>,
}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub place: Place,
    /// What is there from now on; `None` for nothing.
    pub value: Option<Vec<u8>>,
}

impl Batch {
    /// An empty batch.
    ///
    /// - `written`: the time that its records carry, for retention and for people.
    pub const fn new(written: UnixTime) -> Self {
        Self { written, changes: Vec::new() }
    }

    /// Writes a record in place of what was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`] above [`Table::value_bytes_max`](crate::Table::value_bytes_max); the
    /// batch is unchanged then.
    pub fn put(&mut self, place: Place, value: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        let (value, table) = (value.into(), place.table());
        if value.len() > table.value_bytes_max() {
            let (seen, limit) = (value.len(), table.value_bytes_max());
            return Err(StoreError::TooLarge { table, seen, limit });
        }
        self.changes.push(Change { place, value: Some(value) });
        Ok(())
    }

    /// Removes a record, if there is one.
    pub fn remove(&mut self, place: Place) {
        self.changes.push(Change { place, value: None });
    }

    /// Appends the changes of another batch; their records carry this batch's time.
    pub fn append(&mut self, other: Self) {
        self.changes.extend(other.changes);
    }

    /// Returns the time that its records carry.
    pub const fn written(&self) -> UnixTime {
        self.written
    }

    /// Returns the changes, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether there is nothing to change.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether any of it is new work, which a store that is nearly full refuses. The consent of a request
    /// that ends with it is none.
    pub fn is_new_work(&self) -> bool {
        let is_new = |it: &Change| it.value.is_some() && it.place.table().is_new_work();
        self.changes.iter().any(|change| is_new(change) && !self.ends_consent(&change.place))
    }

    /// Whether a place is the consent of a request that ends here.
    pub(crate) fn ends_consent(&self, place: &Place) -> bool {
        let request = place.request_id().filter(|_| place.table() == Table::Consents);
        request.is_some_and(|request| {
            let closed = Place::closed(&request);
            self.changes.iter().any(|it| it.place == closed && it.value.is_some())
        })
    }
}
