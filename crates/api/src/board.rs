//! The board: everything that a person wants to know at a glance, kept up to date by events.

use std::collections::BTreeMap;

use ensign_coordinator::{
    Approval, Event, GroupInfo, PeerEvent, PeerInfo, Problem, RequestEvent, RequestRef, Whose,
};
use ensign_primitives::{PeerId, SignerIndex, UnixTime};
use ensign_session::Phase;
use serde::{Deserialize, Serialize};

use crate::view::{GroupView, PeerView, RequestView, WaitView, names, phase_name};

/// Most alarms on the board; above it the oldest go.
const ALARMS_MAX: usize = 32;

/// What runs here: who we are, who is connected, what is open, what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// Who we are.
    pub me: Me,
    /// The nodes of the members of our groups, by name.
    pub peers: Vec<PeerView>,
    /// Our groups, by name.
    pub groups: Vec<GroupView>,
    /// What is not over: what waits for us first, members taking turns; then as it came.
    pub requests: Vec<RequestView>,
    /// What a person should look at, the latest last.
    pub alarms: Vec<AlarmView>,
}

/// Who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// What we call ourselves.
    pub name: String,
    /// The chain.
    pub network: String,
    /// Where the node listens; null where none runs.
    pub listen: Option<String>,
    /// Since when it runs.
    pub since_ms: Option<u64>,
    /// The version of the program.
    pub version: String,
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmView {
    /// `E-<AREA>-<number>`.
    pub code: String,
    /// One sentence.
    pub what: String,
    /// Whom it concerns.
    pub who: Vec<String>,
    /// When.
    pub at_ms: u64,
}

impl Board {
    /// Begins with nobody connected and nothing open.
    pub fn new(me: Me) -> Self {
        Self { me, ..Self::default() }
    }

    /// Takes the groups that there are now, and the nodes of their members.
    pub fn set(&mut self, groups: &[std::sync::Arc<GroupInfo>], peers: &[PeerInfo], now: UnixTime) {
        self.groups = groups.iter().map(|group| GroupView::new(group)).collect();
        self.groups.sort_by(|a, b| a.name.cmp(&b.name));
        for group in &mut self.groups {
            for member in &mut group.members {
                let peer = peers.iter().find(|peer| peer.peer.to_string() == member.node);
                let mut lacks = peer.into_iter().flat_map(|peer| &peer.lacks);
                member.lacks_it = lacks.any(|lacks| lacks.to_string() == group.id);
            }
        }
        let mut before = std::mem::take(&mut self.peers);
        for peer in peers {
            let node = peer.peer.to_string();
            let known = before.iter().position(|known| known.node == node);
            let known = known.map(|index| before.swap_remove(index));
            self.peers.push(peer_view(peer, known, now));
        }
        self.peers.sort_by(|a, b| (&a.name, &a.node).cmp(&(&b.name, &b.node)));
        let ready: Vec<_> = self.peers.iter().filter(|peer| peer.connected).collect();
        let ready: Vec<_> = ready.into_iter().map(|peer| peer.node.clone()).collect();
        for node in ready {
            self.mark(&node, true);
        }
    }

    /// Notes what happened.
    pub fn apply(&mut self, event: &Event, now: UnixTime) {
        match event {
            Event::Peer(peer, event) => self.on_peer(peer, event, now),
            Event::Request(request, event) => self.on_request(request, event, now),
            Event::Warning { peer, problem } => {
                let who = peer.iter().map(|peer| self.name_of(peer)).collect();
                self.alarm(problem, who, now);
            }
            Event::Convicted { peer, .. } => {
                let who = self.name_of(peer);
                let what = format!("{who} is proven to have done wrong, by its own signatures");
                self.raise("E-PEER-002", what, vec![who], now);
            }
            // What is on the board of groups is there once they have formed.
            Event::Formation(_) | _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others do not move a peer")]
    fn on_peer(&mut self, peer: &PeerId, event: &PeerEvent, now: UnixTime) {
        let node = peer.to_string();
        let now_ms = now.as_millis();
        if let PeerEvent::GroupUnknown { group } | PeerEvent::GroupKnown { group } = event {
            let (id, lacks) =
                (group.id.to_string(), matches!(event, PeerEvent::GroupUnknown { .. }));
            let groups = self.groups.iter_mut().filter(|group| group.id == id);
            for member in groups.flat_map(|group| &mut group.members) {
                if member.node == node {
                    (member.ready, member.lacks_it) = (!lacks, lacks);
                }
            }
            return;
        }
        if let PeerEvent::Copied { whose } = event {
            let who = match whose {
                Whose::Ours => self.me.name.clone(),
                Whose::Theirs => self.name_of(peer),
            };
            let what = format!("the home of {who} runs twice: end every copy but one, for good");
            return self.raise("E-NET-003", what, vec![who], now);
        }
        let Some(view) = self.peers.iter_mut().find(|known| known.node == node) else { return };
        match event {
            PeerEvent::Up { clock_offset_millis } => {
                (view.connected, view.since_ms) = (true, now_ms);
                (view.seen_ms, view.problem, view.banned) = (Some(now_ms), None, false);
                view.clock_offset_ms = Some(*clock_offset_millis);
                self.mark(&node, true);
            }
            PeerEvent::Down { is_banned, .. } => {
                view.banned = *is_banned;
                (view.connected, view.since_ms) = (false, now_ms);
                view.seen_ms = Some(now_ms);
                self.mark(&node, false);
            }
            PeerEvent::DialFailed { reason, .. } => view.problem = Some(reason.clone()),
            _ => {}
        }
    }

    /// Notes whether a node is connected, in each group that it belongs to.
    fn mark(&mut self, node: &str, is_up: bool) {
        let members = self.groups.iter_mut().flat_map(|group| &mut group.members);
        for member in members.filter(|member| member.node == node) {
            member.ready = is_up && !member.lacks_it;
            member.lacks_it &= is_up;
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others only move what is there")]
    fn on_request(&mut self, request: &RequestRef, event: &RequestEvent, now: UnixTime) {
        match event {
            RequestEvent::Asked(approval) => self.enter(approval, "undecided"),
            RequestEvent::Proposed(approval) => self.enter(approval, "open"),
            RequestEvent::Resumed(resumption) => self.enter(&resumption.approval, "open"),
            RequestEvent::Failed { .. } | RequestEvent::Done { .. } => {
                let id = request.id.to_string();
                self.requests.retain(|view| view.request != id);
            }
            _ => self.follow(request, event, now),
        }
    }

    fn enter(&mut self, approval: &Approval, state: &str) {
        let view = RequestView::of_approval(approval, state);
        match self.requests.iter_mut().find(|known| known.request == view.request) {
            Some(known) => *known = view,
            None => self.requests.push(view),
        }
        self.sort();
    }

    /// What waits for us comes first: the first one of each member, then the second ones. The order is stable.
    fn sort(&mut self) {
        let mut of_each: BTreeMap<Option<String>, usize> = BTreeMap::new();
        let mut turn = |view: &RequestView| {
            let turn = of_each.entry(view.creator.clone()).or_default();
            std::mem::replace(turn, turn.saturating_add(1))
        };
        self.requests.sort_by_cached_key(|view| {
            let is_asking = view.is_asking();
            (!is_asking, if is_asking { turn(view) } else { 0 })
        });
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are steps that the phase sums up"
    )]
    fn follow(&mut self, request: &RequestRef, event: &RequestEvent, now: UnixTime) {
        let (id, group) = (request.id.to_string(), &*request.group);
        let Some(view) = self.requests.iter_mut().find(|view| view.request == id) else { return };
        let name = |who: &SignerIndex| group.name_of(*who).to_owned();
        match event {
            RequestEvent::Attempt { .. } => {
                view.joined.clear();
                view.who.clear();
                view.waiting_since_ms = None;
            }
            RequestEvent::Joined { who } => {
                if !view.joined.contains(&name(who)) {
                    view.joined.push(name(who));
                }
                if *who == group.own {
                    view.state = "open".to_owned();
                    self.sort();
                }
            }
            RequestEvent::Wait(wait) => {
                let wait = WaitView::new(wait, group);
                let own = name(&group.own);
                let had = view.wait.as_ref().is_some_and(|before| before.agreed.contains(&own));
                let agrees = wait.agreed.contains(&own);
                view.wait = Some(wait);
                // A yes that has become void stays so until it is said anew.
                if agrees && !had {
                    view.state = "open".to_owned();
                    self.sort();
                }
            }
            RequestEvent::Withdrawn => {
                view.state = "undecided".to_owned();
                self.sort();
            }
            RequestEvent::Voided { .. } => view.state = "undecided".to_owned(),
            RequestEvent::Phase { phase } => {
                view.phase = Some(phase_name(*phase).to_owned());
                // Nonces are shown: all were there, and what was missing is history.
                if !matches!(phase, Phase::Gathering | Phase::Committing | Phase::Aborted) {
                    view.wait = None;
                }
            }
            RequestEvent::Waiting { on, since } => {
                view.who = names(Some(group), on);
                let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
                view.waiting_since_ms = Some(now.as_millis().saturating_sub(since));
            }
            _ => {}
        }
    }

    fn alarm(&mut self, problem: &Problem, who: Vec<String>, now: UnixTime) {
        self.raise(problem.code, problem.what.clone(), who, now);
    }

    /// The same alarm again takes the place of the one before it.
    fn raise(&mut self, code: &str, what: String, who: Vec<String>, now: UnixTime) {
        self.alarms.retain(|alarm| (alarm.code.as_str(), &alarm.who) != (code, &who));
        let alarm = AlarmView { code: code.to_owned(), what, who, at_ms: now.as_millis() };
        self.alarms.push(alarm);
        if self.alarms.len() > ALARMS_MAX {
            self.alarms.remove(0);
        }
    }

    pub(crate) fn name_of(&self, peer: &PeerId) -> String {
        let node = peer.to_string();
        let known = self.peers.iter().find(|known| known.node == node);
        known.map_or_else(|| format!("node {}", peer.short()), |known| known.name.clone())
    }
}

fn peer_view(peer: &PeerInfo, known: Option<PeerView>, now: UnixTime) -> PeerView {
    let connected = peer.link.is_some();
    let since = peer.link.as_ref().map(|link| link.since.as_millis());
    let told = peer.link.as_ref().and_then(|link| link.clock_offset_millis);
    let before = known.as_ref().filter(|known| known.connected == connected);
    PeerView {
        name: peer.name.clone(),
        node: peer.peer.to_string(),
        groups: peer.groups.iter().map(|group| group.name.clone()).collect(),
        connected,
        since_ms: since.or(before.map(|known| known.since_ms)).unwrap_or(now.as_millis()),
        clock_offset_ms: told.or(known.as_ref().and_then(|known| known.clock_offset_ms)),
        seen_ms: peer.last_seen.map(UnixTime::as_millis),
        problem: peer.last_error.clone(),
        banned: peer.is_banned,
    }
}

#[cfg(test)]
mod tests;
