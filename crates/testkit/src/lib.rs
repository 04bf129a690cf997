//! The state machine contract as tests that run on every machine.
//!
//! A [`Subject`] stands around one machine and checks, on every call, what
//! [`StateMachine`](ensign_primitives::StateMachine) promises: outputs within a bound, wake-ups that come early or twice without
//! effect, a next deadline that lies ahead, idleness once inputs stop. It keeps a digest of all
//! outputs, so that two runs of one scenario can be compared ([`assert_replays`]).
//!
//! Every violation panics with what was promised and what was seen: this crate is a dev-dependency
//! and uses std. Absent on purpose: a network between machines; each crate brings its own.

mod subject;
pub use subject::{Bounds, Subject};

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
