//! Who is connected, whom we dial, and the outbound connections that the book keeps.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_diversity::{AddressGroups, Group, PrefixTable};
use ensign_primitives::{BoundedMap, Instant, Occupancy, PeerId};

use crate::{
    Area, CONNECTED_MAX, DIALS_MAX, ONE_GROUP_MIN, OUTBOUND_MAX, OUTBOUND_WHEN_ALARMED, TRUSTED_MAX,
};

/// Connections and dials.
#[derive(Debug)]
pub(crate) struct Links {
    connected: BoundedMap<PeerId, SocketAddr>,
    dials: BTreeMap<PeerId, Dial>,
    outbound: BTreeMap<PeerId, Outbound>,
}

/// A dial under way.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) purpose: Purpose,
    pub(crate) address: SocketAddr,
    /// Where to try after that, the next one last.
    pub(crate) rest: Vec<SocketAddr>,
}

/// What a dial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An outbound connection that stays.
    Outbound,
    /// To see whether somebody is there.
    Feeler,
    /// A place of its own.
    Trusted,
}

/// An outbound connection that the book keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbound {
    pub(crate) remote: SocketAddr,
    pub(crate) area: Area,
    pub(crate) since: Instant,
    pub(crate) is_closing: bool,
}

impl Links {
    pub(crate) const fn new() -> Self {
        let connected = BoundedMap::new(CONNECTED_MAX);
        Self { connected, dials: BTreeMap::new(), outbound: BTreeMap::new() }
    }

    pub(crate) fn is_free(&self, peer: &PeerId) -> bool {
        !self.connected.contains_key(peer) && !self.dials.contains_key(peer)
    }

    pub(crate) fn remote(&self, peer: &PeerId) -> Option<SocketAddr> {
        self.connected.get(peer).copied()
    }

    pub(crate) fn up(&mut self, peer: PeerId, remote: SocketAddr) -> Option<Dial> {
        // Who finds no room is dialled for nothing, should it be.
        let _ = self.connected.insert(peer, remote);
        self.dials.remove(&peer)
    }

    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.connected.remove(peer);
        self.outbound.remove(peer);
    }

    pub(crate) fn dial(&mut self, peer: PeerId, dial: Dial) {
        self.dials.insert(peer, dial);
    }

    /// Ends a dial that failed at an address; `None` when there is no such dial.
    pub(crate) fn fail(&mut self, peer: &PeerId, address: SocketAddr) -> Option<Dial> {
        self.dials.get(peer).filter(|dial| dial.address == address)?;
        self.dials.remove(peer)
    }

    pub(crate) fn dialling(&self, purpose: Purpose) -> usize {
        self.dials.values().filter(|dial| dial.purpose == purpose).count()
    }

    /// Keeps a connection.
    pub(crate) fn keep(&mut self, peer: PeerId, link: Outbound) {
        self.outbound.insert(peer, link);
    }

    pub(crate) fn outbound(&self) -> impl Iterator<Item = (&PeerId, &Outbound)> {
        self.outbound.iter().filter(|(_, link)| !link.is_closing)
    }

    pub(crate) fn is_closing_one(&self) -> bool {
        self.outbound.values().any(|link| link.is_closing)
    }

    pub(crate) fn close(&mut self, peer: &PeerId) {
        if let Some(link) = self.outbound.get_mut(peer) {
            link.is_closing = true;
        }
    }

    /// Keeps a connection no more, and leaves it open.
    pub(crate) fn release(&mut self, peer: &PeerId) {
        self.outbound.remove(peer);
        self.dials.remove(peer);
    }

    /// Returns the places that are taken: one that closes is still there.
    pub(crate) fn places(&self) -> usize {
        self.outbound.len() + self.dialling(Purpose::Outbound)
    }

    /// Returns the areas into which no other outbound connection goes.
    pub(crate) fn areas(&self, table: &PrefixTable) -> BTreeSet<Area> {
        let dials = self.dials.values().filter(|dial| dial.purpose == Purpose::Outbound);
        let dials = dials.map(|dial| Area::of(dial.address, table));
        self.outbound.values().map(|link| link.area).chain(dials).collect()
    }

    /// Finds the areas anew.
    pub(crate) fn know_prefixes(&mut self, table: &PrefixTable) {
        self.outbound.values_mut().for_each(|link| link.area = Area::of(link.remote, table));
    }

    /// Returns the narrowest group that all outbound connections go to.
    pub(crate) fn common_group(&self, table: &PrefixTable) -> Option<Group> {
        if self.outbound.len() < ONE_GROUP_MIN {
            return None;
        }
        let groups = |link: &Outbound| match link.area {
            // On one machine or in one local network everybody is.
            Area::Local(_) => None,
            Area::Provider(_) | Area::Network(_) | Area::Block(_) | Area::Seed(_) | Area::Own => {
                Some(AddressGroups::of(link.remote.ip(), table))
            }
        };
        let mut links = self.outbound.values();
        let first = groups(links.next()?)?;
        first.iter().find(|group| {
            let mut others = self.outbound.values();
            others.all(|link| groups(link).is_some_and(|its| its.iter().any(|it| it == *group)))
        })
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        // Whoever is dialled for an outbound place holds it until the dial is answered.
        let dials_max = DIALS_MAX + TRUSTED_MAX + 1;
        let outbound_max = OUTBOUND_MAX + OUTBOUND_WHEN_ALARMED;
        [
            self.connected.occupancy("connected nodes"),
            Occupancy { name: "dials", len: self.dials.len(), limit: dials_max },
            Occupancy { name: "outbound", len: self.outbound.len(), limit: outbound_max },
        ]
    }
}
