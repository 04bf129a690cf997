//! From PSBT to request and back: what is asked is always recomputed before it is offered.

use ensign_engine::{End, GroupConfig, Proposal, Review};
use ensign_identity::SignerKey;
use ensign_primitives::{GroupId, MESSAGES_MAX, RequestId};
use ensign_psbt::{Psbt, PsbtError, Spend, Summary, analyze, parse};
use ensign_store::Place;
use ensign_wire::{AbortReason, GroupKeys, KeyTweak, Message, SignedRequest, SigningRequest};

use crate::{
    Approval, CommandError, Decision, Event, Group, HowEnded, Records, Resumption, SigningJob,
    Work,
    command::Reply,
    driver::Driver,
    ledger::{AskedBefore, Unfinished},
    outline::Asked,
    problem,
};

impl Driver {
    pub(crate) fn add_group(&mut self, group: Group) -> Result<GroupId, CommandError> {
        let mut members = group.members;
        members.sort_by_key(|member| member.signer);
        let keys: Vec<SignerKey> = members.iter().map(|member| member.signer).collect();
        let keys = GroupKeys::new(keys)
            .map_err(|error| CommandError::Engine(ensign_engine::CommandError::Limits(error)))?;
        let known = ensign_psbt::Group::new(self.network, &keys).map_err(CommandError::Group)?;
        let peers = members.iter().map(|member| member.peer).collect();
        let id =
            self.engine.add_group(GroupConfig { keys, peers }).map_err(CommandError::Engine)?;
        for member in members {
            self.know_addresses(member.peer, &member.addresses);
        }
        self.groups.insert(id, known);
        self.carry_out();
        self.resume(id);
        Ok(id)
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
        self.tell_voided(group);
        self.recover(group);
        let network = self.network;
        let ours = |it: &Unfinished| it.open.request.request.signers.group_id(network) == group;
        let (ours, rest) = self.before.past.open.drain(..).partition(ours);
        self.before.past.open = rest;
        let ours: Vec<Unfinished> = ours;
        for unfinished in ours {
            let id = unfinished.open.request.request.id();
            match self.resume_one(group, unfinished) {
                Ok(()) => {}
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
            let (id, creator) = (request.request.id(), request.peer);
            let (bytes, expires) = (payload.as_ref().map_or(0, Vec::len), request.request.expires);
            self.outlines.is_kept(id, creator, bytes);
            // What is open already was announced again meanwhile; what is over is asked no more.
            let reopened = self.engine.reopen(now, request, payload);
            if let Err(ensign_engine::CommandError::HasEnded { .. }) = reopened {
                self.outlines.end(&id, HowEnded::Expired, expires);
            }
        }
        self.carry_out();
    }

    fn tell_voided(&mut self, group: GroupId) {
        let of_group = |(_, of): &(RequestId, GroupId)| *of == group;
        let (ours, rest) = self.before.voided.drain(..).partition(of_group);
        self.before.voided = rest;
        let ours: Vec<(RequestId, GroupId)> = ours;
        for (request, _) in ours {
            let problem = Box::new(problem::of_voided());
            self.emit(Event::Failed { request, problem, evidence: None });
        }
    }

    /// Hands out signatures that are in the store and that nobody said they have.
    fn recover(&mut self, group: GroupId) {
        let Some(known) = self.groups.get(&group).cloned() else { return };
        let of_group = |(_, of): &(RequestId, GroupId)| *of == group;
        let (ours, rest) = self.before.past.unreceived.drain(..).partition(of_group);
        self.before.past.unreceived = rest;
        let ours: Vec<(RequestId, GroupId)> = ours;
        for (request, group) in ours {
            let (known, events) = (known.clone(), self.events.clone());
            self.storage.read(move |store| {
                if let Ok(Some(outcome)) = Records(store).outcome(&request, &known) {
                    let outcome = Box::new(outcome);
                    events.send(Event::Recovered { request, group, outcome });
                }
            });
        }
    }

    fn resume_one(&mut self, group: GroupId, unfinished: Unfinished) -> Result<(), CommandError> {
        let Unfinished { open, lost, outline } = unfinished;
        let now = self.clock.now();
        let id = open.request.request.id();
        if let Some(outline) = outline {
            self.outlines.restore(id, outline);
        }
        let parsed = match (&open.payload, self.groups.get(&group)) {
            (Some(payload), Some(known)) => Some(check(known, payload).inspect_err(|_| {
                // What we cannot read any more is not joined again when others announce it.
                let end = End::Closed(AbortReason::PayloadMismatch);
                self.engine.remember_ended(id, group, end);
            })),
            _ => None,
        };
        let parsed = parsed.transpose().map_err(CommandError::Psbt)?;
        self.engine.resume(now, open).map_err(CommandError::Engine)?;
        // It may have ended instead; the engine says so.
        if let Some(request) = self.engine.request(&id).cloned() {
            let summary = self.keep_psbt(id, group, parsed);
            self.take_up(id, &request, summary.as_deref(), Decision::Approved);
            let approval = Approval { id, group, request, summary };
            self.emit(Event::Resumed(Box::new(Resumption { approval, lost })));
        }
        Ok(())
    }

    /// Keeps what the signatures will be written into, and returns what it says.
    fn keep_psbt(
        &mut self,
        id: RequestId,
        group: GroupId,
        parsed: Option<(Psbt, Spend)>,
    ) -> Option<Box<Summary>> {
        self.psbts.retain(|id, _| self.engine.request(id).is_some());
        self.outlines.forget_ended(|id| self.engine.request(id).is_some());
        let (psbt, spend) = parsed?;
        self.psbts.insert(id, (group, psbt));
        Some(Box::new(spend.summary))
    }

    pub(crate) fn propose(&mut self, job: SigningJob) -> Result<Approval, CommandError> {
        let unknown = ensign_engine::CommandError::UnknownGroup { group: job.group };
        let known = self.groups.get(&job.group).ok_or(CommandError::Engine(unknown))?;
        let (messages, payload, parsed) = match job.work {
            Work::Psbt(bytes) => {
                let (psbt, spend) = check(known, &bytes).map_err(CommandError::Psbt)?;
                (spend.messages.clone(), Some(psbt.to_bytes()), Some((psbt, spend)))
            }
            Work::Messages(digests) => {
                let blind = |digest| Message { digest, tweak: KeyTweak::None };
                (digests.into_iter().map(blind).collect(), None, None)
            }
        };
        if messages.is_empty() || messages.len() > MESSAGES_MAX {
            return Err(CommandError::MessageCount { max: MESSAGES_MAX, seen: messages.len() });
        }
        let amount = parsed.as_ref().map_or(0, |(_, spend)| spend.summary.amount_spent());
        let proposal = Proposal {
            group: job.group,
            messages,
            payload,
            purpose: job.purpose,
            tx_type: job.tx_type,
            amount,
            lifetime: job.lifetime,
            mode: job.mode,
        };
        let now = self.clock.now();
        let nonce = self.randomness.draw()?;
        let id = self.engine.propose(now, proposal, nonce).map_err(CommandError::Engine)?;
        let summary = self.keep_psbt(id, job.group, parsed);
        let request = self.engine.request(&id).cloned();
        let request = request.ok_or(CommandError::UnknownRequest { request: id })?;
        self.take_up(id, &request, summary.as_deref(), Decision::Approved);
        Ok(Approval { id, group: job.group, request, summary })
    }

    /// Notes what is told of a request to which our user has consented.
    fn take_up(
        &mut self,
        id: RequestId,
        request: &SignedRequest,
        summary: Option<&Summary>,
        decision: Decision,
    ) {
        let is_own = request.peer == self.node_key.peer_id();
        let asked = Asked { request, payload: None, summary };
        self.outlines.take_up(id, asked, is_own, (self.clock.now().unix, decision));
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
        if self.before.void_until.is_some_and(|until| request.request.created <= until) {
            return self.give_up(id, problem::of_voided());
        }
        let Some(known) = self.groups.get(&group) else { return };
        let summary = match &payload {
            None => None,
            Some(payload) => match check(known, payload) {
                Ok(parsed) if is_same(&request.request, &parsed.1) => {
                    self.keep_psbt(id, group, Some(parsed))
                }
                Ok(_) => return self.refuse(id, None),
                Err(error) => return self.refuse(id, Some(&error)),
            },
        };
        let (payload, summary_of) = (payload.as_deref(), summary.as_deref());
        let asked = Asked { request: &request, payload, summary: summary_of };
        self.outlines.ask(id, asked, self.clock.now().unix);
        self.emit(Event::Approval(Box::new(Approval { id, group, request, summary })));
    }

    fn refuse(&mut self, id: RequestId, why: Option<&PsbtError>) {
        self.warn(None, problem::of_mismatch(why));
        // It may have ended meanwhile; then there is nothing to refuse.
        let _ = self.stop(id, AbortReason::PayloadMismatch);
    }
}

fn check(group: &ensign_psbt::Group, payload: &[u8]) -> Result<(Psbt, Spend), PsbtError> {
    let psbt = parse(payload)?;
    let spend = analyze(&psbt, group)?;
    Ok((psbt, spend))
}

fn is_same(request: &SigningRequest, spend: &Spend) -> bool {
    request.messages == spend.messages && request.amount == spend.summary.amount_spent()
}
