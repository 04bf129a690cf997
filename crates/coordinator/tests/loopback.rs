//! Whole coordinators over real QUIC on loopback, with real stores. Every wait is for an event.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "loopback/addresses.rs"]
mod addresses;
#[path = "loopback/audience.rs"]
mod audience;
#[path = "loopback/busy.rs"]
mod busy;
#[path = "loopback/commands.rs"]
mod commands;
#[path = "loopback/consent.rs"]
mod consent;
#[path = "loopback/edited_code.rs"]
mod edited_code;
#[path = "loopback/evidence.rs"]
mod evidence;
#[path = "loopback/groups.rs"]
mod groups;
#[path = "loopback/hostile.rs"]
mod hostile;
#[path = "loopback/one_sided.rs"]
mod one_sided;
#[path = "loopback/party.rs"]
mod party;
#[path = "loopback/puppet.rs"]
mod puppet;
#[path = "loopback/reach.rs"]
mod reach;
#[path = "loopback/restart.rs"]
mod restart;
#[path = "loopback/signer.rs"]
mod signer;
#[path = "loopback/signing.rs"]
mod signing;
#[path = "loopback/socket.rs"]
mod socket;
#[path = "loopback/start.rs"]
mod start;
#[path = "loopback/strangers.rs"]
mod strangers;
#[path = "loopback/undecided.rs"]
mod undecided;
#[path = "loopback/washing.rs"]
mod washing;
#[path = "loopback/words.rs"]
mod words;
