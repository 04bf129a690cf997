//! The clocks of the machine.

use std::{
    sync::LazyLock,
    time::{Instant as Monotonic, SystemTime, UNIX_EPOCH},
};

use ensign_primitives::{Instant, Now, UnixTime};

/// From when the monotonic clock counts.
static ORIGIN: LazyLock<Monotonic> = LazyLock::new(Monotonic::now);

/// Reads the wall clock; a clock before 1970 reads as 1970.
pub fn unix_now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Reads both clocks. Where a machine sleeps the monotonic one stops, so that they part.
pub(crate) fn now() -> Now {
    // The first reading makes the origin, and so is never before it.
    let micros = ORIGIN.elapsed().as_micros();
    let instant = Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
    Now { instant, unix: unix_now() }
}
