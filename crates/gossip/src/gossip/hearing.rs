//! What peers say.

use super::{
    Class, Gossip, GossipControl, GossipData, GossipMessage, Instant, MessageId, Offense, Output,
    PeerId, Topic, Vec,
};
use crate::{
    GOSSIP_THRESHOLD, GRAYLIST_THRESHOLD, HISTORY_GOSSIP, IDONTWANT_BYTES_MIN, IHAVE_IDS_MAX,
    IWANT_IDS_MAX, PULL_DELAY, RETRANSMISSIONS_MAX, memory::Fate,
};

impl Gossip {
    pub(super) fn on_message(&mut self, now: Instant, from: PeerId, message: GossipMessage) {
        if !self.peers.is_up(&from) || self.peers.score(now, &from) < GRAYLIST_THRESHOLD {
            return;
        }
        self.stir(now);
        match message {
            GossipMessage::Data(data) => self.on_data(now, from, data),
            GossipMessage::Control(control) => self.on_control(now, from, control),
        }
    }

    fn on_control(&mut self, now: Instant, from: PeerId, control: GossipControl) {
        match control {
            GossipControl::Topics { joined, left } => self.on_topics(now, from, &joined, &left),
            GossipControl::Graft { topic } => {
                self.meshes.on_graft(now, topic, from, &mut self.peers);
            }
            GossipControl::Prune { topic, backoff } => {
                self.meshes.on_prune(now, (topic, from), backoff, &mut self.peers);
            }
            GossipControl::Choke { topic } => self.meshes.on_choke(topic, from, true),
            GossipControl::Unchoke { topic } => self.meshes.on_choke(topic, from, false),
            GossipControl::IHave { topic, ids } => self.on_ihave(now, from, topic, &ids),
            GossipControl::IWant { ids } => self.on_iwant(now, from, &ids),
            GossipControl::IDontWant { ids } => {
                let until = self.beat.tick + HISTORY_GOSSIP as u64;
                if let Some(link) = self.peers.links.get_mut(&from) {
                    link.reject(&ids, until);
                }
            }
        }
    }

    fn on_topics(&mut self, now: Instant, from: PeerId, joined: &[Topic], left: &[Topic]) {
        let Some(link) = self.peers.links.get_mut(&from) else { return };
        if !link.change(joined, left) {
            self.peers.breach(from, Offense::TooManyTopics);
        }
        for topic in left {
            self.meshes.drop_out(now, *topic, from, &mut self.peers);
            if let Some((_, fanout)) = self.fanouts.get_mut(topic) {
                fanout.remove(&from);
            }
        }
        for topic in joined {
            if self.peers.links.get(&from).is_some_and(|it| it.wants(topic)) {
                self.meshes.on_newcomer(now, *topic, from, &mut self.peers);
                self.publish_to(now, *topic, from);
            }
        }
    }

    fn on_ihave(&mut self, now: Instant, from: PeerId, topic: Topic, ids: &[MessageId]) {
        let (score, explicit) = (self.peers.score(now, &from), self.peers.is_explicit(&from));
        let Some(mesh) = self.meshes.get(&topic) else { return };
        // While an eager link may bring it, it is waited for; a link that brings nothing is no reason to wait.
        let has_eager = mesh.members.values().any(|it| it.is_eager && !it.is_silent());
        let Some(link) = self.peers.links.get_mut(&from) else { return };
        if score < GOSSIP_THRESHOLD && !explicit {
            return;
        }
        link.used.named = link.used.named.saturating_add(ids.len());
        if link.used.named > IHAVE_IDS_MAX {
            return self.peers.breach(from, Offense::TooManyNames);
        }
        let next = if has_eager { now.after(PULL_DELAY) } else { now };
        for id in ids {
            if self.memory.has(id) {
                self.hear(now, *id, from, false);
            } else {
                let links = &self.peers.links;
                self.pulls.named(now, (*id, topic), from, next, |it| links.rank(it));
            }
        }
        if next == now {
            self.pull(now);
        }
    }

    fn on_iwant(&mut self, now: Instant, from: PeerId, ids: &[MessageId]) {
        let (score, explicit) = (self.peers.score(now, &from), self.peers.is_explicit(&from));
        let Some(link) = self.peers.links.get_mut(&from) else { return };
        if score < GOSSIP_THRESHOLD && !explicit {
            return;
        }
        link.used.wanted = link.used.wanted.saturating_add(ids.len());
        if link.used.wanted > IWANT_IDS_MAX {
            return self.peers.breach(from, Offense::TooManyWants);
        }
        for id in ids {
            let Some(entry) = self.memory.get_mut(id).filter(|it| it.fate == Fate::Accepted) else {
                continue;
            };
            let Some(data) = entry.data.clone() else { continue };
            let served = entry.served.entry(from).or_default();
            if *served >= RETRANSMISSIONS_MAX {
                continue;
            }
            *served += 1;
            entry.told.insert(from);
            self.peers.send(from, Class::Forward, data);
        }
    }

    fn on_data(&mut self, now: Instant, from: PeerId, data: GossipData) {
        let topic = data.topic;
        if !self.meshes.has(&topic) {
            // Who was told of our leaving is still on its way for a moment.
            if !self.meshes.is_out(now, topic, from) && !self.knows_as_left(topic) {
                self.peers.breach(from, Offense::ForeignTopic);
            }
            return;
        }
        let id = MessageId::of(self.config.network, topic, &data.data);
        if self.memory.has(&id) {
            return self.on_double(now, from, id);
        }
        let announcers: Vec<_> = self.pulls.announcers(&id).filter(|it| it.0 != from).collect();
        let was_asked = self.pulls.came(&id, &from);
        if !self.memory.can_wait() {
            return;
        }
        let is_large = data.data.len() >= IDONTWANT_BYTES_MIN;
        self.memory.insert(now, id, data.clone());
        if let Some(entry) = self.memory.get_mut(&id) {
            // Who named it was there before who brought it.
            let first = announcers.iter().map(|it| it.1).min().unwrap_or(now).min(now);
            entry.first = first;
            entry.heard.extend(announcers.iter().map(|(peer, at)| (*peer, *at, false)));
            entry.heard.push((from, now, true));
        }
        for (peer, _) in &announcers {
            let is_outside = self.meshes.get(&topic).is_some_and(|it| !it.has(peer));
            let link = self.peers.links.get_mut(peer).filter(|_| is_outside);
            link.into_iter().for_each(|it| it.was_early(topic));
        }
        if was_asked {
            self.meshes.take_eagerly(topic, from, &mut self.peers);
        }
        if is_large {
            self.say_unwanted(topic, id, from);
        }
        self.peers.tell(Output::Validate { id, from, message: data });
    }

    /// A message came that is known.
    fn on_double(&mut self, now: Instant, from: PeerId, id: MessageId) {
        let Some(entry) = self.memory.get_mut(&id) else { return };
        let before = entry.heard.iter().find(|it| it.0 == from);
        let is_repeated = before.is_some_and(|it| it.2);
        if entry.fate == Fate::Rejected {
            self.peers.scores.invalid(&from);
            return self.peers.offense(from, Offense::Invalid { id });
        }
        if is_repeated {
            return self.peers.breach(from, Offense::Repeated { id });
        }
        self.hear(now, id, from, true);
    }

    /// Notes who has a message that is known, and counts for P3 that a link had it. What crossed ours on its way counts
    /// too: whom we told first could not know.
    fn hear(&mut self, now: Instant, id: MessageId, from: PeerId, is_whole: bool) {
        let Some(entry) = self.memory.get_mut(&id).filter(|it| !it.is_measured) else { return };
        if let Some(before) = entry.heard.iter_mut().find(|it| it.0 == from) {
            before.2 |= is_whole;
            return;
        }
        entry.heard.push((from, now, is_whole));
        if entry.fate == Fate::Accepted {
            let topic = entry.topic;
            self.peers.scores.brought(&from, topic);
        }
    }

    /// Whether messages of a topic are no offense although we did not join it: we publish under it, or have left it just now.
    fn knows_as_left(&self, topic: Topic) -> bool {
        self.fanouts.contains_key(&topic)
    }

    /// Tells whoever may be about to send a large message that it has come.
    fn say_unwanted(&mut self, topic: Topic, id: MessageId, from: PeerId) {
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let eager = mesh.members.iter().filter(|(peer, it)| it.is_eager && **peer != from);
        let peers: Vec<PeerId> = eager.map(|(peer, _)| *peer).collect();
        for peer in peers {
            self.peers.send(peer, Class::Names, GossipControl::IDontWant { ids: [id].into() });
        }
    }
}
