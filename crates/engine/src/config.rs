//! What a node is made from, and its limits.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use ensign_deadline::Timeouts;
use ensign_peers::PeersConfig;
use ensign_pow::Tariff;
use ensign_primitives::Network;
use ensign_ratelimit::Limits;
use ensign_signing::SigningConfig;

/// How long a connection may stay without its first frame. Guess: many round trips.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How many points of misbehaviour end a connection; see [`sentence`](crate::sentence()). They count
/// from zero on the next connection: a signer is never locked out, only slowed down.
pub const OFFENSE_POINTS_MAX: u32 = 20;

/// Default of [`Strangers::links_max`]. Guess: nobody we do not know needs to stay, so few places with a
/// quick turnover do.
pub const STRANGERS_MAX: usize = 64;

/// Default of [`Strangers::time`]. Guess: a handshake, a greeting and a few questions over a bad line.
pub const STRANGER_TIME: Duration = Duration::from_secs(30);

const _: () = assert!(STRANGERS_MAX < ensign_signing::PEERS_MAX);

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
}

/// What strangers may have of this node's places. A setting; the defaults are constants of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strangers {
    /// Most connections with them at once; beyond it one goes, by [`ensign_diversity::evict`].
    pub links_max: usize,
    /// How long each stays, unless it becomes a member or is wanted.
    pub time: Duration,
    /// What they pay when too many come.
    pub price: Tariff,
    /// Below which score none of them is let in.
    pub reputation: ensign_reputation::Config,
}

impl Default for Strangers {
    fn default() -> Self {
        let (price, reputation) = Default::default();
        Self { links_max: STRANGERS_MAX, time: STRANGER_TIME, price, reputation }
    }
}

impl EngineConfig {
    pub(crate) const fn signing(&self) -> SigningConfig {
        let Self { network, timeouts, limits, .. } = self;
        let (allowances, requests_max) = (limits.members, limits.open_sessions);
        SigningConfig { network: *network, timeouts: *timeouts, allowances, requests_max }
    }
}
