//! The one place where clocks are read.

use std::time::{Instant as StdInstant, SystemTime, UNIX_EPOCH};

use ensign_primitives::{Instant, Now, UnixTime};

/// Both clocks of this process; instants count from its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: StdInstant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: StdInstant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        let micros = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now { instant: Instant::from_micros(micros), unix: unix_now() }
    }

    /// Converts a machine's instant for the runtime's timers.
    pub(crate) fn at(&self, instant: Instant) -> tokio::time::Instant {
        let since_origin = std::time::Duration::from_micros(instant.as_micros());
        let at = self.origin.checked_add(since_origin).unwrap_or(self.origin);
        tokio::time::Instant::from_std(at)
    }
}

/// Reads the wall clock; a clock before 1970 reads as 1970.
pub(crate) fn unix_now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
