//! Conflicting or false signed statements become portable evidence.
//!
//! [`Evidence`] is what a third party needs to convict somebody: the statements with the culprit's
//! own signatures and nothing that the accuser could have made up. [`Evidence::verify`] needs no
//! clock, no log and no witness. What cannot be proven (silence, a stopped session) is no evidence.
//!
//! [`Statements`] remembers the first statement in each slot of a session and turns a second,
//! different one into evidence.
//!
//! [`Case`] is evidence as a file: with the group's keys and the delegation, so that a stranger sees
//! which signer key stands behind the culprit. It also carries silence, as a claim of whoever
//! reports it: [`Verdict::Claimed`] is never [`Verdict::Proven`].
//!
//! Why each kind is sound:
//!
//! - [`Evidence::Conflict`]: one node key signed two bodies for a slot that takes one. A body that
//!   is sent again is equal, so honest re-sending never conflicts.
//! - [`Evidence::WrongCommitment`]: the revealed nonces do not open the sender's own commitment.
//! - [`Evidence::InvalidNonce`]: the sender signed nonces that are no points on the curve.
//! - [`Evidence::WrongPartialSig`]: the sender signed, together with a partial signature, the
//!   digest of the nonce set it was made for. The accuser cannot swap a nonce, because the set must
//!   hash to what the culprit signed.
//! - [`Evidence::SignedOtherwise`]: who confirms a nonce set signs for that one or for none.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod evidence;
pub use evidence::{Culprit, Evidence, EvidenceError};
mod case;
pub use case::{
    CASE_BYTES_MAX, Case, CaseDecodeError, CaseError, Charge, Claim, Conviction, REPORTS_MAX,
    SpeaksFor, Verdict,
};
mod statements;
pub use statements::{Outcome, STATEMENTS_PER_SIGNER_MAX, Statements};

#[cfg(test)]
mod tests;
