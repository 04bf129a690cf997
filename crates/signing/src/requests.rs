//! Open requests and the attempts at them.

use alloc::{boxed::Box, collections::BTreeSet, sync::Arc, vec::Vec};
use core::time::Duration;

use ensign_primitives::{GroupId, Instant, Network, Now, PeerId, RequestId, SessionId};
use ensign_primitives::{StateMachine, Wakeup};
use ensign_replay::{MESSAGE_AGE_MAX, check_fresh};
use ensign_session::{Failure, Offense as SessionOffense, Phase, Session, SessionSetup};
use ensign_wire::{AbortReason, Body, Envelope, Payload, SignedRequest, SigningRequest};

use crate::{
    ATTEMPT_PAUSE, ATTEMPTS_MAX, CommandError, Event, Offense, Opening, REQUESTS_MAX, Record,
    Signing, UndecidedEnd,
    ended::{End, Share, final_reason, is_retried},
};

/// One open request and its current attempt.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) group: GroupId,
    pub(crate) signed: Arc<SignedRequest>,
    pub(crate) payload: Option<Arc<[u8]>>,
    pub(crate) consented: bool,
    /// A request of our own whose consent is not durable yet, under this token: nobody hears of it.
    pub(crate) unannounced: Option<u64>,
    pub(crate) attempt: u16,
    /// Whose node began the attempt, and why; `None` for us.
    pub(crate) opened_by: Option<Opening>,
    /// Since when the attempt runs.
    pub(crate) attempt_at: Instant,
    pub(crate) session: Session,
    /// The durable record that the session asked for last: our token and its own. It waits for no
    /// earlier one.
    pub(crate) persisting: Option<(u64, u64)>,
    /// When the next attempt begins; after the last attempt, when nobody is asked any more how it
    /// ended.
    pub(crate) retry_at: Option<Instant>,
    /// Since when there is no further attempt: it has finished, or failed for good. It stays until
    /// its session falls silent.
    pub(crate) settled_at: Option<Instant>,
    /// Whose nodes have been sent the payload on their present connection.
    pub(crate) payload_sent: BTreeSet<PeerId>,
    /// Whose nodes have joined an attempt, and so hold the payload.
    pub(crate) joined: BTreeSet<PeerId>,
    pub(crate) refusals_reported: u8,
}

/// How the end of a request is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// At once: our user decided, or nobody else would say it again.
    Now,
    /// With the next record: others ended what our user had consented to.
    Later,
    /// By name only: our user never decided.
    Undecided,
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

    pub(crate) const fn is_between_attempts(&self) -> bool {
        self.retry_at.is_some() && self.attempt < ATTEMPTS_MAX
    }

    pub(crate) fn misses_payload(&self) -> bool {
        self.payload.is_none() && self.signed.request.payload != Payload::Blind
    }

    pub(crate) const fn is_settled(&self) -> bool {
        self.settled_at.is_some()
    }

    fn is_expired(&self, now: Now) -> bool {
        self.signed.request.expires <= now.unix
    }
}

/// Every attempt that a request may have.
pub(crate) fn all_sessions(
    request: RequestId,
    network: Network,
) -> impl Iterator<Item = (SessionId, u16)> {
    (1..=ATTEMPTS_MAX)
        .map(move |attempt| (SigningRequest::session_id(request, network, attempt), attempt))
}

impl Signing {
    /// Enters a verified request with a session for `attempt`.
    pub(crate) fn open_request(
        &mut self,
        now: Now,
        group: GroupId,
        signed: Arc<SignedRequest>,
        payload: Option<Arc<[u8]>>,
        attempt: u16,
    ) -> Result<RequestId, CommandError> {
        let session = self.new_session(now, group, &signed, attempt)?;
        let id = session.request_id();
        self.check_new(id)?;
        self.make_room();
        self.horizon.take(signed.request.created);
        let request = Request {
            group,
            signed,
            payload,
            consented: false,
            unannounced: None,
            attempt,
            opened_by: None,
            attempt_at: now.instant,
            session,
            persisting: None,
            retry_at: None,
            settled_at: None,
            payload_sent: BTreeSet::new(),
            joined: BTreeSet::new(),
            refusals_reported: 0,
        };
        let full = CommandError::TooManyRequests { limit: REQUESTS_MAX };
        self.requests.insert(id, request).map_err(|_| full)?;
        self.sessions
            .extend(all_sessions(id, self.config.network).map(|(session, at)| (session, (id, at))));
        self.event(Event::Attempt { request: id, attempt });
        Ok(id)
    }

    /// No request is opened twice, or the same attempt could be joined twice.
    pub(crate) fn check_new(&self, id: RequestId) -> Result<(), CommandError> {
        if self.requests.contains_key(&id) {
            return Err(CommandError::AlreadyOpen { request: id });
        }
        if self.ended.contains(&id) {
            return Err(CommandError::HasEnded { request: id });
        }
        Ok(())
    }

    /// The request that was settled first gives way to a new one; its ending still answers for it.
    fn make_room(&mut self) {
        if !self.requests.is_full() {
            return;
        }
        let settled = self.requests.iter().filter_map(|(id, it)| Some((it.settled_at?, *id)));
        if let Some((_, oldest)) = settled.min() {
            self.drop_request(oldest);
        }
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
            signer: self.own_key,
            delegation: self.keys.delegation,
            timeouts: self.config.timeouts,
        };
        let first_seq = first_seq(now, &signed.request);
        let mut session = Session::new(setup, now).map_err(CommandError::Setup)?;
        session.number_from(first_seq);
        Ok(session)
    }

    /// Routes an envelope: to its session, to a new attempt, to a new request, to the memory of
    /// what has ended, or to the shelf.
    pub(crate) fn on_envelope(&mut self, now: Now, from: PeerId, envelope: Box<Envelope>) {
        match self.sessions.get(&envelope.session()).copied() {
            Some((id, attempt)) if self.requests.contains_key(&id) => {
                self.on_known(now, from, (id, attempt), envelope);
            }
            Some((id, _)) => self.answer_ended(now, from, id, envelope),
            None => {
                if matches!(envelope.body(), Body::SessionAnnounce(_)) {
                    self.on_announce(now, from, envelope);
                } else if let Some(peer) = self.peers.get_mut(&from) {
                    peer.keep_early(envelope);
                }
            }
        }
    }

    fn on_known(
        &mut self,
        now: Now,
        from: PeerId,
        (id, attempt): (RequestId, u16),
        envelope: Box<Envelope>,
    ) {
        let Some(group) = self.requests.get(&id).map(|request| request.group) else { return };
        self.speaks_for(from, group);
        let Some(request) = self.requests.get(&id) else { return };
        if attempt != request.attempt && request.is_settled() {
            // Whoever has our signatures counts us as done: they must be durable.
            if request.persisting.is_none() {
                self.answer_ended(now, from, id, envelope);
            }
            return;
        }
        if attempt > request.attempt && !request.is_expired(now) {
            match self.opens_attempt(now, from, request, &envelope) {
                Ok(true) => {
                    let sender = envelope.sender();
                    let opened_by = self.opening(id, &sender);
                    self.start_attempt(now, id, attempt, OpenedBy::Peer);
                    if let Some(request) = self.requests.get_mut(&id) {
                        request.opened_by = opened_by;
                    }
                    if !matches!(envelope.body(), Body::SessionAnnounce(_)) {
                        // Its join may have been said before it was connected. An announcement is
                        // acknowledged anyhow.
                        self.acknowledge(now, id, sender);
                    }
                }
                Ok(false) => {}
                Err(offense) => return self.offense(from, Offense::Session(offense)),
            }
        }
        let current = self.requests.get(&id).is_some_and(|request| request.attempt == attempt);
        if current {
            let input = ensign_session::Input::Envelope { from, envelope };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Says who began a later attempt: the node that was seen to restart in the present one, whoever
    /// brings the news; else whoever speaks there first.
    fn opening(&self, id: RequestId, sender: &PeerId) -> Option<Opening> {
        let request = self.requests.get(&id)?;
        let group = self.groups.get(&request.group)?;
        let restarted =
            |peer: &&PeerId| self.instances.has_restarted_since(peer, request.attempt_at);
        let restarted =
            Some(sender).filter(restarted).or_else(|| group.peers.iter().find(restarted));
        let who = self.signer_of(id, restarted.unwrap_or(sender))?;
        Some(Opening { who, has_restarted: restarted.is_some() })
    }

    /// Whether a signer's node really is in a later attempt: it came back from a restart, or its
    /// wait was over before ours. Whatever it says there shows it, because what it said first may
    /// be lost.
    fn opens_attempt(
        &self,
        now: Now,
        from: PeerId,
        request: &Request,
        envelope: &Envelope,
    ) -> Result<bool, SessionOffense> {
        let sender = envelope.sender();
        let Some(group) = self.groups.get(&request.group) else { return Ok(false) };
        if matches!(envelope.body(), Body::ValidationError(_)) || !group.peers.contains(&from) {
            return Ok(false);
        }
        if !group.peers.contains(&sender) {
            return Err(SessionOffense::Unlisted { sender });
        }
        check_fresh(now.unix, envelope.sent_at()).map_err(SessionOffense::Replay)?;
        if !envelope.verify() {
            return Err(SessionOffense::BadSignature { sender });
        }
        Ok(sender != self.keys.node_key.peer_id())
    }

    /// Leaves the current attempt, whose nonces are dropped with it, for a later one; joins it if
    /// our user had consented.
    fn start_attempt(&mut self, now: Now, id: RequestId, attempt: u16, opened_by: OpenedBy) {
        if !self.replace_session(now, id, attempt) {
            return;
        }
        if opened_by == OpenedBy::Us {
            self.with_session(now, id, |session| session.announce(now));
        }
        if self.requests.get(&id).is_some_and(|request| request.consented) {
            self.with_session(now, id, |session| {
                let _ = session.approve(now);
            });
        }
        self.feed_early(now, id);
    }

    pub(crate) fn replace_session(&mut self, now: Now, id: RequestId, attempt: u16) -> bool {
        self.with_session(now, id, Session::abandon);
        let Some(request) = self.requests.get(&id) else { return false };
        let session = self.new_session(now, request.group, &request.signed, attempt);
        let Some(request) = self.requests.get_mut(&id) else { return false };
        request.retry_at = None;
        let Ok(session) = session else {
            debug_assert!(false, "a request that made one session makes another");
            return false;
        };
        request.session = session;
        request.persisting = None;
        request.attempt = attempt;
        request.opened_by = None;
        request.attempt_at = now.instant;
        self.event(Event::Attempt { request: id, attempt });
        true
    }

    /// Decides what follows the end of an attempt.
    pub(crate) fn on_failure(&mut self, now: Now, id: RequestId, failure: Box<Failure>) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let attempt = request.attempt;
        let retried = is_retried(failure.reason) && failure.evidence.is_none();
        if retried && attempt < ATTEMPTS_MAX {
            request.retry_at = Some(now.instant.after(pause_after(attempt)));
            let event = ensign_session::Event::Failed(failure);
            return self.event(Event::Session { request: id, attempt, event });
        }
        let group = request.group;
        let decided = matches!(failure.reason, AbortReason::Declined | AbortReason::Cancelled);
        let is_ours = failure.by.is_none() && decided;
        let mark = match (request.consented, &failure.by) {
            (false, _) if !is_ours => Mark::Undecided,
            // If the note is lost, the request goes on after a restart, and whoever ended it says so
            // again.
            (true, Some(_)) => Mark::Later,
            (_, _) => Mark::Now,
        };
        self.close(now, id, (group, attempt), (failure, mark));
    }

    /// Ends a request for good, without signatures.
    pub(crate) fn close(
        &mut self,
        now: Now,
        id: RequestId,
        (group, attempt): (GroupId, u16),
        (failure, mark): (Box<Failure>, Mark),
    ) {
        let reason = final_reason(failure.reason, attempt);
        let share = if mark == Mark::Undecided { Share::Undecided } else { Share::Decided };
        self.settle(now, id, (group, End::Closed(reason)), share);
        let record = Record::Closed { request: id, group, reason };
        match mark {
            Mark::Now => drop(self.persist(record)),
            Mark::Later => self.note(record),
            Mark::Undecided => self.note_undecided(now, id),
        }
        self.event(Event::Closed { request: id, attempt, failure });
    }

    pub(crate) fn settle(&mut self, now: Now, id: RequestId, end: (GroupId, End), share: Share) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.settled_at.get_or_insert(now.instant);
            request.retry_at = None;
        }
        self.horizon.see(now.unix);
        self.remember_end(id, end, share);
    }

    /// Remembers by name what our user never decided about.
    fn note_undecided(&mut self, now: Now, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        let asked = &request.signed.request;
        let end = UndecidedEnd { created: asked.created, request: id, expires: asked.expires };
        let creator = request.signed.peer;
        let kept = self.undecided.remember(creator, end, (now.unix, &self.horizon));
        self.note(Record::Undecided(kept));
        self.note_horizon();
    }

    pub(crate) fn run_request_timers(&mut self, now: Now) {
        let ids: Vec<RequestId> = self.requests.iter().map(|(id, _)| *id).collect();
        for id in ids {
            self.with_session(now, id, |session| session.handle_timeout(now));
            let Some(request) = self.requests.get_mut(&id) else { continue };
            if request.retry_at.is_none_or(|at| at > now.instant) {
                continue;
            }
            if !request.is_between_attempts() {
                // Nobody has told how the last attempt ended: it ends here, for everybody.
                request.retry_at = None;
                let _ = request.session.stop(now, AbortReason::Internal);
                self.drain_session(now, id);
                continue;
            }
            let (group, attempt, consented) = (request.group, request.attempt, request.consented);
            if request.is_expired(now) {
                let failure = no_attempt_left(AbortReason::Expired);
                let mark = if consented { Mark::Now } else { Mark::Undecided };
                self.close(now, id, (group, attempt), (failure, mark));
                self.drop_if_over(id);
                continue;
            }
            let opened_by = if consented { OpenedBy::Us } else { OpenedBy::Peer };
            self.start_attempt(now, id, attempt + 1, opened_by);
        }
    }

    /// Forgets a request that is settled and whose session has stopped answering.
    pub(crate) fn drop_if_over(&mut self, id: RequestId) {
        let over = |request: &Request| request.is_settled() && request.session.is_over();
        if self.requests.get(&id).is_some_and(over) {
            self.drop_request(id);
        }
    }

    fn drop_request(&mut self, id: RequestId) {
        self.requests.remove(&id);
        if !self.ended.contains(&id) {
            self.forget_sessions(id);
        }
    }
}

/// The first number of what we say in a session: grows with time, so that a process that restarts
/// before it joined goes on above what the one before it has said. Small for a young request.
pub(crate) fn first_seq(now: Now, request: &SigningRequest) -> u64 {
    let created = request.created.as_millis();
    let slack = u64::try_from(MESSAGE_AGE_MAX.as_millis()).unwrap_or(u64::MAX);
    now.unix.as_millis().saturating_add(slack).saturating_sub(created).max(2)
}

/// How long the next attempt waits after this one.
pub(crate) fn pause_after(attempt: u16) -> Duration {
    ATTEMPT_PAUSE * u32::from(attempt)
}

/// The failure of a request that ends between two attempts.
pub(crate) fn no_attempt_left(reason: AbortReason) -> Box<Failure> {
    Box::new(Failure {
        reason,
        by: None,
        culprits: Vec::new(),
        accused: None,
        evidence: None,
        own: None,
        phase: Phase::Gathering,
    })
}
