//! Nodes as the engine would run them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ensign_identity::NodeKey;
use ensign_primitives::{LinkId, Network, PeerId};
use ensign_transport::{Arrivals, Transport, TransportConfig, TransportEvent};

pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(crate) struct Node {
    pub(crate) transport: Transport,
    pub(crate) events: Arrivals,
    pub(crate) id: PeerId,
}

impl Node {
    pub(crate) async fn start(number: u16) -> Self {
        let mut secret = [1; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        let key = Arc::new(NodeKey::from_secret_bytes(secret).unwrap());
        let mut config = TransportConfig::new(LOOPBACK, Network::Regtest);
        // All callers share one address here, and nobody names them.
        config.handshakes_per_ip_max = usize::MAX;
        config.handshakes_max = usize::MAX;
        config.links_max = usize::MAX;
        config.handshakes_before_retry_max = usize::MAX;
        // The frames that are measured travel in the control lane.
        config.control_queue_bytes_max = 4 * 1024 * 1024;
        let id = key.peer_id();
        let (transport, events) = Transport::bind(config, key).await.unwrap();
        Self { transport, events, id }
    }

    pub(crate) fn dial(&self, other: &Self) {
        self.transport.dial(other.id, other.transport.local_addr());
    }

    pub(crate) async fn connected(&mut self) -> LinkId {
        loop {
            if let TransportEvent::Up { link, .. } = self.events.recv().await.unwrap() {
                return link;
            }
        }
    }

    pub(crate) async fn disconnected(&mut self) -> PeerId {
        loop {
            if let TransportEvent::Down { peer, .. } = self.events.recv().await.unwrap() {
                return peer;
            }
        }
    }
}
