//! Cases for the machine alone: messages go from node to node without connections.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

mod cast;
mod company;
mod contract;
mod muster;
mod muster_machine;
mod resends;
