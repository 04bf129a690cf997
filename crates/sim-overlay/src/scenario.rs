//! What is tried, and the bars that it is held against.

mod books;
mod capture;
mod cold_start;
mod find;
mod fresh_node;
mod gossip;
mod live;
mod lookup;
mod network;
mod sybil;
mod upheaval;
pub use find::{Found, find};

use std::time::Duration;

use crate::figures::Line;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Honest nodes.
    pub nodes: u32,
    /// Trials of each row.
    pub trials: u32,
    /// What all is drawn from.
    pub seed: u64,
}

/// What the process has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Real time since some moment.
    pub time: Duration,
    /// Processor time.
    pub busy: Duration,
    /// Bytes of memory that it holds now.
    pub resident: u64,
}

/// Who does the work: trials are independent, so that threads may share them.
pub trait Workers {
    /// What the process has used, where whoever does the work can tell: this crate has no clock.
    fn spent(&self) -> Option<Spent> {
        None
    }

    /// Does `work` for each number below `count`, and returns what came of each, in their order.
    fn each<R: Send>(&self, count: u64, work: impl Fn(u64) -> R + Sync) -> Vec<R>;
}

/// Does one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneByOne;

impl Workers for OneByOne {
    fn each<R: Send>(&self, count: u64, work: impl Fn(u64) -> R + Sync) -> Vec<R> {
        (0..count).map(work).collect()
    }
}

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Honest nodes store and look for records, with warm links and cold ones.
    Lookup,
    /// The same among hostile nodes, at random and around a key; the density alarm.
    Sybil,
    /// A node that knows 64 others, some of them hostile, finds what there is.
    FreshNode,
    /// Ten thousand identities of one network try to get into a table.
    Capture,
    /// A thousand nodes begin at once, and know one.
    ColdStart,
    /// A third of all nodes is gone at one stroke.
    Vanish,
    /// Half of all nodes go within an hour, and others come.
    Churn,
    /// A network falls apart into two, and comes together again.
    PartitionHeals,
    /// A node restarts, and a fifth of its address book is hostile.
    PoisonedBook,
    /// All connections of a node turn hostile.
    Eclipse,
    /// Every node of a large network publishes and looks around, for ten minutes.
    Network,
    /// The same where each node verifies all that it hears.
    NetworkAlone,
    /// Messages spread among honest nodes.
    GossipLatency,
    /// Half of the nodes forward nothing.
    GossipSilentPeers,
    /// Four Sybils for each node are there first.
    GossipSybils,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Lookup,
        Self::Sybil,
        Self::FreshNode,
        Self::Capture,
        Self::ColdStart,
        Self::Vanish,
        Self::Churn,
        Self::PartitionHeals,
        Self::PoisonedBook,
        Self::Eclipse,
        Self::Network,
        Self::NetworkAlone,
        Self::GossipLatency,
        Self::GossipSilentPeers,
        Self::GossipSybils,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Sybil => "sybil",
            Self::FreshNode => "fresh-node",
            Self::Capture => "capture",
            Self::ColdStart => "cold-start",
            Self::Vanish => "vanish",
            Self::Churn => "churn",
            Self::PartitionHeals => "partition-heals",
            Self::PoisonedBook => "poisoned-book",
            Self::Eclipse => "eclipse",
            Self::Network => "network",
            Self::NetworkAlone => "network-alone",
            Self::GossipLatency => "gossip-latency",
            Self::GossipSilentPeers => "gossip-silent-peers",
            Self::GossipSybils => "gossip-sybils",
        }
    }

    /// What it is, in a sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Lookup => {
                "honest nodes store and look for records, with warm links and cold ones"
            }
            Self::Sybil => {
                "the same among hostile nodes, at random and around a key; the density alarm"
            }
            Self::FreshNode => {
                "a node that knows 64 others, some of them hostile, finds what there is"
            }
            Self::Capture => "ten thousand identities of one network try to get into a table",
            Self::ColdStart => "nodes that begin at once and know one come to know each other",
            Self::Vanish => "30 % of all nodes are gone at one stroke",
            Self::Churn => "half of all nodes go within an hour, and others come",
            Self::PartitionHeals => "a network falls apart into two for ten minutes",
            Self::PoisonedBook => "nodes restart, and a fifth of their address books is hostile",
            Self::Eclipse => "all connections of a node turn hostile",
            Self::Network => "every node publishes and looks around for ten minutes",
            Self::NetworkAlone => "the same where each node verifies all that it hears by itself",
            Self::GossipLatency => "messages spread among honest nodes",
            Self::GossipSilentPeers => "messages spread where half of the nodes forward nothing",
            Self::GossipSybils => {
                "four Sybils for each node are there first, and messages begin at once"
            }
        }
    }

    /// How much is tried when nobody says otherwise: what the bars are stated for.
    pub const fn size(self, seed: u64) -> Size {
        let (nodes, trials) = match self {
            Self::Lookup => (10_000, 300),
            Self::Sybil => (10_000, 200),
            Self::FreshNode => (10_000, 100),
            Self::Capture => (10_000, 1),
            Self::ColdStart | Self::Vanish | Self::Churn | Self::PartitionHeals => (1_000, 200),
            Self::PoisonedBook => (200, 10_000),
            Self::Eclipse => (200, 1_000),
            Self::Network => (10_000, 1),
            Self::NetworkAlone => (1_000, 1),
            Self::GossipLatency | Self::GossipSilentPeers => (1_000, 200),
            Self::GossipSybils => (1_000, 40),
        };
        Size { nodes, trials, seed }
    }

    /// So much that all of them take less than a minute: what runs before each change.
    pub const fn small(self, seed: u64) -> Size {
        let (nodes, trials) = match self {
            Self::Lookup => (600, 30),
            Self::Sybil => (1_000, 4),
            Self::FreshNode => (600, 10),
            Self::Capture => (3_000, 1),
            Self::ColdStart => (200, 30),
            Self::Vanish | Self::PartitionHeals => (200, 30),
            Self::Churn => (150, 30),
            Self::PoisonedBook => (200, 200),
            Self::Eclipse => (200, 50),
            Self::Network => (200, 1),
            Self::NetworkAlone => (60, 1),
            Self::GossipLatency | Self::GossipSilentPeers => (200, 40),
            Self::GossipSybils => (100, 20),
        };
        Size { nodes, trials, seed }
    }

    /// Tries it, and returns a line for each figure.
    pub fn run(self, size: Size, workers: &impl Workers) -> Vec<Line> {
        match self {
            Self::Lookup => lookup::run(size, workers),
            Self::Sybil => sybil::run(size, workers),
            Self::FreshNode => fresh_node::run(size, workers),
            Self::Capture => capture::run(size),
            Self::ColdStart => cold_start::run(size),
            Self::Vanish => upheaval::vanish(size),
            Self::Churn => upheaval::churn(size),
            Self::PartitionHeals => upheaval::partition(size),
            Self::PoisonedBook => books::restart(size, workers),
            Self::Eclipse => books::eclipse(size, workers),
            Self::Network => network::run(size, workers, false),
            Self::NetworkAlone => network::run(size, workers, true),
            Self::GossipLatency => gossip::latency(size),
            Self::GossipSilentPeers => gossip::silent(size),
            Self::GossipSybils => gossip::sybils(size),
        }
    }
}
