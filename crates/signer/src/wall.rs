//! The wall clock of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use ensign_primitives::UnixTime;

/// Reads the wall clock; a clock before 1970 reads as 1970.
pub fn unix_now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
