//! Proofs of misbehaviour that anybody can check offline.

use alloc::{boxed::Box, vec::Vec};

use ensign_identity::{Delegation, DelegationProof, SignerKey};
use ensign_musig::{KeyAggCtx, PartialSig, PubNonce, SigningCtx};
use ensign_primitives::{PeerId, SessionId, SignerIndex, TaggedHasher};
use ensign_wire::{
    Body, Envelope, KeyTweak, NonceCommit, PubNonceBytes, Round0, SigningRequest, nonce_set_digest,
};

/// Who did it, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// The node whose signatures convict it.
    pub peer: PeerId,
    /// The session it happened in.
    pub session: SessionId,
}

/// Statements that convict their sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Two different statements in one slot. [`Evidence::conflict`] puts them in order.
    Conflict {
        /// The one with the lower digest.
        first: Box<Envelope>,
        /// The one with the higher digest.
        second: Box<Envelope>,
    },
    /// Nonces that do not open the sender's commitment.
    WrongCommitment {
        /// The signer key the commitment is bound to; the join proves that it is the sender's.
        key: SignerKey,
        /// The join with the commitment.
        join: Box<Envelope>,
        /// The nonces and salt.
        share: Box<Envelope>,
    },
    /// Nonces that are no points on the curve.
    InvalidNonce {
        /// The join or nonce share that carries them.
        envelope: Box<Envelope>,
    },
    /// A partial signature that is false for the nonce set its sender named.
    WrongPartialSig {
        /// What was to be signed.
        request: Box<SigningRequest>,
        /// Which attempt the session was.
        attempt: u16,
        /// That the signer key let the sender speak.
        delegation: DelegationProof,
        /// Every signer's nonces, in key order.
        nonces: Vec<Vec<PubNonceBytes>>,
        /// The partial signatures.
        partial: Box<Envelope>,
    },
    /// One nonce set confirmed, and partial signatures made for another.
    SignedOtherwise {
        /// The confirmation.
        confirmed: Box<Envelope>,
        /// The partial signatures.
        partial: Box<Envelope>,
    },
}

/// Why evidence proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A statement is not signed by its sender.
    #[error("a statement is not signed by its sender")]
    Signature,
    /// The statements are by different nodes or about different sessions.
    #[error("the statements do not belong together")]
    Unrelated,
    /// A statement is not of the kind that this evidence needs.
    #[error("a statement is of the wrong kind")]
    WrongKind,
    /// The sender may not speak for the signer.
    #[error("the sender does not speak for the signer")]
    NotDelegated,
    /// The nonces are not the set that the sender named.
    #[error("the nonces are not the set that the sender signed for")]
    WrongNonceSet,
    /// Nothing is wrong with what the sender said.
    #[error("the statements are consistent: nobody is at fault")]
    Consistent,
}

impl Evidence {
    /// Puts two statements in order, so that everybody who holds them has the same evidence.
    pub fn conflict(one: Box<Envelope>, other: Box<Envelope>) -> Self {
        let ordered = one.digest() <= other.digest();
        let (first, second) = if ordered { (one, other) } else { (other, one) };
        Self::Conflict { first, second }
    }

    /// Returns the culprit's own statements, in the order of a file.
    pub fn statements(&self) -> Vec<&Envelope> {
        match self {
            Self::Conflict { first, second } => alloc::vec![first, second],
            Self::WrongCommitment { join, share, .. } => alloc::vec![join, share],
            Self::InvalidNonce { envelope } => alloc::vec![envelope],
            Self::WrongPartialSig { partial, .. } => alloc::vec![partial],
            Self::SignedOtherwise { confirmed, partial } => alloc::vec![confirmed, partial],
        }
    }

    /// Returns a name that all proofs of one node's lies in one session have in common, whatever each holds:
    /// SHA-256 of node and session, as the statements say them. It is checked by [`verify`](Self::verify).
    pub fn misdeed(&self) -> [u8; 32] {
        let statements = self.statements();
        let named = statements.first().map(|it| (it.network(), it.sender(), it.session()));
        named.map_or([0; 32], |(network, peer, session)| {
            let tag = TaggedHasher::new("ensign/misdeed/v1", network);
            tag.bytes(peer.as_bytes()).bytes(session.as_bytes()).finish()
        })
    }

    /// Checks the proof from nothing but itself.
    ///
    /// Cost: at most three signature checks and, for [`Evidence::WrongPartialSig`], one key
    /// aggregation and one partial verification per message.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`] when it does not convict; then nobody may be blamed.
    pub fn verify(&self) -> Result<Culprit, EvidenceError> {
        match self {
            Self::Conflict { first, second } => verify_conflict(first, second),
            Self::WrongCommitment { key, join, share } => verify_commitment(key, join, share),
            Self::InvalidNonce { envelope } => verify_nonce(envelope),
            Self::WrongPartialSig { request, attempt, delegation, nonces, partial } => {
                verify_partial(request, *attempt, *delegation, nonces, partial)
            }
            Self::SignedOtherwise { confirmed, partial } => {
                verify_signed_otherwise(confirmed, partial)
            }
        }
    }
}

fn signed(envelope: &Envelope) -> Result<Culprit, EvidenceError> {
    if !envelope.verify() {
        return Err(EvidenceError::Signature);
    }
    Ok(Culprit { peer: envelope.sender(), session: envelope.session() })
}

fn signed_pair(first: &Envelope, second: &Envelope) -> Result<Culprit, EvidenceError> {
    let culprit = signed(first)?;
    if culprit != signed(second)? || first.network() != second.network() {
        return Err(EvidenceError::Unrelated);
    }
    Ok(culprit)
}

fn verify_conflict(first: &Envelope, second: &Envelope) -> Result<Culprit, EvidenceError> {
    let culprit = signed_pair(first, second)?;
    match (first.body().slot(), second.body().slot()) {
        (Some(a), Some(b)) if a == b => {}
        (Some(_), Some(_)) => return Err(EvidenceError::Unrelated),
        (None, _) | (_, None) => return Err(EvidenceError::WrongKind),
    }
    if first.body() == second.body() {
        return Err(EvidenceError::Consistent);
    }
    Ok(culprit)
}

fn verify_commitment(
    key: &SignerKey,
    join: &Envelope,
    share: &Envelope,
) -> Result<Culprit, EvidenceError> {
    let culprit = signed_pair(join, share)?;
    let (Body::SessionJoin(joined), Body::NonceShare(shared)) = (join.body(), share.body()) else {
        return Err(EvidenceError::WrongKind);
    };
    let Round0::Commit(committed) = joined.round0 else { return Err(EvidenceError::WrongKind) };
    if joined.signer != shared.signer {
        return Err(EvidenceError::Unrelated);
    }
    delegated(*key, join, joined.delegation)?;
    let opened = NonceCommit::new(
        join.network(),
        &culprit.session,
        shared.signer,
        key,
        &shared.nonces,
        &shared.salt,
    );
    if opened == committed { Err(EvidenceError::Consistent) } else { Ok(culprit) }
}

fn delegated(
    key: SignerKey,
    envelope: &Envelope,
    proof: DelegationProof,
) -> Result<(), EvidenceError> {
    Delegation::verify_signature(key, envelope.sender(), envelope.network(), proof)
        .map(|_| ())
        .map_err(|_| EvidenceError::NotDelegated)
}

fn verify_nonce(envelope: &Envelope) -> Result<Culprit, EvidenceError> {
    let culprit = signed(envelope)?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other body carries nonces")]
    let nonces = match envelope.body() {
        Body::NonceShare(share) => &share.nonces,
        Body::SessionJoin(join) => match &join.round0 {
            Round0::Reveal(nonces) => nonces,
            Round0::Commit(_) => return Err(EvidenceError::WrongKind),
        },
        _ => return Err(EvidenceError::WrongKind),
    };
    if nonces.iter().all(|nonce| PubNonce::from_bytes(&nonce.0).is_ok()) {
        return Err(EvidenceError::Consistent);
    }
    Ok(culprit)
}

fn verify_signed_otherwise(
    confirmed: &Envelope,
    partial: &Envelope,
) -> Result<Culprit, EvidenceError> {
    let culprit = signed_pair(confirmed, partial)?;
    let (Body::NoncesComplete(complete), Body::PartialSigShare(share)) =
        (confirmed.body(), partial.body())
    else {
        return Err(EvidenceError::WrongKind);
    };
    if complete.signer != share.signer {
        return Err(EvidenceError::Unrelated);
    }
    if complete.digest == share.nonces { Err(EvidenceError::Consistent) } else { Ok(culprit) }
}

fn verify_partial(
    request: &SigningRequest,
    attempt: u16,
    delegation: DelegationProof,
    nonces: &[Vec<PubNonceBytes>],
    partial: &Envelope,
) -> Result<Culprit, EvidenceError> {
    let culprit = signed(partial)?;
    let Body::PartialSigShare(share) = partial.body() else {
        return Err(EvidenceError::WrongKind);
    };
    let session = SigningRequest::session_id(request.id(), request.network, attempt);
    if attempt == 0
        || session != culprit.session
        || request.network != partial.network()
        || nonces.len() != request.signers.len()
        || share.partials.len() != request.messages.len()
    {
        return Err(EvidenceError::Unrelated);
    }
    let key = *request.signers.get(share.signer).ok_or(EvidenceError::Unrelated)?;
    delegated(key, partial, delegation)?;
    let indexed = nonces
        .iter()
        .enumerate()
        .filter_map(|(index, nonces)| Some((SignerIndex::from_usize(index)?, nonces.as_slice())));
    if nonce_set_digest(request.network, &session, indexed) != share.nonces {
        return Err(EvidenceError::WrongNonceSet);
    }
    let all_hold = partials_hold(request, nonces, share.signer, &share.partials)
        .ok_or(EvidenceError::Unrelated)?;
    if all_hold { Err(EvidenceError::Consistent) } else { Ok(culprit) }
}

/// `None` when the context itself cannot be built, which is not the sender's fault.
fn partials_hold(
    request: &SigningRequest,
    nonces: &[Vec<PubNonceBytes>],
    signer: SignerIndex,
    partials: &[[u8; 32]],
) -> Option<bool> {
    let keys: Vec<_> = request.signers.as_slice().iter().map(|key| *key.as_public_key()).collect();
    let group = KeyAggCtx::new(&keys).ok()?;
    for (position, (message, partial)) in request.messages.iter().zip(partials).enumerate() {
        let ctx = match message.tweak {
            KeyTweak::None => group.clone(),
            KeyTweak::Taproot { path, merkle_root } => {
                group.derive(&path).ok()?.taproot(merkle_root.as_ref()).ok()?
            }
        };
        let parsed: Option<Vec<_>> = nonces
            .iter()
            .map(|nonces| PubNonce::from_bytes(&nonces.get(position)?.0).ok())
            .collect();
        let signing = SigningCtx::new(&ctx, parsed?, message.digest).ok()?;
        let holds = PartialSig::from_bytes(partial)
            .is_ok_and(|partial| signing.partial_sig_verify(signer.as_usize(), &partial));
        if !holds {
            return Some(false);
        }
    }
    Some(true)
}
