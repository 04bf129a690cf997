//! What two nodes say before they are members to each other, and the first word after it.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_identity::{DelegationProof, SignerKey};
use ensign_primitives::{Network, PeerId, TaggedHasher, UnixTime};
use serde::{Deserialize, Serialize};

use crate::{ADDRESSES_MAX, DecodeError, codec};

/// Shows for which signer key a node speaks: the sender itself, or a newer node that has taken another
/// one's place.
///
/// It does not name the key. Whoever knows the key finds it by the hint; nobody else learns which groups
/// there are, or whose members are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduced {
    /// By which a receiver that knows the signer key finds it, see [`Introduced::hint`].
    pub hint: [u8; 8],
    /// The node that speaks; another than the sender when it is handed on.
    pub peer: PeerId,
    /// That the signer key lets it.
    pub proof: DelegationProof,
}

impl Introduced {
    /// Computes the hint about a signer key on one connection: others have other ones, so that it
    /// tells nobody that two of them are about one key.
    pub fn hint(
        network: Network,
        signer: &SignerKey,
        (sender, receiver): (&PeerId, &PeerId),
    ) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = TaggedHasher::new("ensign/delegation-hint/v1", network)
            .bytes(&signer.to_bytes())
            .bytes(sender.as_bytes())
            .bytes(receiver.as_bytes())
            .finish();
        [a, b, c, d, e, f, g, h]
    }
}

/// What a node tells a member of its groups alone: a clock and a local address recognise it on whatever
/// network it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The sender's wall clock, so that a wrong one is noticed before a session fails.
    pub clock: UnixTime,
    /// Drawn by the sender's process when it started: two processes with one identity differ here, and
    /// so show themselves.
    pub instance: [u8; 8],
    /// Where the sender can be reached, at most [`ADDRESSES_MAX`]; a claim.
    pub listening: Vec<SocketAddr>,
}

impl Welcome {
    pub(crate) fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("addresses", self.listening.len() as u64, 0..=ADDRESSES_MAX as u64)
    }
}
