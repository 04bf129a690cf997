//! The async coordinator: what a wallet embeds to sign together with others.
//!
//! A [`Coordinator`] runs one node: a loop around the pure engine, with three ports: the network
//! (`ensign-transport`), the disk (`ensign-ledger`) and the signer (`ensign-signer`). What our user is
//! asked and has said is `ensign-review`'s. It hands out typed [`Event`]s and takes decisions;
//! `examples/embed.rs` shows a whole wallet in about fifty lines.
//!
//! Invariants:
//!
//! - Nothing is signed without [`Coordinator::approve`] or an own [`Coordinator::propose`]; before
//!   it is offered, every message of a PSBT request has been recomputed from the PSBT.
//! - A yes is for the digest of what was shown, and for nothing else. It is judged again before nonces
//!   are drawn and before the burn mark; what is new or graver by then makes it void.
//! - A request is introduced by an event that says what it asks for before any other event names it.
//! - A store that may have missed something, an empty one of [used](Builder::new_keys) keys among them,
//!   refuses what was proposed until then.
//! - A record is durable before what depends on it leaves the process; see [`ensign_store::Store`].
//! - A join, a burn mark and a partial signature are each written once; [`Records::audit`] proves
//!   from the store that no nonce met two challenges.
//! - The secret signer key is with a [`Signer`] and nowhere else; by default that is [`InProcess`],
//!   which draws the entropy for each nonce from the operating system and never keeps it. Only
//!   [`Coordinator::dangerous_simulated`] takes it, and the clocks, from somewhere else.
//!
//! Absent on purpose: a user interface, broadcasting of transactions, an encrypted key store.

mod coordinator;
pub use coordinator::{Builder, Coordinator};
mod stream;
pub use stream::Events;
mod error;
pub use error::{CommandError, StartError};
mod clock;
mod formation;
mod net;
pub use clock::WallClock;
pub use net::Walked;
mod simulated;
pub use simulated::Surroundings;

pub use ensign_engine::formation::{
    self as forming, Certificate, Fingerprint, Invitation, NewMember, Roster, RosterMember,
};
pub use ensign_engine::{
    overlay,
    ratelimit::{LEVEL_MAX, Tightening},
    reputation::{self, Word},
    watch,
};
pub use ensign_ledger::{
    Archive, AttemptEntry, Audit, Decision, Fault, Handle, HowEnded, KeptCase, KeyAge, LedgerError,
    LostAttempt, OpeningError, Outcome, Outline, OutlinedWork, ParseHandleError, Reached, Records,
    RequestEntry, RequestState, Violation, WordError,
};
pub use ensign_psbt::{
    ConsentDigest, Issued, Note, Place as NotePlace, Policy, Rule, Severity, SignedPsbt, Summary,
};
pub use ensign_review::{
    Approval, Because, Busy, CODES, Claim, Class, ClockGap, Code, Consent, ConsentBy, Event, Group,
    GroupInfo, GuardReport, Guarded, Lack, Link, Member, MemberInfo, NetPeer, Opener, PeerEvent,
    PeerInfo, Preview, Problem, QUESTIONS_ALLOWED, QUESTIONS_MAX, QUESTIONS_PER_MEMBER_MAX,
    QUESTIONS_PER_MINUTE_MAX, RULE_NAME_BYTES_MAX, RequestEvent, RequestRef, Resumption, Risk,
    SentAway, SigningJob, Tie, Turns, Until, Wait, Whose, Work, words_of_readiness, words_of_wait,
};
pub use ensign_signer::{Asks, InProcess, Keys, Randomness, Signer, SignerError, unix_now};
#[cfg(unix)]
pub use ensign_signer::{ServeError, SocketSigner, serve};
pub use ensign_transport::Traffic;

mod callers;
mod command;
mod driver;
mod fault;
mod links;
mod parts;
mod report;
mod reporting;
mod review;
mod signing;
mod storage;

#[cfg(test)]
mod tests;
