//! Our caller's mistakes and our peers'.

use alloc::boxed::Box;
use core::fmt;

use ensign_equivocation::Evidence;
use ensign_identity::DelegationError;
use ensign_musig::{KeyAggError, NonceGenError, SignError, SigningCtxError, TweakError};
use ensign_primitives::{PeerId, SessionId, SignerIndex};
use ensign_replay::ReplayError;
use ensign_wire::{Kind, RequestError};

use crate::Phase;

/// Why a session cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Keys, nodes and request do not have the same number of signers.
    #[error("{keys} keys and {peers} nodes for {signers} signers")]
    SignerCount {
        /// Keys in the aggregated group.
        keys: usize,
        /// Nodes.
        peers: usize,
        /// Signers in the request.
        signers: usize,
    },
    /// Our signer key is not at our position.
    #[error("our signer key is not at position {local}")]
    NotASigner {
        /// The position.
        local: SignerIndex,
    },
    /// The aggregated keys are not the request's.
    #[error("the group's key at position {signer} is not the one that the request names")]
    KeyMismatch {
        /// The first position that differs.
        signer: SignerIndex,
    },
    /// One node would speak for two signers and contradict itself.
    #[error("signers {first} and {second} have the same node")]
    SamePeer {
        /// One signer.
        first: SignerIndex,
        /// The other.
        second: SignerIndex,
    },
}

/// What went wrong on our own side, so that an attempt had to end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnFault {
    /// A message's tweak gives no key.
    #[error("message {message} cannot be signed: {source}")]
    Tweak {
        /// The message's position.
        message: usize,
        /// Why.
        source: TweakError,
    },
    /// Our signer did not make one nonce for each message.
    #[error("our signer made {seen} nonces for {expected} messages")]
    NonceCount {
        /// Messages in the request.
        expected: usize,
        /// What came.
        seen: usize,
    },
    /// Every partial signature is true and there is no signature: the nonces cancel each other out.
    #[error("every partial signature is true, but the nonces cancel each other out")]
    NoSignature,
    /// Our signer's partial signatures are false or not one for each message: it is broken, or lies.
    #[error("the partial signatures of our own signer are false")]
    FalsePartials,
}

/// Why a signer makes no nonces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// There is nothing to sign, or too much.
    #[error("{seen} messages, allowed is 1 to {limit}")]
    MessageCount {
        /// Messages in the request.
        seen: usize,
        /// The limit.
        limit: usize,
    },
    /// The request names another key, or none, where ours should be.
    #[error("the request does not name this key at position {local}")]
    NotASigner {
        /// The position.
        local: SignerIndex,
    },
    /// The request is not by the signer whom it names as its creator.
    #[error("{0}")]
    Request(RequestError),
    /// The session is not this attempt at this request.
    #[error("session {seen} is not the attempt that the request and its number give")]
    WrongSession {
        /// What request and attempt give.
        expected: SessionId,
        /// What was ordered.
        seen: SessionId,
    },
    /// There is no such attempt: they are numbered from 1.
    #[error("attempt 0, the first one is 1")]
    Attempt,
    /// Nonces for this attempt were made before.
    #[error("session {session} has had its nonces")]
    SeenBefore {
        /// The attempt.
        session: SessionId,
    },
    /// Too many attempts wait for their signature.
    #[error("{limit} attempts have nonces already")]
    TooManyOpen {
        /// The limit.
        limit: usize,
    },
    /// The keys do not aggregate.
    #[error("{0}")]
    KeyAgg(KeyAggError),
    /// A message's tweak gives no key.
    #[error("message {message} cannot be signed: {source}")]
    Tweak {
        /// The message's position.
        message: usize,
        /// Why.
        source: TweakError,
    },
    /// There is not one piece of entropy for each message.
    #[error("entropy for {seen} nonces, {expected} are needed")]
    EntropyCount {
        /// Messages in the request.
        expected: usize,
        /// What came.
        seen: usize,
    },
    /// No nonce could be made.
    #[error("{0}")]
    NonceGen(NonceGenError),
}

/// Why a signer does not sign. The nonces of the attempt, if there were any, are gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartialsError {
    /// There are no nonces for this attempt: never made, used, forgotten, or lost by a restart.
    #[error("no nonces for session {session}")]
    NoNonces {
        /// The attempt.
        session: SessionId,
    },
    /// The nonces of this attempt outlived their time, or the clocks have parted since they were made.
    #[error("the nonces of session {session} have outlived their time, or the clocks have parted")]
    Outlived {
        /// The attempt.
        session: SessionId,
    },
    /// A signer does not have one nonce for each message.
    #[error("{seen} nonces of signer {signer} for {expected} messages")]
    NonceCount {
        /// The signer.
        signer: usize,
        /// Messages in the request.
        expected: usize,
        /// What came.
        seen: usize,
    },
    /// There is not one nonce for each signer.
    #[error("{0}")]
    Context(SigningCtxError),
    /// A message could not be signed.
    #[error("message {message} is not signed: {source}")]
    Sign {
        /// The message's position.
        message: usize,
        /// Why.
        source: SignError,
    },
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The session is past the point where this makes sense.
    #[error("the session is already in phase {phase:?}")]
    WrongPhase {
        /// Where it is.
        phase: Phase,
    },
    /// Consent was given before.
    #[error("already approved")]
    AlreadyApproved,
}

/// What a peer did wrong. A value for the guards, with evidence where there is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offense {
    /// A node that is none of the signers' spoke about the session.
    Unlisted {
        /// The claimed sender.
        sender: PeerId,
    },
    /// The signature is not the sender's; the fault is the forwarder's.
    BadSignature {
        /// The claimed sender.
        sender: PeerId,
    },
    /// The clock or the sequence number is wrong.
    Replay(ReplayError),
    /// A signer's node spoke for another signer.
    WrongSpeaker {
        /// For whom it spoke.
        claimed: SignerIndex,
    },
    /// The delegation in a join does not hold.
    NotDelegated(DelegationError),
    /// A join carries what its mode does not use.
    WrongRound0,
    /// The number of nonces or partial signatures is not the number of messages.
    WrongCount {
        /// What kind of message.
        kind: Kind,
        /// Messages in the request.
        expected: usize,
        /// What came.
        seen: usize,
    },
    /// A signer claims final signatures that do not verify.
    FalseSignature,
    /// A signer asks again and again.
    TooManyAcks {
        /// The limit.
        limit: u32,
    },
    /// A proven lie.
    Proven(Box<Evidence>),
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlisted { sender } => {
                write!(f, "node {} is none of the signers", sender.short())
            }
            Self::BadSignature { sender } => {
                write!(f, "a statement that node {} did not sign", sender.short())
            }
            Self::Replay(error) => error.fmt(f),
            Self::WrongSpeaker { claimed } => write!(f, "it spoke for signer {claimed}"),
            Self::NotDelegated(error) => error.fmt(f),
            Self::WrongRound0 => f.write_str("a join of another mode"),
            Self::WrongCount { kind, expected, seen } => {
                write!(f, "{kind:?} with {seen} elements instead of {expected}")
            }
            Self::FalseSignature => f.write_str("a final signature that does not verify"),
            Self::TooManyAcks { limit } => write!(f, "more than {limit} questions"),
            Self::Proven(evidence) => f.write_str(match evidence.as_ref() {
                Evidence::Conflict { .. } => "it said two different things in one place",
                Evidence::WrongCommitment { .. } => "nonces that do not open its promise",
                Evidence::InvalidNonce { .. } => "nonces that are no points on the curve",
                Evidence::WrongPartialSig { .. } => "a false partial signature",
                Evidence::SignedOtherwise { .. } => {
                    "it confirmed one set of nonces and signed for another"
                }
            }),
        }
    }
}
