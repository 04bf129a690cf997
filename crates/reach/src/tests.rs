//! The machine against observers, askers and dialers that are honest, silent or lie.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

mod asked;
mod cast;
mod contract;
mod lies;
mod story;
