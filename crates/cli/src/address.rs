//! Where a node listens, and what it tells others about that.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Documentation addresses (RFC 5737, RFC 3849): a route to them is the default route, and nothing
/// is ever sent there.
const PROBE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
const PROBE_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9);

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
    UdpSocket::bind(listen)?.local_addr()
}

/// Returns where others reach a node that listens there.
///
/// For an unspecified address that is the address of this machine on its default route, else the
/// loopback address; a node behind NAT is reached because it dials the others itself.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let (probe, loopback) = match listen.ip() {
        ip if !ip.is_unspecified() => return listen,
        IpAddr::V4(_) => (PROBE_V4, IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddr::V6(_) => (PROBE_V6, IpAddr::V6(Ipv6Addr::LOCALHOST)),
    };
    let ip = route_to(listen.ip(), probe).unwrap_or(loopback);
    SocketAddr::new(ip, listen.port())
}

/// Asks the system which of our addresses it would send from; sends nothing.
fn route_to(from: IpAddr, probe: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
    socket.connect(probe).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_address_is_kept() {
        let address = "203.0.113.7:4820".parse().unwrap();
        assert_eq!((with_free_port(address).unwrap(), reachable(address)), (address, address));
    }

    #[test]
    fn an_open_address_becomes_one_that_can_be_dialled() {
        for open in ["0.0.0.0:4820", "[::]:4820"] {
            let address = reachable(open.parse().unwrap());
            assert!(!address.ip().is_unspecified());
            assert_eq!(address.port(), 4820);
        }
    }

    #[test]
    fn port_0_becomes_a_free_port() {
        let address = with_free_port("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_ne!(address.port(), 0);
        UdpSocket::bind(address).unwrap();
    }
}
