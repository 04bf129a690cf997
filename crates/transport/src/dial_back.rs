//! Dialling a node back for which we see whether others reach it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use ensign_identity::NodeKey;
use ensign_primitives::{LinkId, PeerId};
use ensign_wire::Kind;
use tokio::time::timeout;

use crate::{
    Arrivals, CloseCode, Transport, TransportConfig, TransportEvent, chance::Chance, quic,
    shared::Shared,
};

/// Dials once and says what came of it, as an event.
pub(crate) async fn dial_back(
    shared: Arc<Shared>,
    entropy: [u8; 32],
    (peer, address): (PeerId, SocketAddr),
    frame: Bytes,
) {
    let is_reached = reach(&shared, entropy, (peer, address), frame).await.is_some();
    let _ = shared.emit(TransportEvent::BackDialled { peer, is_reached }).await;
}

/// From a socket that has sent nothing to anybody yet: the one on which we listen would go through the hole that the
/// other node's connection to us has made.
async fn reach(
    shared: &Shared,
    entropy: [u8; 32],
    (peer, address): (PeerId, SocketAddr),
    frame: Bytes,
) -> Option<()> {
    let key = NodeKey::from_secret_bytes(entropy).ok()?;
    // On a simulated network there is no second socket.
    if !matches!(shared.chance, Chance::System) || shared.is_closed() {
        return None;
    }
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let config = TransportConfig { listen: (any, 0).into(), ..shared.config.clone() };
    let limit = config.handshake_timeout;
    let socket = quic::udp(config.listen).ok()?;
    let (transport, mut arrivals) =
        Transport::start(config, Arc::new(key), socket, Chance::System).ok()?;
    transport.dial(peer, address);
    let link = timeout(limit, outcome(&mut arrivals, peer)).await.ok().flatten();
    if let Some(link) = link {
        // It has just come up; what does not leave was not brought.
        let _ = transport.send(link, Kind::DialBack, frame);
        transport.disconnect(link, CloseCode::Unwanted);
    }
    transport.close().await;
    // Until here: a connection whose events nobody takes ends before what it has to say has left.
    drop(arrivals);
    link.map(drop)
}

async fn outcome(arrivals: &mut Arrivals, of: PeerId) -> Option<LinkId> {
    loop {
        match arrivals.recv().await? {
            TransportEvent::Up { link, peer, .. } if peer == of => return Some(link),
            TransportEvent::DialFailed { .. } => return None,
            TransportEvent::Up { .. }
            | TransportEvent::Down { .. }
            | TransportEvent::Frame { .. }
            | TransportEvent::Dropped { .. }
            | TransportEvent::BackDialled { .. } => {}
        }
    }
}
