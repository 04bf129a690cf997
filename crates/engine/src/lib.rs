//! The node as one pure state machine: a hall with one gate, and a machine with walls for each protocol.
//!
//! A driver feeds [`Input`]s and carries out [`Output`]s; [`Engine`] decides everything in between. The
//! production driver runs it over QUIC; any other driver (a simulator, a test) sees the same bytes.
//!
//! The way of a frame: is its link known? Then the guards, before a byte is decoded; then it is
//! decoded, and handed to the child that reads its kind; then all children are heard until they are
//! silent.
//!
//! Invariants:
//!
//! - No clock, socket, thread or ambient randomness: time and a seed come in as arguments.
//! - Every connection has a name. What comes under a name that is not, or no longer, in the gate's
//!   table is nobody's fault and changes nothing.
//! - Who may send a kind is decided by [`Kind::audience`](ensign_wire::Kind::audience) and by the
//!   standing that a child has given the peer; no child is asked.
//! - A child sees no other child. What one says becomes an output of ours, or another child's input, in
//!   one exhaustive match for each child.
//! - Hearing the children ends: after [`SETTLE_ROUNDS_MAX`] rounds the rest waits for the next
//!   wake-up, which is due at once.
//! - Every offense has one [`Sentence`], decided by [`sentence`] and nowhere else.
//!
//! Absent on purpose: any rule that reads a protocol's state, which is in that protocol's crate; what
//! a payload means (the driver checks it and shows it).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod engine;
pub use engine::{Engine, Restored};
mod event;
pub use event::{Event, Input, Output, Record};
mod config;
pub use config::{EngineConfig, SETTLE_ROUNDS_MAX};

mod admission;
mod open;
pub use open::POSITION_JOB;
mod route;

/// The child that forms groups: the same of it.
pub use ensign_formation as formation;
pub use ensign_gate::{
    BOOTSTRAP_STRANGERS_MAX, HELLO_TIMEOUT, Link, OFFENSE_POINTS_MAX, Offense, STRANGER_TIME,
    STRANGERS_MAX, Scope, Sentence, Strangers, sentence,
};
/// The child that takes part in the open network: the same of it.
pub use ensign_overlay as overlay;
/// The child that knows where peers are and dials them: the same of it.
pub use ensign_peers as peers;
/// What strangers pay when too many come: the same of it.
pub use ensign_pow as pow;
/// How much anybody may ask of a node: the same of it.
pub use ensign_ratelimit as ratelimit;
pub use ensign_ratelimit::{
    Allowances, DELEGATIONS_ALLOWED, FORMATION_ALLOWED, LISTS_ALLOWED, Limits, PINGS_ALLOWED,
};
/// What is held of each node: the same of it.
pub use ensign_reputation as reputation;
/// The child that signs: what its part of an [`Input`], [`Output`] or [`Event`] means, and its limits.
pub use ensign_signing as signing;
pub use ensign_signing::{
    CommandError, GroupConfig, Keys, PEERS_LIMIT, PEERS_MAX, Proposal, Source, Warnings,
};
/// What the guards did: the same of it.
pub use ensign_watch as watch;
pub use ensign_wire::CloseCode;

#[cfg(test)]
mod tests;
