//! How long secret nonces may live, and what ends that early.

use core::time::Duration;

use ensign_deadline::PHASE_TIMEOUT_MAX;
use ensign_primitives::{Instant, Now};

/// How long secret nonces live after they were made. Guess: all are there and ready when they are made, and
/// a handful of people can say yes meanwhile; whoever needs longer gets fresh ones.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(10 * 60);
const _: () = assert!(
    2 * PHASE_TIMEOUT_MAX.as_secs() <= NONCE_LIFETIME.as_secs(),
    "nonces outlive the phases that need them"
);

/// By how much the wall clock and the monotonic clock may move against each other while secret nonces live.
///
/// Two processes that were resumed from one memory image would sign with the same nonces; what was asleep, or
/// was put back from an image, shows by this. Guess: far above what a clock is slewed by in
/// [`NONCE_LIFETIME`], far below any sleep.
pub const CLOCKS_PART_MAX: Duration = Duration::from_secs(2);

/// When secret nonces were made, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceAge(Now);

impl NonceAge {
    /// Begins to count.
    pub const fn new(made: Now) -> Self {
        Self(made)
    }

    /// Returns whether the nonces have to go: their time is over by either clock, or the clocks have parted.
    pub fn is_over(&self, now: Now) -> bool {
        now.elapsed_since(self.0) >= NONCE_LIFETIME || self.has_parted(now)
    }

    /// Returns whether the clocks have parted since the nonces were made.
    pub fn has_parted(&self, now: Now) -> bool {
        now.parting_since(self.0) > CLOCKS_PART_MAX
    }

    /// Returns when they have to go if the clocks stay together.
    pub fn ends_at(&self) -> Instant {
        self.0.instant.after(NONCE_LIFETIME)
    }
}
