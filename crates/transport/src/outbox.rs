//! Writing: what QUIC takes at once goes at once, the rest waits in a bounded queue.

use std::{
    collections::VecDeque,
    pin::pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use ensign_wire::Kind;
use quinn::{SendStream, WriteError};

/// What a queued frame costs beyond its bytes, so that small frames are bounded too.
const FRAME_OVERHEAD: usize = 64;

/// Frames on their way to one peer: those in order, and payloads, each for a stream of its own.
#[derive(Debug)]
pub(crate) struct Outbox {
    stream: Option<SendStream>,
    frames: VecDeque<Bytes>,
    payloads: VecDeque<Bytes>,
    /// Bytes and overhead of what waits, the payload being written included.
    queued: usize,
    limit: usize,
    frame_writer: Option<Waker>,
    payload_writer: Option<Waker>,
    closing: bool,
}

/// The queue is full, or the connection takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    Full,
    Closed,
}

impl Outbox {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            stream: None,
            frames: VecDeque::new(),
            payloads: VecDeque::new(),
            queued: 0,
            limit,
            frame_writer: None,
            payload_writer: None,
            closing: false,
        }
    }

    /// Hands a frame to QUIC, or queues it. A frame larger than the limit fits an empty queue.
    pub(crate) fn push(&mut self, kind: Kind, mut frame: Bytes) -> Result<(), PushError> {
        if self.closing {
            return Err(PushError::Closed);
        }
        if kind != Kind::Payload && self.frames.is_empty() && self.write_now(&mut frame)? {
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

    /// Gives the stream for frames in order.
    pub(crate) fn open(&mut self, stream: SendStream) {
        self.stream = Some(stream);
    }

    /// Takes no more frames; the writers end when what is queued has been written.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        wake(&mut self.frame_writer);
        wake(&mut self.payload_writer);
    }

    /// Writes queued frames; ready with the finished stream once the outbox is closed and empty.
    pub(crate) fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<SendStream>, WriteError>> {
        while let Some(stream) = self.stream.as_mut().filter(|_| !self.frames.is_empty()) {
            let bytes = self.frames.make_contiguous();
            let written = ready!(pin!(stream.write_chunks(bytes)).poll(cx))?;
            let frames = self.frames.drain(..written.chunks);
            self.queued -= written.bytes + frames.count() * FRAME_OVERHEAD;
        }
        if self.closing && self.frames.is_empty() {
            return Poll::Ready(Ok(self.stream.take()));
        }
        self.frame_writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes the next payload; ready with `None` once the outbox is closed and empty.
    pub(crate) fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(payload) = self.payloads.pop_front() {
            return Poll::Ready(Some(payload));
        }
        if self.closing {
            return Poll::Ready(None);
        }
        self.payload_writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Gives back the room of a payload that has arrived.
    pub(crate) fn payload_arrived(&mut self, payload: &Bytes) {
        self.queued -= cost(payload);
    }

    /// Writes as much of `frame` as QUIC takes without waiting; true when that is all of it.
    ///
    /// Saves the hop through the writer's task. Whoever queues the rest wakes the writer, which
    /// then leaves its own waker with QUIC.
    fn write_now(&mut self, frame: &mut Bytes) -> Result<bool, PushError> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let mut cx = Context::from_waker(Waker::noop());
        let len = frame.len();
        match pin!(stream.write_chunks(std::slice::from_mut(frame))).poll(&mut cx) {
            Poll::Ready(Ok(written)) => Ok(written.bytes == len),
            Poll::Ready(Err(_)) => Err(PushError::Closed),
            Poll::Pending => Ok(false),
        }
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
        let mut outbox = Outbox::new(2 * (FRAME_OVERHEAD + 8));
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
        let mut outbox = Outbox::new(1000);
        assert_eq!(outbox.push(Kind::Payload, Bytes::from_static(&[0; 8])), Ok(()));
        outbox.close();
        assert_eq!(outbox.push(Kind::Ping, Bytes::from_static(&[0])), Err(PushError::Closed));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(outbox.poll_payload(&mut cx), Poll::Ready(Some(_))));
        assert!(matches!(outbox.poll_payload(&mut cx), Poll::Ready(None)));
        assert!(matches!(outbox.poll_frames(&mut cx), Poll::Ready(Ok(None))));
    }
}
