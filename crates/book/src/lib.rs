//! The address book of an open network: who may be there, who is, whom to dial next, and who is told.
//!
//! A home that talks to its members only has no book. In an open one, [`Book`] keeps two tables: *new*
//! holds what others say, *tried* whom we have dialled and found to be who they are. It keeps a few
//! connections of its own, each to another part of the world, tests what it has heard, asks those it has
//! dialled for more, and says so when it looks cut off.
//!
//! Invariants:
//!
//! - What anybody says enters *new* only, in a few buckets of whoever says it, and pushes nobody out who
//!   is not dead. Only a dial of ours that is answered by the right identity leads to *tried*.
//! - Nobody who lives leaves *tried* for somebody else: the newcomer waits until the older one
//!   has twice not answered while others did.
//! - At most one outbound connection goes to one [`Area`]. Trusted nodes have places of their own.
//! - Callers count for nothing: whoever dials us is not entered, asked or believed.
//! - Records that come with an answer are checked, cheap things first, before one of them is taken.
//! - Whoever reads the seed of one node cannot say which bucket of another something goes to.
//!
//! Sources: Bitcoin Core's `addrman.cpp`, `net.cpp` and `node/eviction.cpp`, sized for tens of thousands of nodes;
//! Heilman and others, USENIX Security 2015, for why each rule is there; Marcus, Heilman and Goldberg,
//! ePrint 2018/236, for what happens without.
//!
//! Absent on purpose: how a record is made and signed ([`Listed`]), lookups, whose roots [`Book::roots`] are,
//! the dialling of members (`ensign-peers`), and inbound places (`ensign-gate`).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod book;
pub use book::Book;
mod event;
pub use event::{Closing, Event, Input, Kept, Note, Offense, Output, Reason, Restored, Source};
mod listed;
pub use listed::{Fault, Listed};
mod area;
pub use area::Area;
mod config;
pub use config::*;

mod agenda;
mod alarms;
mod chance;
mod contests;
mod entry;
mod exchange;
mod links;
mod notes;
mod places;
mod table;
mod trusted;
mod views;

#[cfg(test)]
mod tests;
