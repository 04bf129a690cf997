//! Who holds the secret signer key: this process, or anything else that answers five questions.

use std::{fmt::Debug, io, time::Duration};

use ensign_identity::{DelegationError, DelegationProof, SignerKey, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{Network, PeerId, SessionId};
use ensign_session::{Order, OrderError, OwnNonces, OwnPartials, PartialsError, Unsigned};
use serde::{Deserialize, Serialize};

/// Holds a signer key and signs with it.
///
/// A coordinator asks in this order: [`public_key`](Self::public_key) and
/// [`delegate`](Self::delegate) once before it starts, then for each attempt at a request
/// [`nonces`](Self::nonces), [`partials`](Self::partials) once the burn mark is durable, or
/// [`forget`](Self::forget) when the attempt ends without. Calls may block, for another process or
/// for a person: they come one after the other on a thread of their own.
///
/// # Security
///
/// What an implementation owes, whatever it is asked and however often: each secret nonce is made
/// from fresh bytes of the operating system, never leaves it, is used at most once, and is erased
/// when it was used, forgotten, or
/// [older than nonces may be](ensign_session::NonceAge); a request names its key and is signed by its creator; what is
/// signed is computed from the [`Order`] that it was shown, never from a hash that comes later. A
/// session's name is taken once as long as it is remembered: among the last
/// [`SESSIONS_SEEN_MAX`](ensign_session::SESSIONS_SEEN_MAX), and not across a restart; after that
/// it gets other nonces, as fresh as any. [`LocalSigner`](ensign_session::LocalSigner) keeps all of
/// this and is what to build on. One that starts again has no nonces and says so.
pub trait Signer: Debug + Send {
    /// Returns the public key: the signer's name in a group.
    fn public_key(&self) -> SignerKey;

    /// Returns whom it asks before it signs, so that a coordinator that asks nobody either can say so.
    fn asks(&self) -> Asks {
        Asks::Itself
    }

    /// Lets a node speak for the signer.
    ///
    /// # Errors
    ///
    /// [`SignerError`] when it refuses or cannot be asked; an implementation with a clock refuses
    /// what [`Delegation::check`](ensign_identity::Delegation::check) does.
    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError>;

    /// Makes the nonces for one attempt, one for each message of the request.
    ///
    /// - `payload`: the PSBT that the messages were computed from; `None` for bare messages. The
    ///   coordinator has checked it against the request; a signer that shows it checks for itself.
    ///
    /// # Errors
    ///
    /// [`SignerError`] when it refuses or cannot be asked. The attempt ends.
    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError>;

    /// Signs every message of an attempt with the nonces made for it, which are gone afterwards,
    /// whatever the outcome.
    ///
    /// - `nonces`: each signer's public nonces, ours included, in key order; one for each message.
    ///
    /// # Errors
    ///
    /// [`SignerError`] when there are no such nonces, it refuses, or cannot be asked. The attempt
    /// ends.
    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError>;

    /// Erases the nonces of an attempt that ended. Nothing happens if there are none.
    fn forget(&mut self, session: SessionId);

    /// Erases the nonces that have [outlived their time](ensign_session::NonceAge); returns after how long it
    /// wants to be asked again, if it has any left. One that answers for another process has none.
    fn forget_old(&mut self) -> Option<Duration> {
        None
    }
}

/// Who decides what a signer signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asks {
    /// The signer: it asks a person, or it is part of the coordinator that does.
    Itself,
    /// The coordinator's user alone: the signer asks nobody.
    Coordinator,
    /// Nobody, as the signer's user agreed to: the signer asks nobody, and the coordinator need not.
    Nobody,
}

/// Why a signer does not do what it is asked. Its key is safe in every case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// A person, or a rule that a person made, refuses. The request ends for everybody.
    #[error("declined")]
    Declined,
    /// The order does not hold.
    #[error("{0}")]
    Order(OrderError),
    /// There is nothing to sign with, or nothing to sign.
    #[error("{0}")]
    Partials(PartialsError),
    /// The delegation that it made, or was asked for, does not hold.
    #[error("the delegation does not hold: {0}")]
    Delegation(DelegationError),
    /// It has let another node speak for it since, or at the same time.
    #[error("number {number} is not above {last}, by which another node speaks for this key")]
    Superseded {
        /// What was asked for.
        number: u64,
        /// The highest that was given.
        last: u64,
    },
    /// It refuses; its own side says why.
    #[error("it refuses, and says why where it runs")]
    Refused,
    /// The operating system gives no entropy.
    #[error("the operating system gives no random bytes")]
    Entropy,
    /// It cannot be reached, or is gone.
    #[error("it cannot be reached: {kind}")]
    Unreachable {
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// It answered with something that is no answer.
    #[error("its answer cannot be understood")]
    Garbled,
}

impl SignerError {
    /// Returns what it means for the attempt.
    pub const fn unsigned(&self) -> Unsigned {
        match self {
            Self::Declined => Unsigned::Declined,
            Self::Partials(PartialsError::Outlived { .. }) => Unsigned::Outlived,
            Self::Order(_)
            | Self::Partials(_)
            | Self::Delegation(_)
            | Self::Superseded { .. }
            | Self::Refused
            | Self::Entropy
            | Self::Unreachable { .. }
            | Self::Garbled => Unsigned::Failed,
        }
    }
}
