//! What a node signs: who says what, when, and as which kind of thing.

use alloc::vec::Vec;
use core::fmt;

use ensign_identity::{NodeKey, Signature, verify};
use ensign_primitives::{Network, PeerId, TaggedHasher, UnixTime, sha256};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{DecodeError, PROTOCOL_VERSION, codec};

/// What can be said under a node's signature.
///
/// Each type has a tag of its own, so that a signature under one is never one under another, whatever
/// the bytes.
pub trait Signable: Serialize + DeserializeOwned {
    /// The tag of the hash that is signed; no two types share one.
    const TAG: &'static str;

    /// Checks every bound that the type leaves open, for something said on `network`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] and its like, naming the field.
    fn validate(&self, network: Network) -> Result<(), DecodeError>;
}

/// Something that a node says under its signature; it means the same whoever forwards it.
///
/// Built by [`Signed::new`] or by decoding, within all limits either way. A decoded one says nothing
/// until [`Signed::verify`] holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed<T> {
    fields: Fields<T>,
    signature: Signature,
    digest: [u8; 32],
}

/// Everything that is signed, in the order in which it travels.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fields<T> {
    version: u8,
    network: Network,
    sender: PeerId,
    seq: u64,
    sent_at: UnixTime,
    body: T,
}

/// A signature closes the bytes, and is not part of what is signed.
const SIGNATURE_BYTES: usize = 64;

/// What stands before the body, in the order of [`Fields`]: version, network, sender, seq, sent_at.
pub(crate) type Head = (u8, Network, PeerId, u64, UnixTime);

impl<T: Signable> Signed<T> {
    /// Signs `body` as the node of `key`. Cost: about 11 µs.
    ///
    /// - `seq`: from 1; what must rise, and where, is the body's matter.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] and its like when `seq` or a field of `body` is outside its limits.
    pub fn new(
        key: &NodeKey,
        network: Network,
        seq: u64,
        sent_at: UnixTime,
        body: T,
    ) -> Result<Self, DecodeError> {
        let (version, sender) = (PROTOCOL_VERSION, key.peer_id());
        let fields = Fields { version, network, sender, seq, sent_at, body };
        fields.validate()?;
        let digest = fields_digest::<T>(network, &codec::encode(&fields));
        Ok(Self { fields, signature: key.sign(&digest), digest })
    }

    /// Decodes bytes that hold exactly one, for a node on `network`; the signature is parsed, not
    /// verified. Nothing of another version or network is decoded further than that.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where and what.
    pub fn decode(bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        check_origin(bytes, network)?;
        let (fields, signature) = codec::decode::<(Fields<T>, Signature)>(bytes)?;
        fields.validate()?;
        let signed = bytes.len().saturating_sub(SIGNATURE_BYTES);
        let digest = fields_digest::<T>(network, bytes.get(..signed).unwrap_or_default());
        Ok(Self { fields, signature, digest })
    }

    /// Encodes all that is signed, then the signature.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&(&self.fields, &self.signature))
    }
}

impl<T> Signed<T> {
    /// Tells whether the sender's node key signed it. Cost: about 22 µs.
    pub fn verify(&self) -> bool {
        verify(&self.fields.sender, &self.digest, &self.signature)
    }

    /// Returns the tagged hash that is signed; equal for equal content.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns a hash of what is signed and of the signature, by which a verified one is known again.
    pub(crate) fn seal(&self) -> [u8; 32] {
        let Signature(signature) = &self.signature;
        let mut bytes = [0; 96];
        let (first, second) = bytes.split_at_mut(32);
        first.copy_from_slice(&self.digest);
        second.copy_from_slice(signature);
        sha256(&bytes)
    }

    /// Returns the network it belongs to.
    pub const fn network(&self) -> Network {
        self.fields.network
    }

    /// Returns the node that claims to speak.
    pub const fn sender(&self) -> PeerId {
        self.fields.sender
    }

    /// Returns the sequence number.
    pub const fn seq(&self) -> u64 {
        self.fields.seq
    }

    /// Returns the sender's wall clock when it was signed.
    pub const fn sent_at(&self) -> UnixTime {
        self.fields.sent_at
    }

    /// Returns what is said.
    pub const fn said(&self) -> &T {
        &self.fields.body
    }
}

impl<T: Signable> Fields<T> {
    fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("seq", self.seq, 1..=u64::MAX)?;
        self.body.validate(self.network)
    }
}

impl<T: fmt::Debug> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("sender", &self.fields.sender)
            .field("seq", &self.fields.seq)
            .field("body", &self.fields.body)
            .finish_non_exhaustive()
    }
}

/// Checks version and network before anything else is decoded.
pub(crate) fn check_origin(bytes: &[u8], network: Network) -> Result<(), DecodeError> {
    if let Some(&seen) = bytes.first().filter(|&&version| version != PROTOCOL_VERSION) {
        return Err(DecodeError::Version { expected: PROTOCOL_VERSION, seen });
    }
    let ((_, seen), _) = codec::decode_start::<(u8, Network)>(bytes)?;
    if seen != network {
        return Err(DecodeError::Network { expected: network, seen });
    }
    Ok(())
}

fn fields_digest<T: Signable>(network: Network, bytes: &[u8]) -> [u8; 32] {
    TaggedHasher::new(T::TAG, network).var_bytes(bytes).finish()
}
