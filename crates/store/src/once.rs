//! What stands once: marks that are never written twice, and requests that never begin again.

use std::collections::BTreeMap;

use core::ops::ControlFlow;

use ensign_primitives::RequestId;

use crate::{Batch, Change, Place, Store, StoreError, Table};

/// Why a batch is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnceError {
    /// The store refuses, or cannot.
    #[error("{0}")]
    Store(StoreError),
    /// A mark that stands once would stand twice: a nonce could be used twice.
    #[error("the mark {place:?} exists already and says something else")]
    Twice {
        /// Where.
        place: Place,
    },
    /// The request is over, or was joined before: it does not begin again.
    #[error("request {request} was joined or has ended before, and does not begin again")]
    Begun {
        /// The request.
        request: RequestId,
    },
}

impl From<StoreError> for OnceError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Commits a batch, unless it contradicts what stands in the store or earlier in the batch.
///
/// - A join, a burn mark or a partial signature is written once; the same bytes again are no
///   contradiction.
/// - A consent begins a request, unless the batch ends that too: one that is closed or finished, or of
///   which any attempt was joined, does not begin again.
/// - Nothing of a request that is closed or finished is joined.
///
/// Cost: for each such record one to four reads.
///
/// # Errors
///
/// [`OnceError::Twice`] and [`OnceError::Begun`] before anything was written; those of
/// [`Store::commit`].
pub fn commit_once(store: &mut dyn Store, batch: &Batch) -> Result<(), OnceError> {
    let mut earlier = Earlier { store, changes: BTreeMap::new() };
    for change in batch.changes() {
        earlier.check(batch, change)?;
        earlier.changes.insert(change.place, change.value.as_deref());
    }
    store.commit(batch).map_err(OnceError::Store)
}

/// The store as it is when the changes before one are made.
struct Earlier<'a> {
    store: &'a dyn Store,
    changes: BTreeMap<Place, Option<&'a [u8]>>,
}

impl Earlier<'_> {
    fn check(&self, batch: &Batch, change: &Change) -> Result<(), OnceError> {
        let (place, Some(value)) = (change.place, &change.value) else { return Ok(()) };
        let table = place.table();
        if !matches!(table, Table::Consents | Table::Joins | Table::Burns | Table::Partials) {
            return Ok(());
        }
        let Some(request) = place.request_id() else { return Ok(()) };
        if table == Table::Consents {
            let begins = !batch.ends_consent(&place);
            let is_begun = begins && (self.is_over(&request)? || self.is_joined(&request)?);
            return if is_begun { Err(OnceError::Begun { request }) } else { Ok(()) };
        }
        match self.get(&place)? {
            Some(known) if known != *value => Err(OnceError::Twice { place }),
            None if table == Table::Joins && self.is_over(&request)? => {
                Err(OnceError::Begun { request })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_over(&self, request: &RequestId) -> Result<bool, StoreError> {
        let is_closed = self.get(&Place::closed(request))?.is_some();
        Ok(is_closed || self.get(&Place::finished(request))?.is_some())
    }

    fn is_joined(&self, request: &RequestId) -> Result<bool, StoreError> {
        let mut is_joined = self.changes.iter().any(|(place, value)| {
            place.table() == Table::Joins && place.request_id() == Some(*request) && value.is_some()
        });
        self.store.scan(Table::Joins, request.as_bytes(), &mut |_| {
            is_joined = true;
            ControlFlow::Break(())
        })?;
        Ok(is_joined)
    }

    fn get(&self, place: &Place) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(place) {
            Some(changed) => Ok(changed.map(<[u8]>::to_vec)),
            None => Ok(self.store.get(place)?.map(|record| record.value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use ensign_primitives::UnixTime;

    use super::*;
    use crate::MemoryStore;

    fn id(byte: u8) -> RequestId {
        RequestId::from_bytes([byte; 32])
    }

    fn write(store: &mut MemoryStore, changes: &[(Place, &[u8])]) -> Result<(), OnceError> {
        let mut batch = Batch::new(UnixTime::from_millis(1));
        changes.iter().for_each(|(place, value)| batch.put(*place, *value).unwrap());
        commit_once(store, &batch)
    }

    #[test]
    fn regression_mark_that_says_something_else_was_never_noticed() {
        for place in [Place::join(&id(1), 1), Place::burn(&id(1), 1), Place::partial(&id(1), 1)] {
            let mut store = MemoryStore::new();
            assert_eq!(write(&mut store, &[(place, b"this")]), Ok(()));
            assert_eq!(write(&mut store, &[(place, b"this")]), Ok(()));
            assert_eq!(write(&mut store, &[(place, b"that")]), Err(OnceError::Twice { place }));
            let twice = [(place, &b"this"[..]), (place, b"that")];
            assert_eq!(write(&mut MemoryStore::new(), &twice), Err(OnceError::Twice { place }));
        }
    }

    #[test]
    fn regression_request_that_was_over_began_again() {
        let begun = Err(OnceError::Begun { request: id(1) });
        for before in [Place::closed(&id(1)), Place::finished(&id(1)), Place::join(&id(1), 3)] {
            let mut store = MemoryStore::new();
            write(&mut store, &[(before, b"before")]).unwrap();
            assert_eq!(write(&mut store, &[(Place::consent(&id(1)), b"yes")]), begun, "{before:?}");
            assert_eq!(write(&mut store, &[(Place::consent(&id(2)), b"yes")]), Ok(()));
            let at_once = [(before, &b"before"[..]), (Place::consent(&id(1)), b"yes")];
            let at_once = write(&mut MemoryStore::new(), &at_once);
            // An end and what is left of the consent come together.
            let ends = before == Place::closed(&id(1));
            assert_eq!(at_once, if ends { Ok(()) } else { begun.clone() }, "{before:?}");
        }
    }

    #[test]
    fn nothing_of_a_request_that_is_over_is_joined() {
        for end in [Place::closed(&id(1)), Place::finished(&id(1))] {
            let mut store = MemoryStore::new();
            write(&mut store, &[(Place::join(&id(1), 1), b"one"), (end, b"end")]).unwrap();
            let again = write(&mut store, &[(Place::join(&id(1), 2), b"two")]);
            assert_eq!(again, Err(OnceError::Begun { request: id(1) }));
            assert_eq!(write(&mut store, &[(Place::join(&id(1), 1), b"one")]), Ok(()));
        }
    }

    #[test]
    fn consent_and_join_may_come_together() {
        let together = [(Place::consent(&id(1)), &b"yes"[..]), (Place::join(&id(1), 1), b"one")];
        assert_eq!(write(&mut MemoryStore::new(), &together), Ok(()));
    }

    #[test]
    fn what_contradicts_is_refused_as_a_whole() {
        let mut store = MemoryStore::new();
        write(&mut store, &[(Place::closed(&id(1)), b"no")]).unwrap();
        let other = Place::consent(&id(2));
        let both = [(other, &b"yes"[..]), (Place::consent(&id(1)), b"yes")];
        assert!(write(&mut store, &both).is_err());
        assert_eq!(store.get(&other), Ok(None));
    }
}
