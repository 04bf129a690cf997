//! Who may send the first packet of a connection: asked before anything of it is read but its first byte,
//! because its keys alone cost more than everything else that a stranger can send.

use alloc::collections::BTreeMap;
use core::net::{IpAddr, SocketAddr};

use ensign_diversity::host;
use ensign_primitives::{Instant, Occupancy};

use crate::{Allowance, Charge, Gcra, Hosts, Keyed};

/// First packets of each address, or IPv6 /64, that come before those of who sends more. Guess: a household's
/// nodes, each with a packet that proves its address and one repetition.
pub const FIRST_PACKETS_FEW: Allowance = Allowance { burst: 16, per_minute: 60 };
/// Those of all addresses together. Guess: a twentieth of a core, at 25 microseconds each.
pub const FIRST_PACKETS_FEW_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 2000 * 60 };
/// More of anybody. Guess: a twelfth of a core; more than [handshakes](crate::HandshakeLimits) may begin.
pub const FIRST_PACKETS_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 3000 * 60 };
/// Those of an address at which a handshake is under way. Guess: more than a handshake with its losses has.
pub const FIRST_PACKETS_PASSING: Allowance = Allowance { burst: 64, per_minute: 32 * 60 };
/// Those of an address at which a member was connected. Guess: a router's whole office that comes back.
pub const FIRST_PACKETS_KNOWN: Allowance = Allowance { burst: 32, per_minute: 4 * 60 };

/// Most addresses that are remembered for their first packets.
pub const SENDERS_REMEMBERED: usize = 8 * 1024;
/// Most addresses at which a handshake is under way. Guess: several times what may begin at a time.
pub const PASSING_MAX: usize = 2048;

/// How many first packets are looked at. Each number of the default is a constant of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPacketLimits {
    /// The first few of each address, or IPv6 /64.
    pub few: Allowance,
    /// The first few of all addresses together.
    pub few_in_all: Allowance,
    /// More of anybody.
    pub in_all: Allowance,
    /// Of an address and port at which a handshake is under way.
    pub passing: Allowance,
    /// Of an address at which a member was connected.
    pub known: Allowance,
}

impl FirstPacketLimits {
    /// The default.
    pub const DEFAULT: Self = Self {
        few: FIRST_PACKETS_FEW,
        few_in_all: FIRST_PACKETS_FEW_IN_ALL,
        in_all: FIRST_PACKETS_IN_ALL,
        passing: FIRST_PACKETS_PASSING,
        known: FIRST_PACKETS_KNOWN,
    };
}

/// What senders of first packets have left.
///
/// Forged addresses cost whoever has them their part of what is for all, and nothing of a handshake
/// that is under way.
#[derive(Debug)]
pub struct FirstPackets {
    limits: FirstPacketLimits,
    senders: Keyed<IpAddr>,
    few_in_all: Gcra,
    in_all: Gcra,
    passing: BTreeMap<SocketAddr, Passing>,
    known: Hosts,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Passing {
    handshakes: u32,
    budget: Gcra,
}

impl FirstPackets {
    /// Makes full ones.
    pub const fn new(limits: FirstPacketLimits) -> Self {
        Self {
            limits,
            senders: Keyed::new(SENDERS_REMEMBERED),
            few_in_all: Gcra::FULL,
            in_all: Gcra::FULL,
            passing: BTreeMap::new(),
            known: Hosts::new(limits.known),
            dropped: 0,
        }
    }

    /// A handshake with this address is under way, ours or its own. Beyond [`PASSING_MAX`] its packets are
    /// anybody's.
    pub fn begins(&mut self, remote: SocketAddr) {
        if self.passing.len() < PASSING_MAX || self.passing.contains_key(&remote) {
            self.passing.entry(remote).or_default().handshakes += 1;
        }
    }

    /// One of them is over.
    pub fn ends(&mut self, remote: SocketAddr) {
        let Some(passing) = self.passing.get_mut(&remote) else { return };
        passing.handshakes -= 1;
        if passing.handshakes == 0 {
            self.passing.remove(&remote);
        }
    }

    /// A member was connected from there.
    pub fn know(&mut self, ip: IpAddr) {
        self.known.know(ip);
    }

    /// Decides whether so many first packets are looked at; those that are not are gone, and an honest
    /// sender repeats them.
    pub fn allows(&mut self, now: Instant, remote: SocketAddr, packets: u64) -> bool {
        let FirstPacketLimits { passing, in_all, .. } = self.limits;
        let under_way = self.passing.get_mut(&remote);
        let is_allowed = under_way.is_some_and(|it| it.budget.take(now, passing, packets))
            || self.known.take(now, remote.ip(), packets)
            || self.takes_few(now, remote.ip(), packets)
            || self.in_all.take(now, in_all, packets);
        if !is_allowed {
            self.dropped = self.dropped.saturating_add(packets);
        }
        is_allowed
    }

    /// Returns how many were dropped.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns how full each table is.
    pub fn occupancy(&self) -> [Occupancy; 3] {
        let passing = self.passing.len();
        [
            self.senders.occupancy("budgets of senders"),
            Occupancy { name: "handshakes under way", len: passing, limit: PASSING_MAX },
            self.known.occupancy("addresses of members"),
        ]
    }

    /// The most bytes that all of it takes.
    pub const BYTES_MAX: usize = Keyed::<IpAddr>::bytes(SENDERS_REMEMBERED)
        + Keyed::<SocketAddr>::bytes(PASSING_MAX)
        + Hosts::BYTES_MAX;

    fn takes_few(&mut self, now: Instant, ip: IpAddr, packets: u64) -> bool {
        let FirstPacketLimits { few, few_in_all, .. } = self.limits;
        let few = Charge { budget: 0, allowance: few, amount: packets };
        self.few_in_all.affords(now, few_in_all, packets)
            && self.senders.charge(now, host(ip), [few]).is_ok()
            && self.few_in_all.take(now, few_in_all, packets)
    }
}
