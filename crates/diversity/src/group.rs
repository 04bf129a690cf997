//! Groups of addresses, from the host to the country.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::PrefixTable;

/// Most groups that one address is of: host, network, block, provider, country.
pub const LEVELS: usize = 5;

/// Addresses that one owner has, or that have one fate.
///
/// Widest last: a group is of the same address as, and within, those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// What one host holds without effort: an IPv4 address, an IPv6 /64; see [`host`].
    Host(IpAddr),
    /// What one customer holds: an IPv4 /24, the smallest network that is announced, or an IPv6
    /// /48, which is what a site is given (RFC 6177).
    Network(IpAddr),
    /// What one provider holds at least, of IPv6: a /32, the least that registries allocate.
    Block(Ipv6Addr),
    /// What one provider announces, by the number of its autonomous system.
    Provider(u32),
    /// What the table says lies in one country.
    Country(Country),
}

/// Two letters, ISO 3166-1 alpha-2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([first, second]) = *self;
        write!(f, "{}{}", char::from(first), char::from(second))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({self})")
    }
}

impl Group {
    /// Returns how many hosts this group may be in the eyes of whoever counts: one place for a host
    /// is as crowded as so many for the group.
    ///
    /// Guess: honest nodes seldom share a /24; a tenth of all is at the largest provider (as of
    /// Bitcoin's nodes) and a quarter in the largest country.
    pub const fn share(&self) -> u32 {
        match self {
            Self::Host(_) => 1,
            Self::Network(_) => 2,
            Self::Block(_) | Self::Provider(_) => 4,
            Self::Country(_) => SHARE_MAX,
        }
    }
}

/// The greatest [`Group::share`]; the others divide it.
pub(crate) const SHARE_MAX: u32 = 16;

/// The groups of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressGroups {
    groups: [Option<Group>; LEVELS],
}

impl AddressGroups {
    /// Finds the groups of an address; provider and country as far as the table has it.
    ///
    /// Cost: a binary search; no allocation.
    pub fn of(address: IpAddr, table: &PrefixTable) -> Self {
        let address = canonical(address);
        let origin = table.origin_of(address);
        let groups = [
            Some(Group::Host(host(address))),
            // All of 127/8 is this machine, whatever network its numbers look like.
            Some(Group::Network(network(address))).filter(|_| !address.is_loopback()),
            block(address).map(Group::Block),
            origin.map(|origin| Group::Provider(origin.asn)),
            origin.and_then(|origin| origin.country).map(Group::Country),
        ];
        Self { groups }
    }

    /// Returns the groups, the narrowest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Group> + use<> {
        self.groups.into_iter().flatten()
    }
}

/// Returns what one host holds of addresses without effort: an IPv4 address alone, an IPv6 address with
/// its /64. Whoever counts by address counts these.
///
/// An IPv6 address that stands for one of IPv4 is that one: mapped (RFC 4291), translated (RFC 6052, the
/// well-known prefix) or tunnelled (RFC 3056).
pub fn host(address: IpAddr) -> IpAddr {
    match canonical(address) {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(truncated_v6(ip, 64)),
    }
}

/// Returns what one customer holds: an IPv4 /24, an IPv6 /48; of the same address as [`host`].
pub fn network(address: IpAddr) -> IpAddr {
    match canonical(address) {
        IpAddr::V4(ip) => IpAddr::V4(truncated_v4(ip, 24)),
        IpAddr::V6(ip) => IpAddr::V6(truncated_v6(ip, 48)),
    }
}

/// Returns what one provider holds at least, of IPv6: a /32; nothing for IPv4. Of the same address as [`host`].
pub fn block(address: IpAddr) -> Option<Ipv6Addr> {
    match canonical(address) {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(truncated_v6(ip, 32)),
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => linked_ipv4(ip).map_or(IpAddr::V6(ip), IpAddr::V4),
        ip @ IpAddr::V4(_) => ip,
    }
}

/// Returns the IPv4 address through which an IPv6 address is reached, for translators and 6to4.
fn linked_ipv4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    const TRANSLATED: u128 = 0x0064_ff9b << 96;
    const TUNNELLED: u128 = 0x2002;
    let bits = ip.to_bits();
    let low = |bits: u128| u32::try_from(bits & u128::from(u32::MAX)).ok().map(Ipv4Addr::from_bits);
    if bits >> 32 << 32 == TRANSLATED {
        low(bits)
    } else if bits >> 112 == TUNNELLED {
        low(bits >> 80)
    } else {
        None
    }
}

/// Keeps the first bits of an address, from 1 to 32.
const fn truncated_v4(ip: Ipv4Addr, bits: u32) -> Ipv4Addr {
    let rest = u32::BITS - bits;
    Ipv4Addr::from_bits(ip.to_bits() >> rest << rest)
}

/// Keeps the first bits of an address, from 1 to 128.
const fn truncated_v6(ip: Ipv6Addr, bits: u32) -> Ipv6Addr {
    let rest = u128::BITS - bits;
    Ipv6Addr::from_bits(ip.to_bits() >> rest << rest)
}
