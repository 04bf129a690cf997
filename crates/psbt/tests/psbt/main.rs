//! The crate as its users see it: vectors, consensus, refusals, mutated bytes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the lints exempt functions marked as tests, not what they call"
)]
#![allow(clippy::wildcard_enum_match_arm, reason = "every other variant fails the test")]

mod conformance;
mod consensus;
mod derived;
mod descriptors;
mod digest;
mod draft;
mod forms;
mod kinds;
mod mutation;
mod notes;
mod oracle;
mod outline;
mod party;
mod policy;
mod refusal;
mod shape;
mod summary;
mod vectors;
mod version2;
