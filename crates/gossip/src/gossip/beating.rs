//! What is done with each heartbeat.

use super::{
    AWAKE, BTreeSet, Class, Gossip, GossipControl, Instant, MessageId, PeerId, Topic, Vec,
};
use ensign_wire::GOSSIP_IDS_MAX;

use crate::{
    FANOUT_RETENTION, HEARTBEAT_INTERVAL, MEASURED_AFTER, PUBLISH_THRESHOLD, VALIDATION_TIMEOUT,
    Verdict, mesh::Heard,
};

impl Gossip {
    pub(super) fn heartbeat(&mut self, now: Instant) {
        let passed = self.beat.last.map_or(HEARTBEAT_INTERVAL, |last| now.since(last));
        let ticks = passed.as_millis() as u64 / HEARTBEAT_INTERVAL.as_millis() as u64;
        self.beat.tick += 1;
        self.beat.last = Some(now);
        self.peers.scores.beat(now, ticks.max(1));
        self.meshes.forget_ended(now);
        self.measure(now);
        for topic in self.meshes.topics() {
            self.meshes.keep(now, topic, self.beat.tick, &mut self.peers);
            self.tell_names(now, topic);
        }
        self.keep_fanouts(now);
        let waiting_since = Instant::from_micros(
            now.as_micros().saturating_sub(VALIDATION_TIMEOUT.as_micros() as u64),
        );
        for id in self.memory.beat(now, waiting_since) {
            self.on_judged(now, id, Verdict::Ignore);
        }
        self.peers.tell_slow();
        let tick = self.beat.tick;
        self.peers.links.iter_mut().for_each(|(_, link)| link.beat(tick));
        self.beat.next = self.next_beat(now);
    }

    /// While something has happened lately the heart beats. After that it does when somebody may come back into a
    /// mesh that lacks links.
    fn next_beat(&self, now: Instant) -> Option<Instant> {
        let is_awake = self.beat.stirred.is_some_and(|at| now.since(at) < AWAKE);
        if is_awake {
            return Some(now.after(HEARTBEAT_INTERVAL));
        }
        self.meshes.wakes()
    }

    /// Measures links by messages that nobody will bring any more.
    fn measure(&mut self, now: Instant) {
        let before = now.as_micros().saturating_sub(MEASURED_AFTER.as_micros() as u64);
        for id in self.memory.take_unmeasured(Instant::from_micros(before)) {
            let Some(entry) = self.memory.get_mut(&id) else { continue };
            if entry.is_measured {
                continue;
            }
            entry.is_measured = true;
            let heard = core::mem::take(&mut entry.heard);
            // A message that was not accepted says nothing about links.
            let Some(mesh) = self.meshes.get_mut(&entry.topic).filter(|_| entry.data.is_some())
            else {
                continue;
            };
            for (peer, member) in &mut mesh.members {
                if member.since > entry.first {
                    continue;
                }
                let word = heard.iter().find(|it| it.0 == *peer);
                member.measure(match word {
                    Some((_, at, _)) => Heard::After(at.since(entry.first)),
                    None if entry.told.contains(peer) => Heard::Told,
                    None => Heard::Nothing,
                });
            }
        }
    }

    /// Tells some peers outside the mesh of what came lately, as far as they were not told.
    fn tell_names(&mut self, now: Instant, topic: Topic) {
        if self.memory.recent(topic).next().is_none() {
            return;
        }
        let open = self.lacking(topic);
        for peer in self.others(now, topic, |peer, _| open.contains(peer)) {
            let recent = self.memory.recent(topic);
            let open = recent.filter(|(_, it)| !it.told.contains(&peer) && !it.has_heard(&peer));
            let mut ids: Vec<MessageId> = open.map(|(id, _)| id).collect();
            if ids.len() > GOSSIP_IDS_MAX {
                // Some of them, others to others.
                let from = self.beat.tick as usize % (ids.len() - GOSSIP_IDS_MAX);
                ids = ids.split_off(from);
                ids.truncate(GOSSIP_IDS_MAX);
            }
            if ids.is_empty() {
                continue;
            }
            for id in &ids {
                let entry = self.memory.get_mut(id);
                entry.into_iter().for_each(|it| {
                    it.told.insert(peer);
                });
            }
            self.peers.send(peer, Class::Names, GossipControl::IHave { topic, ids });
        }
    }

    /// Peers of a topic that lack something of what came lately, as far as is known.
    fn lacking(&self, topic: Topic) -> BTreeSet<PeerId> {
        let recent = self.memory.recent(topic).map(|(_, it)| it);
        let lacks =
            |peer: &PeerId| recent.clone().any(|it| !it.told.contains(peer) && !it.has_heard(peer));
        self.peers.links.wanting(topic).map(|(peer, _)| *peer).filter(lacks).collect()
    }

    fn keep_fanouts(&mut self, now: Instant) {
        self.fanouts.retain(|_, (last, _)| now.since(*last) < FANOUT_RETENTION);
        let Self { fanouts, peers, .. } = self;
        for (_, fanout) in fanouts.values_mut() {
            fanout.retain(|it| peers.score(now, it) >= PUBLISH_THRESHOLD);
        }
    }
}
