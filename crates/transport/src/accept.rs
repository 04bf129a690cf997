//! Accepting connections, as many as there is room for.

use std::{future::IntoFuture, sync::Arc};

use ensign_primitives::Direction;
use ensign_ratelimit::Admission;
use quinn::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::{
    CloseCode,
    places::{Place, Standing},
    settle::{Newcomer, settle},
    shared::Shared,
    tls,
};

/// Looks at each caller until the endpoint closes.
pub(crate) async fn accept(shared: Arc<Shared>) {
    loop {
        let incoming = tokio::select! {
            biased;
            () = shared.closed.wait() => None,
            incoming = shared.endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { return };
        look_at(&shared, incoming);
    }
}

/// Under load a caller first proves that it receives at its address, which costs us no state; then its
/// address has a budget of handshakes, so that whoever forges one uses up nobody else's.
fn look_at(shared: &Arc<Shared>, incoming: Incoming) {
    let (ip, now) = (incoming.remote_address().ip(), Instant::now());
    match shared.places.admit(ip, incoming.remote_address_validated(), now) {
        Admission::Admit => {}
        Admission::Prove if incoming.may_retry() => {
            // Fails only for what `may_retry` has just excluded.
            let _ = incoming.retry();
            return;
        }
        Admission::Prove | Admission::Refuse => return incoming.refuse(),
    }
    let Some(place) = shared.places.accept(ip, now) else {
        return incoming.refuse();
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        // A caller that fails is nobody yet: there is no one to report.
        let _ = serve(&shared, incoming, place).await;
    });
}

async fn serve(shared: &Arc<Shared>, incoming: Incoming, place: Place) -> Option<()> {
    let deadline = Instant::now() + shared.config.handshake_timeout;
    let remote = incoming.remote_address();
    let pass = shared.socket.pass(remote);
    let connection = tokio::select! {
        biased;
        connection = timeout_at(deadline, incoming.into_future()) => connection.ok()?.ok()?,
        () = place.evicted() => return None,
    };
    drop(pass);
    let Some(peer) = tls::peer_of(&connection).filter(|peer| *peer != shared.us) else {
        connection.close(CloseCode::SameNode.to_wire().into(), &[]);
        return None;
    };
    let standing = if shared.expects(&peer) { Standing::Expected } else { Standing::Stranger };
    if standing == Standing::Expected {
        shared.know(peer, remote);
    }
    if place.identify(peer, standing).is_err() {
        connection.close(CloseCode::Unwanted.to_wire().into(), &[]);
        return None;
    }
    let caller = Newcomer { peer, connection, direction: Direction::Inbound, place };
    timeout_at(deadline, settle(shared, caller)).await.ok()?.ok().map(drop)
}
