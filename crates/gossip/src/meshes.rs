//! The meshes of all topics that we joined: who is taken into one, and who is put out.

mod keeping;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use ensign_primitives::{Instant, PeerId};
use ensign_wire::{GossipControl, Topic};

use crate::{
    BACKOFF_MAX, BACKOFF_SLACK, Class, Event, GRAFT_FLOOD, MESH_N, MESH_N_HIGH, MESH_N_LOW,
    MESH_OUTBOUND_MIN, Offense, Output, PRUNE_BACKOFF, UNSUBSCRIBE_BACKOFF,
    mesh::{Backoffs, Mesh},
    peers::Peers,
};

/// The meshes, and who is to stay out of which.
#[derive(Debug)]
pub(crate) struct Meshes {
    /// How many links of a mesh bring messages.
    eager_links: usize,
    of: BTreeMap<Topic, Mesh>,
    backoffs: Backoffs,
}

impl Meshes {
    pub(crate) fn new(eager_links: usize) -> Self {
        Self { eager_links, of: BTreeMap::new(), backoffs: Backoffs::default() }
    }

    pub(crate) fn join(&mut self, now: Instant, topic: Topic) {
        self.of.insert(topic, Mesh::new(now));
    }

    /// Leaves a mesh; returns whether we were in it.
    pub(crate) fn leave(&mut self, now: Instant, topic: Topic, peers: &mut Peers) -> bool {
        let Some(mesh) = self.of.remove(&topic) else { return false };
        for peer in mesh.members.into_keys() {
            peers.scores.left(now, &peer, topic);
            self.say_prune(now, (topic, peer), UNSUBSCRIBE_BACKOFF, peers);
        }
        true
    }

    pub(crate) fn has(&self, topic: &Topic) -> bool {
        self.of.contains_key(topic)
    }

    pub(crate) fn get(&self, topic: &Topic) -> Option<&Mesh> {
        self.of.get(topic)
    }

    pub(crate) fn get_mut(&mut self, topic: &Topic) -> Option<&mut Mesh> {
        self.of.get_mut(topic)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Topic, &Mesh)> {
        self.of.iter()
    }

    pub(crate) fn topics(&self) -> Vec<Topic> {
        self.of.keys().copied().collect()
    }

    /// Returns how many meshes there are, how many links the largest has, and how many stay out of one.
    pub(crate) fn fullness(&self) -> (usize, usize, usize) {
        let largest = self.of.values().map(Mesh::len).max().unwrap_or_default();
        (self.of.len(), largest, self.backoffs.len())
    }

    /// Tells whether a peer was told lately that it is out of a mesh of ours, or has told us so.
    pub(crate) fn is_out(&self, now: Instant, topic: Topic, peer: PeerId) -> bool {
        self.backoffs.get(now, topic, peer).is_some()
    }

    /// When somebody may come back into a mesh that lacks links.
    pub(crate) fn wakes(&self) -> Option<Instant> {
        let lacks = self.of.values().any(|it| it.len() < MESH_N_LOW);
        self.backoffs.first_end().filter(|_| lacks)
    }

    /// The link to a peer is gone.
    pub(crate) fn down(&mut self, now: Instant, peer: PeerId, peers: &mut Peers) {
        for topic in self.topics() {
            self.drop_out(now, topic, peer, peers);
        }
    }

    /// Puts a peer out of every mesh.
    pub(crate) fn prune_all(&mut self, now: Instant, peer: PeerId, peers: &mut Peers) {
        for topic in self.topics() {
            self.prune(now, topic, peer, peers);
        }
    }

    /// Grafts until a mesh has as many links as it is to have; places for those that we dialled stay free, unless
    /// the topic is small.
    pub(crate) fn fill(
        &mut self,
        now: Instant,
        topic: Topic,
        first: &BTreeSet<PeerId>,
        peers: &mut Peers,
    ) {
        let candidates = self.candidates(now, topic, peers);
        let all = candidates.len();
        let mut drawn = peers.draw(candidates, all);
        // Those that we know first, then those that we dialled, by turns of chance.
        drawn.sort_by_key(|it| !first.contains(it));
        for peer in drawn {
            if self.has_place(topic, &peer, peers) {
                self.graft(now, topic, peer, peers);
            }
        }
    }

    /// Grafts a peer that has just told that it wants a topic, if there is room.
    pub(crate) fn on_newcomer(
        &mut self,
        now: Instant,
        topic: Topic,
        peer: PeerId,
        peers: &mut Peers,
    ) {
        if self.may_graft(now, topic, &peer, peers) && self.has_place(topic, &peer, peers) {
            self.graft(now, topic, peer, peers);
        }
    }

    pub(crate) fn on_graft(&mut self, now: Instant, topic: Topic, peer: PeerId, peers: &mut Peers) {
        // As v1.1: who grafts for a topic that we left learns nothing by it.
        if self.of.get(&topic).is_none_or(|mesh| mesh.has(&peer)) {
            return;
        }
        // It grafts, so it wants the topic, whatever it has told.
        let is_new = peers.links.get_mut(&peer).is_some_and(|it| it.change(&[topic], &[]));
        if let Some(since) = self.backoffs.get(now, topic, peer)
            && is_new
            && !peers.is_explicit(&peer)
        {
            let soon = now.since(since) < GRAFT_FLOOD;
            peers.scores.breach(&peer, if soon { 2 } else { 1 });
            peers.offense(peer, Offense::GraftTooSoon);
        }
        let may = is_new && self.may_graft(now, topic, &peer, peers);
        if may && self.make_place(now, topic, peer, peers) {
            self.take_in(now, topic, peer, peers);
        } else {
            self.say_prune(now, (topic, peer), PRUNE_BACKOFF, peers);
        }
    }

    pub(crate) fn on_prune(
        &mut self,
        now: Instant,
        (topic, peer): (Topic, PeerId),
        backoff: u16,
        peers: &mut Peers,
    ) {
        self.drop_out(now, topic, peer, peers);
        if self.has(&topic) {
            // Zero is no answer: then it is as long as we would say.
            let told = Duration::from_secs(backoff.into());
            let told = if told.is_zero() { PRUNE_BACKOFF } else { told.min(BACKOFF_MAX) };
            self.backoffs.set(now, topic, peer, told + BACKOFF_SLACK);
        }
    }

    pub(crate) fn on_choke(&mut self, topic: Topic, from: PeerId, has_choked_us: bool) {
        let mesh = self.of.get_mut(&topic);
        if let Some(member) = mesh.and_then(|it| it.members.get_mut(&from)) {
            member.has_choked_us = has_choked_us;
        }
    }

    /// A link that brought what we had to ask for becomes eager, where too few eager links bring anything.
    pub(crate) fn take_eagerly(&mut self, topic: Topic, from: PeerId, peers: &mut Peers) {
        let Some(mesh) = self.of.get_mut(&topic) else { return };
        let bringing = mesh.members.values().filter(|it| it.is_eager && !it.is_silent()).count();
        let member = mesh.members.get_mut(&from).filter(|it| !it.is_eager);
        if let Some(member) = member.filter(|_| bringing < self.eager_links) {
            member.is_eager = true;
            peers.send(from, Class::Mesh, GossipControl::Unchoke { topic });
        }
    }

    /// Takes a peer out of a mesh without a word; tells whether it was in it.
    pub(crate) fn drop_out(
        &mut self,
        now: Instant,
        topic: Topic,
        peer: PeerId,
        peers: &mut Peers,
    ) -> bool {
        let mesh = self.of.get_mut(&topic);
        let was_in = mesh.is_some_and(|it| it.members.remove(&peer).is_some());
        if was_in {
            peers.scores.left(now, &peer, topic);
        }
        was_in
    }

    /// Who may be grafted of those that want the topic.
    fn candidates(&self, now: Instant, topic: Topic, peers: &Peers) -> Vec<PeerId> {
        let wanting = peers.links.wanting(topic).map(|(peer, _)| *peer);
        wanting.filter(|it| self.may_graft(now, topic, it, peers)).collect()
    }

    /// Whether a peer is not in the mesh, has nothing against it, and is not to stay away.
    fn may_graft(&self, now: Instant, topic: Topic, peer: &PeerId, peers: &Peers) -> bool {
        self.of.get(&topic).is_some_and(|mesh| !mesh.has(peer))
            && !peers.is_explicit(peer)
            && !self.is_out(now, topic, *peer)
            && peers.score(now, peer) >= 0
    }

    /// Whether all that want a topic are to be in its mesh.
    fn is_small(topic: Topic, peers: &Peers) -> bool {
        let wanting = peers.links.wanting(topic).filter(|(it, _)| !peers.is_explicit(it));
        wanting.count() <= MESH_N_HIGH
    }

    fn len(&self, topic: Topic) -> usize {
        self.of.get(&topic).map_or(0, Mesh::len)
    }

    /// How many links of a mesh we have dialled.
    fn dialled(&self, topic: Topic, peers: &Peers) -> usize {
        let members = self.of.get(&topic).into_iter().flat_map(|it| it.members.keys());
        members.filter(|it| peers.links.is_outbound(it)).count()
    }

    /// Whether a mesh has fewer links than it is to have, and this one may fill it.
    fn has_place(&self, topic: Topic, peer: &PeerId, peers: &Peers) -> bool {
        let len = self.len(topic);
        if Self::is_small(topic, peers) {
            return len < MESH_N_HIGH;
        }
        let inbound = len - self.dialled(topic, peers);
        let is_free = peers.links.is_outbound(peer) || inbound < MESH_N - MESH_OUTBOUND_MIN;
        len < MESH_N && is_free
    }

    /// Looks whether a mesh has a place for who grafts. Who has brought messages takes that of a silent one.
    fn make_place(&mut self, now: Instant, topic: Topic, peer: PeerId, peers: &mut Peers) -> bool {
        let Some(mesh) = self.of.get(&topic) else { return false };
        let (len, inbound) = (mesh.len(), mesh.len() - self.dialled(topic, peers));
        let is_free = inbound < MESH_N_HIGH - MESH_OUTBOUND_MIN || Self::is_small(topic, peers);
        if peers.links.is_outbound(&peer) || (len < MESH_N_HIGH && is_free) {
            return true;
        }
        if peers.scores.first_deliveries(&peer, topic) == 0 {
            return false;
        }
        let silent = mesh.silent().filter(|it| !peers.links.is_outbound(it)).min();
        if let Some(silent) = silent {
            self.prune(now, topic, silent, peers);
        }
        silent.is_some()
    }

    fn graft(&mut self, now: Instant, topic: Topic, peer: PeerId, peers: &mut Peers) {
        peers.send(peer, Class::Mesh, GossipControl::Graft { topic });
        self.take_in(now, topic, peer, peers);
    }

    fn take_in(&mut self, now: Instant, topic: Topic, peer: PeerId, peers: &mut Peers) {
        let Some(mesh) = self.of.get_mut(&topic) else { return };
        let is_needed = mesh.bringing() < self.eager_links;
        mesh.insert(now, peer, is_needed);
        if !is_needed {
            peers.send(peer, Class::Mesh, GossipControl::Choke { topic });
        }
        peers.scores.joined(now, &peer, topic);
        self.look_ready(now, topic, peers);
    }

    fn look_ready(&mut self, now: Instant, topic: Topic, peers: &mut Peers) {
        let Some(mesh) = self.of.get_mut(&topic) else { return };
        if mesh.becomes_ready(now) {
            let (links, after) = (mesh.len(), now.since(mesh.joined));
            peers.tell(Output::Event(Event::MeshReady { topic, links, after }));
        }
    }

    /// Puts a peer out of a mesh, if it is in it.
    fn prune(&mut self, now: Instant, topic: Topic, peer: PeerId, peers: &mut Peers) {
        if self.drop_out(now, topic, peer, peers) {
            self.say_prune(now, (topic, peer), PRUNE_BACKOFF, peers);
        }
    }

    /// Tells a peer that it is out of a mesh, and for how long.
    fn say_prune(
        &mut self,
        now: Instant,
        (topic, peer): (Topic, PeerId),
        time: Duration,
        peers: &mut Peers,
    ) {
        // While we stay in it, we wait a little longer than we say.
        let slack = if self.has(&topic) { BACKOFF_SLACK } else { Duration::ZERO };
        self.backoffs.set(now, topic, peer, time + slack);
        let backoff = time.as_secs() as u16;
        peers.send(peer, Class::Mesh, GossipControl::Prune { topic, backoff });
    }
}
