//! What must survive a crash: a durable store with a written contract.
//!
//! [`Store`] is the contract: batches that are durable on return, wholly there or not at all.
//! [`RedbStore`] keeps it on disk, [`MemoryStore`] as long as its process lives.
//!
//! [`commit_once`] writes nothing that contradicts what stands once; [`retain`] removes what has had
//! its time, [`bound_evidence`] what one culprit's evidence takes from others', and [`make_room`] what ended
//! requests still take when room is short.
//!
//! Invariants:
//!
//! - The store does not look into records. What they mean, and when one must be durable before
//!   something else may happen, is decided by whoever writes them.
//! - Nothing secret is ever handed to it: a nonce is never stored.
//! - Every key, every value and the whole store have a named bound.
//! - Opening either finds what was acknowledged, or refuses and changes nothing; and it says whether
//!   the store goes on or is a restored, copied or moved one ([`Opening`]).
//! - Time and randomness are arguments. The only ambient thing is the disk.
//!
//! `docs/protocol/store.md` says the same for somebody who writes another store or reads these files. With the
//! feature `fault`, [`medium`] has a disk in memory that crashes, lies and fills up on demand. Absent
//! on purpose: what is in a record (`ensign-ledger`), keys (they have files of their own).

mod table;
pub use table::{
    CONSENT_BYTES_MAX, EVIDENCE_BYTES_MAX, KEY_BYTES_MAX, Place, RECORD_BYTES_MAX, SMALL_BYTES_MAX,
    Table, attempt_of, request_of,
};
mod batch;
pub use batch::{Batch, Change};
mod store;
pub use store::{Record, Row, Size, Store, Visit};
mod error;
pub use error::{OpenError, StoreError};
mod room;
pub use room::{FREE_BYTES_MIN, RESERVE_BYTES, STORE_BYTES_MAX};
mod memory;
pub use memory::MemoryStore;
mod generation;
pub use generation::Opening;
pub mod medium;
mod redb_store;
pub use redb_store::{FORMAT_VERSION, OnMove, RedbStore, StoreOptions};
mod once;
pub use once::{OnceError, commit_once};
mod make_room;
pub use make_room::make_room;
mod bound_evidence;
pub use bound_evidence::{
    EVIDENCE_MAX, EVIDENCE_OF_ONE_MAX, EVIDENCE_PART, bound_evidence, has_too_much_evidence,
};
mod retain;
pub use retain::{
    CLAIMS_MAX, CLAIMS_RETENTION, ENDED_MAX, ENDED_RETENTION, EVIDENCE_RETENTION, NEIGHBOURS_MAX,
    PEERS_MAX, RUNNING_RETENTION, retain,
};
