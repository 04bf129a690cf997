//! One open request and the attempt at it that runs.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use ensign_identity::SignerKey;
use ensign_primitives::SignerIndex;
use ensign_primitives::{GroupId, Instant, Now, Occupancy, PeerId, RequestId, SIGNERS_MAX};
use ensign_primitives::{StateMachine, Wakeup};
use ensign_ratelimit::{Allowance, Gcra};
use ensign_session::{Failure, Phase, Session};
use ensign_wire::{AbortReason, Envelope, Payload, SignedRequest};

use crate::{
    CommandError, Opening, REFUSALS_REPORTED_MAX, Record, RequestStatus, Wait, course::Course,
    ended::is_retried,
};

mod payloads;
pub(crate) use payloads::is_payload;

/// How often it is told what one request waits for. Guess: all of an ordinary group come and say yes at once;
/// nobody reads more.
const WAITS_TOLD: Allowance = Allowance { burst: 32, per_minute: 12 };

/// One open request and its current attempt.
#[derive(Debug)]
pub(crate) struct Request {
    id: RequestId,
    group: GroupId,
    signed: Arc<SignedRequest>,
    payload: Option<Arc<[u8]>>,
    consented: bool,
    /// Whether our user has ever consented: then the store knows of it.
    is_decided: bool,
    /// The latest attempt in which our partial signatures were written down, and so may have left.
    signed_in: Option<u16>,
    /// A request of our own whose consent is not durable yet, under this token: nobody hears of it.
    unannounced: Option<u64>,
    course: Course,
    session: Session,
    /// What was told last of what it waits for.
    told: Option<Box<Wait>>,
    /// How often more it may be told: what is left out is told with a later report.
    tells: Gcra,
    /// The durable record that the session asked for last. It waits for no earlier one.
    persisting: Option<Persisting>,
    /// Since when there is no further attempt: it has finished, or failed for good. It stays until
    /// its session falls silent.
    settled_at: Option<Instant>,
    /// Whose nodes have been sent the payload on their present connection.
    payload_sent: BTreeMap<PeerId, Sent>,
    /// Whose nodes have asked for it once more on their present connection.
    payload_asked: BTreeSet<PeerId>,
    /// Whose nodes have joined an attempt, and so hold the payload.
    joined: BTreeSet<PeerId>,
    /// Who holds the signatures.
    done: BTreeSet<SignerIndex>,
    refusals_reported: u8,
}

/// What became of a payload that a node was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    OnItsWay,
    /// Whoever carries payloads has dropped some of this node's since.
    Doubted,
    /// The node has joined since, or it was sent once more and not dropped.
    Arrived,
}

/// A record that a session waits for.
#[derive(Clone, Copy, Debug)]
struct Persisting {
    /// Our name for it.
    token: u64,
    /// The session's own.
    of_session: u64,
}

/// What a request is made from.
#[derive(Clone, Debug)]
pub(crate) struct NewRequest {
    pub(crate) group: GroupId,
    pub(crate) signed: Arc<SignedRequest>,
    pub(crate) payload: Option<Arc<[u8]>>,
    /// Which attempt it begins with.
    pub(crate) attempt: u16,
}

/// The end of a request without signatures.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) group: GroupId,
    /// How many attempts there were.
    pub(crate) attempt: u16,
    pub(crate) failure: Box<Failure>,
    pub(crate) mark: Mark,
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

/// What follows a moment that a request waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Nobody has told how the last attempt ended: it ends here, for everybody.
    EndOfWait,
    /// Its time is over.
    Expiry(Mark),
    /// The next attempt begins.
    Attempt,
}

/// What a durable record lets happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Our own request may be announced and joined.
    Proposal,
    /// The session goes on; this is its own name for the record.
    OfSession(u64),
}

impl Request {
    pub(crate) fn new(now: Now, new: NewRequest, session: Session) -> Self {
        let NewRequest { group, signed, payload, attempt } = new;
        Self {
            id: session.request_id(),
            group,
            signed,
            payload,
            consented: false,
            is_decided: false,
            signed_in: None,
            unannounced: None,
            course: Course::new(now, attempt),
            session,
            told: None,
            tells: Gcra::FULL,
            persisting: None,
            settled_at: None,
            payload_sent: BTreeMap::new(),
            payload_asked: BTreeSet::new(),
            joined: BTreeSet::new(),
            done: BTreeSet::new(),
            refusals_reported: 0,
        }
    }

    pub(crate) const fn group(&self) -> GroupId {
        self.group
    }

    pub(crate) const fn signed(&self) -> &Arc<SignedRequest> {
        &self.signed
    }

    pub(crate) const fn payload(&self) -> Option<&Arc<[u8]>> {
        self.payload.as_ref()
    }

    /// Whose request it is.
    pub(crate) fn creator(&self) -> PeerId {
        self.signed.peer
    }

    /// Whose it is by key, whatever node speaks for it.
    pub(crate) fn creator_key(&self) -> Option<SignerKey> {
        let request = &self.signed.request;
        request.signers.get(request.creator).copied()
    }

    pub(crate) const fn attempt(&self) -> u16 {
        self.course.attempt()
    }

    pub(crate) const fn course(&self) -> &Course {
        &self.course
    }

    pub(crate) const fn course_mut(&mut self) -> &mut Course {
        &mut self.course
    }

    /// Whether only the others are missing for a join: our user has consented, and no attempt runs that we
    /// have joined or wait after.
    pub(crate) fn awaits_join(&self) -> bool {
        self.consented
            && !self.is_secret()
            && !self.is_settled()
            && self.course.retry_at().is_none()
            && self.session.awaits_approval()
    }

    /// Whether our user may still withdraw: we have not joined the attempt that runs, and nobody holds
    /// partial signatures of ours from an earlier one.
    pub(crate) fn check_withdrawable(&self) -> Result<(), CommandError> {
        let request = self.id;
        if !self.consented {
            Err(CommandError::NotAgreed { request })
        } else if let Some(attempt) = self.signed_in {
            Err(CommandError::HasSigned { request, attempt })
        } else if self.is_between_attempts() || self.session.awaits_approval() {
            Ok(())
        } else {
            Err(CommandError::HasJoined { request })
        }
    }

    /// Opens no further attempt before our user has consented: what others end by saying so is theirs.
    pub(crate) fn rest(&mut self, now: Now) {
        let left = self.signed.request.expires.since(now.unix);
        self.course.rest(now, left);
    }

    /// Notes that our partial signatures for an attempt are written down.
    pub(crate) const fn note_signed(&mut self, attempt: u16) {
        self.signed_in = Some(attempt);
    }

    /// Whether our signer has nonces for it that have outlived their time.
    pub(crate) fn has_old_nonces(&self, now: Now) -> bool {
        let age = self.course.nonces().filter(|_| self.session.holds_nonces());
        age.is_some_and(|age| age.is_over(now))
    }

    /// Takes what it waits for; returns it if it was not told yet, and not too much was told lately.
    pub(crate) fn tell_wait(&mut self, now: Now, wait: Wait) -> Option<Box<Wait>> {
        let is_news =
            self.told.as_deref() != Some(&wait) && self.tells.take(now.instant, WAITS_TOLD, 1);
        is_news.then(|| self.told.insert(Box::new(wait)).clone())
    }

    pub(crate) const fn has_consent(&self) -> bool {
        self.consented
    }

    pub(crate) const fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        let retry = self.course.retry_at().map(|at| Wakeup { at, reason: "next attempt" });
        let age = self.course.nonces().filter(|_| self.session.holds_nonces());
        let nonces = age.map(|age| Wakeup { at: age.ends_at(), reason: "old nonces" });
        [retry, nonces, self.session.poll_timeout()].into_iter().flatten().min()
    }

    pub(crate) const fn is_between_attempts(&self) -> bool {
        self.course.is_between_attempts()
    }

    pub(crate) fn misses_payload(&self) -> bool {
        self.payload.is_none() && matches!(self.signed.request.payload, Payload::Psbt { .. })
    }

    pub(crate) const fn is_settled(&self) -> bool {
        self.settled_at.is_some()
    }

    pub(crate) const fn settled_at(&self) -> Option<Instant> {
        self.settled_at
    }

    /// Whether it is settled and its session has stopped answering.
    pub(crate) fn is_over(&self) -> bool {
        self.is_settled() && self.session.is_over()
    }

    pub(crate) fn is_expired(&self, now: Now) -> bool {
        self.signed.request.expires <= now.unix
    }

    /// Whether nobody hears of it, because our own consent is not durable.
    pub(crate) const fn is_secret(&self) -> bool {
        self.unannounced.is_some()
    }

    /// Whether a record that its session asked for is not durable yet.
    pub(crate) const fn is_persisting(&self) -> bool {
        self.persisting.is_some()
    }

    /// Notes our user's consent; returns the record of it, where it is the first.
    pub(crate) fn consent(&mut self, now: Now) -> Result<Option<Record>, CommandError> {
        if self.consented {
            return Err(CommandError::Session(ensign_session::CommandError::AlreadyApproved));
        }
        if self.misses_payload() {
            return Err(CommandError::MissingPayload { request: self.id });
        }
        self.consented = true;
        self.course.consent(now);
        let is_first = !core::mem::replace(&mut self.is_decided, true);
        Ok(is_first.then(|| Record::Consented {
            request: Box::new(self.signed.as_ref().clone()),
            payload: self.payload.as_ref().map(|payload| payload.to_vec()),
        }))
    }

    /// Takes our user's consent back.
    pub(crate) const fn withdraw(&mut self) {
        self.consented = false;
    }

    /// Goes on after a restart with a decision that is durable, and the attempt in which we have signed.
    pub(crate) const fn resume(&mut self, agrees: bool, signed_in: Option<u16>) {
        (self.consented, self.is_decided, self.signed_in) = (agrees, true, signed_in);
    }

    /// Keeps our own request secret until the record under this token is durable.
    pub(crate) const fn keep_secret(&mut self, token: u64) {
        self.unannounced = Some(token);
    }

    /// Takes the session of a later attempt in the place of the present one.
    ///
    /// - `opened_by`: `None` when we open it.
    pub(crate) fn begin(
        &mut self,
        now: Now,
        attempt: u16,
        (session, opened_by): (Session, Option<Opening>),
    ) {
        self.session = session;
        self.persisting = None;
        self.course.begin(now, attempt, opened_by);
    }

    /// Notes that a later attempt takes the place of this one: it has failed, if all had joined.
    pub(crate) fn leave_attempt(&mut self) {
        let runs = self.session.phase() < Phase::Complete;
        if runs && self.session.have_all_joined() {
            self.course.count_failure();
        }
    }

    /// Decides what follows the end of an attempt: another one, or the end that is returned.
    pub(crate) fn on_failure(&mut self, now: Now, failure: &Failure) -> Option<Mark> {
        if failure.reason != AbortReason::Dissolved && self.session.have_all_joined() {
            self.course.count_failure();
        }
        let retried = is_retried(failure.reason) && failure.evidence.is_none();
        if retried && self.course.has_attempts_left() {
            self.course.pause(now);
            return None;
        }
        let decided = matches!(failure.reason, AbortReason::Declined | AbortReason::Cancelled);
        let is_ours = failure.by.is_none() && decided;
        Some(match (self.is_decided, &failure.by) {
            (false, _) if !is_ours => Mark::Undecided,
            // If the note is lost, the request goes on after a restart, and whoever ended it says so
            // again.
            (true, Some(_)) => Mark::Later,
            (_, _) => Mark::Now,
        })
    }

    /// Tells what follows now that its own moment may have come.
    pub(crate) fn due(&self, now: Now) -> Due {
        if self.course.retry_at().is_none_or(|at| at > now.instant) {
            Due::Nothing
        } else if !self.is_between_attempts() {
            Due::EndOfWait
        } else if self.is_expired(now) {
            Due::Expiry(if self.is_decided { Mark::Now } else { Mark::Undecided })
        } else {
            Due::Attempt
        }
    }

    pub(crate) const fn settle(&mut self, now: Now) {
        if self.settled_at.is_none() {
            self.settled_at = Some(now.instant);
        }
        self.course.forget_next();
    }

    /// Notes what the session waits for; returns the token that nobody waits for any more.
    pub(crate) const fn persist(&mut self, token: u64, of_session: u64) -> Option<u64> {
        match self.persisting.replace(Persisting { token, of_session }) {
            Some(earlier) => Some(earlier.token),
            None => None,
        }
    }

    /// Takes what waited for a token.
    pub(crate) fn take_durable(&mut self, token: u64) -> Option<Durable> {
        // A request that its user has stopped meanwhile stays unheard of.
        if !self.is_settled() && self.unannounced.take_if(|consent| *consent == token).is_some() {
            return Some(Durable::Proposal);
        }
        let waiting = self.persisting.take_if(|waiting| waiting.token == token)?;
        Some(Durable::OfSession(waiting.of_session))
    }

    /// The token that the session waits for.
    pub(crate) fn awaited(&self) -> Option<u64> {
        self.persisting.map(|waiting| waiting.token)
    }

    /// Every token that something here waits for.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = u64> + use<> {
        [self.unannounced, self.awaited()].into_iter().flatten()
    }

    /// Notes who holds the signatures; returns whether everybody does by now.
    pub(crate) fn note_done(&mut self, signer: SignerIndex) -> bool {
        self.done.insert(signer) && self.done.len() == self.signed.request.signers.len()
    }

    /// Signs whom we waited for in vain, or returns the words of the signer that did.
    pub(crate) fn reports(&mut self, now: Now, failure: &Failure) -> Vec<Envelope> {
        if failure.by.is_some() {
            return self.session.ended_by().cloned().into_iter().collect();
        }
        let report = |culprit: &SignerIndex| self.session.report(now, failure.reason, *culprit);
        failure.culprits.iter().filter_map(report).collect()
    }

    /// Returns whether one more refusal by another is reported.
    pub(crate) const fn reports_refusal(&mut self) -> bool {
        self.refusals_reported = self.refusals_reported.saturating_add(1);
        self.refusals_reported <= REFUSALS_REPORTED_MAX
    }

    pub(crate) fn status(&self, now: Now) -> RequestStatus {
        RequestStatus {
            id: self.id,
            group: self.group,
            request: Arc::clone(&self.signed),
            consented: self.consented,
            attempt: self.attempt(),
            phase: self.session.phase(),
            waiting_on: self.session.waiting_on(),
            retry_in: self
                .course
                .retry_at()
                .filter(|_| self.is_between_attempts() && self.consented)
                .map(|at| at.since(now.instant)),
        }
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        [
            Occupancy {
                name: "members with a request's payload",
                len: self.payload_sent.len(),
                limit: SIGNERS_MAX,
            },
            Occupancy {
                name: "members that joined a request",
                len: self.joined.len(),
                limit: SIGNERS_MAX,
            },
            Occupancy {
                name: "members with a request's signatures",
                len: self.done.len(),
                limit: SIGNERS_MAX,
            },
        ]
    }
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
