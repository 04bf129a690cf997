//! What we say of ourselves, and what we publish.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::net::SocketAddr;

use ensign_dht::OWN_RECORDS_MAX;
use ensign_identity::NodeKey;
use ensign_pow::{Purpose, Puzzle};
use ensign_primitives::{Instant, Now, Occupancy, PeerId, QueryId};
use ensign_wire::{
    DHT_RECORD_LIFETIME_MAX, DhtRecord, Key, NODE_ADDRESSES_MAX, Node, NodeRecord, Proof,
    Published, RECORD_CLOCK_AHEAD_MAX, RecordKind, Role, position_epoch,
};

use crate::{
    ISSUE_RETRY, ISSUE_TRIES, OWN_RECORD_LIFETIME, OverlayConfig, PUBLISH_AGAIN, PUBLISH_DELAY,
};

/// Our key, the work behind our position, and everything that we publish.
#[derive(Debug)]
pub(crate) struct Own {
    key: Arc<NodeKey>,
    config: OverlayConfig,
    /// Where others reach us.
    addresses: Vec<SocketAddr>,
    proof: Option<Proof>,
    /// For which epoch it is worked.
    solving: Option<u64>,
    /// The last number of a record.
    seq: u64,
    /// When our node record is to be published.
    publish_at: Option<Instant>,
    /// How often it was handed out.
    issued: u32,
    /// The walk that hands it out.
    issuing: Option<QueryId>,
    /// How many nodes had taken it when the last such walk ended.
    copies: Option<u16>,
    /// What we say of ourselves since the last time.
    record: Option<NodeRecord>,
    /// How often in a row that came to nothing, while nobody was heard.
    failures: u8,
    /// What our user publishes.
    others: BTreeMap<Key, Published>,
}

impl Own {
    pub(crate) fn new(
        key: Arc<NodeKey>,
        config: OverlayConfig,
        proof: Option<Proof>,
        addresses: &[SocketAddr],
    ) -> Self {
        let mut own = Self {
            key,
            config,
            addresses: addresses.to_vec(),
            proof: None,
            solving: None,
            seq: 0,
            publish_at: None,
            issued: 0,
            issuing: None,
            copies: None,
            record: None,
            failures: 0,
            others: BTreeMap::new(),
        };
        own.proof = proof.filter(|proof| own.puzzle(proof.epoch).check(*proof).is_ok());
        own
    }

    pub(crate) fn peer_id(&self) -> PeerId {
        self.key.peer_id()
    }

    /// What the node really does: who cannot be reached serves nobody.
    pub(crate) fn role(&self) -> Role {
        if self.addresses.is_empty() { Role::Light } else { self.config.role }
    }

    pub(crate) fn serves(&self) -> bool {
        self.role() != Role::Light
    }

    /// Others reach us elsewhere from now on: our record is made and published anew.
    pub(crate) fn readdress(&mut self, addresses: &[SocketAddr]) {
        self.addresses = addresses.to_vec();
        (self.record, self.copies, self.issuing) = (None, None, None);
        (self.issued, self.failures, self.publish_at) = (0, 0, None);
    }

    pub(crate) const fn is_solving(&self) -> bool {
        self.solving.is_some()
    }

    /// Returns how many nodes had taken our record when it was last handed out; `None` before.
    pub(crate) const fn copies(&self) -> Option<u16> {
        self.copies
    }

    /// Returns what we say of ourselves; it costs no signature.
    pub(crate) const fn record(&self) -> Option<&NodeRecord> {
        self.record.as_ref()
    }

    fn puzzle(&self, epoch: u64) -> Puzzle {
        let OverlayConfig { network, bits, .. } = self.config;
        let (purpose, key, seed) = (Purpose::Position, self.key.peer_id(), [0; 32]);
        Puzzle { purpose, network, key, seed, epoch, bits }
    }

    /// Returns what has to be worked for now: at a start, and in each new epoch, while the work of the last one
    /// still holds.
    pub(crate) fn begin_work(&mut self, now: Now) -> Option<Puzzle> {
        let epoch = position_epoch(now.unix);
        let has_work = self.proof_now(now).is_some_and(|proof| proof.epoch >= epoch);
        if !self.serves() || has_work || self.solving == Some(epoch) {
            return None;
        }
        self.solving = Some(epoch);
        Some(self.puzzle(epoch))
    }

    /// Takes what was found; `None` when it is nothing.
    pub(crate) fn solved(&mut self, proof: Option<Proof>) -> Option<Proof> {
        let epoch = self.solving.take()?;
        let proof = proof.filter(|proof| self.puzzle(epoch).check(*proof).is_ok())?;
        self.proof = Some(proof);
        Some(proof)
    }

    /// Returns whether there is work for a record, of this epoch or the last.
    pub(crate) fn has_position(&self, now: Now) -> bool {
        self.proof_now(now).is_some()
    }

    /// Returns the work that others take now: of this epoch or the last. What was worked while our clock was ahead is
    /// of an epoch that has not come.
    fn proof_now(&self, now: Now) -> Option<Proof> {
        let epoch = position_epoch(now.unix);
        let ahead = position_epoch(now.unix.after(RECORD_CLOCK_AHEAD_MAX));
        self.proof.filter(|proof| (epoch.saturating_sub(1)..=ahead).contains(&proof.epoch))
    }

    /// Returns whether what we say of ourselves is from a moment that has not come, because our clock was ahead: others
    /// leave it out until it is said anew.
    pub(crate) fn is_ahead(&self, now: Now) -> bool {
        let latest = now.unix.after(RECORD_CLOCK_AHEAD_MAX);
        self.has_position(now) && self.record.as_ref().is_some_and(|it| it.issued() > latest)
    }

    fn next_seq(&mut self, now: Now) -> u64 {
        // Of a thousandth of a second: after many in one second, those of the next start are later all the same.
        self.seq = now.unix.as_millis().max(self.seq.saturating_add(1));
        self.seq
    }

    /// Makes our node record, as of now, which is said from then on; `None` without a position, and for a node that
    /// serves nobody.
    pub(crate) fn renew_record(&mut self, now: Now) -> Option<NodeRecord> {
        let (config, proof) = (&self.config, self.proof_now(now).filter(|_| self.serves())?);
        let mut addresses = self.addresses.clone();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(NODE_ADDRESSES_MAX);
        let (role, expires) = (self.role(), now.unix.after(OWN_RECORD_LIFETIME));
        let node = Node { role, addresses, expires, proof };
        self.record = NodeRecord::new(&self.key, config.network, now.unix, node).ok();
        self.record.clone()
    }

    /// Signs a record anew, as of now.
    pub(crate) fn sign(&mut self, now: Now, said: Published) -> Option<DhtRecord> {
        let said = Published { expires: now.unix.after(DHT_RECORD_LIFETIME_MAX), ..said };
        let seq = self.next_seq(now);
        DhtRecord::new(&self.key, self.config.network, (seq, now.unix), said).ok()
    }

    /// Wraps our node record, to be published.
    pub(crate) fn sign_node(&mut self, now: Now, record: &NodeRecord) -> Option<DhtRecord> {
        let (kind, body, expires) = (RecordKind::NODE, record.encode(), now.unix);
        self.sign(now, Published { kind, slot: 0, expires, body })
    }

    /// Keeps what our user publishes, which the hash table has taken, to sign it anew.
    pub(crate) fn keep(&mut self, key: Key, said: Published) {
        self.others.insert(key, said);
    }

    pub(crate) fn drop(&mut self, key: &Key) -> bool {
        self.others.remove(key).is_some()
    }

    pub(crate) fn kept(&self, key: &Key) -> Option<&Published> {
        self.others.get(key)
    }

    /// Sets when our record is published, after the first contacts.
    pub(crate) fn arm(&mut self, now: Instant, has_contacts: bool) {
        let is_due = self.issued == 0 && self.failures < ISSUE_TRIES;
        if has_contacts && is_due && self.publish_at.is_none() {
            self.publish_at = Some(now.after(PUBLISH_DELAY));
        }
    }

    /// Somebody was heard: what came to nothing may go better.
    pub(crate) const fn heard(&mut self) {
        self.failures = 0;
    }

    /// Tells whether our record is to be published now.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        self.publish_at.take_if(|at| *at <= now).is_some()
    }

    /// A walk hands it out, or none could begin and it is tried later.
    pub(crate) fn issues(&mut self, now: Instant, walk: Option<QueryId>) {
        self.issuing = walk;
        if walk.is_none() {
            self.failures = self.failures.saturating_add(1);
            self.publish_at = (self.failures < ISSUE_TRIES).then(|| now.after(ISSUE_RETRY));
            return;
        }
        self.issued = self.issued.saturating_add(1);
        if self.issued == 1 {
            self.publish_at = Some(now.after(PUBLISH_AGAIN));
        }
    }

    /// A walk has ended, by which so many nodes have taken a record; `false` when it was not ours.
    pub(crate) fn has_issued(&mut self, walk: QueryId, copies: u16) -> bool {
        let is_ours = self.issuing.take_if(|it| *it == walk).is_some();
        if is_ours {
            self.copies = Some(copies);
        }
        is_ours
    }

    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.publish_at
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { name: "records of our user", len: self.others.len(), limit: OWN_RECORDS_MAX }
    }
}
