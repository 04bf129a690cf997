//! The one shape of every pure component.

use crate::{Now, Wakeup};

/// A deterministic protocol component: no socket, no clock, no ambient randomness.
///
/// The contract, which `ensign-testkit` runs on every machine:
///
/// 1. *Total*: no input panics; a peer's mistake becomes an output that names the offense.
/// 2. *One mutation, then drain*: after each `handle_*` call the caller drains
///    [`poll_output`](Self::poll_output) to `None`.
/// 3. *Wake-ups* that come early, late or twice are harmless; after `handle_timeout(now)` the next
///    deadline is later than `now`; with inputs stopped the machine becomes idle.
/// 4. *Bounded*: every collection that a peer can grow has a named limit.
/// 5. *Deterministic*: equal configuration, seed and inputs give equal outputs.
pub trait StateMachine {
    /// What the world tells the component.
    type Input;
    /// What the component asks of the world, oldest first.
    type Output;

    /// Feeds one input; a peer's mistake becomes an output, never an error here.
    fn handle_input(&mut self, now: Now, input: Self::Input);

    /// Fires every timer due at `now`; does nothing when none is due.
    fn handle_timeout(&mut self, now: Now);

    /// Takes the oldest pending output.
    fn poll_output(&mut self) -> Option<Self::Output>;

    /// Tells when [`handle_timeout`](Self::handle_timeout) is next due, and which timer asked.
    fn poll_timeout(&self) -> Option<Wakeup>;
}
