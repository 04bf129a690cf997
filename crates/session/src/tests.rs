//! Cases for the machine: whole groups on a simulated network, and single statements by hand.
#![expect(clippy::wildcard_enum_match_arm, reason = "a case looks at what it is about")]

mod attack;
mod dodge;
mod group;
mod judge;
mod key;
mod node;
mod world;

mod contract;
mod dodging;
mod early;
mod endings;
mod hostile;
mod modes;
mod property;
mod refusals;
mod signed;
mod signer;
mod unsigned;
