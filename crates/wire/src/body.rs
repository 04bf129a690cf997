//! What an envelope can say about a session.

mod encoding;

use alloc::{boxed::Box, vec::Vec};

use ensign_identity::{DelegationProof, Signature, SignerKey};
use ensign_primitives::{MESSAGES_MAX, Network, SessionId, SignerIndex, TaggedHasher};
use serde::{Deserialize, Serialize};

use crate::{
    DecodeError, Kind, PubNonceBytes, SignedRequest, SignerSet, codec, nonces::hash_nonces,
};

/// A partial signature as it travels: one scalar, 32 bytes, not yet parsed.
pub type PartialSigBytes = [u8; 32];

/// Opens an attempt at a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAnnounce {
    /// Which attempt, from 1.
    pub attempt: u16,
    /// What is asked, signed by its creator.
    pub request: SignedRequest,
}

/// Consents to the request, and carries round 0 so that it costs no trip of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionJoin {
    /// Whom the sender speaks for.
    pub signer: SignerIndex,
    /// That the signer key lets the sender's node speak.
    pub delegation: DelegationProof,
    /// The commitment, or in fast mode the nonces.
    pub round0: Round0,
}

/// What a join carries about the signer's nonces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Round0 {
    /// Modes committed and strict: a promise of the nonces to come.
    Commit(NonceCommit),
    /// Mode fast: the nonces, one per message.
    Reveal(Vec<PubNonceBytes>),
}

/// A promise of public nonces; rides on the join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceCommit {
    /// The tagged hash that [`NonceCommit::new`] computes.
    pub commitment: [u8; 32],
}

impl NonceCommit {
    /// Commits to nonces under a 32-byte salt, bound to session, position and key.
    pub fn new(
        network: Network,
        session: &SessionId,
        signer: SignerIndex,
        key: &SignerKey,
        nonces: &[PubNonceBytes],
        salt: &[u8; 32],
    ) -> Self {
        let hasher = TaggedHasher::new("ensign/nonce-commit/v1", network)
            .bytes(session.as_bytes())
            .u64(signer.0.into())
            .bytes(&key.to_bytes())
            .bytes(salt);
        Self { commitment: hash_nonces(hasher, nonces).finish() }
    }
}

/// Acknowledges the request before anybody has decided: this node is here and holds these joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReady {
    /// Whose joins the sender holds.
    pub joined: SignerSet,
}

/// Reveals the public nonces, one per message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceShare {
    /// Whom the sender speaks for.
    pub signer: SignerIndex,
    /// One per message, in order.
    pub nonces: Vec<PubNonceBytes>,
    /// Opens the commitment.
    pub salt: [u8; 32],
}

/// Says whose nonces the sender holds; asks for the rest, and exposes differing views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceAck {
    /// Whose nonces are held.
    pub held: SignerSet,
    /// [`nonce_set_digest`](crate::nonce_set_digest) over those held.
    pub digest: [u8; 32],
}

/// Mode strict: confirms the whole nonce set before any partial signature exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncesComplete {
    /// Whom the sender speaks for.
    pub signer: SignerIndex,
    /// [`nonce_set_digest`](crate::nonce_set_digest) over all signers.
    pub digest: [u8; 32],
}

/// Hands out the partial signatures, one per message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialSigShare {
    /// Whom the sender speaks for.
    pub signer: SignerIndex,
    /// [`nonce_set_digest`](crate::nonce_set_digest) over all signers: the set these were made
    /// for. It makes a false partial provable, and a differing view visible.
    pub nonces: [u8; 32],
    /// One per message, in order.
    pub partials: Vec<PartialSigBytes>,
}

/// Whose statements of one kind a node holds, and what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whose.
    pub signers: SignerSet,
    /// [`statement_set_digest`] over them: who holds others has another one.
    pub digest: [u8; 32],
}

/// Says which statements the sender holds, and so asks for the rest, and for those that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialSigAck {
    /// Joins.
    pub joins: Held,
    /// Nonce shares.
    pub nonces: Held,
    /// Confirmations.
    pub confirmations: Held,
    /// Partial signatures.
    pub partials: Held,
}

impl PartialSigAck {
    /// Returns what is held in a slot.
    pub const fn of(&self, slot: Slot) -> &Held {
        match slot {
            Slot::Join => &self.joins,
            Slot::NonceShare => &self.nonces,
            Slot::NoncesComplete => &self.confirmations,
            Slot::PartialSigShare => &self.partials,
        }
    }
}

/// Says that the sender holds final signatures that verify, and what it holds beside them: who holds
/// other statements finds out without a message of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialSigsComplete {
    /// [`Body::digest`] of the [`PartialSigAck`] that the sender would say now.
    pub digest: [u8; 32],
}

/// Hands the final signatures to a peer that is still missing partial signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureFinalized {
    /// One BIP340 signature per message, in order.
    pub signatures: Vec<Signature>,
}

/// Why a session ended without a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AbortReason {
    /// The signer said no.
    Declined,
    /// The signer's own payload gives other messages than the request.
    PayloadMismatch,
    /// The request ended before all had joined.
    Expired,
    /// A signer did not answer within a phase's time. A claim, not a proof.
    Timeout,
    /// A signer said two different things in one place.
    Equivocation,
    /// A signer's nonces do not open its commitment.
    WrongCommitment,
    /// A signer's nonces are no points on the curve, or were seen in another session.
    InvalidNonce,
    /// A signer's partial signature is false.
    WrongPartialSig,
    /// Signers hold different nonces. Whom it names did not show what stands behind its set: a claim.
    ViewsDiffer,
    /// The sender cannot go on, for a reason of its own.
    Internal,
    /// The sender gave the request up.
    Cancelled,
    /// The request was tried as often as it may be, and no attempt ended with a signature.
    AttemptsUsed,
    /// Not all were there in the time that nonces may wait, or the sender's clocks parted. Nobody is at fault,
    /// and the attempt does not count.
    Dissolved,
}

impl AbortReason {
    /// Returns whether whom an abort for this reason names is claimed not to have answered: it stayed
    /// silent, or did not show what stands behind a nonce set that nobody else names.
    pub const fn is_claim(self) -> bool {
        match self {
            Self::Timeout | Self::ViewsDiffer => true,
            Self::Declined
            | Self::PayloadMismatch
            | Self::Expired
            | Self::Equivocation
            | Self::WrongCommitment
            | Self::InvalidNonce
            | Self::WrongPartialSig
            | Self::Internal
            | Self::Cancelled
            | Self::AttemptsUsed
            | Self::Dissolved => false,
        }
    }
}

/// Ends the attempt for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAbort {
    /// Why.
    pub reason: AbortReason,
    /// Whom the sender holds responsible; hearsay until the receiver has proof of its own.
    pub culprit: Option<SignerIndex>,
}

/// Why a single message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The receiver knows no such group.
    UnknownGroup,
    /// The request does not hold together, or is not its creator's.
    InvalidRequest,
    /// The sender does not speak for this signer.
    NotDelegated,
    /// The sender's clock is too far from the receiver's.
    ClockSkew,
    /// A message has the wrong number of nonces or partial signatures.
    WrongCount,
    /// The receiver has no room for another session.
    Busy,
}

/// Tells a sender that one of its messages was refused, so that its user can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationError {
    /// The kind of message that was refused.
    pub refused: Kind,
    /// Why.
    pub why: Refusal,
}

/// The statement inside an envelope: on the wire the number of its [`Kind`], then its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on its type")]
pub enum Body {
    SessionAnnounce(Box<SessionAnnounce>),
    SessionJoin(SessionJoin),
    SessionReady(SessionReady),
    NonceShare(NonceShare),
    NonceAck(NonceAck),
    NoncesComplete(NoncesComplete),
    PartialSigShare(PartialSigShare),
    PartialSigAck(PartialSigAck),
    PartialSigsComplete(PartialSigsComplete),
    SignatureFinalized(SignatureFinalized),
    SessionAbort(SessionAbort),
    ValidationError(ValidationError),
}

/// A place in a session where a sender may make one statement only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each slot is named after its message")]
pub enum Slot {
    Join,
    NonceShare,
    NoncesComplete,
    PartialSigShare,
}

impl Body {
    /// Returns the kind of frame that carries it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::SessionAnnounce(_) => Kind::SessionAnnounce,
            Self::SessionJoin(_) => Kind::SessionJoin,
            Self::SessionReady(_) => Kind::SessionReady,
            Self::NonceShare(_) => Kind::NonceShare,
            Self::NonceAck(_) => Kind::NonceAck,
            Self::NoncesComplete(_) => Kind::NoncesComplete,
            Self::PartialSigShare(_) => Kind::PartialSigShare,
            Self::PartialSigAck(_) => Kind::PartialSigAck,
            Self::PartialSigsComplete(_) => Kind::PartialSigsComplete,
            Self::SignatureFinalized(_) => Kind::SignatureFinalized,
            Self::SessionAbort(_) => Kind::SessionAbort,
            Self::ValidationError(_) => Kind::ValidationError,
        }
    }

    /// Returns the place it fills for good, `None` for what may change from one sending to the
    /// next. Two different bodies of one sender in one slot of one session are equivocation.
    pub const fn slot(&self) -> Option<Slot> {
        match self {
            Self::SessionJoin(_) => Some(Slot::Join),
            Self::NonceShare(_) => Some(Slot::NonceShare),
            Self::NoncesComplete(_) => Some(Slot::NoncesComplete),
            Self::PartialSigShare(_) => Some(Slot::PartialSigShare),
            Self::SessionAnnounce(_)
            | Self::SessionReady(_)
            | Self::NonceAck(_)
            | Self::PartialSigAck(_)
            | Self::PartialSigsComplete(_)
            | Self::SignatureFinalized(_)
            | Self::SessionAbort(_)
            | Self::ValidationError(_) => None,
        }
    }

    /// Returns the signer the body speaks for, where it names one.
    pub const fn signer(&self) -> Option<SignerIndex> {
        match self {
            Self::SessionJoin(join) => Some(join.signer),
            Self::NonceShare(share) => Some(share.signer),
            Self::NoncesComplete(complete) => Some(complete.signer),
            Self::PartialSigShare(share) => Some(share.signer),
            Self::SessionAnnounce(_)
            | Self::SessionReady(_)
            | Self::NonceAck(_)
            | Self::PartialSigAck(_)
            | Self::PartialSigsComplete(_)
            | Self::SignatureFinalized(_)
            | Self::SessionAbort(_)
            | Self::ValidationError(_) => None,
        }
    }

    /// Returns the tagged hash over what it says: equal for equal bodies, whoever sent them when.
    pub fn digest(&self, network: Network) -> [u8; 32] {
        TaggedHasher::new("ensign/statement/v1", network).var_bytes(&codec::encode(self)).finish()
    }

    /// Checks every bound that the types leave open, for an envelope on `network`.
    pub(crate) fn validate(&self, network: Network) -> Result<(), DecodeError> {
        let count = |field, len: usize| codec::in_range(field, len as u64, 1..=MESSAGES_MAX as u64);
        self.signer().map_or(Ok(()), codec::signer_index)?;
        match self {
            Self::SessionAnnounce(announce) => {
                codec::in_range("attempt", announce.attempt.into(), 1..=u16::MAX.into())?;
                let request = &announce.request.request;
                if request.network != network {
                    let seen = request.network;
                    return Err(DecodeError::Network { expected: network, seen });
                }
                request.validate()
            }
            Self::SessionJoin(SessionJoin { round0: Round0::Reveal(nonces), .. })
            | Self::NonceShare(NonceShare { nonces, .. }) => count("nonces", nonces.len()),
            Self::SessionReady(SessionReady { joined: set })
            | Self::NonceAck(NonceAck { held: set, .. }) => set.validate(),
            Self::PartialSigAck(ack) => {
                [&ack.joins, &ack.nonces, &ack.confirmations, &ack.partials]
                    .iter()
                    .try_for_each(|held| held.signers.validate())
            }
            Self::PartialSigShare(share) => count("partial signatures", share.partials.len()),
            Self::SignatureFinalized(done) => count("signatures", done.signatures.len()),
            Self::SessionAbort(abort) => abort.culprit.map_or(Ok(()), codec::signer_index),
            Self::SessionJoin(_)
            | Self::NoncesComplete(_)
            | Self::PartialSigsComplete(_)
            | Self::ValidationError(_) => Ok(()),
        }
    }
}

/// Returns the tagged hash over the statements of several signers in one slot.
///
/// `statements` yields each signer whose statement is held with its [`Body::digest`], in ascending
/// order.
pub fn statement_set_digest(
    network: Network,
    session: &SessionId,
    statements: impl IntoIterator<Item = (SignerIndex, [u8; 32])>,
) -> [u8; 32] {
    let hasher = TaggedHasher::new("ensign/statement-set/v1", network).bytes(session.as_bytes());
    statements
        .into_iter()
        .fold(hasher, |hasher, (signer, statement)| hasher.u64(signer.0.into()).bytes(&statement))
        .finish()
}
