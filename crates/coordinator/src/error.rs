//! Why a command is refused, and why a node does not start.

use ensign_ledger::OpeningError;
use ensign_primitives::RequestId;
use ensign_psbt::{PsbtError, Rule};
use ensign_review::{JoinError, ReviewError};
use ensign_signer::NoEntropy;
use ensign_transport::BindError;

use crate::{LedgerError, SignerError};

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The home takes no part in the open network.
    #[error("this home is closed: it takes no part in the open network")]
    Closed,
    /// Nothing was asked of the open network.
    #[error("{0}")]
    Network(#[source] ensign_engine::overlay::CommandError),
    /// The coordinator has shut down.
    #[error("the node is stopping")]
    Stopped,
    /// The signer does not let our node speak for it any more, and the delegation in use has ended.
    #[error("the signer was asked for a new delegation: {0}")]
    Signer(#[source] SignerError),
    /// The engine refuses.
    #[error("{0}")]
    Engine(#[source] ensign_engine::CommandError),
    /// A group cannot form like that.
    #[error("{0}")]
    Formation(#[source] ensign_engine::formation::CommandError),
    /// Our user has said something of too many nodes.
    #[error("{0}")]
    Words(#[source] ensign_engine::reputation::TooManyWords),
    /// A word is about other nodes than our own.
    #[error("that is this node itself: nothing was changed, bans and trust are for others")]
    OwnNode,
    /// The PSBT cannot be signed by this group.
    #[error("{0}")]
    Psbt(#[source] PsbtError),
    /// There is nothing to sign, or too much.
    #[error("{seen} messages, allowed is 1 to {max}")]
    MessageCount {
        /// The limit.
        max: usize,
        /// What was given.
        seen: usize,
    },
    /// The request is not open, or waits for nobody's decision.
    #[error("no open request {request} waits for a decision")]
    UnknownRequest {
        /// The request.
        request: RequestId,
    },
    /// What would be signed is not what the yes was given to: it, what is remarkable about it or the
    /// policy is different by now. An open request is asked about again
    /// ([`RequestEvent::Asked`](crate::RequestEvent::Asked)).
    #[error("what would be signed has changed since it was shown")]
    Changed {
        /// The request; `None` for a proposal.
        request: Option<RequestId>,
    },
    /// The policy refuses the proposal.
    #[error("the policy refuses it: {0}")]
    Policy(Rule),
    /// The group has a request that is not over.
    #[error("request {request} of the group is not over")]
    GroupInUse {
        /// The request.
        request: RequestId,
    },
    /// The group's keys cannot form an address.
    #[error("the group has no address: {0}")]
    Group(#[source] ensign_psbt::GroupError),
    /// The store cannot be read.
    #[error("{0}")]
    Store(#[source] LedgerError),
    /// The operating system gives no entropy.
    #[error("the operating system gives no random bytes")]
    Entropy,
}

impl From<NoEntropy> for CommandError {
    fn from(_: NoEntropy) -> Self {
        Self::Entropy
    }
}

impl From<JoinError> for CommandError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Keys(error) => Self::Engine(ensign_engine::CommandError::Limits(error)),
            JoinError::Address(error) => Self::Group(error),
        }
    }
}

impl From<ReviewError> for CommandError {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::UnknownGroup { group } => {
                Self::Engine(ensign_engine::CommandError::UnknownGroup { group })
            }
            ReviewError::Psbt(error) => Self::Psbt(error),
            ReviewError::MessageCount { max, seen } => Self::MessageCount { max, seen },
            ReviewError::UnknownRequest { request } => Self::UnknownRequest { request },
            ReviewError::Changed { request } => Self::Changed { request },
            ReviewError::Policy(rule) => Self::Policy(rule),
        }
    }
}

/// A decision about what is not open, or not ours to decide any more.
pub(crate) fn of_decision(error: ensign_engine::CommandError) -> CommandError {
    use ensign_engine::CommandError as Engine;
    if let Engine::UnknownRequest { request } = error {
        return CommandError::UnknownRequest { request };
    }
    of_engine(error)
}

pub(crate) fn of_engine(error: ensign_engine::CommandError) -> CommandError {
    if let ensign_engine::CommandError::GroupInUse { request } = error {
        return CommandError::GroupInUse { request };
    }
    CommandError::Engine(error)
}

/// Why a coordinator does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be used.
    #[error("{0}")]
    Store(#[source] OpeningError),
    /// The port cannot be had.
    #[error("{0}")]
    Bind(#[source] BindError),
}
