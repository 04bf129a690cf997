//! Whom to dial: trusted nodes, anchors, outbound places, and tests of who is new.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_primitives::{Now, PeerId};

use super::Book;
use crate::{
    Area, CONTEST_FAILURES, CONTEST_REST, CONTESTS_MAX, Closing, DIALS_MAX, Listed,
    OUTBOUND_WHEN_ALARMED, Output,
    agenda::wait,
    entry::Entry,
    links::{Dial, Purpose},
};

impl<R: Listed> Book<R> {
    pub(super) fn dial_trusted(&mut self, now: Now) {
        for (peer, addresses) in self.trusted.due(now.instant, |peer| self.links.is_free(peer)) {
            self.dial(now, peer, Purpose::Trusted, addresses);
        }
    }

    /// Dials for each place that is free, anchors first, then from *tried* and *new* in turn.
    pub(super) fn fill(&mut self, now: Now) {
        if self.agenda.fill.is_some_and(|at| at > now.instant) {
            return;
        }
        self.agenda.fill = None;
        let alarmed = if self.alarms.any() { OUTBOUND_WHEN_ALARMED } else { 0 };
        let places = self.config.outbound + alarmed;
        while !self.is_exhausted
            && self.links.places() < places
            && self.links.dialling(Purpose::Outbound) < DIALS_MAX
        {
            let Some((peer, addresses)) = self.next_anchor().or_else(|| self.next_other(now))
            else {
                self.is_exhausted = true;
                return;
            };
            self.filled = self.filled.wrapping_add(1);
            self.dial(now, peer, Purpose::Outbound, addresses);
        }
    }

    /// Tests who holds a contested place, or else somebody of *new*.
    pub(super) fn test_somebody(&mut self, now: Now) {
        for _ in 0..CONTESTS_MAX {
            let Some(holder) = self.contests.next(now.instant) else { break };
            let addresses = self.table.get(&holder).map(Entry::addresses);
            match addresses.filter(|_| !self.lives(now, &holder)) {
                Some(addresses) => return self.dial(now, holder, Purpose::Feeler, addresses),
                None => {
                    self.contests.end(&holder);
                }
            }
        }
        let Self { chance, table, links, .. } = self;
        let fits =
            |peer: &PeerId, entry: &Entry<R>| entry.has_rested(now.instant) && links.is_free(peer);
        let Some(peer) = table.pick(now, false, |limit| chance.below(limit), fits) else { return };
        let addresses = self.table.get(&peer).map(Entry::addresses).unwrap_or_default();
        self.dial(now, peer, Purpose::Feeler, addresses);
    }

    /// Returns whether there is somebody in *new* who could be tested, or a place is contested.
    pub(super) fn can_test(&self, now: Now) -> bool {
        let fits = |peer: &PeerId, _: &Entry<R>| self.links.is_free(peer);
        self.links.dialling(Purpose::Feeler) == 0
            && (!self.contests.is_empty() || self.table.pick(now, false, |_| 0, fits).is_some())
    }

    /// Closes an outbound connection that is no anchor, so that another one takes its place.
    pub(super) fn rotate(&mut self, now: Now) {
        let mut others: Vec<_> = self.links.outbound().map(|(peer, _)| *peer).collect();
        others.retain(|peer| !self.anchors.contains(peer));
        self.close_one(now, others);
    }

    /// Closes one of these.
    pub(super) fn close_one(&mut self, now: Now, mut of: Vec<PeerId>) {
        for peer in self.chance.some(&mut of, 1) {
            self.links.close(&peer);
            // So that it is not the next one.
            self.table.dial(now.instant, &peer);
            self.outputs.push_back(Output::Close { peer, why: Closing::Rotated });
        }
    }

    pub(super) fn on_dial_failed(&mut self, now: Now, peer: PeerId, address: SocketAddr) {
        let Some(Dial { purpose, rest, .. }) = self.links.fail(&peer, address) else { return };
        self.is_exhausted = false;
        let rest: Vec<_> = rest.into_iter().rev().collect();
        let rest = match purpose {
            Purpose::Outbound => self.outside_of_ours(rest),
            Purpose::Feeler | Purpose::Trusted => rest,
        };
        if !rest.is_empty() {
            return self.dial(now, peer, purpose, rest);
        }
        match purpose {
            Purpose::Outbound => {
                let until = now.instant.after(wait(self.failures));
                self.failures = self.failures.saturating_add(1);
                self.agenda.fill = Some(until);
            }
            Purpose::Trusted => {
                let failures = self.trusted.fail(&peer);
                let pause = self.chance.around(wait(failures), 4);
                self.trusted.rest(&peer, now.instant.after(pause));
            }
            Purpose::Feeler => {}
        }
        self.count_failure(now, &peer);
    }

    /// Counts that somebody did not answer, and gives its place away if it has lost it.
    fn count_failure(&mut self, now: Now, peer: &PeerId) {
        let was_tried = self.is_tried(peer);
        let is_gone = self.table.fail(now.unix, peer);
        if is_gone && was_tried {
            self.notes.change(*peer);
        }
        let failures = self.table.get(peer).map_or(CONTEST_FAILURES, |entry| entry.failures);
        if failures < CONTEST_FAILURES {
            return;
        }
        let Some(contest) = self.contests.end(peer) else { return };
        if self.table.replace(peer, &contest.newcomer, contest.area) {
            self.notes.change(*peer);
            self.notes.change(contest.newcomer);
        }
    }

    /// Returns whether somebody was reached so lately that its place is not contested.
    pub(super) fn lives(&self, now: Now, peer: &PeerId) -> bool {
        let reached = self.table.get(peer).and_then(|entry| entry.reached);
        self.links.remote(peer).is_some()
            || reached.is_some_and(|(_, at)| now.unix.since(at) < CONTEST_REST)
    }

    fn next_anchor(&mut self) -> Option<(PeerId, Vec<SocketAddr>)> {
        while let Some(peer) = self.first.pop() {
            let addresses = self.table.get(&peer).map(Entry::addresses).unwrap_or_default();
            let addresses = self.outside_of_ours(addresses);
            if self.links.is_free(&peer) && !addresses.is_empty() {
                return Some((peer, addresses));
            }
        }
        None
    }

    /// Draws somebody to whom no connection goes, in an area into which none goes. While a sign stands, those come
    /// first whom we have reached before.
    fn next_other(&mut self, now: Now) -> Option<(PeerId, Vec<SocketAddr>)> {
        let areas = self.links.areas(&self.prefixes);
        let is_outside = |it: &SocketAddr| !areas.contains(&Area::of(*it, &self.prefixes));
        let Self { chance, table, links, .. } = self;
        let fits = |peer: &PeerId, entry: &Entry<R>| {
            links.is_free(peer) && entry.addresses().iter().any(is_outside)
        };
        let is_tried_first = self.alarms.any() || self.filled.is_multiple_of(2);
        let mut draw = |is_tried| table.pick(now, is_tried, |limit| chance.below(limit), fits);
        let peer = draw(is_tried_first).or_else(|| draw(!is_tried_first))?;
        let addresses = self.table.get(&peer)?.addresses();
        Some((peer, self.outside_of_ours(addresses)))
    }

    /// Leaves those addresses that are in none of our areas.
    fn outside_of_ours(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let areas = self.links.areas(&self.prefixes);
        addresses.retain(|it| !areas.contains(&Area::of(*it, &self.prefixes)));
        addresses
    }

    fn dial(&mut self, now: Now, peer: PeerId, purpose: Purpose, addresses: Vec<SocketAddr>) {
        let mut rest = addresses;
        rest.reverse();
        let Some(address) = rest.pop() else { return };
        self.table.dial(now.instant, &peer);
        self.links.dial(peer, Dial { purpose, address, rest });
        self.outputs.push_back(Output::Dial { peer, address });
    }
}
