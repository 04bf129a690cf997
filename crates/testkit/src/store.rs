//! The contract of a [`Store`] as checks that run on any implementation.
//!
//! ```
//! use ensign_store::MemoryStore;
//!
//! ensign_testkit::store::conformance(MemoryStore::new);
//! let kept = MemoryStore::new();
//! ensign_testkit::store::conformance_when_reopened(|| kept.clone());
//! ```

use std::{collections::BTreeMap, ops::ControlFlow};

use ensign_primitives::{PeerId, RequestId, UnixTime};
use ensign_store::{Batch, Change, Place, Record, Store, StoreError, Table};
use proptest::{prelude::*, test_runner::TestRunner};

/// What a store must hold, kept the simplest way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model(BTreeMap<Place, Record>);

impl Model {
    /// Makes the changes of a batch.
    pub fn apply(&mut self, batch: &Batch) {
        for Change { place, value } in batch.changes() {
            match value {
                Some(value) => {
                    let record = Record { written: batch.written(), value: value.clone() };
                    self.0.insert(*place, record);
                }
                None => {
                    self.0.remove(place);
                }
            }
        }
    }

    /// Reads everything that a store holds.
    ///
    /// # Panics
    ///
    /// When the store fails to read, shows keys out of order, or shows one that it cannot read alone.
    pub fn of(store: &dyn Store) -> Self {
        let mut found = BTreeMap::new();
        for table in Table::ALL {
            let mut last = None;
            let scanned = store.scan(table, &[], &mut |row| {
                let place = Place::found(table, row.key).expect("a key within its bound");
                assert!(last < Some(place), "{table}: {place:?} after {last:?}");
                last = Some(place);
                let record = Record { written: row.written, value: row.value.to_vec() };
                assert_eq!(store.get(&place).as_ref(), Ok(&Some(record.clone())), "{place:?}");
                found.insert(place, record);
                ControlFlow::Continue(())
            });
            assert_eq!(scanned, Ok(()), "{table} cannot be read");
        }
        Self(found)
    }
}

/// Checks that an implementation keeps the contract while it is open.
///
/// - `make`: returns an empty store each time.
///
/// # Panics
///
/// When it does not, with what was promised.
pub fn conformance<S: Store>(make: impl Fn() -> S) {
    empty_store_has_nothing(&mut make());
    every_table_keeps_its_records_apart(&mut make());
    last_change_of_a_place_holds(&mut make());
    scan_goes_by_prefix_and_stops(&mut make());
    values_up_to_their_bound_are_kept(&mut make());
    removing_makes_room(&mut make());
    holds_what_a_map_holds(&make);
}

/// Checks that an implementation keeps everything when it is opened again.
///
/// - `open`: opens the same store each time, empty at first; the one before is dropped by then.
///
/// # Panics
///
/// When it does not, with what was promised.
pub fn conformance_when_reopened<S: Store>(open: impl Fn() -> S) {
    let mut model = Model::default();
    for batch in history() {
        let mut store = open();
        assert_eq!(Model::of(&store), model, "an acknowledged batch is there after opening again");
        assert_eq!(store.commit(&batch), Ok(()));
        model.apply(&batch);
    }
    let mut store = open();
    assert_eq!(Model::of(&store), model);
    assert_eq!(store.compact(), Ok(()));
    assert_eq!(Model::of(&store), model, "compaction changes nothing");
    drop(store);
    assert_eq!(Model::of(&open()), model, "compaction changes nothing");
}

/// A few sessions as a node writes them: requests, consents, joins, burn marks, partials, ends.
///
/// # Panics
///
/// Never: each value is within its bound.
pub fn history() -> Vec<Batch> {
    let mut batches = Vec::new();
    for number in 1..=6_u8 {
        let (id, time) = (RequestId::from_bytes([number; 32]), u64::from(number) * 1_000);
        let batch = |changes: &[(Place, Option<usize>)]| {
            let mut batch = Batch::new(UnixTime::from_millis(time));
            for (place, length) in changes {
                match length {
                    Some(length) => {
                        let value = vec![number; *length];
                        batch.put(*place, value).expect("a value within its bound");
                    }
                    None => batch.remove(*place),
                }
            }
            batch
        };
        let payload = usize::from(number) * 3_000;
        batches
            .push(batch(&[(Place::request(&id), Some(300)), (Place::consent(&id), Some(payload))]));
        batches.push(batch(&[(Place::join(&id, 1), Some(10)), (Place::mark(&id, 1), Some(0))]));
        batches.push(batch(&[(Place::burn(&id, 1), Some(100))]));
        batches.push(batch(&[(Place::partial(&id, 1), Some(200))]));
        batches.push(batch(&[
            (Place::finished(&id), Some(64)),
            (Place::request(&id), None),
            (Place::consent(&id), None),
        ]));
    }
    batches
}

fn empty_store_has_nothing(store: &mut dyn Store) {
    assert_eq!(Model::of(store), Model::default(), "a store that was just made is empty");
    assert_eq!(store.get(&Place::meta("nothing")), Ok(None));
    assert_eq!(store.commit(&Batch::new(UnixTime::default())), Ok(()), "an empty batch is nothing");
    assert_eq!(store.compact(), Ok(()));
}

fn every_table_keeps_its_records_apart(store: &mut dyn Store) {
    let (id, peer) = (RequestId::from_bytes([7; 32]), PeerId::from_bytes([7; 32]));
    let places = [
        Place::request(&id),
        Place::consent(&id),
        Place::join(&id, 1),
        Place::mark(&id, 1),
        Place::burn(&id, 1),
        Place::partial(&id, 1),
        Place::finished(&id),
        Place::closed(&id),
        Place::evidence(&[7; 32]),
        Place::claim(&[7; 32]),
        Place::addresses(&peer),
        Place::reputation(&peer),
        Place::neighbour(&peer),
        Place::meta("name"),
        Place::overlay("name"),
    ];
    let mut batch = Batch::new(UnixTime::from_millis(5));
    for (number, place) in (0_u8..).zip(places) {
        batch.put(place, [number]).expect("a value within its bound");
    }
    assert_eq!(store.commit(&batch), Ok(()));
    for (number, place) in (0_u8..).zip(places) {
        let record = Record { written: UnixTime::from_millis(5), value: vec![number] };
        assert_eq!(store.get(&place), Ok(Some(record)), "{place:?}");
    }
}

fn last_change_of_a_place_holds(store: &mut dyn Store) {
    let (kept, gone) = (Place::meta("kept"), Place::meta("gone"));
    let mut batch = Batch::new(UnixTime::from_millis(1));
    for value in [&b"one"[..], b"two"] {
        batch.put(kept, value).expect("a value within its bound");
        batch.put(gone, value).expect("a value within its bound");
    }
    batch.remove(gone);
    batch.remove(Place::meta("never there"));
    assert_eq!(store.commit(&batch), Ok(()));
    let value = store.get(&kept).map(|record| record.map(|record| record.value));
    assert_eq!(value, Ok(Some(b"two".to_vec())));
    assert_eq!(store.get(&gone), Ok(None));
}

fn scan_goes_by_prefix_and_stops(store: &mut dyn Store) {
    let [first, second] = [1, 2].map(|byte| RequestId::from_bytes([byte; 32]));
    let mut batch = Batch::new(UnixTime::default());
    for attempt in [1, 2, 256, 3] {
        batch.put(Place::burn(&first, attempt), []).expect("a value within its bound");
        batch.put(Place::burn(&second, attempt), []).expect("a value within its bound");
    }
    assert_eq!(store.commit(&batch), Ok(()));
    let attempts = |prefix: &[u8], most: usize| {
        let mut seen = Vec::new();
        let scanned = store.scan(Table::Burns, prefix, &mut |row| {
            seen.push(ensign_store::attempt_of(row.key));
            if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert_eq!(scanned, Ok(()));
        seen
    };
    assert_eq!(attempts(first.as_bytes(), 99), [1, 2, 3, 256].map(Some));
    assert_eq!(attempts(second.as_bytes(), 2), [1, 2].map(Some));
    assert_eq!(attempts(&[3], 99), []);
    assert_eq!(attempts(&[], 99).len(), 8);
}

fn values_up_to_their_bound_are_kept(store: &mut dyn Store) {
    for table in Table::ALL {
        let place = Place::found(table, &[1; 34]).expect("a key within its bound");
        let limit = table.value_bytes_max();
        let mut batch = Batch::new(UnixTime::default());
        let refused = batch.put(place, vec![1; limit + 1]);
        assert_eq!(refused, Err(StoreError::TooLarge { table, seen: limit + 1, limit }));
        assert!(batch.is_empty(), "a value that was refused is in the batch");
        batch.put(place, vec![1; limit]).expect("a value at its bound");
        assert_eq!(store.commit(&batch), Ok(()));
        let length = store.get(&place).map(|record| record.map(|record| record.value.len()));
        assert_eq!(length, Ok(Some(limit)), "{table}");
    }
}

fn removing_makes_room(store: &mut dyn Store) {
    let used = |store: &dyn Store| store.size().expect("a size").used;
    let (place, empty) = (Place::meta("name"), used(store));
    for value in [vec![1; 10], vec![1; 9_000], vec![1; 100]] {
        let mut batch = Batch::new(UnixTime::default());
        batch.put(place, value).expect("a value within its bound");
        assert_eq!(store.commit(&batch), Ok(()));
        assert!(used(store) > empty, "a record takes no room");
    }
    let mut batch = Batch::new(UnixTime::default());
    batch.remove(place);
    assert_eq!(store.commit(&batch), Ok(()));
    assert_eq!(used(store), empty, "a record that was removed still takes room");
}

fn holds_what_a_map_holds<S: Store>(make: &impl Fn() -> S) {
    let config =
        ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&batches(), |batches| {
        let (mut store, mut model) = (make(), Model::default());
        for batch in batches {
            prop_assert_eq!(store.commit(&batch), Ok(()));
            model.apply(&batch);
            prop_assert_eq!(Model::of(&store), model.clone());
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("the store does not hold what a map holds: {failure}");
    }
}

/// Batches of few places, so that they meet.
fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let place = (0..Table::ALL.len(), 0_u8..3, 0_u8..3).prop_map(|(table, first, second)| {
        let table = Table::ALL.get(table).copied().unwrap_or(Table::Meta);
        Place::found(table, &[first, second]).expect("a key within its bound")
    });
    let value = prop_oneof![
        Just(None),
        (any::<u8>(), 0_usize..40).prop_map(|(byte, length)| Some(vec![byte; length])),
        (any::<u8>(), 4_000_usize..9_000).prop_map(|(byte, length)| Some(vec![byte; length])),
    ];
    let changes = prop::collection::vec((place, value), 1..6);
    let batch = (any::<u64>(), changes).prop_map(|(time, changes)| {
        let mut batch = Batch::new(UnixTime::from_millis(time));
        for (place, value) in changes {
            match value {
                Some(value) => batch.put(place, value).expect("a value within its bound"),
                None => batch.remove(place),
            }
        }
        batch
    });
    prop::collection::vec(batch, 1..8)
}
