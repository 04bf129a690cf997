//! How many connections there may be before their owner decides about them, and who gives way.
//!
//! A connection is first one of a *crowd*, counted by groups of addresses: until it is known whose it is, and
//! from then on until it is reported, unless the owner *expects* its peer. So no crowd keeps an expected
//! peer out, from whatever address it comes. Who may stay is for the owner to say; here is only a
//! bound on what it is asked about.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use ensign_diversity::{AddressGroups, Group, PrefixTable, most_crowded};
use ensign_primitives::{Instant as Moment, PeerId};
use ensign_ratelimit::{Admission, Handshakes};
use tokio::time::Instant;

use crate::{
    HANDSHAKE_GRACE, TransportConfig, chance::Chance, latch::Latch, places::crowd::Crowd,
    shared::locked,
};

mod crowd;

/// Keeps count of connections from the first datagram to the end.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    chance: Chance,
    taken: Mutex<Taken>,
    /// How many handshakes callers may begin, and since when that is counted.
    handshakes: Mutex<Handshakes>,
    since: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    handshakes: usize,
    handshakes_per_ip: usize,
    before_retry: usize,
    links: usize,
}

/// Entries by the number of their coming, so that the youngest is the last.
#[derive(Debug, Default)]
struct Taken {
    next: u64,
    prefixes: Arc<PrefixTable>,
    entries: BTreeMap<u64, Entry>,
    /// How many of them are in the crowd, by group.
    crowd: Crowd,
    handshaking: usize,
}

#[derive(Debug)]
struct Entry {
    groups: AddressGroups,
    /// Whether a peer that is expected was connected from there.
    is_known: bool,
    stage: Stage,
    since: Instant,
    evicted: Arc<Latch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    /// Nobody expects the peer, and the owner does not know yet that it is here.
    Unreported,
    /// An expected peer called us, and the choice between its connections is not made.
    Calling(PeerId),
    /// The owner knows of it, or will whoever else comes.
    Held,
}

impl Stage {
    const fn is_crowd(self) -> bool {
        matches!(self, Self::Handshake | Self::Unreported)
    }
}

/// One connection's place; given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    evicted: Arc<Latch>,
}

/// Whose connection it is, once its identity is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Stranger,
    Expected,
}

/// There is no place for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Places {
    pub(crate) fn new(config: &TransportConfig, chance: Chance) -> Self {
        let limits = Limits {
            handshakes: config.handshakes_max.max(1),
            handshakes_per_ip: config.handshakes_per_ip_max.max(1),
            before_retry: config.handshakes_before_retry_max,
            links: config.links_max,
        };
        let handshakes = Mutex::new(Handshakes::new(config.handshakes));
        Self { limits, chance, taken: Mutex::default(), handshakes, since: Instant::now() }
    }

    /// Says whether a caller's handshake may begin, before anything is done for it.
    ///
    /// - `is_proven`: whether it has shown that it receives at its address.
    pub(crate) fn admit(&self, ip: IpAddr, is_proven: bool, now: Instant) -> Admission {
        let passed = now.saturating_duration_since(self.since);
        let at = Moment::default().after(passed);
        let mut handshakes = locked(&self.handshakes);
        if is_proven {
            handshakes.proven(at, ip)
        } else if self.handshaking() >= self.limits.before_retry {
            Admission::Prove
        } else {
            handshakes.unproven(at)
        }
    }

    /// A member was connected from there.
    pub(crate) fn know(&self, peer: PeerId, ip: IpAddr) {
        locked(&self.handshakes).know(peer, ip);
    }

    /// Returns how many callers were refused because too many came.
    pub(crate) fn refused(&self) -> u64 {
        locked(&self.handshakes).refused()
    }

    /// Gives a place to a caller from `ip`, whose handshake begins.
    ///
    /// When the crowd is too large, one of it gives way: where most come from, or among those of the caller's
    /// own host or network when they are too many. Which one is random, among those that have had
    /// [`HANDSHAKE_GRACE`]; with none of these the caller is refused. So whoever dials without end from the address of
    /// a member costs us a bounded number of handshakes, and the member's is done once it begins.
    ///
    /// Addresses where a peer that is expected was connected have [`HANDSHAKES_KEPT_MAX`](crate::HANDSHAKES_KEPT_MAX) places besides.
    pub(crate) fn accept(self: &Arc<Self>, ip: IpAddr, now: Instant) -> Option<Place> {
        let is_known = locked(&self.handshakes).knows(ip);
        let mut taken = locked(&self.taken);
        let groups = AddressGroups::of(ip, &taken.prefixes);
        let entry = Entry { is_known, ..Entry::new(groups, Stage::Handshake, now) };
        if taken.crowd.keeps_a_place(&entry) {
            return Some(self.take(&mut taken, entry));
        }
        if let Some(crowded) = taken.crowded(groups, &self.limits) {
            let is_due =
                |entry: &Entry| now.saturating_duration_since(entry.since) >= HANDSHAKE_GRACE;
            // Most callers of a flood are refused: nobody is due, and that is seen first.
            crowded.iter().any(|(_, entry)| is_due(entry)).then_some(())?;
            let crowd = most_crowded(crowded.into_iter().map(|it| (it, it.1.groups)));
            let due = crowd.into_iter().filter(|(_, entry)| is_due(entry));
            let due: Vec<u64> = due.map(|(number, _)| number).collect();
            let drawn = self.chance.number() as usize % due.len().max(1);
            taken.evict(*due.get(drawn)?);
        }
        Some(self.take(&mut taken, entry))
    }

    /// Learns who announces which addresses.
    pub(crate) fn know_prefixes(&self, prefixes: Arc<PrefixTable>) {
        locked(&self.taken).prefixes = prefixes;
    }

    /// Gives a place to a dial of ours: our own wish is not a stranger's to refuse.
    pub(crate) fn dial(self: &Arc<Self>, ip: IpAddr) -> Place {
        let mut taken = locked(&self.taken);
        let groups = AddressGroups::of(ip, &taken.prefixes);
        self.take(&mut taken, Entry::new(groups, Stage::Held, Instant::now()))
    }

    /// Returns how many handshakes of callers are not finished.
    pub(crate) fn handshaking(&self) -> usize {
        locked(&self.taken).handshaking
    }

    fn take(self: &Arc<Self>, taken: &mut Taken, entry: Entry) -> Place {
        let (number, evicted) = (taken.next, Arc::clone(&entry.evicted));
        taken.next += 1;
        taken.insert(number, entry);
        Place { places: Arc::clone(self), number, evicted }
    }
}

impl Entry {
    fn new(groups: AddressGroups, stage: Stage, since: Instant) -> Self {
        Self { groups, is_known: false, stage, since, evicted: Arc::default() }
    }
}

impl Place {
    /// Notes whose connection it is.
    ///
    /// A stranger stays in the crowd; there is no place for it when as many connections are held as
    /// there may be. An expected peer leaves the crowd, and drives out its own earlier call: it dials
    /// one connection at a time, so it has lost that one.
    ///
    /// # Errors
    ///
    /// [`Full`] when it is this connection that has to go.
    pub(crate) fn identify(&self, peer: PeerId, standing: Standing) -> Result<(), Full> {
        let mut taken = locked(&self.places.taken);
        if self.is_evicted() {
            return Err(Full);
        }
        match standing {
            Standing::Stranger if taken.identified() >= self.places.limits.links => {
                taken.evict(self.number);
                return Err(Full);
            }
            Standing::Stranger => taken.enter(self.number, Stage::Unreported),
            Standing::Expected => {
                let calling = Stage::Calling(peer);
                let mut calls = taken.entries.iter().filter(|(_, entry)| entry.stage == calling);
                let earlier = calls.next().map(|(number, _)| *number);
                earlier.into_iter().for_each(|number| taken.evict(number));
                taken.enter(self.number, calling);
            }
        }
        Ok(())
    }

    /// Notes that the connection is the one in use with its peer; a stranger's stays in the crowd.
    pub(crate) fn settle(&self) {
        let mut taken = locked(&self.places.taken);
        if let Some(entry) = taken.entries.get_mut(&self.number)
            && matches!(entry.stage, Stage::Calling(_))
        {
            entry.stage = Stage::Held;
        }
    }

    /// Notes that the connection is reported, or its peer expected: it gives way to nobody any more.
    /// False when it has given way already.
    pub(crate) fn hold(&self) -> bool {
        let mut taken = locked(&self.places.taken);
        taken.enter(self.number, Stage::Held);
        !self.is_evicted()
    }

    /// Waits until the connection has to give way to another.
    pub(crate) async fn evicted(&self) {
        self.evicted.wait().await;
    }

    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.is_set()
    }

    /// Gives the place back before the drop.
    pub(crate) fn release(&self) {
        locked(&self.places.taken).remove(self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.release();
    }
}

impl Taken {
    fn crowd(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let crowd = self.entries.iter().filter(|(_, entry)| entry.stage.is_crowd());
        crowd.map(|(number, entry)| (*number, entry))
    }

    fn identified(&self) -> usize {
        self.entries.len() - self.handshaking
    }

    /// Returns those of whom one has to make room for a handshake from an address, if any: of the narrowest
    /// of its groups that has its share of handshakes, or of all.
    fn crowded(&self, groups: AddressGroups, limits: &Limits) -> Option<Vec<(u64, &Entry)>> {
        let has_its_share = |group: &Group| self.crowd.of(group) >= limits.share(group);
        match groups.iter().find(has_its_share) {
            Some(group) => {
                let is_of = |entry: &Entry| entry.groups.iter().any(|it| it == group);
                Some(self.crowd().filter(|(_, entry)| is_of(entry)).collect())
            }
            None if self.crowd.len() >= limits.handshakes => Some(self.crowd().collect()),
            None => None,
        }
    }

    fn insert(&mut self, number: u64, entry: Entry) {
        self.crowd.join(&entry);
        self.handshaking += usize::from(entry.stage == Stage::Handshake);
        self.entries.insert(number, entry);
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.crowd.leave(&entry);
        self.handshaking -= usize::from(entry.stage == Stage::Handshake);
        Some(entry)
    }

    fn enter(&mut self, number: u64, stage: Stage) {
        if let Some(entry) = self.remove(number) {
            self.insert(number, Entry { stage, ..entry });
        }
    }

    fn evict(&mut self, number: u64) {
        if let Some(entry) = self.remove(number) {
            entry.evicted.set();
        }
    }
}

impl Limits {
    /// How many of a group may be in the crowd: of a provider half of all at most, of a country three
    /// quarters, so that those elsewhere find room whatever a host may have.
    ///
    /// Guess: a tenth of honest nodes is at the largest provider, and a quarter in the largest country.
    fn share(&self, group: &Group) -> usize {
        let most = match group {
            Group::Host(_) | Group::Network(_) => self.handshakes,
            Group::Block(_) | Group::Provider(_) => self.handshakes.div_ceil(2),
            Group::Country(_) => self.handshakes - self.handshakes / 4,
        };
        self.handshakes_per_ip.saturating_mul(group.share() as usize).min(most)
    }
}

#[cfg(test)]
mod tests;
