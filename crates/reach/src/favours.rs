//! Whom we dial back.

use alloc::{collections::BTreeMap, vec::Vec};
use core::net::SocketAddr;

use ensign_book::Area;
use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_ratelimit::{Gcra, Keyed};
use ensign_wire::{DialBackAsk, DialBackNonce, DialBackRefusal, Scope};

use crate::{
    FAVOUR_PORT_MIN, FAVOUR_TIMEOUT, FAVOURS_IN_ALL, FAVOURS_MAX, FAVOURS_OF_AREA, FAVOURS_OF_NODE,
    FAVOURS_REMEMBERED,
};

/// Dials for others that are under way, and how many there were.
#[derive(Debug)]
pub(crate) struct Favours {
    under_way: BTreeMap<PeerId, (DialBackNonce, Instant)>,
    nodes: Keyed<PeerId>,
    areas: Keyed<Area>,
    all: Gcra,
}

impl Favours {
    pub(crate) const fn new() -> Self {
        Self {
            under_way: BTreeMap::new(),
            nodes: Keyed::new(FAVOURS_REMEMBERED),
            areas: Keyed::new(FAVOURS_REMEMBERED),
            all: Gcra::FULL,
        }
    }

    /// Begins to dial a node back, or says why not, cheap things first.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        (from, remote, area): (PeerId, SocketAddr, Area),
        ask: DialBackAsk,
        scope: Scope,
    ) -> Result<(), DialBackRefusal> {
        let DialBackAsk { nonce, address } = ask;
        if address.ip().to_canonical() != remote.ip().to_canonical() {
            return Err(DialBackRefusal::NotYours);
        }
        if !scope.allows(address.ip()) {
            return Err(DialBackRefusal::OtherScope);
        }
        if address.port() < FAVOUR_PORT_MIN {
            return Err(DialBackRefusal::Port);
        }
        let is_under_way = self.under_way.contains_key(&from);
        if is_under_way || !self.nodes.take(now, from, FAVOURS_OF_NODE, 1) {
            return Err(DialBackRefusal::TooOften);
        }
        if !self.areas.take(now, area, FAVOURS_OF_AREA, 1) {
            return Err(DialBackRefusal::TooOften);
        }
        if self.under_way.len() >= FAVOURS_MAX || !self.all.take(now, FAVOURS_IN_ALL, 1) {
            return Err(DialBackRefusal::Busy);
        }
        self.under_way.insert(from, (nonce, now.after(FAVOUR_TIMEOUT)));
        Ok(())
    }

    /// One has ended: returns for which question it was.
    pub(crate) fn end(&mut self, peer: &PeerId) -> Option<DialBackNonce> {
        self.under_way.remove(peer).map(|(nonce, _)| nonce)
    }

    /// Takes those that nobody answered for.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Vec<(PeerId, DialBackNonce)> {
        let overdue = self.under_way.iter().filter(|(_, (_, until))| *until <= now);
        let overdue: Vec<_> = overdue.map(|(peer, (nonce, _))| (*peer, *nonce)).collect();
        self.under_way.retain(|_, (_, until)| *until > now);
        overdue
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.under_way.values().map(|(_, until)| *until).min()
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        let (len, limit) = (self.under_way.len(), FAVOURS_MAX);
        [
            Occupancy { name: "dials for others", len, limit },
            self.nodes.occupancy("nodes dialled back"),
            self.areas.occupancy("networks dialled back"),
        ]
    }
}
