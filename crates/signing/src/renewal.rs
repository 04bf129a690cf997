//! When another delegation is asked for: in good time before the one in use ends, and at once when it
//! does not hold, because it has ended or the clock was set.

use core::time::Duration;

use ensign_identity::{DELEGATION_LIFETIME_MAX, Delegation, DelegationProof, SignerKey, Terms};
use ensign_primitives::{Instant, Network, Now, PeerId, UnixTime, Wakeup};

/// Least time between two questions for a delegation while the one in use holds. Guess: once a day is
/// often enough to ask a person.
pub const RENEWAL_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its end a delegation is renewed: an attempt may last for a day, and a signer may need
/// its person.
pub const RENEWAL_MARGIN: Duration = Duration::from_secs(DELEGATION_LIFETIME_MAX.as_secs() / 4);
/// How long the next delegation is to hold. Half of what others accept, so that a clock that is wrong
/// by months ahead makes none that nobody takes.
const LIFETIME_ASKED: Duration = Duration::from_secs(DELEGATION_LIFETIME_MAX.as_secs() / 2);
/// A wall clock that goes otherwise than the monotonic one by more than this between two looks was
/// set. Guess: far above what a time server corrects bit by bit.
const CLOCK_STEP_MIN: Duration = Duration::from_secs(60);

/// Whether a delegation that an earlier start has made is used again: it lets this node speak for this key,
/// and holds for [a while](RENEWAL_MARGIN) yet. Cost: a signature.
pub fn holds_in_good_time(
    now: UnixTime,
    network: Network,
    (signer, peer): (SignerKey, PeerId),
    known: DelegationProof,
) -> bool {
    let holds = Delegation::verify(signer, peer, network, known, now).is_ok();
    holds && known.expires.since(now) > RENEWAL_MARGIN
}

/// How the delegation in use is replaced.
#[derive(Debug)]
pub(crate) struct Renewal {
    /// What it permits.
    terms: Terms,
    /// When both clocks were last looked at.
    looked: Now,
    /// When another one is due, as far as the clocks tell.
    due_at: Instant,
    /// When the signer was last asked.
    asked_at: Option<Instant>,
    /// Whether it has not answered yet.
    is_asked: bool,
}

impl Renewal {
    pub(crate) fn new(now: Now, terms: Terms) -> Self {
        let due_at = due_at(now, terms);
        Self { terms, looked: now, due_at, asked_at: None, is_asked: false }
    }

    /// Whether others would accept the delegation in use, if their clocks are as ours.
    pub(crate) fn holds(&self, now: UnixTime) -> bool {
        self.terms.check(now).is_ok()
    }

    /// Whether the signer has not answered the last question.
    pub(crate) const fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Looks at the clocks. Returns until when the signer is to be asked to delegate, because the wall
    /// clock was set so that the delegation in use does not hold any more: it was made while the clock
    /// was wrong, or it ended long ago, while the machine slept.
    pub(crate) fn look(&mut self, now: Now) -> Option<UnixTime> {
        let last = core::mem::replace(&mut self.looked, now);
        let expected = last.unix.after(now.instant.since(last.instant));
        if now.unix.abs_diff(expected) <= CLOCK_STEP_MIN {
            return None;
        }
        self.set_due(now);
        self.replace(now)
    }

    /// Returns until when the signer is to be asked to delegate, because the one in use does not hold
    /// and nothing is asked yet.
    pub(crate) fn replace(&mut self, now: Now) -> Option<UnixTime> {
        if self.holds(now.unix) || self.is_asked {
            return None;
        }
        Some(self.ask(now))
    }

    /// As [`replace`](Self::replace), when the time for it has come.
    pub(crate) fn on_timeout(&mut self, now: Now) -> Option<UnixTime> {
        if self.is_asked || self.due_at > now.instant {
            return None;
        }
        self.looked = now;
        if self.holds(now.unix) && self.terms.expires.since(now.unix) > RENEWAL_MARGIN {
            // The wall clock was set back meanwhile.
            self.set_due(now);
            return None;
        }
        Some(self.ask(now))
    }

    fn ask(&mut self, now: Now) -> UnixTime {
        (self.asked_at, self.is_asked) = (Some(now.instant), true);
        now.unix.after(LIFETIME_ASKED)
    }

    /// Takes the signer's answer.
    ///
    /// - `terms`: of the new delegation; `None` when it makes none.
    pub(crate) fn answered(&mut self, now: Now, terms: Option<Terms>) {
        self.is_asked = false;
        self.terms = terms.unwrap_or(self.terms);
        self.set_due(now);
    }

    fn set_due(&mut self, now: Now) {
        let due = due_at(now, self.terms);
        let pause_over = self.asked_at.map(|at| at.after(RENEWAL_PAUSE));
        self.due_at = pause_over.map_or(due, |pause_over| due.max(pause_over));
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        (!self.is_asked).then_some(Wakeup { at: self.due_at, reason: "delegation" })
    }
}

fn due_at(now: Now, terms: Terms) -> Instant {
    // Made while the clock was ahead, it is as good as none.
    let holds = terms.check(now.unix).is_ok();
    let left = if holds { terms.expires.since(now.unix) } else { Duration::ZERO };
    now.instant.after(left.saturating_sub(RENEWAL_MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// After so many days on the monotonic clock and on the wall clock.
    fn at(day: u32, wall: u32) -> Now {
        let unix = UnixTime::from_millis(1_800_000_000_000).after(DAY * wall);
        Now { instant: Instant::from_micros(0).after(DAY * day), unix }
    }

    fn until(expires: UnixTime) -> Terms {
        Terms { number: 1, expires }
    }

    fn of_a_year() -> Renewal {
        Renewal::new(at(0, 0), until(at(0, 365).unix))
    }

    #[test]
    fn delegation_is_renewed_a_quarter_of_a_year_before_its_end_and_then_once_a_day() {
        let mut renewal = of_a_year();
        assert_eq!(renewal.on_timeout(at(273, 273)), None);
        assert_eq!(renewal.on_timeout(at(274, 274)), Some(at(0, 274 + 183).unix));
        assert_eq!(renewal.wakeup(), None, "it is asked");
        renewal.answered(at(274, 274), None);
        assert_eq!(renewal.on_timeout(at(274, 274)), None);
        assert!(renewal.on_timeout(at(275, 275)).is_some());
        renewal.answered(at(275, 275), Some(until(at(0, 275 + 183).unix)));
        assert_eq!(
            renewal.wakeup().unwrap().at,
            at(275, 0).instant.after(DAY * 183 - RENEWAL_MARGIN)
        );
    }

    #[test]
    fn regression_delegation_that_did_not_hold_at_the_start_was_not_asked_for() {
        for expires in [at(0, 0).unix, at(0, 365 + 183).unix] {
            let mut renewal = Renewal::new(at(0, 1), until(expires));
            assert_eq!(renewal.wakeup().unwrap().at, at(0, 1).instant);
            assert_eq!(renewal.on_timeout(at(0, 1)), Some(at(0, 1 + 183).unix));
            renewal.answered(at(0, 1), None);
            assert_eq!(renewal.wakeup().unwrap().at, at(1, 0).instant, "a pause first");
        }
    }

    #[test]
    fn clock_that_is_set_either_way_makes_it_ask_at_once_if_nothing_holds_any_more() {
        let looks = [(10, 10, false), (11, 200, false), (12, 2000, true), (13, 2001, false)];
        let mut renewal = of_a_year();
        for (day, wall, asks) in looks {
            assert_eq!(renewal.look(at(day, wall)).is_some(), asks, "{day} {wall}");
        }
        let mut back = Renewal::new(at(0, 400), until(at(0, 700).unix));
        assert_eq!(back.look(at(1, 401)), None);
        assert!(back.look(at(2, 1)).is_some(), "made by a clock that was a year ahead");
        assert_eq!(back.replace(at(2, 1)), None, "it is asked already");
    }
}
