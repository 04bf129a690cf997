//! Who is connected, and what is said to it when it connects, asks, or may have missed something.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};

use ensign_primitives::{Instant, Now, PeerId, Wakeup};
use ensign_wire::FormationMessage;

use crate::{
    Formation, GREETING_INTERVAL, LINKS_MAX, SEATS_SAID_AGAIN_MAX,
    pending::{Forming, GATHERED, Pending, Stage},
    round::Statement,
};

/// The nodes that are connected and have introduced themselves.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: BTreeMap<PeerId, Link>,
    /// Who is to be greeted again, and when: an entry for each link that owes it.
    owed: BTreeSet<(Instant, PeerId)>,
}

/// One of them.
struct Link {
    /// The secret of the connection.
    exporter: [u8; 32],
    /// When it is to be greeted again.
    owed_at: Option<Instant>,
    /// How often our seat was asked for again.
    said_again: u8,
    /// The rosters that our user refused, of which the node was told when it spoke of them.
    refused: BTreeSet<[u8; 32]>,
}

impl core::fmt::Debug for Link {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Link").field("owed_at", &self.owed_at).finish_non_exhaustive()
    }
}

impl Links {
    /// Enters a connection; `false` when there is no room.
    fn enter(&mut self, peer: PeerId, exporter: [u8; 32]) -> bool {
        let has_room = self.links.len() < LINKS_MAX;
        if has_room {
            let link = Link { exporter, owed_at: None, said_again: 0, refused: BTreeSet::new() };
            self.links.insert(peer, link);
        }
        has_room
    }

    fn remove(&mut self, peer: &PeerId) {
        let owed_at = self.links.remove(peer).and_then(|link| link.owed_at);
        owed_at.map(|at| self.owed.remove(&(at, *peer)));
    }

    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.links.contains_key(peer)
    }

    pub(crate) fn exporter(&self, peer: &PeerId) -> Option<&[u8; 32]> {
        self.links.get(peer).map(|link| &link.exporter)
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    /// How many are to be greeted again.
    pub(crate) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Notes that a node is to be greeted again: never at once, because it may be one that reads nothing.
    fn owe(&mut self, now: Instant, peer: &PeerId) {
        let Some(link) = self.links.get_mut(peer) else { return };
        if link.owed_at.is_none() {
            let at = now.after(GREETING_INTERVAL);
            link.owed_at = Some(at);
            self.owed.insert((at, *peer));
        }
    }

    /// Whether our seat is asked for again at a node, which counts as done.
    fn says_again(&mut self, peer: &PeerId) -> bool {
        let link = self.links.get_mut(peer).filter(|it| it.said_again < SEATS_SAID_AGAIN_MAX);
        link.map(|link| link.said_again += 1).is_some()
    }

    /// Takes the next that is to be greeted by now.
    fn take_owed(&mut self, now: Instant) -> Option<PeerId> {
        let (at, peer) = self.owed.first().copied().filter(|(at, _)| *at <= now)?;
        self.owed.remove(&(at, peer));
        if let Some(link) = self.links.get_mut(&peer) {
            link.owed_at = None;
            link.refused.clear();
        }
        Some(peer)
    }

    /// Whether a node is to be told of a refusal: once on each connection.
    ///
    /// - `refusals`: every one that is remembered, which bounds what is kept.
    pub(crate) fn may_refuse(
        &mut self,
        peer: &PeerId,
        refusals: &VecDeque<Statement>,
        roster: [u8; 32],
    ) -> bool {
        let Some(link) = self.links.get_mut(peer) else { return false };
        link.refused.retain(|it| refusals.iter().any(|refusal| refusal.said().roster == *it));
        link.refused.insert(roster)
    }

    pub(crate) fn next_due(&self) -> Option<Wakeup> {
        self.owed.first().map(|(at, _)| Wakeup { at: *at, reason: "greeting" })
    }
}

impl Formation {
    pub(crate) fn on_up(&mut self, now: Now, peer: PeerId, exporter: [u8; 32]) {
        self.on_down(&peer);
        if self.links.enter(peer, exporter) {
            self.greet(peer);
            self.owe_seat(now, &peer);
        }
    }

    /// Whoever does not answer may not have heard us, because others ask too much of it: our seat is
    /// asked for again.
    fn owe_seat(&mut self, now: Now, peer: &PeerId) {
        let is_unanswered = self.pending.iter().any(|(_, pending)| match &pending.stage {
            Stage::Joining(joining) => joining.invitation.inviter == *peer && !joining.is_seated,
            Stage::Inviting(_) | Stage::Forming(_) => false,
        });
        if is_unanswered && self.links.says_again(peer) {
            self.links.owe(now.instant, peer);
        }
    }

    pub(crate) fn on_down(&mut self, peer: &PeerId) {
        self.links.remove(peer);
        for (_, pending) in self.pending.iter_mut() {
            match &mut pending.stage {
                Stage::Joining(joining) if joining.invitation.inviter == *peer => {
                    joining.is_seated = false;
                }
                Stage::Forming(forming) => drop(forming.greeted.remove(peer)),
                Stage::Joining(_) | Stage::Inviting(_) => {}
            }
        }
        for (_, held) in self.held.iter_mut() {
            held.told.remove(peer);
        }
    }

    /// Frames for a node did not leave.
    pub(crate) fn on_dropped(&mut self, now: Now, peer: &PeerId) {
        self.links.owe(now.instant, peer);
    }

    /// Greets whom it is owed to by now.
    pub(crate) fn pay_greetings(&mut self, now: Now) {
        while let Some(peer) = self.links.take_owed(now.instant) {
            // What it was given may be what did not leave.
            let mut certificates = Vec::new();
            for (_, held) in self.held.iter_mut() {
                held.told.remove(&peer);
                let is_theirs = held.certificate.roster.index_of(&peer).is_some();
                if is_theirs && held.lingers_until.is_some() {
                    certificates.push(held.certificate.encode());
                }
            }
            for bytes in certificates {
                self.send(peer, FormationMessage::Certificate(bytes));
            }
            self.greet(peer);
            self.owe_seat(now, &peer);
        }
    }

    /// Says to a node what it may lack of everything that forms with it.
    fn greet(&mut self, peer: PeerId) {
        let names: Vec<String> = self.pending.iter().map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.greet_in(name, peer));
    }

    /// Says to everybody who is connected what it may lack of this.
    pub(crate) fn greet_all(&mut self, now: Now, name: &String) {
        let nodes = self.pending.get(name).map(Pending::nodes).unwrap_or_default();
        for (peer, _) in nodes {
            self.greet_in(name, peer);
            self.owe_seat(now, &peer);
        }
    }

    /// The same to one node that asks for it: at once if it asks for the first time on its connection,
    /// otherwise after [`GREETING_INTERVAL`].
    pub(crate) fn greet_asked(&mut self, now: Now, name: &String, peer: PeerId) {
        let forming = self.forming_mut(name).filter(|forming| forming.durable >= GATHERED);
        match forming.map(|forming| forming.greeted.insert(peer)) {
            Some(true) => self.greet_in(name, peer),
            Some(false) => self.links.owe(now.instant, &peer),
            None => {}
        }
    }

    fn greet_in(&mut self, name: &String, peer: PeerId) {
        let Some(pending) = self.pending.get(name) else { return };
        match &pending.stage {
            Stage::Joining(joining) if joining.invitation.inviter == peer => {
                let (invitation, own) = (joining.invitation.clone(), pending.own.clone());
                self.ask_for_seat(peer, &invitation, &own);
            }
            Stage::Joining(_) | Stage::Inviting(_) => {}
            Stage::Forming(forming) => {
                let is_theirs = forming.round.roster.index_of(&peer).is_some();
                // What is not durable was not said.
                if !is_theirs || forming.durable < GATHERED {
                    return;
                }
                let offer = self.is_offered(forming).then(|| forming.offer().encode());
                let said: Vec<Statement> = forming.round.statements().cloned().collect();
                offer.into_iter().for_each(|it| self.send(peer, FormationMessage::Roster(it)));
                for statement in said {
                    self.send(peer, FormationMessage::Statement(Box::new(statement)));
                }
            }
        }
    }

    /// Whether we hand out the roster: ours to make, or made by each.
    pub(crate) fn is_offered(&self, forming: &Forming) -> bool {
        forming.invitation.as_ref().is_none_or(|invitation| invitation.inviter == self.us())
    }
}
