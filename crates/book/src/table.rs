//! The two tables: who is in which, and who leaves.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::{IpAddr, SocketAddr};

use ensign_diversity::network;
use ensign_primitives::{BoundedMap, Instant, Now, Occupancy, PeerId, UnixTime};

use crate::{
    Area, Listed, NEW_MAX, ROOTS_MAX, SAMPLE_TIME, TOLD_AGE_MAX, TOLD_MAX, TRIED_MAX,
    TRIED_PER_AREA_MAX, TRIED_PER_NETWORK_MAX,
    entry::{Entry, Shelf},
    places::{Place, Secret},
};

/// Everybody in the book.
#[derive(Debug)]
pub(crate) struct Table<R> {
    secret: Secret,
    entries: BoundedMap<PeerId, Entry<R>>,
    new: BTreeMap<Place, PeerId>,
    tried: BTreeMap<Place, PeerId>,
    /// How often anybody was reached. A failure counts once for each such moment, so that nobody dies of
    /// our own connection being down.
    reached: u64,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is in *new* now.
    Entered,
    /// It takes the place of an older one of the same node.
    Renewed,
    /// It is there, or a newer one is.
    Known,
    /// Somebody who lives has its place.
    NoRoom,
}

/// What becomes of somebody whom we reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It is in *tried* now.
    Entered,
    /// It was, and stays.
    Still,
    /// Its place is taken, by this one.
    Contested(PeerId),
    /// So many of its area or network are there already; it stays in *new*.
    Crowded,
    /// It is not in the book.
    Unknown,
}

impl<R: Listed> Table<R> {
    pub(crate) const fn new(secret: Secret) -> Self {
        let entries = BoundedMap::new(NEW_MAX + TRIED_MAX);
        Self { secret, entries, new: BTreeMap::new(), tried: BTreeMap::new(), reached: 0 }
    }

    pub(crate) fn get(&self, peer: &PeerId) -> Option<&Entry<R>> {
        self.entries.get(peer)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn tried(&self) -> impl Iterator<Item = (&PeerId, &Entry<R>)> {
        self.tried.values().filter_map(|peer| Some((peer, self.entries.get(peer)?)))
    }

    /// Enters a checked record into *new*, or takes it in the place of an older one.
    pub(crate) fn hear(&mut self, now: UnixTime, record: R, area: Area, source: Area) -> Heard {
        let peer = record.peer();
        if let Some(entry) = self.entries.get_mut(&peer) {
            if record.seq() <= entry.record.seq() {
                return Heard::Known;
            }
            entry.record = record;
            entry.heard_at = now;
            return Heard::Renewed;
        }
        let place = self.secret.in_new(&peer, area, source);
        if let Some(holder) = self.new.get(&place).copied() {
            if self.entries.get(&holder).is_some_and(|entry| !entry.gives_way(now)) {
                return Heard::NoRoom;
            }
            self.remove(&holder);
        }
        let entry = Entry {
            record,
            shelf: Shelf::New,
            place,
            heard_at: now,
            reached: None,
            dialled_at: None,
            failures: 0,
            counted_at: self.reached,
        };
        if self.entries.insert(peer, entry).is_err() {
            return Heard::NoRoom;
        }
        self.new.insert(place, peer);
        Heard::Entered
    }

    /// Notes that somebody answered as itself at an address that we dialled.
    pub(crate) fn reach(
        &mut self,
        now: UnixTime,
        peer: &PeerId,
        (address, area): (SocketAddr, Area),
    ) -> Reached {
        self.reached = self.reached.saturating_add(1);
        let Some(entry) = self.entries.get_mut(peer) else { return Reached::Unknown };
        entry.reached = Some((address, now));
        entry.heard_at = now;
        entry.failures = 0;
        let to = Shelf::Tried(area, network(address.ip()));
        if entry.shelf == to {
            return Reached::Still;
        }
        // Whoever has moved is placed anew: a place is bought with the area that one is in.
        if self.is_crowded(peer, area, address.ip()) {
            self.demote(peer);
            return Reached::Crowded;
        }
        let place = self.secret.in_tried(peer, area);
        match self.tried.get(&place).copied().filter(|holder| holder != peer) {
            Some(holder) => {
                self.demote(peer);
                Reached::Contested(holder)
            }
            None => {
                self.settle(peer, place, to);
                Reached::Entered
            }
        }
    }

    /// Gives the place of somebody in *tried* to a newcomer that was found to want it.
    pub(crate) fn replace(&mut self, holder: &PeerId, newcomer: &PeerId, area: Area) -> bool {
        let Some((address, _)) = self.entries.get(newcomer).and_then(|entry| entry.reached) else {
            return false;
        };
        let place = self.secret.in_tried(newcomer, area);
        if self.tried.get(&place) != Some(holder) {
            return false;
        }
        self.remove(holder);
        if self.is_crowded(newcomer, area, address.ip()) {
            return false;
        }
        self.settle(newcomer, place, Shelf::Tried(area, network(address.ip())));
        true
    }

    /// Notes that a dial begins.
    pub(crate) fn dial(&mut self, now: Instant, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.dialled_at = Some(now);
        }
    }

    /// Notes that nobody answered as this one; returns whether it leaves for that.
    pub(crate) fn fail(&mut self, now: UnixTime, peer: &PeerId) -> bool {
        let reached = self.reached;
        let Some(entry) = self.entries.get_mut(peer) else { return false };
        if entry.counted_at >= reached {
            return false;
        }
        entry.counted_at = reached;
        entry.failures = entry.failures.saturating_add(1);
        let is_dead = entry.is_dead(now);
        if is_dead {
            self.remove(peer);
        }
        is_dead
    }

    /// Takes out who is dead; returns those of them who were in *tried*.
    pub(crate) fn sweep(&mut self, now: UnixTime) -> Vec<PeerId> {
        let dead = |(peer, entry): (&PeerId, &Entry<R>)| {
            entry.is_dead(now).then_some((*peer, entry.is_tried()))
        };
        let dead: Vec<_> = self.entries.iter().filter_map(dead).collect();
        dead.iter().for_each(|(peer, _)| self.remove(peer));
        dead.into_iter().filter_map(|(peer, was_tried)| was_tried.then_some(peer)).collect()
    }

    /// Takes somebody out.
    pub(crate) fn remove(&mut self, peer: &PeerId) {
        let Some(entry) = self.entries.remove(peer) else { return };
        match entry.shelf {
            Shelf::New => self.new.remove(&entry.place),
            Shelf::Tried(..) => self.tried.remove(&entry.place),
        };
    }

    /// Draws somebody of one table: first a bucket among those with anybody who fits, then one of it, so that who
    /// fills a few buckets is not drawn more often for it. Who was not dialled a moment ago comes first.
    pub(crate) fn pick(
        &self,
        now: Now,
        is_tried: bool,
        mut draw: impl FnMut(usize) -> usize,
        mut fits: impl FnMut(&PeerId, &Entry<R>) -> bool,
    ) -> Option<PeerId> {
        let shelf = if is_tried { &self.tried } else { &self.new };
        let mut rested: BTreeMap<u64, Vec<PeerId>> = BTreeMap::new();
        let mut longest: Option<(Instant, PeerId)> = None;
        for (place, peer) in shelf {
            let Some(entry) = self.entries.get(peer).filter(|entry| fits(peer, entry)) else {
                continue;
            };
            if entry.has_rested(now.instant) {
                rested.entry(place.bucket).or_default().push(*peer);
            } else if let Some(at) = entry.dialled_at {
                longest = longest.into_iter().chain([(at, *peer)]).min();
            }
        }
        if rested.is_empty() {
            return longest.map(|(_, peer)| peer);
        }
        let bucket = rested.values().nth(draw(rested.len()))?;
        bucket.get(draw(bucket.len())).copied()
    }

    /// Returns whom one kind of askers is told of: those reached lately whose records have not ended.
    ///
    /// Equal during [`SAMPLE_TIME`] while nothing changes. Cost: a hash for each node in *tried*.
    pub(crate) fn sample(
        &self,
        now: UnixTime,
        asker: Area,
        may_be_told: impl Fn(&PeerId) -> bool,
    ) -> Vec<R> {
        let class = self.secret.class(asker);
        let period = now.as_millis() / (SAMPLE_TIME.as_secs() * 1000);
        let mut ranked: BTreeSet<(u64, PeerId)> = BTreeSet::new();
        for (peer, entry) in self.tried() {
            let is_fresh = entry.record.expires() > now
                && entry.reached.is_some_and(|(_, at)| now.since(at) <= TOLD_AGE_MAX);
            if is_fresh && may_be_told(peer) {
                ranked.insert((self.secret.rank(peer, class, period), *peer));
            }
        }
        let told = ranked.iter().take(TOLD_MAX);
        told.filter_map(|(_, peer)| Some(self.entries.get(peer)?.record.clone())).collect()
    }

    /// Returns up to [`ROOTS_MAX`] records of *tried*, spread evenly over the space of ids: of each 256th of it
    /// the first, then of each the second. At most [`TRIED_PER_NETWORK_MAX`] of one network are there at all.
    pub(crate) fn roots(&self, now: UnixTime) -> Vec<&R> {
        let mut slices: BTreeMap<u8, Vec<&R>> = BTreeMap::new();
        for (_, entry) in self.tried() {
            if entry.record.expires() > now {
                let [slice, ..] = entry.record.position();
                slices.entry(slice).or_default().push(&entry.record);
            }
        }
        let mut roots = Vec::new();
        let deepest = slices.values().map(Vec::len).max().unwrap_or(0);
        for depth in 0..deepest {
            let layer: Vec<&R> =
                slices.values().filter_map(|slice| slice.get(depth).copied()).collect();
            let room = ROOTS_MAX - roots.len();
            if layer.len() <= room {
                roots.extend(layer);
                continue;
            }
            // Of the last ones every so many, so that no part of the space comes short.
            let every = (0..room).filter_map(|at| layer.get(at * layer.len() / room));
            roots.extend(every.copied());
            break;
        }
        roots
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        [
            Occupancy { name: "nodes in new", len: self.new.len(), limit: NEW_MAX },
            Occupancy { name: "nodes in tried", len: self.tried.len(), limit: TRIED_MAX },
        ]
    }

    fn is_crowded(&self, peer: &PeerId, area: Area, ip: IpAddr) -> bool {
        if matches!(area, Area::Local(_)) {
            return false;
        }
        let (mut of_network, mut of_area) = (0, 0);
        for (_, entry) in self.tried().filter(|(other, _)| *other != peer) {
            if let Shelf::Tried(other, its_network) = entry.shelf {
                of_area += usize::from(other == area);
                of_network += usize::from(its_network == network(ip));
            }
        }
        of_network >= TRIED_PER_NETWORK_MAX || of_area >= TRIED_PER_AREA_MAX
    }

    /// Moves somebody to a free place in *tried*.
    fn settle(&mut self, peer: &PeerId, place: Place, shelf: Shelf) {
        let Some(entry) = self.entries.get_mut(peer) else { return };
        match entry.shelf {
            Shelf::New => self.new.remove(&entry.place),
            Shelf::Tried(..) => self.tried.remove(&entry.place),
        };
        (entry.place, entry.shelf) = (place, shelf);
        self.tried.insert(place, *peer);
    }

    /// Moves somebody back to *new*, as if it had said so itself; it leaves when somebody has that place.
    fn demote(&mut self, peer: &PeerId) {
        let Some(entry) = self.entries.get_mut(peer) else { return };
        let Shelf::Tried(area, _) = entry.shelf else { return };
        let from = entry.place;
        let place = self.secret.in_new(peer, area, area);
        self.tried.remove(&from);
        if self.new.contains_key(&place) {
            self.entries.remove(peer);
            return;
        }
        (entry.place, entry.shelf) = (place, Shelf::New);
        self.new.insert(place, *peer);
    }
}
