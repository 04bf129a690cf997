//! What our user decides: groups, proposals, consent, and what goes on after a restart.

use alloc::{sync::Arc, vec::Vec};

use ensign_primitives::{GroupId, Now, PeerId, RequestId, sha256};
use ensign_session::{Phase, Session};
use ensign_wire::{AbortReason, Frame, Payload, Scheme, SignedRequest, SigningRequest};

use super::{Signing, around};
use crate::{
    ATTEMPTS_MAX, Asked, CommandError, ENDING_WAIT, End, Event, FAILED_ATTEMPTS_MAX, GroupConfig,
    KeptPartials, Open, Output, Proposal, Record, Review, Source, Standing,
    course::pause_after,
    ended::Share,
    groups::Formed,
    muster::Around,
    request::{Closing, Mark, NewRequest, Request, no_attempt_left},
    requests::Attempt,
};

impl Signing {
    /// Joins a group: asks for connections to its members and takes their requests from now on. Requests
    /// of it from before a restart go on.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when we are no member, somebody stands twice, the keys do not aggregate, or
    /// the group is known with other nodes. The same group again is no error.
    pub fn add_group(&mut self, now: Now, config: GroupConfig) -> Result<GroupId, CommandError> {
        let Formed { id, was_known, others, new } = self.groups.form(config, &self.membership)?;
        if was_known {
            return Ok(id);
        }
        self.shared.forget(&id);
        for peer in others {
            if new.contains(&peer) {
                self.outputs.push_back(Output::Want { peer });
                self.membership.introduce(now, peer);
            }
            self.groups_changed(peer);
        }
        self.membership.hear_again(now, &mut self.groups);
        self.hear_membership();
        self.follow_nodes(now);
        self.resume_waiting(now, id);
        Ok(id)
    }

    /// Leaves a group: its requests are not taken any more. Nodes that are members of no other group are
    /// strangers from now on, and let go.
    ///
    /// # Errors
    ///
    /// [`CommandError::UnknownGroup`], or [`CommandError::GroupInUse`] while a request of it is open.
    pub fn forget_group(&mut self, id: &GroupId) -> Result<(), CommandError> {
        self.groups.known(id)?;
        let is_open =
            |request: &RequestId| self.requests.get(request).is_some_and(|it| !it.is_settled());
        if let Some(request) = self.requests.of_group(id).into_iter().find(is_open) {
            return Err(CommandError::GroupInUse { request });
        }
        let (peers, gone) = self.groups.forget(id);
        self.shared.forget(id);
        self.muster.forget(id);
        for peer in peers.iter().filter(|peer| !gone.contains(peer)) {
            self.groups_changed(*peer);
        }
        for peer in gone {
            self.outputs.push_back(Output::Standing { peer, standing: Standing::Stranger });
            self.outputs.push_back(Output::Forget { peer });
        }
        Ok(())
    }

    /// Goes on with what waited for a group: what our user had consented to, then what is asked again.
    fn resume_waiting(&mut self, now: Now, group: GroupId) {
        let (mut open, mut asked) = self.waiting.take(group);
        let room = self.requests.room();
        let no_room_open = open.split_off(room.min(open.len()));
        let no_room_asked = asked.split_off((room - open.len()).min(asked.len()));
        if !no_room_open.is_empty() || !no_room_asked.is_empty() {
            self.waiting.put_back(group, no_room_open, no_room_asked);
        }
        for open in open {
            let request = open.request.request.id();
            if let Err(why) = self.resume(now, open) {
                self.event(Event::NotResumed { request, why });
            }
        }
        for asked in asked {
            let request = asked.request.request.id();
            if let Err(why) = self.reopen(now, asked) {
                self.event(Event::NotResumed { request, why });
            }
        }
    }

    /// Goes on with what waited for room, where there is some.
    pub(super) fn resume_full(&mut self, now: Now) {
        if self.requests.room() > 0
            && let Some(group) = self.waiting.take_full()
        {
            self.resume_waiting(now, group);
        }
    }

    /// Asks a group to sign, as one of its signers; that is our consent. Nobody hears of it before the
    /// consent is durable.
    ///
    /// - `nonce`: 16 bytes from the operating system that keep two equal requests apart.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the group is unknown, a field is outside its limits, or there is no
    /// room.
    pub fn propose(
        &mut self,
        now: Now,
        proposal: Proposal,
        nonce: [u8; 16],
    ) -> Result<RequestId, CommandError> {
        let group = self.groups.known(&proposal.group)?;
        let (payload, bytes) = match proposal.source {
            Source::Bare => (Payload::Blind, None),
            Source::Drill => (Payload::Drill, None),
            Source::Psbt(bytes) => {
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                (Payload::Psbt { digest: sha256(&bytes), len }, Some(bytes))
            }
        };
        let request = SigningRequest {
            network: self.config.network,
            scheme: Scheme::Bip327,
            signers: group.keys().clone(),
            messages: proposal.messages,
            payload,
            purpose: proposal.purpose,
            tx_type: proposal.tx_type,
            amount: proposal.amount,
            creator: group.local(),
            created: now.unix,
            expires: now.unix.after(proposal.lifetime),
            mode: proposal.mode,
            nonce,
        };
        let signed = SignedRequest::sign(request, &self.keys.node_key, self.keys.delegation)
            .map_err(CommandError::Limits)?;
        let (signed, payload) = (Arc::new(signed), bytes.map(Arc::from));
        let new = NewRequest { group: proposal.group, signed, payload, attempt: 1 };
        let id = self.open_request(now, new)?;
        let token = self.consent(now, id)?;
        self.requests.keep_secret(id, token);
        Ok(id)
    }

    /// Takes up a request to which our user had consented before a restart: none of the attempts that
    /// were joined is joined again.
    ///
    /// - A request that was made before what we know begins is closed: [`Event::Void`] and [`Event::Closed`]
    ///   say so.
    /// - A request that has expired is closed: [`Event::Closed`] says so. If partial signatures of ours are
    ///   durable, the others may have its signatures, and are asked for [`ENDING_WAIT`] before that.
    /// - One whose last attempt has durable partial signatures of ours sends them again, because the
    ///   others may still wait for them; the next attempt begins when it has got no signatures within
    ///   the pause before it.
    /// - One that has used up its attempts joins nothing more, but the others may have its signatures:
    ///   it is closed only when nobody has told its end within [`ENDING_WAIT`].
    /// - Every other one begins a fresh attempt.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when its group is unknown, it is open already or has ended, or there is no
    /// room.
    pub fn resume(&mut self, now: Now, open: Open) -> Result<RequestId, CommandError> {
        let Open { request, payload, attempts, failed, kept, signed: signed_in, number, agrees } =
            open;
        let id = request.request.id();
        let group = request.request.signers.group_id(self.config.network);
        self.groups.known(&group)?;
        self.requests.check_new(id)?;
        if self.is_void(&request) {
            self.close_void(now, group, (request, payload, attempts));
            return Ok(id);
        }
        let is_over = self.horizons.is_over(now.unix, &request.request);
        if is_over && kept.is_none() {
            let failure = no_attempt_left(AbortReason::Expired);
            self.close(now, id, Closing { group, attempt: attempts, failure, mark: Mark::Now });
            return Ok(id);
        }
        let is_last = is_over || attempts >= ATTEMPTS_MAX || failed >= FAILED_ATTEMPTS_MAX;
        let wait = match &kept {
            _ if is_last => Some(ENDING_WAIT),
            Some(_) => Some(pause_after(failed)),
            None => None,
        };
        let attempt = if wait.is_some() { attempts.min(ATTEMPTS_MAX) } else { attempts + 1 };
        let (signed, payload) = (Arc::new(request), payload.map(Arc::from));
        self.open_request(now, NewRequest { group, signed, payload, attempt })?;
        let retry_at = wait.map(|wait| now.instant.after(wait));
        self.requests.change(&id, |request| {
            request.resume(agrees, signed_in);
            request.course_mut().resume(failed, retry_at);
        });
        self.muster.restore(id, number, agrees);
        if is_over {
            // The engine's wait ends before the session's.
            self.with_session(now, id, |session| session.wait_for_end(now, 2 * ENDING_WAIT));
        }
        if let Some(KeptPartials { nonces, partials }) = kept {
            self.with_session(now, id, |session| session.repeat_partials(now, nonces, partials));
        }
        if wait.is_none() {
            self.with_session(now, id, |session| session.announce(now));
        }
        if !agrees && !is_last {
            // Whoever said yes once has to look again: no rule does that for them.
            self.event(Event::Withdrawn { request: id });
            self.ask_user(now, id);
        }
        if wait.is_none() {
            self.consider(now, id);
        }
        Ok(id)
    }

    /// Closes what our user had consented to in a time that our store may have missed a part of: others may
    /// have seen us join an attempt that it does not know of.
    fn close_void(
        &mut self,
        now: Now,
        group: GroupId,
        (request, payload, attempt): (SignedRequest, Option<Vec<u8>>, u16),
    ) {
        let (id, reason) = (request.request.id(), self.own_refusal(&request));
        let (request, payload) = (Arc::new(request), payload.map(Arc::from));
        self.event(Event::Void(Review { id, group, request, payload }));
        let failure = no_attempt_left(reason);
        self.close(now, id, Closing { group, attempt, failure, mark: Mark::Now });
    }

    /// Asks our user again about a request of another signer's that was undecided before a restart.
    /// Its creator need not be there: whoever is in a later attempt, or knows its end, says so when
    /// it connects.
    ///
    /// The caller knows that no attempt at it was joined: our user never consented.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when its group is unknown, it is open already or over, or there is no room.
    pub fn reopen(&mut self, now: Now, asked: Asked) -> Result<RequestId, CommandError> {
        let Asked { request: signed, payload } = asked;
        let (id, request) = (signed.request.id(), &signed.request);
        let group = request.signers.group_id(self.config.network);
        let creator = self.groups.known(&group)?.node_of(request.creator);
        let is_its_creators = creator == Some(signed.peer);
        let is_over = self.horizons.is_over(now.unix, request)
            || self.admission.undecided().excludes(&signed.peer, &id, request.created);
        if is_over || !is_its_creators {
            return Err(CommandError::HasEnded { request: id });
        }
        let (signed, payload) = (Arc::new(signed), payload.map(Arc::from));
        self.open_request(now, NewRequest { group, signed, payload, attempt: 1 })?;
        self.ask_user(now, id);
        Ok(id)
    }

    /// Consents to a request: everything in it was shown to our user. Holds for every attempt at it, until it
    /// is withdrawn. An attempt is joined when all members are ready: at once, or when all have agreed.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when no such request waits for a decision, or its payload has not come.
    pub fn approve(&mut self, now: Now, id: RequestId) -> Result<(), CommandError> {
        self.consent(now, id)?;
        self.consider(now, id);
        Ok(())
    }

    /// Takes our user's consent to a request back. [`Event::Withdrawn`] says when that is durable, and then
    /// our user is asked again; a consent after that has a higher number.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when no such request is open, our user has not consented to it, our node has joined
    /// the attempt that runs, or it has signed in an earlier one: whoever holds that may finish it.
    pub fn withdraw(&mut self, now: Now, id: RequestId) -> Result<(), CommandError> {
        self.requests.unsettled(&id)?.check_withdrawable()?;
        self.requests.with(&id, Request::withdraw);
        let number = self.muster.decide(id, false);
        let token = self.persist(Record::Decided { request: id, number, agrees: false });
        self.muster.await_record(&id, token);
        self.tell_when_durable(token, Event::Withdrawn { request: id });
        self.consider(now, id);
        Ok(())
    }

    /// Refuses a request, or gives up one of our own; ends it for everybody.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when no such request is open.
    pub fn stop(
        &mut self,
        now: Now,
        id: RequestId,
        reason: AbortReason,
    ) -> Result<(), CommandError> {
        let request = self.requests.unsettled(&id)?;
        if request.is_between_attempts() {
            // Between two attempts: the next one begins with its end.
            let next = Attempt { request: id, number: request.attempt() + 1 };
            self.replace_session(now, next, None);
        }
        self.command_session(now, id, |session| session.stop(now, reason))
    }

    /// Remembers a request that ended without this machine, so that it is not opened and whoever missed
    /// its end is told.
    pub fn remember_ended(&mut self, request: RequestId, group: GroupId, end: End) {
        self.requests.end(request, (group, end), Share::Decided);
    }

    /// Notes our user's consent, and asks for it to be made durable under the token it returns.
    fn consent(&mut self, now: Now, id: RequestId) -> Result<u64, CommandError> {
        self.requests.unsettled(&id)?;
        let unknown = CommandError::UnknownRequest { request: id };
        let first = self.requests.change(&id, |request| request.consent(now)).ok_or(unknown)??;
        let number = self.muster.decide(id, true);
        let again = Record::Decided { request: id, number, agrees: true };
        let token = self.persist(first.unwrap_or(again));
        self.muster.await_record(&id, token);
        self.tell_when_durable(token, Event::ConsentDurable { request: id });
        Ok(token)
    }

    /// Joins the attempt that is next, if our user has consented and everybody is ready: at the moment of
    /// that consent, else when all have agreed. Tells what the request waits for.
    pub(super) fn consider(&mut self, now: Now, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        if !request.awaits_join() {
            return self.tell_wait(now, id);
        }
        let (group, course) = (request.group(), request.course().clone());
        let around = around!(self, now);
        let is_time = course.may_join_ahead(now) || self.muster.have_all_agreed(around, &id);
        if is_time && self.muster.is_ready(around, &group) {
            if course.attempt() > 1 && course.is_opened_by_us() {
                self.with_session(now, id, |session| session.announce(now));
            }
            self.join(now, id);
        }
        self.tell_wait(now, id);
    }

    /// As [`consider`](Self::consider), for every request of a group.
    pub(super) fn consider_all(&mut self, now: Now, group: &GroupId) {
        self.hear_muster();
        for id in self.requests.of_group(group) {
            self.consider(now, id);
        }
    }

    /// Goes on with the nodes that speak now for members whose node was replaced: what the old one said counts
    /// for nobody, and attempts that count on it begin anew.
    pub(super) fn follow_nodes(&mut self, now: Now) {
        for key in core::mem::take(&mut self.replaced) {
            for (group, signer) in self.groups.with_signer(&key) {
                self.muster.replaced(&self.requests, &group, signer);
                for id in self.requests.of_group(&group) {
                    self.renew_session(now, id);
                }
                self.consider_all(now, &group);
            }
        }
    }

    fn join(&mut self, now: Now, id: RequestId) {
        self.with_session(now, id, |session| {
            let approved = session.approve(now);
            debug_assert!(approved.is_ok(), "it awaits approval: {approved:?}");
        });
    }

    /// Tells what a request waits for, if that is news and not all have joined.
    pub(super) fn tell_wait(&mut self, now: Now, id: RequestId) {
        let waits = |it: &&Request| {
            let is_early = it.session().phase() <= Phase::Committing || it.is_between_attempts();
            is_early && !it.is_secret() && !it.is_settled() && !it.session().have_all_joined()
        };
        let Some(request) = self.requests.get(&id).filter(waits).map(|_| id) else { return };
        let Some(wait) = self.muster.wait(around!(self, now), &id) else { return };
        let news = self.requests.with(&id, |request| request.tell_wait(now, wait));
        if let Some(wait) = news.flatten() {
            self.event(Event::Waiting { request, wait });
        }
    }

    /// Ends every attempt whose nonces have outlived their time, or were made before the clocks parted.
    pub(super) fn dissolve_old(&mut self, now: Now) {
        if !self.clocks.have_moved(now) {
            return;
        }
        for id in self.requests.with_old_nonces(now) {
            self.dissolve(now, id);
        }
    }

    pub(super) fn dissolve(&mut self, now: Now, id: RequestId) {
        self.with_session(now, id, |session| {
            let _ = session.stop(now, AbortReason::Dissolved);
        });
    }

    /// Says again whom we see, where a request is open.
    pub(super) fn report_links(&mut self, now: Now) {
        for group in self.muster.on_timeout(around!(self, now)) {
            self.consider_all(now, &group);
        }
    }

    pub(super) fn ask_user(&mut self, now: Now, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        if request.misses_payload() || request.has_consent() || request.is_settled() {
            return;
        }
        let review = Review {
            id,
            group: request.group(),
            request: Arc::clone(request.signed()),
            payload: request.payload().cloned(),
        };
        if !self.is_void(&review.request) {
            return self.event(Event::Review(review));
        }
        let reason = self.own_refusal(&review.request);
        self.event(Event::Void(review));
        let stopped = self.stop(now, id, reason);
        debug_assert!(stopped.is_ok(), "it is open: {stopped:?}");
    }

    /// Whether a request was made before what we know begins.
    pub(super) fn is_void(&self, signed: &SignedRequest) -> bool {
        self.void_until.is_some_and(|until| signed.request.created <= until)
    }

    /// Returns what others are told of a request that we end by ourselves.
    pub(super) fn own_refusal(&self, signed: &SignedRequest) -> AbortReason {
        let is_own = signed.peer == self.own_peer();
        if is_own { AbortReason::Cancelled } else { AbortReason::Declined }
    }

    /// Sends once more, later, what a node may not have been brought.
    pub(super) fn on_dropped(&mut self, now: Now, peer: PeerId) {
        if !self.is_up(&peer) {
            return;
        }
        self.requests.each(|request| request.doubt_sent(&peer));
        self.resends.begin(now, peer);
        self.notices.dropped(now, &peer);
    }

    pub(super) fn resend_payloads(&mut self, now: Now) {
        while let Some((peer, last)) = self.resends.take_due(now) {
            last.map(|id| self.requests.with(&id, |request| request.passed(&peer)));
            if let Some((id, payload)) = self.requests.doubted(&peer, last) {
                self.requests.with(&id, |request| request.resent(peer));
                self.resends.sent(now, peer, (id, payload.len()));
                self.send(peer, &Frame::Payload { request: id, bytes: payload.to_vec() });
            }
        }
    }

    /// Tells connected members the proofs whose time has come.
    pub(super) fn tell_proofs(&mut self, now: Now) {
        if self.notices.take_due(now) {
            let up: Vec<PeerId> = self.peers.iter().map(|(peer, _)| *peer).collect();
            up.into_iter().for_each(|peer| self.tell_proofs_to(now, peer));
        }
    }

    /// Tells a member the proofs of the groups in which it has shown for whom it speaks.
    pub(super) fn tell_proofs_to(&mut self, now: Now, peer: PeerId) {
        let groups = self.membership.shared_with(&self.groups, &peer);
        self.outputs.extend(self.notices.send(now, peer, &groups));
    }

    fn command_session(
        &mut self,
        now: Now,
        id: RequestId,
        act: impl FnOnce(&mut Session) -> Result<(), ensign_session::CommandError>,
    ) -> Result<(), CommandError> {
        let unknown = CommandError::UnknownRequest { request: id };
        let done = self.requests.change(&id, |request| act(request.session_mut()));
        done.ok_or(unknown)?.map_err(CommandError::Session)?;
        self.drain_session(now, id);
        Ok(())
    }
}
