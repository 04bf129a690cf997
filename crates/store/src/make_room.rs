//! Room for new work: what ended requests still take goes early when it is short.

use core::ops::ControlFlow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ensign_primitives::{PeerId, RequestId, UnixTime};

use crate::{Batch, Place, RESERVE_BYTES, Store, StoreError, Table, room};

/// The part of a store that is free for new work afterwards, so that the next request does not have
/// to make room again. Guess: sixteen of the largest requests.
const FREED_PART: u64 = 16;

/// Most removals in one batch, so that one batch is no larger than a few of the largest records.
const REMOVALS_PER_BATCH_MAX: usize = 1_024;

/// Removes payloads and partial signatures of requests that have ended, until new work of `wanted`
/// bytes fits, and a sixteenth of the store beyond it; returns how many records went.
///
/// Whoever takes most gives first, the oldest first: nobody's requests push out another's. What the
/// application has not received goes last. Marks and ends stay, so that nothing comes back.
///
/// - `owner`: whose request a consent is, from its bytes; what has none shares one part.
///
/// Cost: reads all consents.
///
/// # Errors
///
/// As [`Store::scan`] and [`Store::commit`]; what went before stays gone.
pub fn make_room(
    store: &mut dyn Store,
    now: UnixTime,
    wanted: u64,
    owner: &dyn Fn(&[u8]) -> Option<PeerId>,
) -> Result<usize, StoreError> {
    let size = store.size()?;
    let limit = size.limit.saturating_sub(RESERVE_BYTES.min(size.limit / 8));
    let target = limit.saturating_sub(wanted).saturating_sub(size.limit / FREED_PART);
    let mut excess = size.used.saturating_sub(target);
    let mut bulk = Bulk::read(store, owner)?;
    let mut gone = Vec::new();
    while excess > 0 {
        let Some((place, taken)) = bulk.next() else { break };
        excess = excess.saturating_sub(taken);
        gone.push(place);
    }
    for places in gone.chunks(REMOVALS_PER_BATCH_MAX) {
        let mut batch = Batch::new(now);
        places.iter().for_each(|place| batch.remove(*place));
        store.commit(&batch)?;
    }
    Ok(gone.len())
}

/// What could go, of each owner, the first to go first.
struct Bulk {
    received: BTreeMap<Option<PeerId>, Heap>,
    unreceived: BTreeMap<Option<PeerId>, Heap>,
}

#[derive(Default)]
struct Heap {
    records: VecDeque<(UnixTime, Place, u64)>,
    bytes: u64,
}

impl Bulk {
    fn read(
        store: &dyn Store,
        owner: &dyn Fn(&[u8]) -> Option<PeerId>,
    ) -> Result<Self, StoreError> {
        let ended = ended(store)?;
        let mut owners: BTreeMap<RequestId, Option<PeerId>> = BTreeMap::new();
        let mut bulk = Self { received: BTreeMap::new(), unreceived: BTreeMap::new() };
        for table in [Table::Consents, Table::Partials] {
            store.scan(table, &[], &mut |row| {
                let place = Place::found(table, row.key);
                let found = place.and_then(|place| Some((place, place.request_id()?)));
                let Some((place, id)) = found else { return ControlFlow::Continue(()) };
                let Some((end, is_received)) = ended.get(&id) else {
                    return ControlFlow::Continue(());
                };
                if table == Table::Consents {
                    owners.insert(id, owner(row.value));
                }
                let owner = owners.get(&id).copied().flatten();
                let heaps = if *is_received { &mut bulk.received } else { &mut bulk.unreceived };
                let heap = heaps.entry(owner).or_default();
                let taken = room::taken(row.key, row.value.len());
                heap.bytes += taken;
                heap.records.push_back((*end, place, taken));
                ControlFlow::Continue(())
            })?;
        }
        for heap in bulk.received.values_mut().chain(bulk.unreceived.values_mut()) {
            heap.records.make_contiguous().sort_unstable();
        }
        Ok(bulk)
    }

    /// Takes the oldest record of whoever takes most.
    fn next(&mut self) -> Option<(Place, u64)> {
        let largest = |heaps: &mut BTreeMap<Option<PeerId>, Heap>| {
            let heap = heaps.values_mut().max_by_key(|heap| heap.bytes)?;
            let (_, place, taken) = heap.records.pop_front()?;
            heap.bytes -= taken;
            Some((place, taken))
        };
        largest(&mut self.received).or_else(|| largest(&mut self.unreceived))
    }
}

/// Returns when each request ended, and whether the application needs no more of it.
fn ended(store: &dyn Store) -> Result<BTreeMap<RequestId, (UnixTime, bool)>, StoreError> {
    let mut received = BTreeSet::new();
    store.scan(Table::Marks, &[], &mut |row| {
        if crate::attempt_of(row.key) == Some(0) {
            received.extend(crate::request_of(row.key));
        }
        ControlFlow::Continue(())
    })?;
    let mut ended = BTreeMap::new();
    for table in [Table::Closed, Table::Finished] {
        store.scan(table, &[], &mut |row| {
            if let Some(id) = crate::request_of(row.key) {
                let has_all = table == Table::Closed || received.contains(&id);
                ended.insert(id, (row.written, has_all));
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    /// A quarter of a mebibyte with its page overhead fits thirty times.
    const LIMIT: u64 = 32 * 1024 * 1024;
    const BULK: usize = 900 * 1024;

    fn id(owner: u8, number: u8) -> RequestId {
        let mut bytes = [number; 32];
        bytes[0] = owner;
        RequestId::from_bytes(bytes)
    }

    fn owner(value: &[u8]) -> Option<PeerId> {
        value.first().map(|byte| PeerId::from_bytes([*byte; 32]))
    }

    fn put(store: &mut MemoryStore, at: u64, place: Place, value: &[u8]) -> Result<(), StoreError> {
        let mut batch = Batch::new(UnixTime::from_millis(at));
        batch.put(place, value).unwrap();
        store.commit(&batch)
    }

    fn has(store: &MemoryStore, owner: u8, number: u8) -> bool {
        store.get(&Place::consent(&id(owner, number))).unwrap().is_some()
    }

    /// Consents of an owner with their ends, in the order of their numbers.
    fn fill(store: &mut MemoryStore, owner: u8, numbers: core::ops::Range<u8>) {
        for number in numbers {
            let (id, at) = (id(owner, number), u64::from(number));
            put(store, at, Place::consent(&id), &vec![owner; BULK]).unwrap();
            put(store, at, Place::closed(&id), b"no").unwrap();
        }
    }

    fn make(store: &mut MemoryStore) -> usize {
        make_room(store, UnixTime::from_millis(1000), BULK as u64, &owner).unwrap()
    }

    #[test]
    fn regression_store_that_one_creator_filled_refused_everybody() {
        let mut store = MemoryStore::with_limit(LIMIT);
        fill(&mut store, 2, 0..2);
        fill(&mut store, 1, 0..25);
        let honest = Place::consent(&id(3, 0));
        let full = put(&mut store, 99, honest, &vec![3; BULK]);
        assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
        assert!(make(&mut store) > 0);
        put(&mut store, 99, honest, &vec![3; BULK]).unwrap();
        assert!(has(&store, 2, 0) && has(&store, 2, 1), "who takes little keeps it");
        assert!(!has(&store, 1, 0) && has(&store, 1, 24), "the oldest goes first");
        assert!(store.get(&Place::closed(&id(1, 0))).unwrap().is_some(), "its end stays");
    }

    #[test]
    fn what_goes_on_stays_and_what_was_not_received_goes_last() {
        let mut store = MemoryStore::with_limit(LIMIT);
        for number in 0..13 {
            put(&mut store, 0, Place::consent(&id(1, number)), &vec![1; BULK]).unwrap();
        }
        for number in 13..26 {
            put(&mut store, 0, Place::consent(&id(1, number)), &vec![1; BULK]).unwrap();
            put(&mut store, 1, Place::finished(&id(1, number)), b"signed").unwrap();
            if number > 20 {
                put(&mut store, 1, Place::mark(&id(1, number), 0), b"received").unwrap();
            }
        }
        assert!(make(&mut store) > 0);
        assert!((0..=20).all(|number| has(&store, 1, number)));
        assert!(!has(&store, 1, 21));
        for number in 13..=20 {
            put(&mut store, 1, Place::mark(&id(1, number), 0), b"received").unwrap();
        }
        let all = u64::MAX;
        make_room(&mut store, UnixTime::from_millis(1000), all, &owner).unwrap();
        assert!((0..13).all(|number| has(&store, 1, number)));
        assert!((13..26).all(|number| !has(&store, 1, number)));
    }
}
