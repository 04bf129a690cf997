//! Points that lose half of themselves in a given time.

use core::time::Duration;

use ensign_primitives::UnixTime;
use serde::{Deserialize, Serialize};

/// Thousandths of a point, in which all arithmetic is done: integers, equal on every machine.
pub(crate) const MILLI: u32 = 1000;

/// Points fade in steps of this length, so that asking in between changes nothing. Guess: short against
/// the shortest half-life, a day.
const STEP: Duration = Duration::from_secs(60 * 60);

/// Less than this is rounded to nothing: half a point.
pub(crate) const NOTHING: u32 = MILLI / 2;

/// How fast points fade: what is left of them after one [`STEP`], in units of 2^-32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfLife(u64);

impl HalfLife {
    /// A day: 2^(-1/24). Guess: a program that misbehaves is mended over night.
    pub(crate) const DAY: Self = Self(4_172_697_914);
    /// Thirty days: 2^(-1/720). Guess: who lied, or served well, is remembered for a season.
    pub(crate) const MONTH: Self = Self(4_290_834_502);

    /// What is left of `points` after so many steps.
    fn left(self, points: u32, mut steps: u64) -> u32 {
        let (mut left, mut factor) = (u64::from(points), self.0);
        // By squaring: a gap of years takes as long as one of hours.
        while steps > 0 && left > 0 {
            if steps & 1 == 1 {
                left = (left * factor) >> 32;
            }
            factor = (factor * factor) >> 32;
            steps >>= 1;
        }
        u32::try_from(left).unwrap_or(points)
    }
}

/// An amount of thousandths of points, and when it was so much.
///
/// A clock that goes back leaves it as it is until the time that it knew has come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fading {
    points: u32,
    at: UnixTime,
}

impl Fading {
    const fn steps(self, now: UnixTime) -> u64 {
        now.since(self.at).as_secs() / STEP.as_secs()
    }

    /// Returns how much is left.
    pub(crate) fn at(self, now: UnixTime, half_life: HalfLife) -> u32 {
        half_life.left(self.points, self.steps(now))
    }

    /// Adds points, up to a limit; both in thousandths.
    pub(crate) fn add(&mut self, now: UnixTime, half_life: HalfLife, more: u32, limit: u32) {
        let left = self.at(now, half_life);
        // The time moves in whole steps only, so that adding often fades no slower.
        let passed = STEP.saturating_mul(u32::try_from(self.steps(now)).unwrap_or(u32::MAX));
        self.at = if self.points == 0 { now } else { self.at.after(passed) };
        self.points = left.saturating_add(more).min(limit);
    }

    /// Returns from when on nothing is left.
    pub(crate) fn gone_at(self, half_life: HalfLife) -> UnixTime {
        if self.points < NOTHING {
            return self.at;
        }
        // More than the 17 halvings that the largest amount takes, of the longest half-life.
        let (mut low, mut high) = (0_u64, 17 * 720);
        while low < high {
            let middle = u64::midpoint(low, high);
            if half_life.left(self.points, middle) < NOTHING {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        self.at.after(STEP.saturating_mul(u32::try_from(low).unwrap_or(u32::MAX)))
    }

    /// Brings the time of what was written by a clock that was ahead down to ours.
    pub(crate) fn not_after(&mut self, now: UnixTime) {
        self.at = self.at.min(now);
    }

    /// Returns how much is left of what goes away evenly within a time.
    pub(crate) fn at_evenly(self, now: UnixTime, within: Duration) -> u32 {
        let (all, passed) = (within.as_millis().max(1), now.since(self.at).as_millis());
        let left = u128::from(self.points) * all.saturating_sub(passed) / all;
        u32::try_from(left).unwrap_or(self.points)
    }

    /// Makes the amount what it is now, and more, up to a limit; it goes away evenly from now on.
    pub(crate) fn add_evenly(
        &mut self,
        now: UnixTime,
        within: Duration,
        (more, limit): (u32, u32),
    ) {
        let left = self.at_evenly(now, within);
        self.at = self.at.max(now);
        self.points = left.saturating_add(more).min(limit);
    }

    /// Returns when what goes away evenly is gone.
    pub(crate) fn gone_evenly_at(self, within: Duration) -> UnixTime {
        if self.points == 0 { self.at } else { self.at.after(within) }
    }
}
