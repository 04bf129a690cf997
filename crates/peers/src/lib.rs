//! Where peers are, whom to be connected with, and when to dial: one pure state machine.
//!
//! [`Peers`] keeps an address book, dials whom somebody wants, one address after the other, and
//! waits longer after each failure. A driver carries out [`Output::Dial`] and answers it; the same
//! rules hold over QUIC and in a simulator.
//!
//! Invariants:
//!
//! - At most one dial of each peer is unanswered: the next one waits for `Up`, `DialFailed`, or its
//!   time. Nobody is dialled who is connected, or whom nobody wants.
//! - Addresses come from our user, or are where a wanted peer spoke from, proven by its connection.
//!   No stranger leaves an address, and none takes the place of a given one.
//! - A lost connection does not make dialling cheap again: the wait begins at its smallest only after
//!   a connection that lasted [`BACKOFF_MAX`].
//! - Nodes that lost each other together do not come back together: the upper half of each wait is
//!   random, from the seed of the constructor.
//!
//! What people hand to each other so that their nodes find each other is in [`contact`].
//!
//! Absent on purpose: addresses that peers tell of others. New and tried buckets, their eviction, and
//! peer exchange belong beside the address book once nodes look for strangers; whom to rotate
//! belongs to dialling. Host names are looked up by the driver, which tells what it found.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod peers;
pub use peers::Peers;
mod event;
pub use event::{Event, Input, Output, Record, Restored, Why};
mod config;
pub use config::{
    BACKOFF_MAX, BACKOFF_MIN, CHOSEN_MAX, CONNECTED_MAX, DUPLICATE_WAIT, FORMING_MAX,
    NOTE_INTERVAL, PEERS_MAX, PeersConfig,
};
mod error;
pub use error::{CommandError, DialFailure};

pub mod contact;

mod addresses;
mod backoff;
mod dialling;

#[cfg(test)]
mod tests;
