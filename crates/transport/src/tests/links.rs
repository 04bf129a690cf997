//! Names of connections, and dials that happen once.

use ensign_primitives::{Direction, LinkId, QueryId};
use ensign_wire::Frame;

use super::node::{LOOPBACK, Node, config, key, low_and_high, pair};
use crate::{CloseCode, DialError, SendError, TransportEvent};

async fn up(node: &mut Node) -> (LinkId, Direction) {
    match node.next().await {
        TransportEvent::Up { link, direction, .. } => (link, direction),
        other => panic!("expected Up, saw {other:?}"),
    }
}

async fn refused(node: &mut Node) -> DialError {
    match node.events.recv().await.unwrap() {
        TransportEvent::DialFailed { error, .. } => error,
        other => panic!("expected DialFailed, saw {other:?}"),
    }
}

#[tokio::test]
async fn dial_is_answered_by_up_and_is_not_repeated() {
    let (mut one, mut two) = (Node::start(key(1)).await, Node::start(key(2)).await);
    one.transport.dial(two.id, two.addr());
    assert_eq!(up(&mut one).await.1, Direction::Outbound);
    let (link, direction) = up(&mut two).await;
    assert_eq!(direction, Direction::Inbound);
    two.transport.disconnect(link, CloseCode::Unwanted);
    one.disconnected().await;
    two.disconnected().await;
    // The next event is the answer to the next dial, and nothing that came by itself.
    one.transport.dial(two.id, LOOPBACK);
    assert_eq!(refused(&mut one).await, DialError::InvalidAddress);
    assert!(two.events.try_recv().is_none());
}

async fn exporter(node: &mut Node) -> [u8; 32] {
    match node.next().await {
        TransportEvent::Up { exporter, .. } => exporter,
        other => panic!("expected Up, saw {other:?}"),
    }
}

#[tokio::test]
async fn both_ends_know_one_secret_that_no_other_connection_has() {
    let mut seen = Vec::new();
    for dialled in [2, 2] {
        let (mut one, mut two) = (Node::start(key(1)).await, Node::start(key(dialled)).await);
        one.transport.dial(two.id, two.addr());
        let both = [exporter(&mut one).await, exporter(&mut two).await];
        assert_eq!(both[0], both[1]);
        seen.push(both[0]);
    }
    assert_ne!(seen[0], seen[1]);
    assert!(!seen.contains(&[0; 32]));
}

#[tokio::test]
async fn dial_of_a_connected_peer_is_answered_as_a_duplicate() {
    let (low, high) = low_and_high();
    for (dialler, listener) in [(&low, &high), (&high, &low)] {
        let (mut one, mut two) =
            (Node::start(dialler.clone()).await, Node::start(listener.clone()).await);
        one.transport.dial(two.id, two.addr());
        up(&mut one).await;
        up(&mut two).await;
        one.transport.dial(two.id, two.addr());
        assert_eq!(refused(&mut one).await, DialError::Duplicate);
        two.transport.dial(one.id, one.addr());
        assert_eq!(refused(&mut two).await, DialError::Duplicate);
    }
}

#[tokio::test]
async fn second_dial_beside_the_first_is_answered_as_a_duplicate() {
    let silent = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let mut hasty = config();
    hasty.handshake_timeout = std::time::Duration::from_millis(100);
    let mut one = Node::start_with(hasty, key(1)).await;
    let (peer, address) = (key(2).peer_id(), silent.local_addr().unwrap());
    one.transport.dial(peer, address);
    one.transport.dial(peer, address);
    assert_eq!(refused(&mut one).await, DialError::Duplicate);
    assert_eq!(refused(&mut one).await, DialError::TimedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dials_that_cross_have_one_answer_each() {
    for _ in 0..40 {
        let (mut one, mut two) = (Node::start(key(1)).await, Node::start(key(2)).await);
        one.transport.dial(two.id, two.addr());
        two.transport.dial(one.id, one.addr());
        let mut outbound = 0;
        for node in [&mut one, &mut two] {
            let (mut ups, mut answers) = (0, 0);
            while ups == 0 || answers == 0 {
                match node.events.recv().await.unwrap() {
                    TransportEvent::Up { direction, .. } => {
                        ups += 1;
                        answers += usize::from(direction == Direction::Outbound);
                        outbound += usize::from(direction == Direction::Outbound);
                    }
                    TransportEvent::DialFailed { error, .. } => {
                        assert_eq!(error, DialError::Duplicate);
                        answers += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((ups, answers), (1, 1));
        }
        assert_eq!(outbound, 1);
    }
}

#[tokio::test]
async fn node_that_dials_itself_is_told_so() {
    let mut node = Node::start(key(1)).await;
    node.transport.dial(node.id, node.addr());
    assert_eq!(refused(&mut node).await, DialError::SameNode);
}

#[tokio::test]
async fn regression_frame_for_a_connection_that_is_gone_reached_the_next_one() {
    let (mut one, mut two) = pair().await;
    let gone = one.link(two.id);
    one.transport.forget(two.id);
    one.transport.disconnect(gone, CloseCode::Unwanted);
    one.disconnected().await;
    two.disconnected().await;
    one.transport.dial(two.id, two.addr());
    let (link, _) = up(&mut one).await;
    up(&mut two).await;
    assert!(link > gone);
    // What was meant for the connection before: a frame, an admission, an end.
    let late = Frame::Ping(QueryId(1));
    let sent = one.transport.send(gone, late.kind(), late.encode().into());
    assert_eq!(sent, Err(SendError::Gone { link: gone }));
    one.transport.admit(gone);
    one.transport.disconnect(gone, CloseCode::Unwanted);
    one.send(two.id, &Frame::Ping(QueryId(2))).unwrap();
    assert_eq!(two.frame().await, (one.id, Frame::Ping(QueryId(2))));
}
