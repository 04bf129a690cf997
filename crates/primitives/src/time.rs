//! Time as an argument: a monotonic instant for timers, a wall clock for what is signed.

use core::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A point on a node's monotonic clock, in microseconds since an origin of the driver's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Builds an instant from microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the instant `duration` later, at most the end of time.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Returns how long ago `earlier` was, zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// A point on the wall clock, in milliseconds since the Unix epoch; signed statements carry it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct UnixTime(u64);

impl UnixTime {
    /// Builds a time from milliseconds since 1970-01-01 00:00 UTC.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time `duration` later, at most the end of time.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Returns how long before `self` the other time was, zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns the distance between two times, whichever is first.
    pub const fn abs_diff(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Both clocks at one moment; the driver reads them, machines only compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timers: never goes back.
    pub instant: Instant,
    /// For signed timestamps and expiries: may be wrong, may jump.
    pub unix: UnixTime,
}

impl Now {
    /// Returns how much time has passed since `earlier`, by the clock that shows more.
    pub fn elapsed_since(self, earlier: Self) -> Duration {
        self.instant.since(earlier.instant).max(self.unix.since(earlier.unix))
    }

    /// Returns by how much the two clocks have moved against each other since `earlier`: a wall clock was
    /// set, or the node was asleep or was put back from an image.
    pub fn parting_since(self, earlier: Self) -> Duration {
        let ahead = |now: Self| i128::from(now.unix.0) * 1000 - i128::from(now.instant.0);
        let micros = ahead(self).abs_diff(ahead(earlier));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// When a machine next wants `handle_timeout`, and which timer asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wakeup {
    /// The earliest useful moment.
    pub at: Instant,
    /// The timer's name, for logs.
    pub reason: &'static str,
}
