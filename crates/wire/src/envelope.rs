//! The signed statement: who says what about which session.

use alloc::vec::Vec;

use ensign_identity::{NodeKey, Signature, verify};
use ensign_primitives::{Network, PeerId, SessionId, TaggedHasher, UnixTime};
use serde::{Deserialize, Serialize};

use crate::{Body, DecodeError, PROTOCOL_VERSION, codec};

/// A statement about one session, signed by a node key.
///
/// Built by [`Envelope::sign`] or by decoding a frame; within all limits either way. A decoded one
/// says nothing until [`Envelope::verify`] holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    content: Content,
    signature: Signature,
    digest: [u8; 32],
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    version: u8,
    network: Network,
    session: SessionId,
    sender: PeerId,
    seq: u64,
    sent_at: UnixTime,
    body: Body,
}

impl Envelope {
    /// Signs `body` as the node of `key`. Cost: about 11 µs.
    ///
    /// - `seq`: from 1, strictly increasing per sender and session.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] when a field of `body` is outside its limits.
    pub fn sign(
        key: &NodeKey,
        network: Network,
        session: SessionId,
        seq: u64,
        sent_at: UnixTime,
        body: Body,
    ) -> Result<Self, DecodeError> {
        body.validate()?;
        let version = PROTOCOL_VERSION;
        let sender = key.peer_id();
        let content = Content { version, network, session, sender, seq, sent_at, body };
        let digest = content_digest(network, &codec::encode(&content));
        Ok(Self { content, signature: key.sign(&digest), digest })
    }

    /// Decodes the body of a frame; the signature is parsed, not verified.
    pub(crate) fn decode(bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        let (content, signature) = codec::decode::<(Content, Signature)>(bytes)?;
        if content.version != PROTOCOL_VERSION {
            let expected = PROTOCOL_VERSION;
            return Err(DecodeError::Version { expected, seen: content.version });
        }
        if content.network != network {
            return Err(DecodeError::Network { expected: network, seen: content.network });
        }
        content.body.validate()?;
        let signed = bytes.len().saturating_sub(64);
        let digest = content_digest(network, bytes.get(..signed).unwrap_or_default());
        Ok(Self { content, signature, digest })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        codec::encode(&(&self.content, &self.signature))
    }

    /// Tells whether the sender's node key signed it. Cost: about 22 µs.
    pub fn verify(&self) -> bool {
        verify(&self.content.sender, &self.digest, &self.signature)
    }

    /// Returns the tagged hash that is signed; equal for equal content.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns the network it belongs to.
    pub const fn network(&self) -> Network {
        self.content.network
    }

    /// Returns the session it speaks about.
    pub const fn session(&self) -> SessionId {
        self.content.session
    }

    /// Returns the node that claims to speak.
    pub const fn sender(&self) -> PeerId {
        self.content.sender
    }

    /// Returns the sequence number.
    pub const fn seq(&self) -> u64 {
        self.content.seq
    }

    /// Returns the sender's wall clock when it was signed.
    pub const fn sent_at(&self) -> UnixTime {
        self.content.sent_at
    }

    /// Returns what it says.
    pub const fn body(&self) -> &Body {
        &self.content.body
    }
}

impl core::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Envelope")
            .field("session", &self.content.session)
            .field("sender", &self.content.sender)
            .field("seq", &self.content.seq)
            .field("body", &self.content.body)
            .finish_non_exhaustive()
    }
}

fn content_digest(network: Network, bytes: &[u8]) -> [u8; 32] {
    TaggedHasher::new("ensign/envelope/v1", network).var_bytes(bytes).finish()
}
