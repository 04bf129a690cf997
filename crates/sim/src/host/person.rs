//! The person at a node: proposes, thinks, says yes or no, and does not give up at once.

use std::collections::{BTreeMap, BTreeSet};

use ensign_engine::{Proposal, signing::Event};
use ensign_primitives::{KeyPath, RequestId, sha256};
use ensign_wire::{AbortReason, KeyTweak, Message, TxType};

use super::{Host, PATIENCE, Scene};
use crate::{
    Seen,
    event::{What, Wish},
    plan::{Intent, Plan},
};

/// What a person remembers, whatever their computer does.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Requests this person answered with yes.
    pub(super) approved: BTreeSet<RequestId>,
    /// Requests this person answered with no.
    pub(super) declined: BTreeSet<RequestId>,
    /// What this person proposed, and for which intent.
    pub(super) proposed: BTreeMap<RequestId, u32>,
    /// How often each intent was proposed.
    pub(super) turns: BTreeMap<u32, u32>,
    /// Intents that are not signed yet and still wanted.
    pub(super) wanted: BTreeSet<u32>,
    /// Requests that ended without signatures, as this person was told.
    pub(super) closed: BTreeSet<RequestId>,
    /// Requests whose signatures this person has seen.
    pub(super) found: BTreeSet<RequestId>,
}

impl Person {
    /// The signatures of a request are there.
    pub(super) fn is_done(&mut self, request: &RequestId) {
        if let Some(intent) = self.proposed.get(request) {
            self.wanted.remove(intent);
        }
    }

    /// The intents that no open request stands for.
    pub(super) fn forgotten(&self, is_open: impl Fn(&RequestId) -> bool) -> Vec<u32> {
        let open: BTreeSet<u32> = self
            .proposed
            .iter()
            .filter(|(request, _)| is_open(request) && !self.closed.contains(request))
            .map(|(_, intent)| *intent)
            .collect();
        self.wanted.difference(&open).copied().collect()
    }
}

impl Host {
    pub(super) fn on_event(&mut self, scene: &mut Scene<'_>, event: Event) {
        match &event {
            Event::Review(review) => {
                let pause = self.desk.random.within(scene.plan.scenario.load.think);
                let wish = Wish::Decide(review.id);
                let at = scene.now.after(pause);
                self.desk.turn(scene).later(at, What::Person(wish));
            }
            Event::Closed { request, failure, .. } => {
                self.person.closed.insert(*request);
                let willed =
                    matches!(failure.reason, AbortReason::Declined | AbortReason::PayloadMismatch);
                if let Some(intent) = self.person.proposed.get(request).copied() {
                    if willed {
                        self.person.wanted.remove(&intent);
                    } else {
                        let wish = Wish::Propose { intent };
                        let at = scene.now.after(PATIENCE);
                        self.desk.turn(scene).later(at, What::Person(wish));
                    }
                }
            }
            Event::Session { request, event: ensign_session::Event::Done(_), .. } => {
                self.person.found.insert(*request);
                self.person.is_done(request);
            }
            Event::PeerUp { .. }
            | Event::PeerDown { .. }
            | Event::GroupUnknown { .. }
            | Event::GroupKnown { .. }
            | Event::GroupMissing { .. }
            | Event::PeerCopied { .. }
            | Event::NotResumed { .. }
            | Event::Void(_)
            | Event::ConsentDurable { .. }
            | Event::EndDurable { .. }
            | Event::Waiting { .. }
            | Event::Withdrawn { .. }
            | Event::Everybody { .. }
            | Event::Convicted { .. }
            | Event::Delegated(_)
            | Event::NotShown { .. }
            | Event::NodeChanged { .. }
            | Event::OwnKeyElsewhere { .. }
            | Event::NotDelegated(_)
            | Event::Attempt { .. }
            | Event::Session { .. } => {}
        }
        self.see(scene, Seen::Event(event));
    }

    pub(super) fn on_wish(&mut self, scene: &mut Scene<'_>, wish: Wish) {
        match wish {
            Wish::Propose { intent } => self.propose(scene, intent),
            Wish::Decide(request) => self.decide(scene, request),
        }
    }

    fn propose(&mut self, scene: &mut Scene<'_>, number: u32) {
        let Some(intent) = scene.plan.intent(number) else { return };
        if !self.person.turns.contains_key(&number) {
            self.person.wanted.insert(number);
        }
        // A person whose computer is off finds out when it starts.
        let Some(actor) = &self.actor else { return };
        let engine = actor.engine();
        let is_open = |id: &RequestId| engine.signing().request(id).is_some();
        let turn = self.person.turns.get(&number).copied().unwrap_or(0) + 1;
        let over = turn > scene.plan.scenario.load.proposals_max.max(1);
        if over || !self.person.forgotten(is_open).contains(&number) {
            return;
        }
        self.person.turns.insert(number, turn);
        let proposal = proposal(scene.plan, intent, number, turn);
        let nonce = self.desk.random.bytes();
        let nonce = nonce.first_chunk().copied().unwrap_or_default();
        let moment = self.clock.read(scene.now);
        let mut proposed = None;
        // Who asks has said yes: known before the machine reports anything.
        let Some(actor) = &mut self.actor else { return };
        let result = actor.command(moment, |engine| {
            engine.propose(moment, proposal, nonce).map(|id| proposed = Some(id))
        });
        if let Some(request) = proposed {
            self.person.proposed.insert(request, number);
            self.person.approved.insert(request);
            self.see(scene, Seen::Proposed { intent: number, turn, request });
        }
        if let Err(why) = result {
            self.see(scene, Seen::Refused { why });
            let wish = Wish::Propose { intent: number };
            let at = scene.now.after(PATIENCE);
            self.desk.turn(scene).later(at, What::Person(wish));
        }
        self.drain(scene);
    }

    fn decide(&mut self, scene: &mut Scene<'_>, request: RequestId) {
        let known =
            self.actor.as_ref().is_some_and(|it| it.engine().signing().request(&request).is_some());
        if !known {
            return;
        }
        // Who said no before a crash says no again.
        let declines = self.person.declined.contains(&request)
            || !self.person.approved.contains(&request)
                && self.desk.random.happens(scene.plan.scenario.load.decline);
        let moment = self.clock.read(scene.now);
        if declines {
            self.person.declined.insert(request);
            self.see(scene, Seen::Declined { request });
            self.command(scene, |engine| engine.stop(moment, request, AbortReason::Declined));
        } else {
            self.person.approved.insert(request);
            self.see(scene, Seen::Approved { request });
            self.command(scene, |engine| engine.approve(moment, request));
        }
    }
}

/// What a person asks the group to sign: messages and payload that follow from the intent.
fn proposal(plan: &Plan, intent: &Intent, number: u32, turn: u32) -> Proposal {
    let load = &plan.scenario.load;
    let message = |at: u32| Message {
        digest: sha256(&[number.to_le_bytes(), at.to_le_bytes()].concat()),
        tweak: match at % 3 {
            0 => KeyTweak::ADDRESS,
            1 => KeyTweak::None,
            _ => KeyTweak::Taproot {
                path: KeyPath::ROOT.child(at).unwrap_or_default(),
                merkle_root: None,
            },
        },
    };
    let bytes = load.payload_bytes as usize;
    let payload = (bytes > 0).then(|| number.to_le_bytes().into_iter().cycle().take(bytes));
    Proposal {
        group: intent.group,
        messages: (0..load.messages).map(message).collect(),
        source: payload.map(Iterator::collect).into(),
        purpose: format!("intent {number}, turn {turn}"),
        tx_type: TxType::Spend,
        amount: 1000,
        lifetime: intent.lifetime,
        mode: intent.mode,
    }
}
