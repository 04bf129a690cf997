//! Tests of the machine.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

mod cast;
mod clocks;
mod contract;
mod lone;
mod network;
mod pairs;
mod reaching;
