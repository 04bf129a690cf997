//! Who there is in one world: records, addresses, positions; hostile nodes last.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

use ensign_dht::{ESTIMATES_KEPT, K};
use ensign_primitives::PeerId;
use ensign_wire::{DhtMessage, DhtReply, HEADER_BYTES_MAX, Key, NodeId, NodeRecord};

use crate::{
    Hostile, Setting,
    draw::Draw,
    people::{NETWORK, People, proof},
    ring::Ring,
    verify::Shared,
};

/// The first /24 that is given out; all up to 24.0.0.0 are public.
const FIRST_NETWORK: u32 = u32::from_be_bytes([16, 0, 0, 0]) >> 8;
/// One honest node in five shares its /24 with three others.
const SHARING: u32 = 5;
const NODES_PER_SHARED: u32 = 4;
const PORT: u16 = 4000;
/// Bytes that tell the length of a record in a message: it is between 128 and 16,383.
const PREFIX_BYTES: usize = 2;
/// Random points of a world around which it is looked; each node has seen some of them.
const LOOKS: usize = 512;
/// Whoever grinds to be nearest tries at most so many times as many positions as there are nodes.
const GRIND_MAX: u64 = 8;

/// All nodes of a world, by their number.
#[derive(Debug)]
pub(crate) struct Population {
    records: Vec<NodeRecord>,
    honest: u32,
    /// By the first half of a peer's name, as a number: it is looked up for each frame.
    by_peer: BTreeMap<u128, u32>,
    /// Encoded lengths of the records.
    bytes: Vec<u16>,
    pub(crate) honest_ring: Ring,
    pub(crate) hostile_ring: Ring,
    pub(crate) ring: Ring,
    /// What is seen around random points.
    looks: Vec<Vec<u64>>,
}

/// Honest nodes and keys that trials share: making them costs more than a trial.
#[derive(Debug)]
pub struct Cast {
    nodes: u32,
    bits: u8,
    pub(crate) people: People,
    records: Vec<NodeRecord>,
    ring: Ring,
    pub(crate) verify: Shared,
}

impl Cast {
    /// Draws as many honest nodes as the setting has, and keys for its hostile ones.
    pub fn new(setting: &Setting, seed: u64) -> Self {
        let Setting { nodes, bits, .. } = *setting;
        let people = People::new(seed, nodes + setting.hostile_nodes());
        let mut draw = Draw::new(seed, "positions", 0);
        let records: Vec<_> = (0..nodes)
            .map(|at| {
                let (network, host) = home(at, nodes);
                let proof = proof(people.peer(at), draw.number(), bits);
                people.record(at, address(network, host), proof)
            })
            .collect();
        let ring = ring_of(&records, 0);
        Self { nodes, bits, people, records, ring, verify: Shared::default() }
    }

    /// Makes the record of a hostile node: `hostile` counts them.
    fn hostile(
        &self,
        hostile: u32,
        networks: Option<u32>,
        place: Place,
        draw: &mut Draw,
    ) -> NodeRecord {
        let networks = networks.unwrap_or(u32::MAX);
        let (network, host) = (self.nodes + hostile % networks, 1 + hostile / networks);
        let at = self.nodes + hostile;
        let peer = self.people.peer(at);
        let proof = proof(peer, place.grind(peer, draw), self.bits);
        self.people.record(at, address(network, host), proof)
    }
}

impl Population {
    /// Adds hostile nodes, which choose their positions by the key that is looked for, if they do.
    pub(crate) fn new(cast: &Cast, setting: &Setting, seed: u64, key: Key) -> Self {
        let mut draw = Draw::new(seed, "hostile positions", 0);
        let honest = cast.nodes;
        let place = Place::of(setting, key, &cast.ring);
        let hostile = 0..setting.hostile_nodes();
        let hostile: Vec<_> =
            hostile.map(|it| cast.hostile(it, setting.networks, place, &mut draw)).collect();
        let hostile_ring = ring_of(&hostile, honest);
        let mut records = cast.records.clone();
        records.extend(hostile);
        let ring = ring_of(&records, 0);
        let by_peer = (0..).zip(&records).map(|(at, it)| (half(&it.peer()), at)).collect();
        // At most 512 bytes each.
        let look = |point: u64| {
            let nearest = ring.nearest(point, K);
            nearest.into_iter().map(|(top, _)| top ^ point).collect()
        };
        let looks = (0..LOOKS).map(|_| look(draw.number())).collect();
        let bytes = records.iter().map(|it| it.encode().len() as u16).collect();
        Self {
            records,
            honest,
            by_peer,
            bytes,
            honest_ring: cast.ring.clone(),
            hostile_ring,
            ring,
            looks,
        }
    }

    pub(crate) fn record(&self, at: u32) -> &NodeRecord {
        #[expect(clippy::indexing_slicing, reason = "numbers are given out here")]
        &self.records[at as usize]
    }

    /// What a node has seen that looked around for long: how far the nearest of random points are.
    pub(crate) fn looks(&self, draw: &mut Draw) -> impl Iterator<Item = &[u64]> {
        let drawn: Vec<usize> = (0..ESTIMATES_KEPT).map(|_| draw.below(self.looks.len())).collect();
        drawn.into_iter().filter_map(|at| self.looks.get(at)).map(Vec::as_slice)
    }

    pub(crate) fn address(&self, at: u32) -> SocketAddr {
        self.record(at).address().unwrap_or_else(|| address(0, 1))
    }

    pub(crate) fn number(&self, peer: &PeerId) -> Option<u32> {
        let known = self.by_peer.get(&half(peer)).copied();
        known.filter(|it| self.record(*it).peer() == *peer)
    }

    /// Counts the bytes of a message's frame. Answers are counted by the lengths of the records in them: they
    /// are most of all that is sent.
    pub(crate) fn frame_bytes(&self, message: &DhtMessage) -> u64 {
        let DhtMessage::Reply(DhtReply { query, answer, nodes }) = message else {
            return (HEADER_BYTES_MAX + message.encode().len()) as u64;
        };
        let (query, answer) = (*query, answer.clone());
        let bare = DhtMessage::Reply(DhtReply { query, answer, nodes: Vec::new() });
        let nodes = nodes.iter().map(|it| PREFIX_BYTES + self.record_bytes(it));
        (HEADER_BYTES_MAX + bare.encode().len() + nodes.sum::<usize>()) as u64
    }

    fn record_bytes(&self, record: &NodeRecord) -> usize {
        let number = self.number(&record.peer());
        let known = number.and_then(|it| self.bytes.get(it as usize).copied());
        known.map_or_else(|| record.encode().len(), usize::from)
    }

    pub(crate) const fn is_hostile(&self, at: u32) -> bool {
        at >= self.honest
    }

    pub(crate) const fn honest(&self) -> u32 {
        self.honest
    }

    pub(crate) fn len(&self) -> u32 {
        // Fewer than 2^32 were made.
        self.records.len() as u32
    }
}

/// Where hostile nodes have to lie.
#[derive(Clone, Copy, Debug)]
enum Place {
    Anywhere,
    Within { key: u64, reach: u64 },
}

impl Place {
    fn of(setting: &Setting, key: Key, honest: &Ring) -> Self {
        let key = top(key);
        let share = u64::MAX / u64::from(setting.nodes.max(1));
        match setting.hostile {
            Hostile::None | Hostile::Share(_) => Self::Anywhere,
            Hostile::Near(_) => {
                let nearest = honest.nearest(key, 1).first().map_or(share, |(it, _)| it ^ key);
                Self::Within { key, reach: nearest.max(share / GRIND_MAX) }
            }
            Hostile::Region(_) => {
                let nodes = Some(u64::from(setting.nodes));
                Self::Within { key, reach: ensign_dht::region(nodes, ensign_dht::REGION_NODES) }
            }
        }
    }

    fn grind(self, peer: PeerId, draw: &mut Draw) -> u64 {
        loop {
            let nonce = draw.number();
            let Self::Within { key, reach } = self else { return nonce };
            let place = NodeId::of(NETWORK, &peer, proof(peer, nonce, 0));
            if top(place.into()) ^ key < reach {
                return nonce;
            }
        }
    }
}

fn half(peer: &PeerId) -> u128 {
    peer.as_bytes().first_chunk().map_or(0, |it| u128::from_be_bytes(*it))
}

/// The first 64 bits of a point.
pub(crate) fn top(key: Key) -> u64 {
    Key([0; 32]).distance(key).top()
}

fn ring_of(records: &[NodeRecord], first: u32) -> Ring {
    Ring::new((first..).zip(records).map(|(at, it)| (top(it.position().into()), at)))
}

/// In which /24 an honest node is, and which host of it.
const fn home(at: u32, honest: u32) -> (u32, u32) {
    let sharing = honest / SHARING;
    if at < sharing { (at / NODES_PER_SHARED, 1 + at % NODES_PER_SHARED) } else { (at, 1) }
}

fn address(network: u32, host: u32) -> SocketAddr {
    // 250 hosts and then other ports, so that as many as one likes share a /24.
    let ip = ((FIRST_NETWORK + network) << 8) + 1 + (host - 1) % 250;
    (Ipv4Addr::from_bits(ip), PORT + (host / 250) as u16).into()
}

#[cfg(test)]
mod tests {
    use ensign_primitives::QueryId;
    use ensign_wire::Answer;

    use super::*;

    #[test]
    fn an_answer_has_as_many_bytes_as_are_counted() {
        let setting = Setting::honest(20);
        let cast = Cast::new(&setting, 1);
        let population = Population::new(&cast, &setting, 1, Key([0; 32]));
        for count in [0, 1, 20] {
            let nodes = (0..count).map(|it| population.record(it).clone()).collect();
            let reply = DhtReply { query: QueryId(300), answer: Answer::None, nodes };
            let message = DhtMessage::Reply(reply);
            let encoded = HEADER_BYTES_MAX + message.encode().len();
            assert_eq!(population.frame_bytes(&message), encoded as u64);
        }
    }
}
