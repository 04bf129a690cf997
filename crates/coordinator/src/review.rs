//! Between the engine and the room that knows people: what is proposed and decided, and what goes on after
//! a restart.

use std::sync::Arc;

use ensign_engine::{
    GroupConfig,
    signing::{Asked, Delegated, End, Review},
};
use ensign_ledger::{self as ledger, About, AskedBefore, Unfinished, VOIDED_CODE};
use ensign_primitives::{GroupId, RequestId};
use ensign_review::{Begins, Joined, Output as Reviewed, Resumed, problem, recompute};
use ensign_wire::AbortReason;

use crate::{
    Approval, CommandError, Consent, Event, Group, GroupInfo, HowEnded, Member, Problem, Records,
    RequestEvent, RequestRef, SigningJob, command::Reply, driver::Driver, error::of_decision,
};

impl Driver {
    pub(crate) fn add_group(&mut self, group: Group) -> Result<Arc<GroupInfo>, CommandError> {
        let (joined, members) = Joined::new(self.network, self.signer_key, group)?;
        let keys = joined.keys.keys().clone();
        let peers = members.iter().map(|member| member.peer).collect();
        let (now, config) = (self.clock.now(), GroupConfig { keys, peers });
        for Member { signer, peer, delegation, .. } in &members {
            let it = delegation.map(|proof| Delegated { signer: *signer, peer: *peer, proof });
            // One that does not hold says nothing: the node has to show another one anyhow.
            let _ = it.map(|it| self.engine.know_delegation(now, it));
        }
        let id = self.engine.add_group(now, config).map_err(CommandError::Engine)?;
        for member in members {
            // The address book has room for every member.
            let _ = self.engine.know(now, member.peer, &member.addresses);
        }
        let info = Arc::clone(&joined.info);
        self.reviewer.join(joined);
        self.carry_out();
        self.resume(id);
        Ok(info)
    }

    /// Says what opening the store has found, if it may have missed something.
    pub(crate) fn tell_found(&mut self) {
        if let Some(problem) = problem::of_found(self.before.found, self.before.voided.len()) {
            self.emit_warning(None, problem);
        }
    }

    /// Goes on with what the store holds unfinished for a group, and hands out what its user never
    /// got.
    pub(crate) fn resume(&mut self, group: GroupId) {
        let Some(joined) = self.reviewer.groups().get(&group).cloned() else { return };
        for (id, code) in self.before.take_voided(&group) {
            let problem = Box::new(problem::of_voided(code));
            let event = RequestEvent::Failed { problem, evidence: None };
            self.emit(Event::Request(self.reviewer.reference(id, &joined), event));
        }
        self.recover(&joined);
        for unfinished in self.before.take_open(self.network, &group) {
            let id = unfinished.open.request.request.id();
            match self.resume_one(&joined, unfinished) {
                // What the engine says of it comes before it forgets it.
                Ok(()) => self.carry_out(),
                Err(CommandError::Engine(ensign_engine::CommandError::TooManyRequests {
                    ..
                })) => self.before.past.waiting.push(id),
                Err(why) => self.emit_warning(None, problem::of_not_resumed(id, &why)),
            }
        }
        for AskedBefore { request, payload } in self.before.take_asked(self.network, &group) {
            let (id, expires) = (request.request.id(), request.request.expires);
            // What is open already was announced again meanwhile; what is over is asked no more.
            let reopened = self.engine.reopen(self.clock.now(), Asked { request, payload });
            if let Err(ensign_engine::CommandError::HasEnded { .. }) = reopened {
                self.reviewer.outlines().end(&id, HowEnded::Expired, expires);
            }
            self.carry_out();
        }
    }

    /// Hands out signatures that are in the store and that nobody said they have.
    fn recover(&mut self, group: &Joined) {
        for id in self.before.take_unreceived(&group.info.id) {
            let (known, events) = (group.clone(), self.events.clone());
            self.storage.read(move |store| {
                let outline = ledger::read_outline(store, &id).ok().flatten();
                let handle = outline.and_then(|outline| outline.handle);
                if let Ok(Some(outcome)) = Records::new(store).outcome(&id, &known.keys) {
                    let event = RequestEvent::Recovered(Box::new(outcome));
                    let request = RequestRef { id, handle, group: known.info, creator: None };
                    events.send(Event::Request(request, event));
                }
            });
        }
    }

    fn resume_one(&mut self, group: &Joined, unfinished: Unfinished) -> Result<(), CommandError> {
        let Unfinished { open, lost, outline, shown } = unfinished;
        let (now, agrees) = (self.clock.now(), open.agrees);
        let request = Arc::new(open.request.clone());
        let meaning = recompute(&request, open.payload.as_deref(), group).map_err(|error| {
            // What we cannot read any more is not joined again when others announce it.
            let end = End::Closed(AbortReason::PayloadMismatch);
            self.engine.remember_ended(now, request.request.id(), (group.info.id, end));
            CommandError::Psbt(error)
        })?;
        self.engine.resume(now, open).map_err(CommandError::Engine)?;
        self.forget_what_the_engine_forgot();
        let resumed = Resumed { request, meaning, lost, outline, shown, agrees };
        self.reviewer.on_resumed(now.unix, &group.info.id, resumed);
        Ok(())
    }

    /// Before a request is introduced, so that what is remembered of others stays within the engine's bounds.
    fn forget_what_the_engine_forgot(&mut self) {
        let signing = self.engine.signing();
        self.reviewer.forget(|id| signing.request(id).is_some());
    }

    pub(crate) fn propose(
        &mut self,
        job: SigningJob,
        consent: &Consent,
    ) -> Result<Approval, CommandError> {
        let now = self.clock.now();
        let draft = self.reviewer.draft(now.unix, &job, consent)?;
        let nonce = self.randomness.draw()?;
        let proposed = self.engine.propose(now, draft.proposal(job, &nonce), nonce);
        let id = proposed.map_err(CommandError::Engine)?;
        let request = self.engine.signing().request(&id).cloned();
        let request = request.ok_or(CommandError::UnknownRequest { request: id })?;
        self.forget_what_the_engine_forgot();
        let approval = self.reviewer.on_proposed(now.unix, request, draft);
        self.tell();
        self.remind_of_unknown(&approval.group);
        Ok(approval)
    }

    /// Takes our user's yes, if it was given to what the request is now.
    pub(crate) fn approve(&mut self, id: RequestId, consent: &Consent, reply: Reply<()>) {
        match self.consent(id, consent) {
            Ok(Begins::Now) => self.callers.approves(id, reply),
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
        let weighed = self.reviewer.weigh(now.unix, id, consent);
        self.tell();
        let yes = weighed?;
        let begins = yes.begins();
        if begins == Begins::Now {
            self.engine.approve(now, id).map_err(of_decision)?;
        }
        self.reviewer.on_approved(now.unix, yes);
        self.tell();
        Ok(begins)
    }

    /// Ends a request for our user, who is answered once that is durable: it never goes on again.
    pub(crate) fn end(&mut self, id: RequestId, reason: AbortReason, reply: Reply<()>) {
        if let Err(error) = self.stop(id, reason) {
            // A caller that no longer waits has dropped its future.
            return drop(reply.send(Err(error)));
        }
        self.reviewer.on_refused(self.clock.now().unix, &id);
        self.callers.ends(id, reply);
        self.carry_out();
    }

    /// Takes our user's yes back. The engine asks again once that is durable.
    pub(crate) fn withdraw(&mut self, id: RequestId, reply: Reply<()>) {
        let withdrawn = self.engine.withdraw(self.clock.now(), id).map_err(of_decision);
        self.carry_out();
        // A caller that no longer waits for its answer has dropped its future.
        self.storage.read(move |_| drop(reply.send(withdrawn)));
    }

    /// A request waits for our user.
    pub(crate) fn review(&mut self, review: Review) {
        self.forget_what_the_engine_forgot();
        self.reviewer.review(self.clock.now().unix, review);
    }

    /// A request is refused that others may have seen us join. Its end comes next.
    pub(crate) fn tell_void(&mut self, review: Review) {
        self.given_up.insert(review.id, problem::of_voided(VOIDED_CODE));
        self.forget_what_the_engine_forgot();
        self.reviewer.tell_void(self.clock.now().unix, review);
    }

    /// Carries out what the room that knows people asks.
    pub(crate) fn tell(&mut self) {
        while let Some(output) = self.reviewer.poll_output() {
            match output {
                Reviewed::Tell(request, event) => self.emit(Event::Request(request, event)),
                Reviewed::Warn(problem) => self.emit_warning(None, problem),
                Reviewed::Keep(entry) => self.storage.note_entry(entry, About::Kept),
                Reviewed::GiveUp { request, reason, why } => {
                    self.end_by_itself(request, reason, why)
                }
            }
        }
    }

    /// Ends a request for a reason of this node's, which its user is told.
    pub(crate) fn give_up(&mut self, id: RequestId, why: Problem) {
        let request = self.engine.signing().request(&id);
        let is_own = request.is_some_and(|request| request.peer == self.node);
        let reason = if is_own { AbortReason::Cancelled } else { AbortReason::Declined };
        self.end_by_itself(id, reason, why);
    }

    fn end_by_itself(&mut self, id: RequestId, reason: AbortReason, why: Problem) {
        self.given_up.insert(id, why);
        // It may have ended meanwhile.
        let _ = self.stop(id, reason);
        self.carry_out();
        self.given_up.remove(&id);
    }
}
