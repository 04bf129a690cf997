//! Who is taken into a mesh, and who is put out.

use super::{
    BTreeSet, Class, Duration, Event, Gossip, GossipControl, Instant, Offense, Output, PeerId,
    Topic, Vec,
};
use crate::{
    BACKOFF_MAX, BACKOFF_SLACK, GRAFT_FLOOD, MESH_N, MESH_N_HIGH, MESH_OUTBOUND_MIN, PRUNE_BACKOFF,
};

impl Gossip {
    /// Who may be grafted: wants the topic, is in no mesh of it, has nothing against it, and is not to stay away.
    pub(super) fn candidates(&self, now: Instant, topic: Topic) -> Vec<PeerId> {
        let Some(mesh) = self.meshes.get(&topic) else { return Vec::new() };
        let wanting = self.links.wanting(topic).map(|(peer, _)| *peer);
        wanting
            .filter(|it| !mesh.has(it) && !self.explicit.contains(it))
            .filter(|it| self.backoffs.get(now, topic, *it).is_none())
            .filter(|it| self.score_of(now, it) >= 0)
            .collect()
    }

    /// How many links a mesh is to have: of a small topic all that there are.
    pub(super) fn wanted(&self, topic: Topic) -> usize {
        let peers = self.links.wanting(topic).filter(|(it, _)| !self.explicit.contains(*it));
        if peers.count() <= MESH_N_HIGH { MESH_N_HIGH } else { MESH_N }
    }

    /// How many links of a mesh others have dialled.
    fn inbound(&self, topic: Topic) -> usize {
        let members = self.meshes.get(&topic).into_iter().flat_map(|it| it.members.keys());
        members.filter(|it| !self.links.is_outbound(it)).count()
    }

    /// Grafts until a mesh has as many links as it is to have; places for those that we dialled stay free, unless
    /// the topic is small.
    pub(super) fn fill(&mut self, now: Instant, topic: Topic, first: &BTreeSet<PeerId>) {
        let wanted = self.wanted(topic);
        let candidates = self.candidates(now, topic);
        let all = candidates.len();
        let mut drawn = self.draw(candidates, all);
        // Those that we know first, then those that we dialled, by turns of chance.
        drawn.sort_by_key(|it| !first.contains(it));
        for peer in drawn {
            let len = self.meshes.get(&topic).map_or(0, super::Mesh::len);
            if len >= wanted {
                return;
            }
            let is_free = self.links.is_outbound(&peer)
                || wanted == MESH_N_HIGH
                || self.inbound(topic) < MESH_N - MESH_OUTBOUND_MIN;
            if is_free {
                self.graft(now, topic, peer);
            }
        }
    }

    /// Grafts a peer that has just told that it wants a topic, if there is room.
    pub(super) fn graft_newcomer(&mut self, now: Instant, topic: Topic, peer: PeerId) {
        let wanted = self.wanted(topic);
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let is_free = self.links.is_outbound(&peer)
            || wanted == MESH_N_HIGH
            || self.inbound(topic) < MESH_N - MESH_OUTBOUND_MIN;
        let may = mesh.len() < wanted
            && !mesh.has(&peer)
            && !self.explicit.contains(&peer)
            && is_free
            && self.backoffs.get(now, topic, peer).is_none()
            && self.score_of(now, &peer) >= 0;
        if may {
            self.graft(now, topic, peer);
        }
    }

    pub(super) fn graft(&mut self, now: Instant, topic: Topic, peer: PeerId) {
        self.send(peer, Class::Mesh, GossipControl::Graft { topic });
        self.take_in(now, topic, peer);
    }

    fn take_in(&mut self, now: Instant, topic: Topic, peer: PeerId) {
        let Some(mesh) = self.meshes.get_mut(&topic) else { return };
        let is_needed = mesh.bringing() < self.config.eager_links;
        mesh.insert(now, peer, is_needed);
        if !is_needed {
            self.send(peer, Class::Mesh, GossipControl::Choke { topic });
        }
        self.scores.joined(now, &peer, topic);
        self.look_ready(now, topic);
    }

    pub(super) fn look_ready(&mut self, now: Instant, topic: Topic) {
        let Some(mesh) = self.meshes.get_mut(&topic) else { return };
        if mesh.becomes_ready(now) {
            let (links, after) = (mesh.len(), now.since(mesh.joined));
            self.outputs.push_back(Output::Event(Event::MeshReady { topic, links, after }));
        }
    }

    /// Puts a peer out of a mesh, if it is in it.
    pub(super) fn prune(&mut self, now: Instant, topic: Topic, peer: PeerId) {
        if self.drop_out(now, topic, peer) {
            self.say_prune(now, topic, peer);
        }
    }

    fn say_prune(&mut self, now: Instant, topic: Topic, peer: PeerId) {
        self.backoffs.set(now, topic, peer, PRUNE_BACKOFF + BACKOFF_SLACK);
        let backoff = PRUNE_BACKOFF.as_secs() as u16;
        self.send(peer, Class::Mesh, GossipControl::Prune { topic, backoff });
    }

    /// Takes a peer out of a mesh without a word; tells whether it was in it.
    pub(super) fn drop_out(&mut self, now: Instant, topic: Topic, peer: PeerId) -> bool {
        let mesh = self.meshes.get_mut(&topic);
        let was_in = mesh.is_some_and(|it| it.members.remove(&peer).is_some());
        if was_in {
            self.scores.left(now, &peer, topic);
        }
        was_in
    }

    pub(super) fn on_graft(&mut self, now: Instant, topic: Topic, peer: PeerId) {
        let Some(mesh) = self.meshes.get(&topic) else {
            // As v1.1: who grafts for a topic that we left learns nothing by it.
            return;
        };
        if mesh.has(&peer) {
            return;
        }
        // It grafts, so it wants the topic, whatever it has told.
        let is_new = self.links.get_mut(&peer).is_some_and(|it| it.change(&[topic], &[]));
        if self.explicit.contains(&peer) || !is_new {
            return self.say_prune(now, topic, peer);
        }
        if let Some(since) = self.backoffs.get(now, topic, peer) {
            let soon = now.since(since) < GRAFT_FLOOD;
            self.scores.breach(&peer, if soon { 2 } else { 1 });
            self.offense(peer, Offense::GraftTooSoon);
            return self.say_prune(now, topic, peer);
        }
        if self.score_of(now, &peer) < 0 || !self.make_place(now, topic, peer) {
            return self.say_prune(now, topic, peer);
        }
        self.take_in(now, topic, peer);
    }

    /// Looks whether a mesh has a place for who grafts. Who has brought messages takes that of a silent one.
    fn make_place(&mut self, now: Instant, topic: Topic, peer: PeerId) -> bool {
        let Some(mesh) = self.meshes.get(&topic) else { return false };
        let (len, inbound) = (mesh.len(), self.inbound(topic));
        let is_small = self.wanted(topic) == MESH_N_HIGH;
        let is_free = self.links.is_outbound(&peer)
            || (len < MESH_N_HIGH && (is_small || inbound < MESH_N_HIGH - MESH_OUTBOUND_MIN));
        if is_free {
            return true;
        }
        if self.scores.first_deliveries(&peer, topic) == 0 {
            return false;
        }
        let silent = mesh.members.iter().filter(|(_, it)| it.is_silent()).map(|(it, _)| *it);
        let silent = silent.filter(|it| !self.links.is_outbound(it)).min();
        if let Some(silent) = silent {
            self.prune(now, topic, silent);
        }
        silent.is_some()
    }

    pub(super) fn on_prune(&mut self, now: Instant, topic: Topic, peer: PeerId, backoff: u16) {
        self.drop_out(now, topic, peer);
        if self.meshes.contains_key(&topic) {
            // Zero is no answer: then it is as long as we would say.
            let told = Duration::from_secs(backoff.into());
            let told = if told.is_zero() { PRUNE_BACKOFF } else { told.min(BACKOFF_MAX) };
            self.backoffs.set(now, topic, peer, told + BACKOFF_SLACK);
        }
    }
}
