//! One connection in use: its tasks, its end.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use ensign_primitives::{Direction, LinkId, PeerId, sha256};
use ensign_wire::{Kind, Lane};
use quinn::{Connection, RecvStream, SendStream, VarInt, WriteError};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, watch},
    time::{sleep, timeout},
};

use crate::{
    CloseCode, DisconnectReason, Traffic, TransportConfig, TransportEvent,
    inbox::{self, PAYLOADS_AT_ONCE_MAX},
    lane::{self, LANES, PerLane},
    latch::Latch,
    outbox::{Limits, Outbox, Piece, PushError},
    places::Place,
    quic,
    settle::Newcomer,
    shared::Shared,
};

/// A connection that was chosen to be the one to its peer.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) peer: PeerId,
    pub(crate) connection: Connection,
    direction: Direction,
    place: Place,
    outbox: Outbox,
    /// What each lane takes once the peer is no stranger.
    queue_bytes_max: PerLane<usize>,
    /// Frames that found their lane full, until the owner is told.
    dropped: PerLane<AtomicU32>,
    dropping: Notify,
    /// How many frames found their lane full, from the beginning.
    dropped_in_all: AtomicU32,
    /// Lanes that the peer has opened.
    opened: PerLane<Latch>,
    /// Frames that the owner has not taken from the queue of events.
    untaken: AtomicUsize,
    all_taken: Notify,
    /// Payloads that may be read now: none before admission.
    payloads: Semaphore,
    /// The peer is expected or admitted: no stranger.
    welcome: Latch,
    admitted: Latch,
    /// How many came while it was a stranger.
    frames: AtomicU32,
    /// How many may.
    pub(crate) frames_max: u32,
    duplicate_refused: AtomicBool,
    /// Why it ends, when that is for us to say.
    verdict: OnceLock<DisconnectReason>,
    closing: watch::Sender<Option<CloseCode>>,
    ended: Latch,
}

impl Link {
    pub(crate) fn new(id: LinkId, newcomer: Newcomer, config: &TransportConfig) -> Self {
        let Newcomer { peer, connection, direction, place } = newcomer;
        Self {
            id,
            peer,
            connection,
            direction,
            place,
            outbox: Outbox::new(Limits::Stranger(config.stranger_queue_bytes_max)),
            queue_bytes_max: PerLane::of(
                config.signing_queue_bytes_max,
                config.control_queue_bytes_max,
                config.bulk_queue_bytes_max,
            ),
            dropped: PerLane::default(),
            dropping: Notify::new(),
            dropped_in_all: AtomicU32::new(0),
            opened: PerLane::default(),
            untaken: AtomicUsize::new(0),
            all_taken: Notify::new(),
            payloads: Semaphore::new(0),
            welcome: Latch::default(),
            admitted: Latch::default(),
            frames: AtomicU32::new(0),
            frames_max: config.stranger_frames_max,
            duplicate_refused: AtomicBool::new(false),
            verdict: OnceLock::new(),
            closing: watch::Sender::new(None),
            ended: Latch::default(),
        }
    }

    /// Hands a frame to QUIC or queues it; never waits.
    ///
    /// A stranger that does not read what it asked for is closed. Of others a full signing lane ends
    /// the connection, since none of its frames may be missing; what finds another lane full is
    /// dropped and counted.
    pub(crate) fn send(&self, kind: Kind, frame: Bytes) -> Result<(), PushError> {
        let pushed = self.outbox.push(kind, frame);
        let Err(PushError::Full { limit }) = pushed else { return pushed };
        let lane = kind.lane();
        if !self.is_welcome() {
            self.fail(DisconnectReason::NotReading, CloseCode::Offense);
            return Err(PushError::Closed);
        } else if lane == Lane::Signing {
            self.fail(DisconnectReason::LaneFull { lane, limit }, CloseCode::Unwanted);
        } else {
            self.dropped.get(lane).fetch_add(1, Ordering::Relaxed);
            self.dropped_in_all.fetch_add(1, Ordering::Relaxed);
            self.dropping.notify_one();
        }
        pushed
    }

    /// Returns how the connection fares.
    pub(crate) fn traffic(&self) -> Traffic {
        let stats = self.connection.stats();
        Traffic {
            round_trip: stats.path.rtt,
            bytes_in: stats.udp_rx.bytes,
            bytes_out: stats.udp_tx.bytes,
            dropped: self.dropped_in_all.load(Ordering::Relaxed),
        }
    }

    /// Treats the peer as no stranger: it gives way to nobody, and may have more queued for it.
    pub(crate) fn welcome(&self) {
        if self.welcome.set() {
            self.place.hold();
            self.outbox.lift(Limits::Lanes(self.queue_bytes_max));
            quic::welcome(&self.connection);
        }
    }

    /// Gives the peer the limits of an admitted one.
    pub(crate) fn admit(&self) {
        self.welcome();
        if self.admitted.set() {
            quic::admit(&self.connection);
            self.payloads.add_permits(PAYLOADS_AT_ONCE_MAX);
        }
    }

    /// Returns a secret of this connection alone, the same at both ends.
    fn exporter(&self) -> [u8; 32] {
        let mut exporter = [0; 32];
        let exported = self.connection.export_keying_material(&mut exporter, EXPORTER_LABEL, &[]);
        if exported.is_err() {
            // No other end has this one: nothing is proven by it.
            exporter = sha256(&[self.peer.as_bytes(), &self.id.0.to_le_bytes()[..]].concat());
        }
        exporter
    }

    pub(crate) fn is_welcome(&self) -> bool {
        self.welcome.is_set()
    }

    /// Counts a frame that came; false when a stranger has sent more than it may.
    pub(crate) fn may_say_more(&self) -> bool {
        self.is_welcome() || self.frames.fetch_add(1, Ordering::Relaxed) < self.frames_max
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted.is_set()
    }

    /// Waits until the peer is admitted; `None` when the connection ends before.
    pub(crate) async fn admitted(&self) -> Option<()> {
        tokio::select! {
            biased;
            () = self.admitted.wait() => Some(()),
            _ = self.connection.closed() => None,
        }
    }

    /// Notes that the peer has opened a lane; false when it had done so before.
    pub(crate) fn note_opened(&self, lane: Lane) -> bool {
        self.opened.get(lane).set()
    }

    pub(crate) fn note_untaken(&self) {
        self.untaken.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn note_taken(&self) {
        if self.untaken.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.all_taken.notify_waiters();
        }
    }

    /// Waits until the owner has taken every frame.
    async fn all_taken(&self) {
        loop {
            let mut taken = pin!(self.all_taken.notified());
            taken.as_mut().enable();
            if self.untaken.load(Ordering::SeqCst) == 0 {
                return;
            }
            taken.await;
        }
    }

    /// Ends the connection after what is queued has arrived, or the flush timeout has passed.
    pub(crate) fn close(&self, code: CloseCode) {
        if self.verdict.set(DisconnectReason::Ours { code }).is_ok() {
            self.outbox.close();
            self.closing.send_replace(Some(code));
        }
    }

    /// Ends the connection at once for a reason that stands.
    pub(crate) fn fail(&self, reason: DisconnectReason, code: CloseCode) {
        let _ = self.verdict.set(reason);
        self.outbox.close();
        self.connection.close(code.to_wire().into(), &[]);
    }

    /// Tells whether we are closing: frames that arrive now are no longer delivered.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.verdict.get(), Some(DisconnectReason::Ours { .. }))
    }

    /// Tells whether the connection can no longer be used.
    pub(crate) fn is_over(&self) -> bool {
        self.verdict.get().is_some() || self.connection.close_reason().is_some()
    }

    /// Waits until `Down` has been reported and the peer's place in the map is free.
    pub(crate) async fn ended(&self) {
        self.ended.wait().await;
    }

    /// Tells whether a further connection from the same peer takes this one's place.
    ///
    /// A peer dials one connection at a time, so when it dialled this one too, it has lost it. When
    /// we dialled this one, the first further connection is a simultaneous dial; a second says that
    /// the peer, told about the duplicate, still has no connection.
    pub(crate) fn yields_to_incoming(&self) -> bool {
        self.direction == Direction::Inbound || self.duplicate_refused.swap(true, Ordering::Relaxed)
    }

    /// Makes QUIC send something, so that a peer that restarted says that it lost the connection.
    pub(crate) fn probe(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(Ok(mut stream)) = pin!(self.connection.open_uni()).poll(&mut cx) {
            let _ = stream.finish();
        }
    }

    /// Waits until a payload of an admitted peer may be read, also when the connection has ended: what
    /// arrived before its end is delivered.
    pub(crate) async fn payload_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.payloads.acquire().await.ok()
    }
}

/// Names what the exported secret is for (RFC 8446, 7.5).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-ensign-link";

/// Serves a connection from `Up` to `Down`.
///
/// `first`: the stream by which the peer told its choice; `None` when the choice is ours to tell.
pub(crate) async fn run(shared: Arc<Shared>, link: Arc<Link>, first: Option<RecvStream>) {
    let remote = plain(link.connection.remote_address());
    let (id, peer, direction) = (link.id, link.peer, link.direction);
    let (exporter, round_trip) = (link.exporter(), link.connection.rtt());
    let up = TransportEvent::Up { link: id, peer, remote, direction, exporter, round_trip };
    let tell = async {
        let opening = open(&link, first.is_none());
        if timeout(shared.config.handshake_timeout, opening).await.is_err() {
            link.fail(DisconnectReason::NoStreams, CloseCode::Offense);
        }
        let _ = shared.emit(up).await;
    };
    let is_told = tokio::select! {
        biased;
        // Whoever gives way while nobody reads our events was never there: its task does not wait.
        () = link.place.evicted() => false,
        () = tell => true,
    };
    if !link.place.hold() {
        link.fail(DisconnectReason::Ours { code: CloseCode::Unwanted }, CloseCode::Unwanted);
    }
    if !is_told {
        return leave(&shared, &link);
    }
    tokio::join!(
        inbox::read_streams(&shared, &link, first),
        write_until_closed(&link, shared.config.flush_timeout),
        expect_lanes(&link, shared.config.admission_timeout),
        tell_of_drops(&shared, &link),
    );
    link.outbox.close();
    tell_dropped(&shared, &link).await;
    tokio::select! {
        biased;
        () = link.all_taken() => {}
        () = shared.closed.wait() => {}
    }
    let error = link.connection.closed().await;
    let reason = link.verdict.get_or_init(|| DisconnectReason::of(&error)).clone();
    let _ = shared.emit(TransportEvent::Down { link: id, peer, reason }).await;
    leave(&shared, &link);
}

/// Frees the peer's place for its next connection, and the connection's for another.
fn leave(shared: &Shared, link: &Arc<Link>) {
    link.place.release();
    shared.remove(link);
    link.ended.set();
}

/// Opens the control lane; before it, when we choose, the empty stream that says so.
async fn open(link: &Link, choice_is_ours: bool) {
    if choice_is_ours {
        let Ok(mut choice) = link.connection.open_uni().await else { return };
        let _ = choice.finish();
    }
    open_lane(link, Lane::Control).await;
}

async fn open_lane(link: &Link, lane: Lane) {
    if let Some(stream) = open_stream(link, lane).await {
        link.outbox.open(lane, stream);
    }
}

/// Opens a stream that says which lane it is of; `None` when the connection ends before.
async fn open_stream(link: &Link, lane: Lane) -> Option<SendStream> {
    let mut stream = link.connection.open_uni().await.ok()?;
    let _ = stream.set_priority(lane::priority(lane));
    stream.write_all(&[lane::id(lane)]).await.ok()?;
    Some(stream)
}

/// Ends the connection of an admitted peer that leaves a lane closed: nothing could be said there.
async fn expect_lanes(link: &Link, limit: Duration) {
    if link.admitted().await.is_none() {
        return;
    }
    for lane in [Lane::Control, Lane::Signing] {
        let opened = async {
            tokio::select! {
                biased;
                () = link.opened.get(lane).wait() => {}
                _ = link.connection.closed() => {}
            }
        };
        if timeout(limit, opened).await.is_err() {
            link.fail(DisconnectReason::LaneNeverOpened { lane }, CloseCode::Silent);
        }
    }
}

/// Tells the owner what was dropped, however often in one event.
async fn tell_of_drops(shared: &Shared, link: &Link) {
    loop {
        tokio::select! {
            biased;
            _ = link.connection.closed() => return,
            () = link.dropping.notified() => tell_dropped(shared, link).await,
        }
    }
}

async fn tell_dropped(shared: &Shared, link: &Link) {
    for lane in LANES {
        let frames = link.dropped.get(lane).swap(0, Ordering::Relaxed);
        if frames > 0 {
            let _ = shared.emit(TransportEvent::Dropped { link: link.id, lane, frames }).await;
        }
    }
}

async fn write_until_closed(link: &Link, flush_timeout: Duration) {
    let mut closing = link.closing.subscribe();
    let overdue = async {
        let _ = closing.wait_for(Option::is_some).await;
        sleep(flush_timeout).await;
    };
    tokio::select! {
        biased;
        _ = async {
            let signing = write_lane(link, Lane::Signing);
            tokio::join!(signing, write_lane(link, Lane::Control), write_bulk(link))
        } => {}
        () = overdue => {}
        _ = link.connection.closed() => {}
    }
    let code = *link.closing.borrow();
    if let Some(code) = code {
        link.connection.close(code.to_wire().into(), &[]);
    }
}

/// Writes the frames of a lane in order. The signing lane is opened here: a peer that does not know us
/// yet may allow no stream for it.
async fn write_lane(link: &Link, lane: Lane) {
    if lane == Lane::Signing {
        tokio::select! {
            biased;
            () = open_lane(link, lane) => {}
            () = poll_fn(|cx| link.outbox.poll_over(cx, lane)) => return,
        }
    }
    let mut piece = Piece::default();
    match poll_fn(|cx| link.outbox.poll_frames(cx, lane, &mut piece)).await {
        Ok(Some(stream)) => arrived(link, stream).await,
        Ok(None) => {}
        Err(error) => broken(link, &error),
    }
}

/// Writes one frame of bulk after another, each on its own stream, each until the peer has it: so what
/// QUIC holds of them is never more than one stream's window, and leaves room for the other lanes.
async fn write_bulk(link: &Link) {
    while let Some(frame) = poll_fn(|cx| link.outbox.poll_bulk(cx)).await {
        let Some(mut stream) = open_stream(link, Lane::Bulk).await else { return };
        if let Err(error) = stream.write_chunk(frame.clone()).await {
            return broken(link, &error);
        }
        arrived(link, stream).await;
        link.outbox.bulk_arrived(&frame);
    }
}

/// Ends a stream and waits until the peer's QUIC has all of it.
async fn arrived(link: &Link, mut stream: SendStream) {
    let _ = stream.finish();
    if let Ok(Some(code)) = stream.stopped().await {
        stopped(link, code);
    }
}

fn broken(link: &Link, error: &WriteError) {
    if let WriteError::Stopped(code) = error {
        stopped(link, *code);
    }
}

/// A peer that refuses to read a stream has lost frames; only the end of the connection says so.
fn stopped(link: &Link, code: VarInt) {
    let reason = DisconnectReason::StreamBroken { code: code.into_inner() };
    link.fail(reason, CloseCode::Offense);
}

/// Returns the address as others know it: a node that listens at `[::]` sees IPv4 in the clothes of
/// IPv6.
fn plain(remote: SocketAddr) -> SocketAddr {
    SocketAddr::new(remote.ip().to_canonical(), remote.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_peer_is_told_by_its_ipv4_address() {
        for (seen, told) in [
            ("[::ffff:192.0.2.7]:4820", "192.0.2.7:4820"),
            ("192.0.2.7:4820", "192.0.2.7:4820"),
            ("[2001:db8::1]:4820", "[2001:db8::1]:4820"),
        ] {
            assert_eq!(plain(seen.parse().unwrap()), told.parse().unwrap());
        }
    }
}
