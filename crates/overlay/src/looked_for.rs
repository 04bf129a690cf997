//! Nodes that we want to be connected with and are not: when each is looked for.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use ensign_primitives::{BoundedMap, Instant, Occupancy, PeerId, QueryId};

use crate::{LOOK_AFTER, LOOK_WAIT, LOOK_WAIT_MAX, LOOKS_AT_ONCE, WANTED_MAX};

#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// When it is looked for; `None` while it is here, or looked for.
    due: Option<Instant>,
    /// How long after that search the next one begins.
    wait: Duration,
}

/// Who is wanted, and how the search for each stands.
#[derive(Debug)]
pub(crate) struct LookedFor {
    wanted: BoundedMap<PeerId, Wanted>,
    due: BTreeSet<(Instant, PeerId)>,
    searches: BTreeMap<QueryId, PeerId>,
}

impl LookedFor {
    pub(crate) const fn new() -> Self {
        let wanted = BoundedMap::new(WANTED_MAX);
        Self { wanted, due: BTreeSet::new(), searches: BTreeMap::new() }
    }

    pub(crate) fn is_wanted(&self, peer: &PeerId) -> bool {
        self.wanted.contains_key(peer)
    }

    /// Wants a node from now on, which is here or not.
    pub(crate) fn want(&mut self, now: Instant, peer: PeerId, is_here: bool) {
        if self.is_wanted(&peer) {
            return;
        }
        // Beyond the bound nobody is looked for; the node is dialled where it is known to be.
        let _ = self.wanted.insert(peer, Wanted { due: None, wait: LOOK_WAIT });
        if !is_here {
            self.away(now, &peer);
        }
    }

    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.rest(peer);
        self.wanted.remove(peer);
    }

    /// It is here.
    pub(crate) fn here(&mut self, peer: &PeerId) {
        self.rest(peer);
        if let Some(wanted) = self.wanted.get_mut(peer) {
            wanted.wait = LOOK_WAIT;
        }
    }

    /// It is gone.
    pub(crate) fn away(&mut self, now: Instant, peer: &PeerId) {
        self.set(peer, now.after(LOOK_AFTER));
    }

    fn set(&mut self, peer: &PeerId, at: Instant) {
        self.rest(peer);
        if let Some(wanted) = self.wanted.get_mut(peer) {
            wanted.due = Some(at);
            self.due.insert((at, *peer));
        }
    }

    fn rest(&mut self, peer: &PeerId) {
        let due = self.wanted.get_mut(peer).and_then(|wanted| wanted.due.take());
        if let Some(at) = due {
            self.due.remove(&(at, *peer));
        }
    }

    /// Takes whom to look for now. Each comes again after a pause, whatever comes of it.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<PeerId> {
        let free = LOOKS_AT_ONCE.saturating_sub(self.searches.len());
        let due = self.due.iter().take_while(|(at, _)| *at <= now).take(free);
        let due: Vec<_> = due.map(|(_, peer)| *peer).collect();
        for peer in &due {
            let wait = self.wanted.get(peer).map_or(LOOK_WAIT, |wanted| wanted.wait);
            self.set(peer, now.after(wait));
            if let Some(wanted) = self.wanted.get_mut(peer) {
                wanted.wait = (wait * 2).min(LOOK_WAIT_MAX);
            }
        }
        due
    }

    pub(crate) fn begun(&mut self, query: QueryId, peer: PeerId) {
        self.searches.insert(query, peer);
    }

    /// Returns who was looked for by a walk that has ended.
    pub(crate) fn ended(&mut self, query: QueryId) -> Option<PeerId> {
        self.searches.remove(&query)
    }

    /// Returns how many are away.
    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let has_room = self.searches.len() < LOOKS_AT_ONCE;
        self.due.first().map(|(at, _)| *at).filter(|_| has_room)
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let (searches, limit) = (self.searches.len(), LOOKS_AT_ONCE);
        [
            self.wanted.occupancy("nodes looked for"),
            Occupancy { name: "searches for nodes", len: searches, limit },
        ]
    }
}
