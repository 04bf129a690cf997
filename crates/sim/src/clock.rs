//! A node's own clocks: how they differ from the simulation's time.

use ensign_primitives::{Instant, Now, UnixTime};

use crate::{START, random::Random, scenario::ClockErrors};

/// Both clocks of one node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    offset_millis: i64,
    drift_ppm: i64,
    /// How far its monotonic clock is behind for having stood still, in microseconds.
    slept: u64,
}

impl Clock {
    pub(crate) fn draw(random: &mut Random, errors: &ClockErrors) -> Self {
        if !random.happens(errors.share) {
            return Self::default();
        }
        let mut around_zero = |max: u64| {
            let drawn = random.below(max.saturating_mul(2).saturating_add(1));
            i64::try_from(drawn).unwrap_or(i64::MAX) - i64::try_from(max).unwrap_or(i64::MAX)
        };
        let offset = u64::try_from(errors.offset.as_millis()).unwrap_or(u64::MAX / 4);
        Self {
            offset_millis: around_zero(offset.min(u64::MAX / 4)),
            drift_ppm: around_zero(errors.drift_ppm.into()),
            slept: 0,
        }
    }

    /// What the node's clocks show at a moment of the simulation.
    pub(crate) fn read(self, at: Instant) -> Now {
        let local = self.local(at);
        let unix =
            (START.as_millis() + self.going(at) / 1000).saturating_add_signed(self.offset_millis);
        Now { instant: Instant::from_micros(local), unix: UnixTime::from_millis(unix) }
    }

    /// The node is asleep in between: only its wall clock goes on.
    pub(crate) fn stand_still(&mut self, from: Instant, until: Instant) {
        self.slept += self.going(until) - self.going(from);
    }

    /// The first moment of the simulation at which the node's clock shows `local`.
    pub(crate) fn when(self, local: Instant) -> Instant {
        let going = local.as_micros().saturating_add(self.slept);
        if self.drift_ppm == 0 {
            return Instant::from_micros(going);
        }
        let speed = i128::from(1_000_000 + self.drift_ppm);
        let scaled = i128::from(going) * 1_000_000;
        let mut at = u64::try_from(scaled / speed).unwrap_or(u64::MAX);
        // The division may miss by a microsecond, either way.
        while self.local(Instant::from_micros(at)) < local.as_micros() {
            at += 1;
        }
        while at > 0 && self.local(Instant::from_micros(at - 1)) >= local.as_micros() {
            at -= 1;
        }
        Instant::from_micros(at)
    }

    fn local(self, at: Instant) -> u64 {
        self.going(at).saturating_sub(self.slept)
    }

    /// What the monotonic clock would show if it had never stood still.
    fn going(self, at: Instant) -> u64 {
        let micros = i128::from(at.as_micros());
        u64::try_from(micros + micros * i128::from(self.drift_ppm) / 1_000_000).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarm_rings_at_the_first_moment_that_the_drifting_clock_shows() {
        for drift_ppm in [-100_000, -777, 0, 3, 100_000] {
            let mut clock = Clock { offset_millis: 0, drift_ppm, slept: 0 };
            clock.stand_still(Instant::from_micros(7), Instant::from_micros(777));
            for local in [1, 999_999, 1_000_000, 86_400_000_123] {
                let at = clock.when(Instant::from_micros(local));
                let before = Instant::from_micros(at.as_micros() - 1);
                assert!(clock.read(at).instant.as_micros() >= local, "{drift_ppm} {local}");
                assert!(clock.read(before).instant.as_micros() < local, "{drift_ppm} {local}");
            }
        }
    }
}
