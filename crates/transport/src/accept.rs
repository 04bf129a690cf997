//! Accepting connections, as many as there is room for.

use std::sync::Arc;

use quinn::Incoming;
use tokio::time::timeout;

use crate::{CloseCode, DialError, places::Place, settle::settle, shared::Shared, tls};

/// Looks at each caller until the endpoint closes.
pub(crate) async fn accept(shared: Arc<Shared>) {
    loop {
        let incoming = tokio::select! {
            biased;
            () = shared.closed.wait() => None,
            incoming = shared.endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { return };
        admit_or_refuse(&shared, incoming);
    }
}

/// Under load a caller first proves that it receives at its address, which costs us no state.
fn admit_or_refuse(shared: &Arc<Shared>, incoming: Incoming) {
    let loaded = shared.places.handshaking() >= shared.config.handshakes_before_retry_max;
    if loaded && incoming.may_retry() && !incoming.remote_address_validated() {
        // Fails only for what `may_retry` has just excluded.
        let _ = incoming.retry();
        return;
    }
    let Some(place) = shared.places.accept(incoming.remote_address().ip()) else {
        return incoming.refuse();
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        // A caller that fails is nobody yet: there is no one to report.
        let _ = timeout(shared.config.handshake_timeout, serve(&shared, incoming, place)).await;
    });
}

async fn serve(shared: &Arc<Shared>, incoming: Incoming, place: Place) -> Result<(), DialError> {
    let network = shared.config.network;
    let connection = incoming.await.map_err(|error| DialError::from_connection(&error, network))?;
    let Some(peer) = tls::peer_of(&connection).filter(|peer| *peer != shared.us) else {
        connection.close(CloseCode::SameNode.to_wire(), &[]);
        return Ok(());
    };
    settle(shared, connection, peer, false, place).await.map(drop)
}
