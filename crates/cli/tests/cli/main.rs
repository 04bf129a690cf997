//! The real binary, as people and scripts use it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the lints exempt functions marked as tests, not what they call"
)]

mod again;
mod answers;
mod config;
mod contact;
mod drill;
mod ensign;
mod evidence;
mod forming;
mod group;
mod home;
mod kept;
mod keys;
mod money;
mod net;
mod network;
mod payee;
mod prefixes;
mod psbt;
mod reader;
mod refusal;
mod rescue;
mod results;
mod seeds;
mod serving;
mod signer;
mod signing;
mod terminal;
mod told;
mod tutorial;
mod words;
