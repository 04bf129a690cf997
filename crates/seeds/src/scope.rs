//! Which addresses a seed may name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ensign_primitives::Network;
use ensign_wire::Scope;

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

/// Returns which addresses count in a network: on regtest, where networks are made for tests, those of this machine
/// too.
pub const fn scope_of(network: Network) -> Scope {
    match network {
        Network::Bitcoin | Network::Testnet4 | Network::Signet => Scope::Global,
        Network::Regtest => Scope::Local,
    }
}

/// Says whether an address counts, by the rule of node records ([`Scope::allows`]).
///
/// # Errors
///
/// Why it does not.
pub fn check_address(scope: Scope, address: SocketAddr) -> Result<(), OutOfScope> {
    let ip = address.ip();
    if address.port() == 0 {
        return Err(OutOfScope::Port);
    }
    if scope.allows(ip) {
        return Ok(());
    }
    let is_mapped = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
    Err(match () {
        () if ip.is_unspecified() => OutOfScope::Unspecified,
        () if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => OutOfScope::Multicast,
        () if ip.is_loopback() => OutOfScope::Loopback,
        () if is_mapped(ip) => OutOfScope::Mapped,
        () => OutOfScope::Private,
    })
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
            assert_eq!(check_address(Scope::Global, address).err(), expect, "{text}");
            let is_near = matches!(expect, Some(OutOfScope::Loopback | OutOfScope::Private));
            let near = expect.filter(|_| !is_near);
            assert_eq!(check_address(Scope::Local, address).err(), near, "{text}");
        }
    }
}
