//! How often peers may make us warn.

use std::time::Duration;

use ensign_primitives::Instant;

/// Most warnings at once. Guess: one node that does everything wrong, and several at a time; far
/// below what a stream of events keeps.
const WARNINGS_BURST_MAX: u32 = 64;
/// One more each so often. Guess: a log that a person can read.
const WARNING_INTERVAL: Duration = Duration::from_secs(1);

/// Lets a burst through, then one at a time.
#[derive(Debug)]
pub(crate) struct Warnings {
    left: u32,
    refilled_at: Instant,
    held_back: u64,
}

impl Default for Warnings {
    fn default() -> Self {
        Self { left: WARNINGS_BURST_MAX, refilled_at: Instant::default(), held_back: 0 }
    }
}

impl Warnings {
    /// Tells whether a warning may be given now, and how many were held back since the last.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        let intervals = now.since(self.refilled_at).as_micros() / WARNING_INTERVAL.as_micros();
        let intervals = u32::try_from(intervals).unwrap_or(u32::MAX);
        if intervals > 0 {
            self.left = self.left.saturating_add(intervals).min(WARNINGS_BURST_MAX);
            self.refilled_at = now;
        }
        if self.left == 0 {
            self.held_back = self.held_back.saturating_add(1);
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_let_through_and_then_one_a_second_with_the_number_held_back() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut warnings = Warnings::default();
        let burst = (0..100).filter(|_| warnings.admit(at(10)).is_some()).count();
        assert_eq!(burst, WARNINGS_BURST_MAX as usize);
        assert_eq!(warnings.admit(at(1010)), Some(36));
        assert_eq!(warnings.admit(at(1020)), None);
        assert_eq!(warnings.admit(at(2010)), Some(1));
    }
}
