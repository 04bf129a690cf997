//! Local numbers for requests: short enough to be typed, chosen by nobody else.
//!
//! A request's own name is a hash that its creator can draw until it begins as it likes, so what a
//! person types is a number that this home gives. It is never given twice: numbers are given from a
//! block whose end is durable before the first of them is given, so that a crash skips at most one
//! block, and nothing that peers do makes us flush.

use crate::Handle;

/// How many numbers are made durable at once. Guess: a busy day, and nobody minds a gap of it after a
/// crash.
pub(crate) const HANDLES_PER_BLOCK: u64 = 64;

/// Gives the numbers.
#[derive(Debug)]
pub struct Handles {
    next: u64,
    /// Numbers below this may be given: it is durable that a later process begins there.
    end: u64,
    /// The end that is being written.
    asked: Option<u64>,
    /// Whether any was wanted: a node that is asked nothing writes nothing.
    is_wanted: bool,
}

impl Handles {
    /// Goes on after a start.
    ///
    /// - `next`: where the process before this one said that it had stopped, or may have stopped.
    /// - `end`: what this process has made durable.
    pub const fn new(next: u64, end: u64) -> Self {
        Self { next, end, asked: None, is_wanted: false }
    }

    /// Gives the next number; none while it is not durable that nobody else gives it.
    pub fn give(&mut self) -> Option<Handle> {
        self.is_wanted = true;
        let handle = (self.next < self.end).then_some(Handle(self.next))?;
        self.next += 1;
        Some(handle)
    }

    /// Returns the end of another block when half of the present one is given, once: it is to be
    /// written down with whatever is written next.
    pub fn needs_block(&mut self) -> Option<u64> {
        let left = self.end.saturating_sub(self.next);
        if !self.is_wanted || self.asked.is_some() || left > HANDLES_PER_BLOCK / 2 {
            return None;
        }
        self.asked = Some(self.end.max(self.next).saturating_add(HANDLES_PER_BLOCK));
        self.asked
    }

    /// Takes note that the end of a block is durable.
    pub fn block_is_durable(&mut self, end: u64) {
        self.end = self.end.max(end);
        if self.asked == Some(end) {
            self.asked = None;
        }
    }

    /// Takes note that the store did not take the end of a block: it is asked again.
    pub const fn block_is_refused(&mut self) {
        self.asked = None;
    }

    /// Returns where the next process begins if this one gives no more.
    pub const fn next(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_given_only_when_it_is_durable_that_nobody_else_gives_it() {
        let mut handles = Handles::new(1, 1);
        assert_eq!((handles.needs_block(), handles.give()), (None, None), "nobody wants one yet");
        assert_eq!(handles.needs_block(), Some(65));
        assert_eq!((handles.give(), handles.needs_block()), (None, None), "it is being written");
        handles.block_is_durable(65);
        let given: Vec<u64> = (0..100).map_while(|_| handles.give()).map(|it| it.0).collect();
        assert_eq!(given, (1..65).collect::<Vec<_>>());
        assert_eq!(handles.next(), 65);
    }

    #[test]
    fn next_block_is_asked_for_once_before_the_present_one_runs_out() {
        let mut handles = Handles::new(1, 65);
        let asked: Vec<_> =
            (0..64).filter_map(|_| handles.give().and(handles.needs_block())).collect();
        assert_eq!(asked, [129]);
        handles.block_is_refused();
        assert_eq!((handles.give(), handles.needs_block()), (None, Some(129)));
        handles.block_is_durable(129);
        assert_eq!(handles.give(), Some(Handle(65)));
    }

    /// Processes follow each other, each ended at any point by a crash or in order.
    #[test]
    fn no_number_is_given_twice_whatever_is_lost_in_a_crash() {
        let mut seed = 1_u64;
        let mut draw = |most: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % most
        };
        let (mut durable, mut last, mut stopped) = (1, 0, 1);
        for _ in 0..500 {
            let mut handles = Handles::new(durable, durable + HANDLES_PER_BLOCK);
            let (started, skipped) = (durable, durable - stopped);
            assert!(skipped <= 2 * HANDLES_PER_BLOCK, "{skipped} numbers are skipped");
            durable += HANDLES_PER_BLOCK;
            for _ in 0..draw(200) {
                if let Some(Handle(given)) = handles.give() {
                    assert!(given > last && given >= started);
                    last = given;
                }
                if let Some(end) = handles.needs_block() {
                    match draw(3) {
                        // The crash comes before it is written.
                        0 => break,
                        1 => handles.block_is_refused(),
                        _ => {
                            durable = end;
                            handles.block_is_durable(end);
                        }
                    }
                }
            }
            stopped = handles.next();
            if draw(2) == 0 {
                durable = handles.next();
            }
        }
    }
}
