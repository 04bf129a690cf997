//! The one place where clocks are read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ensign_primitives::{Instant, Now, UnixTime};
use tokio::time::Instant as TokioInstant;

/// Both clocks of a node; instants count from its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: TokioInstant,
    wall: Wall,
}

#[derive(Clone, Copy, Debug)]
enum Wall {
    /// The machine's.
    System,
    /// This at the origin, and then as fast as the runtime's clock.
    Simulated(UnixTime),
}

impl Clock {
    pub(crate) fn system() -> Self {
        Self { origin: TokioInstant::now(), wall: Wall::System }
    }

    pub(crate) fn simulated(unix: UnixTime) -> Self {
        Self { origin: TokioInstant::now(), wall: Wall::Simulated(unix) }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed = self.origin.elapsed();
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let unix = match self.wall {
            Wall::System => unix_now(),
            Wall::Simulated(at_origin) => at_origin.after(elapsed),
        };
        Now { instant: Instant::from_micros(micros), unix }
    }

    /// Converts a machine's instant for the runtime's timers.
    pub(crate) fn at(&self, instant: Instant) -> TokioInstant {
        let since_origin = Duration::from_micros(instant.as_micros());
        self.origin.checked_add(since_origin).unwrap_or(self.origin)
    }
}

/// Reads the wall clock; a clock before 1970 reads as 1970.
pub(crate) fn unix_now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
