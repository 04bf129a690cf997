//! What the transport tells its owner, and why connections end.

use std::{net::SocketAddr, time::Duration};

use ensign_primitives::{Direction, LinkId, PeerId};
use ensign_wire::{CloseCode, DecodeError, Kind, Lane};
use quinn::ConnectionError;

use crate::DialError;

/// Something that happened on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportEvent {
    /// A connection to `peer` stands; its identity is proven.
    Up {
        /// Its name, which no other connection of this transport ever has.
        link: LinkId,
        /// Who is at the other end.
        peer: PeerId,
        /// Under which address.
        remote: SocketAddr,
        /// Who dialled.
        direction: Direction,
        /// A secret of this connection alone that both ends know (RFC 8446, 7.5; RFC 5705).
        exporter: [u8; 32],
        /// How long a packet takes there and back, as QUIC has measured it in the handshake.
        round_trip: Duration,
    },
    /// A connection is gone; frames not yet delivered to its peer are lost.
    Down {
        /// Which one.
        link: LinkId,
        /// Who was at the other end.
        peer: PeerId,
        /// Why it ended.
        reason: DisconnectReason,
    },
    /// A whole frame arrived; its length is within the limit of its kind, its body undecoded.
    Frame {
        /// The connection on which it came.
        link: LinkId,
        /// What the header says the body is.
        kind: Kind,
        /// The body, at most [`Kind::limit`] bytes.
        body: Vec<u8>,
    },
    /// Frames were not sent, since what waited for the peer in their lane was at its limit.
    Dropped {
        /// The connection that they were for.
        link: LinkId,
        /// Their lane; never signing, of which none is dropped.
        lane: Lane,
        /// How many since the last time this was said.
        frames: u32,
    },
    /// A node was [dialled back](crate::Transport::dial_back), or could not be.
    BackDialled {
        /// Which.
        peer: PeerId,
        /// Whether a connection stood.
        is_reached: bool,
    },
    /// A dial failed.
    DialFailed {
        /// Who was wanted.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
        /// Why it failed.
        error: DialError,
    },
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The peer closed it.
    #[error("peer closed the connection: {code}")]
    Closed {
        /// What the peer gave as its reason.
        code: CloseCode,
    },
    /// We closed it, by [`disconnect`](crate::Transport::disconnect) or
    /// [`close`](crate::Transport::close).
    #[error("we closed the connection: {code}")]
    Ours {
        /// What we gave as our reason.
        code: CloseCode,
    },
    /// The peer sent a frame that cannot be read; the offense is proven to us.
    #[error("peer sent a malformed frame: {0}")]
    Malformed(DecodeError),
    /// The peer broke off one of the streams; frames on it may be lost, so the connection ended.
    #[error("peer broke off a stream with code {code}")]
    StreamBroken {
        /// The code given by the peer's QUIC.
        code: u64,
    },
    /// A stranger let more answers queue up than it may.
    #[error("peer does not read what it is sent")]
    NotReading,
    /// A stranger sent more frames than anybody needs who only says hello and measures the way.
    #[error("more than {limit} frames from a node that is no member of a group of ours")]
    TooManyFrames {
        /// The limit.
        limit: u32,
    },
    /// A peer that was not admitted sent what only admitted ones may; nothing of it was read.
    #[error("{kind:?} from a node that is no member of a group of ours")]
    NotAdmitted {
        /// The kind in the frame's header.
        kind: Kind,
    },
    /// The peer began a stream with a byte that names no lane.
    #[error("peer opened a stream for lane {seen}, which does not exist")]
    UnknownLane {
        /// The byte.
        seen: u8,
    },
    /// The peer opened a second stream for a lane that has one.
    #[error("peer opened the {lane:?} lane twice")]
    LaneTwice {
        /// Which lane.
        lane: Lane,
    },
    /// The peer was admitted and left a lane closed.
    #[error("peer never opened the {lane:?} lane")]
    LaneNeverOpened {
        /// Which lane.
        lane: Lane,
    },
    /// The peer sent a frame in another lane than that of its kind.
    #[error("{kind:?} in the {lane:?} lane")]
    WrongLane {
        /// The kind in the frame's header.
        kind: Kind,
        /// The lane on which it came.
        lane: Lane,
    },
    /// The peer reads so slowly that frames would be missing in a lane where none may be.
    #[error("the {lane:?} lane to the peer is at its limit of {limit} bytes")]
    LaneFull {
        /// Which lane.
        lane: Lane,
        /// The limit in bytes.
        limit: usize,
    },
    /// The peer gave no credit for a stream of ours within the handshake timeout.
    #[error("peer allows no stream")]
    NoStreams,
    /// The peer was silent for the idle timeout.
    #[error("peer was silent for too long")]
    TimedOut,
    /// The peer restarted and no longer knows the connection.
    #[error("peer no longer knows the connection")]
    Reset,
    /// A newer connection to the same peer takes its place; `Up` follows.
    #[error("a newer connection to the peer takes its place")]
    Replaced,
    /// One side's QUIC found the other in breach of the protocol.
    #[error("QUIC error {code:#x}")]
    Quic {
        /// The error code (RFC 9000 section 20.1).
        code: u64,
    },
}

impl DisconnectReason {
    /// Reads quinn's reason; [`CloseCode::Shutdown`] stands in when the endpoint was closed by us.
    pub(crate) fn of(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                Self::Closed { code: CloseCode::from_wire(close.error_code.into_inner()) }
            }
            ConnectionError::TransportError(error) => Self::Quic { code: error.code.into() },
            ConnectionError::ConnectionClosed(close) => {
                Self::Quic { code: close.error_code.into() }
            }
            ConnectionError::Reset => Self::Reset,
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::Ours { code: CloseCode::Shutdown },
            ConnectionError::VersionMismatch | ConnectionError::CidsExhausted => {
                Self::Quic { code: 0 }
            }
        }
    }
}
