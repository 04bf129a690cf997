//! Names of connections and of questions on them.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};

/// Names one connection of this process: given once, in rising order, never to another connection.
///
/// A number of ours alone; the peer does not know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkId({})", self.0)
    }
}

/// Who began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The peer dialled us.
    Inbound,
    /// We dialled the peer.
    Outbound,
}

/// Returns what one host holds of addresses without effort: an IPv4 address alone, an IPv6 address with
/// its /64. Whoever counts by address counts these.
pub fn address_group(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

/// Returns the youngest connection of the [address](address_group) that most of them come from: whoever
/// fills the places loses them first. Names rise, so that the greatest is the youngest.
pub fn youngest_of_crowd(links: impl Iterator<Item = (LinkId, IpAddr)>) -> Option<LinkId> {
    let crowd: Vec<_> = links.map(|(link, ip)| (address_group(ip), link)).collect();
    let mut sizes: BTreeMap<IpAddr, usize> = BTreeMap::new();
    crowd.iter().for_each(|(group, _)| *sizes.entry(*group).or_default() += 1);
    crowd.iter().map(|(group, link)| (sizes.get(group), *link)).max().map(|(_, link)| link)
}

/// Names a question on one connection; whoever answers names it again.
///
/// Chosen by the asker, rising from question to question on one connection: so an answer to a question
/// that nobody asked, and a question that is asked twice, are seen without a list of all that were.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryId(pub u64);

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_host_are_one_group() {
        let group = |ip: &str| address_group(ip.parse().unwrap());
        assert_eq!(group("192.0.2.7"), group("::ffff:192.0.2.7"));
        assert_ne!(group("192.0.2.7"), group("192.0.2.8"));
        assert_eq!(group("2001:db8::1"), group("2001:db8::2"));
        assert_ne!(group("2001:db8::1"), group("2001:db8:0:1::1"));
    }
}
