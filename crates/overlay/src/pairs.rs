//! Members of our groups who are away: for each we publish where we are, so that it, and nobody else, finds us.
//!
//! Who is connected needs nothing of the kind, and so nothing is published for it: while all members are connected a
//! node publishes no sealed record at all.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::{net::SocketAddr, time::Duration};

use ensign_identity::NodeKey;
use ensign_primitives::{BoundedMap, Instant, Network, Now, Occupancy, PeerId, QueryId};
use ensign_rendezvous::{DayKey, day, days_of_interest};
use ensign_wire::{DhtRecord, Key};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

use crate::{
    ISSUE_RETRY, PAIR_RENEW_SPREAD, PAIR_SPREAD, PAIRS_AT_ONCE, PAIRS_MAX, PUBLISH_AGAIN,
    PUBLISH_DELAY, WANTED_MAX,
};

#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    /// When our record for it is issued; `None` while it is here, and while the hash table says when.
    due: Option<Instant>,
    /// Where the last one lies.
    key: Option<Key>,
}

/// The members, and our records for those who are away.
#[derive(Debug)]
pub(crate) struct Pairs {
    me: Arc<NodeKey>,
    network: Network,
    members: BoundedMap<PeerId, Pair>,
    due: BTreeSet<(Instant, PeerId)>,
    /// For whom each record is that is published.
    published: BTreeMap<Key, PeerId>,
    walks: BTreeSet<QueryId>,
    /// The last number of a record.
    seq: u64,
}

impl Pairs {
    pub(crate) const fn new(me: Arc<NodeKey>, network: Network) -> Self {
        Self {
            me,
            network,
            members: BoundedMap::new(WANTED_MAX),
            due: BTreeSet::new(),
            published: BTreeMap::new(),
            walks: BTreeSet::new(),
            seq: 0,
        }
    }

    /// Counts a node among the members; `false` when it was one, or has no room: beyond the bound a member is found as
    /// everybody is.
    pub(crate) fn add(&mut self, peer: PeerId) -> bool {
        !self.members.contains_key(&peer) && self.members.insert(peer, Pair::default()).is_ok()
    }

    /// Counts it no more; returns where our record for it lies.
    pub(crate) fn remove(&mut self, peer: &PeerId) -> Option<Key> {
        let key = self.here(peer);
        self.members.remove(peer);
        key
    }

    /// It is here, or we want no connection with it: nothing is published for it. Returns where our record lies.
    pub(crate) fn here(&mut self, peer: &PeerId) -> Option<Key> {
        self.set(peer, None);
        let key = self.members.get_mut(peer)?.key.take()?;
        self.published.remove(&key);
        Some(key)
    }

    /// It is away, if it is a member.
    pub(crate) fn away(&mut self, now: Instant, peer: &PeerId, random: &mut ChaCha20Rng) {
        self.set(peer, Some(now.after(PUBLISH_DELAY + up_to(PAIR_SPREAD, random))));
    }

    /// Our addresses have changed: every record that is published is issued anew.
    pub(crate) fn moved(&mut self, now: Instant, random: &mut ChaCha20Rng) {
        let away: Vec<PeerId> = self.published.values().copied().collect();
        away.iter().for_each(|peer| self.away(now, peer, random));
    }

    /// For whom a record of ours is.
    pub(crate) fn peer_of(&self, key: &Key) -> Option<PeerId> {
        self.published.get(key).copied()
    }

    /// A record is to be issued anew, soon.
    pub(crate) fn renew(&mut self, now: Instant, peer: &PeerId, random: &mut ChaCha20Rng) {
        self.set(peer, Some(now.after(up_to(PAIR_RENEW_SPREAD, random))));
    }

    fn set(&mut self, peer: &PeerId, due: Option<Instant>) {
        let Some(pair) = self.members.get_mut(peer) else { return };
        if let Some(before) = core::mem::replace(&mut pair.due, due) {
            self.due.remove(&(before, *peer));
        }
        self.due.extend(due.map(|at| (at, *peer)));
    }

    /// Takes for whom a record is to be issued now, one at a time.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<PeerId> {
        let (_, peer) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        let has_room = self.walks.len() < PAIRS_AT_ONCE;
        has_room.then(|| {
            self.set(&peer, None);
            peer
        })
    }

    /// Makes our record for a member, as of now; with it, where the last one lies if that is elsewhere. `None` when there
    /// is nothing to say, or too many are away.
    pub(crate) fn make(
        &mut self,
        now: Now,
        peer: &PeerId,
        addresses: &[SocketAddr],
    ) -> Option<(DhtRecord, Option<Key>)> {
        let before = self.members.get(peer)?.key;
        if before.is_none() && self.published.len() >= PAIRS_MAX {
            return None;
        }
        let key = DayKey::ours(&self.me, self.network, peer, day(now.unix))?;
        self.seq = now.unix.as_millis().max(self.seq.saturating_add(1));
        let record = key.seal((self.seq, now.unix), addresses)?;
        let gone = before.filter(|it| *it != record.key());
        Some((record, gone))
    }

    /// A walk hands it out.
    pub(crate) fn issued(
        &mut self,
        now: Instant,
        (peer, key): (PeerId, Key),
        walk: QueryId,
        random: &mut ChaCha20Rng,
    ) {
        let Some(pair) = self.members.get_mut(&peer) else { return };
        let before = pair.key.replace(key);
        before.map(|it| self.published.remove(&it));
        self.published.insert(key, peer);
        self.walks.insert(walk);
        if before.is_none() {
            // Who comes together with many others knows few at first.
            self.set(&peer, Some(now.after(PUBLISH_AGAIN + up_to(PAIR_SPREAD, random))));
        }
    }

    /// None could begin now.
    pub(crate) fn postpone(&mut self, now: Instant, peer: &PeerId) {
        self.set(peer, Some(now.after(ISSUE_RETRY)));
    }

    /// A walk has ended; `false` when it was none of ours.
    pub(crate) fn ended(&mut self, walk: QueryId) -> bool {
        self.walks.remove(&walk)
    }

    /// By which keys a member may have published for us: none of who is no member.
    pub(crate) fn sought(&self, now: Now, peer: &PeerId) -> Vec<DayKey> {
        if !self.members.contains_key(peer) {
            return Vec::new();
        }
        let days = days_of_interest(now.unix);
        days.filter_map(|day| DayKey::theirs(&self.me, self.network, peer, day)).collect()
    }

    /// Returns for how many members something is published.
    pub(crate) fn len(&self) -> usize {
        self.published.len()
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let has_room = self.walks.len() < PAIRS_AT_ONCE;
        self.due.first().map(|(at, _)| *at).filter(|_| has_room)
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 4] {
        let of = |name, len, limit| Occupancy { name, len, limit };
        [
            self.members.occupancy("members"),
            of("members that wait for our record", self.due.len(), WANTED_MAX),
            of("records for members", self.published.len(), PAIRS_MAX),
            of("walks with records for members", self.walks.len(), PAIRS_AT_ONCE),
        ]
    }
}

/// Draws a time below `most`.
fn up_to(most: Duration, random: &mut ChaCha20Rng) -> Duration {
    // At most minutes.
    let most = most.as_millis() as u64;
    Duration::from_millis(random.next_u64() % most.max(1))
}
