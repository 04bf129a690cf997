//! The records of others that we keep.

use alloc::{
    collections::{BTreeMap, btree_map::Entry},
    vec::Vec,
};
use core::net::IpAddr;

use ensign_primitives::{Instant, Now, Occupancy, PeerId};
use ensign_wire::{DHT_RECORD_LIFETIME_MAX, DhtRecord, Key, RecordKind, StoreRefusal};

use crate::{
    FREE_BYTES_MAX, Offense, PUBLISHERS_COUNTED, RECORDS_PER_PUBLISHER, SHELF_BYTES_MAX,
    SHELF_RECORDS_MAX, VERSIONS_PER_MINUTE,
};

#[derive(Debug)]
struct Kept {
    record: DhtRecord,
    bytes: usize,
    until: Instant,
    /// The network of who brought it: whose share it takes.
    from: IpAddr,
}

/// Why a record is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Untaken {
    /// It may be a good one elsewhere, or at another time.
    Refused(StoreRefusal),
    /// It is one nowhere.
    Offense(Offense),
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A version that was not known; whether its publisher has some left to be handed on.
    New { is_handed_on: bool },
    /// It is there already.
    Known,
}

/// Records by their key.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    records: BTreeMap<Key, Kept>,
    /// How many records of each publisher are here: at most as many as there are records.
    publishers: BTreeMap<PeerId, usize>,
    bytes: usize,
    /// How many versions of each publisher were handed on in this minute: of node records, and of free ones.
    handed: [BTreeMap<PeerId, u8>; 2],
    minute: u64,
    /// Not after the first that expires.
    next: Option<Instant>,
}

impl Shelf {
    /// Tells whether a record would be refused whatever its signature: its version, its publisher's quota.
    pub(crate) fn refuses(&self, record: &DhtRecord) -> Option<StoreRefusal> {
        if let Some(kept) = self.records.get(&record.key()) {
            let is_same = kept.record == *record;
            let is_later = kept.record.seq() < record.seq();
            return (!is_same && !is_later).then_some(StoreRefusal::Older);
        }
        let of_publisher = self.publishers.get(&record.publisher()).copied().unwrap_or_default();
        let is_full = of_publisher >= RECORDS_PER_PUBLISHER;
        is_full.then_some(StoreRefusal::Publisher)
    }

    /// Keeps a verified record that came from somebody in this network. When there is no room, of those that cost
    /// no work, if they have their half, or else of the others, whoever's network takes most gives way, with what
    /// is farthest from `home`.
    pub(crate) fn keep(
        &mut self,
        now: Now,
        (record, from): (DhtRecord, IpAddr),
        home: Key,
    ) -> Result<Taken, StoreRefusal> {
        if let Some(why) = self.refuses(&record) {
            return Err(why);
        }
        let key = record.key();
        if self.records.get(&key).is_some_and(|it| it.record == record) {
            return Ok(Taken::Known);
        }
        let bytes = record.encode().len();
        let left = record.expires().since(now.unix).min(DHT_RECORD_LIFETIME_MAX);
        let (kind, publisher) = (record.kind(), record.publisher());
        let until = now.instant.after(left);
        self.next = Some(self.next.map_or(until, |it| it.min(until)));
        self.remove(&key);
        self.bytes += bytes;
        *self.publishers.entry(publisher).or_default() += 1;
        self.records.insert(key, Kept { record, bytes, until, from });
        while self.bytes > SHELF_BYTES_MAX || self.records.len() > SHELF_RECORDS_MAX {
            let Some(gone) = self.gives_way(home) else { break };
            self.remove(&gone);
            if gone == key {
                return Err(StoreRefusal::Full);
            }
        }
        Ok(Taken::New { is_handed_on: self.may_hand_on(now, kind, publisher) })
    }

    /// The farthest record of the network that takes most, of the kinds that have more than their part.
    fn gives_way(&self, home: Key) -> Option<Key> {
        let free = self.records.values().filter(|it| is_free(it.record.kind()));
        let is_flooded = free.map(|it| it.bytes).sum::<usize>() > FREE_BYTES_MAX;
        let kept = || self.records.iter().filter(|(_, it)| is_free(it.record.kind()) == is_flooded);
        let mut shares: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (_, kept) in kept() {
            *shares.entry(kept.from).or_default() += kept.bytes;
        }
        let (most, _) = shares.into_iter().max_by_key(|(_, bytes)| *bytes)?;
        let of_most = kept().filter(|(_, it)| it.from == most);
        of_most.map(|(key, _)| *key).max_by_key(|key| home.distance(*key))
    }

    fn may_hand_on(&mut self, now: Now, kind: RecordKind, publisher: PeerId) -> bool {
        let minute = now.instant.as_micros() / 60_000_000;
        if minute != self.minute {
            self.minute = minute;
            self.handed.iter_mut().for_each(BTreeMap::clear);
        }
        let [priced, free] = &mut self.handed;
        let handed = if is_free(kind) { free } else { priced };
        if handed.len() >= PUBLISHERS_COUNTED && !handed.contains_key(&publisher) {
            return false;
        }
        let versions = handed.entry(publisher).or_default();
        *versions = versions.saturating_add(1);
        *versions <= VERSIONS_PER_MINUTE
    }

    pub(crate) fn get(&self, now: Instant, key: &Key) -> Option<&DhtRecord> {
        self.records.get(key).filter(|it| it.until > now).map(|it| &it.record)
    }

    /// Returns the record whose key begins like this.
    pub(crate) fn by_half(&self, key16: [u8; 16]) -> Option<&DhtRecord> {
        let mut first = [0; 32];
        let (half, _) = first.split_at_mut(16);
        half.copy_from_slice(&key16);
        let (key, kept) = self.records.range(Key(first)..).next()?;
        (key.first_half() == key16).then_some(&kept.record)
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Instant) {
        let gone: Vec<Key> =
            self.records.iter().filter(|(_, it)| it.until <= now).map(|(key, _)| *key).collect();
        gone.iter().for_each(|key| self.remove(key));
        self.next = self.records.values().map(|it| it.until).min();
    }

    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.next
    }

    fn remove(&mut self, key: &Key) {
        let Some(gone) = self.records.remove(key) else { return };
        self.bytes -= gone.bytes;
        if let Entry::Occupied(mut left) = self.publishers.entry(gone.record.publisher()) {
            *left.get_mut() -= 1;
            if *left.get() == 0 {
                left.remove();
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &DhtRecord> {
        self.records.values().map(|it| &it.record)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        let (len, limit) = (self.records.len(), SHELF_RECORDS_MAX);
        let counted = self.handed.iter().map(BTreeMap::len).max().unwrap_or_default();
        let publishers = PUBLISHERS_COUNTED;
        [
            Occupancy { name: "dht records", len, limit },
            Occupancy { name: "dht record bytes", len: self.bytes, limit: SHELF_BYTES_MAX },
            Occupancy { name: "dht publishers", len: counted, limit: publishers },
        ]
    }
}

/// Whether anybody can publish such records without end: no work stands behind their publisher's key.
fn is_free(kind: RecordKind) -> bool {
    kind != RecordKind::NODE
}
