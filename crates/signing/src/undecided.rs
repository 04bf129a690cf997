//! Requests that ended before our user had decided about them. They leave nothing in the store that
//! could be asked, so they are remembered here, each creator's apart.

use alloc::{collections::BTreeMap, vec::Vec};

use ensign_primitives::{Occupancy, PeerId, RequestId, UnixTime};
use serde::{Deserialize, Serialize};

use crate::{Horizon, MEMBERS_MAX};

/// Most requests of one creator's that ended undecided and are remembered by name. Guess: several
/// hours of a creator that gives up as many as it may make, in 12 KiB.
pub const UNDECIDED_PER_CREATOR_MAX: usize = 256;

/// What is remembered of one creator: written down as it is, and read after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecided {
    /// Whose requests they were.
    pub creator: PeerId,
    /// No request of this creator made then or before is taken any more. Only its own requests,
    /// more than can be remembered by name, raise it.
    pub floor: UnixTime,
    /// By name, at most [`UNDECIDED_PER_CREATOR_MAX`].
    pub ended: Vec<UndecidedEnd>,
}

/// One request that ended undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UndecidedEnd {
    /// When it was made.
    pub created: UnixTime,
    /// Its name.
    pub request: RequestId,
    /// Until when it could have been signed.
    pub expires: UnixTime,
}

/// The requests of all creators.
#[derive(Debug, Default)]
pub(crate) struct UndecidedMemory(BTreeMap<PeerId, OfCreator>);

#[derive(Debug, Default)]
struct OfCreator {
    floor: UnixTime,
    names: BTreeMap<RequestId, UndecidedEnd>,
}

impl UndecidedMemory {
    /// Returns whether a request is remembered, or is no younger than what was forgotten.
    pub(crate) fn excludes(
        &self,
        creator: &PeerId,
        request: &RequestId,
        created: UnixTime,
    ) -> bool {
        let known = self.0.get(creator);
        known.is_some_and(|known| created <= known.floor || known.names.contains_key(request))
    }

    /// Remembers an end; returns what is to be written down.
    ///
    /// - `now`: by which what has expired needs no name.
    pub(crate) fn remember(
        &mut self,
        creator: PeerId,
        end: UndecidedEnd,
        (now, horizon): (UnixTime, &Horizon),
    ) -> Undecided {
        let known = self.0.entry(creator).or_default();
        known.names.insert(end.request, end);
        if known.names.len() > UNDECIDED_PER_CREATOR_MAX {
            known.names.retain(|_, it| !horizon.has_passed(now, it.created, it.expires));
        }
        known.shrink();
        let ended = known.names.values().copied().collect();
        Undecided { creator, floor: known.floor, ended }
    }

    /// Goes on from what was written down.
    pub(crate) fn restore(&mut self, kept: Undecided) {
        let known = self.0.entry(kept.creator).or_default();
        known.floor = known.floor.max(kept.floor);
        known.names.extend(kept.ended.into_iter().map(|end| (end.request, end)));
        known.shrink();
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let fullest = self.0.values().map(|known| known.names.len()).max();
        [
            Occupancy {
                name: "creators of undecided requests",
                len: self.0.len(),
                limit: MEMBERS_MAX + 1,
            },
            Occupancy {
                name: "undecided requests of a creator",
                len: fullest.unwrap_or(0),
                limit: UNDECIDED_PER_CREATOR_MAX,
            },
        ]
    }
}

impl OfCreator {
    /// Lets the oldest go, and leaves a floor where they were.
    fn shrink(&mut self) {
        while self.names.len() > UNDECIDED_PER_CREATOR_MAX {
            let Some(oldest) = self.names.values().min().copied() else { return };
            self.names.remove(&oldest.request);
            self.floor = self.floor.max(oldest.created);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATOR: PeerId = PeerId::from_bytes([1; 32]);

    fn end(number: u64) -> UndecidedEnd {
        let mut bytes = [0xff; 32];
        // Names in the reverse order of their times: the oldest is not the lowest.
        bytes[..8].copy_from_slice(&(u64::MAX - number).to_be_bytes());
        let created = UnixTime::from_millis(number);
        let (request, expires) = (RequestId::from_bytes(bytes), UnixTime::from_millis(1 << 40));
        UndecidedEnd { created, request, expires }
    }

    fn washed(count: u64, now: UnixTime) -> (UndecidedMemory, Undecided) {
        let mut memory = UndecidedMemory::default();
        let mut kept = None;
        for number in 1..=count {
            kept = Some(memory.remember(CREATOR, end(number), (now, &Horizon::default())));
        }
        (memory, kept.unwrap())
    }

    #[test]
    fn regression_what_was_washed_out_of_the_memory_came_back() {
        let (memory, kept) = washed(20_000, UnixTime::from_millis(0));
        let returns = |memory: &UndecidedMemory, it: &UndecidedEnd| {
            !memory.excludes(&CREATOR, &it.request, it.created)
        };
        assert_eq!((1..=20_000).map(end).filter(|it| returns(&memory, it)).count(), 0);
        assert!(returns(&memory, &end(20_001)), "a later one is taken");
        assert!(memory.occupancy().iter().all(Occupancy::is_within_limit));
        let mut again = UndecidedMemory::default();
        again.restore(kept);
        assert_eq!((1..=20_000).map(end).filter(|it| returns(&again, it)).count(), 0);
    }

    #[test]
    fn one_creator_raises_no_other_ones_floor() {
        let (memory, _) = washed(1000, UnixTime::from_millis(0));
        let other = PeerId::from_bytes([2; 32]);
        assert!(!memory.excludes(&other, &end(1).request, end(1).created));
    }

    #[test]
    fn what_has_expired_goes_first_and_leaves_no_floor() {
        let late = UnixTime::from_millis(1 << 41);
        let (_, kept) = washed(300, late);
        assert_eq!(kept.floor, UnixTime::from_millis(0));
    }
}
