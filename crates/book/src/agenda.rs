//! What is due when, of what comes back by itself.

use core::time::Duration;

use ensign_primitives::{Instant, Wakeup};

use crate::{FILL_WAIT_MAX, FILL_WAIT_MIN};

/// The next moment of each thing that comes back; `None` while there is no reason for it.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// Places are not filled before.
    pub(crate) fill: Option<Instant>,
    pub(crate) feeler: Option<Instant>,
    pub(crate) rotation: Option<Instant>,
    pub(crate) round: Option<Instant>,
    pub(crate) comparison: Option<Instant>,
    pub(crate) sweep: Option<Instant>,
}

impl Agenda {
    /// Returns all of them.
    pub(crate) fn wakeups(&self) -> impl Iterator<Item = Wakeup> {
        let all = [
            (self.fill, "fill"),
            (self.feeler, "feeler"),
            (self.rotation, "rotation"),
            (self.round, "round"),
            (self.comparison, "comparison"),
            (self.sweep, "sweep"),
        ];
        all.into_iter().filter_map(|(at, reason)| at.map(|at| Wakeup { at, reason }))
    }
}

/// Takes a moment off the agenda if it has come.
pub(crate) fn take_due(slot: &mut Option<Instant>, now: Instant) -> bool {
    slot.take_if(|at| *at <= now).is_some()
}

/// Sets a moment when there is a reason for it and none is set, and forgets it when there is no reason.
pub(crate) fn arm(slot: &mut Option<Instant>, is_needed: bool, at: impl FnOnce() -> Instant) {
    if !is_needed {
        *slot = None;
    } else if slot.is_none() {
        *slot = Some(at());
    }
}

/// Returns how long to wait after so many dials in vain: doubled each time, up to its longest.
pub(crate) fn wait(failures: u32) -> Duration {
    FILL_WAIT_MIN.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(FILL_WAIT_MAX)
}
