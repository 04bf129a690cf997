//! What is to be written down, and when: never more often than allowed, whatever peers do.

use alloc::collections::BTreeSet;
use core::time::Duration;

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_ratelimit::Gcra;

use crate::{NEW_MAX, NOTES_ALLOWED, TRIED_MAX};

/// How long a note waits for the next when the budget is used up: as long as one takes to fill.
const WAIT: Duration = Duration::from_secs(2);

/// Who has changed since it was written down.
#[derive(Debug)]
pub(crate) struct Notes {
    changed: BTreeSet<PeerId>,
    have_anchors_changed: bool,
    budget: Gcra,
    wake_at: Option<Instant>,
}

/// What is to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Anchors,
    Node(PeerId),
}

impl Notes {
    pub(crate) const fn new() -> Self {
        Self {
            changed: BTreeSet::new(),
            have_anchors_changed: false,
            budget: Gcra::FULL,
            wake_at: None,
        }
    }

    /// Notes that somebody entered *tried*, left it or changed there. What has no room is written when it
    /// changes again.
    pub(crate) fn change(&mut self, peer: PeerId) {
        if self.changed.len() < NEW_MAX + TRIED_MAX {
            self.changed.insert(peer);
        }
    }

    /// Notes that others are anchors now.
    pub(crate) const fn change_anchors(&mut self) {
        self.have_anchors_changed = true;
    }

    /// Takes the next to be written down now.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Due> {
        if self.wake_at.is_some_and(|at| at > now) {
            return None;
        }
        self.wake_at = None;
        if self.changed.is_empty() && !self.have_anchors_changed {
            return None;
        }
        if !self.budget.take(now, NOTES_ALLOWED, 1) {
            self.wake_at = Some(now.after(WAIT));
            return None;
        }
        if core::mem::take(&mut self.have_anchors_changed) {
            return Some(Due::Anchors);
        }
        self.changed.pop_first().map(Due::Node)
    }

    pub(crate) const fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { name: "unwritten", len: self.changed.len(), limit: NEW_MAX + TRIED_MAX }
    }
}
