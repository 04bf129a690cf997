//! What waits for a reader that may be slow: in three classes, none of which pushes another one out.

use std::collections::VecDeque;

use crate::{Class, Problem, problem};

/// Most events of progress, and most warnings, that wait for a reader. Guess: seconds of the busiest
/// node.
const EVENTS_KEPT_MAX: usize = 1_024;
/// Most decisions and endings that wait for a reader. Guess: those of eight thousand requests.
const DECISIONS_KEPT_MAX: usize = 16_384;
/// Most bytes of each class, by their weights.
const BYTES_KEPT_MAX: usize = 64 << 20;

/// What waits for one reader, within the bounds of each class: when one is full its oldest events go, and
/// how many is told once.
#[derive(Debug)]
pub struct Backlog<E> {
    progress: Lane<E>,
    notices: Lane<E>,
    decisions: Lane<E>,
    /// The number of the next event: the lanes are read in this order.
    next: u64,
}

/// What a reader gets next.
#[derive(Debug)]
pub enum Waited<E> {
    /// An event, in the order in which they came.
    Event(E),
    /// Some are gone.
    Lost(Problem),
}

impl<E> Default for Backlog<E> {
    fn default() -> Self {
        let [progress, notices, decisions] = [Lane::new(), Lane::new(), Lane::new()];
        Self { progress, notices, decisions, next: 0 }
    }
}

impl<E> Backlog<E> {
    /// Adds an event.
    ///
    /// - `weight`: how many bytes it takes.
    pub fn push(&mut self, class: Class, weight: usize, event: E) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let lane = match class {
            Class::Progress => &mut self.progress,
            Class::Notice => &mut self.notices,
            Class::Decision => &mut self.decisions,
        };
        lane.push(class, Entry { number, weight, event });
    }

    /// Takes what comes next.
    pub fn pop(&mut self) -> Option<Waited<E>> {
        if let Some(problem) = self.lost() {
            return Some(Waited::Lost(problem));
        }
        let lanes = [&mut self.progress, &mut self.notices, &mut self.decisions];
        let first = lanes.into_iter().filter(|lane| !lane.entries.is_empty());
        let entry = first.min_by_key(|lane| lane.first())?.pop()?;
        Some(Waited::Event(entry.event))
    }

    /// Words what is gone, once.
    fn lost(&mut self) -> Option<Problem> {
        match std::mem::take(&mut self.decisions.lost) {
            0 => {}
            lost => return Some(problem::of_lost_decisions(lost)),
        }
        let progress = std::mem::take(&mut self.progress.lost);
        match progress.saturating_add(std::mem::take(&mut self.notices.lost)) {
            0 => None,
            lost => Some(problem::of_lost_events(lost)),
        }
    }
}

/// Events of one class.
#[derive(Debug)]
struct Lane<E> {
    entries: VecDeque<Entry<E>>,
    bytes: usize,
    /// How many are gone and were not told yet.
    lost: u64,
}

#[derive(Debug)]
struct Entry<E> {
    number: u64,
    weight: usize,
    event: E,
}

impl<E> Lane<E> {
    const fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, lost: 0 }
    }

    fn push(&mut self, class: Class, entry: Entry<E>) {
        let (events, bytes) = limits(class);
        let is_heavy =
            |lane: &Self| lane.bytes.saturating_add(entry.weight) > bytes && lane.bytes > 0;
        if self.entries.len() >= events || is_heavy(self) {
            // Several at once, so that a slow reader is told seldom.
            for _ in 0..dropped_at_once(class) {
                self.lose();
            }
            while is_heavy(self) {
                self.lose();
            }
        }
        self.bytes = self.bytes.saturating_add(entry.weight);
        self.entries.push_back(entry);
    }

    fn pop(&mut self) -> Option<Entry<E>> {
        let entry = self.entries.pop_front()?;
        self.bytes = self.bytes.saturating_sub(entry.weight);
        Some(entry)
    }

    fn lose(&mut self) {
        if self.pop().is_some() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    fn first(&self) -> u64 {
        self.entries.front().map_or(u64::MAX, |entry| entry.number)
    }
}

/// Returns how many events of a class, and how many bytes of them, may wait.
const fn limits(class: Class) -> (usize, usize) {
    match class {
        Class::Progress | Class::Notice => (EVENTS_KEPT_MAX, BYTES_KEPT_MAX),
        Class::Decision => (DECISIONS_KEPT_MAX, BYTES_KEPT_MAX),
    }
}

/// Returns how many go when there is no room.
const fn dropped_at_once(class: Class) -> usize {
    match class {
        Class::Progress | Class::Notice => EVENTS_KEPT_MAX / 16,
        Class::Decision => 1,
    }
}
