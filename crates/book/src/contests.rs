//! Newcomers that wait for a place in *tried*, until it is clear whether its holder lives.

use alloc::collections::VecDeque;

use ensign_primitives::{Instant, Occupancy, PeerId};

use crate::{Area, CONTEST_TIME, CONTESTS_MAX};

/// Whoever waits.
#[derive(Debug, Default)]
pub(crate) struct Contests(VecDeque<Contest>);

/// One that waits, and whose place it waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contest {
    pub(crate) holder: PeerId,
    pub(crate) newcomer: PeerId,
    /// The area in which the newcomer was reached.
    pub(crate) area: Area,
    since: Instant,
}

impl Contests {
    /// Lets a newcomer wait; one contest for each place, and of too many the later are none.
    pub(crate) fn open(&mut self, now: Instant, holder: PeerId, newcomer: PeerId, area: Area) {
        self.end_late(now);
        if self.0.len() < CONTESTS_MAX && self.0.iter().all(|contest| contest.holder != holder) {
            self.0.push_back(Contest { holder, newcomer, area, since: now });
        }
    }

    /// Returns whom to test next, and lets the others be next.
    pub(crate) fn next(&mut self, now: Instant) -> Option<PeerId> {
        self.end_late(now);
        let contest = self.0.pop_front()?;
        self.0.push_back(contest);
        Some(contest.holder)
    }

    /// Ends the contest for somebody's place.
    pub(crate) fn end(&mut self, holder: &PeerId) -> Option<Contest> {
        let at = self.0.iter().position(|contest| contest.holder == *holder)?;
        self.0.remove(at)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { name: "contested places", len: self.0.len(), limit: CONTESTS_MAX }
    }

    /// Who has waited too long waits no more, and the holder stays.
    fn end_late(&mut self, now: Instant) {
        self.0.retain(|contest| now.since(contest.since) <= CONTEST_TIME);
    }
}
