//! What our user wants signed.

use std::time::Duration;

use ensign_primitives::GroupId;
use ensign_wire::{Mode, TxType};

/// What shall be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A version 0 PSBT, binary or base64: every input must belong to the group.
    Psbt(Vec<u8>),
    /// Bare 32-byte messages under the group's aggregate key. The others sign blindly, and are
    /// told so.
    Messages(Vec<[u8; 32]>),
    /// A message under a tag that no coin can be spent with, which shows that all can sign.
    Drill,
}

/// A proposal to a group.
#[derive(Clone, Debug)]
pub struct SigningJob {
    /// Who shall sign.
    pub group: GroupId,
    /// What.
    pub work: Work,
    /// One line for the others.
    pub purpose: String,
    /// What kind of transaction it is.
    pub tx_type: TxType,
    /// How the session runs.
    pub mode: Mode,
    /// How long the request stays open, at most 24 h.
    pub lifetime: Duration,
}

impl SigningJob {
    /// Makes a job with the defaults: an ordinary payment in mode committed, open for two hours.
    pub const fn new(group: GroupId, work: Work) -> Self {
        Self {
            group,
            work,
            purpose: String::new(),
            tx_type: TxType::Spend,
            mode: Mode::Committed,
            lifetime: Duration::from_secs(2 * 60 * 60),
        }
    }
}
