//! What a driver is made from.

use ensign_deadline::Timeouts;
use ensign_engine::{Limits, Strangers, overlay::OverlayConfig};
use ensign_ledger::{Before, Handles};
use ensign_primitives::Network;
use ensign_psbt::Policy;
use ensign_signer::Randomness;
use ensign_transport::{Arrivals, Transport};

use crate::{Keys, clock::Clock, storage::Storage};

/// What a driver is made from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) network: Network,
    pub(crate) keys: Keys,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) strangers: Strangers,
    pub(crate) overlay: Option<OverlayConfig>,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) randomness: Randomness,
    pub(crate) transport: (Transport, Arrivals),
    pub(crate) storage: Storage,
    pub(crate) before: Before,
    pub(crate) handles: Handles,
}
