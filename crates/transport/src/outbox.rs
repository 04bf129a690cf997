//! Writing: what QUIC takes at once goes at once, the rest waits in a bounded queue.

use std::{
    collections::VecDeque,
    pin::pin,
    slice,
    sync::Mutex,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use ensign_wire::{Kind, Lane};
use quinn::{SendStream, WriteError};

use crate::{
    lane::{LANES, PerLane},
    shared::locked,
};

/// What a queued frame costs beyond its bytes, so that small frames are bounded too.
///
/// Counted on a 64-bit machine: 32 bytes of `Bytes` in a queue that may be half empty, 48 of its
/// owner and 32 of counters and rounding in the allocation of the frame itself.
pub(crate) const FRAME_OVERHEAD: usize = 144;

/// Frames handed to QUIC one by one before the writer's task has run again.
///
/// Guess: a burst of a signing session. Whatever comes faster is written in larger pieces, because
/// quinn walks all unacknowledged pieces of a stream for each packet.
const DIRECT_WRITES_MAX: usize = 8;

/// Most bytes of queued frames joined to one piece.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// Frames on their way to one peer, in lanes of which none waits for another.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    /// The streams of the lanes that have one. Locked by the writer while [`Waiting::writing`], else
    /// only under the queue's lock: neither waits for the other here.
    streams: PerLane<Mutex<Option<SendStream>>>,
}

#[derive(Debug)]
struct Queue {
    lanes: PerLane<Waiting>,
    limits: Limits,
    closing: bool,
}

/// Most that may wait, in bytes, what a frame costs beyond its bytes included.
#[derive(Debug)]
pub(crate) enum Limits {
    /// In all lanes together.
    Stranger(usize),
    /// In each lane.
    Lanes(PerLane<usize>),
}

/// What waits in one lane.
#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Bytes>,
    /// Bytes and overhead of what waits, what is being written included.
    queued: usize,
    /// A pong waits. Another one would tell the peer nothing that it does not learn from this.
    pong_waits: bool,
    /// The writer holds a piece that goes before all queued frames.
    writing: bool,
    direct_writes: usize,
    writer: Option<Waker>,
}

/// Frames joined for one write, and what they cost in the queue.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    bytes: Bytes,
    cost: usize,
}

/// The queue is full, or the connection takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    Full { limit: usize },
    Closed,
}

impl Outbox {
    pub(crate) fn new(limits: Limits) -> Self {
        let queue = Queue { lanes: PerLane::default(), limits, closing: false };
        Self { queue: queue.into(), streams: PerLane::default() }
    }

    /// Hands a frame to QUIC, or queues it. A frame larger than the limit fits an empty queue. Of
    /// pongs at most one is queued; a peer that does not read the first gets no second.
    pub(crate) fn push(&self, kind: Kind, mut frame: Bytes) -> Result<(), PushError> {
        let lane = kind.lane();
        let mut queue = locked(&self.queue);
        if queue.closing {
            return Err(PushError::Closed);
        }
        let waiting = queue.lanes.get_mut(lane);
        if lane != Lane::Bulk && waiting.may_write_now() {
            waiting.direct_writes += 1;
            if self.write_now(lane, &mut frame)? {
                return Ok(());
            }
        }
        queue.push(kind, frame)
    }

    /// Gives the limits of a peer that is no stranger.
    pub(crate) fn lift(&self, limits: Limits) {
        locked(&self.queue).limits = limits;
    }

    /// Gives the stream of a lane.
    pub(crate) fn open(&self, lane: Lane, stream: SendStream) {
        *locked(self.streams.get(lane)) = Some(stream);
    }

    /// Takes no more frames; the writers end when what is queued has been written.
    pub(crate) fn close(&self) {
        let mut queue = locked(&self.queue);
        queue.closing = true;
        LANES.into_iter().for_each(|lane| wake(&mut queue.lanes.get_mut(lane).writer));
    }

    /// Ready once the outbox is closed and nothing waits in the lane.
    pub(crate) fn poll_over(&self, cx: &mut Context<'_>, lane: Lane) -> Poll<()> {
        let mut queue = locked(&self.queue);
        let closing = queue.closing;
        let waiting = queue.lanes.get_mut(lane);
        if closing && waiting.frames.is_empty() {
            return Poll::Ready(());
        }
        waiting.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Writes the queued frames of a lane; ready with the stream once the outbox is closed and the
    /// lane is empty.
    ///
    /// `piece` holds what is in the writer's hands between two calls.
    pub(crate) fn poll_frames(
        &self,
        cx: &mut Context<'_>,
        lane: Lane,
        piece: &mut Piece,
    ) -> Poll<Result<Option<SendStream>, WriteError>> {
        loop {
            if piece.bytes.is_empty() {
                let mut queue = locked(&self.queue);
                let closing = queue.closing;
                let waiting = queue.lanes.get_mut(lane);
                waiting.queued -= piece.cost;
                *piece = waiting.next_piece();
                if piece.cost == 0 {
                    if closing {
                        return Poll::Ready(Ok(locked(self.streams.get(lane)).take()));
                    }
                    waiting.writer = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
            let mut stream = locked(self.streams.get(lane));
            let Some(stream) = stream.as_mut() else { return Poll::Ready(Ok(None)) };
            ready!(pin!(stream.write_chunks(slice::from_mut(&mut piece.bytes))).poll(cx))?;
        }
    }

    /// Takes the next frame that has a stream of its own; ready with `None` once the outbox is closed
    /// and none waits.
    pub(crate) fn poll_bulk(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut queue = locked(&self.queue);
        let closing = queue.closing;
        let waiting = queue.lanes.get_mut(Lane::Bulk);
        if let Some(frame) = waiting.frames.pop_front() {
            return Poll::Ready(Some(frame));
        }
        if closing {
            return Poll::Ready(None);
        }
        waiting.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Gives back the room of such a frame, which has arrived.
    pub(crate) fn bulk_arrived(&self, frame: &Bytes) {
        locked(&self.queue).lanes.get_mut(Lane::Bulk).queued -= cost(frame);
    }

    /// Writes as much of `frame` as QUIC takes without waiting; true when that is all of it.
    ///
    /// Saves the hop through the writer's task. Whoever queues the rest wakes the writer, which
    /// then leaves its own waker with QUIC, or meets what is wrong with the stream and ends the connection.
    fn write_now(&self, lane: Lane, frame: &mut Bytes) -> Result<bool, PushError> {
        let mut stream = locked(self.streams.get(lane));
        let Some(stream) = stream.as_mut() else { return Ok(false) };
        let mut cx = Context::from_waker(Waker::noop());
        let len = frame.len();
        match pin!(stream.write_chunks(slice::from_mut(frame))).poll(&mut cx) {
            Poll::Ready(Ok(written)) => Ok(written.bytes == len),
            Poll::Ready(Err(WriteError::ConnectionLost(_))) => Err(PushError::Closed),
            Poll::Ready(Err(_)) | Poll::Pending => Ok(false),
        }
    }
}

impl Queue {
    fn push(&mut self, kind: Kind, frame: Bytes) -> Result<(), PushError> {
        let lane = kind.lane();
        let (queued, limit) = match &self.limits {
            Limits::Stranger(limit) => {
                (LANES.iter().map(|lane| self.lanes.get(*lane).queued).sum(), *limit)
            }
            Limits::Lanes(limits) => (self.lanes.get(lane).queued, *limits.get(lane)),
        };
        let waiting = self.lanes.get_mut(lane);
        if kind == Kind::Pong && std::mem::replace(&mut waiting.pong_waits, true) {
            return Ok(());
        }
        if queued > 0 && queued + cost(&frame) > limit {
            return Err(PushError::Full { limit });
        }
        waiting.queued += cost(&frame);
        waiting.frames.push_back(frame);
        wake(&mut waiting.writer);
        Ok(())
    }
}

impl Waiting {
    fn may_write_now(&self) -> bool {
        self.frames.is_empty() && !self.writing && self.direct_writes < DIRECT_WRITES_MAX
    }

    /// Takes the oldest frames, joined so that QUIC has few pieces; of no cost when none waits.
    fn next_piece(&mut self) -> Piece {
        let mut len = 0;
        let fits = |frame: &&Bytes| {
            len += frame.len();
            len <= PIECE_BYTES_MAX
        };
        let count = self.frames.iter().take_while(fits).count();
        self.direct_writes = 0;
        self.pong_waits = false;
        self.writing = !self.frames.is_empty();
        if count < 2 {
            let bytes = self.frames.pop_front();
            return bytes.map_or_else(Piece::default, |bytes| Piece { cost: cost(&bytes), bytes });
        }
        let mut bytes = Vec::with_capacity(len.min(PIECE_BYTES_MAX));
        self.frames.drain(..count).for_each(|frame| bytes.extend_from_slice(&frame));
        Piece { cost: bytes.len() + count * FRAME_OVERHEAD, bytes: bytes.into() }
    }
}

fn wake(writer: &mut Option<Waker>) {
    if let Some(writer) = writer.take() {
        writer.wake();
    }
}

fn cost(frame: &Bytes) -> usize {
    frame.len() + FRAME_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Bytes {
        Bytes::from_static(&[0; 8])
    }

    const COST: usize = FRAME_OVERHEAD + 8;

    #[test]
    fn full_lane_refuses_until_there_is_room_again_and_leaves_the_others_alone() {
        let outbox = Outbox::new(Limits::Lanes(PerLane::of(COST, 2 * COST, COST)));
        let full = |limit| Err(PushError::Full { limit });
        assert_eq!(outbox.push(Kind::Payload, frame()), Ok(()));
        assert_eq!(outbox.push(Kind::Payload, frame()), full(COST));
        assert_eq!(outbox.push(Kind::Ping, frame()), Ok(()));
        assert_eq!(outbox.push(Kind::Ping, frame()), Ok(()));
        assert_eq!(outbox.push(Kind::Ping, frame()), full(2 * COST));
        assert_eq!(outbox.push(Kind::NonceAck, frame()), Ok(()));
        assert_eq!(outbox.push(Kind::NonceAck, frame()), full(COST));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(payload)) = outbox.poll_bulk(&mut cx) else { panic!("no payload") };
        assert_eq!(outbox.push(Kind::Payload, frame()), full(COST));
        outbox.bulk_arrived(&payload);
        assert_eq!(outbox.push(Kind::Payload, frame()), Ok(()));
    }

    #[test]
    fn all_lanes_of_a_stranger_share_one_limit() {
        let outbox = Outbox::new(Limits::Stranger(2 * COST));
        assert_eq!(outbox.push(Kind::Payload, frame()), Ok(()));
        assert_eq!(outbox.push(Kind::Ping, frame()), Ok(()));
        for kind in [Kind::NonceAck, Kind::Ping, Kind::Payload] {
            assert_eq!(outbox.push(kind, frame()), Err(PushError::Full { limit: 2 * COST }));
        }
    }

    #[test]
    fn closed_outbox_refuses_and_ends_its_writers_when_empty() {
        let outbox = Outbox::new(Limits::Stranger(1000));
        assert_eq!(outbox.push(Kind::Payload, frame()), Ok(()));
        outbox.close();
        assert_eq!(outbox.push(Kind::Ping, frame()), Err(PushError::Closed));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(outbox.poll_over(&mut cx, Lane::Bulk).is_pending());
        assert!(matches!(outbox.poll_bulk(&mut cx), Poll::Ready(Some(_))));
        assert!(matches!(outbox.poll_bulk(&mut cx), Poll::Ready(None)));
        for lane in [Lane::Signing, Lane::Control] {
            assert!(outbox.poll_over(&mut cx, lane).is_ready());
            let ended = outbox.poll_frames(&mut cx, lane, &mut Piece::default());
            assert!(matches!(ended, Poll::Ready(Ok(None))));
        }
    }
}
