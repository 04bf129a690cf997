//! The links that we open, and whom each is for.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_primitives::{BoundedMap, Instant, Occupancy, PeerId};
use ensign_wire::NodeRecord;

use crate::{DIALS_MAX, WARM_LINKS_MAX};

/// Links that are kept in mind. Guess: above what a gate lets in.
const LINKS_MAX: usize = 1536;

/// For what a dial is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dial {
    pub(crate) address: Option<SocketAddr>,
    /// The record by which the hash table asks for it.
    pub(crate) asked_by: Option<NodeRecord>,
    /// Where the address book dials it: elsewhere perhaps.
    pub(crate) book: Option<SocketAddr>,
    /// Whether it is one of the first nodes.
    pub(crate) is_first: bool,
    /// A link is said to be there or to come: until when it is waited for.
    pub(crate) comes_by: Option<Instant>,
}

/// What came of asking for a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is to be dialled there.
    Dial(SocketAddr),
    /// Its dial is under way.
    UnderWay,
    /// Too many are.
    Busy,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    remote: SocketAddr,
    /// We have dialled it, and nobody else wants it.
    is_ours: bool,
    is_of_book: bool,
    /// Told to be left.
    is_leaving: bool,
    used: u64,
}

/// Dials and links.
#[derive(Debug)]
pub(crate) struct Links {
    dials: BTreeMap<PeerId, Dial>,
    up: BoundedMap<PeerId, Link>,
    barred: BTreeSet<PeerId>,
    /// Counts uses.
    clock: u64,
}

impl Links {
    pub(crate) fn new() -> Self {
        let (dials, barred) = (BTreeMap::new(), BTreeSet::new());
        Self { dials, up: BoundedMap::new(LINKS_MAX), barred, clock: 0 }
    }

    pub(crate) fn bar(&mut self, peer: PeerId, is_barred: bool) {
        if is_barred {
            self.barred.insert(peer)
        } else {
            self.barred.remove(&peer)
        };
    }

    pub(crate) fn is_barred(&self, peer: &PeerId) -> bool {
        self.barred.contains(peer)
    }

    /// Returns from where a peer speaks that is here.
    pub(crate) fn remote(&self, peer: &PeerId) -> Option<SocketAddr> {
        self.up.get(peer).map(|link| link.remote)
    }

    /// Whether somebody who is here speaks from that address.
    pub(crate) fn is_at(&self, remote: SocketAddr) -> bool {
        self.up.iter().any(|(_, link)| link.remote == remote)
    }

    pub(crate) fn is_up(&self, peer: &PeerId) -> bool {
        self.up.contains_key(peer)
    }

    /// Whether a link or dial is ours alone.
    pub(crate) fn holds(&self, peer: &PeerId) -> bool {
        self.dials.contains_key(peer) || self.up.get(peer).is_some_and(|link| link.is_ours)
    }

    pub(crate) fn dials(&self) -> usize {
        self.dials.len()
    }

    pub(crate) fn warm(&self) -> usize {
        self.up.iter().filter(|(_, link)| is_warm(link)).count()
    }

    /// Asks for a dial; `note` says for whom. The address book's own are always dialled: they are few.
    pub(crate) fn dial(
        &mut self,
        peer: PeerId,
        address: SocketAddr,
        note: impl FnOnce(&mut Dial),
    ) -> Asked {
        if let Some(dial) = self.dials.get_mut(&peer) {
            note(dial);
            return Asked::UnderWay;
        }
        let mut dial = Dial { address: Some(address), ..Dial::default() };
        note(&mut dial);
        if self.dials.len() >= DIALS_MAX && dial.book.is_none() {
            return Asked::Busy;
        }
        self.dials.insert(peer, dial);
        Asked::Dial(address)
    }

    /// A dial is answered, by a link or by none.
    pub(crate) fn take_dial(&mut self, peer: &PeerId) -> Option<Dial> {
        self.dials.remove(peer)
    }

    /// Returns where a dial goes that is under way.
    pub(crate) fn dialled_at(&self, peer: &PeerId) -> Option<SocketAddr> {
        self.dials.get(peer)?.address
    }

    /// A dial is not made because another link to that node is there or comes: waits for it until then.
    pub(crate) fn comes(&mut self, peer: &PeerId, until: Instant) {
        if let Some(dial) = self.dials.get_mut(peer) {
            dial.comes_by = Some(until);
        }
    }

    /// Returns the dials whose link has not come by now, and where they went.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<(PeerId, SocketAddr)> {
        let due = self.dials.iter().filter(|(_, it)| it.comes_by.is_some_and(|at| at <= now));
        due.filter_map(|(peer, it)| Some((*peer, it.address?))).collect()
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.dials.values().filter_map(|it| it.comes_by).min()
    }

    /// A link stands; `false` when it is not kept in mind.
    pub(crate) fn up(
        &mut self,
        peer: PeerId,
        remote: SocketAddr,
        (is_ours, is_of_book): (bool, bool),
    ) -> bool {
        self.clock += 1;
        let link = Link { remote, is_ours, is_of_book, is_leaving: false, used: self.clock };
        self.up.insert(peer, link).is_ok()
    }

    /// A link is gone; returns whether it was ours, and nobody was told to leave it.
    pub(crate) fn down(&mut self, peer: &PeerId) -> bool {
        self.up.remove(peer).is_some_and(|link| link.is_ours && !link.is_leaving)
    }

    /// The address book keeps a link of ours.
    pub(crate) fn take_for_book(&mut self, peer: &PeerId) {
        if let Some(link) = self.up.get_mut(peer) {
            link.is_of_book = link.is_ours;
        }
    }

    /// Somebody else wants it: it is not ours to leave.
    pub(crate) fn give_away(&mut self, peer: &PeerId) {
        if let Some(link) = self.up.get_mut(peer) {
            link.is_ours = false;
            link.is_of_book = false;
        }
    }

    pub(crate) fn touch(&mut self, peer: &PeerId) {
        self.clock += 1;
        if let Some(link) = self.up.get_mut(peer) {
            link.used = self.clock;
        }
    }

    /// Notes that a link of ours is left; `false` when there is none, or it is being left.
    pub(crate) fn leave(&mut self, peer: &PeerId) -> bool {
        let Some(link) = self.up.get_mut(peer).filter(|it| it.is_ours && !it.is_leaving) else {
            return false;
        };
        link.is_leaving = true;
        true
    }

    /// Returns those that are too many, the longest unused first.
    pub(crate) fn superfluous(&self) -> Vec<PeerId> {
        let warm = self.up.iter().filter(|(_, link)| is_warm(link));
        let mut warm: Vec<_> = warm.map(|(peer, link)| (link.used, *peer)).collect();
        let too_many = warm.len().saturating_sub(WARM_LINKS_MAX);
        warm.sort_unstable();
        warm.into_iter().take(too_many).map(|(_, peer)| peer).collect()
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        // The address book's dials are beside the others.
        let most = DIALS_MAX + ensign_book::DIALS_MAX + ensign_book::TRUSTED_MAX + 1;
        [
            Occupancy { name: "overlay dials", len: self.dials.len(), limit: most },
            self.up.occupancy("overlay links"),
            Occupancy { name: "warm links", len: self.warm(), limit: WARM_LINKS_MAX },
        ]
    }
}

const fn is_warm(link: &Link) -> bool {
    link.is_ours && !link.is_of_book && !link.is_leaving
}
