//! Lanes: none waits for another, none is full in silence, and what breaks their rules has a name.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use ensign_primitives::{QueryId, RequestId};
use ensign_wire::{DecodeError, Frame, Kind, Lane};
use quinn::{ConnectionError, SendStream};

use super::node::{Node, Raw, config, key, pair};
use crate::{
    BULK_EVENT_QUEUE_MAX, CloseCode, DisconnectReason, REQUESTS_SAID_AGAIN_MAX, SendError,
    TransportConfig, TransportEvent, lane,
};

fn payload(len: usize) -> Frame {
    Frame::Payload { request: RequestId::from_bytes([1; 32]), bytes: vec![1; len] }
}

/// A signing frame; nobody decodes it here.
fn signing(body: u8) -> Vec<u8> {
    vec![Kind::NonceAck.id(), 1, body]
}

fn send_signing(from: &Node, to: &Node, body: u8) -> Result<(), SendError> {
    from.transport.send(from.link(to.id), Kind::NonceAck, signing(body).into())
}

/// Two nodes that know each other.
async fn admitted(change: impl Fn(&mut TransportConfig)) -> (Node, Node) {
    let mut config = config();
    change(&mut config);
    let mut one = Node::start_with(config.clone(), key(1)).await;
    let mut two = Node::start_with(config, key(2)).await;
    one.transport.dial(two.id, two.addr());
    one.connected().await;
    two.connected().await;
    one.admit(two.id);
    two.admit(one.id);
    (one, two)
}

/// A raw peer that has been admitted, and its victim.
async fn raw(hasty: Duration) -> (Node, Raw) {
    raw_with(|config| config.admission_timeout = hasty).await
}

async fn raw_with(change: impl Fn(&mut TransportConfig)) -> (Node, Raw) {
    let mut config = config();
    change(&mut config);
    let mut victim = Node::start_with(config, key(8)).await;
    let raw = Raw::choosing(&victim, key(7)).await;
    victim.connected().await;
    victim.admit(raw.id);
    (victim, raw)
}

const PATIENT: Duration = Duration::from_secs(60);

/// The reason for which the victim ends the connection, and the code that its peer is told.
async fn ended(mut victim: Node, raw: Raw) -> (DisconnectReason, CloseCode) {
    let (peer, reason) = victim.disconnected().await;
    assert_eq!(peer, raw.id);
    (reason, raw.closed().await)
}

#[tokio::test]
async fn lane_that_does_not_exist_ends_the_connection_by_name() {
    for seen in [0, 4, 0xee] {
        let (victim, raw) = raw(PATIENT).await;
        let mut stream = raw.connection.open_uni().await.unwrap();
        stream.write_all(&[seen]).await.unwrap();
        let reason = DisconnectReason::UnknownLane { seen };
        assert_eq!(ended(victim, raw).await, (reason, CloseCode::Malformed));
    }
}

#[tokio::test]
async fn lane_opened_twice_ends_the_connection_by_name() {
    for lane in [Lane::Signing, Lane::Control] {
        let (victim, raw) = raw(PATIENT).await;
        let mut first = raw.write_in(lane, &[]).await;
        // Also when the first stream has ended.
        first.finish().unwrap();
        first.stopped().await.unwrap();
        let _second = raw.write_in(lane, &[]).await;
        let reason = DisconnectReason::LaneTwice { lane };
        assert_eq!(ended(victim, raw).await, (reason, CloseCode::Malformed));
    }
}

#[tokio::test]
async fn lane_that_an_admitted_peer_never_opens_ends_the_connection_by_name() {
    for (never, other) in [(Lane::Signing, Lane::Control), (Lane::Control, Lane::Signing)] {
        let (victim, raw) = raw(Duration::from_millis(200)).await;
        let _open = raw.write_in(other, &[]).await;
        let reason = DisconnectReason::LaneNeverOpened { lane: never };
        assert_eq!(ended(victim, raw).await, (reason, CloseCode::Silent));
    }
}

#[tokio::test]
async fn regression_bulk_stream_had_more_than_one_frame() {
    let (mut victim, raw) = raw(PATIENT).await;
    let frame = payload(4).encode();
    let _stream = raw.write_in(Lane::Bulk, &[frame.as_slice(), &frame].concat()).await;
    let next = victim.next().await;
    assert!(matches!(next, TransportEvent::Frame { kind: Kind::Payload, .. }), "{next:?}");
    let (reason, code) = ended(victim, raw).await;
    let trailing = DecodeError::TrailingBytes { offset: frame.len() - 2, extra: frame.len() };
    assert_eq!((reason, code), (DisconnectReason::Malformed(trailing), CloseCode::Malformed));
}

#[tokio::test]
async fn kind_in_the_wrong_lane_ends_the_connection_by_name() {
    for kind in Kind::ALL {
        for lane in lane::LANES.into_iter().filter(|lane| *lane != kind.lane()) {
            let (victim, raw) = raw(PATIENT).await;
            raw.write_in(lane, &[kind.id(), 0]).await;
            let reason = DisconnectReason::WrongLane { kind, lane };
            assert_eq!(ended(victim, raw).await, (reason, CloseCode::Malformed));
        }
    }
}

#[tokio::test]
async fn every_kind_goes_its_lane() {
    let (one, mut two) = admitted(|_| ()).await;
    let link = two.link(one.id);
    for kind in Kind::ALL {
        let body = vec![7; kind.limit().min(1)];
        let frame = [&[kind.id(), body.len() as u8][..], &body].concat();
        one.transport.send(one.link(two.id), kind, frame.into()).unwrap();
        assert_eq!(two.next().await, TransportEvent::Frame { link, kind, body });
    }
}

/// What the owner took before the signing frame, of 16 payloads that were there before it.
async fn taken_before_signing(one: &Node, two: &mut Node) -> usize {
    let bulk = payload(256 * 1024);
    for _ in 0..16 {
        one.send(two.id, &bulk).unwrap();
    }
    // The owner is busy until everything that two can hold has come, and the signing frame too.
    while two.events.waiting(Lane::Bulk) < BULK_EVENT_QUEUE_MAX {
        tokio::task::yield_now().await;
    }
    send_signing(one, two, 9).unwrap();
    while two.events.waiting(Lane::Signing) < 1 {
        tokio::task::yield_now().await;
    }
    let mut before = 0;
    while !matches!(two.next().await, TransportEvent::Frame { kind: Kind::NonceAck, .. }) {
        before += 1;
    }
    for _ in before..16 {
        assert!(matches!(two.next().await, TransportEvent::Frame { kind: Kind::Payload, .. }));
    }
    before
}

#[tokio::test]
async fn regression_signing_frame_waited_in_the_queue_of_events_behind_4_mib_of_bulk() {
    let (one, mut two) = admitted(|config| config.bulk_queue_bytes_max = 8 << 20).await;
    for _ in 0..3 {
        let before = taken_before_signing(&one, &mut two).await;
        assert!(before <= 1, "{before} payloads were taken first");
    }
}

#[tokio::test]
async fn signing_frame_arrives_while_nobody_takes_bulk() {
    let (one, mut two) = admitted(|config| {
        config.event_queue_max = 1;
        config.bulk_queue_bytes_max = 8 << 20;
    })
    .await;
    for _ in 0..4 {
        one.send(two.id, &payload(1 << 20)).unwrap();
    }
    // One payload waits for the owner, the next fills its stream's window: bulk stands still.
    while two.events.waiting(Lane::Bulk) < 1 {
        tokio::task::yield_now().await;
    }
    for number in 0..100 {
        send_signing(&one, &two, number).unwrap();
        while two.events.waiting(Lane::Signing) < 1 {
            tokio::task::yield_now().await;
        }
        let mut next = two.next().await;
        // Of sixteen frames one is of the lane that waits.
        while matches!(next, TransportEvent::Frame { kind: Kind::Payload, .. }) {
            next = two.next().await;
        }
        let (link, kind) = (two.link(one.id), Kind::NonceAck);
        assert_eq!(next, TransportEvent::Frame { link, kind, body: vec![number] });
    }
}

fn opened(stream: Poll<Result<SendStream, ConnectionError>>) -> Option<SendStream> {
    match stream {
        Poll::Ready(stream) => Some(stream.unwrap()),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn regression_unread_payloads_took_the_whole_window_of_the_connection() {
    let (mut victim, raw) = raw_with(|config| {
        config.event_queue_max = 1;
        config.admission_timeout = PATIENT;
    })
    .await;
    let mut signing_lane = raw.write_in(Lane::Signing, &[]).await;
    let mut control = raw.write_in(Lane::Control, &[]).await;
    // One payload waits for the owner, two for room: QUIC has acknowledged them all.
    let bulk = payload(250 * 1024).encode();
    for _ in 0..3 {
        let mut stream = raw.write_in(Lane::Bulk, &bulk).await;
        stream.finish().unwrap();
        stream.stopped().await.unwrap();
    }
    let mut cx = Context::from_waker(Waker::noop());
    let open = || pin!(raw.connection.open_uni()).poll(&mut cx);
    let unread: Vec<_> = std::iter::repeat_with(open).map_while(opened).collect();
    assert!(unread.len() <= 2, "{} payloads unread", unread.len());
    for mut stream in unread {
        stream.write_all(&[&[lane::id(Lane::Bulk)], bulk.as_slice()].concat()).await.unwrap();
        stream.finish().unwrap();
        stream.stopped().await.unwrap();
    }
    signing_lane.write_all(&signing(9)).await.unwrap();
    control.write_all(&Frame::Ping(QueryId(9)).encode()).await.unwrap();
    let link = victim.link(raw.id);
    for kind in [Kind::NonceAck, Kind::Ping] {
        while victim.events.waiting(kind.lane()) < 1 {
            tokio::task::yield_now().await;
        }
    }
    let (kind, body) = (Kind::NonceAck, vec![9]);
    assert_eq!(victim.next().await, TransportEvent::Frame { link, kind, body });
}

#[tokio::test]
async fn endless_signing_frames_do_not_keep_bulk_from_the_owner() {
    let (one, mut two) = admitted(|_| ()).await;
    one.send(two.id, &payload(1)).unwrap();
    while two.events.waiting(Lane::Bulk) < 1 {
        tokio::task::yield_now().await;
    }
    let mut signed = 0;
    loop {
        send_signing(&one, &two, 0).unwrap();
        while two.events.waiting(Lane::Signing) < 1 {
            tokio::task::yield_now().await;
        }
        match two.next().await {
            TransportEvent::Frame { kind: Kind::Payload, .. } => break,
            other => signed += usize::from(matches!(other, TransportEvent::Frame { .. })),
        }
    }
    assert!(signed <= 16, "{signed} signing frames first");
}

#[tokio::test]
async fn regression_control_never_came_while_signing_and_bulk_both_waited() {
    let (one, mut two) = admitted(|_| ()).await;
    one.send(two.id, &Frame::Ping(QueryId(7))).unwrap();
    while two.events.waiting(Lane::Control) < 1 {
        tokio::task::yield_now().await;
    }
    let mut before = 0;
    loop {
        send_signing(&one, &two, 0).unwrap();
        one.send(two.id, &payload(1)).unwrap();
        while two.events.waiting(Lane::Signing) < 1 || two.events.waiting(Lane::Bulk) < 1 {
            tokio::task::yield_now().await;
        }
        match two.next().await {
            TransportEvent::Frame { kind: Kind::Ping, .. } => break,
            _ => before += 1,
        }
    }
    assert!(before <= 32, "{before} frames first");
}

#[tokio::test]
async fn regression_signing_frames_for_a_stream_that_the_peer_refused_were_lost_in_silence() {
    let (mut victim, raw) = raw(PATIENT).await;
    let mut lanes = [raw.lane().await, raw.lane().await];
    lanes.sort_by_key(|(seen, _)| *seen);
    let [(seen, signing_lane), _control] = &mut lanes;
    assert_eq!(*seen, lane::id(Lane::Signing));
    signing_lane.stop(9_u32.into()).unwrap();
    let link = victim.link(raw.id);
    while victim.transport.send(link, Kind::NonceAck, signing(1).into()).is_ok() {
        tokio::task::yield_now().await;
    }
    let reason = DisconnectReason::StreamBroken { code: 9 };
    assert_eq!(victim.disconnected().await, (raw.id, reason));
    assert_eq!(raw.closed().await, CloseCode::Offense);
}

#[tokio::test]
async fn full_signing_lane_ends_the_connection_by_name() {
    let mut narrow = config();
    narrow.signing_queue_bytes_max = 64 * 1024;
    let mut victim = Node::start_with(narrow, key(8)).await;
    let raw = Raw::reading_little(&victim, key(7), 1).await;
    victim.connected().await;
    victim.admit(raw.id);
    let (link, lane, limit) = (victim.link(raw.id), Lane::Signing, 64 * 1024);
    let error = loop {
        let frame = signing(1).into();
        if let Err(error) = victim.transport.send(link, Kind::NonceAck, frame) {
            break error;
        }
    };
    assert_eq!(error, SendError::QueueFull { link, lane, limit });
    let reason = DisconnectReason::LaneFull { lane, limit };
    assert_eq!(victim.disconnected().await, (raw.id, reason));
    assert_eq!(raw.closed().await, CloseCode::Unwanted);
}

#[tokio::test]
async fn what_is_dropped_in_other_lanes_is_counted_and_told_before_the_end() {
    let mut victim = Node::start(key(8)).await;
    let raw = Raw::reading_little(&victim, key(7), 1).await;
    victim.connected().await;
    victim.admit(raw.id);
    let link = victim.link(raw.id);
    let mut dropped = 0;
    for _ in 0..10 {
        let refused = victim.send(raw.id, &payload(1 << 20));
        dropped += u32::from(matches!(refused, Err(SendError::QueueFull { .. })));
    }
    assert_eq!(dropped, 7);
    let lane = Lane::Bulk;
    assert_eq!(victim.next().await, TransportEvent::Dropped { link, lane, frames: dropped });
    let refused = victim.send(raw.id, &payload(1 << 20));
    assert!(matches!(refused, Err(SendError::QueueFull { .. })), "{refused:?}");
    victim.disconnect(raw.id, CloseCode::Unwanted);
    assert_eq!(victim.next().await, TransportEvent::Dropped { link, lane, frames: 1 });
    assert_eq!(victim.disconnected().await.0, raw.id);
}

#[tokio::test]
async fn down_comes_behind_every_frame_of_its_connection() {
    let (mut one, mut two) = pair().await;
    one.admit(two.id);
    two.admit(one.id);
    for number in 0..20 {
        one.send(two.id, &payload(1)).unwrap();
        send_signing(&one, &two, 1).unwrap();
        one.send(two.id, &Frame::Ping(QueryId(number))).unwrap();
    }
    one.transport.forget(two.id);
    one.disconnect(two.id, CloseCode::Unwanted);
    assert_eq!(one.disconnected().await.0, two.id);
    let mut frames = 0;
    loop {
        match two.next().await {
            TransportEvent::Frame { .. } => frames += 1,
            TransportEvent::Down { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(frames, 60);
    assert!(two.events.is_empty());
}

#[tokio::test]
async fn regression_everything_said_again_after_a_reconnect_met_a_full_lane_for_ever() {
    let mut victim = Node::start(key(8)).await;
    let raw = Raw::reading_little(&victim, key(7), 1).await;
    victim.connected().await;
    victim.admit(raw.id);
    let link = victim.link(raw.id);
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.lane() == Lane::Signing);
    let largest: Vec<_> =
        kinds.map(|kind| (kind, Bytes::from(vec![0; 4 + kind.limit()]))).collect();
    for _ in 0..REQUESTS_SAID_AGAIN_MAX {
        for (kind, frame) in &largest {
            assert_eq!(victim.transport.send(link, *kind, frame.clone()), Ok(()));
        }
    }
}
