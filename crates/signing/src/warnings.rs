//! How often peers may make us warn: whatever they do, it does not wash away what the application
//! waits for.

use ensign_primitives::Instant;
use ensign_ratelimit::{Allowance, Gcra};

use crate::Standing;

/// Warnings about members, and as many about strangers. Guess: a burst of one node that does everything
/// wrong, and several at a time, far below what a stream of events keeps; then a log that a person can
/// read.
pub const WARNINGS_ALLOWED: Allowance = Allowance { burst: 64, per_minute: 60 };

/// Warnings about members and about strangers, each with a budget of their own: whatever strangers
/// do, a member's fault is told.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    members: Budget,
    strangers: Budget,
}

#[derive(Clone, Debug, Default)]
struct Budget {
    left: Gcra,
    held_back: u64,
}

impl Warnings {
    /// Tells whether a warning about a peer may be given now, and how many about such peers were held
    /// back since the last.
    pub fn admit(&mut self, now: Instant, standing: Standing) -> Option<u64> {
        let budget = match standing {
            Standing::Member => &mut self.members,
            Standing::Stranger => &mut self.strangers,
        };
        if budget.left.take(now, WARNINGS_ALLOWED, 1) {
            return Some(core::mem::take(&mut budget.held_back));
        }
        budget.held_back = budget.held_back.saturating_add(1);
        None
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
        assert_eq!(burst as u64, WARNINGS_ALLOWED.burst);
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
