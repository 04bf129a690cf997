//! What a world is drawn from, beside its seed.

use std::time::Duration;

use ensign_dht::REFRESH_INTERVAL;

/// One network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Honest nodes.
    pub nodes: u32,
    /// Who else there is.
    pub hostile: Hostile,
    /// In how many /24s of their own the hostile nodes are; `None` for one each.
    pub networks: Option<u32>,
    /// How fast hostile nodes answer.
    pub tempo: Tempo,
    /// Who got into the buckets of honest nodes.
    pub fill: Fill,
    /// Whether a link stands already to whoever is asked; else the first question waits for a handshake.
    pub is_warm: bool,
    /// Share of the honest nodes that do not answer.
    pub dead: f64,
    /// Zero bits of a position's proof.
    pub bits: u8,
    /// How often nodes look around of themselves.
    pub refresh_interval: Option<Duration>,
    /// Whether nodes know each other when the world begins.
    pub is_settled: bool,
    /// Whether each node remembers by itself what it verified, and verifies the curve's share of all.
    pub verifies_alone: bool,
}

/// Nodes of one attacker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hostile {
    /// None.
    None,
    /// So large a share of all nodes, anywhere.
    Share(f64),
    /// So many, ground until they are the nearest to the key that is looked for.
    Near(u32),
    /// So many, ground to lie uniformly over the region of the key.
    Region(u32),
}

/// How fast hostile nodes answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tempo {
    /// As fast as others.
    Prompt,
    /// After so long.
    Slow(Duration),
}

/// Who got into the buckets of honest nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// A random sample of all.
    Random,
    /// Honest nodes were there first; hostile ones have what is left.
    HonestFirst,
    /// Hostile nodes win each slot that they compete for.
    HostileFirst,
}

impl Setting {
    /// An honest network of so many nodes that has been there for long.
    pub const fn honest(nodes: u32) -> Self {
        Self {
            nodes,
            hostile: Hostile::None,
            networks: None,
            tempo: Tempo::Prompt,
            fill: Fill::Random,
            is_warm: true,
            dead: 0.0,
            bits: 0,
            refresh_interval: None,
            is_settled: true,
            verifies_alone: false,
        }
    }

    /// The same with hostile nodes.
    pub const fn against(self, hostile: Hostile) -> Self {
        Self { hostile, ..self }
    }

    /// The same where each node lives by itself: it knows nobody, and looks around.
    pub const fn from_nothing(self) -> Self {
        Self { is_settled: false, refresh_interval: Some(REFRESH_INTERVAL), is_warm: false, ..self }
    }

    /// How many hostile nodes there are.
    pub fn hostile_nodes(&self) -> u32 {
        match self.hostile {
            Hostile::None => 0,
            Hostile::Share(share) => (f64::from(self.nodes) * share / (1.0 - share)).round() as u32,
            Hostile::Near(count) | Hostile::Region(count) => count,
        }
    }
}
