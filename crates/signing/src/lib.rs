//! The whole node as one pure state machine: connections, groups, requests and their sessions.
//!
//! A driver feeds [`Input`]s and carries out [`Output`]s; [`Signing`] decides everything in between.
//! The production driver runs it over QUIC; any other driver (a simulator, a test) sees the same
//! bytes.
//!
//! Invariants:
//!
//! - No clock, socket, thread or ambient randomness: time comes in as an argument.
//! - No secret of the signer key: a signer beside the engine is asked for nonces, for partial
//!   signatures and to forget, and may take its time.
//! - Only nodes of a group that our user formed can make us keep anything; everybody else gets a
//!   handshake and a bounded number of mistakes.
//! - Requests are the durable thing, sessions are attempts at them. An attempt that ended is never
//!   joined again; the next one has fresh nonces.
//! - Consent is for one request as it was shown. It covers every attempt at that request and nothing
//!   else; a request whose payload is missing cannot be consented to.
//! - A request that ended stays ended: the store is asked ([`Output::Recall`]) before one is opened that
//!   we do not hold, and what ended undecided is remembered by name or lies under its creator's floor.
//!   A member that missed the end is told how it ended.
//! - What a member brings is paid for from its own budget, before it costs us curve work or memory.
//! - Every offense has one penalty, decided in one exhaustive match.
//!
//! Absent on purpose: what a payload means (the driver checks it and shows it), discovery, gossip.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod signing;
pub use signing::Signing;
mod event;
pub use event::{CloseReason, Ending, Event, Input, Output, Record, Review};
mod config;
pub use config::{
    ANSWERS_PER_MEMBER_MAX, ATTEMPT_PAUSE, ATTEMPTS_MAX, EARLY_ENVELOPES_MAX, EARLY_PAYLOADS_MAX,
    ENDING_WAIT, ENDINGS_REMEMBERED, EngineConfig, GROUPS_MAX, GroupConfig, HELLO_TIMEOUT, Keys,
    MEMBERS_MAX, NOTE_PAUSE, OFFENSE_POINTS_MAX, PEERS_MAX, Proposal, REFUSALS_REMEMBERED,
    REFUSALS_REPORTED_MAX, REQUESTS_MAX, REQUESTS_PER_CREATOR_MAX, SESSIONS_MAX,
    UNDECIDED_ENDINGS_REMEMBERED,
};
mod error;
pub use error::{CommandError, Offense, Penalty, penalty};

mod budget;
pub use budget::{
    ANNOUNCED_BYTES_ALLOWED, Allowance, Allowances, BROUGHT_ALLOWED, MESSAGES_ALLOWED,
    PAYLOAD_BYTES_ALLOWED, PINGS_ALLOWED, REFUSALS_ALLOWED, REQUESTS_ALLOWED,
    REQUESTS_PER_MINUTE_MAX,
};
mod horizon;
pub use horizon::Horizon;
mod copies;
pub use copies::COPY_WINDOW;
mod local_signer;
pub use local_signer::ask_local_signer;
mod recall;
pub use recall::{Known, RECALL_ENVELOPES_MAX, RECALLS_MAX};
mod restore;
pub use restore::{KeptPartials, Open, Restored};
mod shared;
pub use shared::{CLAIMS_PER_STRANGER_MAX, CLAIMS_REMEMBERED, GROUPS_SETTLE};
mod status;
pub use status::{Opening, RequestStatus};
mod testimony;
pub use testimony::Testimony;
mod undecided;
pub use undecided::{UNDECIDED_PER_CREATOR_MAX, Undecided, UndecidedEnd};

mod admission;
mod ended;
pub use ended::{End, is_retried};
mod groups;
mod peers;
mod request;
mod requests;
mod shelf;

#[cfg(test)]
mod tests;
