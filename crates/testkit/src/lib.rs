//! The state machine contract as tests that run on every machine.
//!
//! What [`StateMachine`](ensign_primitives::StateMachine) promises, and how it is held to it:
//!
//! - [`Subject`] stands around one machine and checks every call: outputs within a bound, wake-ups
//!   that come early or twice without effect, a next deadline that lies ahead, idleness once inputs
//!   stop. It keeps a digest of all outputs and deadlines, so that two runs can be compared.
//! - [`check_contract`] makes a machine from its factory and lets a list of [`Op`]s happen to it:
//!   acts of the world, time that passes, wake-ups that come early, late or never, a wall clock
//!   that jumps. It ends with idleness and demands equal digests of equal runs.
//! - [`ops`] is a proptest strategy for such lists; a failing list shrinks to the few operations
//!   that matter.
//!
//! A [`Rig`] says how a machine is made and what an act does to it. Where an act is just an input,
//! [`Inputs`] is all that is needed:
//!
//! ```
//! use ensign_primitives::{Instant, Now, StateMachine, Wakeup};
//! use ensign_testkit::{Bounds, Inputs, check_contract, ops};
//! use proptest::prelude::*;
//!
//! /// Repeats the last word once, ten microseconds after it came.
//! #[derive(Default)]
//! struct Echo {
//!     due: Option<(Instant, u8)>,
//!     output: Option<u8>,
//! }
//!
//! impl StateMachine for Echo {
//!     type Input = u8;
//!     type Output = u8;
//!
//!     fn handle_input(&mut self, now: Now, word: u8) {
//!         self.due = Some((Instant::from_micros(now.instant.as_micros() + 10), word));
//!     }
//!
//!     fn handle_timeout(&mut self, now: Now) {
//!         if let Some((_, word)) = self.due.take_if(|(at, _)| *at <= now.instant) {
//!             self.output = Some(word);
//!         }
//!     }
//!
//!     fn poll_output(&mut self) -> Option<u8> {
//!         self.output.take()
//!     }
//!
//!     fn poll_timeout(&self) -> Option<Wakeup> {
//!         self.due.map(|(at, _)| Wakeup { at, reason: "echo" })
//!     }
//! }
//!
//! proptest!(|(ops in ops(any::<u8>(), 0..20))| {
//!     let rig = || Inputs {
//!         machine: |_| Echo::default(),
//!         bounds: Bounds { outputs_per_call: 1, wakeups_until_idle: 1 },
//!     };
//!     check_contract(rig, &ops);
//! });
//! ```
//!
//! In a crate of ours that stands in `src/tests/contract.rs`, where `cargo xtask tidy` looks for it:
//! a machine without it fails the check.
//!
//! With the feature `store`, `ensign_testkit::store` holds any `ensign_store::Store` to its contract.
//!
//! Every violation panics with what was promised and what was seen: this crate is a dev-dependency
//! and uses std. Absent on purpose: a network between machines; each crate brings its own.

mod subject;
pub use subject::{Bounds, Subject};
mod op;
pub use op::{Op, ops};
mod rig;
pub use rig::{Inputs, Rig};
mod contract;
pub use contract::check_contract;

#[cfg(feature = "store")]
pub mod store;

#[cfg(test)]
mod tests;

/// Runs `scenario` twice and demands the same digest.
///
/// A scenario builds its machines from a configuration and a seed of its own, and returns
/// [`Subject::digest`], or a hash over several.
///
/// # Panics
///
/// When the digests differ: something beside configuration, seed and inputs decides.
pub fn assert_replays(scenario: impl Fn() -> [u8; 32]) {
    assert_eq!(scenario(), scenario(), "equal inputs gave different outputs");
}
