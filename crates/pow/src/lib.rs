//! Proofs of work: what a stranger pays when too many come, and nothing when they do not.
//!
//! - [`Puzzle`] says what has to be found, [`Solver`] finds it, a step at a time, and
//!   [`Puzzle::check`] says whether somebody did: one hash.
//! - [`Effort`] says how much is asked: nothing at rest, one bit more for each time that even those
//!   who pay find no place, half of it after each time that everybody did.
//! - [`Toll`] is the gate's side: who was told which price, who has paid it, which proofs are spent,
//!   and who gives way.
//! - [`Payer`] is the other side: which price we pay, one puzzle at a time.
//!
//! Invariants:
//!
//! - A proof holds for one key, on one network, for one seed, in one epoch: nobody else can use it,
//!   nowhere else and not for long. It buys one stay.
//! - A proof is judged from cheap to dear: its version, its epoch, whether it is spent; only then is it
//!   hashed.
//! - Nobody is locked out by its neighbours: where many have paid within an hour the price is higher, up to
//!   what everybody pays at most, and a dearer proof earns no better place.
//! - Only strangers pay. Who is a member or wanted is never asked, never waits for a puzzle, and is
//!   no candidate here.
//! - Every memory has a bound; filling one costs whoever fills it a puzzle for each entry.
//! - No clock, thread or entropy: time and the secret behind the seeds are arguments.
//!
//! The scheme is hashcash (Back, 2002) over BIP340's tagged hashes; the rule by which the price moves
//! is that of Tor's onion services (proposal 327): additive up, multiplicative down, nothing at rest.
//! `docs/protocol/pow.md` describes every byte.
//!
//! Absent on purpose: threads (the driver runs as many [`Solver`]s as there are cores), and any
//! price for members.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod puzzle;
pub use puzzle::{POW_VERSION, Purpose, Puzzle, Refusal};
mod solver;
pub use solver::Solver;
mod effort;
pub use effort::{Demand, EFFORT_PERIOD, Effort, TAKEN_FOR, Tariff};
mod spent;
pub use spent::{GROUPS_MAX, PROOFS_PER_GROUP, SPENT_MAX};
mod toll;
pub use toll::{EPOCH, Payment, Toll};
mod payer;
pub use payer::{BITS_PAYABLE_MAX, HASHES_PAYABLE, PRICES_MAX, Payer, Paying, Step};

pub use ensign_wire::{Price, Proof};

#[cfg(test)]
mod tests;
