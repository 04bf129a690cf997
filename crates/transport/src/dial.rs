//! Dialling by identity, again and again with growing waits.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ensign_primitives::{Direction, PeerId};
use quinn::Connection;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    DialError, TransportEvent,
    chance::Chance,
    quic,
    settle::{Newcomer, Settled, settle},
    shared::{Shared, locked},
};

/// Dials once. The answer is `Up`, or a failure with its reason.
pub(crate) async fn dial_once(shared: Arc<Shared>, peer: PeerId, address: SocketAddr) {
    let Err(error) = attempt(&shared, peer, address).await else { return };
    let failed = TransportEvent::DialFailed { peer, address, error, retry_in: None };
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

/// Dials `peer` whenever it is not connected, until the task is aborted.
pub(crate) async fn keep_connected(shared: Arc<Shared>, peer: PeerId, addresses: Vec<SocketAddr>) {
    let (min, max) = (shared.config.backoff_min, shared.config.backoff_max);
    let mut failures = 0_u32;
    loop {
        let mut wait = backoff(failures, min, max, &shared.chance);
        if shared.live(&peer).is_none() {
            dial_all(&shared, peer, &addresses, wait).await;
        }
        if let Some(link) = shared.live(&peer) {
            let since = Instant::now();
            link.ended().await;
            if since.elapsed() >= max {
                failures = 0;
                wait = backoff(failures, min, max, &shared.chance);
            }
        }
        sleep(wait).await;
        failures = failures.saturating_add(1);
    }
}

/// Tries one address after the other until the peer is connected, by whoever's dial.
async fn dial_all(
    shared: &Arc<Shared>,
    peer: PeerId,
    addresses: &[SocketAddr],
    retry_in: Duration,
) {
    let limit = shared.config.handshake_timeout;
    for &address in addresses {
        let dialled = tokio::select! {
            biased;
            () = shared.until_live(&peer) => return,
            dialled = timeout(limit, dial(shared, peer, address)) => dialled,
        };
        let error = match dialled.unwrap_or(Err(DialError::TimedOut)) {
            Ok(Settled::Chosen) => return,
            Ok(Settled::Duplicate) => {
                // The peer has another connection; if it is not one that we lost, it shows soon.
                let _ = timeout(limit, shared.until_live(&peer)).await;
                return;
            }
            Err(error) => error,
        };
        let failed = TransportEvent::DialFailed { peer, address, error, retry_in: Some(retry_in) };
        let _ = shared.emit(failed).await;
    }
}

async fn dial(
    shared: &Arc<Shared>,
    peer: PeerId,
    address: SocketAddr,
) -> Result<Settled, DialError> {
    let place = shared.places.dial(address.ip());
    let connection = connect(shared, peer, address).await?;
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

/// Returns the wait after `failures` dials in a row: doubled each time, the upper half random, so
/// that nodes that lost each other together do not come back together.
fn backoff(failures: u32, min: Duration, max: Duration, chance: &Chance) -> Duration {
    let full = min.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(max);
    // Without randomness the wait is the full one: still right, only not spread.
    full.mul_f64(0.5 + f64::from(chance.number()) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_doubles_up_to_its_limit_and_its_upper_half_is_random() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(2));
        for (failures, full) in [(0, 100), (1, 200), (3, 800), (5, 2000), (40, 2000), (4000, 2000)]
        {
            let full = Duration::from_millis(full);
            let wait = backoff(failures, min, max, &Chance::System);
            assert!(wait >= full / 2 && wait <= full, "{failures} failures wait {wait:?}");
        }
        let waits: Vec<Duration> = (0..8).map(|_| backoff(0, min, max, &Chance::System)).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }
}
