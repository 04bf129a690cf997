//! Addresses at which members were connected: they have a budget of their own, which no stranger elsewhere
//! can use up.

use alloc::collections::{BTreeMap, VecDeque};
use core::{mem::size_of, net::IpAddr};

use ensign_diversity::host;
use ensign_primitives::{Instant, Occupancy, PeerId};

use crate::{Allowance, Gcra, Keyed};

/// Most addresses of members that are remembered. Guess: each member of a large node's groups, once.
pub const HOSTS_KNOWN_MAX: usize = 1024;
/// Most of one member. Guess: its two lines, each with IPv4 and IPv6.
pub const HOSTS_OF_MEMBER_MAX: usize = 4;

/// A budget for each.
///
/// Beyond [`HOSTS_OF_MEMBER_MAX`] a member's own goes that it was not seen at for longest. Beyond
/// [`HOSTS_KNOWN_MAX`] one of its own too; of all, if it has none: so a member takes one place from others
/// at most, however many addresses it has.
#[derive(Debug)]
pub struct Hosts {
    allowance: Allowance,
    budgets: BTreeMap<IpAddr, Gcra>,
    /// Whom a budget is for, by when a member was seen there, oldest first. Members may share an address.
    seen: VecDeque<(PeerId, IpAddr)>,
}

impl Hosts {
    /// Makes one that knows nobody.
    pub const fn new(allowance: Allowance) -> Self {
        Self { allowance, budgets: BTreeMap::new(), seen: VecDeque::new() }
    }

    /// A member was connected from there.
    ///
    /// Cost: goes through all that are known, once for each handshake of a member.
    pub fn know(&mut self, peer: PeerId, ip: IpAddr) {
        let of = (peer, host(ip));
        if self.seen.back() == Some(&of) {
            return;
        }
        if let Some(before) = self.seen.iter().position(|seen| *seen == of) {
            self.seen.remove(before);
        } else {
            self.make_room(peer);
        }
        self.seen.push_back(of);
        self.budgets.entry(of.1).or_insert(Gcra::FULL);
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
        Occupancy { name, len: self.seen.len(), limit: HOSTS_KNOWN_MAX }
    }

    /// The most bytes that it takes; a queue that has grown has room for twice what is in it.
    pub const BYTES_MAX: usize = Keyed::<IpAddr>::bytes(HOSTS_KNOWN_MAX)
        + 2 * HOSTS_KNOWN_MAX * size_of::<(PeerId, IpAddr)>();

    fn make_room(&mut self, peer: PeerId) {
        let is_full = self.seen.len() >= HOSTS_KNOWN_MAX;
        let own = self.seen.iter().filter(|(of, _)| *of == peer).count();
        if !is_full && own < HOSTS_OF_MEMBER_MAX {
            return;
        }
        let oldest = self.seen.iter().position(|(of, _)| own == 0 || *of == peer);
        let Some((_, gone)) = oldest.and_then(|it| self.seen.remove(it)) else { return };
        if self.seen.iter().all(|(_, host)| *host != gone) {
            self.budgets.remove(&gone);
        }
    }
}
