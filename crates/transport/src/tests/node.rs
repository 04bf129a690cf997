//! A node under test, and a raw one that breaks the rules.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use ensign_identity::NodeKey;
use ensign_primitives::{Direction, LinkId, Network, PeerId};
use ensign_wire::{Frame, Lane};
use quinn::{Connection, Endpoint};

use crate::{
    Arrivals, CloseCode, DialError, DisconnectReason, Transport, TransportConfig, TransportEvent,
    chance::Chance, lane, quic, socket::Socket, tls::Identity,
};

pub(super) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Makes one of a few fixed keys.
pub(super) fn key(secret: u8) -> Arc<NodeKey> {
    Arc::new(NodeKey::from_secret_bytes([secret; 32]).unwrap())
}

/// Returns two keys, the one with the lower peer id first.
pub(super) fn low_and_high() -> (Arc<NodeKey>, Arc<NodeKey>) {
    let (one, two) = (key(1), key(2));
    if one.peer_id() < two.peer_id() { (one, two) } else { (two, one) }
}

/// The defaults on loopback.
pub(super) fn config() -> TransportConfig {
    TransportConfig::new(LOOPBACK, Network::Regtest)
}

pub(super) struct Node {
    pub(super) transport: Transport,
    pub(super) events: Arrivals,
    pub(super) id: PeerId,
    /// Who was at the other end of each connection so far.
    peers: BTreeMap<LinkId, PeerId>,
}

impl Node {
    pub(super) async fn start(key: Arc<NodeKey>) -> Self {
        Self::start_with(config(), key).await
    }

    pub(super) async fn start_with(config: TransportConfig, key: Arc<NodeKey>) -> Self {
        let id = key.peer_id();
        let (transport, events) = Transport::bind(config, key).await.unwrap();
        Self { transport, events, id, peers: BTreeMap::new() }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    pub(super) fn dial(&self, other: &Self) {
        self.transport.expect(other.id);
        self.transport.dial(other.id, other.addr());
    }

    /// Waits for the next event; that a dial met another connection is no news.
    pub(super) async fn next(&mut self) -> TransportEvent {
        loop {
            let event = self.events.recv().await.unwrap();
            match event {
                TransportEvent::Up { link, peer, .. } => drop(self.peers.insert(link, peer)),
                TransportEvent::DialFailed { error: DialError::Duplicate, .. } => continue,
                _ => {}
            }
            return event;
        }
    }

    /// Returns the last connection with `peer` that was seen.
    pub(super) fn link(&self, peer: PeerId) -> LinkId {
        let mut links = self.peers.iter().rev().filter(|(_, known)| **known == peer);
        *links.next().unwrap().0
    }

    pub(super) fn admit(&self, peer: PeerId) {
        self.transport.admit(self.link(peer));
    }

    pub(super) fn disconnect(&self, peer: PeerId, code: CloseCode) {
        self.transport.disconnect(self.link(peer), code);
    }

    /// Waits for the next event, which must be `Up`; returns the peer and whether we dialled.
    pub(super) async fn connected(&mut self) -> (PeerId, bool) {
        match self.next().await {
            TransportEvent::Up { peer, direction, .. } => (peer, direction == Direction::Outbound),
            other => panic!("expected Up, saw {other:?}"),
        }
    }

    /// Waits for the next event, which must be `Down`; returns peer and reason.
    pub(super) async fn disconnected(&mut self) -> (PeerId, DisconnectReason) {
        match self.next().await {
            TransportEvent::Down { peer, reason, .. } => (peer, reason),
            other => panic!("expected Down, saw {other:?}"),
        }
    }

    /// As [`disconnected`](Self::disconnected), where a dial of ours may end in vain before it: it was under
    /// way while the other side went.
    pub(super) async fn disconnected_after_dials(&mut self) -> (PeerId, DisconnectReason) {
        loop {
            match self.next().await {
                TransportEvent::DialFailed { .. } => {}
                TransportEvent::Down { peer, reason, .. } => return (peer, reason),
                other => panic!("expected Down, saw {other:?}"),
            }
        }
    }

    /// Waits for the next event, which must be a frame; returns sender and frame.
    pub(super) async fn frame(&mut self) -> (PeerId, Frame) {
        match self.next().await {
            TransportEvent::Frame { link, kind, body } => {
                (self.peers[&link], Frame::decode(kind, &body, Network::Regtest).unwrap())
            }
            other => panic!("expected Frame, saw {other:?}"),
        }
    }

    pub(super) fn send(&self, to: PeerId, frame: &Frame) -> Result<(), crate::SendError> {
        self.transport.send(self.link(to), frame.kind(), frame.encode().into())
    }
}

/// quinn on a port of its own.
pub(super) fn endpoint(
    config: &TransportConfig,
    key: &NodeKey,
    identity: &Identity,
) -> (Endpoint, Arc<Socket>) {
    let socket = quic::udp(config.listen).unwrap();
    quic::endpoint(config, key, identity, socket, &Chance::System).unwrap()
}

/// Dials a node under an identity, from an endpoint that may serve several.
pub(super) fn dial(
    endpoint: &Endpoint,
    node: &Node,
    identity: &Identity,
    transport: quinn::TransportConfig,
) -> quinn::Connecting {
    let (client, _) =
        quic::client(Arc::new(transport), identity, node.id, &Chance::System).unwrap();
    endpoint.connect_with(client, node.addr(), "ensign").unwrap()
}

/// Two nodes with a connection between them, reported on both sides.
pub(super) async fn pair() -> (Node, Node) {
    let (mut one, mut two) = (Node::start(key(1)).await, Node::start(key(2)).await);
    one.dial(&two);
    assert_eq!(one.connected().await, (two.id, true));
    assert_eq!(two.connected().await, (one.id, false));
    (one, two)
}

/// A peer without any manners: quinn with a valid identity.
pub(super) struct Raw {
    pub(super) endpoint: Endpoint,
    pub(super) connection: Connection,
    pub(super) id: PeerId,
}

impl Raw {
    /// Connects as the lower of two peers, and says that the connection is chosen.
    pub(super) async fn choosing(node: &Node, key: Arc<NodeKey>) -> Self {
        let raw = Self::connect(node, key).await;
        raw.connection.open_uni().await.unwrap().finish().unwrap();
        raw
    }

    /// Does the handshake and nothing else.
    pub(super) async fn connect(node: &Node, key: Arc<NodeKey>) -> Self {
        Self::allowing(node, key, 100).await
    }

    /// Connects, says that the connection is chosen, and allows the node no stream.
    pub(super) async fn without_streams(node: &Node, key: Arc<NodeKey>) -> Self {
        let raw = Self::allowing(node, key, 0).await;
        raw.connection.open_uni().await.unwrap().finish().unwrap();
        raw
    }

    /// Connects under the name of another, whose key it does not have.
    pub(super) async fn forging(node: &Node, key: Arc<NodeKey>, claimed: PeerId) -> Self {
        let identity = Identity::claiming(claimed, Arc::clone(&key), config().network);
        Self::with(node, &key, &identity, 100).await
    }

    async fn allowing(node: &Node, key: Arc<NodeKey>, streams: u32) -> Self {
        let identity = Identity::new(Arc::clone(&key), config().network);
        Self::with(node, &key, &identity, streams).await
    }

    async fn with(node: &Node, key: &NodeKey, identity: &Identity, streams: u32) -> Self {
        let (endpoint, _) = endpoint(&config(), key, identity);
        let mut transport = quic::connection(&config());
        transport.max_concurrent_uni_streams(streams.into());
        let connection = dial(&endpoint, node, identity, transport).await.unwrap();
        Self { endpoint, connection, id: key.peer_id() }
    }

    /// Connects from an endpoint that others use too, says that the connection is chosen, and lets
    /// the node send no more than `window` bytes that it has not read.
    pub(super) async fn reading_little(node: &Node, key: Arc<NodeKey>, window: u32) -> Self {
        let identity = Identity::new(Arc::clone(&key), config().network);
        let (endpoint, _) = endpoint(&config(), &key, &identity);
        let mut transport = quic::connection(&config());
        transport.max_concurrent_uni_streams(100_u32.into()).receive_window(window.into());
        let connection = dial(&endpoint, node, &identity, transport).await.unwrap();
        connection.open_uni().await.unwrap().finish().unwrap();
        Self { endpoint, connection, id: key.peer_id() }
    }

    /// Opens the control lane and writes bytes there; it stays open.
    pub(super) async fn write(&self, bytes: &[u8]) -> quinn::SendStream {
        self.write_in(Lane::Control, bytes).await
    }

    /// Opens a stream of a lane and writes bytes there; it stays open.
    pub(super) async fn write_in(&self, lane: Lane, bytes: &[u8]) -> quinn::SendStream {
        let mut stream = self.connection.open_uni().await.unwrap();
        stream.write_all(&[&[lane::id(lane)], bytes].concat()).await.unwrap();
        stream
    }

    /// Takes the next stream that the node opens, and the byte that says its lane.
    pub(super) async fn lane(&self) -> (u8, quinn::RecvStream) {
        let mut stream = self.connection.accept_uni().await.unwrap();
        let mut seen = [0];
        stream.read_exact(&mut seen).await.unwrap();
        (seen[0], stream)
    }

    /// Waits until the node closes the connection, and returns its code.
    pub(super) async fn closed(&self) -> CloseCode {
        match self.connection.closed().await {
            quinn::ConnectionError::ApplicationClosed(close) => {
                CloseCode::from_wire(close.error_code.into_inner())
            }
            other => panic!("expected a close code, saw {other:?}"),
        }
    }
}
