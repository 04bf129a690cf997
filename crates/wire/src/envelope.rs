//! The signed statement: who says what about which session.

use alloc::vec::Vec;

use ensign_identity::{NodeKey, Signature, verify};
use ensign_primitives::{Network, PeerId, SIGNERS_MAX, SessionId, TaggedHasher, UnixTime};
use serde::{Deserialize, Serialize};

use crate::{Body, DecodeError, Kind, PROTOCOL_VERSION, Scheme, codec};

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
    /// [`DecodeError::OutOfRange`] and its like when a field of `body` is outside its limits,
    /// [`DecodeError::Network`] for an announcement of a request on another network.
    pub fn sign(
        key: &NodeKey,
        network: Network,
        session: SessionId,
        seq: u64,
        sent_at: UnixTime,
        body: Body,
    ) -> Result<Self, DecodeError> {
        codec::in_range("seq", seq, 1..=u64::MAX)?;
        body.validate(network)?;
        let version = PROTOCOL_VERSION;
        let sender = key.peer_id();
        let content = Content { version, network, session, sender, seq, sent_at, body };
        let digest = content_digest(network, &codec::encode(&content));
        Ok(Self { content, signature: key.sign(&digest), digest })
    }

    /// Decodes the body of a frame of `kind`; the signature is parsed, not verified.
    ///
    /// What is cheap to refuse is refused first: nothing of a foreign envelope is decoded, and no
    /// point on the curve is computed for a body that its frame's limit was not made for.
    pub(crate) fn decode(kind: Kind, bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        let signers = check_head(kind, bytes, network)?;
        let (content, signature) =
            codec::decode::<(Content, Signature)>(bytes).map_err(|error| match signers {
                Some(signers) => signers.locate(error, bytes),
                None => error,
            })?;
        codec::in_range("seq", content.seq, 1..=u64::MAX)?;
        content.body.validate(network)?;
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

/// Where the signer keys of an announcement stand.
#[derive(Clone, Copy)]
struct SignersAt {
    start: usize,
    count: usize,
}

impl SignersAt {
    const KEY_BYTES: usize = 33;

    /// Moves an error inside a key to the key's first byte: a point is refused as a whole.
    fn locate(self, error: DecodeError, bytes: &[u8]) -> DecodeError {
        let DecodeError::Malformed { offset, seen: Some(_), .. } = error else { return error };
        let Some(inside) = offset.checked_sub(self.start) else { return error };
        if inside >= self.count.saturating_mul(Self::KEY_BYTES) {
            return error;
        }
        let offset = offset - inside % Self::KEY_BYTES;
        let seen = bytes.get(offset).copied();
        DecodeError::Malformed { offset, expected: "a compressed point on the curve", seen }
    }
}

/// What stands before a body's fields, in the order of [`Content`]: version, network, session,
/// sender, seq, sent_at, and the body's kind.
type Head = (u8, Network, SessionId, PeerId, u64, UnixTime, Kind);

/// Checks version, network, kind and the number of signers before anything else is decoded.
fn check_head(
    kind: Kind,
    bytes: &[u8],
    network: Network,
) -> Result<Option<SignersAt>, DecodeError> {
    if let Some(&seen) = bytes.first().filter(|&&version| version != PROTOCOL_VERSION) {
        return Err(DecodeError::Version { expected: PROTOCOL_VERSION, seen });
    }
    let ((_, seen), _) = codec::decode_start::<(u8, Network)>(bytes)?;
    if seen != network {
        return Err(DecodeError::Network { expected: network, seen });
    }
    let (head, _): (Head, usize) = codec::decode_start(bytes)?;
    let body = head.6;
    if body != kind {
        return Err(DecodeError::KindMismatch { frame: kind, body });
    }
    if body != Kind::SessionAnnounce {
        return Ok(None);
    }
    // The attempt, then the request's network, scheme and number of signers.
    let ((_, _, _, _, count), start) =
        codec::decode_start::<(Head, u16, Network, Scheme, u64)>(bytes)?;
    codec::in_range("signers", count, 1..=SIGNERS_MAX as u64)?;
    Ok(Some(SignersAt { start, count: count as usize }))
}

fn content_digest(network: Network, bytes: &[u8]) -> [u8; 32] {
    TaggedHasher::new("ensign/envelope/v1", network).var_bytes(bytes).finish()
}
