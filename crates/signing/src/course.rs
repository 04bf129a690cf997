//! How the attempts at one request go: which one is next, how many have failed, and how long its nonces live.

use core::time::Duration;

use ensign_primitives::{Instant, Now};
use ensign_ratelimit::Gcra;
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_session::NonceAge;
use ensign_wire::SigningRequest;

use crate::{
    ATTEMPT_PAUSE, ATTEMPT_UNITS, ATTEMPTS_MAX, FAILED_ATTEMPTS_MAX, OPENED_ALLOWED, Opening,
};

/// How long after our user's consent our node joins ahead of the others, if all are ready: their reports may
/// be on their way. Guess: a few round trips and a flush.
pub const CONSENT_MOMENT: Duration = Duration::from_secs(10);

/// The attempts at one request, as far as they are not a matter of the session that runs.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// The attempt that runs, or is next.
    attempt: u16,
    /// Whose node began the attempt, and why; `None` for us.
    opened_by: Option<Opening>,
    /// Since when the attempt runs.
    since: Instant,
    /// How many have failed after all had joined.
    failed: u16,
    /// Whether one has ended here: from then on nobody joins ahead of the others.
    has_ended_one: bool,
    consented_at: Option<Instant>,
    /// Since when our signer has nonces for the attempt that runs, or is asked for them.
    nonces: Option<NonceAge>,
    /// When the next attempt begins; after the last attempt, when nobody is asked any more how it
    /// ended.
    retry_at: Option<Instant>,
    /// What is left of the attempts that we may open by ourselves. Others have no part in it.
    left: Gcra,
}

impl Course {
    pub(crate) const fn new(now: Now, attempt: u16) -> Self {
        Self {
            attempt,
            opened_by: None,
            since: now.instant,
            failed: 0,
            has_ended_one: false,
            consented_at: None,
            nonces: None,
            retry_at: None,
            left: Gcra::FULL,
        }
    }

    pub(crate) const fn attempt(&self) -> u16 {
        self.attempt
    }

    pub(crate) const fn since(&self) -> Instant {
        self.since
    }

    /// Whether we came to the attempt by ourselves.
    pub(crate) const fn is_opened_by_us(&self) -> bool {
        self.opened_by.is_none()
    }

    pub(crate) const fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    pub(crate) const fn has_attempts_left(&self) -> bool {
        self.failed < FAILED_ATTEMPTS_MAX && self.attempt < ATTEMPTS_MAX
    }

    pub(crate) const fn is_between_attempts(&self) -> bool {
        self.retry_at.is_some() && self.has_attempts_left()
    }

    /// Notes that our user has consented: an attempt that waited for that is next.
    pub(crate) fn consent(&mut self, now: Now) {
        self.consented_at = Some(now.instant);
        self.retry_at = self.retry_at.map(|at| at.min(now.instant.after(pause_after(self.failed))));
    }

    /// Counts an attempt that we open by ourselves, if we may.
    pub(crate) fn may_open(&mut self, now: Now) -> bool {
        self.left.take(now.instant, OPENED_ALLOWED, ATTEMPT_UNITS)
    }

    /// Lets the next attempt wait for so long.
    pub(crate) fn rest(&mut self, now: Now, time: Duration) {
        self.retry_at = Some(now.instant.after(time.max(ATTEMPT_PAUSE)));
    }

    /// Whether our node may join before all have agreed: our user has just said yes, and no attempt has ended.
    pub(crate) fn may_join_ahead(&self, now: Now) -> bool {
        let is_now = |at: Instant| now.instant.since(at) <= CONSENT_MOMENT;
        !self.has_ended_one && self.consented_at.is_some_and(is_now)
    }

    /// Goes on after a restart: so many attempts have failed; waits until `retry_at`, if it is given.
    pub(crate) const fn resume(&mut self, failed: u16, retry_at: Option<Instant>) {
        (self.failed, self.retry_at) = (failed, retry_at);
        self.has_ended_one = true;
    }

    /// Goes into a later attempt.
    pub(crate) const fn begin(&mut self, now: Now, attempt: u16, opened_by: Option<Opening>) {
        (self.attempt, self.opened_by, self.since) = (attempt, opened_by, now.instant);
        (self.nonces, self.retry_at, self.has_ended_one) = (None, None, true);
    }

    /// Notes that an attempt has failed after all had joined.
    pub(crate) const fn count_failure(&mut self) {
        self.failed = self.failed.saturating_add(1);
    }

    /// Lets the next attempt wait.
    pub(crate) fn pause(&mut self, now: Now) {
        self.has_ended_one = true;
        self.retry_at = Some(now.instant.after(pause_after(self.failed)));
    }

    pub(crate) const fn forget_next(&mut self) {
        self.retry_at = None;
    }

    /// Notes that our signer is asked for nonces, or has made them: they live from here on.
    pub(crate) const fn nonces_from(&mut self, now: Now) {
        self.nonces = Some(NonceAge::new(now));
    }

    /// How old the nonces are that our signer has made for this attempt.
    pub(crate) const fn nonces(&self) -> Option<NonceAge> {
        self.nonces
    }
}

/// How long the next attempt waits after so many have failed.
pub(crate) fn pause_after(failed: u16) -> Duration {
    ATTEMPT_PAUSE * u32::from(failed.max(1))
}

/// The first number of what we say in a session: grows with time, so that a process that restarts
/// before it joined goes on above what the one before it has said. Small for a young request.
pub(crate) fn first_seq(now: Now, request: &SigningRequest) -> u64 {
    let created = request.created.as_millis();
    let slack = u64::try_from(MESSAGE_AGE_MAX.as_millis()).unwrap_or(u64::MAX);
    now.unix.as_millis().saturating_add(slack).saturating_sub(created).max(2)
}
