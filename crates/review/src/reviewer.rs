//! What our user is asked, has said, and is told: the room that knows people.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use ensign_ledger::{
    Asked, Decision, Entry, HowEnded, Outlines, Shown, Signed, SignedCoins, shown,
};
use ensign_primitives::{GroupId, PeerId, RequestId, UnixTime};
use ensign_psbt::{Note, OutPoint, Policy, Rule, SignedPsbt};
use ensign_session::{Failure, Finished};
use ensign_wire::{AbortReason, SignedRequest};

use crate::{
    Approval, Coins, Docket, Joined, Judgement, Matter, Meaning, Problem, RequestEvent, RequestRef,
    Risk, Yes, coin_of, problem,
};

mod decide;
pub use decide::{Begins, Draft, ReviewError, Weighed};
mod introduce;
pub use introduce::{Resumed, recompute};

/// Knows our groups by name, what each request means, what our user was told of it and has said.
///
/// What is to be told, ended or written down comes out of [`poll_output`](Self::poll_output), in the order in which
/// it has to happen. Bounds: those of its parts, [`Docket`], [`Coins`] and [`Outlines`], which forget what the
/// signing protocol has forgotten ([`forget`](Self::forget)).
#[derive(Debug)]
pub struct Reviewer {
    node: PeerId,
    policy: Policy,
    groups: BTreeMap<GroupId, Joined>,
    docket: Docket,
    coins: Coins,
    outlines: Outlines,
    outputs: VecDeque<Output>,
}

/// What a [`Reviewer`] asks of whoever runs it.
#[derive(Debug)]
pub enum Output {
    /// Tell our user.
    Tell(RequestRef, RequestEvent),
    /// End a request that this node ends by itself. It may have ended meanwhile.
    GiveUp {
        /// Which.
        request: RequestId,
        /// What the others are told.
        reason: AbortReason,
        /// What our user is told.
        why: Problem,
    },
    /// Warn our user.
    Warn(Problem),
    /// Write something down with whatever is written next.
    Keep(Entry),
}

/// What became of a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It holds.
    Holds,
    /// It is void until our user says it again.
    Void,
    /// The request is over: the policy refuses it by now.
    Over,
}

impl Reviewer {
    /// Goes on with what the store holds.
    ///
    /// - `node`: us; requests of it are our own.
    pub fn new(
        node: PeerId,
        policy: Policy,
        outlines: Outlines,
        coins: impl IntoIterator<Item = SignedCoins>,
    ) -> Self {
        Self {
            node,
            policy,
            groups: BTreeMap::new(),
            docket: Docket::default(),
            coins: Coins::new(coins),
            outlines,
            outputs: VecDeque::new(),
        }
    }

    /// Returns what is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Enters a group, or other names for one. Addresses that were seen in use stay so.
    pub fn join(&mut self, mut group: Joined) {
        if let Some(known) = self.groups.get(&group.info.id) {
            let issued = group.keys.issued().and(known.keys.issued());
            group.keys = group.keys.with_issued(issued);
        }
        self.groups.insert(group.info.id, group);
    }

    /// Forgets a group.
    pub fn leave(&mut self, group: &GroupId) {
        self.groups.remove(group);
    }

    /// Returns the groups, by id.
    pub const fn groups(&self) -> &BTreeMap<GroupId, Joined> {
        &self.groups
    }

    /// Returns what is told of requests in a few words.
    pub const fn outlines(&mut self) -> &mut Outlines {
        &mut self.outlines
    }

    /// Returns a request that our user was told of.
    pub fn matter(&self, id: &RequestId) -> Option<&Matter> {
        self.docket.get(id)
    }

    /// Returns the requests that are not over in groups with a node.
    pub fn open_with(&self, peer: &PeerId) -> Vec<RequestId> {
        self.docket.open_with(peer)
    }

    /// Whether a request is open, and its yes has become void.
    pub fn is_void(&self, id: &RequestId) -> bool {
        self.docket.is_void(id)
    }

    /// Forgets what the signing protocol has forgotten.
    pub fn forget(&mut self, is_known: impl Fn(&RequestId) -> bool) {
        self.docket.retain(&is_known);
        self.outlines.forget_ended(is_known);
    }

    /// Returns how our user knows a request.
    pub fn reference(&self, id: RequestId, group: &Joined) -> RequestRef {
        let (handle, group) = (self.outlines.handle(&id), Arc::clone(&group.info));
        RequestRef { id, handle, group, creator: None }
    }

    /// Tells what happened to a request, or keeps it until our user was told of the request.
    pub fn tell(&mut self, id: RequestId, event: RequestEvent) {
        if let Some((request, event)) = self.docket.tell(id, event) {
            self.outputs.push_back(Output::Tell(request, event));
        }
    }

    /// Takes another policy, and asks anew what it says something else about.
    pub fn set_policy(&mut self, now: UnixTime, policy: Policy) {
        self.policy = policy;
        self.renew_questions(now, None);
    }

    /// A request has its signatures.
    pub fn on_done(&mut self, now: UnixTime, id: RequestId, finished: &Finished) {
        self.outlines.end(&id, HowEnded::Signed, now);
        let psbt = self.signed_psbt(&id, finished);
        if let Some(matter) = self.docket.get(&id) {
            let signed = Signed { request: id, handle: matter.reference().handle, at: now };
            let coins = matter.meaning().outpoints();
            self.coins.sign(signed, coins.map(|outpoint| coin_of(&outpoint)));
            let (group, summary) = (matter.reference().group.id, matter.meaning().summary());
            if let Some((group, summary)) = self.groups.get_mut(&group).zip(summary) {
                group.keys = group.keys.clone().with_issued(summary.issued(group.keys.issued()));
            }
        }
        let signatures = finished.signatures.clone();
        let outcome = Box::new(ensign_ledger::Outcome { signatures, psbt });
        self.tell(id, RequestEvent::Done { outcome });
        self.ask_anew(now, &id);
    }

    fn signed_psbt(&mut self, id: &RequestId, finished: &Finished) -> Option<SignedPsbt> {
        let matter = self.docket.get(id)?;
        let group = self.groups.get(&matter.reference().group.id)?;
        match matter.meaning().finish(&group.keys, finished)? {
            Ok(signed) => Some(signed),
            Err(error) => {
                self.outputs.push_back(Output::Warn(problem::of_result(&error)));
                None
            }
        }
    }

    /// A request is over without signatures.
    ///
    /// - `given_up`: why, where this node ended it by itself.
    /// - `attempt`: which one was the last.
    pub fn on_closed(
        &mut self,
        now: UnixTime,
        id: RequestId,
        (failure, attempt): (Failure, u16),
        given_up: Option<Problem>,
    ) {
        let how = HowEnded::new(&failure, given_up.as_ref().map(|it| it.code), attempt);
        self.outlines.end(&id, how, now);
        let problem = given_up.unwrap_or_else(|| problem::of_end(&failure, attempt));
        if self.docket.get(&id).is_none() && problem.risk != Risk::None {
            // Nobody was asked about it, but what it tried is worth knowing.
            self.outputs.push_back(Output::Warn(problem.clone()));
        }
        let (problem, evidence) = (Box::new(problem), failure.evidence.map(Box::new));
        self.tell(id, RequestEvent::Failed { problem, evidence });
        self.ask_anew(now, &id);
    }

    /// Judges again what our user said yes to, before anything of ours depends on it. What is new or
    /// graver makes the yes void, and our user is asked again.
    pub fn judge_again(&mut self, now: UnixTime, id: &RequestId) -> Again {
        let Some(matter) = self.docket.get(id) else { return Again::Holds };
        let judgement = self.judge(now, matter);
        if let Some(rule) = matter.meaning().refusal(&self.policy, &judgement.notes) {
            self.refuse_by(now, *id, &rule);
            return Again::Over;
        }
        let Some(yes) = matter.yes() else { return Again::Void };
        let notes = yes.marks.new_in(&judgement.notes);
        if notes.is_empty() {
            return Again::Holds;
        }
        let approval = Box::new(matter.approval(judgement));
        self.docket.void(id);
        self.tell(*id, RequestEvent::Voided { notes });
        self.tell(*id, RequestEvent::Asked(approval));
        Again::Void
    }

    /// Judges a request as of now.
    fn judge(&self, now: UnixTime, matter: &Matter) -> Judgement {
        let (id, meaning) = (&matter.reference().id, matter.meaning());
        meaning.judged(id, self.notes(now, meaning, Some(id)), &self.policy)
    }

    /// - `id`: the request that is judged; it is no other spend of its own coins.
    fn notes(&self, now: UnixTime, meaning: &Meaning, id: Option<&RequestId>) -> Vec<Note> {
        let spent: BTreeSet<_> = meaning.outpoints().collect();
        let mut coins = self.docket.coins(&spent, id);
        coins.extend(self.coins.signed(spent.iter().copied(), id));
        meaning.notes(now, &coins)
    }

    /// Asks anew what is not any more what the question was about, because a request that spends the
    /// same coins has come further: a question that changed is a new one.
    fn ask_anew(&mut self, now: UnixTime, because_of: &RequestId) {
        let Some(matter) = self.docket.get(because_of) else { return };
        let coins: BTreeSet<_> = matter.meaning().outpoints().collect();
        if !coins.is_empty() {
            self.renew_questions(now, Some(&coins));
        }
    }

    fn renew_questions(&mut self, now: UnixTime, coins: Option<&BTreeSet<OutPoint>>) {
        for (id, asked) in self.docket.questions(coins) {
            let Some(matter) = self.docket.get(&id) else { continue };
            let judgement = self.judge(now, matter);
            if let Some(rule) = matter.meaning().refusal(&self.policy, &judgement.notes) {
                self.refuse_by(now, id, &rule);
            } else if judgement.digest != asked {
                let approval = Box::new(matter.approval(judgement));
                self.tell(id, RequestEvent::Asked(approval));
            }
        }
    }

    /// Declines for good what a rule of the policy refuses.
    fn refuse_by(&mut self, now: UnixTime, id: RequestId, rule: &Rule) {
        let decision = Decision::RefusedByRule(rule.name().to_owned());
        self.outlines.decide(&id, decision, now);
        let Some(creator) = self.docket.get(&id).map(Matter::creator) else { return };
        let (reason, why) = (self.own_end(creator), problem::of_policy(rule));
        self.outputs.push_back(Output::GiveUp { request: id, reason, why });
    }

    /// Returns how this node ends a request of a node.
    fn own_end(&self, creator: PeerId) -> AbortReason {
        if creator == self.node { AbortReason::Cancelled } else { AbortReason::Declined }
    }

    /// Keeps what our user said yes to, with the consent.
    fn keep_yes(&mut self, now: UnixTime, id: RequestId, seen: Shown) {
        self.outputs.push_back(Output::Keep(shown(&id, &seen)));
        self.docket.consent(&id, Yes { at: now, marks: seen.marks });
        self.ask_anew(now, &id);
    }

    /// Notes what is told of a request to which our user has consented.
    fn take_up(
        &mut self,
        id: RequestId,
        (request, meaning): (&SignedRequest, &Meaning),
        consent: (UnixTime, Decision),
    ) {
        let is_own = request.peer == self.node;
        let asked = Asked { request, payload: None, summary: meaning.summary() };
        self.outlines.take_up(id, asked, is_own, consent);
    }

    /// Tells our user of a request for the first time; returns what was told.
    fn introduce(
        &mut self,
        now: UnixTime,
        matter: Matter,
        event: impl FnOnce(Approval) -> RequestEvent,
    ) -> Approval {
        let approval = matter.approval(self.judge(now, &matter));
        let told = self.docket.introduce(matter, event(approval.clone()));
        self.outputs.extend(told.into_iter().map(|(request, event)| Output::Tell(request, event)));
        approval
    }
}

#[cfg(test)]
mod tests;
