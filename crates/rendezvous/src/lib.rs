//! Records by which two nodes that share a secret find each other: keys of one day, and sealed addresses.
//!
//! Each of the two derives from what both alone know ([`NodeKey::shared_secret`](ensign_identity::NodeKey::shared_secret)),
//! from who publishes, who reads, and the day, one [`DayKey`]: the key that publishes a record, and so where it
//! lies, and the key that seals its body. Nobody else can compute either, and no two records of a node have anything in common.
//!
//! Invariants:
//!
//! - A record lies under the hash of a key that only the two know, and is signed by it: a stranger can neither
//!   find it, nor replace it, nor put another in its place.
//! - Every body has the same length, and looks like chance to everybody else.
//! - Equal nonces seal equal texts: a nonce is a keyed hash of what is sealed and of its number, so that a restart, a
//!   clock that was set back or a poor source of chance repeats none.
//!
//! Sources: RFC 8439 for the seal; the nonce is made as in RFC 5297 (SIV). The derivation and a test vector are in
//! `docs/protocol/dht.md`.
//!
//! Absent on purpose: when records are published and looked for (`ensign-overlay`). No forward secrecy: whoever gets one
//! of the two node keys can read what was stored, and what will be.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod addresses;
mod day;
pub use addresses::ADDRESSES_PER_RENDEZVOUS_MAX;
pub use day::{DAY, DayKey, day, days_of_interest};

#[cfg(test)]
mod tests;
