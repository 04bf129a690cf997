//! Who may begin a handshake: asked before any of its work is done, while nobody knows who it is.

use core::net::{IpAddr, Ipv6Addr};

use ensign_diversity::{block, host, network};
use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_wire::Role;

use crate::{Allowance, Charge, FirstPacketLimits, Gcra, Hosts, Keyed};

/// How many handshakes callers may begin. A setting; each number of the default is a constant of this
/// crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// Of callers that have not shown that they receive at their address; beyond it each has to.
    pub unproven: Allowance,
    /// The first few of each address, or IPv6 /64: they come before those of who asks more.
    pub few: Allowance,
    /// The first few of each IPv6 /48, of which anybody may have one with 65,536 /64 in it.
    pub few_of_site: Allowance,
    /// The first few of each IPv6 /32, of which a provider has one with 65,536 /48 in it.
    pub few_of_block: Allowance,
    /// The first few of all addresses together.
    pub few_in_all: Allowance,
    /// More of each address, or IPv6 /64.
    pub of_address: Allowance,
    /// More of each /24, or IPv6 /48.
    pub of_network: Allowance,
    /// More of all.
    pub in_all: Allowance,
    /// Of each address at which a member was connected; nobody else uses it up.
    pub known: Allowance,
    /// Of their first packets, which are asked about before.
    pub packets: FirstPacketLimits,
}

/// Default of [`HandshakeLimits::unproven`]. Guess: a group that comes back at once pays no round trip,
/// and 32 a second are two hundredths of a core.
pub const HANDSHAKES_UNPROVEN: Allowance = Allowance { burst: 64, per_minute: 32 * 60 };
/// Default of [`HandshakeLimits::few`]. Guess: a household's nodes, and their next tries.
pub const HANDSHAKES_FEW: Allowance = Allowance { burst: 4, per_minute: 6 };
/// Default of [`HandshakeLimits::few_of_site`]. Guess: the households of a small provider.
pub const HANDSHAKES_FEW_OF_SITE: Allowance = Allowance { burst: 32, per_minute: 60 };
/// Default of [`HandshakeLimits::few_of_block`]. Guess: a tenth of what there is for all, so that one provider's
/// sites leave nine tenths to others.
pub const HANDSHAKES_FEW_OF_BLOCK: Allowance = Allowance { burst: 128, per_minute: 10 * 60 };
/// Default of [`HandshakeLimits::few_in_all`]. Guess: two hundred addresses that ask all the time leave
/// four fifths of it to others; a twentieth of a core, at half a millisecond each.
pub const HANDSHAKES_FEW_IN_ALL: Allowance = Allowance { burst: 1024, per_minute: 100 * 60 };
/// Default of [`HandshakeLimits::of_address`]. Guess: a member behind the address of who asks 2,000 a
/// second begins one in twenty, and one address takes a fifteenth of a core.
pub const HANDSHAKES_OF_ADDRESS: Allowance = Allowance { burst: 64, per_minute: 128 * 60 };
/// Default of [`HandshakeLimits::of_network`]. Guess: twice an address's.
pub const HANDSHAKES_OF_NETWORK: Allowance = Allowance { burst: 128, per_minute: 256 * 60 };
/// Default of [`HandshakeLimits::in_all`]. Guess: a fifth of a core.
pub const HANDSHAKES_IN_ALL: Allowance = Allowance { burst: 256, per_minute: 400 * 60 };

/// Default of [`HandshakeLimits::known`]. Guess: an office that comes back at once, and its next tries.
pub const HANDSHAKES_KNOWN: Allowance = Allowance { burst: 16, per_minute: 60 };

impl HandshakeLimits {
    /// The default.
    pub const DEFAULT: Self = Self {
        unproven: HANDSHAKES_UNPROVEN,
        few: HANDSHAKES_FEW,
        few_of_site: HANDSHAKES_FEW_OF_SITE,
        few_of_block: HANDSHAKES_FEW_OF_BLOCK,
        few_in_all: HANDSHAKES_FEW_IN_ALL,
        of_address: HANDSHAKES_OF_ADDRESS,
        of_network: HANDSHAKES_OF_NETWORK,
        in_all: HANDSHAKES_IN_ALL,
        known: HANDSHAKES_KNOWN,
        packets: FirstPacketLimits::DEFAULT,
    };
}

/// [`HandshakeLimits::few_in_all`] of a bootstrap node. Guess: two thousand nodes that join at once, and a tenth of
/// a core.
pub const BOOTSTRAP_HANDSHAKES_FEW_IN_ALL: Allowance =
    Allowance { burst: 2048, per_minute: 200 * 60 };

impl HandshakeLimits {
    /// Returns the default of a node that has this role in the open network.
    pub const fn of_role(role: Role) -> Self {
        match role {
            Role::Signer | Role::Light => Self::DEFAULT,
            Role::Bootstrap => {
                Self { few_in_all: BOOTSTRAP_HANDSHAKES_FEW_IN_ALL, ..Self::DEFAULT }
            }
        }
    }
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Most addresses of callers that are remembered.
pub const CALLERS_REMEMBERED: usize = 16 * 1024;
/// Most of their networks.
pub const CALLER_NETWORKS_REMEMBERED: usize = 8 * 1024;
/// Most of their providers' blocks, of IPv6.
pub const CALLER_BLOCKS_REMEMBERED: usize = 1024;

/// What becomes of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its handshake begins.
    Admit,
    /// It first shows that it receives at its address.
    Prove,
    /// Its address, its network or everybody asks too much.
    Refuse,
}

/// What callers have left.
#[derive(Debug)]
pub struct Handshakes {
    limits: HandshakeLimits,
    unproven: Gcra,
    few_in_all: Gcra,
    in_all: Gcra,
    addresses: Keyed<IpAddr, BUDGETS>,
    networks: Keyed<IpAddr, BUDGETS>,
    blocks: Keyed<Ipv6Addr>,
    known: Hosts,
    refused: u64,
}

/// The budgets of an address, and of a network: the first few, and more.
const BUDGETS: usize = 2;
const FEW: usize = 0;
const MORE: usize = 1;

impl Handshakes {
    /// Makes full ones.
    pub const fn new(limits: HandshakeLimits) -> Self {
        Self {
            limits,
            unproven: Gcra::FULL,
            few_in_all: Gcra::FULL,
            in_all: Gcra::FULL,
            addresses: Keyed::new(CALLERS_REMEMBERED),
            networks: Keyed::new(CALLER_NETWORKS_REMEMBERED),
            blocks: Keyed::new(CALLER_BLOCKS_REMEMBERED),
            known: Hosts::new(limits.known),
            refused: 0,
        }
    }

    /// Decides about a caller whose address may be anybody's: nothing is taken from that address, so
    /// that whoever forges it costs nobody else.
    pub fn unproven(&mut self, now: Instant) -> Admission {
        let is_calm = self.unproven.take(now, self.limits.unproven, 1);
        if is_calm { Admission::Admit } else { Admission::Prove }
    }

    /// Decides about a caller that has shown that it receives at its address.
    pub fn proven(&mut self, now: Instant, ip: IpAddr) -> Admission {
        if self.known.take(now, ip, 1) || self.takes_few(now, ip) || self.takes_more(now, ip) {
            return Admission::Admit;
        }
        self.refused = self.refused.saturating_add(1);
        Admission::Refuse
    }

    /// A member was connected from there.
    pub fn know(&mut self, peer: PeerId, ip: IpAddr) {
        self.known.know(peer, ip);
    }

    /// Whether a member was connected from there.
    pub fn knows(&self, ip: IpAddr) -> bool {
        self.known.knows(ip)
    }

    /// Returns how many callers were refused.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns how full each table is.
    pub fn occupancy(&self) -> [Occupancy; 4] {
        [
            self.addresses.occupancy("budgets of callers"),
            self.networks.occupancy("budgets of callers' networks"),
            self.blocks.occupancy("budgets of callers' blocks"),
            self.known.occupancy("addresses of members"),
        ]
    }

    /// The most bytes that all of it takes.
    pub const BYTES_MAX: usize = Keyed::<IpAddr, BUDGETS>::bytes(CALLERS_REMEMBERED)
        + Keyed::<IpAddr, BUDGETS>::bytes(CALLER_NETWORKS_REMEMBERED)
        + Keyed::<Ipv6Addr>::bytes(CALLER_BLOCKS_REMEMBERED)
        + Hosts::BYTES_MAX;

    fn takes_few(&mut self, now: Instant, ip: IpAddr) -> bool {
        let HandshakeLimits { few, few_of_site, few_of_block, few_in_all, .. } = self.limits;
        let (site, block) = (network(ip), block(ip));
        self.few_in_all.affords(now, few_in_all, 1)
            && self.takes_of_address(now, ip, FEW, few)
            && (site.is_ipv4() || self.takes_of_network(now, site, FEW, few_of_site))
            && block.is_none_or(|it| self.blocks.take(now, it, few_of_block, 1))
            && self.few_in_all.take(now, few_in_all, 1)
    }

    fn takes_more(&mut self, now: Instant, ip: IpAddr) -> bool {
        let HandshakeLimits { of_address, of_network, in_all, .. } = self.limits;
        self.takes_of_address(now, ip, MORE, of_address)
            && self.takes_of_network(now, network(ip), MORE, of_network)
            && self.in_all.take(now, in_all, 1)
    }

    fn takes_of_address(&mut self, now: Instant, ip: IpAddr, budget: usize, of: Allowance) -> bool {
        let charge = Charge { budget, allowance: of, amount: 1 };
        self.addresses.charge(now, host(ip), [charge]).is_ok()
    }

    fn takes_of_network(&mut self, now: Instant, of: IpAddr, budget: usize, a: Allowance) -> bool {
        self.networks.charge(now, of, [Charge { budget, allowance: a, amount: 1 }]).is_ok()
    }
}
