//! What a node is made from, and its limits.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_deadline::Timeouts;
use ensign_gate::Strangers;
use ensign_overlay::OverlayConfig;
use ensign_peers::PeersConfig;
use ensign_primitives::Network;
use ensign_ratelimit::Limits;
use ensign_signing::SigningConfig;

/// Most rounds in which children are told what other children have said, for one input. Guess: a
/// handful of times the longest chain of answers, which is three.
pub const SETTLE_ROUNDS_MAX: usize = 16;

/// What a node is.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The chain it works on.
    pub network: Network,
    /// Drawn when the process starts; told to members, who see by it when two processes have one
    /// identity.
    pub instance: [u8; 8],
    /// Where it can be reached; told to members.
    pub listening: Vec<SocketAddr>,
    /// How long each wait of a session may take.
    pub timeouts: Timeouts,
    /// How much anybody may ask of us.
    pub limits: Limits,
    /// How peers are dialled.
    pub peers: PeersConfig,
    /// What is left to nodes that we neither know nor want.
    pub strangers: Strangers,
    /// Its part in the open network; `None` for a closed home, which takes none.
    pub overlay: Option<OverlayConfig>,
}

impl EngineConfig {
    pub(crate) const fn signing(&self) -> SigningConfig {
        let Self { network, timeouts, limits, .. } = self;
        let (allowances, requests_max) = (limits.members, limits.open_sessions);
        SigningConfig { network: *network, timeouts: *timeouts, allowances, requests_max }
    }
}
