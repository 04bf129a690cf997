//! Our caller's mistakes and our peers' offenses.

use core::fmt;

use ensign_identity::{DelegationError, SignerKey};
use ensign_musig::KeyAggError;
use ensign_primitives::{GroupId, PeerId, RequestId};
use ensign_session::SetupError;
use ensign_wire::{DecodeError, RequestError};

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The group's keys and nodes do not pair up.
    #[error("{peers} nodes for {keys} signer keys")]
    MemberCount {
        /// How many keys.
        keys: usize,
        /// How many nodes.
        peers: usize,
    },
    /// One key stands twice.
    #[error("signer key {key} stands twice in the group")]
    DuplicateSigner {
        /// The key.
        key: SignerKey,
    },
    /// One node stands twice.
    #[error("node {peer} stands twice in the group")]
    DuplicatePeer {
        /// The node.
        peer: PeerId,
    },
    /// We are not in the group, or our key stands beside another node.
    #[error("this node's signer key {key} with node {peer} is not a member of the group")]
    NotAMember {
        /// Our signer key.
        key: SignerKey,
        /// Our node.
        peer: PeerId,
    },
    /// The keys do not aggregate.
    #[error("the keys do not aggregate: {0}")]
    KeyAgg(KeyAggError),
    /// There are too many groups already.
    #[error("more than {limit} groups")]
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// No such group.
    #[error("no group {group}")]
    UnknownGroup {
        /// The group.
        group: GroupId,
    },
    /// The group has a request that is not over.
    #[error("request {request} of the group is not over")]
    GroupInUse {
        /// The request.
        request: RequestId,
    },
    /// There are too many open requests already.
    #[error("more than {limit} open requests")]
    TooManyRequests {
        /// The limit.
        limit: usize,
    },
    /// No such request is open.
    #[error("no open request {request}")]
    UnknownRequest {
        /// The request.
        request: RequestId,
    },
    /// The group is known with other nodes for its keys.
    #[error("group {group} is known with other nodes; start again to change them")]
    GroupDiffers {
        /// The group.
        group: GroupId,
    },
    /// The request is open already.
    #[error("request {request} is open already")]
    AlreadyOpen {
        /// The request.
        request: RequestId,
    },
    /// The request has ended and does not come back.
    #[error("request {request} has ended")]
    HasEnded {
        /// The request.
        request: RequestId,
    },
    /// There is no consent to withdraw.
    #[error("request {request} was not agreed to")]
    NotAgreed {
        /// The request.
        request: RequestId,
    },
    /// Our node has joined the attempt that runs, and the others count on it.
    #[error(
        "this node is signing request {request} just now; withdraw once that attempt has ended, or cancel it"
    )]
    HasJoined {
        /// The request.
        request: RequestId,
    },
    /// Our partial signatures left this node in an earlier attempt: the others may finish that one.
    #[error(
        "this node has signed request {request} in attempt {attempt}, and the others may finish that; it can be cancelled only"
    )]
    HasSigned {
        /// The request.
        request: RequestId,
        /// In which attempt, the latest.
        attempt: u16,
    },
    /// What the request was computed from has not come yet: nobody can have seen what it means.
    #[error("the payload of request {request} has not come yet")]
    MissingPayload {
        /// The request.
        request: RequestId,
    },
    /// A field of the request is outside its limits.
    #[error("{0}")]
    Limits(DecodeError),
    /// The request cannot be signed.
    #[error("{0}")]
    Setup(SetupError),
    /// The session is past the point where this makes sense.
    #[error("{0}")]
    Session(ensign_session::CommandError),
}

/// What a peer did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offense {
    /// It announced a request for a group that we do not know, or from outside the group.
    UnknownGroup {
        /// The group.
        group: GroupId,
    },
    /// It announced a request that is not its creator's.
    InvalidRequest(RequestError),
    /// It announced a request that has ended, or lies in the future.
    RequestTime {
        /// The request.
        request: RequestId,
    },
    /// Its announcement's session is not the request's, or its envelope is not its own.
    InvalidAnnounce {
        /// The request.
        request: RequestId,
    },
    /// It announced a request that cannot be signed.
    Unsignable(SetupError),
    /// Its payload is not the one that the request names.
    WrongPayload {
        /// The request.
        request: RequestId,
    },
    /// It said two different things about a request under one number.
    ConsentsDiffer {
        /// The request.
        request: RequestId,
    },
    /// It sent more than its budget, or while we have no room; no fault of its own.
    NoRoom,
    /// It says that it speaks for a member, and its delegation does not hold.
    NotDelegated(DelegationError),
    /// A member's key has let two nodes speak for it under one number; the first holds.
    TwoDelegations {
        /// The key.
        signer: SignerKey,
        /// The number.
        number: u64,
    },
    /// It brought a proof that convicts nobody.
    FalseEvidence,
    /// Its signatures prove one more lie, and enough proofs of it are kept.
    ProvenAgain,
    /// A session's finding.
    Session(ensign_session::Offense),
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownGroup { group } => {
                write!(f, "a request for unknown group {}", group.short())
            }
            Self::InvalidRequest(error) => error.fmt(f),
            Self::RequestTime { request } => {
                write!(f, "request {} has ended or lies in the future", request.short())
            }
            Self::InvalidAnnounce { request } => {
                write!(f, "a false announcement of request {}", request.short())
            }
            Self::Unsignable(error) => error.fmt(f),
            Self::WrongPayload { request } => {
                write!(f, "another payload than request {} names", request.short())
            }
            Self::ConsentsDiffer { request } => {
                write!(f, "it agrees to request {} and does not, under one number", request.short())
            }
            Self::NoRoom => f.write_str("a request that we have no room for"),
            Self::NotDelegated(error) => error.fmt(f),
            Self::TwoDelegations { signer, number } => {
                write!(f, "a second delegation of {signer} with number {number}, to another node")
            }
            Self::FalseEvidence => f.write_str("a proof that convicts nobody"),
            Self::ProvenAgain => f.write_str("one more proven lie, of which no proof is kept"),
            Self::Session(offense) => offense.fmt(f),
        }
    }
}
