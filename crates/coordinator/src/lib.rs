//! The async coordinator: what a wallet embeds to sign together with others.
//!
//! A [`Coordinator`] runs one node: it drives the pure engine over QUIC and a durable journal, and
//! is the only place with an ambient clock and ambient entropy. It hands out typed [`Event`]s and
//! takes decisions; `examples/embed.rs` shows a whole wallet in about thirty lines.
//!
//! Invariants:
//!
//! - Nothing is signed without [`Coordinator::approve`] or an own [`Coordinator::propose`]; before
//!   it is offered, every message of a PSBT request has been recomputed from the PSBT.
//! - A record is on disk before what depends on it leaves the process; see [`Journal`].
//! - Entropy for nonces is drawn from the operating system for each nonce, and never kept. Only
//!   [`Coordinator::dangerous_simulated`] takes it, and the clocks, from somewhere else.
//!
//! Absent on purpose: a user interface, broadcasting of transactions, an encrypted key store.

mod config;
pub use config::{Group, Keys, Member, SigningJob, Work};
mod coordinator;
pub use coordinator::{Builder, Coordinator, StartError};
mod event;
pub use event::{Approval, Event, Events, Outcome};
mod error;
pub use error::{CommandError, Problem, Risk};
mod problem;
pub use problem::{CODES, Code};
mod journal;
pub use journal::{Journal, JournalError};
mod simulated;
pub use simulated::{SimulatedJournal, Surroundings};

mod clock;
mod consent;
mod driver;
mod randomness;
mod report;
mod storage;
mod warnings;

#[cfg(test)]
mod tests;
