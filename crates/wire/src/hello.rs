//! The first frame each way on a connection.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_primitives::GroupId;
use serde::{Deserialize, Serialize};

use crate::{DecodeError, codec};

/// Most addresses a node may list in a [`Welcome`](crate::Welcome). Guess: two families, a few interfaces.
pub const ADDRESSES_MAX: usize = 8;

/// Most groups that two nodes may share, and so name in [`Groups`].
pub const SHARED_GROUPS_MAX: usize = 64;

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

/// Introduces a node. The identity is already settled by the handshake; whoever connects is told this,
/// and nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// What the node does.
    pub roles: Roles,
    /// The oldest protocol version it speaks.
    pub version_min: u8,
    /// The newest protocol version it speaks.
    pub version_max: u8,
    /// Under which address the sender sees the receiver.
    pub observed: Option<SocketAddr>,
    /// What the sender accepts.
    pub limits: Limits,
}

impl Hello {
    pub(crate) fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("version range", self.version_max.into(), self.version_min.into()..=255)
    }
}

/// Names the groups that the sender shares with the receiver, by the sender's own list.
///
/// Said behind the [`Welcome`](crate::Welcome) and whenever it changes, so that a group which only one of two nodes has
/// is found before anybody proposes something to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Rising, each once, at most [`SHARED_GROUPS_MAX`].
    pub shared: Vec<GroupId>,
}

impl Groups {
    pub(crate) fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("shared groups", self.shared.len() as u64, 0..=SHARED_GROUPS_MAX as u64)?;
        // What is out of order is named by how many are in order.
        let rising = self.shared.windows(2).take_while(|pair| pair.first() < pair.last()).count();
        let rising = if self.shared.is_empty() { 0 } else { rising as u64 + 1 };
        let all = self.shared.len() as u64;
        codec::in_range("rising shared groups", rising, all..=all)
    }
}
