//! How far time has come for this node, whatever its clock says now.

use ensign_primitives::UnixTime;
use ensign_wire::SigningRequest;
use serde::{Deserialize, Serialize};

use crate::NOTE_PAUSE;

/// The latest wall time that was seen, and the creation of the youngest request that was taken.
///
/// What had expired once stays expired when a clock is set back: nobody remembers expired requests by
/// name for ever. The second time keeps a clock that was wrong *ahead* from shutting out everything:
/// a request made after all that we know is new, whatever the clock has once said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizon {
    /// The latest wall time.
    pub latest: UnixTime,
    /// When the youngest request was made that was taken.
    pub newest: UnixTime,
}

impl Horizon {
    /// Returns whether a request's time is over, now or ever before.
    pub fn is_over(&self, now: UnixTime, request: &SigningRequest) -> bool {
        self.has_passed(now, request.created, request.expires)
    }

    pub(crate) fn has_passed(&self, now: UnixTime, created: UnixTime, expires: UnixTime) -> bool {
        expires <= now || (expires <= self.latest && created <= self.newest)
    }

    /// Notes the wall time.
    pub(crate) fn see(&mut self, now: UnixTime) {
        self.latest = self.latest.max(now);
    }

    /// Notes a request that is taken.
    pub(crate) fn take(&mut self, created: UnixTime) {
        self.newest = self.newest.max(created);
    }

    /// Goes on from what a store holds.
    pub(crate) fn restore(&mut self, kept: Self) {
        self.see(kept.latest);
        self.take(kept.newest);
    }
}

/// How far time has come, and how much of that was written down.
#[derive(Debug, Default)]
pub(crate) struct Horizons {
    come: Horizon,
    noted: Horizon,
}

impl Horizons {
    pub(crate) fn see(&mut self, now: UnixTime) {
        self.come.see(now);
    }

    pub(crate) fn take(&mut self, created: UnixTime) {
        self.come.take(created);
    }

    pub(crate) fn is_over(&self, now: UnixTime, request: &SigningRequest) -> bool {
        self.come.is_over(now, request)
    }

    pub(crate) const fn come(&self) -> &Horizon {
        &self.come
    }

    pub(crate) fn restore(&mut self, kept: Horizon) {
        self.come.restore(kept);
        self.noted.restore(kept);
    }

    /// Returns what is to be written down, if that is worth a word.
    pub(crate) fn take_note(&mut self) -> Option<Horizon> {
        let (noted, come) = (self.noted, self.come);
        let is_news = come.newest > noted.newest || come.latest.since(noted.latest) >= NOTE_PAUSE;
        is_news.then(|| {
            self.noted = come;
            come
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1000)
    }

    #[test]
    fn what_had_expired_stays_so_when_the_clock_is_set_back() {
        let mut horizon = Horizon::default();
        horizon.take(at(100));
        horizon.see(at(1000));
        assert!(horizon.has_passed(at(50), at(100), at(900)));
        assert!(!horizon.has_passed(at(50), at(100), at(1001)), "it had not expired");
    }

    #[test]
    fn clock_that_was_far_ahead_once_shuts_nothing_new_out() {
        let mut horizon = Horizon::default();
        horizon.take(at(100));
        horizon.see(at(1_000_000));
        assert!(!horizon.has_passed(at(101), at(101), at(200)));
    }
}
