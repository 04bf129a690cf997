//! What is kept for how long.

use core::{ops::ControlFlow, time::Duration};
use std::collections::{BTreeMap, BTreeSet};

use ensign_primitives::{RequestId, UnixTime};
use ensign_wire::REQUEST_LIFETIME_MAX;

use crate::{Batch, Place, Store, StoreError, Table};

/// How long an ended request is remembered, if no more than [`ENDED_MAX`] are.
///
/// Guess: a quarter of bookkeeping.
pub const ENDED_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Most ended requests that are remembered; older ones go, except within [`RUNNING_RETENTION`].
///
/// Guess: a request every ten minutes for the [`ENDED_RETENTION`].
pub const ENDED_MAX: usize = 10_000;

/// How long everything about a request is kept after it was written, whatever else: as long as
/// anybody could still ask about it, twice for clocks that disagree.
pub const RUNNING_RETENTION: Duration = Duration::from_secs(2 * REQUEST_LIFETIME_MAX.as_secs());

/// How long evidence is kept, if [`bound_evidence`](crate::bound_evidence) leaves it.
///
/// Guess: a year of disputes.
pub const EVIDENCE_RETENTION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long claims are kept, if there are no more than [`CLAIMS_MAX`].
pub const CLAIMS_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Most claims.
pub const CLAIMS_MAX: usize = 10_000;

/// Most peers whose addresses or behaviour are remembered; those not heard of longest go.
///
/// Guess: ten times the peers that a node is connected to.
pub const PEERS_MAX: usize = 10_000;

/// Most nodes of the open network that are remembered; those written longest ago go.
///
/// Guess: twice the places that an address book has for those who answered, so that only what a crash kept from
/// being removed goes.
pub const NEIGHBOURS_MAX: usize = 2_048;

/// Most removals in one batch, so that no other batch waits long.
const REMOVALS_PER_BATCH_MAX: usize = 1_024;

/// Removes what has had its time, and returns how many records went.
///
/// - A request that has not ended keeps everything: its consent, and the joins, marks and burn marks
///   that keep an attempt from being joined again.
/// - An ended request loses its payload and partials after [`RUNNING_RETENTION`], and its marks
///   together with the record of its end, never before.
/// - What belongs to no request that is known goes after [`RUNNING_RETENTION`].
///
/// A clock that was set back removes nothing. One that jumped ahead removes early what it would
/// have removed later, never what belongs to a request that our user consented to and that has not
/// ended.
///
/// # Errors
///
/// As [`Store::scan`] and [`Store::commit`]; what went before stays gone.
pub fn retain(store: &mut dyn Store, now: UnixTime) -> Result<usize, StoreError> {
    let known = Known::read(store, now)?;
    let mut gone = Vec::new();
    for table in OF_REQUESTS {
        visit(store, table, |written, place| {
            let Some(id) = place.request_id() else { return };
            if known.has_had_its_time(table, &id, written) {
                gone.push(place);
            }
        })?;
    }
    for (table, retention, most) in OF_PEERS {
        let mut found = Vec::new();
        visit(store, table, |written, place| found.push((written, place)))?;
        found.sort_by(|one, other| other.cmp(one));
        let surplus = found
            .into_iter()
            .enumerate()
            .filter(|(rank, (written, _))| *rank >= most || now.since(*written) > retention);
        gone.extend(surplus.map(|(_, (_, place))| place));
    }
    for places in gone.chunks(REMOVALS_PER_BATCH_MAX) {
        let mut batch = Batch::new(now);
        places.iter().for_each(|place| batch.remove(*place));
        store.commit(&batch)?;
    }
    Ok(gone.len())
}

/// In the order in which they go: a consent must never outlive the end of its request, or the
/// request would go on.
const OF_REQUESTS: [Table; 11] = [
    Table::Requests,
    Table::Consents,
    Table::Decisions,
    Table::Shown,
    Table::Partials,
    Table::Joins,
    Table::Marks,
    Table::Burns,
    Table::Outlines,
    Table::Finished,
    Table::Closed,
];

const OF_PEERS: [(Table, Duration, usize); 6] = [
    // Its number is bounded by whom it is about.
    (Table::Evidence, EVIDENCE_RETENTION, usize::MAX),
    (Table::Claims, CLAIMS_RETENTION, CLAIMS_MAX),
    (Table::Addresses, Duration::MAX, PEERS_MAX),
    (Table::Reputation, Duration::MAX, PEERS_MAX),
    // A node that was off for months has nobody else to ask.
    (Table::Neighbours, Duration::MAX, NEIGHBOURS_MAX),
    // Nothing in it can be signed any more.
    (Table::Undecided, RUNNING_RETENTION, PEERS_MAX),
];

/// What is known about requests.
struct Known {
    now: UnixTime,
    consented: BTreeSet<RequestId>,
    /// When they ended; the later time of a request that failed and got its signatures afterwards.
    ended: BTreeMap<RequestId, UnixTime>,
    forgotten: BTreeSet<RequestId>,
}

impl Known {
    fn read(store: &dyn Store, now: UnixTime) -> Result<Self, StoreError> {
        let (mut consented, mut ended) = (BTreeSet::new(), BTreeMap::new());
        visit(store, Table::Consents, |_, place| consented.extend(place.request_id()))?;
        for table in [Table::Finished, Table::Closed] {
            visit(store, table, |written, place| {
                let Some(id) = place.request_id() else { return };
                let end = ended.entry(id).or_insert(written);
                *end = written.max(*end);
            })?;
        }
        let mut newest: Vec<_> = ended.iter().map(|(id, end)| (*end, *id)).collect();
        newest.sort_by(|one, other| other.cmp(one));
        let forgotten = newest.into_iter().enumerate().filter(|(rank, (end, _))| {
            let age = now.since(*end);
            age > RUNNING_RETENTION && (*rank >= ENDED_MAX || age > ENDED_RETENTION)
        });
        let forgotten = forgotten.map(|(_, (_, id))| id).collect();
        Ok(Self { now, consented, ended, forgotten })
    }

    fn has_had_its_time(&self, table: Table, id: &RequestId, written: UnixTime) -> bool {
        if self.forgotten.contains(id) {
            return true;
        }
        let is_old = |since| self.now.since(since) > RUNNING_RETENTION;
        match self.ended.get(id) {
            Some(end) => {
                let is_bulk = matches!(
                    table,
                    Table::Requests
                        | Table::Consents
                        | Table::Decisions
                        | Table::Shown
                        | Table::Partials
                );
                is_bulk && is_old(*end)
            }
            // What our user never decided about is told as long as what ended.
            None if table == Table::Outlines => {
                !self.consented.contains(id) && self.now.since(written) > ENDED_RETENTION
            }
            None => !self.consented.contains(id) && is_old(written),
        }
    }
}

fn visit(
    store: &dyn Store,
    table: Table,
    mut each: impl FnMut(UnixTime, Place),
) -> Result<(), StoreError> {
    store.scan(table, &[], &mut |row| {
        if let Some(place) = Place::found(table, row.key) {
            each(row.written, place);
        }
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use ensign_primitives::PeerId;

    use super::*;
    use crate::MemoryStore;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn put(store: &mut MemoryStore, day: u64, places: &[Place]) {
        let mut batch = Batch::new(UnixTime::from_millis(day * DAY));
        places.iter().for_each(|place| batch.put(*place, []).unwrap());
        store.commit(&batch).unwrap();
    }

    fn id(byte: u8) -> RequestId {
        RequestId::from_bytes([byte; 32])
    }

    fn left(store: &MemoryStore) -> Vec<Place> {
        let mut left = Vec::new();
        for table in Table::ALL {
            visit(store, table, |_, place| left.push(place)).unwrap();
        }
        left
    }

    fn everything(id: &RequestId) -> [Place; 7] {
        [
            Place::request(id),
            Place::consent(id),
            Place::join(id, 1),
            Place::mark(id, 1),
            Place::burn(id, 1),
            Place::partial(id, 1),
            Place::shown(id),
        ]
    }

    fn check(store: &mut MemoryStore, day: u64, expected: &[Place]) {
        retain(store, UnixTime::from_millis(day * DAY)).unwrap();
        assert_eq!(left(store), expected);
    }

    #[test]
    fn request_that_goes_on_keeps_everything_for_ever() {
        let mut store = MemoryStore::new();
        put(&mut store, 0, &everything(&id(1)));
        check(&mut store, 10_000, &everything(&id(1)));
    }

    #[test]
    fn ended_request_loses_its_bulk_after_two_days_and_its_marks_with_its_end() {
        let mut store = MemoryStore::new();
        put(&mut store, 0, &everything(&id(1)));
        put(&mut store, 10, &[Place::finished(&id(1))]);
        let mut all = [&everything(&id(1))[..], &[Place::finished(&id(1))]].concat();
        all.sort();
        check(&mut store, 12, &all);
        let marks = [Place::join(&id(1), 1), Place::mark(&id(1), 1), Place::burn(&id(1), 1)];
        let marks = [&marks[..], &[Place::finished(&id(1))]].concat();
        check(&mut store, 13, &marks);
        check(&mut store, 100, &marks);
        check(&mut store, 101, &[]);
    }

    #[test]
    fn later_end_of_a_request_with_two_is_what_counts() {
        let mut store = MemoryStore::new();
        put(&mut store, 0, &[Place::closed(&id(1))]);
        put(&mut store, 50, &[Place::finished(&id(1))]);
        check(&mut store, 100, &[Place::finished(&id(1)), Place::closed(&id(1))]);
        check(&mut store, 141, &[]);
    }

    #[test]
    fn marks_of_nothing_that_is_known_go_after_two_days() {
        let mut store = MemoryStore::new();
        put(&mut store, 0, &[Place::request(&id(1)), Place::burn(&id(2), 1)]);
        check(&mut store, 2, &[Place::request(&id(1)), Place::burn(&id(2), 1)]);
        check(&mut store, 3, &[]);
    }

    #[test]
    fn outline_of_a_request_that_nobody_decided_about_is_kept_as_long_as_an_end() {
        let mut store = MemoryStore::new();
        let outlines = [Place::outline(&id(1)), Place::outline(&id(2))];
        put(&mut store, 0, &[Place::closed(&id(1)), outlines[0], outlines[1]]);
        check(&mut store, 90, &[Place::closed(&id(1)), outlines[0], outlines[1]]);
        check(&mut store, 91, &[]);
    }

    #[test]
    fn clock_that_was_set_back_removes_nothing() {
        let mut store = MemoryStore::new();
        let places = [Place::burn(&id(1), 1), Place::closed(&id(2)), Place::claim(&[1; 32])];
        put(&mut store, 1_000, &places);
        check(&mut store, 0, &places);
    }

    #[test]
    fn number_of_ended_requests_is_bounded_except_for_new_ones() {
        let mut store = MemoryStore::new();
        let ids = (0..ENDED_MAX as u32 + 5).map(|number| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            Place::finished(&RequestId::from_bytes(bytes))
        });
        let ids: Vec<_> = ids.collect();
        put(&mut store, 0, &ids[..5]);
        put(&mut store, 5, &ids[5..]);
        check(&mut store, 2, &ids);
        check(&mut store, 6, &ids[5..]);
    }

    #[test]
    fn nodes_of_the_open_network_stay_until_there_are_too_many() {
        let mut store = MemoryStore::new();
        let peers = (0..NEIGHBOURS_MAX as u32 + 3).map(|number| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            Place::neighbour(&PeerId::from_bytes(bytes))
        });
        let peers: Vec<_> = peers.collect();
        let anchors = Place::overlay("anchors");
        put(&mut store, 0, &[anchors]);
        put(&mut store, 0, &peers[3..]);
        let all = [&peers[3..], &[anchors]].concat();
        check(&mut store, 10_000, &all);
        put(&mut store, 1, &peers[..3]);
        put(&mut store, 1, &peers[6..]);
        check(&mut store, 10_000, &[&peers[..3], &peers[6..], &[anchors]].concat());
    }

    #[test]
    fn evidence_goes_after_a_year() {
        let mut store = MemoryStore::new();
        put(&mut store, 0, &[Place::evidence(&[1; 32])]);
        put(&mut store, 1, &[Place::evidence(&[2; 32])]);
        check(&mut store, 366, &[Place::evidence(&[2; 32])]);
    }
}
