//! The protocol from outside: one example of every message, written by hand after
//! `docs/protocol/wire.md`, must be what the crate encodes, what the document shows and what the
//! fuzz targets start from.
//!
//! With `ENSIGN_BLESS=1` in the environment the tests write the document's blocks and the corpus
//! anew instead of comparing them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at what it does not expect"
)]

mod budget;
mod corpus;
mod dht;
mod document;
mod dump;
mod examples;
mod formation;
mod gossip;
mod hashes;
mod story;
