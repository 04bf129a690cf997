//! Errors of the three operations that can fail: bind, dial, send.

use std::{io, net::SocketAddr};

use ensign_primitives::{LinkId, Network, PeerId};
use ensign_wire::Lane;
use quinn::{ConnectError, ConnectionError};

use ensign_wire::CloseCode;

/// Why a transport does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another process uses the port.
    #[error("another process uses {addr}")]
    PortInUse {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The system gives no socket on the address.
    #[error("cannot listen on {addr}: {kind}")]
    Socket {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// TLS cannot be set up; a defect of this build, not of the caller.
    #[error("TLS cannot be set up")]
    Tls,
}

impl BindError {
    pub(crate) fn socket(addr: SocketAddr, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::AddrInUse {
            return Self::PortInUse { addr };
        }
        Self::Socket { addr, kind: error.kind() }
    }
}

/// Why a frame is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is gone.
    #[error("connection {} is gone", link.0)]
    Gone {
        /// Which one was meant.
        link: LinkId,
    },
    /// The peer takes frames more slowly than they come; this one is dropped.
    #[error("the {lane:?} lane of connection {} is at its limit of {limit} bytes", link.0)]
    QueueFull {
        /// Which connection was meant.
        link: LinkId,
        /// Which of its lanes.
        lane: Lane,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Why a dial fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Another node answers at the address; it proved its identity and did not learn ours.
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
    /// No packet can be sent there: port 0, or another address family than the socket's.
    #[error("no packet can be sent to that address")]
    InvalidAddress,
    /// Another connection to the same node is the one in use, or another dial is under way.
    #[error("another connection to that node is in use")]
    Duplicate,
    /// A node does not dial itself.
    #[error("this is the same node")]
    SameNode,
    /// The transport is closed.
    #[error("the transport is closed")]
    TransportClosed,
}

impl DialError {
    /// Reads quinn's reason for not even starting.
    pub(crate) fn from_connect(error: &ConnectError) -> Self {
        match error {
            ConnectError::EndpointStopping => Self::TransportClosed,
            ConnectError::InvalidRemoteAddress(_) => Self::InvalidAddress,
            ConnectError::CidsExhausted
            | ConnectError::InvalidServerName(_)
            | ConnectError::NoDefaultClientConfig
            | ConnectError::UnsupportedVersion => Self::Quic { code: 0 },
        }
    }

    /// Reads quinn's reason for a handshake that failed.
    pub(crate) fn from_connection(error: &ConnectionError, network: Network) -> Self {
        match error {
            ConnectionError::TransportError(error) => Self::from_code(error.code.into(), network),
            ConnectionError::ConnectionClosed(close) => {
                Self::from_code(close.error_code.into(), network)
            }
            ConnectionError::ApplicationClosed(close) => {
                Self::Closed { code: CloseCode::from_wire(close.error_code.into_inner()) }
            }
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::TransportClosed,
            ConnectionError::Reset
            | ConnectionError::VersionMismatch
            | ConnectionError::CidsExhausted => Self::Quic { code: 0 },
        }
    }

    fn from_code(code: u64, network: Network) -> Self {
        match code {
            CONNECTION_REFUSED => Self::Refused,
            NO_APPLICATION_PROTOCOL => {
                Self::ForeignNetwork { network, version: ensign_wire::PROTOCOL_VERSION }
            }
            // RFC 9001 section 4.8: the alert in the low byte.
            0x100..=0x1ff => Self::Tls { alert: (code & 0xff) as u8 },
            code => Self::Quic { code },
        }
    }
}

/// RFC 9000 section 20.1.
const CONNECTION_REFUSED: u64 = 2;

/// RFC 9001 section 4.8 with the alert of RFC 7301 section 3.2.
const NO_APPLICATION_PROTOCOL: u64 = 0x100 | 120;
