//! A node's disk: what it has acknowledged survives, of the rest a part.

use std::{collections::VecDeque, sync::Arc};

use ensign_engine::signing::{Known, NOTE_PAUSE, Record};
use ensign_primitives::{Instant, RequestId, UnixTime};
use ensign_replay::MESSAGE_AGE_MAX;

use super::Turn;
use crate::{event::What, random::Random};

/// Records in order, durable ones apart from those still being written.
#[derive(Debug, Default)]
pub(super) struct Disk {
    durable: Vec<Arc<Record>>,
    pending: VecDeque<(u64, Arc<Record>)>,
    /// Written with the next record, or after [`NOTE_PAUSE`]; with the moment each was taken.
    notes: Vec<(Instant, Arc<Record>)>,
    /// Notes that were written.
    noted: Vec<Arc<Record>>,
    free: Instant,
    /// Whether it stands in the place of one that was lost.
    is_new: bool,
    /// What was made until then may have been joined by the process that had the other disk.
    void_until: Option<UnixTime>,
}

impl Disk {
    pub(super) fn new_after_loss() -> Self {
        Self { is_new: true, ..Self::default() }
    }

    /// Returns until when requests may have been made that the lost disk knew of.
    ///
    /// - `now`: by the node's clock; any other that counts as right may be ahead.
    pub(super) fn void_until(&mut self, now: UnixTime) -> Option<UnixTime> {
        if core::mem::take(&mut self.is_new) {
            self.void_until = Some(now.after(MESSAGE_AGE_MAX));
        }
        self.void_until
    }

    pub(super) fn write(&mut self, turn: &mut Turn<'_>, token: u64, record: Arc<Record>) {
        self.pending.push_back((token, record));
        let time = turn.random.within(turn.plan.scenario.disk.latency);
        self.free = self.free.max(turn.depart).after(time);
        let boot = turn.boot;
        turn.later(self.free, What::Written { boot });
    }

    /// Keeps a record that goes with the next one that is written.
    pub(super) fn note(&mut self, now: Instant, record: Arc<Record>) {
        self.notes.push((now, record));
    }

    /// What the records say of a request, those included that are being written.
    pub(super) fn recall(&self, request: &RequestId) -> Known {
        let waiting = self.pending.iter().map(|(_, record)| record);
        let notes = self.notes.iter().map(|(_, record)| record);
        let records = self.durable.iter().chain(waiting).chain(&self.noted).chain(notes);
        Known::from_records(records.map(Arc::as_ref), request)
    }

    /// The oldest record that waits is durable.
    pub(super) fn on_written(&mut self) -> Option<(u64, Arc<Record>)> {
        let (token, record) = self.pending.pop_front()?;
        self.write_notes(|_| true);
        self.durable.push(Arc::clone(&record));
        Some((token, record))
    }

    /// The process dies while records are being written: the first of them may have reached the
    /// medium, those after it only if it has. Returns how many waited and how many survived.
    pub(super) fn tear(&mut self, now: Instant, random: &mut Random) -> (usize, usize) {
        let waiting = self.pending.len();
        let survived = random.below(waiting as u64 + 1) as usize;
        self.durable.extend(self.pending.drain(..).take(survived).map(|(_, record)| record));
        self.write_notes(|taken| taken.after(NOTE_PAUSE) <= now);
        self.notes.clear();
        self.free = Instant::from_micros(0);
        (waiting, survived)
    }

    /// The process ends in order: everything is written.
    pub(super) fn flush(&mut self) {
        self.durable.extend(self.pending.drain(..).map(|(_, record)| record));
        self.write_notes(|_| true);
        self.free = Instant::from_micros(0);
    }

    fn write_notes(&mut self, are_due: impl Fn(Instant) -> bool) {
        let due = self.notes.extract_if(.., |(taken, _)| are_due(*taken));
        self.noted.extend(due.map(|(_, record)| record));
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.durable.iter().chain(&self.noted).map(|record| Record::clone(record))
    }

    pub(super) const fn len(&self) -> usize {
        self.durable.len()
    }
}
