//! What each member may ask of us: requests, messages and bytes, refilled as time passes.
//!
//! A budget belongs to a node, not to its connection, so that dialling again buys nothing. Whoever
//! brings a request pays before any curve work; its creator pays once its signature was verified, so
//! that nobody can use up another's.

use alloc::collections::BTreeMap;

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_wire::Kind;

use crate::MEMBERS_MAX;

/// How much of something a member may use at once, and how much more each minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// At once, after a rest.
    pub burst: u64,
    /// Each minute from then on.
    pub per_minute: u64,
}

/// New requests of one creator.
///
/// The burst is what one creator may have open. Guess for the rate: faster than any person approves.
pub const REQUESTS_ALLOWED: Allowance = Allowance { burst: 25, per_minute: 30 };

/// New requests that one member brings, whoever made them: its own, and those of a creator that is
/// away. Guess: twice what a creator may make.
pub const BROUGHT_ALLOWED: Allowance = Allowance { burst: 50, per_minute: 60 };

/// Messages in new requests of one creator. Guess: a few of the largest requests at once, and two
/// thousand payments a minute; each costs a nonce, a partial signature and their checks.
pub const MESSAGES_ALLOWED: Allowance = Allowance { burst: 8 * 1024, per_minute: 2 * 1024 };

/// Bytes of announcements that one member brings, before they are decoded. Guess: all that a
/// creator may have open, of the largest kind, twice; a new connection repeats them.
pub const ANNOUNCED_BYTES_ALLOWED: Allowance =
    Allowance { burst: 4 * 1024 * 1024, per_minute: 4 * 1024 * 1024 };

/// Bytes of payloads that one member brings: everything a creator may have open, once over, and eight
/// of the largest a minute. Specification of bulk: 8 MiB a minute.
pub const PAYLOAD_BYTES_ALLOWED: Allowance =
    Allowance { burst: 32 * 1024 * 1024, per_minute: 8 * 1024 * 1024 };

/// Refusals that one member is told. Guess: a burst of a program that does everything wrong; what is
/// beyond it costs us no signature.
pub const REFUSALS_ALLOWED: Allowance = Allowance { burst: 32, per_minute: 60 };

/// What every member may ask of us. A setting: each number of the default is the constant of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowances {
    /// New requests of one creator.
    pub requests: Allowance,
    /// New requests that one member brings.
    pub brought: Allowance,
    /// Messages in new requests of one creator.
    pub messages: Allowance,
    /// Bytes of announcements that one member brings; whoever decodes them counts.
    pub announced_bytes: Allowance,
    /// Bytes of payloads that one member brings; whoever decodes them counts.
    pub payload_bytes: Allowance,
    /// Refusals that one member is told.
    pub refusals: Allowance,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            requests: REQUESTS_ALLOWED,
            brought: BROUGHT_ALLOWED,
            messages: MESSAGES_ALLOWED,
            announced_bytes: ANNOUNCED_BYTES_ALLOWED,
            payload_bytes: PAYLOAD_BYTES_ALLOWED,
            refusals: REFUSALS_ALLOWED,
        }
    }
}

impl Allowances {
    /// The default for so many new requests of one creator a minute, everything else in proportion;
    /// never less than the default.
    ///
    /// - `per_minute`: at most [`REQUESTS_PER_MINUTE_MAX`], more counts as that.
    #[must_use]
    pub fn of_requests(per_minute: u64) -> Self {
        let times = per_minute.min(REQUESTS_PER_MINUTE_MAX).div_ceil(REQUESTS_ALLOWED.per_minute);
        let times = times.max(1);
        let scale = |allowed: Allowance| Allowance {
            burst: allowed.burst.saturating_mul(times),
            per_minute: allowed.per_minute.saturating_mul(times),
        };
        let Self { requests, brought, messages, announced_bytes, payload_bytes, refusals } =
            Self::default();
        Self {
            requests: scale(requests),
            brought: scale(brought),
            messages: scale(messages),
            announced_bytes: scale(announced_bytes),
            payload_bytes: scale(payload_bytes),
            refusals,
        }
    }
}

/// Most new requests of one creator a minute that can be allowed. Guess: far more than one node signs.
pub const REQUESTS_PER_MINUTE_MAX: u64 = 60_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Good {
    Requests,
    Brought,
    Messages,
    Refusals,
}

impl Good {
    const fn allowance(self, allowances: &Allowances) -> Allowance {
        match self {
            Self::Requests => allowances.requests,
            Self::Brought => allowances.brought,
            Self::Messages => allowances.messages,
            Self::Refusals => allowances.refusals,
        }
    }
}

/// How many kinds of goods there are.
const GOODS: usize = 4;

/// What every member has left. Members only are entered.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    allowances: Allowances,
    left: BTreeMap<(PeerId, Good), Bucket>,
}

impl Budgets {
    /// Takes what a member's node had left for what its next one has, if that has none.
    pub(crate) fn moved(&mut self, from: &PeerId, to: PeerId) {
        for good in [Good::Requests, Good::Brought, Good::Messages, Good::Refusals] {
            if let Some(left) = self.left.remove(&(*from, good)) {
                self.left.entry((to, good)).or_insert(left);
            }
        }
    }

    pub(crate) const fn new(allowances: Allowances) -> Self {
        Self { allowances, left: BTreeMap::new() }
    }

    /// Takes `amount` from a member's budget if it is there.
    pub(crate) fn spend(&mut self, now: Instant, peer: PeerId, good: Good, amount: u64) -> bool {
        let allowance = good.allowance(&self.allowances);
        let bucket = self.left.entry((peer, good)).or_insert_with(|| Bucket::full(now, allowance));
        bucket.take(now, allowance, amount)
    }

    /// Returns whether `amount` is there, and takes nothing.
    pub(crate) fn affords(&mut self, now: Instant, peer: PeerId, good: Good, amount: u64) -> bool {
        let allowance = good.allowance(&self.allowances);
        let Some(bucket) = self.left.get_mut(&(peer, good)) else {
            return amount <= allowance.burst;
        };
        bucket.refill(now, allowance);
        bucket.credit >= scaled(amount)
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { name: "budgets", len: self.left.len(), limit: GOODS * (MEMBERS_MAX + 1) }
    }
}

/// A token bucket, in whole numbers.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Tokens times [`MINUTE_MICROS`].
    credit: u64,
    at: Instant,
}

const MINUTE_MICROS: u64 = 60_000_000;

impl Bucket {
    /// Makes one that is full.
    pub const fn full(now: Instant, allowance: Allowance) -> Self {
        Self { credit: scaled(allowance.burst), at: now }
    }

    fn refill(&mut self, now: Instant, allowance: Allowance) {
        let passed = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let gained = passed.saturating_mul(allowance.per_minute);
        self.credit = self.credit.saturating_add(gained).min(scaled(allowance.burst));
        self.at = self.at.max(now);
    }

    /// Takes `amount` tokens if they are there, after it has refilled until now.
    pub fn take(&mut self, now: Instant, allowance: Allowance, amount: u64) -> bool {
        self.refill(now, allowance);
        let left = self.credit.checked_sub(scaled(amount));
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }
}

const fn scaled(amount: u64) -> u64 {
    amount.saturating_mul(MINUTE_MICROS)
}

/// Bytes that each member may still send of what is dear to decode or to keep.
#[derive(Debug)]
pub struct ByteBudgets {
    allowances: Allowances,
    left: BTreeMap<(PeerId, Kind), Bucket>,
}

impl ByteBudgets {
    /// Makes full ones.
    pub const fn new(allowances: Allowances) -> Self {
        Self { allowances, left: BTreeMap::new() }
    }

    /// Takes a frame's bytes from its sender's budget; `false` when they are more than is left. Kinds that
    /// are small or of a session have none.
    pub fn take(&mut self, now: Instant, peer: PeerId, kind: Kind, bytes: usize) -> bool {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is small or of a session")]
        let allowance = match kind {
            Kind::SessionAnnounce => self.allowances.announced_bytes,
            Kind::Payload => self.allowances.payload_bytes,
            _ => return true,
        };
        let full = || Bucket::full(now, allowance);
        let left = self.left.entry((peer, kind)).or_insert_with(full);
        left.take(now, allowance, bytes as u64)
    }

    /// Forgets the budgets of who is a member no more.
    pub fn forget(&mut self, peer: &PeerId) {
        self.left.retain(|(other, _), _| other != peer);
    }

    /// Returns how many there are.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy { name: "budgets of bytes", len: self.left.len(), limit: 2 * MEMBERS_MAX }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const PEER: PeerId = PeerId::from_bytes([1; 32]);

    fn spent(budgets: &mut Budgets, now: Instant, peer: PeerId) -> usize {
        (0..100).filter(|_| budgets.spend(now, peer, Good::Requests, 1)).count()
    }

    #[test]
    fn burst_is_there_at_once_and_the_rest_comes_with_time() {
        let start = Instant::from_micros(7);
        let mut budgets = Budgets::default();
        assert_eq!(spent(&mut budgets, start, PEER), 25);
        let half = start.after(Duration::from_secs(30));
        assert_eq!(spent(&mut budgets, half, PEER), 15);
        assert_eq!(spent(&mut budgets, half.after(Duration::from_secs(3600)), PEER), 25);
    }

    #[test]
    fn each_member_has_its_own() {
        let (start, other) = (Instant::from_micros(0), PeerId::from_bytes([2; 32]));
        let mut budgets = Budgets::default();
        assert_eq!(spent(&mut budgets, start, PEER), 25);
        assert_eq!(spent(&mut budgets, start, other), 25);
    }

    #[test]
    fn what_is_too_much_takes_nothing() {
        let start = Instant::from_micros(0);
        let mut budgets = Budgets::default();
        assert!(!budgets.spend(start, PEER, Good::Messages, 8 * 1024 + 1));
        assert!(budgets.affords(start, PEER, Good::Messages, 8 * 1024));
        assert!(budgets.spend(start, PEER, Good::Messages, 8 * 1024));
        assert!(!budgets.affords(start, PEER, Good::Messages, 1));
    }
}
