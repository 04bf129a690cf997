//! Why a command is refused, and why a dial fails.

use ensign_primitives::{Network, PeerId};
use ensign_wire::CloseCode;

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The address book is full of peers that are wanted.
    #[error("the address book is full with {limit} wanted peers")]
    BookFull {
        /// The limit.
        limit: usize,
    },
    /// The application wants too many peers.
    #[error("the application wants {limit} peers already")]
    TooManyChosen {
        /// The limit.
        limit: usize,
    },
}

/// Why a dial led to no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialFailure {
    /// Of two connections to the peer the other one was chosen, which shows soon.
    #[error("another connection is in use")]
    Duplicate,
    /// Another node answers at the address.
    #[error("expected node {expected}, found node {found}")]
    WrongIdentity {
        /// Who was dialled.
        expected: PeerId,
        /// Who answered.
        found: PeerId,
    },
    /// The node at the address belongs to another network or speaks another protocol version.
    #[error("the node there is not on network {network} with protocol version {version}")]
    ForeignNetwork {
        /// Our network.
        network: Network,
        /// Our protocol version.
        version: u8,
    },
    /// Nobody answered in time.
    #[error("no answer in time")]
    TimedOut,
    /// The node at the address has no place left, or takes no connections.
    #[error("refused")]
    Refused,
    /// The node at the address closed the connection before it was in use.
    #[error("closed by the node there: {code}")]
    Closed {
        /// What it gave as its reason.
        code: CloseCode,
    },
    /// The TLS handshake failed: whoever answers is no Ensign node.
    #[error("TLS handshake failed with alert {alert}")]
    Tls {
        /// The alert (RFC 8446 section 6).
        alert: u8,
    },
    /// The QUIC handshake failed.
    #[error("QUIC error {code:#x}")]
    Quic {
        /// The error code (RFC 9000 section 20.1).
        code: u64,
    },
    /// It is we who answer there.
    #[error("this is the same node")]
    SameNode,
    /// No packet can be sent there.
    #[error("no packet can be sent to that address")]
    InvalidAddress,
    /// The transport is closed.
    #[error("the transport is closed")]
    TransportClosed,
}
