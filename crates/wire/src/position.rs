//! Points of the space in which nodes and keys lie, and how far one is from another.

use core::fmt;

use ensign_primitives::{Network, PeerId, TaggedHasher};
use serde::{Deserialize, Serialize};

use crate::{Proof, RecordKind};

/// Where a record lies: a point among the nodes' positions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(pub [u8; 32]);

/// Where a node lies: the hash of its key and of its proof of work, so that every place that somebody
/// tries out costs a proof.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 32]);

/// How far two points are apart: their exclusive or, as a number (Maymounkov and Mazières, 2002).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distance(pub [u8; 32]);

/// Most records that one publisher has of one kind, each in a slot of its own: 8 of one publisher are
/// live (measured: what 256 copies of each cost a node).
pub const RECORD_SLOTS: u8 = 8;

/// Bytes of the body of a [`RecordKind::RENDEZVOUS`], each as long as the other: a nonce, 172 sealed and a tag.
/// As many as a node record in a record has, of which copies and traffic are measured.
pub const RENDEZVOUS_BYTES: usize = 200;

impl Key {
    /// Computes where a publisher's record of a kind lies. Nobody else's record can: the publisher
    /// is hashed.
    ///
    /// - `slot`: which of the publisher's records of this kind, below [`RECORD_SLOTS`].
    pub fn of(network: Network, kind: RecordKind, publisher: &PeerId, slot: u8) -> Self {
        let hasher = TaggedHasher::new("ensign/dht-key/v1", network);
        Self(hasher.bytes(&[kind.0, slot]).bytes(publisher.as_bytes()).finish())
    }

    /// Computes where the node record of a node lies.
    pub fn of_peer(network: Network, peer: &PeerId) -> Self {
        Self::of(network, RecordKind::NODE, peer, 0)
    }

    /// Returns how far another point is.
    pub fn distance(&self, other: impl Into<Self>) -> Distance {
        let mut bytes = other.into().0;
        bytes.iter_mut().zip(self.0).for_each(|(to, from)| *to ^= from);
        Distance(bytes)
    }

    /// Returns the first eight hex digits, for people; never compare by it.
    pub fn short(&self) -> alloc::string::String {
        PeerId::from_bytes(self.0).short()
    }
}

impl NodeId {
    /// Hashes key and proof to where a node lies. Another hash than the puzzle's, which begins with zeros.
    pub fn of(network: Network, peer: &PeerId, proof: Proof) -> Self {
        let hasher = TaggedHasher::new("ensign/node-position/v1", network)
            .bytes(&[proof.version])
            .bytes(peer.as_bytes())
            .u64(proof.epoch)
            .u64(proof.nonce);
        Self(hasher.finish())
    }
}

impl Distance {
    /// Returns its first 64 bits: what regions and estimates of the number of nodes are made of.
    pub fn top(&self) -> u64 {
        self.0.first_chunk::<8>().map_or(u64::MAX, |it| u64::from_be_bytes(*it))
    }

    /// Returns how many zero bits it begins with, 256 for none but zeros.
    pub fn zero_bits(&self) -> u32 {
        let zeros = self.0.iter().take_while(|byte| **byte == 0).count();
        let next = self.0.get(zeros).map_or(0, |byte| byte.leading_zeros());
        // At most 32 bytes.
        zeros as u32 * 8 + next
    }
}

impl From<NodeId> for Key {
    fn from(node: NodeId) -> Self {
        Self(node.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PeerId::from_bytes(self.0).fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}..)", self.short())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({}..)", Key(self.0).short())
    }
}

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distance({}..)", Key(self.0).short())
    }
}
