//! The transport over real QUIC on loopback; hostile peers speak raw quinn.
//!
//! Nothing here sleeps or measures time: a test waits for the event it names.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the one event it expects")]

mod connect;
mod ending;
mod frames;
mod hostile;
mod ids;
mod lanes;
mod links;
mod moving;
mod node;
mod rate;
mod strangers;
mod tls;
