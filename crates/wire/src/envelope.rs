//! The signed statement about a session: who says what about which.

use ensign_identity::NodeKey;
use ensign_primitives::{Network, SIGNERS_MAX, SessionId, UnixTime};
use serde::{Deserialize, Serialize};

use crate::signed::{Head, check_origin};
use crate::{Body, DecodeError, Kind, Scheme, Signable, Signed, codec};

/// A statement about one session, signed by a node key.
pub type Envelope = Signed<Statement>;

/// What is said, and about which session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The session.
    pub session: SessionId,
    /// What is said about it.
    pub body: Body,
}

impl Signable for Statement {
    const TAG: &'static str = "ensign/envelope/v1";

    fn validate(&self, network: Network) -> Result<(), DecodeError> {
        self.body.validate(network)
    }
}

impl Envelope {
    /// Signs a statement about `session` as the node of `key`. Cost: about 11 µs.
    ///
    /// - `seq`: from 1, strictly increasing per sender and session.
    ///
    /// # Errors
    ///
    /// As [`Signed::new`]; [`DecodeError::Network`] for an announcement of a request on another
    /// network.
    pub fn sign(
        key: &NodeKey,
        network: Network,
        session: SessionId,
        seq: u64,
        sent_at: UnixTime,
        body: Body,
    ) -> Result<Self, DecodeError> {
        Self::new(key, network, seq, sent_at, Statement { session, body })
    }

    /// Decodes the body of a frame of `kind`; the signature is parsed, not verified.
    ///
    /// What is cheap to refuse is refused first: nothing of a foreign envelope is decoded, and no
    /// point on the curve is computed for a body that its frame's limit was not made for.
    pub(crate) fn decode_as(
        kind: Kind,
        bytes: &[u8],
        network: Network,
    ) -> Result<Self, DecodeError> {
        let signers = check_head(kind, bytes, network)?;
        Self::decode(bytes, network).map_err(|error| match signers {
            Some(signers) => signers.locate(error, bytes),
            None => error,
        })
    }

    /// Returns the session it speaks about.
    pub const fn session(&self) -> SessionId {
        self.said().session
    }

    /// Returns what it says about the session.
    pub const fn body(&self) -> &Body {
        &self.said().body
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

/// Checks version, network, kind and the number of signers before anything else is decoded.
fn check_head(
    kind: Kind,
    bytes: &[u8],
    network: Network,
) -> Result<Option<SignersAt>, DecodeError> {
    check_origin(bytes, network)?;
    let ((_, _, body), _) = codec::decode_start::<(Head, SessionId, Kind)>(bytes)?;
    if body != kind {
        return Err(DecodeError::KindMismatch { frame: kind, body });
    }
    if body != Kind::SessionAnnounce {
        return Ok(None);
    }
    // The attempt, then the request's network, scheme and number of signers.
    type Start = ((Head, SessionId, Kind), (u16, Network, Scheme, u64));
    let ((_, (_, _, _, count)), start) = codec::decode_start::<Start>(bytes)?;
    codec::in_range("signers", count, 1..=SIGNERS_MAX as u64)?;
    Ok(Some(SignersAt { start, count: count as usize }))
}
