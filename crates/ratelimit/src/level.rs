//! How far strangers' shared budgets are tightened, because the node is late and they are why.

use alloc::collections::VecDeque;
use core::time::Duration;

use ensign_primitives::{Instant, Now, UnixTime};

use crate::Allowance;

/// The tightest level. Each halves what strangers share: at this one a sixteenth is left. Guess: a machine
/// twenty times slower than the one for which the defaults were chosen is as little held up by strangers.
pub const LEVEL_MAX: u8 = 4;
/// How long a node measures its load before it acts on it.
pub const LOAD_PERIOD: Duration = Duration::from_secs(1);
/// Whose oldest input waited so long is late. Guess: a tenth of what a person notices.
pub const LATE: Duration = Duration::from_millis(100);
/// Which share of a core, in percent, makes a node busy that is not late yet. Guess.
pub const BUSY_PERCENT: u64 = 75;
/// What strangers have to make of all work, in percent, to be the cause. Guess: with less, even to give them
/// nothing would help little.
pub const STRANGERS_PERCENT: u64 = 25;
/// How many compute tokens of theirs have to be looked at for that in one measure. Guess: what a dozen
/// newcomers say at once.
pub const STRANGERS_TOKENS: u64 = 64;
/// How long there has to be rest for each level down: from the tightest to the defaults in 40 s.
pub const REST: Duration = Duration::from_secs(10);
/// How long strangers who ask for more than they get hold a level up that is late no more. Guess: the next
/// level is tried then, and a node that is late again was so for three thousandths of the time.
pub const DEMAND: Duration = Duration::from_secs(300);
/// How many tightenings are remembered.
pub const TIGHTENINGS_KEPT: usize = 5;

/// What was measured of a node in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How long the oldest input had waited that was taken.
    pub waited: Duration,
    /// How long the inputs took that were taken.
    pub worked: Duration,
    /// How long was measured.
    pub over: Duration,
}

impl Load {
    /// Returns how much of one core it was, in percent.
    pub fn busy_percent(&self) -> u64 {
        percent(micros(self.worked), micros(self.over))
    }
}

/// Measures a node for whoever drives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    since: Instant,
    waited: Duration,
    worked: Duration,
}

impl Meter {
    /// Notes one input; returns the load once it was measured for a [period](LOAD_PERIOD).
    ///
    /// - `from`, `to`: when the node began with it, and when it was done.
    /// - `waited`: how long it had waited before.
    pub fn note(&mut self, (from, to): (Instant, Instant), waited: Duration) -> Option<Load> {
        self.waited = self.waited.max(waited);
        self.worked = self.worked.saturating_add(to.since(from));
        let over = to.since(self.since);
        if over < LOAD_PERIOD {
            return None;
        }
        let Self { waited, worked, .. } = core::mem::replace(
            self,
            Self { since: to, waited: Duration::ZERO, worked: Duration::ZERO },
        );
        Some(Load { waited, worked, over })
    }
}

/// Why it was tightened, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tightening {
    /// When.
    pub at: UnixTime,
    /// To which level.
    pub level: u8,
    /// The load.
    pub load: Load,
    /// What strangers made of the work, in percent.
    pub strangers_percent: u64,
}

/// How far strangers' shared budgets are tightened.
///
/// It rises by one with each measure in which the node was [late](LATE) or [busy](BUSY_PERCENT) and strangers
/// made [much](STRANGERS_PERCENT) of the work, and falls by one with each [rest](REST). Members alone never
/// tighten anything: their work is counted as the other part. Where strangers make much of the work, how late
/// members' part makes the node counts as well.
#[derive(Clone, Debug, Default)]
pub struct Level {
    level: u8,
    /// Since when there is rest.
    calm_since: Instant,
    /// When it was tightened the last time.
    tightened_at: Instant,
    /// Compute tokens since the last measure.
    strangers: u64,
    members: u64,
    /// Of both since the beginning.
    worked: u64,
    tightenings: VecDeque<Tightening>,
}

impl Level {
    /// Returns how far, 0 for the defaults.
    pub fn now(&self, now: Instant) -> u8 {
        let rests = micros(now.since(self.calm_since)) / micros(REST);
        self.level.saturating_sub(u8::try_from(rests).unwrap_or(u8::MAX))
    }

    /// Returns what is left of a budget at this level.
    pub fn tightened(&self, now: Instant, of: Allowance) -> Allowance {
        let level = u32::from(self.now(now));
        let half = |it: u64| (it >> level).max(it.min(1));
        Allowance { burst: half(of.burst), per_minute: half(of.per_minute) }
    }

    /// Returns the last tightenings, the latest first; at most [`TIGHTENINGS_KEPT`].
    pub fn tightenings(&self) -> impl Iterator<Item = &Tightening> {
        self.tightenings.iter().rev()
    }

    /// Returns how many compute tokens of work were let through, whosever.
    pub const fn worked(&self) -> u64 {
        self.worked
    }

    /// Counts work for a stranger.
    pub(crate) const fn count_stranger(&mut self, tokens: u64) {
        self.strangers = self.strangers.saturating_add(tokens);
        self.worked = self.worked.saturating_add(tokens);
    }

    /// Counts work for whoever is none.
    pub const fn count_member(&mut self, tokens: u64) {
        self.members = self.members.saturating_add(tokens);
        self.worked = self.worked.saturating_add(tokens);
    }

    /// Notes that strangers together asked for more than there is: no rest, for a [while](DEMAND).
    pub(crate) fn want_more(&mut self, now: Instant) {
        if self.now(now) > 0 && now.since(self.tightened_at) < DEMAND {
            self.settle(now);
            self.calm_since = now;
        }
    }

    /// Takes what was measured.
    pub fn load(&mut self, now: Now, load: Load) {
        self.settle(now.instant);
        let strangers_percent =
            percent(self.strangers, self.strangers.saturating_add(self.members));
        let is_theirs =
            self.strangers >= STRANGERS_TOKENS && strangers_percent >= STRANGERS_PERCENT;
        (self.strangers, self.members) = (0, 0);
        let is_over = |part: u32| {
            load.waited >= LATE / part || load.busy_percent() >= BUSY_PERCENT / u64::from(part)
        };
        if !is_theirs || !is_over(2) {
            return;
        }
        // Half of it moves nothing, and is no rest.
        self.calm_since = now.instant;
        if !is_over(1) {
            return;
        }
        self.tightened_at = now.instant;
        if self.level < LEVEL_MAX {
            self.level += 1;
            if self.tightenings.len() >= TIGHTENINGS_KEPT {
                self.tightenings.pop_front();
            }
            let (at, level) = (now.unix, self.level);
            self.tightenings.push_back(Tightening { at, level, load, strangers_percent });
        }
    }

    /// Makes true what has fallen meanwhile.
    fn settle(&mut self, now: Instant) {
        let level = self.now(now);
        let fallen = u32::from(self.level.saturating_sub(level));
        self.calm_since = self.calm_since.after(REST.saturating_mul(fallen));
        self.level = level;
        // A clock that was set back makes no rest longer.
        self.calm_since = self.calm_since.min(now);
        self.tightened_at = self.tightened_at.min(now);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Which part of a whole it is; nothing of nothing.
fn percent(part: u64, whole: u64) -> u64 {
    let percent = (u128::from(part) * 100).checked_div(u128::from(whole));
    percent.and_then(|it| u64::try_from(it).ok()).unwrap_or(0)
}
