//! A walk: whom it asks, in which order, and when it ends.
//!
//! Inside the region it asks in random order and by turns of its roots, so that neither who lies nearest nor who
//! tells of most others decides what is found.

use alloc::vec::Vec;
use core::net::IpAddr;

use ensign_primitives::{Instant, Now, PeerId};
use ensign_wire::{DhtRecord, Key, NodeRecord, Scope};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

use crate::{
    ALPHA, DENSITY_SEEN, FETCH_BUDGET, FETCH_EXPLORE, FRESH, HOLDERS, Heard, Hop, K, KEY_EVERY,
    NEAREST_BUDGET, NEAREST_MIN, NEAREST_ROOTS, STONE_EVERY, STORE_BUDGET, STORE_EXPLORE,
    THOROUGH_BUDGET, Thoroughness,
    pool::{Pool, Standing, Wanted},
    size::is_dense,
};

/// What a walk is for.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// The record of the key.
    Fetch(Thoroughness),
    /// A node, by itself or by its record.
    Node(PeerId),
    /// Hands a record to whoever is in the region.
    Store(DhtRecord),
    /// Who is near the key.
    Nearest,
}

/// One question of a walk.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) candidate: u16,
    pub(crate) record: NodeRecord,
    pub(crate) target: Key,
    pub(crate) is_inside: bool,
}

/// A walk that is under way.
#[derive(Debug)]
pub(crate) struct Walk {
    op: Op,
    key: Key,
    region: u64,
    budget: u16,
    asked: u16,
    /// Questions that count against [`ALPHA`].
    slots: usize,
    /// Questions that may still be answered.
    open: usize,
    pool: Pool,
    best: Option<DhtRecord>,
    /// Networks in which somebody holds it.
    holders: Vec<Option<IpAddr>>,
    copies: u16,
    started: Instant,
    hops: Vec<Hop>,
    is_measured: bool,
}

impl Walk {
    pub(crate) fn new(now: Instant, op: Op, (key, region): (Key, u64), scope: Scope) -> Self {
        let budget = match op {
            Op::Fetch(Thoroughness::Usual) | Op::Node(_) => FETCH_BUDGET,
            Op::Fetch(Thoroughness::Thorough) => THOROUGH_BUDGET,
            Op::Store(_) => STORE_BUDGET,
            Op::Nearest => NEAREST_BUDGET,
        };
        Self {
            op,
            key,
            region,
            budget,
            asked: 0,
            slots: 0,
            open: 0,
            pool: Pool::new(scope),
            best: None,
            holders: Vec::new(),
            copies: 0,
            started: now,
            hops: Vec::new(),
            is_measured: false,
        }
    }

    /// Enters a contact of ours, from which it may start.
    pub(crate) fn start_from(&mut self, record: NodeRecord) {
        self.pool.own(record);
    }

    /// Chooses the next question, while fewer than [`ALPHA`] are under way.
    pub(crate) fn next(&mut self, now: Instant, random: &mut ChaCha20Rng) -> Option<Step> {
        if self.slots >= ALPHA || self.asked >= self.budget {
            return None;
        }
        let (step, key, region) = (self.asked, self.key, self.region());
        let explore = match self.op {
            Op::Fetch(_) | Op::Node(_) => FETCH_EXPLORE,
            Op::Store(_) => STORE_EXPLORE,
            Op::Nearest => 0,
        };
        let is_nearest = matches!(self.op, Op::Nearest);
        let (target, candidate) = if is_nearest {
            (key, self.pool.choose_nearest(key, step % NEAREST_ROOTS)?)
        } else {
            let is_key = step.is_multiple_of(KEY_EVERY);
            let target = if is_key { key } else { somewhere(key, region, random) };
            let is_stone = step < explore || step % STONE_EVERY == STONE_EVERY - 1;
            (target, self.pool.choose(Wanted { key, target, region, is_stone })?)
        };
        let record = self.pool.record(candidate)?.clone();
        let distance = key.distance(record.position());
        let is_inside = distance.top() < region;
        self.pool.ask(candidate, is_inside);
        self.asked += 1;
        self.slots += 1;
        self.open += 1;
        self.hops.push(Hop {
            peer: record.peer(),
            // At most 256.
            shared_bits: distance.zero_bits() as u16,
            depth: self.pool.depth(candidate),
            at: now.since(self.started),
            heard: Heard::Waiting,
        });
        Some(Step { candidate, record, target, is_inside })
    }

    /// A question takes long: another may be asked beside it.
    pub(crate) const fn slow(&mut self) {
        self.slots = self.slots.saturating_sub(1);
    }

    /// A question is over; `was_slow` when its slot was free already.
    pub(crate) fn over(&mut self, candidate: u16, was_slow: bool, heard: Heard) {
        self.open = self.open.saturating_sub(1);
        if !was_slow {
            self.slow();
        }
        let standing = match heard {
            Heard::Answered { .. } => Standing::Answered,
            Heard::Waiting | Heard::Nothing | Heard::Offense => Standing::Dead,
        };
        self.pool.set(candidate, standing);
        let peer = self.pool.record(candidate).map(NodeRecord::peer);
        if let Some(hop) = self.hops.iter_mut().rev().find(|it| Some(it.peer) == peer) {
            hop.heard = heard;
        }
    }

    /// Enters verified nodes that a candidate told of; returns how many are new.
    pub(crate) fn told(&mut self, candidate: u16, nodes: Vec<NodeRecord>) -> u8 {
        let new = nodes.into_iter().filter(|it| self.pool.told(it.clone(), candidate));
        // At most as many as are in an answer.
        new.count() as u8
    }

    /// Somebody in this network has a verified record; `None` for whoever shares no network.
    pub(crate) fn found(&mut self, record: DhtRecord, network: Option<IpAddr>) {
        let best = self.best.as_ref().map(|it| (it.seq(), *it.digest()));
        let this = (record.seq(), *record.digest());
        if best.is_none_or(|best| best < this) {
            self.best = Some(record);
            self.holders.clear();
        } else if best != Some(this) {
            return;
        }
        if network.is_none() || !self.holders.contains(&network) {
            self.holders.push(network);
        }
    }

    /// Somebody has taken the record.
    pub(crate) const fn stored(&mut self) {
        self.copies = self.copies.saturating_add(1);
    }

    /// Tells whether it has asked enough to see, once, whether its key's neighbourhood is too dense.
    pub(crate) const fn is_to_be_measured(&self) -> bool {
        let has_seen = match self.op {
            Op::Nearest => false,
            // A walk that stores has seen its neighbourhood when it is over.
            Op::Store(_) => self.asked >= self.budget && self.open == 0,
            Op::Fetch(_) | Op::Node(_) => true,
        };
        has_seen && !self.is_measured && self.asked >= DENSITY_SEEN
    }

    /// Looks whether its key's neighbourhood is too dense, of how many neighbours; then it asks more.
    pub(crate) fn measure(&mut self, nodes: Option<u64>) -> Option<usize> {
        self.is_measured = true;
        let dense = is_dense(&self.nearest(), nodes?)?;
        if !matches!(self.op, Op::Store(_)) {
            self.budget = THOROUGH_BUDGET;
        }
        Some(dense)
    }

    /// Returns whether it has what it looked for.
    pub(crate) fn is_satisfied(&self, now: Now) -> bool {
        match &self.op {
            Op::Fetch(thoroughness) => {
                let is_sure = match thoroughness {
                    Thoroughness::Usual => true,
                    Thoroughness::Thorough => self.holders.len() >= HOLDERS,
                };
                is_sure && self.best.as_ref().is_some_and(|it| is_fresh(it, now))
            }
            Op::Node(peer) => {
                // Who has moved is told of where it was for hours, by whoever likes: signed is no proof of late.
                let is_late = |it: &NodeRecord| now.unix.since(it.issued()) <= FRESH;
                self.pool.find(peer).is_some_and(is_late)
                    || self.best.as_ref().is_some_and(|it| is_fresh(it, now))
            }
            Op::Store(_) => false,
            Op::Nearest => self.asked >= NEAREST_MIN && self.pool.is_settled(self.key, K / 2),
        }
    }

    /// Returns whether nothing is under way.
    pub(crate) const fn is_idle(&self) -> bool {
        self.open == 0
    }

    /// Returns the distances of the nearest it has seen, rising.
    pub(crate) fn nearest(&self) -> Vec<u64> {
        self.pool.nearest(self.key, K + K / 2 + K / 10)
    }

    pub(crate) const fn op(&self) -> &Op {
        &self.op
    }

    pub(crate) const fn key(&self) -> Key {
        self.key
    }

    /// How far its region reaches: everywhere while it knows fewer nodes than one answer names.
    pub(crate) fn region(&self) -> u64 {
        if self.pool.len() < K { u64::MAX } else { self.region }
    }

    pub(crate) const fn asked(&self) -> u16 {
        self.asked
    }

    pub(crate) const fn copies(&self) -> u16 {
        self.copies
    }

    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    pub(crate) const fn best(&self) -> Option<&DhtRecord> {
        self.best.as_ref()
    }

    /// Returns who is nearest, nearest first.
    pub(crate) fn nearest_peers(&self) -> Vec<PeerId> {
        self.pool.nearest_peers(self.key, K)
    }

    pub(crate) fn seen(&self) -> usize {
        self.pool.len()
    }

    pub(crate) fn find(&self, peer: &PeerId) -> Option<&NodeRecord> {
        self.pool.find(peer)
    }

    pub(crate) fn hops(&self) -> &[Hop] {
        &self.hops
    }

    pub(crate) fn into_hops(self) -> Vec<Hop> {
        self.hops
    }
}

/// Whether a record is the newest, or one issue behind.
pub(crate) fn is_fresh(record: &DhtRecord, now: Now) -> bool {
    now.unix.since(record.issued()) <= FRESH
}

/// Draws a point of a region.
pub(crate) fn somewhere(key: Key, region: u64, random: &mut ChaCha20Rng) -> Key {
    let mut offset = [0; 32];
    random.fill_bytes(&mut offset);
    // The remainder prefers small numbers by less than one in four.
    let top = random.next_u64() % region.max(1);
    let (first, _) = offset.split_at_mut(8);
    first.copy_from_slice(&top.to_be_bytes());
    Key(key.distance(Key(offset)).0)
}
