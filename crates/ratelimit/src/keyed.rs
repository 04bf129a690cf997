//! Budgets of many, in bounded memory.

use alloc::collections::{BTreeMap, BTreeSet};
use core::mem::size_of;

use ensign_primitives::{Instant, Occupancy};

use crate::{Allowance, Gcra};

/// `N` budgets for each key, of at most so many keys.
///
/// Whoever is not entered has full budgets, so an entry whose budgets are all full again is taken out
/// without loss. Beyond the capacity the one that would be full soonest goes: it gains least.
#[derive(Clone, Debug)]
pub struct Keyed<K, const N: usize = 1> {
    entries: BTreeMap<K, [Gcra; N]>,
    /// By when all of a key's budgets are full.
    order: BTreeSet<(Gcra, K)>,
    capacity: usize,
}

/// What is to be taken from one of a key's budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Which of the key's budgets, below `N`.
    pub budget: usize,
    /// What that budget is.
    pub allowance: Allowance,
    /// How much.
    pub amount: u64,
}

impl<K: Ord + Copy, const N: usize> Keyed<K, N> {
    /// Makes one without entries.
    pub const fn new(capacity: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeSet::new(), capacity }
    }

    /// Takes every charge, or nothing.
    ///
    /// # Errors
    ///
    /// The first charge that is more than is left.
    pub fn charge(
        &mut self,
        now: Instant,
        key: K,
        charges: impl IntoIterator<Item = Charge>,
    ) -> Result<(), Charge> {
        self.tidy(now);
        let before = self.entries.get(&key).copied();
        let mut budgets = before.unwrap_or([Gcra::FULL; N]);
        for charge in charges {
            let budget = budgets.get_mut(charge.budget);
            let taken = budget.is_some_and(|it| it.take(now, charge.allowance, charge.amount));
            if !taken {
                self.settle(now, key, before, charge);
                return Err(charge);
            }
        }
        self.enter(key, before, budgets);
        Ok(())
    }

    /// Returns the budgets of a key.
    pub fn of(&self, key: &K) -> [Gcra; N] {
        self.entries.get(key).copied().unwrap_or([Gcra::FULL; N])
    }

    /// Returns whether a charge is there, and takes nothing.
    pub fn has(&self, now: Instant, key: &K, charge: Charge) -> bool {
        let budgets = self.of(key);
        let budget = budgets.get(charge.budget);
        budget.is_some_and(|it| it.affords(now, charge.allowance, charge.amount))
    }

    /// Returns when all budgets of a key are full, which may be past.
    pub fn full_at(&self, key: &K) -> Instant {
        last(&self.of(key)).full_at()
    }

    /// Takes what a key has left for what another has, if that has none.
    pub fn rename(&mut self, from: &K, to: K) {
        let Some(budgets) = self.forget(from) else { return };
        if !self.entries.contains_key(&to) {
            self.enter(to, None, budgets);
        }
    }

    /// Forgets a key, which has full budgets from then on.
    pub fn forget(&mut self, key: &K) -> Option<[Gcra; N]> {
        let budgets = self.entries.remove(key)?;
        self.order.remove(&(last(&budgets), *key));
        Some(budgets)
    }

    /// Returns how full it is, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        Occupancy { name, len: self.entries.len(), limit: self.capacity }
    }

    /// Returns the most bytes that so many entries take, what the maps need besides included: a node of
    /// theirs is at least half full, and has a place for one more.
    pub const fn bytes(capacity: usize) -> usize {
        2 * capacity * (size_of::<(K, [Gcra; N])>() + size_of::<(Gcra, K)>() + NODE_BYTES)
    }

    fn enter(&mut self, key: K, before: Option<[Gcra; N]>, budgets: [Gcra; N]) {
        if let Some(before) = before {
            self.order.remove(&(last(&before), key));
        } else if self.entries.len() >= self.capacity
            && let Some((_, soonest)) = self.order.pop_first()
        {
            self.entries.remove(&soonest);
        }
        self.order.insert((last(&budgets), key));
        self.entries.insert(key, budgets);
    }

    /// A clock that was set back empties a budget and no more.
    fn settle(&mut self, now: Instant, key: K, before: Option<[Gcra; N]>, refused: Charge) {
        let Some(mut budgets) = before else { return };
        if let Some(budget) = budgets.get_mut(refused.budget) {
            *budget = budget.settled(now, refused.allowance);
        }
        if before != Some(budgets) {
            self.enter(key, before, budgets);
        }
    }

    /// Takes out what has filled up: more than one use brings in, so that the memory goes back.
    fn tidy(&mut self, now: Instant) {
        for _ in 0..TIDIED_PER_USE {
            let Some((_, key)) = self.order.first().copied().filter(|(at, _)| at.is_full(now))
            else {
                return;
            };
            self.forget(&key);
        }
    }
}

impl<K: Ord + Copy> Keyed<K> {
    /// Takes `amount` from a key's only budget if it is there.
    pub fn take(&mut self, now: Instant, key: K, allowance: Allowance, amount: u64) -> bool {
        self.charge(now, key, [Charge { budget: 0, allowance, amount }]).is_ok()
    }

    /// Returns whether `amount` is there, and takes nothing.
    pub fn affords(&self, now: Instant, key: &K, allowance: Allowance, amount: u64) -> bool {
        self.has(now, key, Charge { budget: 0, allowance, amount })
    }
}

/// How many entries that are full again one use takes out at most. Two: one more than it brings in.
const TIDIED_PER_USE: usize = 2;

/// What a node of a map has besides its entries, for each of them. Guess: pointers and numbers of
/// `BTreeMap`, spread over the eleven entries of a node.
const NODE_BYTES: usize = 16;

/// When the last of them is full.
fn last<const N: usize>(budgets: &[Gcra; N]) -> Gcra {
    budgets.iter().copied().max().unwrap_or(Gcra::FULL)
}
