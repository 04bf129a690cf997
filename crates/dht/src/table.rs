//! The routing table: who has answered us, by how many bits we share.
//!
//! Who is in and answers stays in, whoever comes later: that keeps an attacker who arrives after us out
//! (measured: with it a thousand Sybils in a region are survived, without it nothing helps).

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use ensign_diversity::{AddressGroups, Group, PrefixTable};
use ensign_primitives::{Instant, Occupancy, PeerId, UnixTime};
use ensign_wire::{Key, NodeId, NodeRecord, Scope};

use crate::{
    BUCKETS_MAX, FAILURES_MAX, GROUP_PER_BUCKET_MAX, GROUP_PER_TABLE_MAX, K, SPARE_MAX,
    STALE_AFTER, locality::shared_network,
};

/// A node that has answered a question of ours.
#[derive(Clone, Debug)]
struct Place {
    record: NodeRecord,
    /// Its position, here so that a search touches no record.
    id: NodeId,
    groups: [Option<Group>; 2],
    seen: Instant,
    failures: u8,
    is_asked: bool,
}

#[derive(Debug, Default)]
struct Bucket {
    live: Vec<Place>,
    /// Who takes a place that gets free, newest last.
    spare: VecDeque<Place>,
}

/// What becomes of a node that has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It has a place, now or before.
    In,
    /// It waits for one; this contact of its bucket was silent long and is to be asked whether it is there.
    Waits {
        /// The contact, unless all were heard of lately.
        ask: Option<NodeRecord>,
    },
    /// Its group of addresses has as many places as one may have.
    Crowded,
}

/// Who has answered us.
#[derive(Debug)]
pub struct Table {
    origin: NodeId,
    buckets: BTreeMap<u16, Bucket>,
    crowd: BTreeMap<Group, u16>,
    scope: Scope,
    prefixes: Arc<PrefixTable>,
}

impl Table {
    /// Makes an empty one around our own position.
    ///
    /// - `scope`: which addresses count. Where local ones do, those of one local network are no crowd.
    pub fn new(origin: NodeId, scope: Scope, prefixes: Arc<PrefixTable>) -> Self {
        Self { origin, buckets: BTreeMap::new(), crowd: BTreeMap::new(), scope, prefixes }
    }

    /// Returns the position around which it is built.
    pub const fn origin(&self) -> NodeId {
        self.origin
    }

    /// Enters a node that has answered a question of ours from this address.
    pub fn answered(&mut self, now: Instant, record: NodeRecord, remote: IpAddr) -> Placed {
        let id = record.position();
        let Some(index) = self.index_of(id) else { return Placed::In };
        let groups = self.groups_of(remote);
        let bucket = self.buckets.entry(index).or_default();
        let mut contact = Place { record, id, groups, seen: now, failures: 0, is_asked: false };
        let is_same = |it: &Place| it.record.peer() == contact.record.peer();
        if let Some(at) = bucket.live.iter().position(is_same) {
            let known = bucket.live.swap_remove(at);
            if known.record.seq() >= contact.record.seq() {
                (contact.record, contact.id) = (known.record.clone(), known.id);
            }
            if known.groups == contact.groups {
                bucket.live.push(contact);
                return Placed::In;
            }
            // Who has moved is placed anew: a place is bought with the network that one is in.
            count(&mut self.crowd, &known, false);
        }
        if !fits(bucket, &self.crowd, &contact) {
            return Placed::Crowded;
        }
        if bucket.live.len() < K {
            count(&mut self.crowd, &contact, true);
            bucket.spare.retain(|it| it.record.peer() != contact.record.peer());
            bucket.live.push(contact);
            return Placed::In;
        }
        bucket.spare.retain(|it| it.record.peer() != contact.record.peer());
        if bucket.spare.len() >= SPARE_MAX {
            bucket.spare.pop_front();
        }
        bucket.spare.push_back(contact);
        let oldest = bucket.live.iter_mut().min_by_key(|it| (it.seen, it.id));
        let stale = oldest.filter(|it| !it.is_asked && now.since(it.seen) >= STALE_AFTER);
        let ask = stale.map(|it| {
            it.is_asked = true;
            it.record.clone()
        });
        Placed::Waits { ask }
    }

    /// Notes that a contact did not answer, at a time when others do. Returns whether it is gone: then
    /// the newest who waits has its place.
    pub fn failed(&mut self, peer: &PeerId, id: NodeId) -> bool {
        let Some(index) = self.index_of(id) else { return false };
        let Some(bucket) = self.buckets.get_mut(&index) else { return false };
        bucket.spare.retain(|it| it.record.peer() != *peer);
        let Some(at) = bucket.live.iter().position(|it| it.record.peer() == *peer) else {
            return false;
        };
        if let Some(contact) = bucket.live.get_mut(at) {
            contact.failures = contact.failures.saturating_add(1);
            contact.is_asked = false;
            if contact.failures < FAILURES_MAX {
                return false;
            }
        }
        let gone = bucket.live.swap_remove(at);
        count(&mut self.crowd, &gone, false);
        while let Some(next) = bucket.spare.pop_back() {
            if fits(bucket, &self.crowd, &next) {
                count(&mut self.crowd, &next, true);
                bucket.live.push(next);
                break;
            }
        }
        true
    }

    /// Forgets contacts whose record has expired: they are elsewhere, or were not heard of for long.
    pub fn expire(&mut self, now: UnixTime) {
        let Self { buckets, crowd, .. } = self;
        for bucket in buckets.values_mut() {
            bucket.spare.retain(|it| it.record.node().expires > now);
            bucket.live.retain(|it| {
                let holds = it.record.node().expires > now;
                if !holds {
                    count(crowd, it, false);
                }
                holds
            });
        }
    }

    /// Tells whether a node would get a place, or wait for one.
    pub fn has_room(&self, id: NodeId) -> bool {
        let Some(index) = self.index_of(id) else { return false };
        self.buckets.get(&index).is_none_or(|it| it.live.len() < K || it.spare.len() < SPARE_MAX)
    }

    /// Tells whether a node has a place.
    pub fn contains(&self, peer: &PeerId, id: NodeId) -> bool {
        self.get(peer, id).is_some()
    }

    /// Returns the record of a contact.
    pub fn get(&self, peer: &PeerId, id: NodeId) -> Option<&NodeRecord> {
        let bucket = self.buckets.get(&self.index_of(id)?)?;
        bucket.live.iter().map(|it| &it.record).find(|it| it.peer() == *peer)
    }

    /// Returns every contact.
    pub fn contacts(&self) -> impl Iterator<Item = &NodeRecord> {
        self.buckets.values().flat_map(|it| &it.live).map(|it| &it.record)
    }

    /// Returns every contact, with its bucket and when it was last heard of.
    pub fn rows(&self) -> impl Iterator<Item = (u16, &NodeRecord, Instant)> {
        self.buckets
            .iter()
            .flat_map(|(at, bucket)| bucket.live.iter().map(move |it| (*at, &it.record, it.seen)))
    }

    /// Returns at most `count` contacts nearest to a point, nearest first.
    ///
    /// Cost: only the buckets that can hold one of them are looked at.
    pub fn closest(&self, target: Key, count: usize) -> Vec<NodeRecord> {
        let mut found: Vec<NodeRecord> = Vec::with_capacity(count);
        let shared = target.distance(self.origin).zero_bits().min(BUCKETS_MAX as u32) as u16;
        // Nearest: who differs from us where the target does; then those nearer to us; then each farther
        // bucket by itself.
        let middle = self.buckets.range(shared..=shared);
        let nearer = self.buckets.range(shared.saturating_add(1)..);
        self.take_nearest(target, middle, count, &mut found);
        self.take_nearest(target, nearer, count, &mut found);
        for farther in self.buckets.range(..shared).rev() {
            if found.len() >= count {
                break;
            }
            self.take_nearest(target, [farther].into_iter(), count, &mut found);
        }
        found
    }

    fn take_nearest<'a>(
        &self,
        target: Key,
        buckets: impl Iterator<Item = (&'a u16, &'a Bucket)>,
        count: usize,
        found: &mut Vec<NodeRecord>,
    ) {
        if found.len() >= count {
            return;
        }
        let mut all: Vec<_> = buckets
            .flat_map(|(_, it)| &it.live)
            .map(|it| (target.distance(it.id), &it.record))
            .collect();
        all.sort_unstable_by_key(|it| it.0);
        let left = count - found.len();
        found.extend(all.into_iter().take(left).map(|(_, record)| record.clone()));
    }

    /// Returns the contacts within a region.
    pub fn within(&self, key: Key, region: u64) -> Vec<&NodeRecord> {
        let live = self.buckets.values().flat_map(|it| &it.live);
        live.filter(|it| key.distance(it.id).top() < region).map(|it| &it.record).collect()
    }

    /// Returns how many contacts there are.
    pub fn len(&self) -> usize {
        self.buckets.values().map(|it| it.live.len()).sum()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.buckets.values().all(|it| it.live.is_empty())
    }

    /// Returns how full the fullest bucket and the replacement caches are.
    pub fn occupancy(&self) -> [Occupancy; 3] {
        let live = self.buckets.values().map(|it| it.live.len()).max().unwrap_or_default();
        let spare = self.buckets.values().map(|it| it.spare.len()).max().unwrap_or_default();
        [
            Occupancy { name: "dht bucket", len: live, limit: K },
            Occupancy { name: "dht replacement cache", len: spare, limit: SPARE_MAX },
            Occupancy { name: "dht buckets", len: self.buckets.len(), limit: BUCKETS_MAX },
        ]
    }

    /// Our own position has no bucket.
    fn index_of(&self, id: NodeId) -> Option<u16> {
        let shared = Key::from(self.origin).distance(id).zero_bits();
        // At most 256.
        Some(shared as u16).filter(|it| usize::from(*it) < BUCKETS_MAX)
    }

    fn groups_of(&self, remote: IpAddr) -> [Option<Group>; 2] {
        let network = shared_network(self.scope, remote).map(Group::Network);
        let provider = AddressGroups::of(remote, &self.prefixes)
            .iter()
            .find(|group| matches!(group, Group::Provider(_)));
        [network, provider]
    }
}

fn fits(bucket: &Bucket, crowd: &BTreeMap<Group, u16>, contact: &Place) -> bool {
    contact.groups.iter().flatten().all(|group| {
        let here = bucket.live.iter().filter(|it| it.groups.contains(&Some(*group))).count();
        let everywhere = crowd.get(group).copied().unwrap_or_default();
        here < GROUP_PER_BUCKET_MAX && usize::from(everywhere) < GROUP_PER_TABLE_MAX
    })
}

fn count(crowd: &mut BTreeMap<Group, u16>, contact: &Place, comes: bool) {
    for group in contact.groups.iter().flatten() {
        let places = crowd.entry(*group).or_default();
        *places = if comes { places.saturating_add(1) } else { places.saturating_sub(1) };
        if *places == 0 {
            crowd.remove(group);
        }
    }
}
