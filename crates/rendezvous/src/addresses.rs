//! Addresses as bytes of one length.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use ensign_wire::ADDRESSES_MAX;

/// Bytes of what is sealed.
pub(crate) const PLAIN_BYTES: usize = 172;

/// Most addresses in a record: as many as are dialled of what is said of a node.
pub const ADDRESSES_PER_RENDEZVOUS_MAX: usize = ADDRESSES_MAX;

/// The first byte of an address says what it is.
const V4: u8 = 4;
/// See [`V4`].
const V6: u8 = 6;

// One byte says how many; each has its own first byte, 16 and a port.
const _: () = assert!(ADDRESSES_PER_RENDEZVOUS_MAX * 19 < PLAIN_BYTES);

/// Writes addresses that can be dialled, at most [`ADDRESSES_PER_RENDEZVOUS_MAX`]; `None` when there are none.
pub(crate) fn encode(addresses: &[SocketAddr]) -> Option<[u8; PLAIN_BYTES]> {
    let good = addresses.iter().copied().filter(can_be_dialled);
    let good: Vec<_> = good.take(ADDRESSES_PER_RENDEZVOUS_MAX).collect();
    if good.is_empty() {
        return None;
    }
    // At most eight.
    let mut bytes = alloc::vec![good.len() as u8];
    for address in good {
        match address.ip() {
            IpAddr::V4(ip) => {
                bytes.push(V4);
                bytes.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                bytes.push(V6);
                bytes.extend(ip.octets());
            }
        }
        bytes.extend(address.port().to_be_bytes());
    }
    bytes.resize(PLAIN_BYTES, 0);
    bytes.first_chunk().copied()
}

/// Reads what [`encode`] writes; `None` for everything else.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<SocketAddr>> {
    let (&count, mut rest) = bytes.split_first()?;
    if !(1..=ADDRESSES_PER_RENDEZVOUS_MAX).contains(&usize::from(count)) {
        return None;
    }
    let mut addresses = Vec::with_capacity(count.into());
    for _ in 0..count {
        let (&family, after) = rest.split_first()?;
        let (ip, after): (IpAddr, &[u8]) = match family {
            V4 => {
                let (ip, after) = after.split_first_chunk::<4>()?;
                ((*ip).into(), after)
            }
            V6 => {
                let (ip, after) = after.split_first_chunk::<16>()?;
                ((*ip).into(), after)
            }
            _ => return None,
        };
        let (port, after) = after.split_first_chunk()?;
        let address = SocketAddr::new(ip, u16::from_be_bytes(*port));
        if !can_be_dialled(&address) {
            return None;
        }
        addresses.push(address);
        rest = after;
    }
    rest.iter().all(|byte| *byte == 0).then_some(addresses)
}

/// Tells whether somebody may have that address. Private ones may stand here: only the other node reads them.
fn can_be_dialled(address: &SocketAddr) -> bool {
    let ip = address.ip();
    address.port() > 0 && !ip.is_unspecified() && !ip.is_multicast()
}
