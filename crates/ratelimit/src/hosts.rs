//! Addresses at which members were connected: they have a budget of their own, which no stranger elsewhere
//! can use up.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::IpAddr;

use ensign_diversity::host;
use ensign_primitives::{Instant, Occupancy};

use crate::{Allowance, Gcra, Keyed};

/// Most addresses of members that are remembered. Guess: each member of a large node's groups, once.
pub const HOSTS_KNOWN_MAX: usize = 1024;

/// A budget for each; beyond [`HOSTS_KNOWN_MAX`] the one that was not seen for longest goes.
#[derive(Debug)]
pub struct Hosts {
    allowance: Allowance,
    budgets: BTreeMap<IpAddr, Gcra>,
    /// By when a member was seen there, oldest first.
    seen: VecDeque<IpAddr>,
}

impl Hosts {
    /// Makes one that knows nobody.
    pub const fn new(allowance: Allowance) -> Self {
        Self { allowance, budgets: BTreeMap::new(), seen: VecDeque::new() }
    }

    /// A member was connected from there.
    pub fn know(&mut self, ip: IpAddr) {
        let host = host(ip);
        if self.seen.back() == Some(&host) {
            return;
        }
        if self.budgets.contains_key(&host) {
            self.seen.retain(|seen| *seen != host);
        } else if self.seen.len() >= HOSTS_KNOWN_MAX
            && let Some(oldest) = self.seen.pop_front()
        {
            self.budgets.remove(&oldest);
        }
        self.seen.push_back(host);
        self.budgets.entry(host).or_insert(Gcra::FULL);
    }

    /// Whether a member was connected from there.
    pub fn knows(&self, ip: IpAddr) -> bool {
        self.budgets.contains_key(&host(ip))
    }

    /// Takes from the budget of an address; `false` where none is left, or no member was.
    pub fn take(&mut self, now: Instant, ip: IpAddr, amount: u64) -> bool {
        let allowance = self.allowance;
        let budget = self.budgets.get_mut(&host(ip));
        budget.is_some_and(|budget| budget.take(now, allowance, amount))
    }

    /// Returns how full it is, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        Occupancy { name, len: self.budgets.len(), limit: HOSTS_KNOWN_MAX }
    }

    /// The most bytes that it takes.
    pub const BYTES_MAX: usize = Keyed::<IpAddr>::bytes(HOSTS_KNOWN_MAX);
}
