//! Against DNS servers on loopback: one that is real, and some that are hostile.

mod hostile;
mod picking;
mod real;
mod records;
mod responder;

use std::{net::SocketAddr, time::Duration};

use ensign_identity::NodeKey;
use ensign_peers::contact::HostName;
use ensign_primitives::{Network, PeerId};

use crate::{Config, Resolver, SeedRecord, Seeds};

const ENTROPY: [u8; 32] = [7; 32];

/// Longer than any machine needs; where a time-out is what a test is about, time is virtual.
const LONG: Duration = Duration::from_secs(300);

fn seeds(server: SocketAddr) -> Seeds {
    let resolver = Resolver::At(vec![server]);
    let [query_timeout, seed_timeout, total_timeout] = [LONG; 3];
    let config = Config::new(Network::Signet);
    Seeds::new(Config { resolver, query_timeout, seed_timeout, total_timeout, ..config }).unwrap()
}

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

fn peer(number: u8) -> PeerId {
    NodeKey::from_secret_bytes([number; 32]).unwrap().peer_id()
}

/// A node of signet, by number from 1.
fn node(number: u8) -> SeedRecord {
    let addresses = vec![SocketAddr::from(([8, 8, 4, number], 4820))];
    SeedRecord { network: Network::Signet, peer: peer(number), addresses }
}

fn peers(nodes: &[SeedRecord]) -> Vec<PeerId> {
    let mut peers: Vec<_> = nodes.iter().map(|node| node.peer).collect();
    peers.sort_unstable();
    peers
}
