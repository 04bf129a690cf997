//! The ledger: what a node remembers, and what all of it adds up to.
//!
//! `ensign-store` keeps bytes in places; this crate says which record lies where, writes what must
//! go together with one commit, and reads at a start what the time before has left
//! ([`open`], [`Before`]). For people it keeps a number and a few words of each request
//! ([`Handles`], [`Outlines`]), and [`Records`] shows everything to whoever asks.
//!
//! Invariants:
//!
//! - A join, a burn mark and a partial signature are each written once; what contradicts them is
//!   refused and noted. [`Records::audit`] proves from the store that no nonce met two challenges.
//! - A store that may have missed something, an empty one of [used](KeyAge) keys among them, closes what it knows as open, and what was proposed
//!   until then is refused ([`Before::void_until`]).
//! - A number is given only when it is durable that no later process gives it.
//! - A record that cannot be read is an error, never a record that is not there. Outlines,
//!   addresses and what is known of the open network alone are hints: one that cannot be read is none.
//!
//! Time is an argument. The operating system is asked for the mark of an opened store's generation, and
//! for the name of the machine.
//!
//! Absent on purpose: a runtime, the order in which records have to be durable (the engine's), what a request means
//! (`ensign-review`), secrets of any kind.

mod ledger;
pub use ledger::{
    Entry, LedgerError, OPEN_LOADED_MAX, Past, Unfinished, WordError, address, contradicted, entry,
    formation, past, place, read, received, reputation, shown, subject, unfinished, void_until,
};
mod write;
pub use write::write;
mod commit;
pub use commit::{About, Answer, Subject, Write, commit};
mod clerk;
pub use clerk::{Clerk, Task};
mod neighbours;
pub use neighbours::{LOOKS_MAX, Neighbours, looks, neighbour, position};
mod recall;
pub use recall::recall;
mod records;
pub use records::{
    AttemptEntry, KeptCase, LostAttempt, Outcome, Reached, Records, RequestEntry, RequestState,
    enter_live,
};
mod audit;
pub use audit::{Audit, Fault, Violation};
mod handle;
pub use handle::{Handle, ParseHandleError};
mod handles;
pub use handles::Handles;
mod outline;
pub use outline::{
    Asked, Coin, Decision, HowEnded, Outline, OutlinedWork, Outlines, Signed, SignedCoins,
};
mod outlines;
pub use outlines::{AskedBefore, each_outline, outline, read_outline, set_handles};
mod mark;
pub use mark::{Marks, Shown};
mod opening;
pub use opening::{
    Archive, Before, Found, KeyAge, OLD_CODE, Opened, OpeningError, VOIDED_CODE, open, settle,
};
#[cfg(test)]
mod tests;
