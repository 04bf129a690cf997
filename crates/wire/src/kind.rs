//! What frames carry: the kinds, and what holds for each before a byte of its body is read.

use ensign_primitives::MESSAGES_MAX;
use serde::{Deserialize, Serialize};

use crate::{PAYLOAD_BYTES_MAX, SHARED_GROUPS_MAX};

/// What a frame carries; the first byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each kind is named after its message")]
pub enum Kind {
    Hello,
    Ping,
    Pong,
    Payload,
    SessionAnnounce,
    SessionJoin,
    SessionReady,
    NonceShare,
    NonceAck,
    NoncesComplete,
    PartialSigShare,
    PartialSigAck,
    PartialSigsComplete,
    SignatureFinalized,
    SessionAbort,
    ValidationError,
    Groups,
}

impl Kind {
    /// Every kind, in wire order.
    pub const ALL: [Self; 17] = [
        Self::Hello,
        Self::Ping,
        Self::Pong,
        Self::Payload,
        Self::SessionAnnounce,
        Self::SessionJoin,
        Self::SessionReady,
        Self::NonceShare,
        Self::NonceAck,
        Self::NoncesComplete,
        Self::PartialSigShare,
        Self::PartialSigAck,
        Self::PartialSigsComplete,
        Self::SignatureFinalized,
        Self::SessionAbort,
        Self::ValidationError,
        Self::Groups,
    ];

    /// Returns who may send frames of this kind to a node.
    pub const fn audience(self) -> Audience {
        match self {
            Self::Hello => Audience::Anyone,
            Self::Ping | Self::Pong | Self::Groups => Audience::Introduced,
            Self::Payload
            | Self::SessionAnnounce
            | Self::SessionJoin
            | Self::SessionReady
            | Self::NonceShare
            | Self::NonceAck
            | Self::NoncesComplete
            | Self::PartialSigShare
            | Self::PartialSigAck
            | Self::PartialSigsComplete
            | Self::SignatureFinalized
            | Self::SessionAbort
            | Self::ValidationError => Audience::Member,
        }
    }

    /// Returns the lane that frames of this kind take.
    pub const fn lane(self) -> Lane {
        match self {
            Self::Hello | Self::Ping | Self::Pong | Self::Groups => Lane::Control,
            Self::Payload => Lane::Bulk,
            Self::SessionAnnounce
            | Self::SessionJoin
            | Self::SessionReady
            | Self::NonceShare
            | Self::NonceAck
            | Self::NoncesComplete
            | Self::PartialSigShare
            | Self::PartialSigAck
            | Self::PartialSigsComplete
            | Self::SignatureFinalized
            | Self::SessionAbort
            | Self::ValidationError => Lane::Signing,
        }
    }

    /// Returns the byte that stands for the kind.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Returns the kind of the statement whose variant has the number `tag` inside an envelope.
    pub(crate) fn of_body(tag: u32) -> Option<Self> {
        let id = usize::try_from(tag).ok()?.checked_add(Self::SessionAnnounce as usize)?;
        Self::ALL.get(id).copied().filter(|kind| *kind != Self::Groups)
    }

    /// Returns the most bytes a body of this kind may have.
    ///
    /// From the specification: announcements 10 KiB, nonces 1 KiB, partial signatures 512 bytes,
    /// all else 1 KiB; plus what [`MESSAGES_MAX`] messages add.
    pub const fn limit(self) -> usize {
        match self {
            Self::SessionAnnounce => 10 * 1024 + MESSAGES_MAX * 66,
            Self::SessionJoin | Self::NonceShare => 1024 + MESSAGES_MAX * 66,
            Self::PartialSigShare => 512 + MESSAGES_MAX * 32,
            Self::SignatureFinalized => 1024 + MESSAGES_MAX * 64,
            Self::Payload => PAYLOAD_BYTES_MAX + 64,
            Self::Ping | Self::Pong => 16,
            Self::Groups => 16 + SHARED_GROUPS_MAX * 32,
            Self::Hello
            | Self::SessionReady
            | Self::NonceAck
            | Self::NoncesComplete
            | Self::PartialSigAck
            | Self::PartialSigsComplete
            | Self::SessionAbort
            | Self::ValidationError => 1024,
        }
    }
}

/// Which way a frame goes on a connection: each lane has streams, a bound and a priority of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Statements of sessions: never wait behind another lane.
    Signing,
    /// Introductions and questions.
    Control,
    /// Payloads and whatever else is large.
    Bulk,
}

/// Who may send a frame to a node. Nobody else's is read beyond its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Whoever connects.
    Anyone,
    /// Whoever has said [`Hello`].
    Introduced,
    /// The members of the node's groups, after their [`Hello`].
    Member,
}
