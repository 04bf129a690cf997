//! A signer key's one statement: this node speaks for me, in the place of the last one, until then.

use core::time::Duration;

use ensign_primitives::{Network, PeerId, TaggedHasher, UnixTime};
use secp256k1::{XOnlyPublicKey, schnorr};
use serde::{Deserialize, Serialize};

use crate::{Signature, SignerKey};

/// Longest time a delegation may run.
///
/// Guess: a year is long enough for a hardware signer's owner and short enough to clean up.
pub const DELEGATION_LIFETIME_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How far ahead of its reader's clock a delegation's number may lie; the same bound as that of a
/// signed statement. A number from further ahead would shut out every later one for as long.
pub const NUMBER_AHEAD_MAX: Duration = Duration::from_secs(300);

/// What a signer key lets a node do: speak for it, in the place of every lower number, until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When it was made, in Unix seconds, or one more than the last known number, whichever is
    /// greater: of two delegations of one key the higher counts, wherever both were seen.
    pub number: u64,
    /// When the permission ends.
    pub expires: UnixTime,
}

impl Terms {
    /// Returns the terms of a delegation that is made at `now`, in the place of every one with a number
    /// up to `last`, unless that is from a clock that was ahead: no reader has taken it.
    pub fn after(last: u64, now: UnixTime, expires: UnixTime) -> Self {
        let is_ahead = last > Self::number_max(now);
        let next = if is_ahead { 0 } else { last.saturating_add(1) };
        Self { number: (now.as_millis() / 1000).max(next), expires }
    }

    /// Returns the highest number that a reader accepts at a time.
    pub fn number_max(now: UnixTime) -> u64 {
        now.after(NUMBER_AHEAD_MAX).as_millis() / 1000
    }

    /// Checks whether they hold at a time. Cheap: no signature is looked at.
    ///
    /// # Errors
    ///
    /// [`DelegationError::Expired`], [`DelegationError::TooLong`] or [`DelegationError::Ahead`].
    pub fn check(self, now: UnixTime) -> Result<(), DelegationError> {
        let Self { number, expires } = self;
        if expires <= now {
            return Err(DelegationError::Expired { expires, now });
        }
        if expires.since(now) > DELEGATION_LIFETIME_MAX {
            return Err(DelegationError::TooLong { expires, now });
        }
        if number > Self::number_max(now) {
            return Err(DelegationError::Ahead { number, now });
        }
        Ok(())
    }
}

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

/// The part of a delegation that its reader cannot know: its [`Terms`], and the signature.
///
/// Signer, peer and network stand elsewhere in each message that carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationProof {
    /// Its place among the delegations of its key: the highest counts.
    pub number: u64,
    /// When the permission ends.
    pub expires: UnixTime,
    /// BIP340 by the signer key over [`Delegation::digest`].
    pub signature: Signature,
}

impl DelegationProof {
    /// Returns what is permitted.
    pub const fn terms(&self) -> Terms {
        Terms { number: self.number, expires: self.expires }
    }
}

impl Delegation {
    /// Returns the tagged hash that the signer key signs.
    pub fn digest(signer: &SignerKey, peer: &PeerId, network: Network, terms: Terms) -> [u8; 32] {
        TaggedHasher::new("ensign/delegation/v2", network)
            .bytes(&signer.to_bytes())
            .bytes(peer.as_bytes())
            .u64(terms.number)
            .u64(terms.expires.as_millis())
            .finish()
    }

    /// Checks what a signer is asked to permit, before it signs: no reader would ever accept more.
    ///
    /// - `now`: the signer's time. A permission that is worthless today because it runs for ten
    ///   years is a good one in its last.
    ///
    /// # Errors
    ///
    /// [`DelegationError::Expired`], [`DelegationError::TooLong`], [`DelegationError::Ahead`], or
    /// [`DelegationError::NoNode`] when nobody can have the node's key.
    pub fn check(peer: &PeerId, terms: Terms, now: UnixTime) -> Result<(), DelegationError> {
        terms.check(now)?;
        XOnlyPublicKey::from_byte_array(*peer.as_bytes())
            .map_err(|_| DelegationError::NoNode { peer: *peer })?;
        Ok(())
    }

    /// Verifies a proof against what the reader already knows. Cost: about 22 µs.
    ///
    /// # Errors
    ///
    /// [`DelegationError::Expired`], [`DelegationError::TooLong`], [`DelegationError::Ahead`], or
    /// [`DelegationError::Signature`] when another key signed, or another node was named.
    pub fn verify(
        signer: SignerKey,
        peer: PeerId,
        network: Network,
        proof: DelegationProof,
        now: UnixTime,
    ) -> Result<Self, DelegationError> {
        proof.terms().check(now)?;
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
        let digest = Self::digest(&signer, &peer, network, proof.terms());
        let signature = schnorr::Signature::from_byte_array(proof.signature.0);
        let key = signer.as_public_key().x_only_public_key().0;
        crate::checks::count();
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
    /// Its number lies more than [`NUMBER_AHEAD_MAX`] ahead of the reader's time.
    #[error("delegation has number {number}, a time more than five minutes after {now}")]
    Ahead {
        /// Its number, in Unix seconds.
        number: u64,
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
        matches!(self, Self::Expired { .. } | Self::TooLong { .. } | Self::Ahead { .. })
    }
}
