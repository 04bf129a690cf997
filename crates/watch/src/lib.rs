//! What the guards did: to whom, why, when, and what it costs them.
//!
//! Whoever decides against a peer says so in one place, [`Watch::note`]. A person asks later who is held back
//! and why: of each peer, and of each address that is known by nothing else, the last
//! [`CAUSES_KEPT`] causes with their times and counters of everything are kept. It decides nothing.
//!
//! Invariants:
//! - Bounded whatever comes: [`NEAR_WATCHED_MAX`] of those whom we know or want, [`FAR_WATCHED_MAX`] of all
//!   others, apart from each other, so that no crowd of strangers makes us forget a member's causes. Of
//!   members whoever was noted longest ago goes. Of others the largest group of addresses gives way, a
//!   /24 or a /32 of IPv6, and in it whoever was noted longest ago: fresh identities of few networks push out
//!   each other.
//! - A cause that repeats counts up: a note that is like one of the causes kept leaves no more behind. Text is cut at [`WORDS_BYTES_MAX`].
//!
//! Deliberately absent: scores (`ensign-reputation`), allowances (`ensign-ratelimit`), and any record: it
//! begins empty with each start.
#![no_std]

extern crate alloc;

#[cfg(test)]
extern crate std;

mod act;
mod cause;
mod entry;
mod shelf;
mod watch;

pub use act::{ACTS, Act, Counts};
pub use cause::{CAUSES_KEPT, Cause, WORDS_BYTES_MAX};
pub use entry::Entry;
pub use watch::{Distance, FAR_WATCHED_MAX, NEAR_WATCHED_MAX, Note, Watch};

#[cfg(test)]
mod tests;
