//! Answering others, and keeping what they publish.

use alloc::{collections::BTreeSet, vec::Vec};
use core::net::{IpAddr, Ipv4Addr};

use ensign_diversity::network;
use ensign_primitives::{Now, PeerId};
use ensign_wire::{
    Answer, Around, DHT_RECORD_LIFETIME_MAX, DhtFind, DhtHave, DhtMessage, DhtPull, DhtRecord,
    DhtReply, DhtStore, HAND_ON_TTL, Had, Key, NodeRecord, RECORD_CLOCK_AHEAD_MAX,
    RENDEZVOUS_BYTES, RecordKind, StoreRefusal, Wants,
};
use rand_core::Rng;

use super::{Dht, is_named};
use crate::{
    K, Offense, Output, PULLS_MAX,
    locality::shared_network,
    shelf::{Taken, Untaken},
};

/// Of the nodes of an answer as many are drawn from the region; the rest are the nearest. Measured.
const SAMPLE: usize = K / 2;
/// How much farther than our own region a record may lie: estimates of the number of nodes differ by two.
const REGION_SLACK: u64 = 2;

impl Dht {
    pub(super) fn on_find(&mut self, now: Now, from: PeerId, find: DhtFind) {
        let DhtFind { query, around, wants, asker } = find;
        if !self.questions.is_asked_anew(&from, query) {
            return self.offense(from, Offense::AskedTwice { query });
        }
        if let Some(asker) = asker
            && let Err(offense) = self.on_asker(now, from, asker)
        {
            return self.offense(from, offense);
        }
        let value = match wants {
            Wants::Value if self.config.serves() => self.held(now, &around.key).cloned(),
            Wants::Value | Wants::Nodes | Wants::Answer => None,
        };
        let mut nodes = match wants {
            Wants::Answer => Vec::new(),
            Wants::Nodes | Wants::Value => self.nodes_around(from, around),
        };
        if value.is_some() {
            // Most walks end with it; those that look for more holders need the region, not the nearest.
            nodes.truncate(SAMPLE);
        }
        let answer = value.map_or(Answer::None, Answer::Value);
        let message = DhtMessage::Reply(DhtReply { query, answer, nodes });
        self.outputs.push_back(Output::Send { to: from, message });
    }

    /// Whoever asks and serves may get a place: it is asked back, and so shows that it can be reached.
    fn on_asker(&mut self, now: Now, from: PeerId, asker: NodeRecord) -> Result<(), Offense> {
        if asker.peer() != from {
            return Err(Offense::ForeignRecord);
        }
        let rules = self.config.rules;
        let checked = asker.verify_cheaply(now.unix, rules);
        match checked.and_then(|()| self.verifier.node(&asker, rules.bits)) {
            Ok(()) => {}
            Err(error) if error.is_false_everywhere() => return Err(Offense::Node(error)),
            Err(_) => return Ok(()),
        }
        let (id, remote) = (asker.position(), self.questions.remote_of(&from));
        let is_wanted = self.table.has_room(id)
            && !self.table.contains(&from, id)
            && remote.is_some_and(|it| is_named(&asker, it.ip()))
            && self.questions.may_probe(now.instant, &from);
        if is_wanted {
            self.probe(now, asker);
        }
        Ok(())
    }

    /// Some of the region at random, then the nearest to the target. A light node tells of nobody.
    fn nodes_around(&mut self, asker: PeerId, around: Around) -> Vec<NodeRecord> {
        if !self.config.serves() {
            return Vec::new();
        }
        let Around { key, target, region } = around;
        let near = self.table.closest(target, K + 1);
        let mut within: Vec<&NodeRecord> = self.table.within(key, region);
        let mut nodes: Vec<NodeRecord> = Vec::with_capacity(K);
        let mut told: BTreeSet<PeerId> = BTreeSet::from([asker]);
        while nodes.len() < SAMPLE && !within.is_empty() {
            let at = self.random.next_u64() as usize % within.len();
            let drawn = within.swap_remove(at);
            if told.insert(drawn.peer()) {
                nodes.push(drawn.clone());
            }
        }
        let rest = near.into_iter().filter(|it| told.insert(it.peer()));
        let left = K - nodes.len();
        nodes.extend(rest.take(left));
        nodes
    }

    pub(super) fn on_store(&mut self, now: Now, from: PeerId, store: DhtStore) {
        let DhtStore { query, around, record } = store;
        if !self.questions.is_asked_anew(&from, query) {
            return self.offense(from, Offense::AskedTwice { query });
        }
        if record.key() != around.key {
            return self.offense(from, Offense::OtherKey);
        }
        let answer = match self.take(now, record, (from, HAND_ON_TTL)) {
            Ok(()) => Answer::Stored,
            Err(Untaken::Refused(refusal)) => Answer::Refused(refusal),
            Err(Untaken::Offense(offense)) => return self.offense(from, offense),
        };
        let nodes = self.nodes_around(from, around);
        let message = DhtMessage::Reply(DhtReply { query, answer, nodes });
        self.outputs.push_back(Output::Send { to: from, message });
    }

    /// Keeps a record and hands it on, when it is new. The signature comes last.
    pub(super) fn take(
        &mut self,
        now: Now,
        record: DhtRecord,
        (from, ttl): (PeerId, u8),
    ) -> Result<(), Untaken> {
        if !self.config.serves() {
            return Err(Untaken::Refused(StoreRefusal::Client));
        }
        let key = record.key();
        if !self.is_near(key) {
            return Err(Untaken::Refused(StoreRefusal::TooFar));
        }
        // What the shelf knows costs no signature; those of a node record's are two.
        let refusal = self.shelf.refuses(&record).or_else(|| self.refusal_of(now, &record));
        if let Some(refusal) = refusal {
            return Err(Untaken::Refused(refusal));
        }
        if !self.verifier.record(&record) {
            return Err(Untaken::Offense(Offense::Signature));
        }
        let remote = self.questions.remote_of(&from).map(|it| network(it.ip()));
        let remote = remote.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let home = self.home();
        match self.shelf.keep(now, (record.clone(), remote), home).map_err(Untaken::Refused)? {
            Taken::New { is_handed_on: true } if ttl > 0 && self.is_inside(key) => {
                self.hand_on(now, &record, ttl - 1);
            }
            Taken::New { .. } | Taken::Known => {}
        }
        Ok(())
    }

    /// Tells neighbours in the region, in as many networks; who is outside itself tells nobody, or each copy
    /// would be told of by those around the region too.
    fn hand_on(&mut self, now: Now, record: &DhtRecord, ttl: u8) {
        let key = record.key();
        let mut within = self.table.within(key, self.region());
        let mut networks: BTreeSet<IpAddr> = BTreeSet::new();
        let mut told = 0;
        let had = Had { key16: key.first_half(), seq: record.seq(), ttl };
        while told < self.config.hands && !within.is_empty() {
            let at = self.random.next_u64() as usize % within.len();
            let drawn = within.swap_remove(at);
            let Some(address) = drawn.address() else { continue };
            let network = shared_network(self.config.rules.scope, address.ip());
            if network.is_none_or(|it| networks.insert(it)) {
                told += 1;
                self.hand_on.tell(now.instant, drawn, had);
            }
        }
    }

    pub(super) fn on_have(&mut self, now: Now, from: PeerId, have: &DhtHave) {
        if !self.config.serves() || !self.questions.is_up(&from) {
            return;
        }
        let mut pulling = self.questions.pulling();
        for had in &have.records {
            let mut first = [0; 32];
            let (half, _) = first.split_at_mut(16);
            half.copy_from_slice(&had.key16);
            let has = self.shelf.by_half(had.key16).is_some_and(|it| it.seq() >= had.seq);
            if has || !self.is_near(Key(first)) || pulling.contains(&had.key16) {
                continue;
            }
            let has_room = pulling.len() < PULLS_MAX && self.questions.has_room();
            // Its budget for us is what it is, whatever somebody has made it tell us of.
            if !has_room || !self.questions.may_pull(now.instant, from) {
                return;
            }
            pulling.insert(had.key16);
            self.pull(now, from, *had);
        }
    }

    pub(super) fn on_pull(&mut self, _: Now, from: PeerId, pull: DhtPull) {
        let DhtPull { query, key16 } = pull;
        if !self.questions.is_asked_anew(&from, query) {
            return self.offense(from, Offense::AskedTwice { query });
        }
        let record = self.shelf.by_half(key16).cloned();
        let answer = record.map_or(Answer::None, Answer::Value);
        let message = DhtMessage::Reply(DhtReply { query, answer, nodes: Vec::new() });
        self.outputs.push_back(Output::Send { to: from, message });
    }

    /// Whether a record may lie here. Whoever knows fewer nodes than an answer names takes every one: in a network of a
    /// few nobody else would.
    fn is_near(&self, key: Key) -> bool {
        if self.knows_few() {
            return true;
        }
        let reach = self.region().saturating_mul(REGION_SLACK);
        key.distance(self.home()).top() < reach
    }

    fn is_inside(&self, key: Key) -> bool {
        key.distance(self.home()).top() < self.region()
    }

    /// Why nobody keeps a record, whoever brings it: its times, its network, its kind's validator.
    pub(super) fn refusal_of(&mut self, now: Now, record: &DhtRecord) -> Option<StoreRefusal> {
        let (issued, expires) = (record.issued(), record.expires());
        if record.network() != self.config.rules.network {
            return Some(StoreRefusal::Invalid);
        }
        let is_long = expires.since(issued) > DHT_RECORD_LIFETIME_MAX;
        if expires <= now.unix || expires <= issued || is_long {
            return Some(StoreRefusal::Expired);
        }
        if issued > now.unix.after(RECORD_CLOCK_AHEAD_MAX) {
            return Some(StoreRefusal::Future);
        }
        match record.kind() {
            RecordKind::NODE => self.node_refusal(now, record),
            // What is in it only two nodes can read; that all look alike is all that others can see to.
            RecordKind::RENDEZVOUS if record.said().body.len() == RENDEZVOUS_BYTES => None,
            RecordKind::RENDEZVOUS => Some(StoreRefusal::Invalid),
            RecordKind(_) => Some(StoreRefusal::UnknownKind),
        }
    }

    /// A node record is its publisher's, and holds by itself.
    fn node_refusal(&mut self, now: Now, record: &DhtRecord) -> Option<StoreRefusal> {
        let rules = self.config.rules;
        let Ok(node) = NodeRecord::decode(&record.said().body, record.network()) else {
            return Some(StoreRefusal::Invalid);
        };
        if node.peer() != record.publisher() || record.said().slot != 0 {
            return Some(StoreRefusal::Invalid);
        }
        let checked = node.verify_cheaply(now.unix, rules);
        match checked.and_then(|()| self.verifier.node(&node, rules.bits)) {
            Ok(()) => None,
            Err(error) if error.is_false_everywhere() => Some(StoreRefusal::Invalid),
            Err(_) => Some(StoreRefusal::Expired),
        }
    }
}
