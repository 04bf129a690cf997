//! Writing: what QUIC takes at once goes at once, the rest waits in a bounded queue.

use std::{
    collections::VecDeque,
    pin::pin,
    slice,
    sync::Mutex,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use ensign_wire::Kind;
use quinn::{SendStream, WriteError};

use crate::shared::locked;

/// What a queued frame costs beyond its bytes, so that small frames are bounded too.
///
/// Counted on a 64-bit machine: 32 bytes of `Bytes` in a queue that may be half empty, 48 of its
/// owner and 32 of counters and rounding in the allocation of the frame itself.
const FRAME_OVERHEAD: usize = 144;

/// Frames handed to QUIC one by one before the writer's task has run again.
///
/// Guess: a burst of a signing session. Whatever comes faster is written in larger pieces, because
/// quinn walks all unacknowledged pieces of a stream for each packet.
const DIRECT_WRITES_MAX: usize = 8;

/// Most bytes of queued frames joined to one piece.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// Frames on their way to one peer: those in order, and payloads, each for a stream of its own.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    /// The stream for frames in order. Locked by the writer while [`Queue::writing`], else only
    /// under the queue's lock: neither waits for the other here.
    stream: Mutex<Option<SendStream>>,
}

#[derive(Debug)]
struct Queue {
    frames: VecDeque<Bytes>,
    payloads: VecDeque<Bytes>,
    /// Bytes and overhead of what waits, what is being written included.
    queued: usize,
    limit: usize,
    /// A pong waits. Another one would tell the peer nothing that it does not learn from this.
    pong_waits: bool,
    /// The writer holds a piece that goes before all queued frames.
    writing: bool,
    direct_writes: usize,
    frame_writer: Option<Waker>,
    payload_writer: Option<Waker>,
    closing: bool,
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
    Full,
    Closed,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        let queue = Queue {
            frames: VecDeque::new(),
            payloads: VecDeque::new(),
            queued: 0,
            limit,
            pong_waits: false,
            writing: false,
            direct_writes: 0,
            frame_writer: None,
            payload_writer: None,
            closing: false,
        };
        Self { queue: queue.into(), stream: None.into() }
    }

    /// Hands a frame to QUIC, or queues it. A frame larger than the limit fits an empty queue. Of
    /// pongs at most one is queued; a peer that does not read the first gets no second.
    pub(crate) fn push(&self, kind: Kind, mut frame: Bytes) -> Result<(), PushError> {
        let mut queue = locked(&self.queue);
        if queue.closing {
            return Err(PushError::Closed);
        }
        if kind != Kind::Payload && queue.may_write_now() {
            queue.direct_writes += 1;
            if self.write_now(&mut frame)? {
                return Ok(());
            }
        }
        queue.push(kind, frame)
    }

    /// Raises the limit to that of a peer that is no stranger.
    pub(crate) fn lift(&self, limit: usize) {
        locked(&self.queue).limit = limit;
    }

    /// Gives the stream for frames in order.
    pub(crate) fn open(&self, stream: SendStream) {
        *locked(&self.stream) = Some(stream);
    }

    /// Takes no more frames; the writers end when what is queued has been written.
    pub(crate) fn close(&self) {
        let mut queue = locked(&self.queue);
        queue.closing = true;
        wake(&mut queue.frame_writer);
        wake(&mut queue.payload_writer);
    }

    /// Writes queued frames; ready with the stream once the outbox is closed and empty.
    ///
    /// `piece` holds what is in the writer's hands between two calls.
    pub(crate) fn poll_frames(
        &self,
        cx: &mut Context<'_>,
        piece: &mut Piece,
    ) -> Poll<Result<Option<SendStream>, WriteError>> {
        loop {
            if piece.bytes.is_empty() {
                let mut queue = locked(&self.queue);
                queue.queued -= piece.cost;
                *piece = queue.next_piece();
                if piece.cost == 0 {
                    if queue.closing {
                        return Poll::Ready(Ok(locked(&self.stream).take()));
                    }
                    queue.frame_writer = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
            let mut stream = locked(&self.stream);
            let Some(stream) = stream.as_mut() else { return Poll::Ready(Ok(None)) };
            ready!(pin!(stream.write_chunks(slice::from_mut(&mut piece.bytes))).poll(cx))?;
        }
    }

    /// Takes the next payload; ready with `None` once the outbox is closed and empty.
    pub(crate) fn poll_payload(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut queue = locked(&self.queue);
        if let Some(payload) = queue.payloads.pop_front() {
            return Poll::Ready(Some(payload));
        }
        if queue.closing {
            return Poll::Ready(None);
        }
        queue.payload_writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Gives back the room of a payload that has arrived.
    pub(crate) fn payload_arrived(&self, payload: &Bytes) {
        locked(&self.queue).queued -= cost(payload);
    }

    /// Writes as much of `frame` as QUIC takes without waiting; true when that is all of it.
    ///
    /// Saves the hop through the writer's task. Whoever queues the rest wakes the writer, which
    /// then leaves its own waker with QUIC.
    fn write_now(&self, frame: &mut Bytes) -> Result<bool, PushError> {
        let mut stream = locked(&self.stream);
        let Some(stream) = stream.as_mut() else { return Ok(false) };
        let mut cx = Context::from_waker(Waker::noop());
        let len = frame.len();
        match pin!(stream.write_chunks(slice::from_mut(frame))).poll(&mut cx) {
            Poll::Ready(Ok(written)) => Ok(written.bytes == len),
            Poll::Ready(Err(_)) => Err(PushError::Closed),
            Poll::Pending => Ok(false),
        }
    }
}

impl Queue {
    fn may_write_now(&self) -> bool {
        self.frames.is_empty() && !self.writing && self.direct_writes < DIRECT_WRITES_MAX
    }

    fn push(&mut self, kind: Kind, frame: Bytes) -> Result<(), PushError> {
        if kind == Kind::Pong && std::mem::replace(&mut self.pong_waits, true) {
            return Ok(());
        }
        if self.queued > 0 && self.queued + cost(&frame) > self.limit {
            return Err(PushError::Full);
        }
        self.queued += cost(&frame);
        let (queue, writer) = if kind == Kind::Payload {
            (&mut self.payloads, &mut self.payload_writer)
        } else {
            (&mut self.frames, &mut self.frame_writer)
        };
        queue.push_back(frame);
        wake(writer);
        Ok(())
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

    #[test]
    fn full_outbox_refuses_until_the_limit_is_free_again() {
        let outbox = Outbox::new(2 * (FRAME_OVERHEAD + 8));
        let frame = || Bytes::from_static(&[0; 8]);
        assert_eq!(outbox.push(Kind::Payload, frame()), Ok(()));
        assert_eq!(outbox.push(Kind::Ping, frame()), Ok(()));
        assert_eq!(outbox.push(Kind::Ping, frame()), Err(PushError::Full));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(payload)) = outbox.poll_payload(&mut cx) else { panic!("no payload") };
        assert_eq!(outbox.push(Kind::Ping, frame()), Err(PushError::Full));
        outbox.payload_arrived(&payload);
        assert_eq!(outbox.push(Kind::Ping, frame()), Ok(()));
    }

    #[test]
    fn closed_outbox_refuses_and_ends_its_writers_when_empty() {
        let outbox = Outbox::new(1000);
        assert_eq!(outbox.push(Kind::Payload, Bytes::from_static(&[0; 8])), Ok(()));
        outbox.close();
        assert_eq!(outbox.push(Kind::Ping, Bytes::from_static(&[0])), Err(PushError::Closed));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(outbox.poll_payload(&mut cx), Poll::Ready(Some(_))));
        assert!(matches!(outbox.poll_payload(&mut cx), Poll::Ready(None)));
        assert!(matches!(
            outbox.poll_frames(&mut cx, &mut Piece::default()),
            Poll::Ready(Ok(None))
        ));
    }
}
