//! The async coordinator: what a wallet embeds to sign together with others.
//!
//! A [`Coordinator`] runs one node: it drives the pure engine over QUIC and a durable store, and
//! is the only place with an ambient clock and ambient entropy. It hands out typed [`Event`]s and
//! takes decisions; `examples/embed.rs` shows a whole wallet in about fifty lines.
//!
//! Invariants:
//!
//! - Nothing is signed without [`Coordinator::approve`] or an own [`Coordinator::propose`]; before
//!   it is offered, every message of a PSBT request has been recomputed from the PSBT.
//! - A yes is for the digest of what was shown, and for nothing else. It is judged again before nonces
//!   are drawn and before the burn mark; what is new or graver by then makes it void.
//! - A request is introduced by an event that says what it asks for before any other event names it.
//! - A record is durable before what depends on it leaves the process; see [`ensign_store::Store`].
//! - A join, a burn mark and a partial signature are each written once; [`Records::audit`] proves
//!   from the store that no nonce met two challenges.
//! - The secret signer key is with a [`Signer`] and nowhere else; by default that is [`InProcess`],
//!   which draws the entropy for each nonce from the operating system and never keeps it. Only
//!   [`Coordinator::dangerous_simulated`] takes it, and the clocks, from somewhere else.
//!
//! Absent on purpose: a user interface, broadcasting of transactions, an encrypted key store.

mod config;
pub use config::{Keys, SigningJob, Work};
mod group;
pub use group::{Group, GroupInfo, Member, MemberInfo};
mod handle;
pub use handle::{Handle, ParseHandleError, RequestRef};
mod consent;
pub use consent::{Consent, ConsentBy, RULE_NAME_BYTES_MAX};
mod coordinator;
pub use coordinator::{Builder, Coordinator, StartError};
mod event;
pub use event::{
    Approval, Because, Event, Events, LostAttempt, Opener, Outcome, PeerEvent, Preview, Reached,
    RequestEvent, Resumption, Whose,
};
mod error;
pub use error::{CommandError, Problem, Risk};
mod problem;
pub use ensign_signer::{Asks, InProcess, Signer, SignerError};
#[cfg(unix)]
pub use ensign_signer::{ServeError, SocketSigner, serve};
pub use problem::{CODES, Code};
mod clock;
pub use clock::WallClock;
mod simulated;
pub use simulated::Surroundings;
mod records;
pub use records::{AttemptEntry, KeptCase, Records, RequestEntry, RequestState};
mod outline;
pub use outline::{Decision, HowEnded, Outline, OutlinedWork};
mod audit;
pub use audit::{Audit, Fault, Violation};
mod roster;
pub use roster::{Link, PeerInfo};
mod opening;
pub use opening::{Archive, OpeningError};
mod ledger;
pub use ensign_psbt::{
    ConsentDigest, Note, Place as NotePlace, Policy, Rule, Severity, SignedPsbt, Summary,
};
pub use ledger::LedgerError;

mod addresses;
mod cases;
mod coins;
mod command;
mod consenting;
mod docket;
mod driver;
mod handles;
mod held;
mod judging;
mod links;
mod looks;
mod mark;
mod parts;
mod pushed_off;
mod report;
mod reporting;
mod review;
mod signing;
mod storage;
mod warnings;

#[cfg(test)]
mod tests;
