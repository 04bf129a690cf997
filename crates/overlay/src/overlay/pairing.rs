//! Members that are away: what we seal for each of them, and how each is looked for.

use ensign_dht::{CommandError as DhtError, Outcome, Thoroughness};
use ensign_primitives::{Now, PeerId};

use super::Overlay;
use crate::{Event, Output, Way, looked_for::Search};

impl Overlay {
    pub(super) fn on_paired(&mut self, now: Now, peer: PeerId) {
        if !self.pairs.add(peer) || self.links.is_up(&peer) || self.links.is_barred(&peer) {
            return;
        }
        self.pairs.away(now.instant, &peer, &mut self.random);
    }

    pub(super) fn on_unpaired(&mut self, peer: PeerId) {
        let key = self.pairs.remove(&peer);
        key.iter().for_each(|key| self.dht.withdraw(key));
    }

    /// Nothing is published for a member any more.
    pub(super) fn rest_pair(&mut self, peer: &PeerId) {
        let key = self.pairs.here(peer);
        key.iter().for_each(|key| self.dht.withdraw(key));
    }

    /// Hands out what is to be said to a member, if as much may be at a time; returns whether there was something.
    pub(super) fn tell_pairs(&mut self, now: Now) -> bool {
        let peer = if self.is_alone { None } else { self.pairs.take_due(now.instant) };
        let Some(peer) = peer else { return false };
        let addresses = self.places();
        let Some((record, gone)) = self.pairs.make(now, &peer, &addresses) else { return true };
        gone.iter().for_each(|key| self.dht.withdraw(key));
        let key = record.key();
        match self.dht.put(now, record) {
            Ok(walk) => self.pairs.issued(now.instant, (peer, key), walk, &mut self.random),
            Err(DhtError::Busy { .. }) => self.pairs.postpone(now.instant, &peer),
            // Our user publishes as much as may be.
            Err(_) => {}
        }
        true
    }

    /// Begins to look for nodes that are away, as many as may be at a time; returns whether for any. A member is looked for
    /// where it has sealed something for us first, and as everybody is.
    pub(super) fn look(&mut self, now: Now) -> bool {
        if self.is_alone || !self.may_look {
            return false;
        }
        let due = self.looked_for.take_due(now.instant);
        self.may_look &= due.is_empty();
        for peer in &due {
            for key in self.pairs.sought(now, peer) {
                if let Ok(query) = self.dht.get(now, key.key(), Thoroughness::Usual) {
                    self.looked_for.begun(query, Search { peer: *peer, key: Some(key) });
                }
            }
            if let Ok(query) = self.dht.find_node(now, *peer) {
                self.looked_for.begun(query, Search { peer: *peer, key: None });
            }
        }
        !due.is_empty()
    }

    /// A walk for a node that is away has ended.
    pub(super) fn on_looked(&mut self, search: Search, outcome: Outcome) {
        let Search { peer, key } = search;
        let (by, at, addresses) = match (outcome, key) {
            (Outcome::Node(record), None) => {
                (Way::NodeRecord, record.issued(), record.node().addresses.clone())
            }
            (Outcome::Record { record, .. }, Some(key)) => {
                // Who of the two has sealed something else has fooled itself.
                let Some(addresses) = key.open(&record) else { return };
                (Way::Rendezvous, record.issued(), addresses)
            }
            (
                Outcome::Node(_)
                | Outcome::Record { .. }
                | Outcome::NotFound
                | Outcome::Stored { .. }
                | Outcome::Seen { .. },
                _,
            ) => return,
        };
        if self.links.is_up(&peer) {
            return;
        }
        let Some(addresses) = self.looked_for.told(&peer, (by, at), addresses) else { return };
        self.outputs.push_back(Output::Found { peer, addresses });
        self.outputs.push_back(Output::Event(Event::Found { peer, by }));
    }
}
