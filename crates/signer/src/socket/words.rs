//! What a coordinator and a signer in another process say to each other.

use std::sync::Arc;

use ensign_identity::{DelegationProof, Signature, SignerKey, Terms};
use ensign_musig::{PartialSig, PubNonce};
use ensign_primitives::{MESSAGES_MAX, Network, PeerId, SIGNERS_MAX, SessionId, SignerIndex};
use ensign_session::{Order, PartialsError};
use ensign_wire::{PAYLOAD_BYTES_MAX, SignedRequest, SigningRequest};
use serde::{Deserialize, Serialize};

use crate::{Asks, SignerError};

pub(super) const NONCE_BYTES: usize = 66;
const PARTIAL_BYTES: usize = 32;

/// Most bytes of a question or an answer: every nonce of the largest group for the largest request,
/// and a payload's worth for the rest.
pub(super) const FRAME_BYTES_MAX: usize =
    SIGNERS_MAX * MESSAGES_MAX * NONCE_BYTES + 2 * PAYLOAD_BYTES_MAX;

/// From the coordinator.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one at a time, between its bytes and its answer")]
pub(super) enum Question {
    /// Which key is it?
    Hello,
    /// Let a node speak for the key.
    Delegate { network: Network, peer: PeerId, terms: Terms },
    /// Make nonces for an attempt. Everything in it is a claim.
    Nonces {
        session: SessionId,
        attempt: u16,
        local: SignerIndex,
        /// As [`SigningRequest::encode`] gives it.
        request: Vec<u8>,
        creator: PeerId,
        delegation: DelegationProof,
        signature: Signature,
        payload: Option<Vec<u8>>,
    },
    /// Sign.
    Partials {
        session: SessionId,
        /// How many nonces each signer has.
        messages: u16,
        /// Of the first signer, then of the second, each 66 bytes.
        nonces: Vec<u8>,
    },
    /// Erase the nonces of an attempt.
    Forget { session: SessionId },
}

/// From the signer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Its key, and whom it asks.
    Key(SignerKey, Asks),
    Delegated(DelegationProof),
    /// Each 66 bytes.
    Nonces {
        salt: [u8; 32],
        nonces: Vec<u8>,
    },
    /// Each 32 bytes.
    Partials(Vec<u8>),
    Forgotten,
    Refused(Refusal),
}

/// Why the signer does not do it. The signer's own side knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    Declined,
    NoNonces,
    Entropy,
    Other,
}

impl Question {
    pub(super) fn nonces(order: &Order, payload: Option<&[u8]>) -> Self {
        let SignedRequest { request, peer, delegation, signature } = &*order.request;
        Self::Nonces {
            session: order.session,
            attempt: order.attempt,
            local: order.local,
            request: request.encode(),
            creator: *peer,
            delegation: *delegation,
            signature: *signature,
            payload: payload.map(<[u8]>::to_vec),
        }
    }

    pub(super) fn partials(session: SessionId, nonces: &[Vec<PubNonce>]) -> Self {
        let messages = nonces.first().map_or(0, Vec::len);
        let bytes = nonces.iter().flatten().flat_map(PubNonce::to_bytes).collect();
        let messages = u16::try_from(messages).unwrap_or(u16::MAX);
        Self::Partials { session, messages, nonces: bytes }
    }
}

impl Refusal {
    pub(super) fn of(error: &SignerError) -> Self {
        match error {
            SignerError::Declined => Self::Declined,
            SignerError::Entropy => Self::Entropy,
            SignerError::Partials(PartialsError::NoNonces { .. }) => Self::NoNonces,
            SignerError::Partials(_)
            | SignerError::Order(_)
            | SignerError::Delegation(_)
            | SignerError::Superseded { .. }
            | SignerError::Refused
            | SignerError::Unreachable { .. }
            | SignerError::Garbled => Self::Other,
        }
    }
}

/// Builds an order of what came; `None` when the request is not one.
pub(super) fn order(
    (session, attempt, local): (SessionId, u16, SignerIndex),
    request: &[u8],
    (peer, delegation, signature): (PeerId, DelegationProof, Signature),
) -> Option<Order> {
    let request = SigningRequest::decode(request).ok()?;
    let request = Arc::new(SignedRequest { request, peer, delegation, signature });
    Some(Order { session, request, attempt, local })
}

/// Reads nonces that stand one after the other.
pub(super) fn nonces(bytes: &[u8]) -> Option<Vec<PubNonce>> {
    let (nonces, rest) = bytes.as_chunks::<NONCE_BYTES>();
    let nonces = nonces.iter().map(|nonce| PubNonce::from_bytes(nonce).ok());
    nonces.collect::<Option<Vec<_>>>().filter(|_| rest.is_empty())
}

/// Reads the nonces of all signers; `None` unless each has the same number.
pub(super) fn nonces_by_signer(messages: u16, bytes: &[u8]) -> Option<Vec<Vec<PubNonce>>> {
    let messages = usize::from(messages);
    let all = nonces(bytes)?;
    if messages == 0 || all.len() % messages != 0 || all.len() / messages > SIGNERS_MAX {
        return None;
    }
    Some(all.chunks(messages).map(<[PubNonce]>::to_vec).collect())
}

/// Reads partial signatures that stand one after the other.
pub(super) fn partials(bytes: &[u8]) -> Option<Vec<PartialSig>> {
    let (partials, rest) = bytes.as_chunks::<PARTIAL_BYTES>();
    let partials = partials.iter().map(|partial| PartialSig::from_bytes(partial).ok());
    partials.collect::<Option<Vec<_>>>().filter(|_| rest.is_empty())
}
