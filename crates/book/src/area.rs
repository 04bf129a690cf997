//! The part of the world that an address is in, as far as places are counted by it.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use alloc::vec::Vec;

use ensign_diversity::{AddressGroups, Group, PrefixTable};

/// What one owner can have many addresses in without effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// The addresses of one provider, where the table has it.
    Provider(u32),
    /// An IPv4 /24.
    Network(IpAddr),
    /// An IPv6 /32, the least that registries allocate: a /48 costs its owner nothing.
    Block(Ipv6Addr),
    /// One node on a machine or in a local network, where a record may name such an address at all: who
    /// says so has said that the whole network is one owner's.
    Local(SocketAddr),
    /// Not a place but a source: what one DNS seed says.
    Seed(u16),
    /// Not a place but a source: what our user or our own store says.
    Own,
}

impl Area {
    /// Finds the area of an address.
    ///
    /// Cost: a binary search; no allocation.
    pub fn of(address: SocketAddr, table: &PrefixTable) -> Self {
        let ip = address.ip().to_canonical();
        if is_local(ip) {
            return Self::Local(address);
        }
        let mut area = Self::Local(address);
        for group in AddressGroups::of(ip, table).iter() {
            match group {
                Group::Network(network) => area = Self::Network(network),
                Group::Block(block) => area = Self::Block(block),
                Group::Provider(number) => return Self::Provider(number),
                Group::Host(_) | Group::Country(_) => {}
            }
        }
        area
    }

    /// Returns bytes that differ for different areas.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(20);
        match self {
            Self::Provider(number) => {
                bytes.push(0);
                bytes.extend(number.to_le_bytes());
            }
            Self::Network(ip) => {
                bytes.push(1);
                push_ip(&mut bytes, ip);
            }
            Self::Block(ip) => {
                bytes.push(2);
                bytes.extend(ip.octets());
            }
            Self::Local(address) => {
                bytes.push(3);
                push_ip(&mut bytes, address.ip());
                bytes.extend(address.port().to_le_bytes());
            }
            Self::Seed(number) => {
                bytes.push(4);
                bytes.extend(number.to_le_bytes());
            }
            Self::Own => bytes.push(5),
        }
        bytes
    }
}

fn push_ip(bytes: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => bytes.extend(ip.octets()),
        IpAddr::V6(ip) => bytes.extend(ip.octets()),
    }
}

/// Returns whether an address means something else on another machine or network.
const fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
