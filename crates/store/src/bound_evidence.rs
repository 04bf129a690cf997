//! How much evidence is kept, and whose gives way: one culprit's never hides another's.

use core::ops::ControlFlow;
use std::collections::BTreeMap;

use ensign_primitives::{PeerId, UnixTime};

use crate::{Batch, Place, Store, StoreError, Table, room};

/// Most pieces of evidence about one culprit. Guess: two make the worst score, and two more show that it goes
/// on.
pub const EVIDENCE_OF_ONE_MAX: usize = 4;

/// Most pieces of evidence in all. Guess: a few about each member of large groups, or 4 MiB of the usual 4 KiB.
pub const EVIDENCE_MAX: usize = 1_000;

/// Which part of a store evidence may take. Guess: 16 to 32 of the largest in the usual 256 MiB.
pub const EVIDENCE_PART: u64 = 8;

/// Most removals in one batch, so that no other batch waits long.
const REMOVALS_PER_BATCH_MAX: usize = 1_024;

/// Whether there is more evidence than [`EVIDENCE_MAX`] pieces, or more than its part of the store.
///
/// Cost: reads all evidence.
///
/// # Errors
///
/// As [`Store::scan`].
pub fn has_too_much_evidence(store: &dyn Store) -> Result<bool, StoreError> {
    let (mut count, mut bytes) = (0, 0);
    store.scan(Table::Evidence, &[], &mut |row| {
        (count, bytes) = (count + 1, bytes + room::taken(row.key, row.value.len()));
        ControlFlow::Continue(())
    })?;
    Ok(count > EVIDENCE_MAX || bytes > part(store)?)
}

/// Removes evidence beyond [`EVIDENCE_OF_ONE_MAX`] of one culprit, [`EVIDENCE_MAX`] in all and its part of the
/// store; returns how many pieces went.
///
/// The latest of whoever's takes most goes, so that everybody's first is the last to go: nobody's only piece
/// gives way while there are two of somebody else.
///
/// - `culprit`: whom evidence is about, from its bytes. What has none, since an earlier version wrote it, gives
///   way as if it were about one, and its number is not bounded by itself.
///
/// Cost: reads all evidence.
///
/// # Errors
///
/// As [`Store::scan`] and [`Store::commit`]; what went before stays gone.
pub fn bound_evidence(
    store: &mut dyn Store,
    now: UnixTime,
    culprit: &dyn Fn(&[u8]) -> Option<PeerId>,
) -> Result<usize, StoreError> {
    let mut heaps = BTreeMap::<Option<PeerId>, Heap>::new();
    store.scan(Table::Evidence, &[], &mut |row| {
        if let Some(place) = Place::found(Table::Evidence, row.key) {
            let taken = room::taken(row.key, row.value.len());
            let heap = heaps.entry(culprit(row.value)).or_default();
            heap.bytes += taken;
            heap.pieces.push((row.written, place, taken));
        }
        ControlFlow::Continue(())
    })?;
    let mut gone = Vec::new();
    for (culprit, heap) in &mut heaps {
        heap.pieces.sort_unstable();
        while culprit.is_some() && heap.pieces.len() > EVIDENCE_OF_ONE_MAX {
            gone.extend(heap.pop());
        }
    }
    let limit = part(store)?;
    while heaps.values().map(|heap| heap.pieces.len()).sum::<usize>() > EVIDENCE_MAX
        || heaps.values().map(|heap| heap.bytes).sum::<u64>() > limit
    {
        let most = heaps.values_mut().max_by_key(|heap| (heap.pieces.len() > 1, heap.bytes));
        let Some(place) = most.and_then(Heap::pop) else { break };
        gone.push(place);
    }
    for places in gone.chunks(REMOVALS_PER_BATCH_MAX) {
        let mut batch = Batch::new(now);
        places.iter().for_each(|place| batch.remove(*place));
        store.commit(&batch)?;
    }
    Ok(gone.len())
}

/// What is kept about one culprit, the oldest first.
#[derive(Default)]
struct Heap {
    pieces: Vec<(UnixTime, Place, u64)>,
    bytes: u64,
}

impl Heap {
    /// Takes the latest.
    fn pop(&mut self) -> Option<Place> {
        let (_, place, taken) = self.pieces.pop()?;
        self.bytes -= taken;
        Some(place)
    }
}

fn part(store: &dyn Store) -> Result<u64, StoreError> {
    Ok(store.size()?.limit / EVIDENCE_PART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    const KIB: usize = 1024;
    /// Half a mebibyte of it is for evidence.
    const LIMIT: u64 = 4 << 20;

    fn culprit(value: &[u8]) -> Option<PeerId> {
        value.first().filter(|byte| **byte > 0).map(|byte| PeerId::from_bytes([*byte; 32]))
    }

    fn put(store: &mut MemoryStore, at: u64, of: u8, bytes: usize) {
        let mut digest = [of; 32];
        digest[..8].copy_from_slice(&at.to_be_bytes());
        let mut batch = Batch::new(UnixTime::from_millis(at));
        batch.put(Place::evidence(&digest), vec![of; bytes]).unwrap();
        store.commit(&batch).unwrap();
    }

    /// Whose is left, and when it was written.
    fn left(store: &MemoryStore) -> Vec<(u64, u8)> {
        let mut left = Vec::new();
        let each = &mut |row: crate::Row<'_>| {
            left.push((row.written.as_millis(), row.value[0]));
            ControlFlow::Continue(())
        };
        store.scan(Table::Evidence, &[], each).unwrap();
        left
    }

    fn bound(store: &mut MemoryStore) -> usize {
        bound_evidence(store, UnixTime::from_millis(9_000), &culprit).unwrap()
    }

    #[test]
    fn one_culprits_first_four_are_kept() {
        let mut store = MemoryStore::with_limit(LIMIT);
        (0..9).for_each(|at| put(&mut store, at, 1, KIB));
        put(&mut store, 9, 2, KIB);
        assert!(!has_too_much_evidence(&store).unwrap());
        assert_eq!(bound(&mut store), 5);
        assert_eq!(left(&store), [(0, 1), (1, 1), (2, 1), (3, 1), (9, 2)]);
        assert_eq!(bound(&mut store), 0);
    }

    #[test]
    fn beyond_the_part_of_the_store_second_ones_give_way_before_anybodys_only_one() {
        let mut store = MemoryStore::with_limit(LIMIT);
        put(&mut store, 0, 3, 200 * KIB);
        (1..4).for_each(|at| put(&mut store, at, 1, 60 * KIB));
        (4..8).for_each(|at| put(&mut store, at, 2, 60 * KIB));
        assert!(has_too_much_evidence(&store).unwrap());
        assert_eq!(bound(&mut store), 3);
        assert_eq!(left(&store), [(0, 3), (1, 1), (2, 1), (4, 2), (5, 2)]);
        assert!(!has_too_much_evidence(&store).unwrap());
    }

    #[test]
    fn where_everybody_has_one_the_largest_give_way() {
        let mut store = MemoryStore::with_limit(LIMIT);
        put(&mut store, 0, 9, 4 * KIB);
        (1..5).for_each(|of| put(&mut store, of.into(), of, 120 * KIB));
        assert_eq!(bound(&mut store), 1);
        assert_eq!(left(&store).len(), 4);
        assert_eq!(left(&store)[0], (0, 9));
    }

    #[test]
    fn number_is_bounded_and_what_nobody_can_read_gives_way_as_one() {
        let mut store = MemoryStore::new();
        put(&mut store, 0, 1, 9);
        (1..EVIDENCE_MAX as u64 + 3).for_each(|at| put(&mut store, at, 0, 9));
        assert!(has_too_much_evidence(&store).unwrap());
        assert_eq!(bound(&mut store), 3);
        assert_eq!(left(&store)[..2], [(0, 1), (1, 0)]);
        assert_eq!(left(&store).len(), EVIDENCE_MAX);
    }
}
