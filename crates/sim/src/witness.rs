//! Sees what came of attacks: who was convicted or named, what people were asked, who had a place.
//!
//! Checkers say what must never happen; this counts what bars are set for.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ensign_engine::{
    Offense,
    signing::{self, Event},
};
use ensign_primitives::{Instant, PeerId, RequestId};
use ensign_session::{Event as SessionEvent, Failure, Offense as SessionOffense};

use crate::{Cast, NodeIndex, Observer, Plan, Seen, Sight, report::AttackCounts};

/// Over how much time it is counted what one member asks of one person.
const ASKED_WINDOW: Duration = Duration::from_secs(60);

/// What came of attacks, so far.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// Honest judges of each hostile node, by proof.
    convicted: BTreeMap<NodeIndex, BTreeSet<NodeIndex>>,
    /// Hostile nodes that somebody honest named without a proof.
    claimed: BTreeSet<NodeIndex>,
    /// Honest nodes that somebody honest named, with or without a proof.
    blamed: BTreeSet<NodeIndex>,
    /// When honest people proposed.
    proposed: BTreeMap<RequestId, Instant>,
    /// The longest time until an honest co-signer was asked.
    prompt_delay: Duration,
    /// When each honest person was asked by each member that is not, oldest first, within the window.
    asked: BTreeMap<(NodeIndex, PeerId), Vec<Instant>>,
    asked_most: usize,
    /// Connections between honest members of a group, each end its own.
    up: BTreeSet<(NodeIndex, NodeIndex)>,
    /// The strangers of each honest node: those it has now, and all it ever had.
    guests: BTreeMap<NodeIndex, (BTreeSet<NodeIndex>, BTreeSet<NodeIndex>)>,
    guests_most: usize,
}

impl Witness {
    fn on_failure(&mut self, cast: &Cast, node: NodeIndex, failure: &Failure) {
        let Some(group) = cast.group_of(node) else { return };
        let named = failure.culprits.iter().filter_map(|who| group.members.get(who.as_usize()));
        for member in named.copied() {
            match (cast.is_honest(member), failure.evidence.is_some()) {
                (true, _) => drop(self.blamed.insert(member)),
                (false, true) => self.convict(cast, node, member),
                (false, false) => drop(self.claimed.insert(member)),
            }
        }
    }

    fn convict(&mut self, cast: &Cast, judge: NodeIndex, accused: NodeIndex) {
        if cast.is_honest(accused) {
            self.blamed.insert(accused);
        } else {
            self.convicted.entry(accused).or_default().insert(judge);
        }
    }

    fn on_review(&mut self, cast: &Cast, sight: &Sight, review: &signing::Review) {
        if let Some(since) = self.proposed.get(&review.id) {
            self.prompt_delay = self.prompt_delay.max(sight.at.since(*since));
        }
        let creator = review.request.request.creator.as_usize();
        let group = cast.group_of(sight.node);
        let creator = group.and_then(|group| group.members.get(creator)).copied();
        let Some(person) = creator.filter(|it| !cast.is_honest(*it)).and_then(|it| cast.person(it))
        else {
            return;
        };
        let asked = self.asked.entry((sight.node, person.peer)).or_default();
        asked.retain(|at| sight.at.since(*at) < ASKED_WINDOW);
        asked.push(sight.at);
        self.asked_most = self.asked_most.max(asked.len());
    }

    fn on_connected(&mut self, cast: &Cast, node: NodeIndex, peer: NodeIndex) {
        let group = |node| cast.person(node).and_then(|person| person.group);
        if group(node).is_some() && group(node) == group(peer) && cast.is_honest(peer) {
            self.up.insert((node, peer));
        } else if group(peer).is_none() && !cast.is_honest(peer) {
            let (now, ever) = self.guests.entry(node).or_default();
            now.insert(peer);
            ever.insert(peer);
            self.guests_most = self.guests_most.max(now.len());
        }
    }

    fn on_gone(&mut self, node: NodeIndex, peer: NodeIndex) {
        self.up.remove(&(node, peer));
        if let Some((now, _)) = self.guests.get_mut(&node) {
            now.remove(&peer);
        }
    }

    fn on_death(&mut self, node: NodeIndex) {
        self.up.retain(|(one, _)| *one != node);
        if let Some((now, _)) = self.guests.get_mut(&node) {
            now.clear();
        }
    }

    /// Sums up.
    pub(crate) fn counts(&self, plan: &Plan) -> AttackCounts {
        let cast = &plan.cast;
        let (mut hostile, mut pairs, mut convicted_by_all) = (0, 0, 0);
        for group in cast.groups() {
            let (honest, bad): (Vec<_>, Vec<_>) =
                group.members.iter().copied().partition(|node| cast.is_honest(*node));
            hostile += bad.len();
            pairs += honest.len() * honest.len().saturating_sub(1);
            let by_all = |node: &&NodeIndex| {
                let by = self.convicted.get(node);
                by.is_some_and(|by| honest.iter().all(|judge| by.contains(judge)))
            };
            convicted_by_all += bad.iter().filter(by_all).count();
        }
        let honest = (0..cast.len() as u32).map(NodeIndex).filter(|node| cast.is_honest(*node));
        let ever = honest.map(|node| self.guests.get(&node).map_or(0, |(_, ever)| ever.len()));
        AttackCounts {
            hostile_members: count(hostile),
            convicted: count(self.convicted.len()),
            convicted_by_all: count(convicted_by_all),
            claimed: count(self.claimed.len()),
            honest_blamed: count(self.blamed.len()),
            prompt_delay_millis: u64::try_from(self.prompt_delay.as_millis()).unwrap_or(u64::MAX),
            asked_in_a_minute: count(self.asked_most),
            members_apart: count(pairs.saturating_sub(self.up.len())),
            strangers_at_once: count(self.guests_most),
            strangers_let_in: count(ever.min().unwrap_or_default()),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Observer for Witness {
    fn observe(&mut self, cast: &Cast, sight: &Sight) {
        if !cast.is_honest(sight.node) {
            return;
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is no business of this observer"
        )]
        match &sight.what {
            Seen::Proposed { request, .. } => {
                self.proposed.entry(*request).or_insert(sight.at);
            }
            Seen::Event(Event::Review(review)) => self.on_review(cast, sight, review),
            Seen::Event(Event::Convicted { peer, .. })
            | Seen::Offense {
                peer,
                offense: Offense::Signing(signing::Offense::Session(SessionOffense::Proven(_))),
                ..
            } => {
                if let Some(accused) = cast.node(peer) {
                    self.convict(cast, sight.node, accused);
                }
            }
            Seen::Event(
                Event::Closed { failure, .. }
                | Event::Session { event: SessionEvent::Failed(failure), .. },
            ) => self.on_failure(cast, sight.node, failure),
            Seen::Connected { peer } => self.on_connected(cast, sight.node, *peer),
            Seen::Disconnected { peer } | Seen::Closed { peer, .. } => {
                self.on_gone(sight.node, *peer);
            }
            Seen::Crashed { .. } | Seen::Stopped => self.on_death(sight.node),
            _ => {}
        }
    }
}
