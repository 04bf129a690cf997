//! Handshakes, identities, simultaneous dials, ends and restarts.

use std::sync::Arc;

use ensign_primitives::{LinkId, Network, PeerId, QueryId};
use ensign_wire::{Frame, PROTOCOL_VERSION};

use super::node::{LOOPBACK, Node, Raw, config, key, low_and_high, pair};
use crate::{
    BindError, CloseCode, DialError, DisconnectReason, SendError, Transport, TransportEvent,
};

async fn dial_error(node: &mut Node) -> DialError {
    match node.next().await {
        TransportEvent::DialFailed { error, .. } => error,
        other => panic!("expected DialFailed, saw {other:?}"),
    }
}

#[tokio::test]
async fn handshake_gives_both_sides_the_others_identity() {
    let (low, high) = low_and_high();
    for (dialler, listener) in [(&low, &high), (&high, &low)] {
        let mut dialler = Node::start(Arc::clone(dialler)).await;
        let mut listener = Node::start(Arc::clone(listener)).await;
        dialler.dial(&listener);
        assert_eq!(dialler.connected().await, (listener.id, true));
        assert_eq!(listener.connected().await, (dialler.id, false));
    }
}

#[tokio::test]
async fn handshake_names_network_and_protocol_version() {
    let node = Node::start(key(2)).await;
    let raw = Raw::connect(&node, key(1)).await;
    let data = raw.connection.handshake_data().unwrap();
    let data = data.downcast::<quinn::crypto::rustls::HandshakeData>().unwrap();
    assert_eq!(data.protocol.as_deref(), Some(b"ensign/3/regtest".as_slice()));
    assert_eq!(crate::tls::peer_of(&raw.connection), Some(node.id));
}

#[tokio::test]
async fn wrong_identity_at_an_address_is_an_error_that_names_both() {
    let (mut dialler, stranger) = (Node::start(key(1)).await, Node::start(key(2)).await);
    let expected = key(3).peer_id();
    dialler.transport.dial(expected, stranger.addr());
    let error = dial_error(&mut dialler).await;
    assert_eq!(error, DialError::WrongIdentity { expected, found: stranger.id });
    let text = error.to_string();
    assert!(text.contains(&expected.to_string()) && text.contains(&stranger.id.to_string()));
}

#[tokio::test]
async fn foreign_network_never_connects_and_the_error_says_so() {
    let mut foreign = config();
    foreign.network = Network::Signet;
    let (mut ours, mut theirs) =
        (Node::start(key(1)).await, Node::start_with(foreign, key(2)).await);
    ours.dial(&theirs);
    let version = PROTOCOL_VERSION;
    let expected = DialError::ForeignNetwork { network: Network::Regtest, version };
    assert_eq!(dial_error(&mut ours).await, expected);
    assert!(theirs.events.try_recv().is_none());
}

#[tokio::test]
async fn address_that_takes_no_packet_is_an_error() {
    let mut node = Node::start(key(1)).await;
    node.transport.dial(key(2).peer_id(), LOOPBACK);
    assert_eq!(dial_error(&mut node).await, DialError::InvalidAddress);
}

#[tokio::test]
async fn silent_address_times_out() {
    let silent = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let mut hasty = config();
    hasty.handshake_timeout = std::time::Duration::from_millis(50);
    let mut node = Node::start_with(hasty, key(1)).await;
    node.transport.dial(key(2).peer_id(), silent.local_addr().unwrap());
    assert_eq!(dial_error(&mut node).await, DialError::TimedOut);
}

#[tokio::test]
async fn port_in_use_is_an_error_with_the_address() {
    let node = Node::start(key(1)).await;
    let mut taken = config();
    taken.listen = node.addr();
    let error = Transport::bind(taken, key(2)).await.unwrap_err();
    assert_eq!(error, BindError::PortInUse { addr: node.addr() });
}

#[tokio::test]
async fn sending_without_a_connection_is_an_error() {
    let node = Node::start(key(1)).await;
    let (link, ping) = (LinkId(7), Frame::Ping(QueryId(1)));
    let sent = node.transport.send(link, ping.kind(), ping.encode().into());
    assert_eq!(sent, Err(SendError::Gone { link }));
}

/// Exchanges one frame each way; anything but `Up` before it fails the test.
async fn exchange(one: &mut Node, two: &mut Node) {
    assert_eq!(one.connected().await.0, two.id);
    assert_eq!(two.connected().await.0, one.id);
    one.send(two.id, &Frame::Ping(QueryId(1))).unwrap();
    two.send(one.id, &Frame::Ping(QueryId(2))).unwrap();
    assert_eq!(two.frame().await, (one.id, Frame::Ping(QueryId(1))));
    assert_eq!(one.frame().await, (two.id, Frame::Ping(QueryId(2))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_dials_end_as_one_connection_on_both_sides() {
    for _ in 0..40 {
        let (mut one, mut two) = (Node::start(key(1)).await, Node::start(key(2)).await);
        one.dial(&two);
        two.dial(&one);
        exchange(&mut one, &mut two).await;
        // Ends of a second connection would come before the end of this one.
        let id = one.id;
        drop(one);
        let closed = DisconnectReason::Closed { code: CloseCode::Shutdown };
        assert_eq!(two.disconnected_after_dials().await, (id, closed));
    }
}

#[tokio::test]
async fn both_sides_agree_on_who_dialled() {
    let (mut one, mut two) = (Node::start(key(1)).await, Node::start(key(2)).await);
    one.dial(&two);
    two.dial(&one);
    let ((_, one_dialled), (_, two_dialled)) = (one.connected().await, two.connected().await);
    assert_ne!(one_dialled, two_dialled);
}

#[tokio::test]
async fn own_identity_is_not_accepted() {
    let mut node = Node::start(key(1)).await;
    let raw = Raw::connect(&node, key(1)).await;
    assert_eq!(raw.closed().await, CloseCode::SameNode);
    assert!(node.events.try_recv().is_none());
}

#[tokio::test]
async fn disconnect_delivers_what_is_queued_and_tells_the_code() {
    let (mut one, mut two) = pair().await;
    for number in 0..100 {
        one.send(two.id, &Frame::Ping(QueryId(number))).unwrap();
    }
    one.transport.forget(two.id);
    one.disconnect(two.id, CloseCode::Offense);
    let refused = SendError::Gone { link: one.link(two.id) };
    assert_eq!(one.send(two.id, &Frame::Ping(QueryId(100))), Err(refused));
    for number in 0..100 {
        assert_eq!(two.frame().await, (one.id, Frame::Ping(QueryId(number))));
    }
    let closed = DisconnectReason::Closed { code: CloseCode::Offense };
    assert_eq!(two.disconnected().await, (one.id, closed));
    let ours = DisconnectReason::Ours { code: CloseCode::Offense };
    assert_eq!(one.disconnected().await, (two.id, ours));
}

#[tokio::test]
async fn lost_connection_can_be_dialled_again() {
    let (mut one, mut two) = pair().await;
    for _ in 0..3 {
        two.disconnect(one.id, CloseCode::Unwanted);
        let closed = DisconnectReason::Closed { code: CloseCode::Unwanted };
        assert_eq!(one.disconnected().await, (two.id, closed));
        let ours = DisconnectReason::Ours { code: CloseCode::Unwanted };
        assert_eq!(two.disconnected().await, (one.id, ours));
        one.dial(&two);
        assert_eq!(one.connected().await, (two.id, true));
        assert_eq!(two.connected().await, (one.id, false));
    }
}

/// Skips dials that fail.
async fn connected_at_last(node: &mut Node) -> PeerId {
    loop {
        match node.next().await {
            TransportEvent::DialFailed { .. } => {}
            TransportEvent::Up { peer, .. } => return peer,
            other => panic!("expected Up, saw {other:?}"),
        }
    }
}

#[tokio::test]
async fn peer_that_restarts_on_its_port_is_found_again() {
    let (mut one, two) = pair().await;
    let (id, addr) = (two.id, two.addr());
    two.transport.close().await;
    let closed = DisconnectReason::Closed { code: CloseCode::Shutdown };
    assert_eq!(one.disconnected().await, (id, closed));
    let mut again = config();
    again.listen = addr;
    let mut two = Node::start_with(again, key(2)).await;
    one.dial(&two);
    assert_eq!(one.connected().await, (id, true));
    assert_eq!(two.connected().await, (one.id, false));
    two.send(one.id, &Frame::Ping(QueryId(9))).unwrap();
    assert_eq!(one.frame().await, (id, Frame::Ping(QueryId(9))));
}

/// A process that is killed says nothing. Whoever dials, the survivor reports one end and one
/// connection, in this order.
#[tokio::test]
async fn peer_that_was_killed_and_restarts_is_connected_again_at_once() {
    let (low, high) = low_and_high();
    for (survivor, killed) in [(&low, &high), (&high, &low)] {
        let mut survivor = Node::start(Arc::clone(survivor)).await;
        let (addr, id) = (survivor.addr(), survivor.id);
        let (sent, killed_addr) = tokio::sync::oneshot::channel();
        let victim = Arc::clone(killed);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap();
            let node = runtime.block_on(Node::start(victim));
            sent.send((node.addr(), node.id)).unwrap();
            let mut node = node;
            assert_eq!(runtime.block_on(node.connected()).0, id);
            // Without its runtime the node can send no more packets.
            runtime.shutdown_background();
        });
        let (listen, peer) = killed_addr.await.unwrap();
        survivor.transport.dial(peer, listen);
        assert_eq!(survivor.connected().await, (peer, true));
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();

        let mut again = config();
        again.listen = listen;
        let mut node = Node::start_with(again, Arc::clone(killed)).await;
        node.transport.dial(id, addr);
        assert_eq!(survivor.disconnected().await.0, peer);
        survivor.transport.dial(peer, listen);
        assert_eq!(connected_at_last(&mut survivor).await, peer);
        assert_eq!(connected_at_last(&mut node).await, id);
    }
}

#[tokio::test]
async fn closed_transport_refuses_callers_and_sends_nothing() {
    let (one, mut two) = pair().await;
    one.transport.close().await;
    let closed = DisconnectReason::Closed { code: CloseCode::Shutdown };
    assert_eq!(two.disconnected().await, (one.id, closed));
    let (peer, link) = (two.id, one.link(two.id));
    assert_eq!(one.send(peer, &Frame::Ping(QueryId(1))), Err(SendError::Gone { link }));
}
