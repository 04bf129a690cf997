//! Secret nonces are made only while everybody is there, and nobody holds any for longer than they live.
//!
//! What a signer holds is what it was asked to make and has neither used nor forgotten; a process that dies
//! takes it along. Nobody is there for a node that has no connection to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ensign_primitives::{Instant, SessionId};
use ensign_session::{CLOCKS_PART_MAX, NONCE_LIFETIME};
use ensign_wire::Envelope;

use super::{Cast, Checker, NodeIndex, Seen, Sight};

/// How long nonces live by the simulation's time: a clock may be slow by a tenth
/// ([`DRIFT_PPM`](crate::scenario::ranges::DRIFT_PPM)), and a processor busy.
const HELD_MAX: Duration = Duration::from_secs(NONCE_LIFETIME.as_secs() * 9 / 8);

/// How long a node that woke up, and whose clocks have parted, may take until it has looked. Guess: as often
/// as it says with whom it is connected, twice.
const AFTER_SLEEP_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Held {
    links: BTreeMap<NodeIndex, BTreeSet<NodeIndex>>,
    /// Since when each sleeping node sleeps.
    asleep: BTreeMap<NodeIndex, Instant>,
    /// By when what each node holds has to be gone.
    open: BTreeMap<NodeIndex, BTreeMap<SessionId, Instant>>,
    /// The same of those who are awake, the first first.
    due: BTreeSet<(Instant, NodeIndex, SessionId)>,
}

impl Checker for Held {
    fn name(&self) -> &'static str {
        "no secret nonce without everybody, or for long"
    }

    fn check(&mut self, cast: &Cast, sight: &Sight, _: Option<&Envelope>) -> Result<(), String> {
        let (node, at) = (sight.node, sight.at);
        if let Seen::Drew { session, .. } = &sight.what {
            self.hold(node, *session, at.after(HELD_MAX));
            return self.is_everybody_there(cast, node, *session);
        }
        if let Seen::Signs { session } | Seen::Forgot { session } = &sight.what {
            self.drop_nonces(node, session);
        } else if let Seen::Connected { peer } = sight.what {
            self.links.entry(node).or_default().insert(peer);
        } else if let Seen::Disconnected { peer } | Seen::Closed { peer, .. } = sight.what {
            self.links.entry(node).or_default().remove(&peer);
        } else if let Seen::Crashed { .. } | Seen::Stopped = sight.what {
            self.links.remove(&node);
            for session in self.sessions(node) {
                self.drop_nonces(node, &session);
            }
        } else if let Seen::Slept = sight.what {
            self.asleep.insert(node, at);
            self.due.retain(|(_, holder, _)| *holder != node);
        } else if let Seen::Awoke = sight.what {
            self.on_awake(node, at);
        }
        self.is_anything_old(at)
    }
}

impl Held {
    fn hold(&mut self, node: NodeIndex, session: SessionId, until: Instant) {
        self.drop_nonces(node, &session);
        self.open.entry(node).or_default().insert(session, until);
        self.due.insert((until, node, session));
    }

    fn drop_nonces(&mut self, node: NodeIndex, session: &SessionId) {
        if let Some(until) = self.open.get_mut(&node).and_then(|open| open.remove(session)) {
            self.due.remove(&(until, node, *session));
        }
    }

    fn sessions(&self, node: NodeIndex) -> Vec<SessionId> {
        self.open.get(&node).map_or(Vec::new(), |open| open.keys().copied().collect())
    }

    /// Nobody can look into a memory that stands still; once awake it has to be cleared soon.
    fn on_awake(&mut self, node: NodeIndex, at: Instant) {
        let Some(since) = self.asleep.remove(&node) else { return };
        let slept = at.since(since);
        for session in self.sessions(node) {
            let known = self.open.get(&node).and_then(|open| open.get(&session)).copied();
            let later = known.unwrap_or(at).after(slept);
            let soon = at.after(AFTER_SLEEP_MAX);
            // Clocks that have parted by no more than they may say nothing.
            let until = if slept > CLOCKS_PART_MAX { later.min(soon) } else { later };
            self.hold(node, session, until);
        }
    }

    fn is_everybody_there(
        &self,
        cast: &Cast,
        node: NodeIndex,
        session: SessionId,
    ) -> Result<(), String> {
        let links = self.links.get(&node);
        let is_there = |peer: &NodeIndex| links.is_some_and(|links| links.contains(peer));
        let members = cast.group_of(node).into_iter().flat_map(|group| &group.members);
        let mut away = members.filter(|member| **member != node && !is_there(member));
        away.next().map_or(Ok(()), |peer| {
            let session = session.short();
            Err(format!("node {node} makes nonces for session {session} while {peer} is away"))
        })
    }

    fn is_anything_old(&mut self, at: Instant) -> Result<(), String> {
        let Some((_, node, session)) = self.due.first().filter(|(until, ..)| *until < at).copied()
        else {
            return Ok(());
        };
        self.drop_nonces(node, &session);
        let (session, max) = (session.short(), HELD_MAX.as_secs());
        Err(format!("node {node} holds the nonces of session {session} for more than {max} s"))
    }
}
