//! What waits for a reader that may be slow: in three classes, none of which pushes another one out; nor
//! does one member push out what another one's events are, as long as it has more of them.

use std::collections::{BTreeMap, VecDeque};

use ensign_primitives::PeerId;

use crate::{Class, Problem, problem};

/// Most events of progress, and most warnings, that wait for a reader. Guess: seconds of the busiest
/// node.
const EVENTS_KEPT_MAX: usize = 1_024;
/// Most decisions and endings that wait for a reader. Guess: those of eight thousand requests.
const DECISIONS_KEPT_MAX: usize = 16_384;
/// Most bytes of each class, by their weights.
const BYTES_KEPT_MAX: usize = 64 << 20;

/// What waits for one reader, within the bounds of each class: when one is full the oldest events of
/// whoever has most in it go, and how many is told once.
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
    /// - `by`: who caused it; `None` where nobody else did.
    /// - `weight`: how many bytes it takes.
    pub fn push(&mut self, class: Class, by: Option<PeerId>, weight: usize, event: E) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let lane = match class {
            Class::Progress => &mut self.progress,
            Class::Notice => &mut self.notices,
            Class::Decision => &mut self.decisions,
        };
        lane.push(class, Entry { number, by, weight, event });
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
    /// What each has in it.
    shares: BTreeMap<Option<PeerId>, Share>,
    /// How many are gone and were not told yet.
    lost: u64,
}

#[derive(Debug)]
struct Entry<E> {
    number: u64,
    by: Option<PeerId>,
    weight: usize,
    event: E,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    events: usize,
    bytes: usize,
}

impl<E> Lane<E> {
    const fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, shares: BTreeMap::new(), lost: 0 }
    }

    fn push(&mut self, class: Class, entry: Entry<E>) {
        let (events, bytes) = limits(class);
        if self.entries.len() >= events {
            // Several at once, so that a slow reader is told seldom.
            (0..dropped_at_once(class)).for_each(|_| self.lose(|share| share.events));
        }
        while self.bytes.saturating_add(entry.weight) > bytes && self.bytes > 0 {
            self.lose(|share| share.bytes);
        }
        self.bytes = self.bytes.saturating_add(entry.weight);
        let share = self.shares.entry(entry.by).or_default();
        share.events = share.events.saturating_add(1);
        share.bytes = share.bytes.saturating_add(entry.weight);
        self.entries.push_back(entry);
    }

    fn pop(&mut self) -> Option<Entry<E>> {
        self.take(0)
    }

    fn take(&mut self, place: usize) -> Option<Entry<E>> {
        let entry = self.entries.remove(place)?;
        self.bytes = self.bytes.saturating_sub(entry.weight);
        if let Some(share) = self.shares.get_mut(&entry.by) {
            share.events = share.events.saturating_sub(1);
            share.bytes = share.bytes.saturating_sub(entry.weight);
            if share.events == 0 {
                self.shares.remove(&entry.by);
            }
        }
        Some(entry)
    }

    /// Drops the oldest event of whoever has most.
    fn lose(&mut self, of: impl Fn(&Share) -> usize) {
        let most = self.shares.iter().max_by_key(|(_, share)| of(share)).map(|(by, _)| *by);
        let place = most.and_then(|by| self.entries.iter().position(|entry| entry.by == by));
        if place.and_then(|place| self.take(place)).is_some() {
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

#[cfg(test)]
mod tests {
    use super::*;

    const FLOODER: Option<PeerId> = Some(PeerId::from_bytes([1; 32]));
    const HONEST: Option<PeerId> = Some(PeerId::from_bytes([2; 32]));

    fn read(backlog: &mut Backlog<u32>) -> (Vec<u32>, usize) {
        let (mut events, mut told) = (Vec::new(), 0);
        while let Some(next) = backlog.pop() {
            match next {
                Waited::Event(event) => events.push(event),
                Waited::Lost(_) => told += 1,
            }
        }
        (events, told)
    }

    #[test]
    fn nobody_loses_an_event_to_a_member_that_has_more_of_them() {
        for class in [Class::Decision, Class::Notice, Class::Progress] {
            for weight in [1, 4 << 20] {
                let mut backlog = Backlog::default();
                backlog.push(class, HONEST, weight, 1);
                (0..20_000).for_each(|number| backlog.push(class, FLOODER, weight, 100 + number));
                backlog.push(class, HONEST, weight, 2);
                let (events, told) = read(&mut backlog);
                assert_eq!((events.first(), events.last(), told), (Some(&1), Some(&2), 1));
            }
        }
    }

    #[test]
    fn what_informs_pushes_out_no_decision() {
        let mut backlog = Backlog::default();
        backlog.push(Class::Decision, FLOODER, 1, 1);
        (0..20_000).for_each(|_| backlog.push(Class::Notice, FLOODER, 1 << 20, 2));
        (0..20_000).for_each(|_| backlog.push(Class::Progress, FLOODER, 1 << 20, 3));
        assert_eq!(read(&mut backlog).0.first(), Some(&1));
    }
}
