//! Which addresses a seed may name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ensign_primitives::Network;

/// Which addresses count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those that a node anywhere can be dialled at.
    #[default]
    Public,
    /// Those of this machine and this network too: for tests, and networks of a house.
    Local,
}

/// Why an address does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutOfScope {
    /// Port 0.
    #[error("port 0 is no port")]
    Port,
    /// `0.0.0.0` or `[::]`.
    #[error("it is no machine's address")]
    Unspecified,
    /// An address of a group of machines, or of all.
    #[error("it is the address of many machines")]
    Multicast,
    /// An IPv4 address in the clothes of IPv6, which is written as IPv4.
    #[error("it is an IPv4 address, to be written as one")]
    Mapped,
    /// An address of this machine.
    #[error("it is an address of one machine only")]
    Loopback,
    /// An address of a network that is not the public one, or is only for documents.
    #[error("it is an address of a private network or for examples")]
    Private,
}

impl Scope {
    /// Which addresses count in a network: on regtest, where networks are made for tests, those of this machine too.
    pub const fn of(network: Network) -> Self {
        match network {
            Network::Bitcoin | Network::Testnet4 | Network::Signet => Self::Public,
            Network::Regtest => Self::Local,
        }
    }

    /// Says whether an address counts.
    ///
    /// Ranges of the [IANA special-purpose registries](https://www.iana.org/assignments/iana-ipv4-special-registry)
    /// that are not globally reachable and that a home or provider uses.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn check(self, address: SocketAddr) -> Result<(), OutOfScope> {
        if address.port() == 0 {
            return Err(OutOfScope::Port);
        }
        let wrong = match address.ip() {
            IpAddr::V4(ip) => wrong_v4(ip),
            IpAddr::V6(ip) => wrong_v6(ip),
        };
        match (self, wrong) {
            (_, None) | (Self::Local, Some(OutOfScope::Loopback | OutOfScope::Private)) => Ok(()),
            (Self::Public | Self::Local, Some(wrong)) => Err(wrong),
        }
    }
}

fn wrong_v4(ip: Ipv4Addr) -> Option<OutOfScope> {
    let [first, second, third, _] = ip.octets();
    match () {
        () if ip.is_unspecified() => Some(OutOfScope::Unspecified),
        () if ip.is_multicast() || ip.is_broadcast() => Some(OutOfScope::Multicast),
        () if ip.is_loopback() => Some(OutOfScope::Loopback),
        () if ip.is_private() || ip.is_link_local() || ip.is_documentation() => {
            Some(OutOfScope::Private)
        }
        // Carriers' translation (RFC 6598), benchmarks (RFC 2544), protocol assignments (RFC 6890), no network and
        // the reserved (RFC 1122, 3.2.1.3; RFC 1112, section 4).
        () if first == 100 && second & 0xc0 == 64 => Some(OutOfScope::Private),
        () if first == 198 && second & 0xfe == 18 => Some(OutOfScope::Private),
        () if [first, second, third] == [192, 0, 0] => Some(OutOfScope::Private),
        () if first == 0 || first >= 240 => Some(OutOfScope::Private),
        () => None,
    }
}

fn wrong_v6(ip: Ipv6Addr) -> Option<OutOfScope> {
    match ip.segments() {
        _ if ip.is_unspecified() => Some(OutOfScope::Unspecified),
        _ if ip.is_multicast() => Some(OutOfScope::Multicast),
        _ if ip.is_loopback() => Some(OutOfScope::Loopback),
        _ if ip.to_ipv4_mapped().is_some() => Some(OutOfScope::Mapped),
        _ if ip.is_unique_local() || ip.is_unicast_link_local() => Some(OutOfScope::Private),
        // For documents (RFC 3849, RFC 9637).
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(OutOfScope::Private),
        // Only 2000::/3 is given out (RFC 4291, 2.4); translated IPv4 (RFC 6052) is none to be named.
        [first, ..] if first & 0xe000 != 0x2000 => Some(OutOfScope::Private),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_a_node_anywhere_can_have_are_public() {
        for (text, expect) in [
            ("8.8.4.4:4820", None),
            ("[2a00:1450::1]:4820", None),
            ("8.8.4.4:0", Some(OutOfScope::Port)),
            ("0.0.0.0:1", Some(OutOfScope::Unspecified)),
            ("[::]:1", Some(OutOfScope::Unspecified)),
            ("224.0.0.1:1", Some(OutOfScope::Multicast)),
            ("255.255.255.255:1", Some(OutOfScope::Multicast)),
            ("[ff02::1]:1", Some(OutOfScope::Multicast)),
            ("127.8.0.1:1", Some(OutOfScope::Loopback)),
            ("[::1]:1", Some(OutOfScope::Loopback)),
            ("[::ffff:8.8.4.4]:1", Some(OutOfScope::Mapped)),
            ("10.1.2.3:1", Some(OutOfScope::Private)),
            ("169.254.1.1:1", Some(OutOfScope::Private)),
            ("100.64.0.1:1", Some(OutOfScope::Private)),
            ("198.19.0.1:1", Some(OutOfScope::Private)),
            ("192.0.0.8:1", Some(OutOfScope::Private)),
            ("203.0.113.7:1", Some(OutOfScope::Private)),
            ("240.0.0.1:1", Some(OutOfScope::Private)),
            ("0.1.2.3:1", Some(OutOfScope::Private)),
            ("[fd00::1]:1", Some(OutOfScope::Private)),
            ("[fe80::1]:1", Some(OutOfScope::Private)),
            ("[2001:db8::1]:1", Some(OutOfScope::Private)),
            ("[64:ff9b::1]:1", Some(OutOfScope::Private)),
        ] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Scope::Public.check(address).err(), expect, "{text}");
            let is_near = matches!(expect, Some(OutOfScope::Loopback | OutOfScope::Private));
            let near = expect.filter(|_| !is_near);
            assert_eq!(Scope::Local.check(address).err(), near, "{text}");
        }
    }
}
