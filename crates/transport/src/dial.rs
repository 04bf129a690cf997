//! Dialling by identity, once.

use std::{net::SocketAddr, sync::Arc};

use ensign_primitives::{Direction, PeerId};
use quinn::Connection;
use tokio::time::timeout;

use crate::{
    DialError, TransportEvent, quic,
    settle::{Newcomer, Settled, settle},
    shared::{Shared, locked},
};

/// Dials once. The answer is `Up`, or a failure with its reason.
pub(crate) async fn dial_once(shared: Arc<Shared>, peer: PeerId, address: SocketAddr) {
    let Err(error) = attempt(&shared, peer, address).await else { return };
    let failed = TransportEvent::DialFailed { peer, address, error };
    let _ = shared.emit(failed).await;
}

async fn attempt(shared: &Arc<Shared>, peer: PeerId, address: SocketAddr) -> Result<(), DialError> {
    if peer == shared.us {
        return Err(DialError::SameNode);
    }
    if shared.is_closed() {
        return Err(DialError::TransportClosed);
    }
    let _turn = Turn::take(shared, peer).ok_or(DialError::Duplicate)?;
    let limit = shared.config.handshake_timeout;
    let dialled = tokio::select! {
        biased;
        () = shared.until_live(&peer) => return Err(DialError::Duplicate),
        dialled = timeout(limit, dial(shared, peer, address)) => dialled,
    };
    match dialled.unwrap_or(Err(DialError::TimedOut))? {
        Settled::Chosen => Ok(()),
        Settled::Duplicate => Err(DialError::Duplicate),
    }
}

/// The one dial of a peer that is under way; given back on drop.
#[derive(Debug)]
struct Turn<'a> {
    shared: &'a Shared,
    peer: PeerId,
}

impl<'a> Turn<'a> {
    fn take(shared: &'a Shared, peer: PeerId) -> Option<Self> {
        let is_first = locked(&shared.dialling).insert(peer);
        is_first.then(|| Self { shared, peer })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        locked(&self.shared.dialling).remove(&self.peer);
    }
}

async fn dial(
    shared: &Arc<Shared>,
    peer: PeerId,
    address: SocketAddr,
) -> Result<Settled, DialError> {
    let place = shared.places.dial(address.ip());
    let pass = shared.socket.pass(address);
    let connection = connect(shared, peer, address).await?;
    drop(pass);
    if shared.expects(&peer) {
        shared.know(peer, address);
    }
    let direction = Direction::Outbound;
    settle(shared, Newcomer { peer, connection, direction, place }).await
}

async fn connect(
    shared: &Shared,
    expected: PeerId,
    address: SocketAddr,
) -> Result<Connection, DialError> {
    let quic = Arc::clone(&shared.quic);
    let (config, found) = quic::client(quic, &shared.identity, expected, &shared.chance)?;
    // The name is not sent; rustls asks for one.
    let connecting = shared.endpoint.connect_with(config, address, "ensign");
    let connecting = connecting.map_err(|error| DialError::from_connect(&error))?;
    connecting.await.map_err(|error| match found.get() {
        Some(&found) if found != expected => DialError::WrongIdentity { expected, found },
        _ => DialError::from_connection(&error, shared.config.network),
    })
}
