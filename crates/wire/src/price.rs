//! What a busy node asks of strangers, and what they answer.

use serde::{Deserialize, Serialize};

use crate::{DecodeError, codec};

/// Asks whoever has connected for a proof of work: who pays it has a place before who does not.
///
/// Told behind the [`Hello`](crate::Hello), by a node that strangers overrun, to strangers only. What the
/// numbers mean is described in `docs/protocol/pow.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Which puzzle.
    pub version: u8,
    /// How many zero bits the hash has to begin with, 1 to 64.
    pub bits: u8,
    /// In which epoch of the sender a proof holds; a number of the sender's own.
    pub epoch: u64,
    /// What has to be hashed with it.
    pub seed: [u8; 32],
}

impl Price {
    pub(crate) fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("zero bits of a price", self.bits.into(), 1..=64)
    }
}

/// Answers a [`Price`]. The key it was made for is that of the connection it comes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Of which puzzle.
    pub version: u8,
    /// The epoch of the price.
    pub epoch: u64,
    /// The number that was found.
    pub nonce: u64,
}
