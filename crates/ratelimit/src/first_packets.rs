//! Who may send the first packet of a connection: asked before anything of it is read but its first byte,
//! because its keys alone cost more than everything else that a stranger can send.

use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use ensign_diversity::{block, host, network};
use ensign_primitives::{Instant, Occupancy, PeerId};

use crate::{Allowance, Charge, Gcra, Hosts, Keyed};

/// First packets of each address, or IPv6 /64, that come before those of who sends more. Guess: a household's
/// nodes, each with a packet that proves its address and one repetition.
pub const FIRST_PACKETS_FEW: Allowance = Allowance { burst: 16, per_minute: 60 };
/// Those of each IPv6 /48, of which anybody may have one with 65,536 /64 in it. Guess: the households of a small
/// provider, twenty packets for each [handshake](crate::HANDSHAKES_FEW_OF_SITE).
pub const FIRST_PACKETS_FEW_OF_SITE: Allowance = Allowance { burst: 64, per_minute: 20 * 60 };
/// Those of each IPv6 /32. Guess: a tenth of what there is for all, as of
/// [handshakes](crate::HANDSHAKES_FEW_OF_BLOCK).
pub const FIRST_PACKETS_FEW_OF_BLOCK: Allowance = Allowance { burst: 256, per_minute: 200 * 60 };
/// Those of all addresses together. Guess: a twentieth of a core, at 25 microseconds each.
pub const FIRST_PACKETS_FEW_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 2000 * 60 };
/// More of each address, or IPv6 /64. Guess: a fifth of what there is for all, and four for each of its
/// [handshakes](crate::HANDSHAKES_OF_ADDRESS): two hellos of two packets.
pub const FIRST_PACKETS_OF_ADDRESS: Allowance = Allowance { burst: 512, per_minute: 600 * 60 };
/// More of each /24, or IPv6 /48. Guess: three tenths of what there is for all.
pub const FIRST_PACKETS_OF_NETWORK: Allowance = Allowance { burst: 768, per_minute: 900 * 60 };
/// More of each IPv6 /32. Guess: as a network's, so that one provider leaves seven tenths to others.
pub const FIRST_PACKETS_OF_BLOCK: Allowance = Allowance { burst: 768, per_minute: 900 * 60 };
/// More of anybody. Guess: a twelfth of a core; more than [handshakes](crate::HandshakeLimits) may begin.
pub const FIRST_PACKETS_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 3000 * 60 };
/// Those of an address and port at which a handshake is under way. Guess: more than a handshake with its losses
/// has; who begins as many [as it may](crate::HANDSHAKES_OF_ADDRESS) gets no more than what there is for all.
pub const FIRST_PACKETS_PASSING: Allowance = Allowance { burst: 16, per_minute: 8 * 60 };
/// Those of an address at which a member was connected. Guess: a router's whole office that comes back, beside
/// thirty packets a second that somebody forges.
pub const FIRST_PACKETS_KNOWN: Allowance = Allowance { burst: 32, per_minute: 32 * 60 };
/// Those of all such addresses together. Guess: as of all that send few, and of sixty addresses that are forged
/// all the time.
pub const FIRST_PACKETS_KNOWN_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 2000 * 60 };

/// Most addresses that are remembered for their first packets.
pub const SENDERS_REMEMBERED: usize = 8 * 1024;
/// Most of their networks.
pub const SENDER_NETWORKS_REMEMBERED: usize = 2 * 1024;
/// Most of their providers' blocks, of IPv6.
pub const SENDER_BLOCKS_REMEMBERED: usize = 1024;
/// Most addresses at which a handshake is under way. Guess: several times what may begin at a time.
pub const PASSING_MAX: usize = 2048;

/// How many first packets are looked at. Each number of the default is a constant of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPacketLimits {
    /// The first few of each address, or IPv6 /64.
    pub few: Allowance,
    /// The first few of each IPv6 /48.
    pub few_of_site: Allowance,
    /// The first few of each IPv6 /32.
    pub few_of_block: Allowance,
    /// The first few of all addresses together.
    pub few_in_all: Allowance,
    /// More of each address, or IPv6 /64.
    pub of_address: Allowance,
    /// More of each /24, or IPv6 /48.
    pub of_network: Allowance,
    /// More of each IPv6 /32.
    pub of_block: Allowance,
    /// More of anybody.
    pub in_all: Allowance,
    /// Of an address and port at which a handshake is under way.
    pub passing: Allowance,
    /// Of an address at which a member was connected.
    pub known: Allowance,
    /// Of all such addresses together.
    pub known_in_all: Allowance,
}

impl FirstPacketLimits {
    /// The default.
    pub const DEFAULT: Self = Self {
        few: FIRST_PACKETS_FEW,
        few_of_site: FIRST_PACKETS_FEW_OF_SITE,
        few_of_block: FIRST_PACKETS_FEW_OF_BLOCK,
        few_in_all: FIRST_PACKETS_FEW_IN_ALL,
        of_address: FIRST_PACKETS_OF_ADDRESS,
        of_network: FIRST_PACKETS_OF_NETWORK,
        of_block: FIRST_PACKETS_OF_BLOCK,
        in_all: FIRST_PACKETS_IN_ALL,
        passing: FIRST_PACKETS_PASSING,
        known: FIRST_PACKETS_KNOWN,
        known_in_all: FIRST_PACKETS_KNOWN_IN_ALL,
    };
}

/// What senders of first packets have left.
///
/// Nobody has shown yet that it receives at its address: forged packets cost whoever has that address what is
/// its own, where a member was and where a handshake is under way too, and its part of what is for all.
#[derive(Debug)]
pub struct FirstPackets {
    limits: FirstPacketLimits,
    senders: Keyed<IpAddr, BUDGETS>,
    networks: Keyed<IpAddr, BUDGETS>,
    blocks: Keyed<Ipv6Addr, BUDGETS>,
    few_in_all: Gcra,
    in_all: Gcra,
    passing: BTreeMap<SocketAddr, Passing>,
    known: Hosts,
    known_in_all: Gcra,
    dropped: u64,
}

/// The budgets of an address, a network and a block: the first few, and more.
const BUDGETS: usize = 2;
const FEW: usize = 0;
const MORE: usize = 1;

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
            networks: Keyed::new(SENDER_NETWORKS_REMEMBERED),
            blocks: Keyed::new(SENDER_BLOCKS_REMEMBERED),
            few_in_all: Gcra::FULL,
            in_all: Gcra::FULL,
            passing: BTreeMap::new(),
            known: Hosts::new(limits.known),
            known_in_all: Gcra::FULL,
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
    pub fn know(&mut self, peer: PeerId, ip: IpAddr) {
        self.known.know(peer, ip);
    }

    /// Decides whether so many first packets are looked at; those that are not are gone, and an honest
    /// sender repeats them.
    pub fn allows(&mut self, now: Instant, remote: SocketAddr, packets: u64) -> bool {
        let passing = self.limits.passing;
        let under_way = self.passing.get_mut(&remote);
        let is_allowed = under_way.is_some_and(|it| it.budget.take(now, passing, packets))
            || self.takes_known(now, remote.ip(), packets)
            || self.takes_few(now, remote.ip(), packets)
            || self.takes_more(now, remote.ip(), packets);
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
    pub fn occupancy(&self) -> [Occupancy; 5] {
        let passing = self.passing.len();
        [
            self.senders.occupancy("budgets of senders"),
            self.networks.occupancy("budgets of senders' networks"),
            self.blocks.occupancy("budgets of senders' blocks"),
            Occupancy { name: "handshakes under way", len: passing, limit: PASSING_MAX },
            self.known.occupancy("addresses of members"),
        ]
    }

    /// The most bytes that all of it takes.
    pub const BYTES_MAX: usize = Keyed::<IpAddr, BUDGETS>::bytes(SENDERS_REMEMBERED)
        + Keyed::<IpAddr, BUDGETS>::bytes(SENDER_NETWORKS_REMEMBERED)
        + Keyed::<Ipv6Addr, BUDGETS>::bytes(SENDER_BLOCKS_REMEMBERED)
        + Keyed::<SocketAddr>::bytes(PASSING_MAX)
        + Hosts::BYTES_MAX;

    fn takes_known(&mut self, now: Instant, ip: IpAddr, packets: u64) -> bool {
        let in_all = self.limits.known_in_all;
        self.known_in_all.affords(now, in_all, packets)
            && self.known.take(now, ip, packets)
            && self.known_in_all.take(now, in_all, packets)
    }

    fn takes_few(&mut self, now: Instant, ip: IpAddr, packets: u64) -> bool {
        let FirstPacketLimits { few, few_of_site, few_of_block, few_in_all, .. } = self.limits;
        let charge = |allowance| Charge { budget: FEW, allowance, amount: packets };
        let site = Some(network(ip)).filter(IpAddr::is_ipv6);
        let shared = (site, charge(few_of_site), charge(few_of_block));
        self.few_in_all.affords(now, few_in_all, packets)
            && self.takes_shared(now, ip, charge(few), shared)
            && self.few_in_all.take(now, few_in_all, packets)
    }

    fn takes_more(&mut self, now: Instant, ip: IpAddr, packets: u64) -> bool {
        let FirstPacketLimits { of_address, of_network, of_block, in_all, .. } = self.limits;
        let charge = |allowance| Charge { budget: MORE, allowance, amount: packets };
        let shared = (Some(network(ip)), charge(of_network), charge(of_block));
        self.in_all.affords(now, in_all, packets)
            && self.takes_shared(now, ip, charge(of_address), shared)
            && self.in_all.take(now, in_all, packets)
    }

    /// Takes it from an address, its network and its block, or nothing.
    ///
    /// The widest is asked first: a flood of many addresses of one network enters none of them once that is
    /// used up.
    fn takes_shared(
        &mut self,
        now: Instant,
        ip: IpAddr,
        of_address: Charge,
        (network, of_network, of_block): (Option<IpAddr>, Charge, Charge),
    ) -> bool {
        let block = block(ip);
        let is_there = block.is_none_or(|it| self.blocks.has(now, &it, of_block))
            && network.is_none_or(|it| self.networks.has(now, &it, of_network))
            && self.senders.charge(now, host(ip), [of_address]).is_ok();
        if is_there {
            // All of it is there, as was seen.
            block.map(|it| self.blocks.charge(now, it, [of_block]));
            network.map(|it| self.networks.charge(now, it, [of_network]));
        }
        is_there
    }
}
