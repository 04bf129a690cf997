//! Peers that nobody expects: what they may hold, and who gets in beside them.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use ensign_identity::NodeKey;
use ensign_primitives::{PeerId, QueryId};
use ensign_ratelimit::{Allowance, HandshakeLimits};
use ensign_wire::{Audience, Frame, Hello, Kind, Lane, Limits, PROTOCOL_VERSION, Role, Roles};
use quinn::{
    AsyncUdpSocket, Connection, Endpoint, UdpPoller,
    udp::{RecvMeta, Transmit},
};

use super::node::{LOOPBACK, Node, Raw, config, dial, endpoint, key};
use crate::{
    CloseCode, DisconnectReason, STRANGER_FRAMES_MAX, SendError, TransportConfig, TransportEvent,
    chance::Chance, quic, tls::Identity,
};

fn hello() -> Frame {
    Frame::Hello(Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        observed: None,
        limits: Limits { payload_bytes: 0, messages: 0, requests: 0 },
    })
}

/// The header of a statement with a body as long as its kind allows, and no byte of it.
fn header(kind: Kind) -> Vec<u8> {
    let mut header = vec![kind.id()];
    let mut rest = kind.limit();
    while rest >= 0x80 {
        header.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    header.push(rest as u8);
    header
}

/// A key of its own for each number.
fn numbered(number: usize) -> Arc<NodeKey> {
    let mut secret = [0x77; 32];
    secret[..2].copy_from_slice(&(number as u16 + 1).to_be_bytes());
    Arc::new(NodeKey::from_secret_bytes(secret).unwrap())
}

/// Connects as many strangers as asked for, all from one address; each is kept until it is dropped.
async fn crowd(victim: &Node, count: usize) -> (Endpoint, Vec<Connection>) {
    let identity = Identity::new(key(7), config().network);
    let (endpoint, _) = endpoint(&config(), &key(7), &identity);
    let mut crowd = Vec::new();
    for number in 0..count {
        let identity = Identity::new(numbered(number), config().network);
        let quic = quic::connection(&config());
        crowd.push(dial(&endpoint, victim, &identity, quic).await.unwrap());
    }
    (endpoint, crowd)
}

/// Takes what happens to strangers out of the events until `peer` is connected.
async fn connected(node: &mut Node, peer: PeerId) {
    loop {
        match node.next().await {
            TransportEvent::Up { peer: who, .. } if who == peer => return,
            TransportEvent::Up { .. } | TransportEvent::Down { .. } => {}
            other => panic!("expected Up, saw {other:?}"),
        }
    }
}

#[tokio::test]
async fn regression_strangers_that_held_every_place_kept_expected_peers_out() {
    let mut small = config();
    small.links_max = 64;
    // Places are what is asked for here, not the pace.
    let any = Allowance { burst: 1024, per_minute: 60 };
    small.handshakes =
        HandshakeLimits { of_address: any, of_network: any, in_all: any, ..small.handshakes };
    let mut victim = Node::start_with(small.clone(), key(8)).await;
    let (_endpoint, crowd) = crowd(&victim, 512).await;
    // From the address of the strangers, and from one where nobody was seen before.
    for (member, address) in [(5, [127, 0, 0, 1]), (6, [127, 0, 0, 2])] {
        victim.transport.expect(key(member).peer_id());
        let mut moved = config();
        moved.listen = (address, 0).into();
        let mut member = Node::start_with(moved, key(member)).await;
        member.dial(&victim);
        // Not one dial fails.
        assert_eq!(member.connected().await, (victim.id, true));
        connected(&mut victim, member.id).await;
    }
    let held = crowd.iter().filter(|connection| connection.close_reason().is_none()).count();
    assert!(held <= small.links_max, "{held} strangers");
}

#[tokio::test]
async fn stranger_beyond_all_links_is_refused_and_a_freed_place_is_given_again() {
    let mut small = config();
    small.links_max = 1;
    let mut victim = Node::start_with(small, key(8)).await;
    let first = Raw::choosing(&victim, key(7)).await;
    assert_eq!(victim.connected().await.0, first.id);
    let second = Raw::connect(&victim, key(6)).await;
    assert_eq!(second.closed().await, CloseCode::Unwanted);
    first.connection.close(CloseCode::Unwanted.to_wire().into(), &[]);
    assert_eq!(victim.disconnected().await.0, first.id);
    let third = Raw::choosing(&victim, key(6)).await;
    assert_eq!(victim.connected().await.0, third.id);
}

#[tokio::test]
async fn stranger_that_gives_way_before_it_was_reported_is_never_reported() {
    let mut small = config();
    (small.handshakes_per_ip_max, small.event_queue_max) = (1, 1);
    let mut victim = Node::start_with(small, key(8)).await;
    // The first fills the queue of events, which nobody reads; the second waits behind it.
    let elder = Raw::choosing(&victim, key(7)).await;
    while victim.events.is_empty() {
        tokio::task::yield_now().await;
    }
    let younger = Raw::choosing(&victim, key(6)).await;
    // Refused until the second has had its time.
    let identity = Identity::new(key(5), config().network);
    let (endpoint, _) = endpoint(&config(), &key(5), &identity);
    let third = loop {
        let dialled = dial(&endpoint, &victim, &identity, quic::connection(&config())).await;
        if let Ok(connection) = dialled {
            break connection;
        }
    };
    third.open_uni().await.unwrap().finish().unwrap();
    assert_eq!(younger.closed().await, CloseCode::Unwanted);
    assert_eq!(victim.connected().await.0, elder.id);
    assert_eq!(victim.connected().await.0, key(5).peer_id());
}

#[tokio::test]
async fn regression_stranger_that_reads_nothing_made_us_hold_megabytes() {
    let mut victim = Node::start(key(8)).await;
    let raw = Raw::reading_little(&victim, key(7), 1).await;
    victim.connected().await;
    let payload = || Frame::Payload {
        request: ensign_primitives::RequestId::from_bytes([1; 32]),
        bytes: vec![1; 1000],
    };
    let mut taken = 0;
    while victim.send(raw.id, &payload()).is_ok() {
        taken += 1;
    }
    assert!((10..=16).contains(&taken), "{taken} frames of 1 kB");
    assert_eq!(victim.disconnected().await, (raw.id, DisconnectReason::NotReading));
    assert_eq!(raw.closed().await, CloseCode::Offense);
}

#[tokio::test]
async fn pongs_that_are_not_read_are_one() {
    let mut victim = Node::start(key(8)).await;
    let raw = Raw::reading_little(&victim, key(7), 1).await;
    victim.connected().await;
    for number in 0..100_000 {
        victim.send(raw.id, &Frame::Pong(QueryId(number))).unwrap();
    }
    victim.disconnect(raw.id, CloseCode::Unwanted);
    assert_eq!(victim.disconnected().await.0, raw.id);
}

#[tokio::test]
async fn admitted_peer_that_reads_slowly_is_told_of_and_kept() {
    let mut victim = Node::start(key(8)).await;
    let raw = Raw::reading_little(&victim, key(7), 1).await;
    victim.connected().await;
    victim.admit(raw.id);
    let frame = Frame::Payload {
        request: ensign_primitives::RequestId::from_bytes([1; 32]),
        bytes: vec![1; 1 << 20],
    };
    let mut taken = 0;
    let error = loop {
        match victim.send(raw.id, &frame) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    let limit = config().bulk_queue_bytes_max;
    assert_eq!(
        (taken, error),
        (3, SendError::QueueFull { link: victim.link(raw.id), lane: Lane::Bulk, limit })
    );
    let (link, lane) = (victim.link(raw.id), Lane::Bulk);
    assert_eq!(victim.next().await, TransportEvent::Dropped { link, lane, frames: 1 });
    raw.write(&Frame::Ping(QueryId(1)).encode()).await;
    assert_eq!(victim.frame().await, (raw.id, Frame::Ping(QueryId(1))));
}

#[tokio::test]
async fn strangers_frame_for_members_is_not_read_and_ends_its_connection_by_name() {
    let mut hasty = config();
    hasty.admission_timeout = Duration::from_millis(50);
    for kind in Kind::ALL.into_iter().filter(|kind| kind.audience() == Audience::Member) {
        let mut victim = Node::start_with(hasty.clone(), key(8)).await;
        let raw = Raw::choosing(&victim, key(7)).await;
        victim.connected().await;
        let mut control = raw.write(&hello().encode()).await;
        // A lane has one stream.
        if kind.lane() == Lane::Control {
            control.write_all(&header(kind)).await.unwrap();
        } else {
            raw.write_in(kind.lane(), &header(kind)).await;
        }
        assert_eq!(victim.frame().await, (raw.id, hello()));
        assert_eq!(victim.disconnected().await, (raw.id, DisconnectReason::NotAdmitted { kind }));
        assert_eq!(raw.closed().await, CloseCode::Offense);
    }
}

#[tokio::test]
async fn strangers_frame_for_members_without_a_hello_is_not_read_either() {
    let mut hasty = config();
    hasty.admission_timeout = Duration::from_millis(50);
    let mut victim = Node::start_with(hasty, key(8)).await;
    let raw = Raw::choosing(&victim, key(7)).await;
    victim.connected().await;
    let kind = Kind::SessionAnnounce;
    raw.write_in(Lane::Signing, &header(kind)).await;
    assert_eq!(victim.disconnected().await, (raw.id, DisconnectReason::NotAdmitted { kind }));
    assert_eq!(raw.closed().await, CloseCode::Offense);
}

#[tokio::test]
async fn frames_beside_the_hello_arrive_whole_after_admission() {
    let mut victim = Node::start(key(8)).await;
    let raw = Raw::choosing(&victim, key(7)).await;
    victim.connected().await;
    let kind = Kind::SessionAnnounce;
    // More than a stranger's window holds: the rest waits at its sender.
    let body = vec![5; kind.limit()];
    let mut stream = raw.write_in(Lane::Signing, &header(kind)).await;
    let bytes = [body.clone(), header(Kind::NonceAck), vec![6; Kind::NonceAck.limit()]].concat();
    let mut control = raw.write(&hello().encode()).await;
    let mut writing = pin!(stream.write_all(&bytes));
    let first = tokio::select! {
        written = &mut writing => panic!("written without admission: {written:?}"),
        first = victim.frame() => first,
    };
    assert_eq!(first, (raw.id, hello()));
    assert!(writing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    victim.admit(raw.id);
    writing.await.unwrap();
    let link = victim.link(raw.id);
    assert_eq!(victim.next().await, TransportEvent::Frame { link, kind, body });
    assert!(matches!(victim.next().await, TransportEvent::Frame { kind: Kind::NonceAck, .. }));
    control.write_all(&Frame::Ping(QueryId(1)).encode()).await.unwrap();
    assert_eq!(victim.frame().await, (raw.id, Frame::Ping(QueryId(1))));
}

#[tokio::test]
async fn expected_peers_frame_before_its_hello_waits_and_does_not_hold_up_the_hello() {
    let mut victim = Node::start(key(8)).await;
    victim.transport.expect(key(7).peer_id());
    let raw = Raw::choosing(&victim, key(7)).await;
    victim.connected().await;
    raw.write_in(Lane::Signing, &[Kind::SessionJoin.id(), 1, 0]).await;
    raw.write(&hello().encode()).await;
    assert_eq!(victim.frame().await, (raw.id, hello()));
    victim.admit(raw.id);
    assert!(matches!(victim.next().await, TransportEvent::Frame { kind: Kind::SessionJoin, .. }));
}

#[tokio::test]
async fn handshakes_that_are_never_finished_keep_nobody_out() {
    let mut crowded = config();
    crowded.handshakes_before_retry_max = usize::MAX;
    crowded.handshakes_per_ip_max = 4;
    crowded.handshake_timeout = Duration::from_secs(3600);
    let mut victim = Node::start_with(crowded, key(8)).await;
    let socket = Arc::new(Deaf(quic::udp(LOOPBACK).unwrap()));
    let identity = Identity::new(key(7), config().network);
    let (endpoint, _) =
        quic::endpoint(&config(), &key(7), &identity, socket, &Chance::System).unwrap();
    let begin = || dial(&endpoint, &victim, &identity, quic::connection(&config()));
    let half_open: Vec<_> = (0..40).map(|_| begin()).collect();
    while victim.transport.handshaking() < 4 {
        tokio::task::yield_now().await;
    }
    let mut member = Node::start(key(6)).await;
    victim.transport.expect(member.id);
    member.dial(&victim);
    // It is refused while no handshake has had its time, and dials again.
    while let TransportEvent::DialFailed { .. } = member.next().await {
        member.dial(&victim);
    }
    connected(&mut victim, member.id).await;
    assert!(victim.transport.handshaking() <= 4);
    drop(half_open);
}

/// A socket that sends and hears nothing.
#[derive(Debug)]
struct Deaf(Arc<dyn AsyncUdpSocket>);

impl AsyncUdpSocket for Deaf {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.0.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.try_send(transmit)
    }

    fn poll_recv(
        &self,
        _: &mut Context<'_>,
        _: &mut [IoSliceMut<'_>],
        _: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// How many frames of a stranger, which says them without end, are heard.
async fn heard_of_a_stranger(config: TransportConfig) -> u32 {
    let limit = config.stranger_frames_max;
    let mut victim = Node::start_with(config, key(1)).await;
    let mut stranger = Node::start(key(2)).await;
    stranger.dial(&victim);
    victim.connected().await;
    stranger.connected().await;
    for number in 0..10_000 {
        let _ = stranger.send(victim.id, &Frame::Ping(QueryId(number)));
    }
    let mut frames = 0;
    let reason = loop {
        match victim.next().await {
            TransportEvent::Frame { .. } => frames += 1,
            TransportEvent::Down { reason, .. } => break reason,
            _ => {}
        }
    };
    assert_eq!(reason, DisconnectReason::TooManyFrames { limit });
    frames
}

#[tokio::test]
async fn regression_every_frame_of_a_stranger_went_all_the_way_however_many() {
    assert_eq!(heard_of_a_stranger(config()).await, STRANGER_FRAMES_MAX);
}

#[tokio::test]
async fn stranger_says_as_many_frames_as_are_set() {
    let more = TransportConfig { stranger_frames_max: 200, ..config() };
    assert_eq!(heard_of_a_stranger(more).await, 200);
}

#[tokio::test]
async fn neighbour_in_the_open_network_gets_the_answers_to_sixty_four_questions_at_once() {
    for (config, all) in [(config(), false), (config().open(Role::Signer), true)] {
        let mut victim = Node::start_with(config, key(1)).await;
        let mut stranger = Node::start(key(2)).await;
        stranger.dial(&victim);
        victim.connected().await;
        stranger.connected().await;
        // Four kilobytes each.
        let (kind, mut answer) = (Kind::DhtReply, vec![Kind::DhtReply.id(), 0xa0, 0x1f]);
        answer.resize(3 + 4000, 0);
        let link = victim.link(stranger.id);
        let sent = (0..64).map(|_| victim.transport.send(link, kind, answer.clone().into()));
        assert_eq!(sent.filter(Result::is_ok).count() == 64, all);
        for _ in 0..if all { 64 } else { 0 } {
            assert!(matches!(stranger.next().await, TransportEvent::Frame { .. }));
        }
    }
}
