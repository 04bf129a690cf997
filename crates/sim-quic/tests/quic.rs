//! Stories and whole runs over real QUIC in simulated time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test panics where it fails, and picks what it looks at"
)]

#[path = "quic/clock.rs"]
mod clock;
#[path = "quic/command.rs"]
mod command;
#[path = "quic/crashes.rs"]
mod crashes;
#[path = "quic/dialling.rs"]
mod dialling;
#[path = "quic/runs.rs"]
mod runs;
#[path = "quic/silence.rs"]
mod silence;
#[path = "quic/story.rs"]
mod story;
