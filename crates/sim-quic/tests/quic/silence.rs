//! The transport's idle timeout, which takes half a minute of real time to see.

use std::{sync::Arc, time::Duration};

use ensign_identity::NodeKey;
use ensign_primitives::{LinkId, PeerId};
use ensign_sim_quic::{NETWORK, Net, address};
use ensign_transport::{
    Arrivals, DisconnectReason, IDLE_TIMEOUT, KEEP_ALIVE_INTERVAL, Transport, TransportConfig,
    TransportEvent,
};
use tokio::time::{Instant, timeout};

use super::story::quiet;

struct Node {
    transport: Transport,
    events: Arrivals,
    peer: PeerId,
}

impl Node {
    async fn start(net: &Net, number: u8) -> Self {
        let key = Arc::new(NodeKey::from_secret_bytes([number + 1; 32]).unwrap());
        let peer = key.peer_id();
        let socket = net.attach(address(number.into()));
        let config = TransportConfig::new(address(number.into()), NETWORK);
        let started = Transport::dangerous_simulated(config, key, socket, [number; 32]).await;
        let (transport, events) = started.unwrap();
        Self { transport, events, peer }
    }

    async fn pair(net: &Net) -> (Self, Self) {
        let (mut one, mut two) = (Self::start(net, 0).await, Self::start(net, 1).await);
        two.transport.expect(one.peer);
        one.transport.dial(two.peer, two.transport.local_addr());
        for node in [&mut one, &mut two] {
            let event = node.events.recv().await.unwrap();
            assert!(matches!(event, TransportEvent::Up { .. }), "{event:?}");
        }
        (one, two)
    }
}

#[tokio::test(start_paused = true)]
async fn peer_that_falls_silent_is_given_up_after_the_idle_timeout_and_the_reason_says_so() {
    let net = Net::new(quiet(), [1; 32]);
    let (mut one, mut two) = Node::pair(&net).await;
    net.cut(address(0), address(1));
    let silent = Instant::now();
    let ends = [(&mut one.events, two.peer), (&mut two.events, one.peer)];
    for (events, peer) in ends {
        let event = events.recv().await.unwrap();
        let (link, reason) = (LinkId(0), DisconnectReason::TimedOut);
        assert_eq!(event, TransportEvent::Down { link, peer, reason });
    }
    // What is under way at the cut arrives; a keep-alive that nobody answers counts as life once.
    let (elapsed, slack) = (silent.elapsed(), Duration::from_millis(100));
    assert!(elapsed >= IDLE_TIMEOUT, "{elapsed:?}");
    assert!(elapsed <= IDLE_TIMEOUT + KEEP_ALIVE_INTERVAL + slack, "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn quiet_connection_is_kept_alive_far_beyond_the_idle_timeout() {
    let net = Net::new(quiet(), [1; 32]);
    let (mut one, mut two) = Node::pair(&net).await;
    for node in [&mut one, &mut two] {
        assert!(timeout(IDLE_TIMEOUT * 20, node.events.recv()).await.is_err());
    }
}
