//! The last events, for clients that read them as they come or come back for them.
//!
//! They are held in two classes: what asks for a decision or tells an ending is pushed out by nothing
//! that merely informs.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use ensign_coordinator::Class;

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

#[derive(Debug)]
struct Held {
    /// How far something is, and what is worth a line in a log.
    news: Lane,
    /// What asks for a decision, or tells an ending.
    decisions: Lane,
    /// The number of the next event, from 1.
    next: u64,
}

/// Events of one class, with their numbers.
#[derive(Debug, Default)]
struct Lane {
    events: VecDeque<(u64, Arc<str>)>,
    bytes: usize,
}

impl Lane {
    fn push(&mut self, number: u64, event: &str) {
        self.bytes += event.len();
        self.events.push_back((number, event.into()));
        while self.events.len() > EVENTS_MAX || self.bytes > EVENTS_BYTES_MAX {
            let Some((_, old)) = self.events.pop_front() else { break };
            self.bytes -= old.len();
        }
    }

    /// Returns what is held from a number on.
    fn from(&self, number: u64) -> impl Iterator<Item = &(u64, Arc<str>)> {
        self.events.range(self.events.partition_point(|(held, _)| *held < number)..)
    }
}

impl Held {
    /// Returns up to so many events that follow each other from the first that is held from a number on.
    fn from(&self, number: u64, most: usize) -> Vec<&(u64, Arc<str>)> {
        let (mut news, mut decisions) = (self.news.from(number), self.decisions.from(number));
        let (mut a, mut b) = (news.next(), decisions.next());
        let mut found: Vec<&(u64, Arc<str>)> = Vec::new();
        while found.len() < most {
            let is_news = a.map_or(u64::MAX, |it| it.0) < b.map_or(u64::MAX, |it| it.0);
            let lane = if is_news { &mut a } else { &mut b };
            let Some(next) = *lane else { break };
            if found.last().is_some_and(|last| last.0 + 1 != next.0) {
                break;
            }
            found.push(next);
            *lane = if is_news { news.next() } else { decisions.next() };
        }
        found
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
        let (news, decisions) = Default::default();
        let held = Mutex::new(Held { news, decisions, next: 1 });
        Self(Arc::new(Shared { epoch, held, latest: watch::Sender::new(0) }))
    }

    /// Adds an event, one JSON object without line ends.
    pub(crate) fn push(&self, class: Class, event: &str) {
        debug_assert!(!event.contains(['\n', '\r']), "it would end the field of the stream");
        let latest = {
            let mut held = self.held();
            let number = held.next;
            match class {
                Class::Progress | Class::Notice => held.news.push(number, event),
                Class::Decision => held.decisions.push(number, event),
            }
            held.next += 1;
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
        let found = held.from(seq, EVENTS_PIECE_MAX);
        match found.first() {
            Some((first, _)) if *first == seq => {
                Piece::Events(seq, found.into_iter().map(|(_, event)| Arc::clone(event)).collect())
            }
            Some((first, _)) => Piece::Gap(*first),
            None if seq < held.next => Piece::Gap(held.next),
            None => Piece::Nothing,
        }
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
            ring.push(Class::Progress, &seq.to_string());
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
        (0..3).for_each(|_| ring.push(Class::Notice, &large));
        assert_eq!(ring.read(1), Piece::Gap(2));
        ring.push(Class::Notice, &"x".repeat(EVENTS_BYTES_MAX + 1));
        assert_eq!(ring.read(4), Piece::Gap(5));
    }

    #[test]
    fn what_informs_pushes_out_no_decision() {
        let ring = Ring::new(1);
        let news = |count: usize| (0..count).for_each(|_| ring.push(Class::Progress, "news"));
        ring.push(Class::Decision, "asked");
        news(EVENTS_MAX + 10);
        ring.push(Class::Decision, "failed");
        news(EVENTS_MAX);
        let last = EVENTS_MAX as u64 + 12;
        assert_eq!(ring.read(1), Piece::Events(1, vec!["asked".into()]));
        assert_eq!(ring.read(2), Piece::Gap(last));
        let Piece::Events(_, events) = ring.read(last) else { panic!() };
        assert_eq!((&*events[0], &*events[1], events.len()), ("failed", "news", EVENTS_PIECE_MAX));
        // Its own kind does.
        (0..EVENTS_MAX).for_each(|_| ring.push(Class::Decision, "asked"));
        assert_eq!(ring.read(1), Piece::Gap(last + 1));
    }

    #[test]
    fn a_position_of_another_run_or_of_the_future_is_none_of_ours() {
        let ring = Ring::new(7);
        ring.push(Class::Progress, "1");
        assert_eq!(ring.after(Position { epoch: 7, seq: 0 }), Some(1));
        assert_eq!(ring.after(Position { epoch: 7, seq: 1 }), Some(2));
        assert_eq!(ring.after(Position { epoch: 7, seq: 2 }), None);
        assert_eq!(ring.after(Position { epoch: 6, seq: 1 }), None);
    }
}
