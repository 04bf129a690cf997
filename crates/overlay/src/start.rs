//! The first nodes: whom a node asks that knows nobody.

use alloc::{collections::BTreeSet, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{Instant, Occupancy, PeerId};

use crate::{
    FIRST_ASKED_MIN, FIRST_AT_ONCE, FIRST_NODES_MAX, FIRST_WAIT, FIRST_WAIT_MAX, FirstNode,
    Unreached,
};

/// Where one of them was dialled last, and what came of it.
type Tried = (SocketAddr, Result<(), Unreached>);

/// One of the first nodes.
#[derive(Debug)]
struct First {
    peer: PeerId,
    addresses: Vec<SocketAddr>,
    tried: Option<Tried>,
}

/// Who is asked, and when.
#[derive(Debug)]
pub(crate) struct Start {
    nodes: Vec<First>,
    /// How many of them were there from the beginning.
    given: usize,
    /// How many were dialled so far.
    turn: usize,
    /// How many of them at this start.
    dialled: usize,
    wait: Duration,
    at: Option<Instant>,
    /// Whether something has come since the last round: who hears nothing learns nothing by asking again.
    has_heard: bool,
    /// Who was asked whom it knows, and owes the answer.
    asked: BTreeSet<PeerId>,
}

impl Start {
    pub(crate) fn new(nodes: Vec<(PeerId, Vec<SocketAddr>)>, turn: usize) -> Self {
        let mut start = Self {
            nodes: Vec::new(),
            given: 0,
            turn,
            dialled: 0,
            wait: Duration::ZERO,
            at: None,
            has_heard: false,
            asked: BTreeSet::new(),
        };
        let nodes = nodes.into_iter().take(FIRST_NODES_MAX);
        nodes.for_each(|(peer, addresses)| _ = start.add(peer, addresses));
        start.given = start.nodes.len();
        start
    }

    /// Adds one, in the place of an older entry; when there are too many, the oldest goes that was not there from
    /// the beginning. `false` when it has no address, or all were.
    pub(crate) fn add(&mut self, peer: PeerId, addresses: Vec<SocketAddr>) -> bool {
        if addresses.is_empty() {
            return false;
        }
        if let Some(known) = self.nodes.iter_mut().find(|it| it.peer == peer) {
            known.addresses = addresses;
        } else {
            if self.nodes.len() >= FIRST_NODES_MAX {
                if self.given >= FIRST_NODES_MAX {
                    return false;
                }
                self.nodes.remove(self.given);
            }
            self.nodes.push(First { peer, addresses, tried: None });
        }
        self.wait = Duration::ZERO;
        true
    }

    /// Arms the next round, if there is somebody to ask and `is_needed`, or few were asked at all: the first at once, another a pause after
    /// something has come since the last.
    pub(crate) fn arm(&mut self, now: Instant, is_needed: bool) {
        let is_first = self.dialled < self.nodes.len().min(FIRST_ASKED_MIN);
        if (!is_needed && !is_first) || self.nodes.is_empty() {
            self.at = None;
            self.wait = Duration::ZERO;
        } else if self.at.is_none() && (self.wait.is_zero() || self.has_heard) {
            self.at = Some(now.after(self.wait));
        }
    }

    /// Something has come.
    pub(crate) const fn heard(&mut self) {
        self.has_heard = true;
    }

    /// Takes whom to dial now, and where; the next round is after a pause.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<(PeerId, SocketAddr)> {
        if self.at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.at = None;
        self.has_heard = false;
        self.wait = (self.wait * 2).clamp(FIRST_WAIT, FIRST_WAIT_MAX);
        let count = FIRST_AT_ONCE.min(self.nodes.len());
        let mut due = Vec::with_capacity(count);
        for _ in 0..count {
            let (round, place) =
                (self.turn / self.nodes.len().max(1), self.turn % self.nodes.len().max(1));
            self.turn = self.turn.wrapping_add(1);
            self.dialled = self.dialled.saturating_add(1);
            let Some(First { peer, addresses, .. }) = self.nodes.get(place) else { continue };
            // Another address in each round.
            let address = addresses.get(round % addresses.len().max(1));
            due.extend(address.map(|address| (*peer, *address)));
        }
        due
    }

    /// Returns the place of a first node among ours.
    pub(crate) fn place(&self, peer: &PeerId) -> Option<u16> {
        let place = self.nodes.iter().position(|it| it.peer == *peer)?;
        u16::try_from(place).ok()
    }

    /// Notes what came of dialling somebody, if it is one of them.
    pub(crate) fn tried(
        &mut self,
        peer: &PeerId,
        address: SocketAddr,
        what: Result<(), Unreached>,
    ) {
        if let Some(first) = self.nodes.iter_mut().find(|it| it.peer == *peer) {
            first.tried = Some((address, what));
        }
    }

    /// Returns all of them, and what came of dialling each.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = FirstNode> {
        self.nodes.iter().filter_map(|it| {
            let (at, last) = it.tried.unzip();
            Some(FirstNode { peer: it.peer, address: at.or(it.addresses.first().copied())?, last })
        })
    }

    /// Notes that somebody is asked; `false` when it owes an answer.
    pub(crate) fn ask(&mut self, peer: PeerId) -> bool {
        self.asked.insert(peer)
    }

    /// Takes the note of a question; `false` when there was none.
    pub(crate) fn answered(&mut self, peer: &PeerId) -> bool {
        self.asked.remove(peer)
    }

    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.at
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let (nodes, asked, limit) = (self.nodes.len(), self.asked.len(), FIRST_NODES_MAX);
        [
            Occupancy { name: "first nodes", len: nodes, limit },
            Occupancy { name: "first nodes asked", len: asked, limit },
        ]
    }
}
