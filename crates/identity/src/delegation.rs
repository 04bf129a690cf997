//! A signer key's one statement: this node speaks for me, until then.

use core::time::Duration;

use ensign_primitives::{Network, PeerId, TaggedHasher, UnixTime};
use secp256k1::{XOnlyPublicKey, schnorr};
use serde::{Deserialize, Serialize};

use crate::{Signature, SignerKey};

/// Longest time a delegation may run.
///
/// Guess: a year is long enough for a hardware signer's owner and short enough to clean up.
pub const DELEGATION_LIFETIME_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A signer key's permission for one node to speak for it on one network, verified.
///
/// Cannot be built without a valid signature, so holding one proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delegation {
    signer: SignerKey,
    peer: PeerId,
    network: Network,
    proof: DelegationProof,
}

/// The part of a delegation that its reader cannot know: when it ends, and the signature.
///
/// Signer, peer and network stand elsewhere in each message that carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationProof {
    /// When the permission ends.
    pub expires: UnixTime,
    /// BIP340 by the signer key over [`Delegation::digest`].
    pub signature: Signature,
}

impl Delegation {
    /// Returns the tagged hash that the signer key signs.
    pub fn digest(
        signer: &SignerKey,
        peer: &PeerId,
        network: Network,
        expires: UnixTime,
    ) -> [u8; 32] {
        TaggedHasher::new("ensign/delegation/v1", network)
            .bytes(&signer.to_bytes())
            .bytes(peer.as_bytes())
            .u64(expires.as_millis())
            .finish()
    }

    /// Checks what a signer is asked to permit, before it signs: no reader would ever accept more.
    ///
    /// - `now`: the signer's time. A permission that is worthless today because it runs for ten
    ///   years is a good one in its last.
    ///
    /// # Errors
    ///
    /// [`DelegationError::Expired`], [`DelegationError::TooLong`], or
    /// [`DelegationError::NoNode`] when nobody can have the node's key.
    pub fn check(peer: &PeerId, expires: UnixTime, now: UnixTime) -> Result<(), DelegationError> {
        check_time(expires, now)?;
        XOnlyPublicKey::from_byte_array(*peer.as_bytes())
            .map_err(|_| DelegationError::NoNode { peer: *peer })?;
        Ok(())
    }

    /// Verifies a proof against what the reader already knows. Cost: about 22 µs.
    ///
    /// # Errors
    ///
    /// [`DelegationError::Expired`], [`DelegationError::TooLong`], or
    /// [`DelegationError::Signature`] when another key signed, or another node was named.
    pub fn verify(
        signer: SignerKey,
        peer: PeerId,
        network: Network,
        proof: DelegationProof,
        now: UnixTime,
    ) -> Result<Self, DelegationError> {
        check_time(proof.expires, now)?;
        Self::verify_signature(signer, peer, network, proof)
    }

    /// Verifies the signature alone, for evidence that is read long after the fact.
    ///
    /// # Errors
    ///
    /// [`DelegationError::Signature`] when another key signed, or another node was named.
    pub fn verify_signature(
        signer: SignerKey,
        peer: PeerId,
        network: Network,
        proof: DelegationProof,
    ) -> Result<Self, DelegationError> {
        let digest = Self::digest(&signer, &peer, network, proof.expires);
        let signature = schnorr::Signature::from_byte_array(proof.signature.0);
        let key = signer.as_public_key().x_only_public_key().0;
        schnorr::verify(&signature, &digest, &key)
            .map_err(|_| DelegationError::Signature { signer, peer })?;
        Ok(Self { signer, peer, network, proof })
    }

    /// Returns the signer key that gave the permission.
    pub const fn signer(&self) -> SignerKey {
        self.signer
    }

    /// Returns the node that may speak.
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Returns the network it holds on.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Returns the part that travels.
    pub const fn proof(&self) -> DelegationProof {
        self.proof
    }
}

fn check_time(expires: UnixTime, now: UnixTime) -> Result<(), DelegationError> {
    if expires <= now {
        return Err(DelegationError::Expired { expires, now });
    }
    if expires.since(now) > DELEGATION_LIFETIME_MAX {
        return Err(DelegationError::TooLong { expires, now });
    }
    Ok(())
}

/// Why a delegation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DelegationError {
    /// Its time is over.
    #[error("delegation ended at {expires}, now is {now}")]
    Expired {
        /// When it ended.
        expires: UnixTime,
        /// The reader's time.
        now: UnixTime,
    },
    /// It would run longer than [`DELEGATION_LIFETIME_MAX`].
    #[error("delegation runs until {expires}, more than a year after {now}")]
    TooLong {
        /// When it would end.
        expires: UnixTime,
        /// The reader's time.
        now: UnixTime,
    },
    /// What shall speak is no node: no secret key belongs to it.
    #[error("{peer} is no node: it is no point on the curve")]
    NoNode {
        /// What was named.
        peer: PeerId,
    },
    /// The signature is not by this signer for this node on this network.
    #[error("no delegation of {signer} to node {peer}: the signature is not by that signer key")]
    Signature {
        /// The signer key that should have signed.
        signer: SignerKey,
        /// The node that claims to speak.
        peer: PeerId,
    },
}

impl DelegationError {
    /// Returns whether it holds at another time: then a clock is wrong, the maker's or the reader's.
    pub const fn is_of_time(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::TooLong { .. })
    }
}
