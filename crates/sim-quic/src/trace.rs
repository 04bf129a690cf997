//! What was sent, when, from where to where, and how much: the identity of a run.

use std::net::SocketAddr;

use ensign_primitives::TaggedHasher;

use crate::NETWORK;

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was sent, in microseconds since the network began.
    pub at_micros: u64,
    /// Who sent it.
    pub from: SocketAddr,
    /// Whom it was for.
    pub to: SocketAddr,
    /// Its length in bytes, without UDP and IP headers.
    pub bytes: usize,
    /// What became of it.
    pub fate: Fate,
}

/// What the network did to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Carried.
    Carried,
    /// Carried twice.
    Doubled,
    /// Lost by chance.
    Lost,
    /// Lost because its link was cut.
    Cut,
}

impl Fate {
    /// Returns the name that files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Doubled => "doubled",
            Self::Lost => "lost",
            Self::Cut => "cut",
        }
    }
}

/// Counts of what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets sent.
    pub packets: u64,
    /// Bytes in them, without UDP and IP headers.
    pub bytes: u64,
    /// Packets lost by chance.
    pub lost: u64,
    /// Packets that arrived twice.
    pub doubled: u64,
    /// Packets lost on a link that was cut.
    pub cut: u64,
}

/// Every packet of a run, in the order of sending.
#[derive(Clone, Debug)]
pub struct Trace {
    hasher: TaggedHasher,
    packets: Vec<Packet>,
    traffic: Traffic,
}

impl Default for Trace {
    fn default() -> Self {
        let hasher = TaggedHasher::new("ensign/sim-quic-trace/v1", NETWORK);
        Self { hasher, packets: Vec::new(), traffic: Traffic::default() }
    }
}

impl Trace {
    pub(crate) fn note(&mut self, packet: Packet) {
        let hasher = self.hasher.clone();
        let hasher = hasher.u64(packet.at_micros).u64(packet.bytes as u64);
        let hasher = hasher.var_bytes(packet.from.to_string().as_bytes());
        let hasher = hasher.var_bytes(packet.to.to_string().as_bytes());
        self.hasher = hasher.var_bytes(packet.fate.name().as_bytes());
        self.traffic.packets += 1;
        self.traffic.bytes += packet.bytes as u64;
        match packet.fate {
            Fate::Carried => {}
            Fate::Doubled => self.traffic.doubled += 1,
            Fate::Lost => self.traffic.lost += 1,
            Fate::Cut => self.traffic.cut += 1,
        }
        self.packets.push(packet);
    }

    /// Returns the packets.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// Returns the counts.
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Returns a hash of every packet: time, both ends, length, fate.
    pub fn digest(&self) -> [u8; 32] {
        self.hasher.clone().finish()
    }
}
