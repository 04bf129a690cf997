//! The distributed hash table: nodes by their identity, records by their key, among strangers.
//!
//! [`Dht`] keeps a [`Table`] of who has answered it, walks through the network (`find_node`, `get`, `put`), answers
//! others, and keeps their records. The one who runs it opens links ([`Output::Reach`]) and carries messages.
//!
//! Invariants:
//!
//! - Nobody is told of, asked or entered whose signed record and proof of work were not verified.
//! - A contact that answers keeps its place, whoever comes later; a place is got by an answer to a question
//!   of ours, never by asking.
//! - In the region of a key walks ask in random order, by turns of their roots: neither who lies nearest nor
//!   who tells of most others decides. The region is walked always, not only on suspicion.
//! - Silence, "none" and a far answer are no offense.
//! - Each collection that a peer can grow has a bound, shown by [`Dht::occupancy`].
//!
//! Sources: Maymounkov and Mazières (2002) for distance, buckets and their rules; Baumgart and Mies, S/Kademlia (2007)
//! for what hostile nodes do; Sridhar et al., NDSS 2024, and what follows it for regions. The walk, the
//! hand-on and their numbers are measured, see `docs/protocol/dht.md`.
//!
//! Absent on purpose: connections and whom to keep warm, budgets of peers (`ensign-ratelimit`), keys: our own records
//! are signed by whoever runs this.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod event;
pub use event::{CommandError, Event, Heard, Hop, Input, Outcome, Output, Thoroughness};
mod offense;
pub use offense::Offense;
mod config;
pub use config::*;
mod verify;
pub use verify::{Verifier, Verify};
mod table;
pub use table::{Placed, Table};
mod locality;
mod pool;
mod questions;
mod roots;
mod size;
mod walk;
pub use size::{Size, is_dense, region};
mod dht;
mod hand_on;
mod shelf;
pub use dht::{Contact, Dht, NetworkView, Trace};

#[cfg(test)]
mod tests;
