//! How a machine hears its children: in rounds, until all are silent, and not for ever.

use core::time::Duration;

use crate::{Instant, Now};

/// How long the rest waits when the rounds are used up: not at all, on a clock of microseconds.
const RESUME_PAUSE: Duration = Duration::from_micros(1);

/// Children between which notes pass.
pub trait Rooms {
    /// Carries out what the first child that has something to say says next; the order of the children
    /// is always the same. Returns `false` when all are silent.
    ///
    /// What another child is to be told becomes a note that waits.
    fn listen(&mut self, now: Now) -> bool;

    /// Returns how many notes wait.
    fn notes(&self) -> usize;

    /// Hands the oldest note to the child that it is for.
    fn deliver(&mut self, now: Now);
}

/// Hears every child and hands on what they have for each other, until all are silent; at most
/// `rounds_max` rounds. Returns when to go on, if the rounds are used up before that: at once.
///
/// A round hands over the notes that wait when it begins, so that their number bounds the work: what
/// is said in answer waits for the next one.
pub fn settle(rooms: &mut impl Rooms, rounds_max: usize, now: Now) -> Option<Instant> {
    while rooms.listen(now) {}
    for _ in 0..rounds_max {
        if rooms.notes() == 0 {
            return None;
        }
        for _ in 0..rooms.notes() {
            rooms.deliver(now);
            while rooms.listen(now) {}
        }
    }
    (rooms.notes() > 0).then(|| now.instant.after(RESUME_PAUSE))
}
