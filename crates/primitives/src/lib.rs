//! The vocabulary every other crate shares: ids, time, the state machine contract, tagged hashes
//! and collections with a bound.
//!
//! Invariants:
//!
//! - Nothing here reads a clock, draws randomness, opens a socket or starts a thread: time and
//!   entropy are always arguments. The crate is `no_std`, so such code would not compile.
//! - Ids are plain bytes. Whether the bytes name a point on the curve is settled where a signature
//!   is checked or a key is aggregated, not here.
//! - Every collection has a capacity fixed at construction and a documented overflow rule.
//!
//! Absent on purpose: keys and signatures (`ensign-identity`, `ensign-musig`), encoding
//! (`ensign-wire`).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod id;
pub use id::{GroupId, PeerId, RequestId, SessionId, SignerIndex};
mod link;
pub use link::{Direction, LinkId, QueryId};
mod network;
pub use network::{Network, ParseNetworkError};
mod key_path;
pub use key_path::{KEY_PATH_STEPS_MAX, KeyPath, KeyPathError};
mod time;
pub use time::{Instant, Now, UnixTime, Wakeup};
mod machine;
pub use machine::StateMachine;
mod settle;
pub use settle::{Rooms, settle};
mod hash;
pub use hash::{TaggedHasher, sha256};
mod bounded;
#[cfg(feature = "visits")]
pub use bounded::visits;
pub use bounded::{BoundedMap, BoundedQueue};
mod occupancy;
pub use occupancy::Occupancy;

/// Most signers one group may have.
///
/// Guess: the full mesh costs n² messages, so groups far beyond 16 wait for an aggregator; 256 keys
/// still fit into one announcement of 10 KiB.
pub const SIGNERS_MAX: usize = 256;

/// Most messages one request may ask to have signed.
///
/// Guess: a consolidation of 1,000 inputs is the largest batch users describe.
pub const MESSAGES_MAX: usize = 1024;
