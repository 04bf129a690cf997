//! Nodes that we want to be connected with and are not: when each is looked for.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{BoundedMap, Instant, Occupancy, PeerId, QueryId, UnixTime};
use ensign_rendezvous::DayKey;
use ensign_wire::ADDRESSES_MAX;

use crate::{LOOK_AFTER, LOOK_WAIT, LOOK_WAIT_MAX, LOOKS_AT_ONCE, WALKS_PER_LOOK, WANTED_MAX, Way};

/// Most searches at a time.
const SEARCHES_MAX: usize = LOOKS_AT_ONCE * WALKS_PER_LOOK;

#[derive(Debug)]
struct Wanted {
    /// When it is looked for; `None` while it is here, or looked for.
    due: Option<Instant>,
    /// How long after that search the next one begins.
    wait: Duration,
    /// What it says of where it is in its node record, and in what it has sealed for us.
    said: [Option<Said>; 2],
}

/// Where a node says that it is, and since when it says so.
#[derive(Debug)]
struct Said {
    at: UnixTime,
    addresses: Vec<SocketAddr>,
}

/// One walk of a search.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) peer: PeerId,
    /// What opens the record that is looked for; `None` of the node record.
    pub(crate) key: Option<DayKey>,
}

/// Who is wanted, and how the search for each stands.
#[derive(Debug)]
pub(crate) struct LookedFor {
    wanted: BoundedMap<PeerId, Wanted>,
    due: BTreeSet<(Instant, PeerId)>,
    searches: BTreeMap<QueryId, Search>,
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
        let wanted = Wanted { due: None, wait: LOOK_WAIT, said: [None, None] };
        let _ = self.wanted.insert(peer, wanted);
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
            wanted.said = [None, None];
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
        let free = SEARCHES_MAX.saturating_sub(self.searches.len()) / WALKS_PER_LOOK;
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

    pub(crate) fn begun(&mut self, query: QueryId, search: Search) {
        self.searches.insert(query, search);
    }

    /// Returns for what a walk was that has ended.
    pub(crate) fn ended(&mut self, query: QueryId) -> Option<Search> {
        self.searches.remove(&query)
    }

    /// Takes where a node says that it is; returns all that is known of that now, the latest word first. `None` when it is
    /// not wanted, or has said something later in the same way: who hands on what was true once changes nothing.
    pub(crate) fn told(
        &mut self,
        peer: &PeerId,
        (by, at): (Way, UnixTime),
        addresses: Vec<SocketAddr>,
    ) -> Option<Vec<SocketAddr>> {
        let [record, sealed] = &mut self.wanted.get_mut(peer)?.said;
        let said = match by {
            Way::NodeRecord => &mut *record,
            Way::Rendezvous => &mut *sealed,
        };
        if said.as_ref().is_some_and(|before| before.at > at) {
            return None;
        }
        *said = Some(Said { at, addresses });
        let mut all: Vec<&Said> = record.iter().chain(sealed.iter()).collect();
        all.sort_by_key(|said| core::cmp::Reverse(said.at));
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in all.into_iter().flat_map(|said| &said.addresses) {
            if addresses.len() < ADDRESSES_MAX && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        Some(addresses)
    }

    /// Returns how many are away.
    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let has_room = self.searches.len() + WALKS_PER_LOOK <= SEARCHES_MAX;
        self.due.first().map(|(at, _)| *at).filter(|_| has_room)
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let (searches, limit) = (self.searches.len(), SEARCHES_MAX);
        [
            self.wanted.occupancy("nodes looked for"),
            Occupancy { name: "searches for nodes", len: searches, limit },
        ]
    }
}
