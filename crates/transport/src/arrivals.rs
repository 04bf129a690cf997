//! What waits for the owner: a bounded queue for each lane, and the owner takes signing frames first.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ensign_wire::Lane;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::Instant,
};

use crate::{
    BULK_EVENT_QUEUE_MAX, TransportEvent,
    lane::{LANES, PerLane},
    latch::Latch,
    link::Link,
};

/// After so many frames the next is control or bulk in turn, if any of them waits, so that neither waits
/// for ever.
///
/// Guess: both go on however much is signed, and of sixteen signing frames one waits for one event.
const IN_ROW_MAX: u32 = 16;

/// The receiving end of a transport's events.
///
/// Connections and dials come first, then the lanes signing, control and bulk; every sixteenth frame
/// is control or bulk in turn, if any of them waits. A connection's frames come after its `Up` and before its
/// `Down`, those of one lane in their order, bulk apart.
#[derive(Debug)]
pub struct Arrivals {
    changes: mpsc::Receiver<Arrival>,
    frames: PerLane<mpsc::Receiver<Arrival>>,
    /// A frame that is next unless something has changed meanwhile.
    next: Option<Arrival>,
    in_row: u32,
    /// The lanes of the next frame out of the row, in order.
    turn: [Lane; 3],
    /// How long a frame has waited at most since somebody asked.
    waited: Duration,
}

/// The sending ends.
#[derive(Debug)]
pub(crate) struct Arriving {
    changes: mpsc::Sender<Arrival>,
    frames: PerLane<mpsc::Sender<Arrival>>,
}

/// An event on its way to the owner.
#[derive(Debug)]
struct Arrival {
    event: TransportEvent,
    /// Of a frame.
    of: Option<Untaken>,
}

impl Arrival {
    /// Hands the event out; of a connection that we are closing no frame.
    fn take(self) -> Option<TransportEvent> {
        let is_late = self.of.is_some_and(|untaken| untaken.link.is_closing());
        (!is_late).then_some(self.event)
    }
}

/// A frame that the owner has not taken: its connection's `Down` waits for it.
#[derive(Debug)]
struct Untaken {
    link: Arc<Link>,
    since: Instant,
}

impl Untaken {
    fn new(link: &Arc<Link>) -> Self {
        link.note_untaken();
        Self { link: Arc::clone(link), since: Instant::now() }
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.link.note_taken();
    }
}

/// Makes the two ends, with room for so many events in each queue.
pub(crate) fn channel(room: usize) -> (Arriving, Arrivals) {
    let room = room.max(1);
    let (to_changes, changes) = mpsc::channel(room);
    let (to_signing, signing) = mpsc::channel(room);
    let (to_control, control) = mpsc::channel(room);
    let (to_bulk, bulk) = mpsc::channel(room.min(BULK_EVENT_QUEUE_MAX));
    let to_frames = PerLane::of(to_signing, to_control, to_bulk);
    let frames = PerLane::of(signing, control, bulk);
    let arriving = Arriving { changes: to_changes, frames: to_frames };
    let turn = [Lane::Control, Lane::Bulk, Lane::Signing];
    (arriving, Arrivals { changes, frames, next: None, in_row: 0, turn, waited: Duration::ZERO })
}

impl Arriving {
    /// Reports what is no frame, waiting for room; `None` when nobody listens any more.
    pub(crate) async fn change(&self, event: TransportEvent, closed: &Latch) -> Option<()> {
        enter(&self.changes, Arrival { event, of: None }, closed).await
    }

    /// Reports a frame of a connection.
    pub(crate) async fn frame(
        &self,
        (link, lane): (&Arc<Link>, Lane),
        event: TransportEvent,
        closed: &Latch,
    ) -> Option<()> {
        let arrival = Arrival { event, of: Some(Untaken::new(link)) };
        enter(self.frames.get(lane), arrival, closed).await
    }
}

/// Once a queue is full, half of it has to be free again: a reader woken for each free place would
/// cost a task switch per frame.
async fn enter(to: &mpsc::Sender<Arrival>, arrival: Arrival, closed: &Latch) -> Option<()> {
    let arrival = match to.try_send(arrival) {
        Ok(()) => return Some(()),
        Err(TrySendError::Closed(_)) => return None,
        Err(TrySendError::Full(arrival)) => arrival,
    };
    let half = to.max_capacity().div_ceil(2);
    tokio::select! {
        biased;
        room = to.reserve_many(half) => room.ok()?.next().map(|free| free.send(arrival)),
        () = closed.wait() => None,
    }
}

impl Arrivals {
    /// Takes the next event; `None` when the transport is gone. Loses nothing when it is dropped
    /// before it is ready.
    pub async fn recv(&mut self) -> Option<TransportEvent> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Takes an event that waits, if any does; in the order of [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Option<TransportEvent> {
        loop {
            match self.changes.try_recv().ok().or_else(|| self.next.take()).map(Arrival::take) {
                Some(Some(event)) => return Some(event),
                Some(None) => {}
                None => self.next = Some(self.take_frame(|lane| lane.try_recv().ok())?),
            }
        }
    }

    /// Polls for the next event, as [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<TransportEvent>> {
        loop {
            // Looked at again once a frame is found: its connection's `Up` is there by then.
            match self.changes.try_recv().ok().or_else(|| self.next.take()).map(Arrival::take) {
                Some(Some(event)) => return Poll::Ready(Some(event)),
                Some(None) => continue,
                None => {}
            }
            let frame = self.take_frame(|lane| match lane.poll_recv(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => None,
            });
            if frame.is_none() {
                let change = self.changes.poll_recv(cx);
                return change.map(|change| change.map(|arrival| arrival.event));
            }
            self.next = frame;
        }
    }

    /// Returns how long a frame that was taken since the last call had waited at most: from when it was
    /// whole, the time included in which its queue had no room.
    pub fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    /// Returns how many frames of a lane wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self, lane: Lane) -> usize {
        self.frames.get(lane).len()
    }

    /// Whether nothing waits.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_none()
            && self.changes.is_empty()
            && LANES.into_iter().all(|lane| self.frames.get(lane).is_empty())
    }

    /// Takes a frame of the first lane that gives one.
    fn take_frame(
        &mut self,
        mut take: impl FnMut(&mut mpsc::Receiver<Arrival>) -> Option<Arrival>,
    ) -> Option<Arrival> {
        let is_turn = self.in_row >= IN_ROW_MAX;
        let order = if is_turn { self.turn } else { LANES };
        let frame_of = |lane| take(self.frames.get_mut(lane)).map(|frame| (lane, frame));
        let (lane, frame) = order.into_iter().find_map(frame_of)?;
        let waited = frame.of.as_ref().map(|untaken| untaken.since.elapsed());
        self.waited = self.waited.max(waited.unwrap_or_default());
        self.in_row = if is_turn { 1 } else { self.in_row + 1 };
        let [next, other, last] = self.turn;
        if is_turn && lane == next {
            self.turn = [other, next, last];
        }
        Some(frame)
    }
}
