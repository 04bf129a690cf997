//! Telling neighbours what was taken, so that a record reaches nodes which its publisher's walk does not.

use alloc::{collections::BTreeMap, vec::Vec};

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_wire::{DhtHave, DhtMessage, Had, NAMES_PER_HAVE_MAX, NodeRecord};

use crate::{HARD_TIMEOUT, HAVE_INTERVAL, NEIGHBOURS_MAX};

#[derive(Debug)]
struct Neighbour {
    record: NodeRecord,
    told: Vec<Had>,
    /// When it is told; once a link is asked for, when nobody waits for it any more.
    at: Instant,
    is_reached_for: bool,
}

/// What neighbours are to be told.
#[derive(Debug, Default)]
pub(crate) struct HandOn {
    neighbours: BTreeMap<PeerId, Neighbour>,
    /// Not after the first of whom something is due: each input asks for it.
    next: Option<Instant>,
}

/// What is to be done for a neighbour.
#[derive(Debug)]
pub(crate) enum Due {
    Send(PeerId, DhtMessage),
    Reach(NodeRecord),
}

impl HandOn {
    /// Gathers what a neighbour is told; what is too much is left out: others are told of it.
    pub(crate) fn tell(&mut self, now: Instant, record: &NodeRecord, had: Had) {
        let peer = record.peer();
        if !self.neighbours.contains_key(&peer) && self.neighbours.len() >= NEIGHBOURS_MAX {
            return;
        }
        let at = now.after(HAVE_INTERVAL);
        self.next = Some(self.next.map_or(at, |it| it.min(at)));
        let neighbour = self.neighbours.entry(peer).or_insert_with(|| Neighbour {
            record: record.clone(),
            told: Vec::new(),
            at,
            is_reached_for: false,
        });
        if neighbour.told.len() < NAMES_PER_HAVE_MAX {
            neighbour.told.push(had);
        }
    }

    /// Takes what is due.
    pub(crate) fn due(&mut self, now: Instant, is_up: impl Fn(&PeerId) -> bool) -> Vec<Due> {
        let mut all = Vec::new();
        if self.next.is_none_or(|it| it > now) {
            return all;
        }
        self.neighbours.retain(|peer, neighbour| {
            if neighbour.at > now {
                return true;
            }
            if is_up(peer) {
                all.push(Due::Send(*peer, message(neighbour)));
                return false;
            }
            if neighbour.is_reached_for {
                return false;
            }
            neighbour.is_reached_for = true;
            neighbour.at = now.after(HARD_TIMEOUT);
            all.push(Due::Reach(neighbour.record.clone()));
            true
        });
        self.next = self.neighbours.values().map(|it| it.at).min();
        all
    }

    /// A link stands: returns what was to be said over it.
    pub(crate) fn up(&mut self, peer: &PeerId) -> Option<DhtMessage> {
        self.neighbours.get(peer).filter(|it| it.is_reached_for)?;
        self.neighbours.remove(peer).map(|mut it| message(&mut it))
    }

    /// No link can be made.
    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.neighbours.remove(peer);
    }

    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.next
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        let (len, limit) = (self.neighbours.len(), NEIGHBOURS_MAX);
        Occupancy { name: "dht neighbours", len, limit }
    }
}

fn message(neighbour: &mut Neighbour) -> DhtMessage {
    DhtMessage::Have(DhtHave { records: core::mem::take(&mut neighbour.told) })
}
