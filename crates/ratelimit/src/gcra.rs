//! One budget as one number.

use ensign_primitives::Instant;

/// How much of something may be used at once, and how much more each minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// At once, after a rest.
    pub burst: u64,
    /// Each minute from then on; 0 allows nothing at all.
    pub per_minute: u64,
}

impl Allowance {
    /// Returns how long one unit takes to come back, in whole nanoseconds: rounded down, so that the rate
    /// is at most one part in so many higher than it says, and a burst is exact.
    const fn interval(self) -> u64 {
        match MINUTE_NANOS.checked_div(self.per_minute) {
            None => u64::MAX,
            Some(0) => 1,
            Some(nanos) => nanos,
        }
    }

    const fn nanos_of(self, amount: u64) -> u64 {
        amount.saturating_mul(self.interval())
    }
}

const MINUTE_NANOS: u64 = 60_000_000_000;

/// A budget: when it is full again, in nanoseconds of the node's monotonic clock.
///
/// The generic cell rate algorithm, with its theoretical arrival time. One whose time has passed is full,
/// and equals one that was never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gcra(u64);

impl Gcra {
    /// A full one.
    pub const FULL: Self = Self(0);

    /// Takes `amount` if it is there; takes nothing otherwise.
    pub fn take(&mut self, now: Instant, allowance: Allowance, amount: u64) -> bool {
        let taken = self.after(now, allowance, amount);
        *self = taken.unwrap_or_else(|| self.settled(now, allowance));
        taken.is_some()
    }

    /// What it is to a clock that was set back: empty at most.
    pub(crate) fn settled(self, now: Instant, allowance: Allowance) -> Self {
        Self(self.0.min(nanos(now).saturating_add(tolerance(allowance))))
    }

    /// Returns whether `amount` is there, and takes nothing.
    pub fn affords(self, now: Instant, allowance: Allowance, amount: u64) -> bool {
        self.after(now, allowance, amount).is_some()
    }

    /// Returns whether it is full.
    pub const fn is_full(self, now: Instant) -> bool {
        self.0 <= nanos(now)
    }

    /// Returns when it is full, which may be past.
    pub const fn full_at(self) -> Instant {
        Instant::from_micros(self.0.div_ceil(1000))
    }

    /// What it is after `amount`, `None` when that is not there.
    fn after(self, now: Instant, allowance: Allowance, amount: u64) -> Option<Self> {
        let ahead = self.spent(now, allowance).checked_add(allowance.nanos_of(amount))?;
        let is_there = ahead <= tolerance(allowance) && allowance.per_minute > 0;
        is_there.then(|| nanos(now).checked_add(ahead).map(Self)).flatten()
    }

    /// How long it takes to be full.
    fn spent(self, now: Instant, allowance: Allowance) -> u64 {
        self.settled(now, allowance).0.saturating_sub(nanos(now))
    }
}

const fn tolerance(allowance: Allowance) -> u64 {
    allowance.nanos_of(allowance.burst)
}

const fn nanos(now: Instant) -> u64 {
    now.as_micros().saturating_mul(1000)
}
