//! Cases by hand, the contract, and worlds of honest and hostile nodes.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

mod cast;
mod certificates;
mod codes;
mod contract;
mod hostile;
mod regressions;
mod seats;
mod statements;
mod world;
