//! Requests: announced, reviewed, attempted, ended.

use alloc::{boxed::Box, collections::BTreeSet, sync::Arc, vec::Vec};

use ensign_primitives::{
    GroupId, Instant, Now, PeerId, RequestId, SessionId, StateMachine, Wakeup, sha256,
};
use ensign_replay::{MESSAGE_AGE_MAX, check_fresh};
use ensign_session::{Failure, Phase, Session, SessionSetup};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Kind, Payload, Refusal, SessionAnnounce, SignedRequest,
    SigningRequest, ValidationError,
};

use crate::{
    ATTEMPT_PAUSE, ATTEMPTS_MAX, CommandError, Engine, Event, Offense, REQUESTS_MAX, Record, Review,
};

/// One open request and its current attempt.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) group: GroupId,
    pub(crate) signed: Arc<SignedRequest>,
    pub(crate) payload: Option<Arc<[u8]>>,
    pub(crate) consented: bool,
    pub(crate) attempt: u16,
    pub(crate) session: Session,
    /// When the next attempt begins.
    pub(crate) retry_at: Option<Instant>,
    /// No further attempt: finished, or failed for good.
    pub(crate) settled: bool,
    /// Whose nodes have been sent the payload on their present connection.
    payload_sent: BTreeSet<PeerId>,
}

/// Who opens an attempt, and so announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenedBy {
    Us,
    Peer,
}

impl Request {
    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        let retry = self.retry_at.map(|at| Wakeup { at, reason: "next attempt" });
        [retry, self.session.poll_timeout()].into_iter().flatten().min()
    }

    fn misses_payload(&self) -> bool {
        self.payload.is_none() && self.signed.request.payload != Payload::Blind
    }
}

impl Engine {
    /// Enters a verified request with a session for `attempt`.
    pub(crate) fn open_request(
        &mut self,
        now: Now,
        group: GroupId,
        signed: Arc<SignedRequest>,
        payload: Option<Arc<[u8]>>,
        attempt: u16,
    ) -> Result<RequestId, CommandError> {
        if self.requests.is_full() {
            return Err(CommandError::TooManyRequests { limit: REQUESTS_MAX });
        }
        let session = self.new_session(now, group, &signed, attempt)?;
        let id = session.request_id();
        let network = self.config.network;
        for attempt in 1..=ATTEMPTS_MAX {
            let session = SigningRequest::session_id(id, network, attempt);
            self.sessions.insert(session, (id, attempt));
        }
        let request = Request {
            group,
            signed,
            payload,
            consented: false,
            attempt,
            session,
            retry_at: None,
            settled: false,
            payload_sent: BTreeSet::new(),
        };
        let _ = self.requests.insert(id, request);
        self.event(Event::Attempt { request: id, attempt });
        Ok(id)
    }

    fn new_session(
        &self,
        now: Now,
        group: GroupId,
        signed: &Arc<SignedRequest>,
        attempt: u16,
    ) -> Result<Session, CommandError> {
        let known = self.groups.get(&group).ok_or(CommandError::UnknownGroup { group })?;
        let setup = SessionSetup {
            request: Arc::clone(signed),
            attempt,
            local: known.local,
            peers: Arc::clone(&known.peers),
            group: known.context.clone(),
            node_key: Arc::clone(&self.keys.node_key),
            sec_key: Arc::clone(&self.keys.sec_key),
            delegation: self.keys.delegation,
            timeouts: self.config.timeouts,
        };
        Session::new(setup, now).map_err(CommandError::Setup)
    }

    /// Routes an envelope: to its session, to a new attempt, to a new request, or to the shelf.
    pub(crate) fn on_envelope(&mut self, now: Now, from: PeerId, envelope: Box<Envelope>) {
        match self.sessions.get(&envelope.session()).copied() {
            Some((id, attempt)) => self.on_known(now, from, id, attempt, envelope),
            None => match envelope.body() {
                Body::SessionAnnounce(announce) => {
                    let announce = announce.clone();
                    self.on_announce(now, from, &envelope, &announce);
                }
                Body::SessionJoin(_)
                | Body::SessionReady(_)
                | Body::NonceShare(_)
                | Body::NonceAck(_)
                | Body::NoncesComplete(_)
                | Body::PartialSigShare(_)
                | Body::PartialSigAck(_)
                | Body::PartialSigsComplete(_)
                | Body::SignatureFinalized(_)
                | Body::SessionAbort(_)
                | Body::ValidationError(_) => {
                    if let Some(peer) = self.peers.get_mut(&from) {
                        peer.keep_early(envelope);
                    }
                }
            },
        }
    }

    fn on_known(
        &mut self,
        now: Now,
        from: PeerId,
        id: RequestId,
        attempt: u16,
        envelope: Box<Envelope>,
    ) {
        let Some(request) = self.requests.get(&id) else { return };
        if attempt > request.attempt && self.opens_attempt(now, request, &envelope) {
            self.start_attempt(now, id, attempt, OpenedBy::Peer);
        }
        let current = self.requests.get(&id).is_some_and(|request| request.attempt == attempt);
        if current {
            let input = ensign_session::Input::Envelope { from, envelope };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Whether a signer's node really opens or joins a later attempt: it came back from a restart,
    /// or its wait was over before ours.
    fn opens_attempt(&self, now: Now, request: &Request, envelope: &Envelope) -> bool {
        let member = self
            .groups
            .get(&request.group)
            .is_some_and(|group| group.peers.contains(&envelope.sender()));
        let opens = matches!(envelope.body(), Body::SessionAnnounce(_) | Body::SessionJoin(_));
        member
            && opens
            && !request.settled
            && request.session.phase() != Phase::Complete
            && check_fresh(now.unix, envelope.sent_at()).is_ok()
            && envelope.verify()
    }

    /// Leaves the current attempt, whose nonces are dropped with it, for a later one.
    pub(crate) fn start_attempt(
        &mut self,
        now: Now,
        id: RequestId,
        attempt: u16,
        opened_by: OpenedBy,
    ) {
        let Some(request) = self.requests.get(&id) else { return };
        let (group, signed, consented) =
            (request.group, Arc::clone(&request.signed), request.consented);
        let Ok(session) = self.new_session(now, group, &signed, attempt) else { return };
        if let Some(request) = self.requests.get_mut(&id) {
            request.session = session;
            request.attempt = attempt;
            request.retry_at = None;
        }
        self.event(Event::Attempt { request: id, attempt });
        if opened_by == OpenedBy::Us {
            self.with_session(now, id, |session| session.announce(now));
        }
        if consented {
            self.with_session(now, id, |session| {
                let _ = session.approve();
            });
        }
        self.feed_early(now, id);
    }

    fn on_announce(
        &mut self,
        now: Now,
        from: PeerId,
        envelope: &Envelope,
        announce: &SessionAnnounce,
    ) {
        let signed = &announce.request;
        let id = signed.request.id();
        if self.ended.contains(id.as_bytes()) || self.requests.contains_key(&id) {
            return;
        }
        let group = signed.request.signers.group_id(self.config.network);
        if let Err((offense, why)) = self.check_announce(now, id, group, envelope, announce) {
            self.refuse(now, from, envelope, why);
            return self.offense(from, offense);
        }
        let signed = Arc::new(signed.clone());
        let payload = self.take_early_payload(from, id, &signed);
        match self.open_request(now, group, signed, payload, announce.attempt) {
            Ok(id) => self.welcome(now, id, envelope),
            Err(CommandError::Setup(error)) => {
                self.refuse(now, from, envelope, Refusal::InvalidRequest);
                self.offense(from, Offense::Unsignable(error));
            }
            Err(_) => {
                self.refuse(now, from, envelope, Refusal::Busy);
                self.offense(from, Offense::NoRoom);
            }
        }
    }

    /// Checks an announcement of a request we have not seen, from cheap to dear.
    fn check_announce(
        &self,
        now: Now,
        id: RequestId,
        group: GroupId,
        envelope: &Envelope,
        announce: &SessionAnnounce,
    ) -> Result<(), (Offense, Refusal)> {
        let request = &announce.request.request;
        let unknown = (Offense::UnknownGroup { group }, Refusal::UnknownGroup);
        let Some(known) = self.groups.get(&group) else { return Err(unknown) };
        let creator = known.peers.get(request.creator.as_usize());
        if !known.peers.contains(&envelope.sender()) || creator != Some(&announce.request.peer) {
            return Err(unknown);
        }
        let latest = now.unix.after(MESSAGE_AGE_MAX);
        if request.expires <= now.unix
            || request.created > latest
            || check_fresh(now.unix, envelope.sent_at()).is_err()
        {
            return Err((Offense::RequestTime { request: id }, Refusal::ClockSkew));
        }
        let session: SessionId =
            SigningRequest::session_id(id, self.config.network, announce.attempt);
        let invalid = (Offense::InvalidAnnounce { request: id }, Refusal::InvalidRequest);
        if session != envelope.session() || announce.attempt > ATTEMPTS_MAX || !envelope.verify() {
            return Err(invalid);
        }
        announce
            .request
            .verify(now.unix)
            .map_err(|error| (Offense::InvalidRequest(error), Refusal::InvalidRequest))?;
        Ok(())
    }

    /// Acknowledges a new request, takes what overtook its announcement, and asks our user.
    fn welcome(&mut self, now: Now, id: RequestId, envelope: &Envelope) {
        let sender = envelope.sender();
        let announcer = self.requests.get(&id).and_then(|request| {
            let group = self.groups.get(&request.group)?;
            let at = group.peers.iter().position(|peer| *peer == sender)?;
            ensign_primitives::SignerIndex::from_usize(at)
        });
        if let Some(announcer) = announcer {
            self.with_session(now, id, |session| session.acknowledge(now, announcer));
        }
        self.feed_early(now, id);
        self.ask_user(id);
    }

    fn ask_user(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        if request.misses_payload() || request.consented || request.settled {
            return;
        }
        self.event(Event::Review(Review {
            id,
            group: request.group,
            request: Arc::clone(&request.signed),
            payload: request.payload.clone(),
        }));
    }

    fn feed_early(&mut self, now: Now, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        let session = request.session.id();
        let mut early: Vec<(PeerId, Box<Envelope>)> = Vec::new();
        for (peer, known) in self.peers.iter_mut() {
            let (ours, rest) =
                known.early.drain(..).partition(|envelope| envelope.session() == session);
            known.early = rest;
            let ours: alloc::collections::VecDeque<_> = ours;
            early.extend(ours.into_iter().map(|envelope| (*peer, envelope)));
        }
        for (from, envelope) in early {
            let input = ensign_session::Input::Envelope { from, envelope };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    pub(crate) fn on_payload(&mut self, from: PeerId, id: RequestId, bytes: Vec<u8>) {
        let Some(request) = self.requests.get_mut(&id) else {
            // The payload travels on a stream of its own and may overtake the announcement.
            if let Some(peer) = self.peers.get_mut(&from)
                && !self.ended.contains(id.as_bytes())
            {
                peer.early_payload = Some((id, bytes));
            }
            return;
        };
        if !request.misses_payload() {
            return;
        }
        if !is_payload(&request.signed.request, &bytes) {
            return self.offense(from, Offense::WrongPayload { request: id });
        }
        request.payload = Some(bytes.into());
        self.ask_user(id);
    }

    fn take_early_payload(
        &mut self,
        from: PeerId,
        id: RequestId,
        signed: &SignedRequest,
    ) -> Option<Arc<[u8]>> {
        let peer = self.peers.get_mut(&from)?;
        let (_, bytes) = peer.early_payload.take_if(|(request, _)| *request == id)?;
        if !is_payload(&signed.request, &bytes) {
            self.offense(from, Offense::WrongPayload { request: id });
            return None;
        }
        Some(bytes.into())
    }

    /// Sends a request's payload ahead of its announcement, once per connection.
    pub(crate) fn send_payload(&mut self, id: RequestId, peer: PeerId) {
        if !self.is_up(&peer) {
            return;
        }
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Some(payload) = request.payload.clone() else { return };
        if request.payload_sent.insert(peer) {
            self.send(peer, &Frame::Payload { request: id, bytes: payload.to_vec() });
        }
    }

    pub(crate) fn forget_sent_payloads(&mut self, peer: &PeerId) {
        for (_, request) in self.requests.iter_mut() {
            request.payload_sent.remove(peer);
        }
    }

    /// Decides what follows the end of an attempt.
    pub(crate) fn on_failure(&mut self, now: Now, id: RequestId, failure: &Failure) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let may_retry = match failure.reason {
            AbortReason::Timeout | AbortReason::ViewsDiffer | AbortReason::Internal => {
                failure.evidence.is_none()
            }
            AbortReason::Declined
            | AbortReason::PayloadMismatch
            | AbortReason::Expired
            | AbortReason::Equivocation
            | AbortReason::WrongCommitment
            | AbortReason::InvalidNonce
            | AbortReason::WrongPartialSig
            | AbortReason::Cancelled => false,
        };
        if may_retry && request.consented && request.attempt < ATTEMPTS_MAX {
            let pause = ATTEMPT_PAUSE * u32::from(request.attempt);
            request.retry_at = Some(now.instant.after(pause));
            return;
        }
        request.settled = true;
        self.ended.remember(*id.as_bytes());
        self.persist(Record::Closed { request: id });
        self.event(Event::Closed { request: id, failure: Box::new(failure.clone()) });
    }

    pub(crate) fn on_finished(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.settled = true;
            request.retry_at = None;
            self.ended.remember(*id.as_bytes());
        }
    }

    pub(crate) fn run_request_timers(&mut self, now: Now) {
        let ids: Vec<RequestId> = self.requests.iter().map(|(id, _)| *id).collect();
        for id in ids {
            self.with_session(now, id, |session| session.handle_timeout(now));
            let Some(request) = self.requests.get(&id) else { continue };
            if request.retry_at.is_some_and(|at| at <= now.instant) {
                let attempt = request.attempt + 1;
                self.start_attempt(now, id, attempt, OpenedBy::Us);
            }
        }
        self.drop_settled();
    }

    /// Forgets requests that are settled and whose sessions have stopped answering.
    pub(crate) fn drop_settled(&mut self) {
        self.requests.retain(|_, request| !(request.settled && request.session.is_over()));
        let requests = &self.requests;
        self.sessions.retain(|_, (id, _)| requests.contains_key(id));
    }

    /// Tells a sender why its announcement was refused, so that its user can know.
    fn refuse(&mut self, now: Now, peer: PeerId, refused: &Envelope, why: Refusal) {
        let body = Body::ValidationError(ValidationError { refused: Kind::SessionAnnounce, why });
        let (network, session) = (self.config.network, refused.session());
        // The only statement of ours in a session that we do not have.
        let envelope = Envelope::sign(&self.keys.node_key, network, session, 1, now.unix, body);
        if let Ok(envelope) = envelope {
            self.send(peer, &Frame::Envelope(Box::new(envelope)));
        }
    }
}

fn is_payload(request: &SigningRequest, bytes: &[u8]) -> bool {
    match request.payload {
        Payload::Blind => false,
        Payload::Psbt { digest, len } => {
            usize::try_from(len).is_ok_and(|len| len == bytes.len()) && sha256(bytes) == digest
        }
    }
}
