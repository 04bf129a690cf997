//! A node's part in the open network: who it is there, whom it knows, and the links by which it asks.
//!
//! A closed home has none of this. In an open one, [`Overlay`] joins three machines that do not know each other,
//! the hash table ([`ensign_dht`]), the address book ([`ensign_book`]) and the one that finds out whether we are
//! reached ([`ensign_reach`]), and owns what lies between: our own node record, the first nodes, and the links that they open. It looks for nodes that we want to be connected with and
//! are not.
//!
//! Invariants:
//!
//! - Each [`Output::Dial`] is answered, and followed by one [`Output::Leave`] when nobody here needs its
//!   link any more; who is wanted elsewhere is never left.
//! - A question to a stranger uses the link that is there, or opens one; of those that nobody else needs the
//!   [`WARM_LINKS_MAX`] last used stay.
//! - What anybody says of a node enters the book as hearsay; to be believed it is dialled.
//! - A node that cannot be reached, or is light, says nothing of itself, and works for no position. What it says of
//!   where it is was dialled back, or is named by its user, or its network is a local one.
//! - Nothing of a group is said here: a node is looked for by its identity, as by anybody who knows it, and a member by
//!   what it has sealed for us under a key that only the two of us know.
//!
//! Absent on purpose: who is a member (the engine says whom it wants), rates of strangers (`ensign-ratelimit`), DNS
//! (`ensign-seeds`), threads: a position's puzzle is an output.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
pub use config::*;
mod event;
pub use event::{
    CommandError, Event, FirstNode, Input, Looks, Message, Offense, Output, Record, Restored,
    Status, Unreached, Way,
};
mod links;
mod looked_for;
mod overlay;
mod own;
mod pairs;
mod start;
pub use overlay::Overlay;

/// The address book: the same of it.
pub use ensign_book as book;
/// The hash table: the same of it.
pub use ensign_dht as dht;
/// Whether we are reached: the same of it.
pub use ensign_reach as reach;

#[cfg(test)]
mod tests;
