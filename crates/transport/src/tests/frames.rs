//! Frames: order, payloads, full queues, slow readers.

use ensign_primitives::{QueryId, RequestId};
use ensign_wire::{Frame, Lane, PAYLOAD_BYTES_MAX};

use super::node::{Node, config, key, pair};
use crate::{SendError, TransportEvent};

fn payload(fill: u8, len: usize) -> Frame {
    Frame::Payload { request: RequestId::from_bytes([fill; 32]), bytes: vec![fill; len] }
}

#[tokio::test]
async fn frames_arrive_in_the_order_they_were_sent() {
    let (one, mut two) = pair().await;
    two.admit(one.id);
    let sender = tokio::spawn(async move {
        for number in 0..20_000 {
            while let Err(error) = one.send(two.id, &Frame::Ping(QueryId(number))) {
                assert!(matches!(error, SendError::QueueFull { .. }), "{error}");
                tokio::task::yield_now().await;
            }
        }
        one
    });
    for number in 0..20_000 {
        assert_eq!(two.frame().await.1, Frame::Ping(QueryId(number)));
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn payload_of_the_largest_size_does_not_hold_up_frames() {
    let (one, mut two) = pair().await;
    let large = payload(7, PAYLOAD_BYTES_MAX);
    one.send(two.id, &large).unwrap();
    one.send(two.id, &Frame::Ping(QueryId(1))).unwrap();
    // The payload waits for admission; the frame sent after it does not.
    assert_eq!(two.frame().await, (one.id, Frame::Ping(QueryId(1))));
    two.admit(one.id);
    assert_eq!(two.frame().await, (one.id, large));
}

#[tokio::test]
async fn payloads_of_an_admitted_peer_arrive_whole_and_all() {
    let (one, mut two) = pair().await;
    two.admit(one.id);
    for fill in 0..8 {
        one.send(two.id, &payload(fill, 300_000)).unwrap();
    }
    for fill in 0..8 {
        assert_eq!(two.frame().await, (one.id, payload(fill, 300_000)));
    }
}

#[tokio::test]
async fn queue_of_a_peer_that_does_not_read_fills_and_says_so() {
    let mut narrow = config();
    narrow.event_queue_max = 1;
    narrow.control_queue_bytes_max = 64 * 1024;
    let mut one = Node::start_with(narrow.clone(), key(1)).await;
    let mut two = Node::start_with(narrow, key(2)).await;
    one.dial(&two);
    one.connected().await;
    two.connected().await;
    two.admit(one.id);
    // Nobody reads the events of `two`: its windows fill, then our queue.
    let mut sent = 0;
    let error = loop {
        match one.send(two.id, &Frame::Ping(QueryId(sent))) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        error,
        SendError::QueueFull { link: one.link(two.id), lane: Lane::Control, limit: 64 * 1024 }
    );
    // Reading again frees the queue, and nothing that was taken is lost.
    for number in 0..sent {
        assert_eq!(two.frame().await, (one.id, Frame::Ping(QueryId(number))));
    }
    one.send(two.id, &Frame::Ping(QueryId(sent))).unwrap();
    assert_eq!(two.frame().await, (one.id, Frame::Ping(QueryId(sent))));
}

#[tokio::test]
async fn full_queue_of_one_peer_leaves_the_others_alone() {
    let mut narrow = config();
    narrow.event_queue_max = 1;
    narrow.control_queue_bytes_max = 64 * 1024;
    let mut hub = Node::start_with(narrow.clone(), key(1)).await;
    let mut slow = Node::start_with(narrow, key(2)).await;
    let mut quick = Node::start(key(3)).await;
    hub.dial(&slow);
    hub.connected().await;
    slow.connected().await;
    hub.dial(&quick);
    hub.connected().await;
    quick.connected().await;
    while hub.send(slow.id, &Frame::Ping(QueryId(0))).is_ok() {
        tokio::task::yield_now().await;
    }
    hub.send(quick.id, &Frame::Ping(QueryId(1))).unwrap();
    assert_eq!(quick.frame().await, (hub.id, Frame::Ping(QueryId(1))));
}

#[tokio::test]
async fn events_of_a_closing_transport_need_no_reader() {
    let mut narrow = config();
    narrow.event_queue_max = 1;
    let (mut one, mut two) = (Node::start(key(1)).await, Node::start_with(narrow, key(2)).await);
    one.dial(&two);
    one.connected().await;
    two.connected().await;
    for number in 0..1000 {
        one.send(two.id, &Frame::Ping(QueryId(number))).unwrap();
    }
    two.transport.close().await;
    assert!(matches!(one.next().await, TransportEvent::Down { .. }));
}
