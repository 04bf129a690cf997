//! Whether a node can be reached from outside: who sees it where, who dials it back, and whom it dials back.
//!
//! A node knows its own interfaces and no router before them. [`Reach`] gathers at which address the nodes that it has
//! dialled see it, asks some of them to dial that address back, and says which addresses may stand in the node record.
//! The same machine answers those who ask.
//!
//! Invariants:
//!
//! - What observers say counts once for each [`Area`](ensign_book::Area): an address is a candidate only when two areas, and more than half of
//!   those that spoke last, name it. Hostile observers are taken to be the minority of the areas that *we* have dialled;
//!   whoever dials us says nothing that counts.
//! - An address is announced only once a connection has come that brought what one node alone was told, from another
//!   area than the address's; two areas, where only others say that the address is ours.
//! - What our user names is announced as it is. It is tested too, so that he learns when nobody gets through.
//! - Nobody is dialled but an asker, at the host from which it speaks, at a port from 1024 on, from a socket from which
//!   nothing was ever sent to it: so often for each, so often for each area, and so many at a time.
//!
//! Sources: libp2p's AutoNAT v2 (one address for each question, a nonce that proves the dial) and rust-libp2p#3900 (whoever
//! dials from the socket of the connection that stands goes through the hole that it has made).
//!
//! Absent on purpose: punching holes, relays, port mapping, sockets.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
pub use config::*;
mod event;
pub use event::{Announce, Input, Offense, Output, Seen, Status, Tested, Verdict};
mod favours;
mod observers;
mod reach;
mod trials;
pub use reach::Reach;

#[cfg(test)]
mod tests;
