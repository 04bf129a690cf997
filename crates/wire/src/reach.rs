//! Whether a node can be reached: it asks another one to dial it back, and hears what came of it.

use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{DecodeError, Kind, codec};

/// What nodes of the open network say to each other of whether the asker can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachMessage {
    /// Asks to be dialled.
    Ask(DialBackAsk),
    /// Tells what came of it.
    Told(DialBackTold),
    /// What the connection that was dialled brings, and nothing besides.
    DialBack(DialBackNonce),
}

/// By what a dial back is recognised: drawn by the asker, told to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialBackNonce(pub [u8; 16]);

/// Asks the receiver to dial the sender once, from a socket from which it has never sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialBackAsk {
    /// What the connection shall bring.
    pub nonce: DialBackNonce,
    /// Where; its host is that from which the sender speaks, its port is not 0.
    pub address: SocketAddr,
}

/// What came of a dial back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialBackTold {
    /// Of the question.
    pub nonce: DialBackNonce,
    /// What came of it.
    pub outcome: DialBackOutcome,
}

/// What came of a dial back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DialBackOutcome {
    /// A connection stood.
    Reached,
    /// None came about in time.
    Unreached,
    /// Nobody was dialled.
    Refused(DialBackRefusal),
}

/// Why nobody is dialled back; none is an offense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DialBackRefusal {
    /// The asker speaks from another host.
    NotYours,
    /// Not everybody of this network can reach such an address.
    OtherScope,
    /// Below 1024 other services listen.
    Port,
    /// The asker, or its network, has asked too often.
    TooOften,
    /// Others are dialled.
    Busy,
    /// The node does nothing for others.
    Unwilling,
}

impl ReachMessage {
    /// Returns the kind of its frame.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ask(_) => Kind::DialBackAsk,
            Self::Told(_) => Kind::DialBackTold,
            Self::DialBack(_) => Kind::DialBack,
        }
    }

    /// Encodes the body of its frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ask(ask) => codec::encode(ask),
            Self::Told(told) => codec::encode(told),
            Self::DialBack(nonce) => codec::encode(nonce),
        }
    }

    pub(crate) fn asked(body: &[u8]) -> Result<Self, DecodeError> {
        let ask: DialBackAsk = codec::decode(body)?;
        codec::in_range("port", ask.address.port().into(), 1..=u16::MAX.into())?;
        Ok(Self::Ask(ask))
    }
}
