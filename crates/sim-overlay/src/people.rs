//! Keys and what is signed with them.

use std::net::SocketAddr;

use ensign_identity::NodeKey;
use ensign_pow::{Purpose, Puzzle, Solver};
use ensign_primitives::{Network, Now, PeerId, UnixTime};
use ensign_wire::{
    DHT_RECORD_LIFETIME_MAX, DhtRecord, NODE_RECORD_LIFETIME_MAX, Node, NodeRecord, Proof,
    Published, RENDEZVOUS_BYTES, RecordKind, Role, position_epoch,
};

use crate::draw::seed_of;

pub(crate) const NETWORK: Network = Network::Regtest;
/// When every world begins.
pub(crate) const START: UnixTime = UnixTime::from_millis(1_760_000_000_000);

/// Node keys that worlds of one seed share: making one costs more than all else of a node.
#[derive(Debug)]
pub(crate) struct People(Vec<NodeKey>);

impl People {
    pub(crate) fn new(seed: u64, count: u32) -> Self {
        let key = |at| {
            // All but one in 2^128 are keys.
            NodeKey::from_secret_bytes(seed_of(seed, "key", at)).ok()
        };
        Self((0..u64::from(count)).filter_map(key).collect())
    }

    pub(crate) fn key(&self, at: u32) -> &NodeKey {
        #[expect(clippy::indexing_slicing, reason = "whoever asks has made as many")]
        &self.0[at as usize]
    }

    pub(crate) fn peer(&self, at: u32) -> PeerId {
        self.key(at).peer_id()
    }

    /// Signs a node record with this proof of its position.
    pub(crate) fn record(&self, at: u32, address: SocketAddr, proof: Proof) -> NodeRecord {
        let expires = START.after(NODE_RECORD_LIFETIME_MAX);
        let node = Node { role: Role::Signer, addresses: vec![address], expires, proof };
        let made = NodeRecord::new(self.key(at), NETWORK, START, node);
        made.expect("one address with a port")
    }

    /// Signs a record of its publisher that anybody keeps.
    pub(crate) fn sealed(&self, at: u32, slot: u8, now: Now) -> DhtRecord {
        let expires = now.unix.after(DHT_RECORD_LIFETIME_MAX);
        let body = vec![7; RENDEZVOUS_BYTES];
        let said = Published { kind: RecordKind::RENDEZVOUS, slot, expires, body };
        let seq = now.unix.as_millis();
        DhtRecord::new(self.key(at), NETWORK, (seq, now.unix), said).expect("a short body")
    }
}

/// Finds a proof of at least `bits` from this number on.
pub(crate) fn proof(peer: PeerId, start: u64, bits: u8) -> Proof {
    let epoch = position_epoch(START);
    if bits == 0 {
        return Proof { version: 1, epoch, nonce: start };
    }
    let puzzle = Puzzle {
        purpose: Purpose::Position,
        network: NETWORK,
        key: peer,
        seed: [0; 32],
        epoch,
        bits,
    };
    let mut solver = Solver::new(&puzzle, start);
    loop {
        if let Some(proof) = solver.step(1024) {
            return proof;
        }
    }
}
