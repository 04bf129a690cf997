//! From PSBT to request and back: what is asked is always recomputed before it is offered, and a yes
//! counts only for what was offered.

use std::{collections::BTreeSet, sync::Arc};

use ensign_engine::{
    GroupConfig, Proposal,
    signing::{Asked as Waiting, End, Review},
};
use ensign_ledger::{self as ledger, About, Asked, AskedBefore, Shown, Unfinished};
use ensign_primitives::{GroupId, MESSAGES_MAX, RequestId};
use ensign_psbt::{Note, OutPoint, Policy, PsbtError, Rule};
use ensign_review::{Joined, Judgement, Matter, Meaning, Yes, problem};
use ensign_store::Place;
use ensign_wire::{AbortReason, SignedRequest};

use crate::{
    Approval, CommandError, Consent, ConsentBy, Decision, Event, Group, GroupInfo, HowEnded,
    Preview, Records, RequestEvent, RequestRef, Resumption, SigningJob, Work, command::Reply,
    driver::Driver, error::of_decision,
};

impl Driver {
    pub(crate) fn add_group(&mut self, group: Group) -> Result<Arc<GroupInfo>, CommandError> {
        let (joined, members) = Joined::new(self.network, self.signer_key, group)?;
        let keys = joined.keys.keys().clone();
        let peers = members.iter().map(|member| member.peer).collect();
        let (now, config) = (self.clock.now(), GroupConfig { keys, peers });
        let id = self.engine.add_group(now, config).map_err(CommandError::Engine)?;
        for member in members {
            // The address book has room for every member.
            let _ = self.engine.know(now, member.peer, &member.addresses);
        }
        let info = Arc::clone(&joined.info);
        self.groups.insert(id, joined);
        self.carry_out();
        self.resume(id);
        Ok(info)
    }

    /// Says what opening the store has found, if it may have missed something.
    pub(crate) fn tell_found(&mut self) {
        if let Some(problem) = problem::of_found(self.before.found, self.before.voided.len()) {
            self.warn(None, problem);
        }
    }

    /// Goes on with what the store holds unfinished for a group, and hands out what its user never
    /// got.
    pub(crate) fn resume(&mut self, group: GroupId) {
        let Some(joined) = self.groups.get(&group).cloned() else { return };
        self.tell_voided(&joined);
        self.recover(&joined);
        let network = self.network;
        let ours = |it: &Unfinished| it.open.request.request.signers.group_id(network) == group;
        let (ours, rest) = self.before.past.open.drain(..).partition(ours);
        self.before.past.open = rest;
        let ours: Vec<Unfinished> = ours;
        for unfinished in ours {
            let id = unfinished.open.request.request.id();
            match self.resume_one(&joined, unfinished) {
                // What the engine says of it comes before it forgets it.
                Ok(()) => self.carry_out(),
                Err(CommandError::Engine(ensign_engine::CommandError::TooManyRequests {
                    ..
                })) => self.before.past.waiting.push(id),
                Err(why) => self.warn(None, problem::of_not_resumed(id, &why)),
            }
        }
        self.ask_again(group);
    }

    /// Asks our user again about what was undecided before a restart.
    fn ask_again(&mut self, group: GroupId) {
        let network = self.network;
        let ours = |it: &AskedBefore| it.request.request.signers.group_id(network) == group;
        let (ours, rest) = self.before.past.asked.drain(..).partition(ours);
        self.before.past.asked = rest;
        let ours: Vec<AskedBefore> = ours;
        let now = self.clock.now();
        for AskedBefore { request, payload } in ours {
            let id = request.request.id();
            let expires = request.request.expires;
            // What is open already was announced again meanwhile; what is over is asked no more.
            let reopened = self.engine.reopen(now, Waiting { request, payload });
            if let Err(ensign_engine::CommandError::HasEnded { .. }) = reopened {
                self.outlines.end(&id, HowEnded::Expired, expires);
            }
            self.carry_out();
        }
    }

    fn tell_voided(&mut self, group: &Joined) {
        let of_group = |(_, of): &(RequestId, GroupId)| *of == group.info.id;
        let (ours, rest) = self.before.voided.drain(..).partition(of_group);
        self.before.voided = rest;
        let ours: Vec<(RequestId, GroupId)> = ours;
        for (id, _) in ours {
            let problem = Box::new(problem::of_voided());
            let event = RequestEvent::Failed { problem, evidence: None };
            self.emit(Event::Request(self.reference(id, group), event));
        }
    }

    /// Hands out signatures that are in the store and that nobody said they have.
    fn recover(&mut self, group: &Joined) {
        let of_group = |(_, of): &(RequestId, GroupId)| *of == group.info.id;
        let (ours, rest) = self.before.past.unreceived.drain(..).partition(of_group);
        self.before.past.unreceived = rest;
        let ours: Vec<(RequestId, GroupId)> = ours;
        for (id, _) in ours {
            let (known, events) = (group.clone(), self.events.clone());
            let info = Arc::clone(&group.info);
            self.storage.read(move |store| {
                let outline = ledger::read_outline(store, &id).ok().flatten();
                let handle = outline.and_then(|outline| outline.handle);
                if let Ok(Some(outcome)) = Records::new(store).outcome(&id, &known.keys) {
                    let event = RequestEvent::Recovered(Box::new(outcome));
                    events.send(Event::Request(RequestRef { id, handle, group: info }, event));
                }
            });
        }
    }

    fn resume_one(&mut self, group: &Joined, unfinished: Unfinished) -> Result<(), CommandError> {
        let Unfinished { open, lost, outline, shown } = unfinished;
        let now = self.clock.now();
        let request = Arc::new(open.request.clone());
        let id = request.request.id();
        let meaning = match &open.payload {
            None => Meaning::blind(&request.request.messages),
            Some(payload) => Meaning::of_psbt(payload, &group.keys).map_err(|error| {
                // What we cannot read any more is not joined again when others announce it.
                let end = End::Closed(AbortReason::PayloadMismatch);
                self.engine.remember_ended(now, id, (group.info.id, end));
                CommandError::Psbt(error)
            })?,
        };
        if let Some(outline) = outline {
            self.outlines.restore(id, outline);
        }
        self.engine.resume(now, open).map_err(CommandError::Engine)?;
        self.take_up(id, (&request, &meaning), Decision::Approved);
        let approval = |approval| RequestEvent::Resumed(Box::new(Resumption { approval, lost }));
        self.introduce(self.reference(id, group), request, meaning, approval);
        // Whatever the yes was not given to is asked about before anything is signed.
        let marks = shown.map(|shown| shown.marks).unwrap_or_default();
        self.docket.consent(&id, Yes { at: now.unix, marks });
        Ok(())
    }

    /// Tells our user of a request; returns what was told.
    fn introduce(
        &mut self,
        reference: RequestRef,
        request: Arc<SignedRequest>,
        meaning: Meaning,
        event: impl FnOnce(Approval) -> RequestEvent,
    ) -> Approval {
        let engine = &self.engine;
        self.docket.retain(|id| engine.signing().request(id).is_some());
        self.outlines.forget_ended(|id| engine.signing().request(id).is_some());
        let matter = Matter::new(reference, request, meaning);
        let approval = matter.approval(self.judge(&matter));
        let events = self.docket.introduce(matter, event(approval.clone()));
        events.into_iter().for_each(|(request, event)| self.emit(Event::Request(request, event)));
        approval
    }

    /// Judges a request as of now.
    fn judge(&self, matter: &Matter) -> Judgement {
        let (id, meaning) = (&matter.reference().id, matter.meaning());
        let notes = self.notes(meaning, Some(id));
        meaning.judged(id, notes, &self.policy)
    }

    /// - `id`: the request that is judged; it is no other spend of its own coins.
    fn notes(&self, meaning: &Meaning, id: Option<&RequestId>) -> Vec<Note> {
        let spent: BTreeSet<_> = meaning.outpoints().collect();
        let mut coins = self.docket.coins(&spent, id);
        coins.extend(self.coins.signed(spent.iter().copied(), id));
        meaning.notes(self.clock.now().unix, &coins)
    }

    /// Says what a proposal would ask for.
    pub(crate) fn preview(&self, job: &SigningJob) -> Result<Preview, CommandError> {
        let (group, meaning) = self.meaning(job)?;
        let judgement = self.judge_proposal(&group, &meaning);
        let Judgement { notes, digest } = judgement;
        let summary = meaning.summary().cloned().map(Box::new);
        let refused = self.policy.refusal(summary.as_deref(), &notes);
        Ok(Preview { group: group.info, summary, notes, digest, refused })
    }

    fn judge_proposal(&self, group: &Joined, meaning: &Meaning) -> Judgement {
        let notes = self.notes(meaning, None);
        meaning.proposed(&group.info.id, notes, &self.policy)
    }

    /// Recomputes what a proposal would ask for.
    fn meaning(&self, job: &SigningJob) -> Result<(Joined, Meaning), CommandError> {
        let unknown = ensign_engine::CommandError::UnknownGroup { group: job.group };
        let group = self.groups.get(&job.group).ok_or(CommandError::Engine(unknown))?;
        let meaning = match &job.work {
            Work::Psbt(bytes) => {
                Meaning::of_psbt(bytes, &group.keys).map_err(CommandError::Psbt)?
            }
            Work::Messages(digests) => Meaning::Blind(digests.clone()),
        };
        let seen = meaning.messages().len();
        if seen == 0 || seen > MESSAGES_MAX {
            return Err(CommandError::MessageCount { max: MESSAGES_MAX, seen });
        }
        Ok((group.clone(), meaning))
    }

    pub(crate) fn propose(
        &mut self,
        job: SigningJob,
        consent: &Consent,
    ) -> Result<Approval, CommandError> {
        let (group, meaning) = self.meaning(&job)?;
        let judgement = self.judge_proposal(&group, &meaning);
        if let Some(rule) = self.policy.refusal(meaning.summary(), &judgement.notes) {
            return Err(CommandError::Policy(rule));
        }
        if judgement.digest != consent.digest() {
            return Err(CommandError::Changed { request: None });
        }
        let proposal = Proposal {
            group: job.group,
            messages: meaning.messages(),
            payload: meaning.to_payload(),
            purpose: job.purpose,
            tx_type: job.tx_type,
            amount: meaning.amount(),
            lifetime: job.lifetime,
            mode: job.mode,
        };
        let now = self.clock.now();
        let nonce = self.randomness.draw()?;
        let id = self.engine.propose(now, proposal, nonce).map_err(CommandError::Engine)?;
        let request = self.engine.signing().request(&id).cloned();
        let request = request.ok_or(CommandError::UnknownRequest { request: id })?;
        self.take_up(id, (&request, &meaning), decision_of(consent));
        let event = |approval| RequestEvent::Proposed(Box::new(approval));
        let approval = self.introduce(self.reference(id, &group), request, meaning, event);
        self.keep_yes(id, Shown::new(approval.digest, &approval.notes));
        self.remind_of_unknown(&group.info);
        Ok(approval)
    }

    /// Takes our user's yes, if it was given to what the request is now.
    pub(crate) fn approve(&mut self, id: RequestId, consent: &Consent, reply: Reply<()>) {
        match self.consent(id, consent) {
            Ok(Begins::Now) => self.consenting.approves(id, reply),
            Ok(Begins::Before) => {
                // Before the join or the burn mark that waited for it.
                self.storage.write_notes(self.clock.now().unix);
                self.go_on(&id);
                self.storage.read(move |_| drop(reply.send(Ok(()))));
            }
            // A caller that no longer waits for its answer has dropped its future.
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn consent(&mut self, id: RequestId, consent: &Consent) -> Result<Begins, CommandError> {
        let now = self.clock.now();
        let unknown = CommandError::UnknownRequest { request: id };
        let matter = self.docket.get(&id).filter(|matter| !matter.is_over()).ok_or(unknown)?;
        let judgement = self.judge(matter);
        if matter.yes().is_none() && judgement.digest != consent.digest() {
            let approval = Box::new(matter.approval(judgement));
            self.emit_request(id, RequestEvent::Asked(approval));
            return Err(CommandError::Changed { request: Some(id) });
        }
        let begins = if matter.is_void() { Begins::Before } else { Begins::Now };
        if begins == Begins::Now {
            self.engine.approve(now, id).map_err(of_decision)?;
        }
        self.keep_yes(id, Shown::new(judgement.digest, &judgement.notes));
        self.outlines.decide(&id, decision_of(consent), now.unix);
        Ok(begins)
    }

    /// Asks anew what is not any more what the question was about, because a request that spends the
    /// same coins has come further: a question that changed is a new one.
    pub(crate) fn ask_anew(&mut self, because_of: &RequestId) {
        let Some(matter) = self.docket.get(because_of) else { return };
        let coins: BTreeSet<_> = matter.meaning().outpoints().collect();
        if !coins.is_empty() {
            self.renew_questions(Some(&coins));
        }
    }

    /// Takes another policy, and asks anew what it says something else about.
    pub(crate) fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
        self.renew_questions(None);
    }

    fn renew_questions(&mut self, coins: Option<&BTreeSet<OutPoint>>) {
        for (id, asked) in self.docket.questions(coins) {
            let Some(matter) = self.docket.get(&id) else { continue };
            let judgement = self.judge(matter);
            if let Some(rule) = self.policy.refusal(matter.meaning().summary(), &judgement.notes) {
                self.refuse_by(id, &rule);
            } else if judgement.digest != asked {
                let approval = Box::new(matter.approval(judgement));
                self.emit_request(id, RequestEvent::Asked(approval));
            }
        }
    }

    /// Keeps what our user said yes to, with the consent.
    fn keep_yes(&mut self, id: RequestId, shown: Shown) {
        self.storage.note_entry(ledger::shown(&id, &shown), About::Kept);
        self.docket.consent(&id, Yes { at: self.clock.now().unix, marks: shown.marks });
        self.ask_anew(&id);
    }

    /// Judges again what our user said yes to, before anything of ours depends on it. What is new or
    /// graver makes the yes void, and our user is asked again.
    pub(crate) fn judge_again(&mut self, id: &RequestId) -> Again {
        let Some(matter) = self.docket.get(id) else { return Again::Holds };
        let judgement = self.judge(matter);
        if let Some(rule) = self.policy.refusal(matter.meaning().summary(), &judgement.notes) {
            self.refuse_by(*id, &rule);
            return Again::Over;
        }
        let Some(yes) = matter.yes() else { return Again::Void };
        let notes = yes.marks.new_in(&judgement.notes);
        if notes.is_empty() {
            return Again::Holds;
        }
        let approval = Box::new(matter.approval(judgement));
        self.docket.void(id);
        self.emit_request(*id, RequestEvent::Voided { notes });
        self.emit_request(*id, RequestEvent::Asked(approval));
        Again::Void
    }

    /// Notes what is told of a request to which our user has consented.
    fn take_up(
        &mut self,
        id: RequestId,
        (request, meaning): (&SignedRequest, &Meaning),
        decision: Decision,
    ) {
        let is_own = request.peer == self.node_key.peer_id();
        let asked = Asked { request, payload: None, summary: meaning.summary() };
        self.outlines.take_up(id, asked, is_own, (self.clock.now().unix, decision));
    }

    fn reference(&self, id: RequestId, group: &Joined) -> RequestRef {
        RequestRef { id, handle: self.outlines.handle(&id), group: Arc::clone(&group.info) }
    }

    /// Ends a request for our user, who is answered once that is durable: it never goes on again.
    pub(crate) fn end(&mut self, id: RequestId, reason: AbortReason, reply: Reply<()>) {
        if let Err(error) = self.stop(id, reason) {
            // A caller that no longer waits has dropped its future.
            return drop(reply.send(Err(error)));
        }
        self.outlines.decide(&id, Decision::Refused, self.clock.now().unix);
        self.carry_out();
        self.storage.read(move |store| {
            let kept = store.get(&Place::closed(&id)).map_err(|error| error.into());
            let kept = kept.map_err(CommandError::Store);
            drop(reply.send(kept.and_then(|it| it.map(drop).ok_or(CommandError::Stopped))));
        });
    }

    /// Recomputes what a request asks for, and offers it to our user only if it is the same.
    pub(crate) fn review(&mut self, review: Review) {
        let Review { id, group, request, payload } = review;
        let is_void = self.before.void_until.is_some_and(|until| request.request.created <= until);
        let Some(group) = self.groups.get(&group).cloned() else { return };
        let meaning = match &payload {
            None => Ok(Meaning::blind(&request.request.messages)),
            Some(payload) => Meaning::of_psbt(payload, &group.keys),
        };
        match meaning {
            Ok(meaning) if meaning.is_of(&request.request) && is_void => {
                // Our user is told what it is, and why it is over.
                let event = |approval| RequestEvent::Refused(Box::new(approval));
                self.introduce(self.reference(id, &group), request, meaning, event);
                self.give_up(id, problem::of_voided());
            }
            Ok(meaning) if meaning.is_of(&request.request) => {
                let (payload, summary) = (payload.as_deref(), meaning.summary());
                let asked = Asked { request: &request, payload, summary };
                self.outlines.ask(id, asked, self.clock.now().unix);
                self.offer(self.reference(id, &group), request, meaning);
            }
            Ok(_) => self.refuse(id, None),
            Err(error) => self.refuse(id, Some(&error)),
        }
    }

    /// Asks our user, unless the policy refuses.
    fn offer(&mut self, reference: RequestRef, request: Arc<SignedRequest>, meaning: Meaning) {
        let (id, mut refusal) = (reference.id, None);
        let (policy, rule) = (self.policy.clone(), &mut refusal);
        self.introduce(reference, request, meaning, |approval| {
            *rule = policy.refusal(approval.summary.as_deref(), &approval.notes);
            let approval = Box::new(approval);
            match rule {
                Some(_) => RequestEvent::Refused(approval),
                None => RequestEvent::Asked(approval),
            }
        });
        if let Some(rule) = refusal {
            self.refuse_by(id, &rule);
        }
    }

    /// Declines for good what a rule of the policy refuses.
    fn refuse_by(&mut self, id: RequestId, rule: &Rule) {
        let decision = Decision::RefusedByRule(rule.name().to_owned());
        self.outlines.decide(&id, decision, self.clock.now().unix);
        self.give_up(id, problem::of_policy(rule));
    }

    fn refuse(&mut self, id: RequestId, why: Option<&PsbtError>) {
        self.given_up.insert(id, problem::of_mismatch(why));
        // It may have ended meanwhile; then there is nothing to refuse.
        let _ = self.stop(id, AbortReason::PayloadMismatch);
        self.carry_out();
        self.given_up.remove(&id);
    }
}

/// What became of a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It holds.
    Holds,
    /// It is void until our user says it again.
    Void,
    /// The request is over: the policy refuses it by now.
    Over,
}

/// When a request begins to which our user says yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    /// With this yes.
    Now,
    /// With an earlier one, which has become void.
    Before,
}

fn decision_of(consent: &Consent) -> Decision {
    match consent.by() {
        ConsentBy::Person => Decision::Approved,
        ConsentBy::Rule(name) => Decision::ApprovedByRule(name.clone()),
    }
}
