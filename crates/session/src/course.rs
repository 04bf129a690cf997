//! How far an attempt is, how long it may stay there, and how it ended.

use alloc::boxed::Box;
use core::time::Duration;

use ensign_deadline::{Deadline, Due, Stage, Timeouts};
use ensign_primitives::{Instant, Now, Wakeup};
use ensign_wire::{Envelope, SessionAbort};

use crate::Phase;

/// The phase and its clock.
#[derive(Debug)]
pub(crate) struct Course {
    phase: Phase,
    deadline: Deadline,
    /// When something last came that the session was waiting for.
    news_at: Instant,
    /// Whether the stage was given its time once more, to ask for what stands behind a nonce set.
    prolonged: bool,
    /// Whether we have opened the attempt: whoever connects later hears of it from us.
    opened_by_us: bool,
    abort: Option<Aborted>,
}

/// How an attempt ended without a signature.
#[derive(Clone, Debug)]
pub(crate) enum Aborted {
    /// We ended it and say so.
    ByUs(SessionAbort),
    /// Another signer did; its own words are handed on.
    ByPeer(Box<Envelope>),
}

impl Course {
    /// Begins in [`Phase::Gathering`], for as long as the request lives.
    pub(crate) fn new(timeouts: Timeouts, now: Now, lifetime: Duration) -> Self {
        Self {
            phase: Phase::Gathering,
            deadline: Deadline::new(timeouts, now.instant, lifetime),
            news_at: now.instant,
            prolonged: false,
            opened_by_us: false,
            abort: None,
        }
    }

    /// Returns how far the attempt is.
    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns whether it has ended, with a signature or without.
    pub(crate) fn has_ended(&self) -> bool {
        self.phase >= Phase::Complete
    }

    /// We open the attempt.
    pub(crate) const fn open(&mut self) {
        self.opened_by_us = true;
    }

    /// Returns whether we have opened the attempt.
    pub(crate) const fn is_opened_by_us(&self) -> bool {
        self.opened_by_us
    }

    /// Moves to a phase and begins its time.
    pub(crate) fn enter(&mut self, now: Now, phase: Phase) {
        self.phase = phase;
        let stage = match phase {
            Phase::Gathering => Stage::Consent,
            Phase::Committing => Stage::Joins,
            Phase::Revealing => Stage::Nonces,
            Phase::Signing => Stage::PartialSigs,
            Phase::Complete | Phase::Aborted => Stage::Linger,
        };
        self.deadline.enter(now.instant, stage);
    }

    /// Moves to the end, and keeps how it came.
    pub(crate) fn abort(&mut self, now: Now, aborted: Aborted) {
        self.abort = Some(aborted);
        self.enter(now, Phase::Aborted);
    }

    /// Returns how the attempt ended without a signature, if it did.
    pub(crate) const fn aborted(&self) -> Option<&Aborted> {
        self.abort.as_ref()
    }

    /// Begins anew with so long a wait for the end.
    pub(crate) fn restart(&mut self, now: Now, timeouts: Timeouts, wait: Duration) {
        self.deadline = Deadline::new(timeouts, now.instant, wait);
    }

    /// Gives a stage its time once more, once in an attempt; returns whether it did.
    pub(crate) fn prolong(&mut self, now: Now, stage: Stage) -> bool {
        let first = !core::mem::replace(&mut self.prolonged, true);
        if first {
            self.deadline.enter(now.instant, stage);
        }
        first
    }

    /// Lingers once more, if it rests.
    pub(crate) fn reopen(&mut self, now: Now) {
        if self.is_over() {
            self.deadline.enter(now.instant, Stage::Linger);
        }
    }

    /// Rests: nothing is left to do.
    pub(crate) fn rest(&mut self, now: Now) {
        self.deadline.enter(now.instant, Stage::Over);
    }

    /// Something came that the session was waiting for.
    pub(crate) fn note_news(&mut self, now: Now) {
        self.news_at = now.instant;
        self.deadline.progressed(now.instant);
    }

    /// Whether the news is old enough to have reached everybody without us.
    pub(crate) fn is_quiet(&self, now: Now, pause: Duration) -> bool {
        now.instant.since(self.news_at) >= pause
    }

    /// Returns when the stage began.
    pub(crate) const fn entered(&self) -> Instant {
        self.deadline.entered()
    }

    /// Whether nothing will happen any more without new input.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.next().is_none()
    }

    /// Returns what is due, one after the other.
    pub(crate) fn poll(&mut self, now: Now) -> Option<Due> {
        self.deadline.poll(now.instant)
    }

    /// Returns when the next is due.
    pub(crate) fn next(&self) -> Option<Wakeup> {
        self.deadline.next()
    }
}
