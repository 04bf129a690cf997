//! How much anybody may ask of a node, and who pays when it is too much.
//!
//! Everything is a budget that fills up again with time: [`Gcra`], one number each. Budgets belong to
//! nodes, so that dialling again buys nothing, or to addresses, while no node has shown itself.
//!
//! Invariants:
//!
//! - No clock: time comes in as an argument. A clock that jumps back costs a burst at most.
//! - Bounded: [`Keyed`] holds so many entries and no more, from however many sources. What goes first is
//!   what has filled up again, and is as if it had never been.
//! - Fair: a flood takes from the peer's own, then from its address's, its network's and the strangers'
//!   common part, never from a member's; whoever is beyond its own takes nothing from what is shared.
//! - Whoever asks little comes before whoever asks much: an address's first [few](HANDSHAKES_FEW)
//!   handshakes have a share of their own.
//!
//! Sources: GCRA is the generic cell rate algorithm of ITU-T I.371; `governor` computes the same and is
//! the judge of a property test. The numbers for strangers are the specification's.
//!
//! Absent on purpose: what an excess costs its sender (`ensign-engine`), who is a member, and what is
//! counted of a session (`ensign-signing`).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod gcra;
pub use gcra::{Allowance, Gcra};
mod keyed;
pub use keyed::{Charge, Keyed};
mod allowances;
pub use allowances::{
    ANNOUNCED_BYTES_ALLOWED, Allowances, BROUGHT_ALLOWED, MESSAGES_ALLOWED, PAYLOAD_BYTES_ALLOWED,
    REFUSALS_ALLOWED, REQUESTS_ALLOWED, REQUESTS_PER_MINUTE_MAX,
};
mod members;
pub use members::{
    DELEGATIONS_ALLOWED, FORMATION_ALLOWED, LISTS_ALLOWED, LinkBudgets, MemberBudgets,
    PINGS_ALLOWED,
};

#[cfg(test)]
mod tests;
