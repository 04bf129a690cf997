//! What is done with each mesh at a heartbeat.

use super::{
    BTreeSet, Class, GossipControl, Instant, MESH_N, MESH_N_HIGH, MESH_N_LOW, MESH_OUTBOUND_MIN,
    Meshes, PeerId, Peers, Topic, Vec,
};
use crate::{
    EARLY_MIN, MESH_SCORED, OPPORTUNISTIC_GRAFT_PEERS, OPPORTUNISTIC_GRAFT_THRESHOLD,
    OPPORTUNISTIC_GRAFT_TICKS, SILENT_REPLACED, SWAP_TICKS,
};

impl Meshes {
    /// Begins a heartbeat.
    pub(crate) fn forget_ended(&mut self, now: Instant) {
        self.backoffs.forget_ended(now);
    }

    /// Keeps one mesh at the heartbeat of this number, and chooses which of its links bring messages.
    pub(crate) fn keep(&mut self, now: Instant, topic: Topic, tick: u64, peers: &mut Peers) {
        let Some(mesh) = self.of.get(&topic) else { return };
        let members: Vec<PeerId> = mesh.members.keys().copied().collect();
        for peer in members {
            if peers.score(now, &peer) < 0 {
                self.prune(now, topic, peer, peers);
            }
        }
        self.replace_silent(now, topic, peers);
        let len = self.len(topic);
        if len < MESH_N_LOW || Self::is_small(topic, peers) {
            self.fill(now, topic, &BTreeSet::new(), peers);
        } else if len > MESH_N_HIGH {
            self.thin_out(now, topic, peers);
        }
        self.take_dialled(now, topic, peers);
        if tick.is_multiple_of(SWAP_TICKS) {
            self.swap_latest(now, topic, peers);
        }
        if tick.is_multiple_of(OPPORTUNISTIC_GRAFT_TICKS) {
            self.graft_better(now, topic, peers);
        }
        self.choose_eager(topic, peers);
        self.look_ready(now, topic, peers);
    }

    /// Lets links that bring nothing give way to peers outside the mesh that have brought something.
    fn replace_silent(&mut self, now: Instant, topic: Topic, peers: &mut Peers) {
        let Some(mesh) = self.of.get(&topic) else { return };
        let silent: Vec<PeerId> = mesh.silent().collect();
        if silent.is_empty() || mesh.len() < MESH_N {
            return;
        }
        let mut better = self.candidates(now, topic, peers);
        better.retain(|it| peers.scores.first_deliveries(it, topic) > 0);
        better.sort_by_key(|it| (u64::MAX - peers.scores.first_deliveries(it, topic), *it));
        let silent = peers.draw(silent, SILENT_REPLACED);
        for (out, into) in silent.into_iter().zip(better) {
            self.prune(now, topic, out, peers);
            self.graft(now, topic, into, peers);
        }
    }

    /// Lets the latest link of a mesh, which brings no messages, give way to the peer outside that had messages before the
    /// mesh brought them.
    fn swap_latest(&mut self, now: Instant, topic: Topic, peers: &mut Peers) {
        let Some(mesh) = self.of.get(&topic) else { return };
        let has_more = self.dialled(topic, peers) > MESH_OUTBOUND_MIN;
        let may_go = |it: &PeerId| has_more || !peers.links.is_outbound(it);
        let out = mesh.latest(may_go).filter(|_| mesh.len() >= MESH_N);
        let candidates = self.candidates(now, topic, peers).into_iter();
        let early = |it: &PeerId| peers.links.get(it).map_or(0, |link| link.early(topic));
        let into = candidates.max_by_key(|it| (early(it), *it)).filter(|it| early(it) >= EARLY_MIN);
        if let (Some(out), Some(into)) = (out, into) {
            self.prune(now, topic, out, peers);
            self.graft(now, topic, into, peers);
        }
        peers.links.iter_mut().for_each(|(_, link)| link.halve_early(topic));
    }

    /// Gives up what a mesh has too much: the best by score stay, the rest is drawn, and links that we dialled stay
    /// until there are enough of them.
    fn thin_out(&mut self, now: Instant, topic: Topic, peers: &mut Peers) {
        let Some(mesh) = self.of.get(&topic) else { return };
        let members: Vec<PeerId> = mesh.members.keys().copied().collect();
        let count = members.len();
        let mut order = peers.draw(members, count);
        order.sort_by_key(|it| -peers.score(now, it));
        let mut kept: Vec<PeerId> = order.iter().take(MESH_SCORED).copied().collect();
        let rest = order.split_off(kept.len().min(order.len()));
        let mut rest = peers.draw(rest, count);
        let dialled = kept.iter().filter(|it| peers.links.is_outbound(it)).count();
        let missing = MESH_OUTBOUND_MIN.saturating_sub(dialled);
        let mut first = 0;
        // Each is asked once, in this order.
        rest.sort_by_cached_key(|it| {
            let comes_first = peers.links.is_outbound(it) && first < missing;
            first += usize::from(comes_first);
            !comes_first
        });
        kept.extend(rest.iter().take(MESH_N - kept.len().min(MESH_N)));
        for peer in rest.into_iter().filter(|it| !kept.contains(it)) {
            self.prune(now, topic, peer, peers);
        }
    }

    /// Takes links that we dialled when a mesh has too few of them.
    fn take_dialled(&mut self, now: Instant, topic: Topic, peers: &mut Peers) {
        let missing = MESH_OUTBOUND_MIN.saturating_sub(self.dialled(topic, peers));
        if missing == 0 {
            return;
        }
        let mut candidates = self.candidates(now, topic, peers);
        candidates.retain(|it| peers.links.is_outbound(it));
        for peer in peers.draw(candidates, missing) {
            self.graft(now, topic, peer, peers);
        }
    }

    /// Takes better links into a mesh whose median score is poor.
    fn graft_better(&mut self, now: Instant, topic: Topic, peers: &mut Peers) {
        let Some(mesh) = self.of.get(&topic) else { return };
        let mut scores: Vec<i64> = mesh.members.keys().map(|it| peers.score(now, it)).collect();
        scores.sort_unstable();
        let Some(median) = scores.get(scores.len() / 2).copied() else { return };
        if median >= OPPORTUNISTIC_GRAFT_THRESHOLD {
            return;
        }
        let mut better = self.candidates(now, topic, peers);
        better.retain(|it| peers.score(now, it) > median);
        for peer in peers.draw(better, OPPORTUNISTIC_GRAFT_PEERS) {
            self.graft(now, topic, peer, peers);
        }
    }

    fn choose_eager(&mut self, topic: Topic, peers: &mut Peers) {
        let Some(mesh) = self.of.get_mut(&topic) else { return };
        let count = self.eager_links;
        if mesh.eager() <= count && mesh.members.values().all(|it| it.is_eager) {
            return;
        }
        for (peer, is_eager) in mesh.choose_eager(count, |it| peers.links.is_outbound(it)) {
            let said = if is_eager {
                GossipControl::Unchoke { topic }
            } else {
                GossipControl::Choke { topic }
            };
            peers.send(peer, Class::Mesh, said);
        }
    }
}
