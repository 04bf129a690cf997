//! What a node holds of its peers, from seven sources (v1.1: P1 to P7), in thousandths of a point.

use alloc::collections::BTreeMap;

use ensign_primitives::{Instant, PeerId};
use ensign_wire::Topic;

use crate::{
    APP_SCORE_MAX, BEHAVIOUR_WEIGHT, BREACHES_ALLOWED, BREACHES_HALF_LIFE, COLOCATED_MAX,
    COLOCATION_WEIGHT, DELIVERIES_HALF_LIFE, FIRST_DELIVERIES_WEIGHT, INVALID_HALF_LIFE,
    INVALID_WEIGHT, MESH_DELIVERIES_ACTIVATION, MESH_DELIVERIES_SHARE, MESH_DELIVERIES_WEIGHT,
    MESH_FAILURE_WEIGHT, QUIET_MESSAGES, SCORE_RETENTION, SCORES_RETAINED_MAX,
    TIME_IN_MESH_MINUTES_MAX, TIME_IN_MESH_WEIGHT,
};

/// A number of events that fades, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count(u64);

/// One event.
const ONE: u64 = 1000;
/// No count grows beyond: what is squared stays far from the end of its type.
const COUNT_MAX: u64 = 1000 * ONE;

impl Count {
    fn add(&mut self, events: u64) {
        self.0 = self.0.saturating_add(events * ONE).min(COUNT_MAX);
    }

    /// Lets so many heartbeats pass; after `half_life` of them half is left.
    fn fade(&mut self, ticks: u64, half_life: u32) {
        let half_life = u64::from(half_life);
        let halvings = ticks / half_life;
        self.0 = self.0.checked_shr(halvings.min(63) as u32).unwrap_or_default();
        // Within a half-life a straight line through a third less than its rest: ln 2 / half_life for each tick.
        for _ in 0..ticks % half_life {
            self.0 -= (self.0 * 693).div_ceil(1000 * half_life).min(self.0);
        }
    }

    /// What is above some events, in thousandths.
    const fn above(self, events: u64) -> u64 {
        self.0.saturating_sub(events * ONE)
    }

    const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// A weight times the square of a number of thousandths.
fn squared(weight: i64, thousandths: u64) -> i64 {
    let squared = thousandths.saturating_mul(thousandths) / (ONE * ONE / 1000);
    weight.saturating_mul(squared.min(i64::MAX as u64 / 100_000) as i64) / 1000
}

/// What one peer did in one topic.
#[derive(Clone, Copy, Debug, Default)]
struct InTopic {
    /// P1: since when it is in the mesh.
    meshed: Option<Instant>,
    /// P2.
    first: Count,
    /// P3: the topic's messages since it is in the mesh.
    due: Count,
    /// Of these, what it brought or named before we told it.
    brought: Count,
    /// P3b.
    failed: Count,
}

/// What one peer did.
#[derive(Debug, Default)]
struct Standing {
    topics: BTreeMap<Topic, InTopic>,
    /// P4.
    invalid: Count,
    /// P5.
    regard: i64,
    /// P7.
    breaches: Count,
    /// Until when it is kept, without a link.
    gone_until: Option<Instant>,
}

/// What is held of all.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    of: BTreeMap<PeerId, Standing>,
    /// Accepted messages of each topic: what the rates of links are held against.
    messages: BTreeMap<Topic, Count>,
}

impl Scores {
    pub(crate) fn up(&mut self, peer: PeerId) {
        self.of.entry(peer).or_default().gone_until = None;
    }

    /// A link is gone. What is good is forgotten, what is bad is kept.
    pub(crate) fn down(&mut self, now: Instant, peer: &PeerId) {
        let topics: alloc::vec::Vec<Topic> =
            self.of.get(peer).into_iter().flat_map(|it| it.topics.keys().copied()).collect();
        topics.into_iter().for_each(|topic| self.left(now, peer, topic));
        let score = self.score(now, peer, 0);
        if score >= 0 {
            self.of.remove(peer);
        } else if let Some(standing) = self.of.get_mut(peer) {
            standing.gone_until = Some(now.after(SCORE_RETENTION));
        }
        let gone = self.of.iter().filter(|(_, it)| it.gone_until.is_some());
        if gone.clone().count() > SCORES_RETAINED_MAX {
            let best = gone.max_by_key(|(peer, _)| self.score(now, peer, 0)).map(|(it, _)| *it);
            best.map(|it| self.of.remove(&it));
        }
    }

    pub(crate) fn joined(&mut self, now: Instant, peer: &PeerId, topic: Topic) {
        if let Some(standing) = self.of.get_mut(peer) {
            let of = standing.topics.entry(topic).or_default();
            (of.meshed, of.due, of.brought) = (Some(now), Count::default(), Count::default());
        }
    }

    /// A link has left a mesh: what it lacked stays for a while.
    pub(crate) fn left(&mut self, now: Instant, peer: &PeerId, topic: Topic) {
        let of = self.of.get_mut(peer).and_then(|it| it.topics.get_mut(&topic));
        if let Some(of) = of {
            if of.lack(now) > 0 {
                of.failed.add(1);
            }
            of.meshed = None;
        }
    }

    /// A message was accepted, of which these links of the mesh had their chance.
    pub(crate) fn accepted<'a>(&mut self, topic: Topic, mesh: impl Iterator<Item = &'a PeerId>) {
        self.messages.entry(topic).or_default().add(1);
        for peer in mesh {
            let of = self.of.get_mut(peer).and_then(|it| it.topics.get_mut(&topic));
            of.into_iter().for_each(|it| it.due.add(1));
        }
    }

    pub(crate) fn delivered_first(&mut self, peer: &PeerId, topic: Topic) {
        if let Some(standing) = self.of.get_mut(peer) {
            standing.topics.entry(topic).or_default().first.add(1);
        }
    }

    pub(crate) fn brought(&mut self, peer: &PeerId, topic: Topic) {
        if let Some(standing) = self.of.get_mut(peer) {
            standing.topics.entry(topic).or_default().brought.add(1);
        }
    }

    pub(crate) fn invalid(&mut self, peer: &PeerId) {
        if let Some(standing) = self.of.get_mut(peer) {
            standing.invalid.add(1);
        }
    }

    pub(crate) fn breach(&mut self, peer: &PeerId, count: u64) {
        if let Some(standing) = self.of.get_mut(peer) {
            standing.breaches.add(count);
        }
    }

    pub(crate) fn regard(&mut self, peer: &PeerId, points: i64) {
        if let Some(standing) = self.of.get_mut(peer) {
            standing.regard = points.clamp(-APP_SCORE_MAX, APP_SCORE_MAX);
        }
    }

    /// How many messages of a topic a peer has brought first, as far as that is remembered, in thousandths.
    pub(crate) fn first_deliveries(&self, peer: &PeerId, topic: Topic) -> u64 {
        let of = self.of.get(peer).and_then(|it| it.topics.get(&topic));
        of.map_or(0, |it| it.first.0)
    }

    /// The score of a peer, of whose network so many are connected.
    pub(crate) fn score(&self, now: Instant, peer: &PeerId, crowd: usize) -> i64 {
        let Some(standing) = self.of.get(peer) else { return 0 };
        let topics = standing.topics.iter().map(|(topic, of)| {
            of.score(now, self.messages.get(topic).copied().unwrap_or_default())
        });
        let topics = topics.fold(0_i64, i64::saturating_add);
        let crowd = crowd.saturating_sub(COLOCATED_MAX) as u64 * ONE;
        topics
            .saturating_add(squared(INVALID_WEIGHT, standing.invalid.0))
            .saturating_add(standing.regard)
            .saturating_add(squared(COLOCATION_WEIGHT, crowd))
            .saturating_add(squared(BEHAVIOUR_WEIGHT, standing.breaches.above(BREACHES_ALLOWED)))
    }

    /// Lets heartbeats pass.
    pub(crate) fn beat(&mut self, now: Instant, ticks: u64) {
        self.of.retain(|_, it| it.gone_until.is_none_or(|until| until > now));
        for count in self.messages.values_mut() {
            count.fade(ticks, DELIVERIES_HALF_LIFE);
        }
        for standing in self.of.values_mut() {
            standing.invalid.fade(ticks, INVALID_HALF_LIFE);
            standing.breaches.fade(ticks, BREACHES_HALF_LIFE);
            for of in standing.topics.values_mut() {
                of.first.fade(ticks, DELIVERIES_HALF_LIFE);
                of.due.fade(ticks, DELIVERIES_HALF_LIFE);
                of.brought.fade(ticks, DELIVERIES_HALF_LIFE);
                of.failed.fade(ticks, INVALID_HALF_LIFE);
            }
            standing.topics.retain(|_, it| !it.is_blank());
        }
    }

    pub(crate) fn forget_topic(&mut self, topic: Topic) {
        self.messages.remove(&topic);
    }

    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    pub(crate) fn retained(&self) -> usize {
        self.of.values().filter(|it| it.gone_until.is_some()).count()
    }
}

impl InTopic {
    fn score(&self, now: Instant, messages: Count) -> i64 {
        let minutes = self.meshed.map_or(0, |since| now.since(since).as_secs() / 60);
        let time = TIME_IN_MESH_WEIGHT * minutes.min(TIME_IN_MESH_MINUTES_MAX) as i64;
        // Of few messages each counts as one of as many as make a topic worth judging.
        let of = messages.0.max(QUIET_MESSAGES * ONE);
        let share = self.first.0.min(of) as i64;
        let first = FIRST_DELIVERIES_WEIGHT * share / of as i64;
        let lack = squared(MESH_DELIVERIES_WEIGHT, self.lack(now));
        let failed = squared(MESH_FAILURE_WEIGHT, self.failed.0);
        time.saturating_add(first).saturating_add(lack).saturating_add(failed)
    }

    /// What a link of the mesh lacks of the least that it has to bring, in thousandths of that.
    fn lack(&self, now: Instant) -> u64 {
        let Some(since) = self.meshed else { return 0 };
        let is_judged = now.since(since) >= MESH_DELIVERIES_ACTIVATION;
        if !is_judged || self.due.0 < QUIET_MESSAGES * ONE {
            return 0;
        }
        let least = self.due.0 * MESH_DELIVERIES_SHARE / 1000;
        least.saturating_sub(self.brought.0) * 1000 / least.max(1)
    }

    fn is_blank(&self) -> bool {
        self.meshed.is_none()
            && self.first.is_zero()
            && self.brought.is_zero()
            && self.failed.is_zero()
    }
}
