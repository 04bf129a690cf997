//! Our caller's mistakes, our peers' offenses, and what each costs.

use ensign_identity::SignerKey;
use ensign_musig::KeyAggError;
use ensign_primitives::{GroupId, PeerId, RequestId};
use ensign_session::SetupError;
use ensign_wire::{DecodeError, Kind, RequestError};

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
    /// Its bytes are no message.
    Decode(DecodeError),
    /// A stranger's first frame was something else than a hello.
    NoHello {
        /// What came instead.
        kind: Kind,
    },
    /// It said nothing in time.
    HelloTimeout,
    /// It introduced itself twice.
    SecondHello,
    /// It speaks no version that we speak.
    Version {
        /// Its oldest.
        min: u8,
        /// Its newest.
        max: u8,
    },
    /// It is in none of our groups and asks for more answers than anybody needs.
    TooManyPings,
    /// It is in none of our groups and sent what only members may.
    Stranger {
        /// What it sent.
        kind: Kind,
    },
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
    /// It sent more than its budget, or while we have no room; no fault of its own.
    NoRoom,
    /// A session's finding.
    Session(ensign_session::Offense),
}

/// What an offense costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// Points; [`OFFENSE_POINTS_MAX`](crate::OFFENSE_POINTS_MAX) of them end the connection.
    Points(u32),
    /// The connection.
    Disconnect,
}

/// Decides what each offense costs, in one place.
pub const fn penalty(offense: &Offense) -> Penalty {
    use ensign_session::Offense as Session;
    match offense {
        Offense::Decode(_)
        | Offense::NoHello { .. }
        | Offense::HelloTimeout
        | Offense::SecondHello
        | Offense::Version { .. } => Penalty::Disconnect,
        // What another clock would accept: as with a message that is too old.
        Offense::InvalidRequest(RequestError::Delegation(error))
        | Offense::Session(Session::NotDelegated(error))
            if error.is_of_time() =>
        {
            Penalty::Points(1)
        }
        Offense::TooManyPings | Offense::Stranger { .. } | Offense::WrongPayload { .. } => {
            Penalty::Points(5)
        }
        Offense::UnknownGroup { .. }
        | Offense::InvalidRequest(_)
        | Offense::InvalidAnnounce { .. }
        | Offense::Unsignable(_) => Penalty::Points(5),
        // A wrong clock is nobody's malice, but each such message costs us work and a report.
        Offense::RequestTime { .. } | Offense::Session(Session::Replay(_)) => Penalty::Points(1),
        // Whoever asks too much is slowed: what is beyond its budget costs less than a handshake.
        Offense::NoRoom => Penalty::Points(0),
        Offense::Session(
            Session::Unlisted { .. }
            | Session::BadSignature { .. }
            | Session::WrongSpeaker { .. }
            | Session::NotDelegated(_)
            | Session::WrongRound0
            | Session::WrongCount { .. }
            | Session::FalseSignature,
        ) => Penalty::Points(5),
        Offense::Session(Session::TooManyAcks { .. }) => Penalty::Points(1),
        // The signer stays reachable for other sessions; its group decides what to do with proof.
        Offense::Session(Session::Proven(_)) => Penalty::Points(10),
    }
}
