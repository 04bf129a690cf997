//! The gate's side: who was told which price, who has paid it, and who gives way.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, net::IpAddr, time::Duration};

use ensign_diversity::network;
use ensign_primitives::{Instant, LinkId, Network, Occupancy, PeerId, TaggedHasher};
use ensign_wire::{Price, Proof};

use crate::{
    BITS_PAYABLE_MAX, Demand, Effort, POW_VERSION, Purpose, Puzzle, Refusal, Tariff,
    spent::{Spent, whole},
};

/// How long a seed is given out. Its proofs count for as long again, so that whoever is told a price late
/// can still pay it. Guess: many times what the dearest puzzle takes on a slow machine.
pub const EPOCH: Duration = Duration::from_secs(10 * 60);

/// Of how many places those who have paid leave one to those who have not, who need it to hear the price
/// and to pay it. Guess.
const KEPT_FREE: usize = 4;

/// By how many bits a crowded group of addresses pays more than the highest price at most. One, so that it is
/// never more than others pay ([`BITS_PAYABLE_MAX`]) by default; where the highest price
/// is set as high as that, a group pays no more.
const DEARER_BITS_MAX: u8 = 1;

/// What a stranger was told, and what it has paid, in zero bits.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    told: u8,
    /// How much of that is asked because many of its group have paid: it earns no better place.
    dearer: u8,
    /// 0 until then; without what is dearer there.
    paid: u8,
}

/// A proof, and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Payment {
    /// The connection that brought it.
    pub link: LinkId,
    /// Who is at its other end: the key that it has to be made for.
    pub peer: PeerId,
    /// Where it is.
    pub remote: IpAddr,
    /// What it found.
    pub proof: Proof,
}

/// The price at a node's gate.
///
/// Its candidates are *guests*: strangers that nobody wants, each with its connection and address. They
/// are handed in with each question; no other connection is ever named in an answer.
#[derive(Clone, Debug)]
pub struct Toll {
    network: Network,
    /// What every seed is made from.
    secret: [u8; 32],
    tariff: Tariff,
    places: usize,
    effort: Effort,
    tickets: BTreeMap<LinkId, Ticket>,
    /// Most connections at once.
    links_max: usize,
    spent: Spent,
}

impl Toll {
    /// Begins at rest.
    ///
    /// - `secret`: 32 bytes that nobody else knows, new for each start.
    /// - `(places, links_max)`: how many places guests have, and how many connections there are at all.
    pub fn new(
        network: Network,
        secret: [u8; 32],
        tariff: Tariff,
        (places, links_max): (usize, usize),
        now: Instant,
    ) -> Self {
        let (effort, tickets) = (Effort::new(tariff, now), BTreeMap::new());
        let spent = Spent::default();
        Self { network, secret, tariff, places, effort, tickets, links_max, spent }
    }

    /// Returns the price in zero bits; `None` at rest.
    pub fn bits(&self, now: Instant) -> Option<u8> {
        self.effort.bits(now)
    }

    /// A guest comes. Returns what it is told: nothing at rest, and the more the more of its group have paid
    /// within this hour. Nobody is locked out: at the most it is one bit above the highest price.
    ///
    /// - `guests`: how many there are without it.
    pub fn arrives(
        &mut self,
        now: Instant,
        (link, remote): (LinkId, IpAddr),
        guests: usize,
    ) -> Option<Price> {
        let demand = match guests.checked_add(1) {
            Some(held) if held < self.places => Demand::Room,
            Some(held) if held == self.places => Demand::Taken,
            Some(_) | None => Demand::Full,
        };
        self.effort.note(now, demand);
        let asked = self.effort.bits(now)?;
        let bits = self.bits_there(now, asked, network(remote));
        if self.tickets.len() < self.links_max {
            let dearer = bits.saturating_sub(asked);
            self.tickets.insert(link, Ticket { told: bits, dearer, paid: 0 });
        }
        let epoch = whole(now, EPOCH);
        Some(Price { version: POW_VERSION, bits, epoch, seed: self.seed(epoch) })
    }

    /// A connection is gone.
    pub fn leaves(&mut self, link: LinkId) {
        self.tickets.remove(&link);
    }

    /// Returns who gives way to a guest that comes while there is a price and no place: of those who have
    /// not paid, in the group of addresses that most of them are of, whoever has had most time to; the one
    /// that comes, if all have paid.
    ///
    /// So whoever comes has time to hear the price and to pay it, and who sits there without paying has
    /// it least long where it comes in crowds.
    ///
    /// - `guests`: all of them. Of some only, those who have paid would stand for all, and nobody would
    ///   get in.
    pub fn gives_way(
        &self,
        (newcomer, remote): (LinkId, IpAddr),
        guests: impl Iterator<Item = (LinkId, IpAddr)>,
    ) -> LinkId {
        let unpaid: Vec<_> = guests
            .filter(|(link, _)| self.paid(*link) == 0)
            .chain([(newcomer, remote)])
            .map(|(link, ip)| (link, network(ip)))
            .collect();
        let crowds = crowds(unpaid.iter().map(|(_, group)| *group));
        let of = |group: &IpAddr| crowds.get(group).copied().unwrap_or_default();
        let there = unpaid.iter().filter(|(link, _)| *link != newcomer);
        let longest = there.max_by_key(|(link, group)| (of(group), Reverse(*link)));
        longest.map_or(newcomer, |(link, _)| *link)
    }

    /// Takes what a guest has found. Returns who gives way for it, which may be its own connection: those who
    /// have paid hold three of four places at most, and of them goes who has paid least, then who is
    /// of the largest group of addresses, then who came last.
    ///
    /// # Errors
    ///
    /// [`Refusal`], from cheap to dear; nothing changes then.
    pub fn pay(
        &mut self,
        now: Instant,
        payment: Payment,
        guests: impl Iterator<Item = (LinkId, IpAddr)>,
    ) -> Result<Option<LinkId>, Refusal> {
        let Payment { link, peer, remote, proof } = payment;
        let ticket = self.tickets.get(&link).filter(|ticket| ticket.paid == 0);
        let ticket = *ticket.ok_or(Refusal::NotAsked)?;
        let (needed, group) = (ticket.told, network(remote));
        self.spent.check((peer, proof), whole(now, EPOCH))?;
        let (network, seed) = (self.network, self.seed(proof.epoch));
        let purpose = Purpose::Gate;
        let puzzle = Puzzle { purpose, network, key: peer, seed, epoch: proof.epoch, bits: needed };
        let paid = puzzle.check(proof)?;
        self.spent.enter(now, (peer, group, proof));
        let paid = paid.saturating_sub(ticket.dearer).max(1);
        self.tickets.insert(link, Ticket { paid, ..ticket });
        let loser = self.least(guests);
        if loser.is_some() {
            self.effort.note(now, Demand::PaidFull);
        }
        Ok(loser)
    }

    /// What is asked of a group of addresses while so many bits are asked of all.
    fn bits_there(&mut self, now: Instant, asked: u8, group: IpAddr) -> u8 {
        let above = self.spent.taken(now, group) / self.tariff.per_group.max(1);
        let above = u8::try_from(above).unwrap_or(u8::MAX);
        let dearest = self.tariff.bits_max.saturating_add(DEARER_BITS_MAX);
        let most = dearest.min(BITS_PAYABLE_MAX).max(asked);
        asked.saturating_add(above).min(most)
    }

    /// Returns what a connection has paid, in zero bits and without what is dearer in its group; 0 for nothing.
    pub fn paid(&self, link: LinkId) -> u8 {
        self.tickets.get(&link).map_or(0, |ticket| ticket.paid)
    }

    /// Who has paid least, if more have paid than have room.
    fn least(&self, guests: impl Iterator<Item = (LinkId, IpAddr)>) -> Option<LinkId> {
        let paid: Vec<_> = guests
            .map(|(link, ip)| (link, network(ip), self.paid(link)))
            .filter(|(_, _, paid)| *paid > 0)
            .collect();
        let kept_free = self.places.div_ceil(KEPT_FREE);
        if paid.len() <= self.places.saturating_sub(kept_free).max(1) {
            return None;
        }
        let crowds = crowds(paid.iter().map(|(_, group, _)| *group));
        let of = |group: &IpAddr| crowds.get(group).copied().unwrap_or_default();
        let least = paid
            .iter()
            .min_by_key(|(link, group, paid)| (*paid, Reverse(of(group)), Reverse(*link)));
        least.map(|(link, _, _)| *link)
    }

    fn seed(&self, epoch: u64) -> [u8; 32] {
        let hasher = TaggedHasher::new("ensign/pow-seed/v1", self.network);
        hasher.bytes(&self.secret).u64(epoch).finish()
    }

    /// Returns how full each memory is.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let tickets = Occupancy { name: "tickets", len: self.tickets.len(), limit: self.links_max };
        [tickets].into_iter().chain(self.spent.occupancy())
    }
}

/// How many there are of each group.
fn crowds(groups: impl Iterator<Item = IpAddr>) -> BTreeMap<IpAddr, usize> {
    let mut crowds = BTreeMap::new();
    groups.for_each(|group| *crowds.entry(group).or_default() += 1);
    crowds
}
