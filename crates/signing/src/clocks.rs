//! Whether the two clocks have moved against each other.

use core::time::Duration;

use ensign_primitives::{Now, UnixTime};
use ensign_session::CLOCKS_PART_MAX;

/// How far the clocks may move before the ages of nonces are looked at. A tenth of what they may part by, so
/// that small steps are not missed.
const GRAIN: Duration = Duration::from_millis(CLOCKS_PART_MAX.as_millis() as u64 / 10);

/// What the clocks showed when they had last moved.
#[derive(Debug, Default)]
pub(crate) struct Clocks(Option<Now>);

impl Clocks {
    /// Returns whether the clocks have moved against each other since this last held. Without this a look
    /// at every open request would be due at every input.
    pub(crate) fn have_moved(&mut self, now: Now) -> bool {
        let last = *self.0.get_or_insert(now);
        let have_moved = now.parting_since(last) >= GRAIN;
        if have_moved {
            self.0 = Some(now);
        }
        have_moved
    }
}

/// How far another clock is ahead of ours, in milliseconds.
pub(crate) fn offset_millis(ours: UnixTime, theirs: UnixTime) -> i64 {
    let signed = |time: UnixTime| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    signed(theirs).saturating_sub(signed(ours))
}
