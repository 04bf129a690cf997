//! Why one side closes a connection, as a number of the protocol.

/// Why one side closes a connection; travels as QUIC's application error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseCode {
    /// The node stops.
    #[error("the node stops")]
    Shutdown,
    /// Another connection between the same two nodes is the one in use.
    #[error("another connection is in use")]
    Duplicate,
    /// A frame could not be read.
    #[error("malformed frame")]
    Malformed,
    /// The peer said nothing, or not enough, in time.
    #[error("nothing heard in time")]
    Silent,
    /// The peer's `Hello` does not fit: version, limits, clock.
    #[error("incompatible hello")]
    Incompatible,
    /// The peer did something no honest node does.
    #[error("offense")]
    Offense,
    /// The connection is no longer wanted.
    #[error("no longer wanted")]
    Unwanted,
    /// A node reached itself.
    #[error("this is the same node")]
    SameNode,
    /// So many strangers come that those have places first who prove work: `docs/protocol/pow.md`.
    #[error("busy: whoever proves work has a place first")]
    Busy,
    /// A code of another version.
    #[error("code {0}")]
    Other(u32),
}

impl CloseCode {
    /// Reads the code; beyond 32 bits it counts as the largest.
    pub fn from_wire(code: u64) -> Self {
        match code {
            1 => Self::Shutdown,
            2 => Self::Duplicate,
            3 => Self::Malformed,
            4 => Self::Silent,
            5 => Self::Incompatible,
            6 => Self::Offense,
            7 => Self::Unwanted,
            8 => Self::SameNode,
            9 => Self::Busy,
            other => Self::Other(u32::try_from(other).unwrap_or(u32::MAX)),
        }
    }

    /// Returns the code as QUIC carries it; 0 is left to a connection dropped without a reason.
    pub const fn to_wire(self) -> u32 {
        match self {
            Self::Shutdown => 1,
            Self::Duplicate => 2,
            Self::Malformed => 3,
            Self::Silent => 4,
            Self::Incompatible => 5,
            Self::Offense => 6,
            Self::Unwanted => 7,
            Self::SameNode => 8,
            Self::Busy => 9,
            Self::Other(code) => code,
        }
    }
}
