//! How often peers may make us warn: whatever they do, it does not wash away what the application
//! waits for.

use core::time::Duration;

use ensign_primitives::Instant;
use ensign_signing::Standing;

/// Most warnings at once. Guess: one node that does everything wrong, and several at a time; far
/// below what a stream of events keeps.
pub const WARNINGS_BURST_MAX: u32 = 64;
/// One more each so often. Guess: a log that a person can read.
pub const WARNING_INTERVAL: Duration = Duration::from_secs(1);

/// Warnings about members and about strangers, each with a budget of their own: whatever strangers
/// do, a member's fault is told.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    members: Budget,
    strangers: Budget,
}

impl Warnings {
    /// Tells whether a warning about a peer may be given now, and how many about such peers were held
    /// back since the last.
    pub fn admit(&mut self, now: Instant, standing: Standing) -> Option<u64> {
        match standing {
            Standing::Member => self.members.admit(now),
            Standing::Stranger => self.strangers.admit(now),
        }
    }
}

/// Lets a burst through, then one at a time.
#[derive(Clone, Debug)]
struct Budget {
    left: u32,
    refilled_at: Instant,
    held_back: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: WARNINGS_BURST_MAX, refilled_at: Instant::default(), held_back: 0 }
    }
}

impl Budget {
    fn admit(&mut self, now: Instant) -> Option<u64> {
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
        Some(core::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_let_through_and_then_one_a_second_with_the_number_held_back() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut warnings = Warnings::default();
        let mut admit = |millis| warnings.admit(at(millis), Standing::Stranger);
        let burst = (0..100).filter(|_| admit(10).is_some()).count();
        assert_eq!(burst, WARNINGS_BURST_MAX as usize);
        assert_eq!(admit(1010), Some(36));
        assert_eq!(admit(1020), None);
        assert_eq!(admit(2010), Some(1));
    }

    #[test]
    fn regression_warnings_about_strangers_displaced_one_about_a_member() {
        let now = Instant::from_micros(10);
        let mut warnings = Warnings::default();
        for _ in 0..2000 {
            warnings.admit(now, Standing::Stranger);
        }
        assert_eq!(warnings.admit(now, Standing::Stranger), None);
        assert_eq!(warnings.admit(now, Standing::Member), Some(0));
    }
}
