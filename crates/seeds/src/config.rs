//! Whom to ask, and how long.

use std::{net::SocketAddr, time::Duration};

use ensign_primitives::Network;

use ensign_wire::Scope;

use crate::scope_of;

/// Most seeds that are looked at; further ones are left out of the random order. Guess: Bitcoin Core has nine.
pub const SEEDS_MAX: usize = 16;

/// How long one question to one DNS server may take, over UDP and TCP together. Two thirds of what a usual resolver
/// waits (`resolv.conf(5)` says 5 s), since the next seed may answer sooner.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one seed may take, its aliases and a second try included. Guess: two questions and a bit.
const SEED_TIMEOUT: Duration = Duration::from_secs(8);

/// How long all of them may take. Guess: a user waits that long for a first connection before looking for a fault.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);

/// Whom to ask, and how long.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network whose nodes are wanted.
    pub network: Network,
    /// Which addresses count.
    pub scope: Scope,
    /// Who resolves names.
    pub resolver: Resolver,
    /// How long one question to one DNS server may take.
    pub query_timeout: Duration,
    /// How long one seed may take.
    pub seed_timeout: Duration,
    /// How long all of them may take.
    pub total_timeout: Duration,
}

/// Who resolves names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resolver {
    /// Whoever does for this machine (`/etc/resolv.conf`, the registry).
    #[default]
    System,
    /// DNS servers at these addresses, UDP and TCP.
    At(Vec<SocketAddr>),
}

impl Config {
    /// Nodes of a network, asked of the system's resolver.
    pub const fn new(network: Network) -> Self {
        Self {
            network,
            scope: scope_of(network),
            resolver: Resolver::System,
            query_timeout: QUERY_TIMEOUT,
            seed_timeout: SEED_TIMEOUT,
            total_timeout: TOTAL_TIMEOUT,
        }
    }
}
