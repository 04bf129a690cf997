//! What a node holds of each identity that it has met: a score that fades, and why it is what it is.
//!
//! [`Reputation`] takes [marks](Mark) of what this node has seen or verified itself, and its user's
//! [`Word`]. It answers how a node [stands](Reputation::score), whether it is let in
//! ([`Reputation::bars`]), and [why](Reputation::why).
//!
//! Invariants:
//!
//! - Hearsay has no input: there is no mark for what somebody says of somebody else. A proof counts
//!   once, by its digest, whoever brings it.
//! - Silence never brings anybody below neutral and is gone in a day; it is a claim, never a proof.
//! - Everything else fades to neutral by half-lives, except that a node that was ever convicted stays
//!   below every node that we know nothing of, whatever good it does.
//! - A newcomer is neutral: below whoever has proven itself, above whoever pays for something.
//! - The user's word beats every score. It neither fades nor gives way, and no number of fresh
//!   identities pushes it out: each [shelf](SHELVES) has room of its own, so that a flood of one kind
//!   takes only from its own kind, and there from what is nearest to neutral.
//! - The same marks at the same times give the same state, whatever is asked in between.
//!
//! Sources: the numbers +1, -5, -10 and -50 are the specification's; half-lives and limits say where
//! they are from.
//!
//! Absent on purpose: what an offense is and what it costs on a connection (the engine's `sentence`),
//! addresses, and any ban of a member by the machine: that is the user's to say.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod reputation;
pub use reputation::{Record, Reputation, TooManyWords};
mod mark;
pub use mark::{CAUSES_MAX, Cause, CauseKind, Mark, WORDS_BYTES_MAX};
mod config;
pub use config::{
    Config, MINIMUM, MINIMUM_RANGE, MinimumError, SCORE_MAX, SCORE_MIN, SCORE_OF_GOOD,
    SCORE_OF_OFFENSE, SCORE_OF_PROOF, SCORE_OF_SILENCE, SILENCE_FADES,
};
mod account;
pub use account::{Account, PROOFS_MAX, Word};
mod fading;
mod pace;
mod shelves;
pub use shelves::{ACCOUNTS_MAX, MERITS_MAX, OFFENDERS_MAX, PROVEN_MAX, SHELVES, WORDS_MAX};
mod report;
pub use report::{Bar, Why};

#[cfg(test)]
mod tests;
