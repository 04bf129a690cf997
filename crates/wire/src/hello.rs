//! The first frame each way on a connection.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_primitives::UnixTime;
use serde::{Deserialize, Serialize};

use crate::{DecodeError, codec};

/// Most addresses a node may list. Guess: two families, a few interfaces.
pub const ADDRESSES_MAX: usize = 8;

/// What a node does for others, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles(pub u8);

impl Roles {
    /// The node signs.
    pub const SIGNER: Self = Self(1);
}

/// What a node is willing to hold for one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Most bytes of a payload it accepts.
    pub payload_bytes: u32,
    /// Most messages in one request it accepts.
    pub messages: u16,
    /// Most open requests it keeps.
    pub requests: u16,
}

/// Introduces a node. The identity is already settled by the handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// What the node does.
    pub roles: Roles,
    /// The oldest protocol version it speaks.
    pub version_min: u8,
    /// The newest protocol version it speaks.
    pub version_max: u8,
    /// The sender's wall clock, so that a wrong one is noticed before a session fails. For members
    /// of its groups only: a clock recognises its node.
    pub clock: Option<UnixTime>,
    /// Under which address the sender sees the receiver.
    pub observed: Option<SocketAddr>,
    /// Where the sender can be reached, at most [`ADDRESSES_MAX`]; a claim. Empty for a receiver
    /// that is no member of the sender's groups.
    pub listening: Vec<SocketAddr>,
    /// What the sender accepts.
    pub limits: Limits,
}

impl Hello {
    pub(crate) fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("addresses", self.listening.len() as u64, 0..=ADDRESSES_MAX as u64)?;
        codec::in_range("version range", self.version_max.into(), self.version_min.into()..=255)
    }
}
