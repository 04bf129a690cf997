//! The machine: who asks, who answers, who keeps.

mod keeping;
mod serving;
mod walking;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::{net::IpAddr, time::Duration};

use ensign_diversity::PrefixTable;
use ensign_primitives::{Instant, Now, Occupancy, PeerId, QueryId, StateMachine, Wakeup};
use ensign_wire::{DhtMessage, DhtRecord, Key, NodeId, NodeRecord, Role};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::{
    CommandError, DhtConfig, ESTIMATES_KEPT, Hop, Input, JOIN_REFRESHES, K, OWN_RECORDS_MAX,
    Output, REPUBLISH_INTERVAL, Size, TRACES_KEPT, Table, Thoroughness, Verifier, Verify,
    WALKS_MAX,
    hand_on::HandOn,
    questions::Questions,
    region,
    roots::Roots,
    shelf::Shelf,
    walk::{Op, Walk},
};

/// A node of the hash table.
#[derive(Debug)]
pub struct Dht {
    config: DhtConfig,
    me: PeerId,
    own: Option<NodeRecord>,
    table: Table,
    prefixes: Arc<PrefixTable>,
    roots: Roots,
    questions: Questions,
    walks: BTreeMap<QueryId, Walk>,
    /// Those walks that begin with given nodes: what they see is no measure of the network.
    looks: BTreeSet<QueryId>,
    refresh: Refresh,
    size: Size,
    /// How far the [`K`]th nearest was at each of the last looks at random points.
    reaches: VecDeque<u64>,
    shelf: Shelf,
    published: BTreeMap<Key, Published>,
    hand_on: HandOn,
    verifier: Box<dyn Verify>,
    random: ChaCha20Rng,
    traces: VecDeque<(QueryId, Key, Vec<Hop>)>,
    dense: Option<(Key, usize, Instant)>,
    outputs: VecDeque<Output>,
}

/// A record of ours.
#[derive(Debug)]
struct Published {
    record: DhtRecord,
    renew_at: Instant,
    until: Instant,
}

/// When who is looked at of its own accord.
#[derive(Debug, Default)]
struct Refresh {
    at: Option<Instant>,
    last: Option<Instant>,
    count: u64,
    /// How long a node that is nearly alone waits before it looks again.
    retry: Option<Duration>,
    waiting: VecDeque<Key>,
}

/// A contact of ours, for whoever asks what the node knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// How many leading bits it shares with us: its bucket.
    pub bucket: u16,
    /// Its record.
    pub record: NodeRecord,
    /// How long ago it answered.
    pub heard: Duration,
}

/// What is known of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkView {
    /// How many nodes there are, by the last looks at random points; reads .77 to .84 of the true number where
    /// half or more are hostile.
    pub nodes: Option<u64>,
    /// Contacts in the table.
    pub contacts: usize,
    /// Further contacts.
    pub roots: usize,
    /// Records of others that are kept.
    pub records: usize,
    /// The last key whose neighbourhood was too dense, of how many neighbours, and how long ago.
    pub dense: Option<(Key, usize, Duration)>,
}

/// Tells whether a record names the address from which its node speaks. Who names others' addresses only may be
/// there too, which a dial shows; until then it is told to nobody, or we would send walks to whomever it names.
fn is_named(record: &NodeRecord, ip: IpAddr) -> bool {
    record.node().addresses.iter().any(|it| it.ip().to_canonical() == ip.to_canonical())
}

/// How a walk went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What it was for.
    pub key: Key,
    /// Each question, in the order in which they were asked.
    pub hops: Vec<Hop>,
}

impl Dht {
    /// Makes a node that knows nobody.
    ///
    /// - `me`: our node key.
    /// - `seed`: of the operating system's entropy; equal seeds draw equally.
    pub fn new(config: DhtConfig, me: PeerId, seed: [u8; 32]) -> Self {
        Self::with(config, me, seed, Box::new(Verifier::new()), PrefixTable::default().into())
    }

    /// As [`new`](Self::new), with a verifier that others may share, and a table of who announces which addresses.
    pub fn with(
        config: DhtConfig,
        me: PeerId,
        seed: [u8; 32],
        verifier: Box<dyn Verify>,
        prefixes: Arc<PrefixTable>,
    ) -> Self {
        // Until our position is known, the key under which we are found is as good as any.
        let origin = NodeId(Key::of_peer(config.rules.network, &me).0);
        Self {
            config,
            me,
            own: None,
            table: Table::new(origin, config.rules.scope, prefixes.clone()),
            prefixes,
            roots: Roots::new(config.rules.scope),
            questions: Questions::new(),
            walks: BTreeMap::new(),
            looks: BTreeSet::new(),
            refresh: Refresh::default(),
            size: Size::new(),
            reaches: VecDeque::new(),
            shelf: Shelf::default(),
            published: BTreeMap::new(),
            hand_on: HandOn::default(),
            verifier,
            random: ChaCha20Rng::from_seed(seed),
            traces: VecDeque::new(),
            dense: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes our own node record, which others are told of from now on. At another position the table is
    /// built anew from those who were in it.
    ///
    /// # Errors
    ///
    /// [`CommandError::BadNode`].
    pub fn announce(&mut self, now: Now, record: NodeRecord) -> Result<(), CommandError> {
        let rules = self.config.rules;
        let holds = record.peer() == self.me && record.verify(now.unix, rules).is_ok();
        if !holds {
            return Err(CommandError::BadNode);
        }
        if self.table.origin() != record.position() {
            let known: Vec<_> = self.table.contacts().cloned().collect();
            self.table = Table::new(record.position(), rules.scope, self.prefixes.clone());
            for contact in known {
                if let Some(address) = contact.address() {
                    self.table.answered(now.instant, contact, address.ip());
                }
            }
        }
        self.own = Some(record);
        Ok(())
    }

    /// Serves others from now on, or only asks, as a light node does: then our own record is told to nobody.
    pub fn set_role(&mut self, role: Role) {
        self.config.role = role;
        if !self.config.serves() {
            self.own = None;
        }
    }

    /// Looks for a node by its identity.
    ///
    /// # Errors
    ///
    /// [`CommandError::Busy`].
    pub fn find_node(&mut self, now: Now, peer: PeerId) -> Result<QueryId, CommandError> {
        let key = Key::of_peer(self.config.rules.network, &peer);
        self.command(now, Op::Node(peer), key)
    }

    /// Looks for the record of a key.
    ///
    /// # Errors
    ///
    /// [`CommandError::Busy`].
    pub fn get(
        &mut self,
        now: Now,
        key: Key,
        thoroughness: Thoroughness,
    ) -> Result<QueryId, CommandError> {
        self.command(now, Op::Fetch(thoroughness), key)
    }

    /// Publishes a record, in the place of an earlier version of it; asks for a new version every
    /// [`REPUBLISH_INTERVAL`] by [`Event::Renew`](crate::Event::Renew).
    ///
    /// # Errors
    ///
    /// [`CommandError`] says why not.
    pub fn put(&mut self, now: Now, record: DhtRecord) -> Result<QueryId, CommandError> {
        let key = record.key();
        let is_good = self.refusal_of(now, &record).is_none() && self.verifier.record(&record);
        if !is_good {
            return Err(CommandError::BadRecord);
        }
        if !self.published.contains_key(&key) && self.published.len() >= OWN_RECORDS_MAX {
            return Err(CommandError::TooManyRecords { limit: OWN_RECORDS_MAX });
        }
        let query = self.command(now, Op::Store(record.clone()), key)?;
        let renew_at = now.instant.after(REPUBLISH_INTERVAL);
        let until = now.instant.after(record.expires().since(now.unix));
        self.published.insert(key, Published { record, renew_at, until });
        Ok(query)
    }

    /// Publishes a record no more; it leaves the network when it expires.
    pub fn withdraw(&mut self, key: &Key) {
        self.published.remove(key);
    }

    /// Looks around: at our own neighbourhood and at [`JOIN_REFRESHES`] random points, as a node does that joins.
    pub fn refresh(&mut self, now: Now) {
        self.look_around(now);
        self.settle(now);
    }

    /// Looks who is nearest to a point, by way of these nodes only; ends with [`Outcome::Seen`](crate::Outcome::Seen).
    ///
    /// # Errors
    ///
    /// [`CommandError::Busy`].
    pub fn look(
        &mut self,
        now: Now,
        target: Key,
        from: Vec<NodeRecord>,
    ) -> Result<QueryId, CommandError> {
        if self.walks.len() >= WALKS_MAX {
            return Err(CommandError::Busy { limit: WALKS_MAX });
        }
        let query = self.questions.next_name();
        let around = (target, self.region());
        let mut walk = Walk::new(now.instant, Op::Nearest, around, self.config.rules.scope);
        from.into_iter().for_each(|it| walk.start_from(it));
        self.walks.insert(query, walk);
        self.looks.insert(query);
        self.settle(now);
        Ok(query)
    }

    /// Returns how many contacts there are.
    pub fn contacts(&self) -> usize {
        self.table.len()
    }

    /// Takes what an earlier run saw around a random point: how far its nearest were, the first 64 bits of
    /// their distances, rising. Until a node has looked around, it guesses the number of nodes by its own
    /// neighbourhood, which whoever lies there decides.
    pub fn recall_look(&mut self, now: Now, nearest: &[u64]) {
        self.size.recall(now.instant, nearest);
        self.keep_reach(nearest);
    }

    /// Returns how far the [`K`]th nearest was at each of the last looks at random points, the first 64 bits of the
    /// distance, the oldest first: at most [`ESTIMATES_KEPT`].
    pub fn reaches(&self) -> impl ExactSizeIterator<Item = u64> {
        self.reaches.iter().copied()
    }

    /// As [`recall_look`](Self::recall_look), of what [`reaches`](Self::reaches) told.
    pub fn recall_reach(&mut self, now: Now, reach: u64) {
        self.recall_look(now, &[reach; K]);
    }

    /// Somebody has looked who is nearest to a random point; fewer than [`K`] say nothing.
    fn saw(&mut self, now: Now, nearest: &[u64]) {
        self.size.observe(now.instant, nearest);
        self.keep_reach(nearest);
    }

    fn keep_reach(&mut self, nearest: &[u64]) {
        let Some(reach) = nearest.get(K - 1) else { return };
        self.reaches.push_back(*reach);
        if self.reaches.len() > ESTIMATES_KEPT {
            self.reaches.pop_front();
        }
    }

    /// Returns our contacts, by rising nearness.
    pub fn table(&self, now: Now) -> Vec<Contact> {
        let rows = self.table.rows();
        rows.map(|(bucket, record, seen)| Contact {
            bucket,
            record: record.clone(),
            heard: now.instant.since(seen),
        })
        .collect()
    }

    /// Returns what is known of the network.
    pub fn network(&self, now: Now) -> NetworkView {
        NetworkView {
            nodes: self.nodes(),
            contacts: self.table.len(),
            roots: self.roots.len(),
            records: self.shelf.len(),
            dense: self.dense.map(|(key, of, at)| (key, of, now.instant.since(at))),
        }
    }

    /// Returns how a walk goes or went, while it is among the last.
    pub fn trace(&self, query: QueryId) -> Option<Trace> {
        if let Some(walk) = self.walks.get(&query) {
            return Some(Trace { key: walk.key(), hops: walk.hops().to_vec() });
        }
        let (_, key, hops) = self.traces.iter().find(|(name, ..)| *name == query)?;
        Some(Trace { key: *key, hops: hops.clone() })
    }

    /// Returns the records of others that are kept.
    pub fn records(&self) -> impl Iterator<Item = &DhtRecord> {
        self.shelf.iter()
    }

    /// Returns the further contacts that walks start from.
    pub fn roots(&self) -> impl Iterator<Item = &NodeRecord> {
        self.roots.iter()
    }

    /// Returns how full each collection is.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> {
        let (walks, waiting) = (self.walks.len(), self.refresh.waiting.len());
        let (published, traces) = (self.published.len(), self.traces.len());
        let reaches = self.reaches.len();
        [
            self.roots.occupancy(),
            self.size.occupancy(),
            self.hand_on.occupancy(),
            Occupancy { name: "dht walks", len: walks, limit: WALKS_MAX },
            Occupancy { name: "dht looks", len: self.looks.len(), limit: WALKS_MAX },
            Occupancy { name: "dht refreshes", len: waiting, limit: JOIN_REFRESHES + 1 },
            Occupancy { name: "dht published", len: published, limit: OWN_RECORDS_MAX },
            Occupancy { name: "dht traces", len: traces, limit: TRACES_KEPT },
            Occupancy { name: "dht looks kept", len: reaches, limit: ESTIMATES_KEPT },
        ]
        .into_iter()
        .chain(self.table.occupancy())
        .chain(self.questions.occupancy())
        .chain(self.shelf.occupancy())
    }

    /// How many nodes there are: by random points, before that by our own neighbourhood.
    fn nodes(&self) -> Option<u64> {
        self.size.nodes().or_else(|| {
            let origin = Key::from(self.table.origin());
            let near = self.table.closest(origin, K);
            let near: Vec<u64> =
                near.iter().map(|it| origin.distance(it.position()).top()).collect();
            crate::size::estimate(&near)
        })
    }

    fn region(&self) -> u64 {
        region(self.nodes(), self.config.region_nodes)
    }

    /// Whether all the nodes that are known fit into one answer: then the network is small, or we have just come.
    fn knows_few(&self) -> bool {
        if self.table.len() >= K || self.roots.len() >= K {
            return false;
        }
        let contacts = self.table.contacts().map(NodeRecord::peer);
        let all: BTreeSet<PeerId> =
            contacts.chain(self.roots.iter().map(NodeRecord::peer)).collect();
        all.len() < K
    }

    fn home(&self) -> Key {
        self.table.origin().into()
    }
}

impl StateMachine for Dht {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Up { peer, remote } => {
                let said = self.questions.up(peer, remote);
                let said = said.into_iter().chain(self.hand_on.up(&peer));
                self.outputs.extend(said.map(|message| Output::Send { to: peer, message }));
            }
            Input::Down { peer } | Input::Unreachable { peer } => self.on_down(now, &peer),
            Input::Message { from, message } => self.on_message(now, from, message),
            // Whoever told of it pays elsewhere.
            Input::Learned { record } => _ = self.learn(now, record),
        }
        self.wake(now);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.poll_timeout().is_none_or(|it| it.at > now.instant) {
            return;
        }
        self.on_late(now);
        self.on_due(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let renew = self.published.values().map(|it| it.renew_at.min(it.until)).min();
        [
            (self.questions.next_at(), "an answer"),
            (self.hand_on.next_at(), "what neighbours are told"),
            (self.shelf.next_at(), "a record expires"),
            (self.refresh.at, "a refresh"),
            (renew, "a record of ours"),
        ]
        .into_iter()
        .filter_map(|(at, reason)| at.map(|at| Wakeup { at, reason }))
        .min()
    }
}

impl Dht {
    fn on_message(&mut self, now: Now, from: PeerId, message: DhtMessage) {
        match message {
            DhtMessage::Find(find) => self.on_find(now, from, find),
            DhtMessage::Store(store) => self.on_store(now, from, store),
            DhtMessage::Reply(reply) => self.on_reply(now, from, reply),
            DhtMessage::Have(have) => self.on_have(now, from, &have),
            DhtMessage::Pull(pull) => self.on_pull(now, from, pull),
        }
    }

    fn offense(&mut self, peer: PeerId, offense: crate::Offense) {
        self.outputs.push_back(Output::Offense { peer, offense });
    }
}
