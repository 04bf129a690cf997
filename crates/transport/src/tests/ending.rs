//! What is on its way when one side ends the connection: what has arrived is delivered, nobody is blamed.

use std::time::Duration;

use ensign_primitives::{QueryId, RequestId};
use ensign_wire::{Frame, Kind, Lane};

use super::node::{Node, Raw, config, key};
use crate::{CloseCode, DisconnectReason, TransportConfig, TransportEvent};

/// A raw peer that has been admitted, of whose frames one waits for the owner of its victim in each lane.
async fn busy(change: impl Fn(&mut TransportConfig)) -> (Node, Raw) {
    let mut config = config();
    config.event_queue_max = 1;
    config.admission_timeout = Duration::from_secs(60);
    change(&mut config);
    let mut victim = Node::start_with(config, key(8)).await;
    let raw = Raw::reading_little(&victim, key(7), 64).await;
    victim.connected().await;
    victim.admit(raw.id);
    (victim, raw)
}

fn payload(len: usize) -> Vec<u8> {
    Frame::Payload { request: RequestId::from_bytes([1; 32]), bytes: vec![1; len] }.encode()
}

#[tokio::test]
async fn regression_payloads_that_had_arrived_were_lost_when_their_sender_closed() {
    let (mut victim, raw) = busy(|_| ()).await;
    // One waits for the owner, two for room, two for these two.
    for _ in 0..5 {
        let mut stream = raw.write_in(Lane::Bulk, &payload(8)).await;
        stream.finish().unwrap();
        stream.stopped().await.unwrap();
    }
    raw.connection.close(CloseCode::Unwanted.to_wire().into(), &[]);
    // Its end has come when nothing can be said to it.
    let ping = Frame::Ping(QueryId(1));
    while victim.send(raw.id, &ping).is_ok() {
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        let next = victim.next().await;
        assert!(matches!(next, TransportEvent::Frame { kind: Kind::Payload, .. }), "{next:?}");
    }
    let reason = DisconnectReason::Closed { code: CloseCode::Unwanted };
    assert_eq!(victim.disconnected().await, (raw.id, reason));
}

#[tokio::test]
async fn regression_node_that_stopped_refused_streams_and_was_blamed_for_it() {
    let (victim, raw) = busy(|config| config.flush_timeout = Duration::from_secs(60)).await;
    let mut lane = raw.write_in(Lane::Signing, &[Kind::NonceAck.id(), 1, 0].repeat(8)).await;
    while victim.events.waiting(Lane::Signing) < 1 {
        tokio::task::yield_now().await;
    }
    // Something is left to say, so the connection does not end at once.
    let answer = Frame::Payload { request: RequestId::from_bytes([1; 32]), bytes: vec![1; 1024] };
    victim.send(raw.id, &answer).unwrap();
    let transport = victim.transport.clone();
    let stops = tokio::spawn(async move { transport.close().await });
    // More than fits unread into a stream: all of it is read.
    let rest = [Kind::NonceAck.id(), 1, 0].repeat(512 * 1024 / 3);
    assert_eq!(lane.write_all(&rest).await, Ok(()));
    while let Ok(mut stream) = raw.connection.accept_uni().await {
        tokio::spawn(async move { stream.read_to_end(4096).await });
    }
    assert_eq!(raw.closed().await, CloseCode::Shutdown);
    stops.await.unwrap();
}

#[tokio::test]
async fn regression_frames_were_delivered_after_disconnect() {
    let (mut victim, raw) = busy(|config| config.event_queue_max = 8).await;
    let _lane = raw.write_in(Lane::Signing, &[Kind::NonceAck.id(), 1, 0].repeat(3)).await;
    while victim.events.waiting(Lane::Signing) < 3 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(victim.next().await, TransportEvent::Frame { .. }));
    victim.disconnect(raw.id, CloseCode::Unwanted);
    let reason = DisconnectReason::Ours { code: CloseCode::Unwanted };
    assert_eq!(victim.disconnected().await, (raw.id, reason));
    assert!(victim.events.is_empty());
}
