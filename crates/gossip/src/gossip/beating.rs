//! What is done with each heartbeat.

use super::{
    AWAKE, BTreeSet, Class, Event, Gossip, GossipControl, Instant, MessageId, Output, PeerId,
    Topic, Vec,
};
use ensign_wire::GOSSIP_IDS_MAX;

use crate::{
    EARLY_MIN, FANOUT_RETENTION, HEARTBEAT_INTERVAL, MEASURED_AFTER, MESH_N, MESH_N_HIGH,
    MESH_N_LOW, MESH_OUTBOUND_MIN, MESH_SCORED, OPPORTUNISTIC_GRAFT_PEERS,
    OPPORTUNISTIC_GRAFT_THRESHOLD, OPPORTUNISTIC_GRAFT_TICKS, PUBLISH_THRESHOLD, SILENT_REPLACED,
    SWAP_TICKS, VALIDATION_TIMEOUT, Verdict, mesh::Heard,
};

impl Gossip {
    pub(super) fn heartbeat(&mut self, now: Instant) {
        let passed = self.beat.last.map_or(HEARTBEAT_INTERVAL, |last| now.since(last));
        let ticks = passed.as_millis() as u64 / HEARTBEAT_INTERVAL.as_millis() as u64;
        self.beat.tick += 1;
        self.beat.last = Some(now);
        self.scores.beat(now, ticks.max(1));
        self.backoffs.forget_ended(now);
        self.measure(now);
        let topics: Vec<Topic> = self.meshes.keys().copied().collect();
        for topic in topics {
            self.keep_mesh(now, topic);
            self.choose_eager(topic);
            self.tell_names(now, topic);
            self.look_ready(now, topic);
        }
        self.keep_fanouts(now);
        let waiting_since = Instant::from_micros(
            now.as_micros().saturating_sub(VALIDATION_TIMEOUT.as_micros() as u64),
        );
        for id in self.memory.beat(now, waiting_since) {
            self.on_judged(now, id, Verdict::Ignore);
        }
        self.tell_slow();
        let tick = self.beat.tick;
        self.links.iter_mut().for_each(|(_, link)| link.beat(tick));
        self.beat.next = self.next_beat(now);
    }

    /// While something has happened lately the heart beats. After that it does when somebody may come back into a
    /// mesh that lacks links.
    fn next_beat(&self, now: Instant) -> Option<Instant> {
        let is_awake = self.beat.stirred.is_some_and(|at| now.since(at) < AWAKE);
        if is_awake {
            return Some(now.after(HEARTBEAT_INTERVAL));
        }
        let lacks = self.meshes.values().any(|it| it.len() < MESH_N_LOW);
        self.backoffs.first_end().filter(|_| lacks)
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

    fn keep_mesh(&mut self, now: Instant, topic: Topic) {
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let members: Vec<PeerId> = mesh.members.keys().copied().collect();
        for peer in members {
            if self.score_of(now, &peer) < 0 {
                self.prune(now, topic, peer);
            }
        }
        self.replace_silent(now, topic);
        let len = self.mesh_len(topic);
        let is_small = self.wanted(topic) == MESH_N_HIGH;
        if len < MESH_N_LOW || is_small {
            self.fill(now, topic, &BTreeSet::new());
        } else if len > MESH_N_HIGH {
            self.thin_out(now, topic);
        }
        self.take_dialled(now, topic);
        if self.beat.tick.is_multiple_of(SWAP_TICKS) {
            self.swap_latest(now, topic);
        }
        if self.beat.tick.is_multiple_of(OPPORTUNISTIC_GRAFT_TICKS) {
            self.graft_better(now, topic);
        }
    }

    fn mesh_len(&self, topic: Topic) -> usize {
        self.meshes.get(&topic).map_or(0, super::Mesh::len)
    }

    /// Lets links that bring nothing give way to peers outside the mesh that have brought something.
    fn replace_silent(&mut self, now: Instant, topic: Topic) {
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let silent: Vec<PeerId> =
            mesh.members.iter().filter(|(_, it)| it.is_silent()).map(|(it, _)| *it).collect();
        if silent.is_empty() || mesh.len() < MESH_N {
            return;
        }
        let mut better = self.candidates(now, topic);
        better.retain(|it| self.scores.first_deliveries(it, topic) > 0);
        better.sort_by_key(|it| (u64::MAX - self.scores.first_deliveries(it, topic), *it));
        let silent = self.draw(silent, SILENT_REPLACED);
        for (out, into) in silent.into_iter().zip(better) {
            self.prune(now, topic, out);
            self.graft(now, topic, into);
        }
    }

    /// Lets the latest link of a mesh, which brings no messages, give way to the peer outside that had messages before the
    /// mesh brought them.
    fn swap_latest(&mut self, now: Instant, topic: Topic) {
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let dialled = mesh.members.keys().filter(|it| self.links.is_outbound(it)).count();
        let may_go = |it: &PeerId| dialled > MESH_OUTBOUND_MIN || !self.links.is_outbound(it);
        let out = mesh.latest(may_go).filter(|_| mesh.len() >= MESH_N);
        let candidates = self.candidates(now, topic).into_iter();
        let early = |it: &PeerId| self.links.get(it).map_or(0, |link| link.early(topic));
        let into = candidates.max_by_key(|it| (early(it), *it)).filter(|it| early(it) >= EARLY_MIN);
        if let (Some(out), Some(into)) = (out, into) {
            self.prune(now, topic, out);
            self.graft(now, topic, into);
        }
        self.links.iter_mut().for_each(|(_, link)| link.halve_early(topic));
    }

    /// Gives up what a mesh has too much: the best by score stay, the rest is drawn, and links that we dialled stay
    /// until there are enough of them.
    fn thin_out(&mut self, now: Instant, topic: Topic) {
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let members: Vec<PeerId> = mesh.members.keys().copied().collect();
        let count = members.len();
        let mut order = self.draw(members, count);
        order.sort_by_key(|it| -self.score_of(now, it));
        let mut kept: Vec<PeerId> = order.iter().take(MESH_SCORED).copied().collect();
        let rest = order.split_off(kept.len().min(order.len()));
        let mut rest = self.draw(rest, count);
        let dialled = kept.iter().filter(|it| self.links.is_outbound(it)).count();
        let missing = MESH_OUTBOUND_MIN.saturating_sub(dialled);
        let mut first = 0;
        rest.sort_by_key(|it| {
            let comes_first = self.links.is_outbound(it) && first < missing;
            first += usize::from(comes_first);
            !comes_first
        });
        kept.extend(rest.iter().take(MESH_N - kept.len().min(MESH_N)));
        for peer in rest.into_iter().filter(|it| !kept.contains(it)) {
            self.prune(now, topic, peer);
        }
    }

    /// Takes links that we dialled when a mesh has too few of them.
    fn take_dialled(&mut self, now: Instant, topic: Topic) {
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let dialled = mesh.members.keys().filter(|it| self.links.is_outbound(it)).count();
        let missing = MESH_OUTBOUND_MIN.saturating_sub(dialled);
        if missing == 0 {
            return;
        }
        let mut candidates = self.candidates(now, topic);
        candidates.retain(|it| self.links.is_outbound(it));
        for peer in self.draw(candidates, missing) {
            self.graft(now, topic, peer);
        }
    }

    /// Takes better links into a mesh whose median score is poor.
    fn graft_better(&mut self, now: Instant, topic: Topic) {
        let Some(mesh) = self.meshes.get(&topic) else { return };
        let mut scores: Vec<i64> = mesh.members.keys().map(|it| self.score_of(now, it)).collect();
        scores.sort_unstable();
        let Some(median) = scores.get(scores.len() / 2).copied() else { return };
        if median >= OPPORTUNISTIC_GRAFT_THRESHOLD {
            return;
        }
        let mut better = self.candidates(now, topic);
        better.retain(|it| self.score_of(now, it) > median);
        for peer in self.draw(better, OPPORTUNISTIC_GRAFT_PEERS) {
            self.graft(now, topic, peer);
        }
    }

    fn choose_eager(&mut self, topic: Topic) {
        let Self { meshes, links, config, .. } = self;
        let Some(mesh) = meshes.get_mut(&topic) else { return };
        if mesh.eager() <= config.eager_links && mesh.members.values().all(|it| it.is_eager) {
            return;
        }
        for (peer, is_eager) in mesh.choose_eager(config.eager_links, |it| links.is_outbound(it)) {
            let said = if is_eager {
                GossipControl::Unchoke { topic }
            } else {
                GossipControl::Choke { topic }
            };
            self.send(peer, Class::Mesh, said);
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
            self.send(peer, Class::Names, GossipControl::IHave { topic, ids });
        }
    }

    /// Peers of a topic that lack something of what came lately, as far as is known.
    fn lacking(&self, topic: Topic) -> BTreeSet<PeerId> {
        let recent = self.memory.recent(topic).map(|(_, it)| it);
        let lacks =
            |peer: &PeerId| recent.clone().any(|it| !it.told.contains(peer) && !it.has_heard(peer));
        self.links.wanting(topic).map(|(peer, _)| *peer).filter(lacks).collect()
    }

    fn keep_fanouts(&mut self, now: Instant) {
        self.fanouts.retain(|_, (last, _)| now.since(*last) < FANOUT_RETENTION);
        let mut fanouts = core::mem::take(&mut self.fanouts);
        for (_, peers) in fanouts.values_mut() {
            peers.retain(|it| self.score_of(now, it) >= PUBLISH_THRESHOLD);
        }
        self.fanouts = fanouts;
    }

    fn tell_slow(&mut self) {
        let Self { links, outputs, .. } = self;
        for (peer, link) in links.iter_mut() {
            if let Some((class, dropped)) = link.outbox.take_dropped() {
                let peer = *peer;
                outputs.push_back(Output::Event(Event::Slow { peer, class, dropped }));
            }
        }
    }
}
