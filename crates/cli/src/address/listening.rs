//! Where a node listens, and what it tells others about that by itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Documentation addresses (RFC 5737, RFC 3849): a route to them is the default route, and nothing
/// is ever sent there.
const PROBE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
const PROBE_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9);

/// Returns where a new home listens: at every address of IPv4, and of IPv6 too where this machine
/// has a way into it. Port 0.
pub(crate) fn everywhere() -> SocketAddr {
    let has_v6 = route_to(Ipv6Addr::UNSPECIFIED.into(), PROBE_V6).is_some();
    let ip = if has_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, 0)
}

/// Returns the address itself, or with a free port in place of port 0.
///
/// The port is free now; a home keeps it from here on.
///
/// # Errors
///
/// What the system says when it gives no port.
pub(crate) fn with_free_port(listen: SocketAddr) -> io::Result<SocketAddr> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    Ok(SocketAddr::new(listen.ip(), UdpSocket::bind(listen)?.local_addr()?.port()))
}

/// Returns where others reach a node that listens there: at most one address of each family.
///
/// For an unspecified address these are the addresses of this machine on its default routes, else
/// the loopback address; a node behind NAT is reached because it dials the others itself. A node
/// that listens at `[::]` listens at IPv4 too.
pub(crate) fn reachable(listen: SocketAddr) -> Vec<SocketAddr> {
    let (v4, v6) = (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED));
    let (found, loopback) = match listen.ip() {
        ip if !ip.is_unspecified() => return vec![listen],
        IpAddr::V4(_) => (vec![route_to(v4, PROBE_V4)], Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => {
            (vec![route_to(v4, PROBE_V4), route_to(v6, PROBE_V6)], Ipv6Addr::LOCALHOST.into())
        }
    };
    let mut ips: Vec<IpAddr> = found.into_iter().flatten().collect();
    if ips.is_empty() {
        ips.push(loopback);
    }
    ips.into_iter().map(|ip| SocketAddr::new(ip, listen.port())).collect()
}

/// Asks the system which of our addresses it would send from; sends nothing.
fn route_to(from: IpAddr, probe: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
    socket.connect(probe).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_address_is_kept() {
        let address = "203.0.113.7:4820".parse().unwrap();
        assert_eq!(with_free_port(address).unwrap(), address);
        assert_eq!(reachable(address), [address]);
    }

    #[test]
    fn an_open_address_becomes_some_that_can_be_dialled() {
        for open in ["0.0.0.0:4820", "[::]:4820"] {
            let addresses = reachable(open.parse().unwrap());
            assert!(!addresses.is_empty());
            for address in addresses {
                assert!(!address.ip().is_unspecified());
                assert_eq!(address.port(), 4820);
            }
        }
    }

    #[test]
    fn port_0_becomes_a_free_port() {
        let address = with_free_port("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_ne!(address.port(), 0);
        UdpSocket::bind(address).unwrap();
        let address = with_free_port(everywhere()).unwrap();
        assert!(address.ip().is_unspecified());
        assert_ne!(address.port(), 0);
    }
}
