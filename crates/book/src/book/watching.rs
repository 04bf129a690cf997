//! What the book watches: signs of being cut off, anchors, and what comes back by itself.

use alloc::vec::Vec;

use ensign_diversity::Group;
use ensign_primitives::{Instant, Now, PeerId};

use super::Book;
use crate::{
    CHANGE_WAIT, CHANGED_WHEN_CUT_OFF, COMPARE_INTERVAL, Event, FEELER_INTERVAL, Listed, Output,
    ROTATION_INTERVAL, ROUND_INTERVAL, Reason, SWEEP_INTERVAL, THIN_ROUND_INTERVAL, VIEWERS_APART,
    VIEWERS_NEAR, agenda::arm, entry::Entry,
};

/// Half of a mean time, either way.
const HALF: u32 = 2;

/// A quarter of it.
const QUARTER: u32 = 4;

impl<R: Listed> Book<R> {
    /// Raises the signs that are there and ends those that are not.
    pub(super) fn look_for_signs(&mut self, now: Now) {
        let ages = self.ages();
        if self.anchors.update(now.instant, &ages) {
            self.notes.change_anchors();
        }
        self.mark(Reason::AnchorsLost, self.anchors.are_lost(now.instant), 0);
        let is_full = ages.len() >= self.config.outbound;
        let common = self.links.common_group(&self.prefixes);
        // A country is wide: that a few connections lead into one means nothing.
        let common = common.filter(|group| is_full || !matches!(group, Group::Country(_)));
        let common = common.map(|group| Reason::OneGroup { group });
        let earlier: Vec<_> = self.alarms.all().filter(|it| is_one_group(*it)).collect();
        for reason in earlier.into_iter().filter(|reason| Some(*reason) != common) {
            self.mark(reason, false, 0);
        }
        if let Some(reason) = common {
            self.mark(reason, true, 1);
        }
        let are_apart = self.views.are_apart();
        if self.mark(Reason::ViewsApart, are_apart, CHANGED_WHEN_CUT_OFF) && are_apart {
            self.ask_everybody(now);
        }
    }

    /// Gives up a connection for a sign, when it is time; returns whether it is.
    pub(super) fn change_for_signs(&mut self, now: Now) -> bool {
        if self.alarms.change_at().is_none_or(|at| at > now.instant) {
            return false;
        }
        self.alarms.changed(now.instant.after(CHANGE_WAIT));
        if self.views.are_apart() {
            let all = self.links.outbound().map(|(peer, _)| *peer).collect();
            self.close_one(now, all);
        } else {
            self.rotate(now);
        }
        true
    }

    pub(super) fn anchors_wake_at(&self) -> Option<Instant> {
        self.anchors.wake_at(&self.ages(), self.looked_at)
    }

    /// Asks for a comparison of what our connections show with what others show.
    pub(super) fn compare(&mut self, now: Now) {
        let mut near: Vec<_> = self.links.outbound().map(|(peer, _)| *peer).collect();
        let near = self.chance.some(&mut near, VIEWERS_NEAR);
        let mut trusted: Vec<_> = self.trusted.all().copied().collect();
        // Not trusted nodes alone: they may be away, or see one part of the world.
        let mut apart = self.chance.some(&mut trusted, VIEWERS_APART - 1);
        let current = self.strangers().filter(|(_, entry)| entry.record.expires() > now.unix);
        let mut others: Vec<_> = current.map(|(peer, _)| *peer).collect();
        apart.extend(self.chance.some(&mut others, VIEWERS_APART - apart.len()));
        let target = self.chance.bytes();
        let round = self.views.begin();
        self.outputs.push_back(Output::Compare { round, target, near, apart });
    }

    /// Sets what comes back, where there is a reason for it.
    pub(super) fn arm(&mut self, now: Now) {
        let at = now.instant;
        self.looked_at = at;
        let needs_sweep = self.table.len() > 0;
        let can_test = self.agenda.feeler.is_some() || self.can_test(now);
        let can_rotate = self.links.outbound().count() >= self.config.outbound
            && !self.links.is_closing_one()
            && self.links.outbound().any(|(peer, _)| !self.anchors.contains(peer));
        let round = if self.is_thin() { THIN_ROUND_INTERVAL } else { ROUND_INTERVAL };
        let can_ask = self.askable().next().is_some();
        let can_compare = !self.views.is_waiting()
            && self.links.outbound().next().is_some()
            && (self.agenda.comparison.is_some() || self.knows_others());
        let Self { chance, agenda, .. } = self;
        arm(&mut agenda.sweep, needs_sweep, || at.after(SWEEP_INTERVAL));
        let mut drawn = |mean, parts| at.after(chance.around(mean, parts));
        arm(&mut agenda.feeler, can_test, || drawn(FEELER_INTERVAL, HALF));
        arm(&mut agenda.rotation, can_rotate, || drawn(ROTATION_INTERVAL, HALF));
        arm(&mut agenda.round, can_ask, || drawn(round, HALF));
        arm(&mut agenda.comparison, can_compare, || drawn(COMPARE_INTERVAL, QUARTER));
    }

    /// Raises a sign or ends it; returns whether that is news.
    fn mark(&mut self, reason: Reason, stands: bool, changes: usize) -> bool {
        let (is_news, event) = if stands {
            (self.alarms.raise(reason, changes), Event::Alarm { reason })
        } else {
            (self.alarms.end(reason), Event::Over { reason })
        };
        if is_news {
            self.is_exhausted = false;
            self.outputs.push_back(Output::Event(event));
        }
        is_news
    }

    /// Those of *tried* to whom we are not connected.
    fn strangers(&self) -> impl Iterator<Item = (&PeerId, &Entry<R>)> {
        self.table.tried().filter(|(peer, _)| self.links.is_free(peer))
    }

    /// Returns whether there is anybody whose view could be compared. Whether its record has ended is asked when it
    /// is time: a clock that is set back would make a reason that nobody tells us of.
    fn knows_others(&self) -> bool {
        self.trusted.all().next().is_some() || self.strangers().next().is_some()
    }
}

const fn is_one_group(reason: Reason) -> bool {
    match reason {
        Reason::OneGroup { .. } => true,
        Reason::AnchorsLost | Reason::ViewsApart => false,
    }
}
