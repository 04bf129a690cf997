//! What goes out: our messages, others', their names, and what is asked for.

use super::{
    BTreeSet, Class, Event, Gossip, GossipControl, GossipData, Instant, MessageId, Offense, Output,
    PUBLISH_WITHIN, PeerId, Publishing, Topic, Vec,
};
use ensign_wire::GOSSIP_IDS_MAX;

use crate::{
    GOSSIP_LAZY, GOSSIP_THRESHOLD, MESH_N, PUBLISH_THRESHOLD, Verdict, link::Link, memory::Fate,
};

impl Gossip {
    /// Sends a message of ours, and goes on sending it to whoever turns up while the mesh is not ready.
    pub(super) fn spread_own(&mut self, now: Instant, id: MessageId, data: GossipData) {
        let topic = data.topic;
        self.memory.insert(now, id, data);
        self.memory.settle(&id, Fate::Accepted);
        if let Some(entry) = self.memory.get_mut(&id) {
            // Nobody could bring it before us.
            entry.is_measured = true;
        }
        let targets = self.targets_of_own(now, topic);
        let until = now.after(PUBLISH_WITHIN);
        self.publishing.push(Publishing { id, topic, until, copies: 0 });
        targets.into_iter().for_each(|peer| self.send_own(id, peer));
    }

    fn targets_of_own(&mut self, now: Instant, topic: Topic) -> Vec<PeerId> {
        let may = |gossip: &Self, peer: &PeerId| gossip.peers.score(now, peer) >= PUBLISH_THRESHOLD;
        let wanting = self.peers.links.wanting(topic).map(|(peer, _)| *peer);
        let wanting: Vec<PeerId> = wanting.filter(|it| may(self, it)).collect();
        if !self.meshes.has(&topic) {
            let fanout = self.fanout(now, topic, &wanting);
            return if self.config.flood_publish { wanting } else { fanout };
        }
        if self.config.flood_publish {
            return wanting;
        }
        let mesh = self.meshes.get(&topic).map(|it| it.members.keys().copied().collect());
        let mesh: BTreeSet<PeerId> = mesh.unwrap_or_default();
        let all = wanting.into_iter();
        all.filter(|it| mesh.contains(it) || self.peers.is_explicit(it)).collect()
    }

    /// Links for a topic that we did not join: those of before, and some that are drawn.
    fn fanout(&mut self, now: Instant, topic: Topic, wanting: &[PeerId]) -> Vec<PeerId> {
        let (_, mut peers) = self.fanouts.remove(&topic).unwrap_or((now, BTreeSet::new()));
        peers.retain(|it| wanting.contains(it));
        let others = wanting.iter().filter(|it| !peers.contains(*it)).copied().collect();
        let missing = MESH_N.saturating_sub(peers.len());
        peers.extend(self.peers.draw(others, missing));
        let all = peers.iter().copied().collect();
        self.fanouts.insert(topic, (now, peers));
        all
    }

    fn send_own(&mut self, id: MessageId, peer: PeerId) {
        let Some(entry) = self.memory.get_mut(&id) else { return };
        let Some(data) = entry.data.clone() else { return };
        if !entry.told.insert(peer) {
            return;
        }
        let open = self.publishing.iter_mut().find(|it| it.id == id);
        open.into_iter().for_each(|it| it.copies += 1);
        self.peers.send(peer, Class::Own, data);
    }

    /// Sends what waits for links to a peer that turns up.
    pub(super) fn publish_to(&mut self, now: Instant, topic: Topic, peer: PeerId) {
        if self.peers.score(now, &peer) < PUBLISH_THRESHOLD {
            return;
        }
        let open = self.publishing.iter().filter(|it| it.topic == topic);
        let ids: Vec<MessageId> = open.map(|it| it.id).collect();
        ids.into_iter().for_each(|id| self.send_own(id, peer));
    }

    /// Tells what became of messages of ours: those whose mesh is ready, or whose time is over.
    pub(super) fn end_publishing(&mut self, now: Instant) {
        let mut open = core::mem::take(&mut self.publishing);
        open.retain(|it| {
            let is_ready = self.meshes.get(&it.topic).is_some_and(|mesh| mesh.is_ready);
            if it.until > now && !(is_ready && it.copies > 0) {
                return true;
            }
            let Publishing { id, topic, copies, .. } = *it;
            self.peers.tell(Output::Event(match copies {
                0 => Event::Unpublished { id, topic },
                _ => Event::Published { id, copies },
            }));
            false
        });
        self.publishing = open;
    }

    pub(super) fn on_judged(&mut self, now: Instant, id: MessageId, verdict: Verdict) {
        let fate = match verdict {
            Verdict::Accept => Fate::Accepted,
            Verdict::Ignore => Fate::Ignored,
            Verdict::Reject => Fate::Rejected,
        };
        let Some(entry) = self.memory.settle(&id, fate) else { return };
        let (topic, heard) = (entry.topic, entry.heard.clone());
        let brought: Vec<PeerId> = heard.iter().filter(|it| it.2).map(|it| it.0).collect();
        match verdict {
            Verdict::Ignore => {}
            Verdict::Reject => {
                for peer in brought {
                    self.peers.scores.invalid(&peer);
                    self.peers.offense(peer, Offense::Invalid { id });
                }
            }
            Verdict::Accept => {
                let mesh = self.meshes.get(&topic).into_iter().flat_map(|it| it.members.keys());
                self.peers.scores.accepted(topic, mesh);
                if let Some(first) = brought.first() {
                    self.peers.scores.delivered_first(first, topic);
                }
                heard.iter().for_each(|it| self.peers.scores.brought(&it.0, topic));
                self.forward(now, id, topic);
            }
        }
    }

    /// Sends a message over the mesh, as itself or as its name, and tells some others of it.
    fn forward(&mut self, now: Instant, id: MessageId, topic: Topic) {
        let Some(entry) = self.memory.get(&id) else { return };
        let Some(data) = entry.data.clone() else { return };
        let mut known: BTreeSet<PeerId> = entry.heard.iter().map(|it| it.0).collect();
        known.extend(entry.told.iter().copied());
        let needs = |peer: &PeerId, link: &Link| !known.contains(peer) && !link.does_not_want(&id);
        let (mut whole, mut named) = (Vec::new(), Vec::new());
        if let Some(mesh) = self.meshes.get(&topic) {
            for (peer, member) in &mesh.members {
                if self.peers.links.get(peer).is_some_and(|link| needs(peer, link)) {
                    if member.has_choked_us { &mut named } else { &mut whole }.push(*peer);
                }
            }
        }
        for peer in self.peers.explicit() {
            let link = self.peers.links.get(peer).filter(|it| it.wants(&topic));
            if link.is_some_and(|link| needs(peer, link)) {
                whole.push(*peer);
            }
        }
        named.extend(self.others(now, topic, |peer, link| needs(peer, link)));
        if let Some(entry) = self.memory.get_mut(&id) {
            entry.told.extend(whole.iter().chain(&named));
        }
        whole.into_iter().for_each(|peer| self.peers.send(peer, Class::Forward, data.clone()));
        for peer in named {
            self.peers.send(peer, Class::Names, GossipControl::IHave { topic, ids: [id].into() });
        }
    }

    /// Draws peers outside the mesh that are told of a message: half of them from those that have brought most, where
    /// there are such, the others from those that we dialled before all else.
    pub(super) fn others(
        &mut self,
        now: Instant,
        topic: Topic,
        needs: impl Fn(&PeerId, &Link) -> bool,
    ) -> Vec<PeerId> {
        let Some(mesh) = self.meshes.get(&topic) else { return Vec::new() };
        let outside = self.peers.links.wanting(topic).filter(|(peer, link)| {
            !mesh.has(peer) && !self.peers.is_explicit(peer) && needs(peer, link)
        });
        let fit = outside.filter(|(peer, _)| self.peers.score(now, peer) >= GOSSIP_THRESHOLD);
        let fit: Vec<PeerId> = fit.map(|(peer, _)| *peer).collect();
        let count = fit.len();
        let mut drawn = self.peers.draw(fit, count);
        if count <= GOSSIP_LAZY {
            return drawn;
        }
        drawn.sort_by_key(|it| u64::MAX - self.peers.scores.first_deliveries(it, topic));
        let mut chosen: Vec<PeerId> = drawn.iter().take(GOSSIP_LAZY / 2).copied().collect();
        let mut rest: Vec<PeerId> = drawn.split_off(chosen.len());
        rest = self.peers.draw(rest, count);
        rest.sort_by_key(|it| !self.peers.links.is_outbound(it));
        chosen.extend(rest.into_iter().take(GOSSIP_LAZY - GOSSIP_LAZY / 2));
        chosen
    }

    /// Asks for what has been named and did not come.
    pub(super) fn pull(&mut self, now: Instant) {
        let links = &self.peers.links;
        let due = self.pulls.due(now, |it| links.rank(it));
        for peer in due.slow {
            if let Some(link) = self.peers.links.get_mut(&peer) {
                link.slow_pulls = link.slow_pulls.saturating_add(1);
            }
        }
        for (peer, id) in due.broken {
            self.peers.breach(peer, Offense::BrokenPromise { id });
        }
        for (peer, ids) in due.ask {
            for ids in ids.chunks(GOSSIP_IDS_MAX) {
                self.peers.send(peer, Class::Names, GossipControl::IWant { ids: ids.to_vec() });
            }
        }
    }
}
