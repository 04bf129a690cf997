//! The catalogue of failures, and how each is worded.

use std::fmt::Display;

use ensign_engine::Offense;
use ensign_ledger::{Found, LedgerError, OLD_CODE, VOIDED_CODE};
use ensign_primitives::{RequestId, SignerIndex};
use ensign_psbt::PsbtError;
use ensign_replay::ReplayError;
use ensign_session::{Failure, OwnFault};
use ensign_signing::{self as signing, ATTEMPTS_MAX, is_retried};
use ensign_store::{Opening, StoreError};
use ensign_wire::AbortReason;

mod policy;
pub use policy::of_policy;
mod time;
pub use time::of_refused_delegation;

/// What a failure puts at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Neither keys nor money.
    None,
    /// Keys are safe; check before you try again.
    CheckFirst,
    /// Keys may be lost: without a backup of them, money cannot be moved.
    Keys,
}

/// A failure as a user should see it. Codes are stable; `docs/operate/errors.md` lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// For scripts and searches: `E-<AREA>-<number>`.
    pub code: &'static str,
    /// One sentence: what happened.
    pub what: String,
    /// Which signers it concerns, by position.
    pub who: Vec<SignerIndex>,
    /// One sentence: what to do next.
    pub hint: &'static str,
    /// Whether keys or money are at risk.
    pub risk: Risk,
    /// Whether trying again is safe.
    pub retry_is_safe: bool,
}

impl Problem {
    /// Says how many like it were not told before.
    #[must_use]
    pub fn after(mut self, held_back: u64) -> Self {
        if held_back > 0 {
            self.what = format!("{} ({held_back} more before it)", self.what);
        }
        self
    }
}

/// One entry of the catalogue. Codes are stable once published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `E-<AREA>-<number>`.
    pub code: &'static str,
    /// What happened, in general.
    pub what: &'static str,
    /// What to do next.
    pub hint: &'static str,
    /// Whether keys or money are at risk.
    pub risk: Risk,
    /// Whether trying again is safe.
    pub retry_is_safe: bool,
}

const fn code(code: &'static str, what: &'static str, hint: &'static str) -> Code {
    Code { code, what, hint, risk: Risk::None, retry_is_safe: true }
}

const fn wary(code: &'static str, what: &'static str, hint: &'static str) -> Code {
    Code { code, what, hint, risk: Risk::CheckFirst, retry_is_safe: false }
}

/// Every failure that a coordinator reports.
pub const CODES: [Code; 33] = [
    DECLINED,
    policy::REFUSED,
    MISMATCH,
    EXPIRED,
    TIMEOUT,
    EQUIVOCATION,
    WRONG_COMMITMENT,
    INVALID_NONCE,
    WRONG_PARTIAL_SIG,
    VIEWS_DIFFER,
    INTERNAL,
    CANCELLED,
    ATTEMPTS_USED,
    DISSOLVED,
    OFFENSE,
    REFUSED,
    CLOCK,
    UNDELEGATED,
    SLOW,
    STORE,
    NOT_RESUMED,
    STORE_FULL,
    RESTORED,
    VOIDED,
    OLD,
    UNREADABLE,
    CONTRADICTION,
    EVENTS_LOST,
    DECISIONS_LOST,
    RESULT,
    NO_ENTROPY,
    SIGNER,
    FALSE_SIGNER,
];

const DECLINED: Code = code(
    "E-SES-001",
    "a signer declined the request",
    "ask why; all n must sign, so nothing can be done without that signer",
);
const MISMATCH: Code = wary(
    "E-SES-002",
    "the PSBT does not give the messages that were asked to be signed",
    "do not sign; ask the creator of the request which software made it",
);
const EXPIRED: Code = code(
    "E-SES-003",
    "the request ended before all signers had joined",
    "propose it again when the missing signers are online, or give it more time",
);
const TIMEOUT: Code = code(
    "E-SES-004",
    "a signer stopped answering in the middle of signing",
    "nothing is lost: the request goes on in a new attempt by itself, up to five times",
);
const EQUIVOCATION: Code = wary(
    "E-SES-005",
    "a signer said two different things in one place; its own signatures prove it",
    "keep the evidence and settle it with that signer before signing again",
);
const WRONG_COMMITMENT: Code = wary(
    "E-SES-006",
    "a signer's nonces do not open its commitment; its own signatures prove it",
    "keep the evidence and settle it with that signer before signing again",
);
const INVALID_NONCE: Code = wary(
    "E-SES-007",
    "a signer showed nonces that are invalid or were seen in another session",
    "ask that signer to check its software and backups before signing again",
);
const WRONG_PARTIAL_SIG: Code = wary(
    "E-SES-008",
    "a signer's partial signature is false; its own signature proves it",
    "keep the evidence and settle it with that signer before signing again",
);
const VIEWS_DIFFER: Code = code(
    "E-SES-009",
    "signers hold different nonces",
    "the request goes on in a new attempt by itself; ask whom it names each time for its log",
);
const INTERNAL: Code = code(
    "E-SES-010",
    "a signer's node could not go on",
    "look at that node's own log; the request goes on in a new attempt by itself",
);
const CANCELLED: Code =
    code("E-SES-011", "the request was given up", "propose it again if it is still wanted");
const DISSOLVED: Code = code(
    "E-SES-013",
    "not all signers were there in the time that nonces may wait",
    "nothing needs to be done: every yes holds, and the request is tried again once all are connected",
);
const ATTEMPTS_USED: Code = code(
    "E-SES-012",
    "the request was tried as often as allowed without a signature",
    "see which signer's node stops each time, then propose it again",
);
const OFFENSE: Code = code(
    "E-PEER-001",
    "a peer sent something it may not send",
    "nothing needs to be done; if it is a signer of yours, ask which software it runs",
);
const REFUSED: Code = code(
    "E-PEER-002",
    "a signer's node refused one of our messages",
    "ask that signer to form the same group, or to look at its node's log",
);
const CLOCK: Code = code(
    "E-PEER-003",
    "two clocks differ so much that what is said is taken for old",
    "set both clocks by a time server; where several signers show this, ours is the wrong one",
);
const UNDELEGATED: Code = code(
    "E-PEER-004",
    "a signer's permission for its node does not hold at the time of the one who reads it",
    "set both clocks by a time server: a node whose clock is right renews it by itself, for the next \
     attempt; ask that signer to start its node anew if it does not",
);
const SLOW: Code = code(
    "E-PEER-005",
    "a peer reads so slowly that something for it did not leave",
    "look at the way to it, and at its load; what it misses is said again on its next connection",
);
const STORE: Code = Code {
    code: "E-STO-001",
    what: "the store cannot be written",
    hint: "free disk space or mend the disk, then start again; keys are safe, open attempts end",
    risk: Risk::None,
    retry_is_safe: true,
};
const NOT_RESUMED: Code = code(
    "E-STO-002",
    "an unfinished request of the store cannot go on",
    "propose it again; nothing was signed twice and nothing is lost",
);
const STORE_FULL: Code = code(
    "E-STO-003",
    "the store is full, so new work is refused while running work goes on",
    "free some room on the disk, or let old requests expire, then ask again; nothing was lost",
);
const CONTRADICTION: Code = code(
    "E-STO-007",
    "a request was ended because it contradicts what the store holds",
    "nothing was signed twice and keys are safe; somebody asked again for what was joined or is over: \
     propose it anew if it is still wanted",
);
const RESTORED: Code = wary(
    "E-STO-004",
    "the store may have missed what this node did: it was restored, copied or moved",
    "keys are safe; nothing that was open goes on, propose it again; never run two copies of a home",
);
const VOIDED: Code = code(
    VOIDED_CODE,
    "the request is from before this home was restored, copied or moved: it may have been joined",
    "have it proposed again, five minutes later: clocks may differ; nothing was signed twice",
);
const OLD: Code = code(
    OLD_CODE,
    "the request is void: it was made before the upgrade, by an earlier version of the protocol",
    "have it proposed again, once all have upgraded; nothing was signed and nothing is lost",
);
const UNREADABLE: Code = wary(
    "E-STO-006",
    "a record of the store cannot be understood",
    "keep the store as it is and report this; requests that can be read go on",
);
const EVENTS_LOST: Code = code(
    "E-APP-001",
    "the application read its events too slowly and some are gone",
    "nothing needs to be done: requests to decide and how they ended are never among them",
);
const DECISIONS_LOST: Code = code(
    "E-APP-002",
    "the application left so many events unread that requests to decide, or ends of requests, are gone",
    "ask for the requests and their results anew: the store has all of them",
);
const RESULT: Code = wary(
    "E-PSBT-001",
    "the signatures could not be written into the PSBT",
    "the signatures are valid and in the event; report this as a defect",
);

const NO_ENTROPY: Code = code(
    "E-SYS-001",
    "the operating system gives no random bytes",
    "look at the system's random source; nothing weaker is ever used, so nothing was signed",
);

const SIGNER: Code = code(
    "E-SIG-001",
    "the signer that holds the key did not sign",
    "see that it runs and is unlocked; keys are safe, and what it did not decline is tried again",
);

const FALSE_SIGNER: Code = Code {
    code: "E-SIG-002",
    what: "the signer that holds the key answered falsely",
    hint: "nothing of it left this node; look at that signer before you go on: it is broken or lies",
    risk: Risk::CheckFirst,
    retry_is_safe: true,
};

impl Code {
    fn problem(&self, what: String, who: Vec<SignerIndex>) -> Problem {
        Problem {
            code: self.code,
            what,
            who,
            hint: self.hint,
            risk: self.risk,
            retry_is_safe: self.retry_is_safe,
        }
    }
}

/// Words what ended an attempt on our own side.
fn of_own_fault(fault: &OwnFault) -> Problem {
    let is_signer = matches!(fault, OwnFault::FalsePartials | OwnFault::NonceCount { .. });
    let entry = if is_signer { FALSE_SIGNER } else { INTERNAL };
    entry.problem(format!("{}: {fault}", entry.what), Vec::new())
}

/// Words the end of an attempt.
pub fn of_failure(failure: &Failure) -> Problem {
    if let Some(fault) = &failure.own {
        return of_own_fault(fault);
    }
    let entry = match failure.reason {
        AbortReason::Declined => DECLINED,
        AbortReason::PayloadMismatch => MISMATCH,
        AbortReason::Expired => EXPIRED,
        AbortReason::Timeout => TIMEOUT,
        AbortReason::Equivocation => EQUIVOCATION,
        AbortReason::WrongCommitment => WRONG_COMMITMENT,
        AbortReason::InvalidNonce => INVALID_NONCE,
        AbortReason::WrongPartialSig => WRONG_PARTIAL_SIG,
        AbortReason::ViewsDiffer => VIEWS_DIFFER,
        AbortReason::Internal => INTERNAL,
        AbortReason::Cancelled => CANCELLED,
        AbortReason::AttemptsUsed => ATTEMPTS_USED,
        AbortReason::Dissolved => DISSOLVED,
    };
    let claim = match (failure.by, failure.accused) {
        (Some(_), Some(_)) => ", says the signer that ended it",
        _ => "",
    };
    // Who said no or gave up is the one it concerns, when nobody else is named; who only counted the
    // attempts is not.
    let is_will = failure.reason != AbortReason::AttemptsUsed;
    let who = match (failure.by, failure.accused) {
        (_, Some(accused)) => vec![accused],
        (Some(by), None) if failure.culprits.is_empty() && is_will => vec![by],
        _ => failure.culprits.clone(),
    };
    let detail = match (failure.reason, failure.culprits.is_empty(), failure.accused) {
        (AbortReason::ViewsDiffer, true, None) => ", and nobody can be blamed",
        (AbortReason::ViewsDiffer, _, _) => ", and one did not show what is behind its own",
        _ => "",
    };
    entry.problem(format!("{}{detail}{claim}", entry.what), who)
}

/// Words the end of a request.
pub fn of_end(failure: &Failure, attempt: u16) -> Problem {
    let last = of_failure(failure);
    if attempt < ATTEMPTS_MAX || failure.evidence.is_some() || !is_retried(failure.reason) {
        return last;
    }
    ATTEMPTS_USED.problem(format!("{}; at last: {}", ATTEMPTS_USED.what, last.what), last.who)
}

/// Words that a request does not go on.
pub fn of_not_resumed(request: RequestId, why: &dyn Display) -> Problem {
    let what = format!("{}: {}: {why}", NOT_RESUMED.what, request.short());
    NOT_RESUMED.problem(what, Vec::new())
}

/// Words that the operating system gives no random bytes.
pub fn of_no_entropy() -> Problem {
    NO_ENTROPY.problem(NO_ENTROPY.what.into(), Vec::new())
}

/// Words that the signer did not sign.
pub fn of_signer(why: &dyn Display) -> Problem {
    SIGNER.problem(format!("{}: {why}", SIGNER.what), Vec::new())
}

/// Words what a peer did wrong with its connection.
pub fn of_connection(what: &dyn Display) -> Problem {
    OFFENSE.problem(format!("{}: {what}", OFFENSE.what), Vec::new())
}

/// Words that something did not leave for a peer.
pub fn of_slow_reader(what: &dyn Display) -> Problem {
    SLOW.problem(format!("{}: {what}", SLOW.what), Vec::new())
}

/// Words that a PSBT does not give what is asked.
pub fn of_mismatch(why: Option<&PsbtError>) -> Problem {
    let detail = why.map_or_else(String::new, |error| format!(": {error}"));
    MISMATCH.problem(format!("{}{detail}", MISMATCH.what), Vec::new())
}

/// Words what a peer did wrong.
pub fn of_offense(offense: &Offense) -> Problem {
    if let Offense::Signing(signing::Offense::Session(ensign_session::Offense::Replay(error))) =
        offense
        && let ReplayError::Stale { sent_at, now } = error
    {
        return time::of_clocks(*sent_at, *now);
    }
    if let Some(problem) = time::of_delegation(offense) {
        return problem;
    }
    OFFENSE.problem(format!("{}: {}", OFFENSE.what, offense), Vec::new())
}

/// Words that a signer's node refused a message of ours.
pub fn refused() -> Problem {
    REFUSED.problem(REFUSED.what.into(), Vec::new())
}

/// Words that the store failed: nothing goes on.
pub fn of_store(error: &LedgerError) -> Problem {
    STORE.problem(format!("{}: {error}", STORE.what), Vec::new())
}

/// Words that a record would contradict what stands.
pub fn of_contradiction(error: &LedgerError) -> Problem {
    CONTRADICTION.problem(format!("{}: {error}", CONTRADICTION.what), Vec::new())
}

/// Words that nobody writes any more.
pub fn of_lost_store() -> Problem {
    STORE.problem(format!("{}: its thread is gone", STORE.what), Vec::new())
}

/// Words that the store takes no new work.
pub fn of_full_store(error: &StoreError) -> Problem {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others say it themselves")]
    let what = match error {
        StoreError::NoSpace { free, wanted } => format!(
            "the disk has {} MiB left and new work wants {}; running work goes on",
            free >> 20,
            wanted.div_ceil(1 << 20)
        ),
        StoreError::Full { used, limit } => format!(
            "the store takes {} of {} MiB, and the rest is for running work, which goes on",
            used.div_ceil(1 << 20),
            limit >> 20
        ),
        _ => error.to_string(),
    };
    STORE_FULL.problem(what, Vec::new())
}

/// Words that a record cannot be understood.
pub fn of_unreadable(error: &LedgerError) -> Problem {
    UNREADABLE.problem(format!("{}: {error}", UNREADABLE.what), Vec::new())
}

/// Words that a request is from before the store was restored, or from before an upgrade, by the code.
pub fn of_voided(code: &str) -> Problem {
    let why = if code == OLD_CODE { OLD } else { VOIDED };
    why.problem(why.what.into(), Vec::new())
}

/// Words what opening the store has found; `None` where all is as it was left.
pub fn of_found(found: Found, voided: usize) -> Option<Problem> {
    let how = match found {
        Found::Complete | Found::Restored(Opening::New | Opening::Continued) => return None,
        Found::Lost => {
            "the store is empty, and the keys are not new: this home was copied or restored without it"
                .to_owned()
        }
        Found::Restored(Opening::RolledBack { store_epoch, seen_epoch: Some(seen) }) => format!(
            "the store is older than what was seen (epoch {store_epoch}, seen {seen}): a backup of \
             it was restored, or the disk forgot"
        ),
        Found::Restored(Opening::RolledBack { store_epoch, seen_epoch: None }) => {
            format!("the mark beside the store is gone (epoch {store_epoch})")
        }
        Found::Restored(Opening::Copied) => "this home was restored from a backup, or copied".to_owned(),
        Found::Restored(Opening::Moved) => "this home was taken over from another machine".to_owned(),
    };
    let closed = match voided {
        0 => "nothing was open".to_owned(),
        1 => "1 open request is closed".to_owned(),
        several => format!("{several} open requests are closed"),
    };
    let what = format!(
        "{how}, so the store may have missed what was done; {closed}, and requests from before \
         this start are refused"
    );
    Some(RESTORED.problem(what, Vec::new()))
}

/// Words how many events were not read in time.
pub fn of_lost_events(lost: u64) -> Problem {
    let what = format!("{lost} events of progress are gone: they were read too slowly");
    EVENTS_LOST.problem(what, Vec::new())
}

/// Words how many decisions were not read in time.
pub fn of_lost_decisions(lost: u64) -> Problem {
    let what =
        format!("{lost} requests to decide or ends of requests were never read and are gone");
    DECISIONS_LOST.problem(what, Vec::new())
}

/// Words that signatures do not fit into their PSBT.
pub fn of_result(error: &PsbtError) -> Problem {
    RESULT.problem(format!("{}: {error}", RESULT.what), Vec::new())
}

#[cfg(test)]
mod tests;
