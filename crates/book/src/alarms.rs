//! Which signs stand, which anchors there are, and what is still to be changed for a sign.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ensign_primitives::{Instant, PeerId};

use crate::{ANCHOR_AGE, ANCHORS_LOST_TIME, ANCHORS_MAX, Reason};

/// The signs that stand.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    standing: BTreeSet<Reason>,
    /// Outbound connections to give up.
    changes: usize,
    /// Not before.
    change_at: Instant,
}

impl Alarms {
    pub(crate) fn any(&self) -> bool {
        !self.standing.is_empty()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Reason> {
        self.standing.iter().copied()
    }

    /// Returns whether that is new.
    pub(crate) fn raise(&mut self, reason: Reason, changes: usize) -> bool {
        let is_new = self.standing.insert(reason);
        if is_new {
            self.changes = self.changes.max(changes);
        }
        is_new
    }

    pub(crate) fn end(&mut self, reason: Reason) -> bool {
        self.standing.remove(&reason)
    }

    /// Returns when a connection is to be given up.
    pub(crate) fn change_at(&self) -> Option<Instant> {
        (self.changes > 0).then_some(self.change_at)
    }

    /// Counts one that is given up; the next one not before then.
    pub(crate) const fn changed(&mut self, next: Instant) {
        self.changes = self.changes.saturating_sub(1);
        self.change_at = next;
    }
}

/// Outbound connections that stood longest, which are dialled first after a restart.
#[derive(Debug, Default)]
pub(crate) struct Anchors {
    chosen: Vec<PeerId>,
    lost_since: Option<Instant>,
}

impl Anchors {
    /// Goes on with those of before.
    pub(crate) fn restored(now: Instant, mut chosen: Vec<PeerId>) -> Self {
        chosen.truncate(ANCHORS_MAX);
        Self { lost_since: (!chosen.is_empty()).then_some(now), chosen }
    }

    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.chosen.contains(peer)
    }

    pub(crate) fn all(&self) -> &[PeerId] {
        &self.chosen
    }

    /// Looks who is there, by when its connection began; says whether others were chosen. While none of
    /// them is there, nobody takes their place until that is a sign.
    pub(crate) fn update(&mut self, now: Instant, links: &BTreeMap<PeerId, Instant>) -> bool {
        let present = self.chosen.iter().filter(|peer| links.contains_key(peer)).count();
        if present > 0 || self.chosen.is_empty() {
            self.lost_since = None;
        } else if self.lost_since.is_none() {
            self.lost_since = Some(now);
        }
        if self.lost_since.is_some() && !self.are_lost(now) {
            return false;
        }
        let mut has_changed = false;
        while let Some((peer, since)) = self.successor(links)
            && now.since(since) >= ANCHOR_AGE
        {
            let missing = self.chosen.iter().position(|peer| !links.contains_key(peer));
            missing.map(|at| self.chosen.remove(at));
            self.chosen.push(peer);
            (self.lost_since, has_changed) = (None, true);
        }
        has_changed
    }

    /// Returns whether none has been there for so long that it is a sign.
    pub(crate) fn are_lost(&self, now: Instant) -> bool {
        self.lost_since.is_some_and(|since| now.since(since) >= ANCHORS_LOST_TIME)
    }

    /// Returns when to look again.
    pub(crate) fn wake_at(
        &self,
        links: &BTreeMap<PeerId, Instant>,
        now: Instant,
    ) -> Option<Instant> {
        let lost = self.lost_since.map(|since| since.after(ANCHORS_LOST_TIME));
        let next = self.successor(links).map(|(_, since)| since.after(ANCHOR_AGE));
        [lost, next].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Returns who has been there longest and is none yet, when there is a place.
    fn successor(&self, links: &BTreeMap<PeerId, Instant>) -> Option<(PeerId, Instant)> {
        let present = self.chosen.iter().filter(|peer| links.contains_key(peer)).count();
        let others = links.iter().filter(|(peer, _)| !self.chosen.contains(peer));
        let oldest = others.min_by_key(|(peer, since)| (**since, **peer))?;
        (present < ANCHORS_MAX).then_some((*oldest.0, *oldest.1))
    }
}
