//! What each member has left of what signing counts: [`Allowances`] says how much that is.

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_ratelimit::{Allowance, Allowances, Keyed};

use crate::MEMBERS_MAX;

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
#[derive(Debug)]
pub(crate) struct Budgets {
    allowances: Allowances,
    left: Keyed<(PeerId, Good)>,
}

impl Budgets {
    /// Takes what a member's node had left for what its next one has, if that has none.
    pub(crate) fn moved(&mut self, from: &PeerId, to: PeerId) {
        for good in [Good::Requests, Good::Brought, Good::Messages, Good::Refusals] {
            self.left.rename(&(*from, good), (to, good));
        }
    }

    pub(crate) const fn new(allowances: Allowances) -> Self {
        Self { allowances, left: Keyed::new(GOODS * (MEMBERS_MAX + 1)) }
    }

    /// Takes `amount` from a member's budget if it is there.
    pub(crate) fn spend(&mut self, now: Instant, peer: PeerId, good: Good, amount: u64) -> bool {
        self.left.take(now, (peer, good), good.allowance(&self.allowances), amount)
    }

    /// Returns whether `amount` is there, and takes nothing.
    pub(crate) fn affords(&self, now: Instant, peer: PeerId, good: Good, amount: u64) -> bool {
        self.left.affords(now, &(peer, good), good.allowance(&self.allowances), amount)
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        self.left.occupancy("budgets")
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
        let mut budgets = Budgets::new(Allowances::default());
        assert_eq!(spent(&mut budgets, start, PEER), 25);
        let half = start.after(Duration::from_secs(30));
        assert_eq!(spent(&mut budgets, half, PEER), 15);
        assert_eq!(spent(&mut budgets, half.after(Duration::from_secs(3600)), PEER), 25);
    }

    #[test]
    fn each_member_has_its_own() {
        let (start, other) = (Instant::from_micros(0), PeerId::from_bytes([2; 32]));
        let mut budgets = Budgets::new(Allowances::default());
        assert_eq!(spent(&mut budgets, start, PEER), 25);
        assert_eq!(spent(&mut budgets, start, other), 25);
    }

    #[test]
    fn what_is_too_much_takes_nothing() {
        let start = Instant::from_micros(0);
        let mut budgets = Budgets::new(Allowances::default());
        assert!(!budgets.spend(start, PEER, Good::Messages, 8 * 1024 + 1));
        assert!(budgets.affords(start, PEER, Good::Messages, 8 * 1024));
        assert!(budgets.spend(start, PEER, Good::Messages, 8 * 1024));
        assert!(!budgets.affords(start, PEER, Good::Messages, 1));
    }
}
