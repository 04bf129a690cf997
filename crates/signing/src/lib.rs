//! Signing as one pure state machine: groups, requests, attempts at them and their endings.
//!
//! It speaks of nodes, never of connections: whoever runs it says who is [up](Input::Up), brings
//! decoded [`Message`]s, and carries out [`Output`]s.
//!
//! Invariants:
//!
//! - No clock, socket, thread or ambient randomness: time comes in as an argument.
//! - No secret of the signer key: a signer beside the machine is asked for nonces, for partial
//!   signatures and to forget, and may take its time.
//! - Only nodes of a group that our user formed can make us keep anything, but for a bounded list of
//!   claims to have a group with us.
//! - Requests are the durable thing, sessions are attempts at them. An attempt that ended is never
//!   joined again; the next one has fresh nonces.
//! - Consent is for one request as it was shown. It covers every attempt at that request and nothing
//!   else; a request whose payload is missing cannot be consented to.
//! - A request that ended stays ended: the store is asked ([`Output::Recall`]) before one is opened that
//!   we do not hold, and what ended undecided is remembered by name or lies under its creator's floor.
//!   A member that missed the end is told how it ended.
//! - What a member brings is paid for from its own budget, before it costs us curve work or memory.
//! - Requests from before a restart wait inside until their group is there, and go on then. What was made
//!   before our store begins is refused ([`Restored::void_until`]): others may have seen us join it.
//! - Our node always tries to hold a delegation that others accept; who lies or falls silent is kept as a
//!   case ([`Record::Case`]) that a stranger can check.
//!
//! Absent on purpose: connections and what an offense costs (`ensign-engine`), what a payload means (the
//! driver checks it and shows it), discovery, gossip.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod signing;
pub use signing::Signing;
mod event;
pub use event::{
    Ending, Event, Input, Message, NotDelegated, Output, Record, Review, SignerAnswer,
    SignerQuestion, Standing,
};
mod notices;
pub use notices::{
    MISDEEDS_REMEMBERED, NOTICE_AGAIN, NOTICE_PAUSE, NOTICES_ALLOWED, NOTICES_BYTES_MAX,
    NOTICES_MAX, PROOFS_OF_ONE_MAX,
};
mod conduct;
pub use conduct::Conduct;
mod config;
pub use config::{
    ANSWERS_PER_MEMBER_MAX, ATTEMPT_PAUSE, ATTEMPTS_AHEAD, ATTEMPTS_MAX, EARLY_ENVELOPES_MAX,
    EARLY_PAYLOADS_MAX, ENDING_WAIT, ENDINGS_REMEMBERED, FAILED_ATTEMPTS_MAX, GROUPS_MAX,
    GroupConfig, Keys, MEMBERS_MAX, NOTE_PAUSE, PEERS_LIMIT, PEERS_MAX, PUSHED_OFF_MAX, Proposal,
    REFUSALS_REMEMBERED, REFUSALS_REPORTED_MAX, REQUESTS_LIMIT, REQUESTS_MAX,
    REQUESTS_PER_CREATOR_MAX, SESSIONS_MAX, SigningConfig, Source, UNDECIDED_ENDINGS_REMEMBERED,
};
mod error;
pub use error::{CommandError, Offense};

mod course;
pub use course::CONSENT_MOMENT;
mod case;
pub use case::{CaseFile, CaseKind};
mod hello;
pub use hello::own_hello;
mod horizon;
pub use horizon::Horizon;
mod copies;
pub use copies::COPY_WINDOW;
mod membership;
pub use membership::{Delegated, SHOW_WAIT};
mod local_signer;
pub use local_signer::ask_local_signer;
mod muster;
pub use muster::{
    ATTEMPT_UNITS, EARLY_CONSENTS_MAX, HANDED_ALLOWED, LINK_REPORT_AGE_MAX, LINK_REPORT_INTERVAL,
    OPENED_ALLOWED, WORDS_ALLOWED,
};
mod recall;
pub use recall::{Known, RECALL_ENVELOPES_MAX, RECALLS_MAX};
mod renewal;
pub use renewal::{RENEWAL_MARGIN, RENEWAL_PAUSE, holds_in_good_time};
mod resends;
pub use resends::RESEND_PAUSE;
mod restore;
pub use restore::{Asked, KeptPartials, Open, Restored};
mod shared;
pub use shared::{CLAIMS_REMEMBERED, GROUPS_SETTLE};
mod status;
pub use status::{Opening, RequestStatus};
mod wait;
pub use wait::{ClockGap, LACKS_NAMED_MAX, Lack, Wait};
mod warnings;
pub use warnings::{WARNINGS_ALLOWED, Warnings};
mod undecided;
pub use undecided::{UNDECIDED_PER_CREATOR_MAX, Undecided, UndecidedEnd};

mod admission;
mod budget;
mod clocks;
mod ended;
pub use ended::{End, is_retried};
mod groups;
mod request;
mod requests;
mod shelf;

#[cfg(test)]
mod tests;
