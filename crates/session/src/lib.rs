//! One signing session: gather, commit, reveal, sign, finish, or abort with blame.
//!
//! A [`Session`] is one attempt at one request, seen by one signer. It is a pure state machine: the
//! caller feeds envelopes, connections and time, and carries out what [`Output`] asks. The secret key
//! is beside it, in a [`LocalSigner`] or in another process.
//! `docs/protocol/session.md` has the tables of phases and messages.
//!
//! Invariants:
//!
//! - *Nonce law.* A session holds no secret of the signer key: [`LocalSigner`], or whatever stands in
//!   its place, makes nonces and signs. It is asked to sign once the burn mark ([`Record::Burned`]) is
//!   durable, at most once, and any end of the session has it erase what is left. Our partial
//!   signatures are verified and durable ([`Record::Partials`]) before they leave.
//! - Our join leaves once it is durable, and our nonces with it or after it, so a restarted node never
//!   joins an attempt twice.
//! - A message that comes a phase early is kept; every message is idempotent; what is lost is asked
//!   for again by cumulative acknowledgements.
//! - Nobody is blamed without [`Evidence`](ensign_equivocation::Evidence) that the machine has
//!   checked, except for silence, which is marked as a claim.
//! - No signature is handed out that does not verify.
//!
//! A session is made of rooms with private fields; none sees another, and [`Session`] alone carries
//! what one says to the next. A rule stands in the room whose state it reads: the nonce law in `own`
//! (with its second line, [`LocalSigner`]), what is heard and who is convicted in `case`, what leaves
//! and in which order in `voice`, what is true and what it adds up to in `sum`.
//!
//! Absent on purpose: who forwards what (a statement means the same whoever brings it), payloads
//! (the engine delivers them, its caller checks them), further attempts (the engine's).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod session;
pub use session::Session;
mod event;
pub use event::{Event, Failure, Finished, Input, Output, Phase, Record, SignerRecord};
mod order;
pub use order::{Entropy, Order, OwnNonces, OwnPartials, Unsigned};
mod lifetime;
pub use lifetime::{CLOCKS_PART_MAX, NONCE_LIFETIME, NonceAge};
mod signer;
pub use signer::{
    GROUPS_CACHED_MAX, LocalSigner, OPEN_SESSIONS_MAX, REQUESTS_VERIFIED_MAX, SESSIONS_SEEN_MAX,
};
mod config;
pub use config::{
    ACKS_ANSWERED_MAX, DUPLICATES_REMEMBERED, SessionSetup, VIEW_QUESTIONS_MIN, VIEWS_SHARED_MAX,
};
mod error;
pub use error::{CommandError, Offense, OrderError, OwnFault, PartialsError, SetupError};

mod attempt;
mod course;
mod own;
mod voice;

mod roll;

mod case;
mod form;

mod agreement;
mod allowance;
mod view;

mod contexts;
mod sum;

#[cfg(test)]
mod tests;
