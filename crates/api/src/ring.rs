//! The last events, for clients that read them as they come or come back for them.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::bounds::{EVENTS_BYTES_MAX, EVENTS_MAX, EVENTS_PIECE_MAX};

/// The name of one event: the run of the node that told it, and its number in that run. Displayed
/// and parsed as `EPOCH-SEQ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Different for each start of a node.
    pub epoch: u64,
    /// From 1 on, without a gap.
    pub seq: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.seq)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (epoch, seq) = text.trim().split_once('-').ok_or(NoPosition)?;
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| NoPosition)?;
        Ok(Self { epoch, seq: seq.parse().map_err(|_| NoPosition)? })
    }
}

/// What is no [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event's id looks like `5f3a-17`")]
pub struct NoPosition;

/// The last events of a node, as JSON. Clones are the same ring.
#[derive(Clone, Debug)]
pub(crate) struct Ring(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    epoch: u64,
    held: Mutex<Held>,
    /// The number of the latest event.
    latest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<Arc<str>>,
    bytes: usize,
    /// The number of the next event, from 1.
    next: u64,
}

impl Held {
    fn first(&self) -> u64 {
        self.next - self.events.len() as u64
    }
}

/// What a reader gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Events that follow each other, with the number of the first.
    Events(u64, Vec<Arc<str>>),
    /// What was asked for is not held any more; this is the first that is.
    Gap(u64),
    /// Nothing yet.
    Nothing,
}

impl Ring {
    /// Begins a run.
    pub(crate) fn new(epoch: u64) -> Self {
        let held = Mutex::new(Held { next: 1, ..Held::default() });
        Self(Arc::new(Shared { epoch, held, latest: watch::Sender::new(0) }))
    }

    /// Adds an event, one JSON object without line ends.
    pub(crate) fn push(&self, event: &str) {
        debug_assert!(!event.contains(['\n', '\r']), "it would end the field of the stream");
        let latest = {
            let mut held = self.held();
            held.bytes += event.len();
            held.events.push_back(event.into());
            held.next += 1;
            while held.events.len() > EVENTS_MAX || held.bytes > EVENTS_BYTES_MAX {
                let Some(old) = held.events.pop_front() else { break };
                held.bytes -= old.len();
            }
            held.next - 1
        };
        self.0.latest.send_replace(latest);
    }

    /// Returns the position of the latest event; its `seq` is 0 before the first.
    pub(crate) fn latest(&self) -> Position {
        self.at(self.held().next - 1)
    }

    pub(crate) fn at(&self, seq: u64) -> Position {
        Position { epoch: self.0.epoch, seq }
    }

    /// Returns the number to read from for a client that has seen the event `last`, and nothing
    /// where such an event was never told in this run.
    pub(crate) fn after(&self, last: Position) -> Option<u64> {
        let is_ours = last.epoch == self.0.epoch && last.seq < self.held().next;
        is_ours.then_some(last.seq + 1)
    }

    /// Returns what follows from number `seq` on.
    pub(crate) fn read(&self, seq: u64) -> Piece {
        let held = self.held();
        if seq < held.first() {
            return Piece::Gap(held.first());
        }
        let skipped = usize::try_from(seq - held.first()).unwrap_or(usize::MAX);
        let events: Vec<_> =
            held.events.iter().skip(skipped).take(EVENTS_PIECE_MAX).cloned().collect();
        if events.is_empty() { Piece::Nothing } else { Piece::Events(seq, events) }
    }

    /// Waits until an event with a number from `seq` on is there; for ever when none comes.
    pub(crate) async fn wait(&self, seq: u64) {
        let mut latest = self.0.latest.subscribe();
        // The sender lives in this ring.
        let _gone = latest.wait_for(|latest| *latest >= seq).await;
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        let position = Position { epoch: 0x5f3a, seq: 17 };
        assert_eq!(position.to_string(), "5f3a-17");
        assert_eq!("5f3a-17".parse(), Ok(position));
        for wrong in ["", "-", "17", "5f3a-", "x-1", "5f3a--1", "5f3a-99999999999999999999"] {
            assert_eq!(wrong.parse::<Position>(), Err(NoPosition), "{wrong}");
        }
    }

    #[test]
    fn a_reader_that_fell_behind_is_told_the_first_that_is_held() {
        let ring = Ring::new(1);
        assert_eq!(ring.read(1), Piece::Nothing);
        for seq in 1..=EVENTS_MAX + 10 {
            ring.push(&seq.to_string());
        }
        assert_eq!(ring.read(1), Piece::Gap(11));
        let Piece::Events(11, events) = ring.read(11) else { panic!() };
        assert_eq!((events.len(), &*events[0], &*events[1]), (EVENTS_PIECE_MAX, "11", "12"));
        let latest = ring.latest();
        assert_eq!(ring.after(latest), Some(latest.seq + 1));
        assert_eq!(ring.read(latest.seq + 1), Piece::Nothing);
    }

    #[test]
    fn large_events_push_others_out() {
        let ring = Ring::new(1);
        let large = "x".repeat(EVENTS_BYTES_MAX / 2 - 1);
        (0..3).for_each(|_| ring.push(&large));
        assert_eq!(ring.read(1), Piece::Gap(2));
        ring.push(&"x".repeat(EVENTS_BYTES_MAX + 1));
        assert_eq!(ring.read(4), Piece::Gap(5));
    }

    #[test]
    fn a_position_of_another_run_or_of_the_future_is_none_of_ours() {
        let ring = Ring::new(7);
        ring.push("1");
        assert_eq!(ring.after(Position { epoch: 7, seq: 0 }), Some(1));
        assert_eq!(ring.after(Position { epoch: 7, seq: 1 }), Some(2));
        assert_eq!(ring.after(Position { epoch: 7, seq: 2 }), None);
        assert_eq!(ring.after(Position { epoch: 6, seq: 1 }), None);
    }
}
