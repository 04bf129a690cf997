//! Attempts at open requests: how each begins, what its session asks and reports, what follows its end.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use ensign_equivocation::Evidence;
use ensign_identity::Signature;
use ensign_primitives::{
    GroupId, Now, PeerId, RequestId, SessionId, SignerIndex, StateMachine, TaggedHasher,
};
use ensign_session::{
    Event as SessionEvent, Failure, Input as SessionInput, Offense as SessionOffense,
    Output as SessionOutput, Record as SessionRecord, Session, SessionSetup,
};
use ensign_wire::{AbortReason, Frame, Kind, PubNonceBytes, Refusal, SignedRequest};

use super::{Signing, around};
use crate::{
    ATTEMPTS_MAX, CommandError, Event, Offense, Opening, Output, Record, SignerQuestion,
    UndecidedEnd,
    case::{self, Testimony},
    conduct,
    course::first_seq,
    ended::{End, Share, final_reason},
    groups::Group,
    muster::Around,
    notices::Worth,
    request::{Closing, Due, Durable, Mark, NewRequest, Request},
    requests::Attempt,
};

impl Signing {
    /// Enters a verified request with a session for its first attempt here.
    pub(super) fn open_request(
        &mut self,
        now: Now,
        new: NewRequest,
    ) -> Result<RequestId, CommandError> {
        let attempt = new.attempt;
        let session = self.new_session(now, new.group, &new.signed, attempt)?;
        let id = session.request_id();
        self.requests.check_new(id)?;
        self.horizons.take(new.signed.request.created);
        self.requests.open(id, Request::new(now, new, session))?;
        self.event(Event::Attempt { request: id, attempt, opened_by: None });
        self.muster.opened(around!(self, now), id);
        self.hear_muster();
        Ok(id)
    }

    pub(super) fn new_session(
        &self,
        now: Now,
        group: GroupId,
        signed: &Arc<SignedRequest>,
        attempt: u16,
    ) -> Result<Session, CommandError> {
        let known = self.groups.known(&group)?;
        let setup = SessionSetup {
            request: Arc::clone(signed),
            attempt,
            local: known.local(),
            peers: Arc::clone(known.peers()),
            group: known.context().clone(),
            node_key: Arc::clone(&self.keys.node_key),
            signer: self.keys.signer,
            delegation: self.keys.delegation,
            timeouts: self.config.timeouts,
        };
        let mut session = Session::new(setup, now).map_err(CommandError::Setup)?;
        session.number_from(first_seq(now, &signed.request));
        for (signer, delegation) in self.membership.proofs(known) {
            session.know(signer, delegation);
        }
        Ok(session)
    }

    /// Leaves the current attempt, whose nonces are dropped with it, for a later one; joins that when
    /// everybody has agreed and is ready.
    pub(super) fn start_attempt(&mut self, now: Now, attempt: Attempt, opened_by: Option<Opening>) {
        if self.replace_session(now, attempt, opened_by) {
            self.feed_early(now, attempt.request);
            self.consider(now, attempt.request);
        }
    }

    pub(super) fn replace_session(
        &mut self,
        now: Now,
        attempt: Attempt,
        opened_by: Option<Opening>,
    ) -> bool {
        let Attempt { request: id, number } = attempt;
        self.requests.change(&id, Request::leave_attempt);
        self.with_session(now, id, Session::abandon);
        let Some(request) = self.requests.get(&id) else { return false };
        let session = self.new_session(now, request.group(), request.signed(), number);
        let Ok(session) = session else {
            debug_assert!(false, "a request that made one session makes another");
            self.requests.change(&id, |request| request.course_mut().forget_next());
            return false;
        };
        self.requests.begin(now, attempt, (session, opened_by));
        self.event(Event::Attempt { request: id, attempt: number, opened_by });
        true
    }

    /// Gives the running attempt what was said of it before it was here.
    pub(super) fn feed_early(&mut self, now: Now, id: RequestId) {
        let Some(session) = self.requests.get(&id).map(|it| it.session().id()) else { return };
        for (from, envelope) in self.shelf.take_envelopes(&session) {
            let input = SessionInput::Envelope { from, envelope };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Lets one session do one thing, then carries out what it asks.
    /// Nonces that are too old end the attempt before anything else counts.
    pub(super) fn with_session(&mut self, now: Now, id: RequestId, act: impl FnOnce(&mut Session)) {
        self.requests.change(&id, |request| {
            if request.has_old_nonces(now) {
                let _ = request.session_mut().stop(now, AbortReason::Dissolved);
            }
        });
        self.requests.change(&id, |request| act(request.session_mut()));
        self.drain_session(now, id);
    }

    pub(super) fn drain_session(&mut self, now: Now, id: RequestId) {
        loop {
            let Some(request) = self.requests.get(&id) else { return };
            let (attempt, session) = (request.attempt(), request.session().id());
            let output = self.requests.with(&id, |request| request.session_mut().poll_output());
            let Some(output) = output.flatten() else { break };
            self.on_session_output(now, Running { id, attempt, session }, output);
        }
        self.requests.drop_if_over(id);
    }

    fn on_session_output(&mut self, now: Now, running: Running, output: SessionOutput) {
        let id = running.id;
        match output {
            SessionOutput::Send { to, kind, frame } => {
                let Some(peer) = self.addressee(id, to) else { return };
                if kind == Kind::SessionAnnounce {
                    self.send_payload(id, peer);
                }
                if self.is_up(&peer) {
                    self.outputs.push_back(Output::Send { peer, kind, frame });
                }
            }
            SessionOutput::NeedNonces(order) => {
                self.requests.change(&id, |request| request.course_mut().nonces_from(now));
                // Asked before, another delegation is there before the nonces, and the join has it.
                self.replace_delegation(now);
                let payload = self.requests.get(&id).and_then(Request::payload).cloned();
                self.ask_signer(SignerQuestion::Nonces { order, payload });
            }
            SessionOutput::NeedPartials { session, nonces } => {
                self.ask_signer(SignerQuestion::Partials { session, nonces });
            }
            SessionOutput::ForgetNonces { session } => {
                self.ask_signer(SignerQuestion::Forget { session });
            }
            SessionOutput::Persist { token, record } => {
                let Some(record) = self.record_of(now, running, record) else { return };
                let ours = self.persist(record);
                self.requests.await_record(id, ours, token);
            }
            SessionOutput::NoncesSeen { signer, nonces } => {
                self.check_reuse(now, running, signer, &nonces);
            }
            SessionOutput::Event(event) => self.on_session_event(now, running, event),
            SessionOutput::Offense { peer, offense } if self.is_of_before(id, &peer, &offense) => {}
            SessionOutput::Offense { peer, offense } => {
                if let SessionOffense::Proven(evidence) = offense {
                    self.convict(now, running, peer, evidence);
                } else {
                    self.offense(peer, Offense::Session(offense));
                }
            }
        }
    }

    /// Whether a node is no signer's in an attempt only because one of two knows of a newer node of that
    /// signer, and the other does not: who hands its words on, or speaks for it now, is not to blame.
    fn is_of_before(&self, id: RequestId, bearer: &PeerId, offense: &SessionOffense) -> bool {
        let SessionOffense::Unlisted { sender } = offense else { return false };
        sender != bearer || self.signer_of(id, sender).is_some()
    }

    /// Keeps and tells what convicts a node, unless somebody has brought a proof of it before, or enough of
    /// that node are kept.
    fn convict(&mut self, now: Now, running: Running, peer: PeerId, evidence: Box<Evidence>) {
        let keys = self.groups.signers_of(&peer);
        let worth = self.notices.weigh(evidence.misdeed(), peer, keys);
        let offense = match worth {
            Worth::New | Worth::Known => Offense::Session(SessionOffense::Proven(evidence.clone())),
            Worth::Beyond => Offense::ProvenAgain,
        };
        self.offense(peer, offense);
        if worth != Worth::New {
            return;
        }
        let request = self.requests.get(&running.id);
        let group = request.and_then(|request| self.groups.get(&request.group()));
        let file = request.zip(group).and_then(|(request, group)| {
            let testimony = Testimony::of(request, group, (running.attempt, &peer))?;
            Some((request.group(), case::of_proof(testimony, &evidence)?))
        });
        let case = file.map(|(group, file)| {
            self.notices.tell(now, &file, group, peer);
            self.keep_case(file)
        });
        self.event(Event::Convicted { peer, evidence, case });
    }

    /// Keeps who did not answer in an attempt that ended.
    fn keep_silence(&mut self, now: Now, running: Running, failure: &Failure) {
        let Running { id, attempt, .. } = running;
        if !failure.reason.is_claim() {
            return;
        }
        let reports = self.requests.with(&id, |request| request.reports(now, failure));
        let Some(request) = self.requests.get(&id).map(Request::signed) else { return };
        let reports = reports.unwrap_or_default();
        if let Some(file) = case::of_silence(&request.request, attempt, reports) {
            self.keep_case(file);
        }
    }

    /// Returns a session's record as ours; a request that has its signatures is settled with them.
    fn record_of(
        &mut self,
        now: Now,
        Running { id: request, attempt, .. }: Running,
        record: SessionRecord,
    ) -> Option<Record> {
        Some(match record {
            SessionRecord::Joined { said, .. } => Record::Joined { request, attempt, said },
            SessionRecord::Burned { .. } => Record::Burned { request, attempt },
            SessionRecord::Partials { nonces, partials, .. } => {
                self.requests.with(&request, |it| it.note_signed(attempt));
                Record::Partials { request, attempt, nonces, partials }
            }
            SessionRecord::Finished { signatures, .. } => {
                let group = self.requests.get(&request)?.group();
                let signatures: Vec<_> = signatures.into_iter().map(Signature).collect();
                self.settle(now, request, (group, End::Signed), Share::Decided);
                Record::Finished { request, group, signatures }
            }
        })
    }

    fn on_session_event(&mut self, now: Now, running: Running, event: SessionEvent) {
        let Running { id: request, attempt, .. } = running;
        match &event {
            SessionEvent::Failed(failure) => {
                return self.on_failure(now, running, failure.clone());
            }
            SessionEvent::Joined(signer) => {
                if let Some(peer) = self.node_of(request, *signer) {
                    self.requests.with(&request, |request| request.note_joined(peer));
                }
                self.event(Event::Session { request, attempt, event });
                return self.consider(now, request);
            }
            SessionEvent::Refused { by, refused: Kind::Payload, why: Refusal::Busy } => {
                return self.on_payload_refused(now, request, *by);
            }
            SessionEvent::Refused { .. } => {
                if self.requests.with(&request, Request::reports_refusal) != Some(true) {
                    return;
                }
            }
            SessionEvent::Done(_) | SessionEvent::PeerDone(_) => {
                return self.on_done(running, event);
            }
            SessionEvent::Acknowledged(_)
            | SessionEvent::Revealed(_)
            | SessionEvent::Confirmed(_)
            | SessionEvent::Signed(_)
            | SessionEvent::Phase(_)
            | SessionEvent::Waiting { .. }
            | SessionEvent::Unreachable(_) => {}
        }
        self.event(Event::Session { request, attempt, event });
    }

    /// Tells that somebody holds the signatures, and when everybody does.
    fn on_done(&mut self, Running { id: request, attempt, .. }: Running, event: SessionEvent) {
        let group = self.requests.get(&request).map(Request::group);
        let group = group.and_then(|group| self.groups.get(&group));
        let peer_done = if let SessionEvent::PeerDone(who) = &event { Some(*who) } else { None };
        if peer_done.is_none() {
            self.outputs.extend(conduct::finished(request, group, &self.own_peer()));
        }
        let who = peer_done.or(group.map(Group::local));
        self.event(Event::Session { request, attempt, event });
        let done = who.and_then(|who| self.requests.with(&request, |it| it.note_done(who)));
        if done == Some(true) {
            self.event(Event::Everybody { request });
        }
    }

    /// Decides what follows the end of an attempt.
    fn on_failure(&mut self, now: Now, running: Running, mut failure: Box<Failure>) {
        let Running { id, attempt, .. } = running;
        let Some(group) = self.requests.get(&id).map(Request::group) else { return };
        if (failure.reason, failure.by) == (AbortReason::Expired, None) {
            // Who has agreed and could not join, because others were not there, is not to blame.
            let wait = self.muster.wait(around!(self, now), &id);
            failure
                .culprits
                .retain(|it| wait.as_ref().is_none_or(|wait| wait.missing.contains(it)));
        }
        self.keep_silence(now, running, &failure);
        let known = self.groups.get(&group);
        self.outputs.extend(conduct::silent(id, known, &failure));
        let end = self.requests.change(&id, |request| request.on_failure(now, &failure));
        match end.flatten() {
            None => {
                let event = SessionEvent::Failed(failure);
                self.event(Event::Session { request: id, attempt, event });
            }
            Some(mark) => self.close(now, id, Closing { group, attempt, failure, mark }),
        }
    }

    /// Ends a request for good, without signatures.
    pub(super) fn close(&mut self, now: Now, id: RequestId, closing: Closing) {
        let Closing { group, attempt, failure, mark } = closing;
        let has_left = |request: &Request| request.course().has_attempts_left();
        let is_last =
            self.requests.get(&id).is_some_and(|it| !has_left(it)) || attempt >= ATTEMPTS_MAX;
        let reason = final_reason(failure.reason, is_last);
        let share = if mark == Mark::Undecided { Share::Undecided } else { Share::Decided };
        self.settle(now, id, (group, End::Closed(reason)), share);
        let record = Record::Closed { request: id, group, reason };
        match mark {
            Mark::Now => {
                let token = self.persist(record);
                self.tell_when_durable(token, Event::EndDurable { request: id });
            }
            Mark::Later => self.note(record),
            Mark::Undecided => self.note_undecided(now, id),
        }
        self.event(Event::Closed { request: id, attempt, failure });
    }

    fn settle(&mut self, now: Now, id: RequestId, end: (GroupId, End), share: Share) {
        self.requests.change(&id, |request| request.settle(now));
        self.muster.closed(around!(self, now), &id);
        self.horizons.see(now.unix);
        self.requests.end(id, end, share);
    }

    /// Remembers by name what our user never decided about.
    fn note_undecided(&mut self, now: Now, id: RequestId) {
        let Some(signed) = self.requests.get(&id).map(Request::signed) else { return };
        let (creator, asked) = (signed.peer, &signed.request);
        let end = UndecidedEnd { created: asked.created, request: id, expires: asked.expires };
        let kept = self.admission.remember_undecided(now, creator, end, &self.horizons);
        self.note(Record::Undecided(kept));
        self.note_horizon();
    }

    pub(super) fn run_request_timers(&mut self, now: Now) {
        for id in self.requests.due(now) {
            self.with_session(now, id, |session| session.handle_timeout(now));
            let Some(request) = self.requests.get(&id) else { continue };
            let (group, attempt) = (request.group(), request.attempt());
            match request.due(now) {
                Due::Nothing => {}
                Due::EndOfWait => {
                    self.requests.change(&id, |request| {
                        request.course_mut().forget_next();
                        let _ = request.session_mut().stop(now, AbortReason::Internal);
                    });
                    self.drain_session(now, id);
                }
                Due::Expiry(mark) => {
                    let failure = crate::request::no_attempt_left(AbortReason::Expired);
                    self.close(now, id, Closing { group, attempt, failure, mark });
                    self.requests.drop_if_over(id);
                }
                // Whoever tries again and again waits as everybody does that the others would not follow.
                Due::Attempt if !request.has_consent() => {
                    self.requests.change(&id, |request| request.rest(now));
                }
                Due::Attempt if !self.requests.may_open(now, id) => {
                    self.requests.change(&id, |request| request.course_mut().pause(now));
                }
                Due::Attempt => {
                    let next = Attempt { request: id, number: attempt + 1 };
                    self.start_attempt(now, next, None);
                }
            }
        }
    }

    /// A nonce that one signer has shown in two sessions ends the one that saw it second. Another
    /// signer's nonce played back convicts nobody: only its owner can be hurt by it, and it is not.
    fn check_reuse(
        &mut self,
        now: Now,
        Running { id, session, .. }: Running,
        signer: SignerIndex,
        nonces: &[PubNonceBytes],
    ) {
        let network = self.config.network;
        let Some(request) = self.requests.get(&id) else { return };
        let Some(key) = request.signed().request.signers.get(signer) else { return };
        let owner = TaggedHasher::new("ensign/nonce-seen/v1", network).bytes(&key.to_bytes());
        let reused = nonces.iter().any(|nonce| {
            let hash = owner.clone().bytes(&nonce.0).finish();
            self.nonces.observe(hash, session).is_some()
        });
        if reused {
            self.requests.change(&id, |it| it.session_mut().nonce_reused(now, signer));
        }
    }

    pub(super) fn on_persisted(&mut self, now: Now, token: u64) {
        let decided = self.decisions.remove(&token);
        if let Some(event) = decided.clone() {
            self.event(event);
        }
        let durable = self.requests.take_durable(token);
        if let Some((id, Durable::Proposal)) = durable {
            self.with_session(now, id, |session| session.announce(now));
        }
        if let Some(Event::ConsentDurable { request } | Event::Withdrawn { request }) = &decided {
            self.muster.durable(around!(self, now), *request, token);
            self.hear_muster();
        }
        if let Some(Event::Withdrawn { request }) = decided {
            self.ask_user(now, request);
        }
        match durable {
            Some((id, Durable::Proposal)) => {
                self.requests.change(&id, |request| request.course_mut().consent(now));
                self.consider(now, id);
            }
            Some((id, Durable::OfSession(token))) => {
                let input = SessionInput::Persisted { token };
                self.with_session(now, id, |session| session.handle_input(now, input));
            }
            None => {}
        }
    }

    /// Tells every session of a group's that a member is back and has the group.
    pub(super) fn reconnect_sessions(&mut self, now: Now, peer: &PeerId, group: &GroupId) {
        let Some(signer) = self.groups.get(group).and_then(|it| it.signer_of(peer)) else { return };
        for id in self.requests.of_group(group) {
            let input = SessionInput::Connected { signer };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
        self.muster.met(around!(self, now), *peer, *group);
        self.consider_all(now, group);
    }

    /// Sends a request's payload ahead of its announcement.
    fn send_payload(&mut self, id: RequestId, peer: PeerId) {
        if !self.is_up(&peer) {
            return;
        }
        let own = self.keys.node_key.peer_id();
        let payload = self.requests.with(&id, |request| request.payload_for(peer, &own));
        if let Some(payload) = payload.flatten() {
            self.send(peer, &Frame::Payload { request: id, bytes: payload.to_vec() });
        }
    }

    /// Returns whose node hears what a session says to a signer: nobody's before our own request is
    /// durable, and none that has not said that it has the group.
    fn addressee(&self, id: RequestId, signer: SignerIndex) -> Option<PeerId> {
        let request = self.requests.get(&id)?;
        let peer = self.groups.get(&request.group())?.node_of(signer)?;
        let is_heard = !request.is_secret() && self.shared.has_group(&peer, &request.group());
        is_heard.then_some(peer)
    }

    pub(super) fn node_of(&self, id: RequestId, signer: SignerIndex) -> Option<PeerId> {
        self.groups.get(&self.requests.get(&id)?.group())?.node_of(signer)
    }

    pub(super) fn signer_of(&self, id: RequestId, peer: &PeerId) -> Option<SignerIndex> {
        self.groups.get(&self.requests.get(&id)?.group())?.signer_of(peer)
    }
}

/// The attempt that runs at a request.
#[derive(Clone, Copy, Debug)]
struct Running {
    id: RequestId,
    attempt: u16,
    session: SessionId,
}
