//! Node keys, signatures over tagged bytes, and the delegation of a signer key to a node.
//!
//! A node speaks under its *node key*; its x-only form is the [`PeerId`](ensign_primitives::PeerId). A *signer key* goes into
//! MuSig2 groups and speaks once, in a [`Delegation`], so that a hardware signer is asked once.
//!
//! Invariants:
//!
//! - Everything signed is a 32-byte tagged hash with the network inside; there is no way to sign
//!   free bytes.
//! - Secrets are move-only, erased on drop and never printed.
//!
//! Sources: [BIP-0340]. Absent on purpose: MuSig2 (`ensign-musig`) and storage of keys.
//!
//! [BIP-0340]: <https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki>
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "checks"))]
extern crate std;

mod checks;
#[cfg(feature = "checks")]
pub use checks::checks;
mod node_key;
pub use node_key::{InvalidSecret, NodeKey, SharedSecret, Signature, verify};
mod signer_key;
pub use signer_key::{InvalidSignerKey, SignerKey};
mod delegation;
pub use delegation::{
    DELEGATION_LIFETIME_MAX, Delegation, DelegationError, DelegationProof, NUMBER_AHEAD_MAX, Terms,
};

#[cfg(test)]
mod tests;
