//! Phase timeouts, and when to ask again for what is missing.
//!
//! Silence is a claim, never a proof: this crate says *when* a wait is over, and its caller names
//! who was waited for.
//!
//! One [`Deadline`] serves one session. It knows three moments: the end of the phase, a notice that
//! somebody has not answered at all, and the next repetition of a question, whose interval doubles.
#![no_std]

#[cfg(test)]
extern crate std;

use core::time::Duration;

use ensign_primitives::{Instant, Wakeup};

/// How long each wait may take.
///
/// Each node has its own: the shortest ends an attempt for all. Whoever is waited for in vain is named by the one
/// who waited, as a claim; all signers must sign, so no attempt goes on without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a signer that has not even acknowledged the request is reported; the request stays
    /// open. Specification: INIT 60 s.
    pub init_timeout: Duration,
    /// For all public nonces, once all have joined. Specification: 120 s.
    pub nonces_timeout: Duration,
    /// For all partial signatures, once all nonces are there. Specification: 120 s.
    pub partials_timeout: Duration,
    /// How long a finished session answers peers that are still missing something. Guess: longer
    /// than a reconnect with back-off.
    pub linger_timeout: Duration,
    /// The first pause before a question is repeated; doubles up to [`RETRY_INTERVAL_MAX`]. Guess:
    /// well above any round trip, because streams lose nothing while a connection lives.
    pub retry_interval: Duration,
}

/// The shortest time that a user may set for a phase. Guess: what is missing is asked for three times in
/// it.
pub const PHASE_TIMEOUT_MIN: Duration = Duration::from_secs(10);
/// The longest time that a user may set for all nonces, or for all partial signatures: both together are no longer than
/// secret nonces live.
pub const PHASE_TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// The longest time that a user may set until a signer that has not acknowledged a request is reported, and
/// for a finished session to answer. Guess: an hour later nobody looks.
pub const NOTICE_TIMEOUT_MAX: Duration = Duration::from_secs(3_600);

/// The longest pause before a question is repeated. Guess: one frame per half minute is no load.
pub const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(30);

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            init_timeout: Duration::from_secs(60),
            nonces_timeout: Duration::from_secs(120),
            partials_timeout: Duration::from_secs(120),
            linger_timeout: Duration::from_secs(120),
            retry_interval: Duration::from_secs(2),
        }
    }
}

/// What a session is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// For our user, and for all to be there: as long as the request is open. No question is asked.
    Consent,
    /// For the joins of the others: as long as the request is open.
    Joins,
    /// For public nonces, and in mode strict for their confirmation.
    Nonces,
    /// For partial signatures.
    PartialSigs,
    /// For peers to finish too.
    Linger,
    /// For nothing.
    Over,
}

/// A moment that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The stage's time is over.
    StageEnd(Stage),
    /// Whoever has not answered at all should be reported; comes once.
    Notice,
    /// The question should be asked again.
    Retry,
}

/// The timers of one session.
#[derive(Clone, Debug)]
pub struct Deadline {
    timeouts: Timeouts,
    stage: Stage,
    entered: Instant,
    session_end: Instant,
    stage_end: Instant,
    notice_at: Option<Instant>,
    retry_at: Option<Instant>,
    retry_interval: Duration,
}

impl Deadline {
    /// Starts in [`Stage::Consent`].
    ///
    /// - `lifetime`: until the request expires; no stage but linger is longer.
    pub fn new(timeouts: Timeouts, now: Instant, lifetime: Duration) -> Self {
        let session_end = now.after(lifetime);
        Self {
            timeouts,
            stage: Stage::Consent,
            entered: now,
            session_end,
            stage_end: session_end,
            notice_at: Some(now.after(timeouts.init_timeout)),
            retry_at: None,
            retry_interval: timeouts.retry_interval,
        }
    }

    /// Moves to another stage and restarts its timers.
    pub fn enter(&mut self, now: Instant, stage: Stage) {
        self.stage = stage;
        self.entered = now;
        self.stage_end = match stage {
            Stage::Consent | Stage::Joins => self.session_end,
            Stage::Nonces => now.after(self.timeouts.nonces_timeout).min(self.session_end),
            Stage::PartialSigs => now.after(self.timeouts.partials_timeout).min(self.session_end),
            Stage::Linger => now.after(self.timeouts.linger_timeout),
            Stage::Over => now,
        };
        // Joining oneself does not make the others answer.
        if !matches!(stage, Stage::Consent | Stage::Joins) {
            self.notice_at = None;
        }
        self.retry_at = None;
        if stage != Stage::Over {
            self.progressed(now);
        }
    }

    /// Puts the next repetition off, because something new has come.
    pub fn progressed(&mut self, now: Instant) {
        self.retry_interval = self.timeouts.retry_interval;
        if self.stage != Stage::Consent {
            self.retry_at = Some(now.after(self.retry_interval));
        }
    }

    /// Returns when the stage began.
    pub const fn entered(&self) -> Instant {
        self.entered
    }

    /// Takes the next moment that has come, `None` when nothing is due.
    ///
    /// Terminates: each moment is handed out once, and a repetition moves beyond `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Due> {
        if self.stage == Stage::Over {
            return None;
        }
        if now >= self.stage_end {
            let stage = self.stage;
            self.enter(now, Stage::Over);
            return Some(Due::StageEnd(stage));
        }
        if self.notice_at.is_some_and(|at| now >= at) {
            self.notice_at = None;
            return Some(Due::Notice);
        }
        if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_interval = (self.retry_interval * 2).min(RETRY_INTERVAL_MAX);
            self.retry_at = Some(now.after(self.retry_interval));
            return Some(Due::Retry);
        }
        None
    }

    /// Returns the next moment, `None` when nothing is waited for.
    pub fn next(&self) -> Option<Wakeup> {
        if self.stage == Stage::Over {
            return None;
        }
        let end = Wakeup { at: self.stage_end, reason: "stage end" };
        let notice = self.notice_at.map(|at| Wakeup { at, reason: "notice" });
        let retry = self.retry_at.map(|at| Wakeup { at, reason: "retry" });
        [Some(end), notice, retry].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn drain(deadline: &mut Deadline, now: Instant) -> std::vec::Vec<Due> {
        core::iter::from_fn(|| deadline.poll(now)).collect()
    }

    #[test]
    fn question_is_repeated_with_doubling_pauses_up_to_the_limit() {
        let mut deadline = Deadline::new(Timeouts::default(), at(0), Duration::from_secs(3600));
        deadline.enter(at(0), Stage::Joins);
        let mut times = std::vec::Vec::new();
        while times.len() < 7 {
            let wakeup = deadline.next().unwrap();
            if drain(&mut deadline, wakeup.at).contains(&Due::Retry) {
                times.push(wakeup.at.as_micros() / 1_000_000);
            }
        }
        assert_eq!(times, [2, 6, 14, 30, 60, 90, 120]);
    }

    #[test]
    fn notice_comes_once_and_the_request_stays_open() {
        let mut deadline = Deadline::new(Timeouts::default(), at(0), Duration::from_secs(3600));
        assert!(drain(&mut deadline, at(60)).contains(&Due::Notice));
        assert!(!drain(&mut deadline, at(61)).contains(&Due::Notice));
        assert!(deadline.next().is_some());
    }

    #[test]
    fn notice_outlives_our_own_join_and_no_later_stage() {
        for (stage, noticed) in [(Stage::Joins, true), (Stage::Nonces, false)] {
            let mut deadline = Deadline::new(Timeouts::default(), at(0), Duration::from_secs(3600));
            deadline.enter(at(1), stage);
            assert_eq!(drain(&mut deadline, at(60)).contains(&Due::Notice), noticed, "{stage:?}");
        }
    }

    #[test]
    fn stage_ends_once_and_then_nothing_is_due() {
        let mut deadline = Deadline::new(Timeouts::default(), at(0), Duration::from_secs(3600));
        deadline.enter(at(10), Stage::Nonces);
        assert_eq!(drain(&mut deadline, at(130)), [Due::StageEnd(Stage::Nonces)]);
        assert_eq!((drain(&mut deadline, at(999)), deadline.next()), (std::vec![], None));
    }

    #[test]
    fn no_stage_outlives_the_request() {
        let mut deadline = Deadline::new(Timeouts::default(), at(0), Duration::from_secs(30));
        deadline.enter(at(29), Stage::Nonces);
        assert_eq!(drain(&mut deadline, at(30)), [Due::StageEnd(Stage::Nonces)]);
    }

    #[test]
    fn nothing_is_asked_while_our_user_decides() {
        let mut deadline = Deadline::new(Timeouts::default(), at(0), Duration::from_secs(3600));
        deadline.progressed(at(1));
        assert_eq!(drain(&mut deadline, at(3599)), [Due::Notice]);
        assert_eq!(drain(&mut deadline, at(3600)), [Due::StageEnd(Stage::Consent)]);
    }

    #[test]
    fn after_a_poll_the_next_moment_lies_ahead() {
        let mut deadline = Deadline::new(Timeouts::default(), at(0), Duration::from_secs(3600));
        deadline.enter(at(0), Stage::Joins);
        for second in 0..4000 {
            drain(&mut deadline, at(second));
            assert!(deadline.next().is_none_or(|wakeup| wakeup.at > at(second)));
        }
    }
}
