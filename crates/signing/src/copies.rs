//! Two processes with one identity, seen by a third: each has drawn a number of its own when it
//! started, and numbers that were gone come back.
//!
//! A node that restarts shows a new number each time and never an earlier one, so that no number of
//! restarts is taken for a copy.

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use ensign_primitives::{Instant, Occupancy, PeerId};

use crate::MEMBERS_MAX;

/// Within which time a number has to come back. Two processes that push each other off do so within
/// seconds; dialling pauses for half a minute at most.
pub const COPY_WINDOW: Duration = Duration::from_secs(60);
/// Most numbers of one node that are remembered. Guess: a few copies, and restarts between them.
const INSTANCES_MAX: usize = 4;

/// The last numbers of each member.
#[derive(Debug, Default)]
pub(crate) struct Instances(BTreeMap<PeerId, Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The latest last.
    numbers: VecDeque<([u8; 8], Instant)>,
    /// The last one, however long ago.
    latest: Option<[u8; 8]>,
    told_at: Option<Instant>,
    /// When another number came for the last time.
    changed_at: Option<Instant>,
}

impl Instances {
    /// Notes the number that a member said; returns whether it shows a copy, once in each
    /// [`COPY_WINDOW`].
    pub(crate) fn see(&mut self, peer: PeerId, number: [u8; 8], now: Instant) -> bool {
        let seen = self.0.entry(peer).or_default();
        seen.numbers.retain(|(_, at)| now.since(*at) <= COPY_WINDOW);
        let known = seen.numbers.iter().position(|(known, _)| *known == number);
        if seen.latest.is_some_and(|latest| latest != number) {
            seen.changed_at = Some(now);
        }
        seen.latest = Some(number);
        let is_latest = known.is_some_and(|at| at + 1 == seen.numbers.len());
        if let Some(at) = known {
            seen.numbers.remove(at);
        }
        if seen.numbers.len() >= INSTANCES_MAX {
            seen.numbers.pop_front();
        }
        seen.numbers.push_back((number, now));
        let was_told = seen.told_at.is_some_and(|at| now.since(at) <= COPY_WINDOW);
        let is_copy = known.is_some() && !is_latest && !was_told;
        if is_copy {
            seen.told_at = Some(now);
        }
        is_copy
    }

    /// Returns the last number that a member said.
    pub(crate) fn latest(&self, peer: &PeerId) -> Option<[u8; 8]> {
        self.0.get(peer)?.latest
    }

    /// Returns whether a member was seen to restart after a moment.
    pub(crate) fn has_restarted_since(&self, peer: &PeerId, moment: Instant) -> bool {
        let changed_at = self.0.get(peer).and_then(|seen| seen.changed_at);
        changed_at.is_some_and(|at| at > moment)
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { name: "members that told their process", len: self.0.len(), limit: MEMBERS_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId::from_bytes([1; 32]);

    /// Which of the hellos, each this many seconds after the one before it, shows a copy.
    fn check(numbers: &str, pause: u64) -> alloc::vec::Vec<usize> {
        let mut instances = Instances::default();
        let at = |position: usize| Instant::from_micros(position as u64 * pause * 1_000_000);
        let shows = |(position, number): (usize, u8)| {
            instances.see(PEER, [number; 8], at(position)).then_some(position)
        };
        numbers.bytes().enumerate().filter_map(shows).collect()
    }

    #[test]
    fn regression_restarts_were_taken_for_a_copy() {
        assert_eq!(check("ABCDEFGHIJKL", 2), []);
        assert_eq!(check("AAAAAABBBBBB", 2), [], "connections of one process that break");
    }

    #[test]
    fn two_processes_that_alternate_are_told_once_a_minute() {
        assert_eq!(check("ABABAB", 2), [2]);
        assert_eq!(check(&"AB".repeat(35), 2), [2, 33, 64]);
        assert_eq!(check("ABCAB", 2), [3], "three are seen too");
    }

    #[test]
    fn number_that_comes_back_after_a_minute_is_a_machine_that_slept() {
        assert_eq!(check("ABA", 40), []);
    }
}
