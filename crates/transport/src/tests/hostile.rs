//! Peers with a valid identity and bad intentions. In each case an honest connection goes on.

use std::{sync::Arc, time::Duration};

use ensign_primitives::QueryId;
use ensign_wire::{DecodeError, Frame, Kind, Lane};
use quinn::VarInt;

use super::node::{Node, Raw, config, endpoint, key, low_and_high};
use crate::{
    CloseCode, DialError, DisconnectReason, TransportConfig, TransportEvent, lane,
    quic::{ADMITTED_STREAMS_MAX, STRANGER_STREAMS_MAX},
    tls::Identity,
};

/// A node with an honest peer; the hostile one comes with a key of its own.
struct Scene {
    victim: Node,
    honest: Node,
}

impl Scene {
    async fn start() -> Self {
        let (mut victim, mut honest) = (Node::start(key(8)).await, Node::start(key(9)).await);
        honest.dial(&victim);
        victim.connected().await;
        honest.connected().await;
        Self { victim, honest }
    }

    /// Connects a hostile peer that the victim reports.
    async fn hostile(&mut self) -> Raw {
        let raw = Raw::choosing(&self.victim, key(7)).await;
        assert_eq!(self.victim.connected().await, (raw.id, false));
        raw
    }

    async fn goes_on(&mut self) {
        self.honest.send(self.victim.id, &Frame::Ping(QueryId(5))).unwrap();
        assert_eq!(self.victim.frame().await, (self.honest.id, Frame::Ping(QueryId(5))));
        self.victim.send(self.honest.id, &Frame::Pong(QueryId(5))).unwrap();
        assert_eq!(self.honest.frame().await, (self.victim.id, Frame::Pong(QueryId(5))));
    }
}

/// The alert for a signature that does not verify (RFC 8446 section 6).
const DECRYPT_ERROR: u8 = 51;

#[tokio::test]
async fn caller_under_a_stolen_name_is_refused_and_never_reported() {
    let mut scene = Scene::start().await;
    let raw = Raw::forging(&scene.victim, key(7), scene.honest.id).await;
    match raw.connection.closed().await {
        quinn::ConnectionError::ConnectionClosed(close) => {
            assert_eq!(close.error_code, quinn::TransportErrorCode::crypto(DECRYPT_ERROR));
        }
        other => panic!("expected a TLS alert, saw {other:?}"),
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn answer_under_a_stolen_name_is_an_error() {
    let network = config().network;
    let stolen = key(6).peer_id();
    let identity = Identity::claiming(stolen, key(7), network);
    let (endpoint, _) = endpoint(&config(), &key(7), &identity);
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(caller) = accepting.accept().await {
            let _ = caller.await;
        }
    });
    let mut victim = Node::start(key(8)).await;
    victim.transport.dial(stolen, endpoint.local_addr().unwrap());
    match victim.next().await {
        TransportEvent::DialFailed { error, .. } => {
            assert_eq!(error, DialError::Tls { alert: DECRYPT_ERROR });
        }
        other => panic!("expected DialFailed, saw {other:?}"),
    }
}

async fn malformed(bytes: &[u8], finish: bool) -> DecodeError {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    let mut stream = raw.write(bytes).await;
    if finish {
        stream.finish().unwrap();
    }
    let (peer, reason) = scene.victim.disconnected().await;
    assert_eq!((peer, raw.closed().await), (raw.id, CloseCode::Malformed));
    scene.goes_on().await;
    match reason {
        DisconnectReason::Malformed(error) => error,
        other => panic!("expected Malformed, saw {other:?}"),
    }
}

#[tokio::test]
async fn unknown_kind_closes_with_its_reason() {
    assert_eq!(malformed(&[0xee, 1, 0], false).await, DecodeError::UnknownKind { seen: 0xee });
}

#[tokio::test]
async fn oversize_frame_closes_before_its_body_is_sent() {
    let expected = DecodeError::FrameTooLarge { kind: Kind::Ping, limit: 16, seen: 17 };
    assert_eq!(malformed(&[Kind::Ping.id(), 17], false).await, expected);
}

#[tokio::test]
async fn length_that_is_not_shortest_form_closes() {
    assert_eq!(malformed(&[Kind::Ping.id(), 0x81, 0], false).await, DecodeError::LengthEncoding);
}

#[tokio::test]
async fn stream_that_ends_inside_a_frame_closes() {
    let error = malformed(&Frame::Ping(QueryId(1)).encode()[..2], true).await;
    assert_eq!(error, DecodeError::Malformed { offset: 2, expected: "more bytes", seen: None });
}

#[tokio::test]
async fn frames_before_a_malformed_one_are_delivered() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    let mut bytes = Frame::Ping(QueryId(3)).encode();
    bytes.push(0xee);
    raw.write(&bytes).await;
    assert_eq!(scene.victim.frame().await, (raw.id, Frame::Ping(QueryId(3))));
    let reason = DisconnectReason::Malformed(DecodeError::UnknownKind { seen: 0xee });
    assert_eq!(scene.victim.disconnected().await, (raw.id, reason));
}

#[tokio::test]
async fn stream_broken_off_closes_because_frames_may_be_lost() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    let mut stream = raw.write(&[Kind::Ping.id()]).await;
    stream.reset(VarInt::from_u32(77)).unwrap();
    let reason = DisconnectReason::StreamBroken { code: 77 };
    assert_eq!(scene.victim.disconnected().await, (raw.id, reason));
    scene.goes_on().await;
}

#[tokio::test]
async fn peer_that_refuses_to_read_is_closed_with_its_reason() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    scene.victim.send(raw.id, &Frame::Ping(QueryId(1))).unwrap();
    raw.connection.accept_uni().await.unwrap().stop(VarInt::from_u32(5)).unwrap();
    // The refusal is seen by the next write, or when the stream is finished.
    let _ = scene.victim.send(raw.id, &Frame::Ping(QueryId(2)));
    scene.victim.disconnect(raw.id, CloseCode::Unwanted);
    let (peer, reason) = scene.victim.disconnected().await;
    assert_eq!(peer, raw.id);
    let ended = [
        DisconnectReason::StreamBroken { code: 5 },
        DisconnectReason::Ours { code: CloseCode::Unwanted },
    ];
    assert!(ended.contains(&reason), "{reason:?}");
    scene.goes_on().await;
}

#[tokio::test]
async fn stalled_frames_take_all_streams_of_a_stranger_and_no_more() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    let limit = STRANGER_STREAMS_MAX.into_inner() as usize;
    // A payload of 1 MiB is announced on each stream, and nothing follows.
    let mut stalled = Vec::new();
    for _ in 0..limit {
        stalled.push(raw.write_in(Lane::Bulk, &[Kind::Payload.id(), 0x80, 0x80, 0x40]).await);
    }
    scene.goes_on().await;
    let further = std::pin::pin!(raw.connection.open_uni());
    assert!(futures_pending(further), "a stream beyond the limit was opened");
    // Admission gives more of them.
    scene.victim.admit(raw.id);
    for _ in limit..ADMITTED_STREAMS_MAX.into_inner() as usize {
        stalled.push(raw.connection.open_uni().await.unwrap());
    }
    let further = std::pin::pin!(raw.connection.open_uni());
    assert!(futures_pending(further), "a stream beyond the limit was opened");
    scene.goes_on().await;
}

/// Polls once; true when the future waits.
fn futures_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
}

#[tokio::test]
async fn stranger_cannot_send_more_of_a_payload_than_the_window() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    let mut stream = raw.connection.open_uni().await.unwrap();
    let payload = Frame::Payload {
        request: ensign_primitives::RequestId::from_bytes([1; 32]),
        bytes: vec![1; 1024 * 1024],
    };
    let bytes = [vec![lane::id(Lane::Bulk)], payload.encode()].concat();
    let written = {
        let mut writing = std::pin::pin!(stream.write_all(&bytes));
        tokio::select! {
            written = &mut writing => panic!("written without admission: {written:?}"),
            () = scene.goes_on() => {}
        }
        scene.victim.admit(raw.id);
        writing.await
    };
    written.unwrap();
    stream.finish().unwrap();
    assert_eq!(scene.victim.frame().await, (raw.id, payload));
}

#[tokio::test]
async fn streams_without_end_are_read_and_forgotten() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    for _ in 0..1000 {
        raw.connection.open_uni().await.unwrap().finish().unwrap();
    }
    raw.write(&Frame::Ping(QueryId(1)).encode()).await;
    assert_eq!(scene.victim.frame().await, (raw.id, Frame::Ping(QueryId(1))));
    scene.goes_on().await;
}

#[tokio::test]
async fn bidirectional_streams_and_datagrams_are_not_allowed() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    scene.goes_on().await;
    let bidirectional = std::pin::pin!(raw.connection.open_bi());
    assert!(futures_pending(bidirectional), "a bidirectional stream was opened");
    assert_eq!(raw.connection.max_datagram_size(), None);
}

#[tokio::test]
async fn peer_that_says_nothing_holds_a_connection_and_nothing_else() {
    let mut scene = Scene::start().await;
    let raw = scene.hostile().await;
    scene.goes_on().await;
    scene.victim.disconnect(raw.id, CloseCode::Silent);
    assert_eq!(raw.closed().await, CloseCode::Silent);
    let ours = DisconnectReason::Ours { code: CloseCode::Silent };
    assert_eq!(scene.victim.disconnected().await, (raw.id, ours));
}

#[tokio::test]
async fn lower_peer_that_never_chooses_is_never_reported_and_dropped_in_time() {
    let (low, high) = low_and_high();
    let mut hasty = config();
    hasty.handshake_timeout = Duration::from_millis(100);
    let mut victim = Node::start_with(hasty, high).await;
    let raw = Raw::connect(&victim, low).await;
    raw.connection.closed().await;
    assert!(victim.events.try_recv().is_none());
}

#[tokio::test]
async fn caller_under_load_proves_its_address_and_connects() {
    let mut loaded = config();
    loaded.handshakes_before_retry_max = 0;
    let mut victim = Node::start_with(loaded, key(8)).await;
    let mut caller = Node::start(key(7)).await;
    caller.dial(&victim);
    assert_eq!(caller.connected().await, (victim.id, true));
    assert_eq!(victim.connected().await, (caller.id, false));
}

#[tokio::test]
async fn peer_that_allows_no_stream_is_reported_with_that_reason() {
    let mut hasty = config();
    hasty.handshake_timeout = Duration::from_millis(200);
    let mut victim = Node::start_with(hasty, key(8)).await;
    let raw = Raw::without_streams(&victim, key(7)).await;
    assert_eq!(victim.connected().await.0, raw.id);
    assert_eq!(victim.disconnected().await, (raw.id, DisconnectReason::NoStreams));
    assert_eq!(raw.closed().await, CloseCode::Offense);
    drop(Arc::new(raw.endpoint));
}

#[tokio::test]
async fn regression_node_that_got_no_choice_closed_without_a_reason() {
    let (low, high) = low_and_high();
    let config = TransportConfig { handshake_timeout: Duration::from_secs(1), ..config() };
    let victim = Node::start_with(config, high).await;
    // The lower node chooses, and this one never does.
    let raw = Raw::connect(&victim, low).await;
    assert_eq!(raw.closed().await, CloseCode::Silent);
}
