//! How many connections there may be, in total and from one address.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
};

use crate::shared::locked;

/// Counts connections from the first datagram to the end.
#[derive(Debug)]
pub(crate) struct Places {
    total_max: usize,
    per_ip_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    handshaking: usize,
    per_ip: BTreeMap<IpAddr, usize>,
}

/// One connection's place; given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    group: IpAddr,
    handshaking: bool,
}

impl Places {
    pub(crate) fn new(total_max: usize, per_ip_max: usize) -> Self {
        Self { total_max, per_ip_max, taken: Mutex::default() }
    }

    /// Gives a place to a caller from `ip`, unless all of them, or those of its group, are taken.
    pub(crate) fn accept(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let group = group_of(ip);
        let mut taken = locked(&self.taken);
        let of_group = taken.per_ip.get(&group).copied().unwrap_or(0);
        if taken.total >= self.total_max || of_group >= self.per_ip_max {
            return None;
        }
        Some(self.take(&mut taken, group))
    }

    /// Gives a place to a dial of ours: our own wish is not a stranger's to refuse.
    pub(crate) fn dial(self: &Arc<Self>, ip: IpAddr) -> Place {
        self.take(&mut locked(&self.taken), group_of(ip))
    }

    /// Returns how many handshakes are not finished.
    pub(crate) fn handshaking(&self) -> usize {
        locked(&self.taken).handshaking
    }

    fn take(self: &Arc<Self>, taken: &mut Taken, group: IpAddr) -> Place {
        taken.total += 1;
        taken.handshaking += 1;
        *taken.per_ip.entry(group).or_default() += 1;
        Place { places: Arc::clone(self), group, handshaking: true }
    }
}

impl Place {
    /// Notes that the handshake is over; the place stays taken.
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.handshaking) {
            locked(&self.places.taken).handshaking -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.settle();
        let mut taken = locked(&self.places.taken);
        taken.total -= 1;
        if let Some(count) = taken.per_ip.get_mut(&self.group) {
            *count -= 1;
            if *count == 0 {
                taken.per_ip.remove(&self.group);
            }
        }
    }
}

/// An IPv4 address alone, an IPv6 address with its /64: what one host holds without effort.
fn group_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_refused_beyond_the_total_and_given_back_on_drop() {
        let places = Arc::new(Places::new(1, 9));
        let first = places.accept([10, 0, 0, 1].into()).unwrap();
        assert!(places.accept([10, 0, 0, 2].into()).is_none());
        drop(first);
        assert!(places.accept([10, 0, 0, 2].into()).is_some());
    }

    #[test]
    fn one_ipv6_network_shares_its_places_and_others_keep_theirs() {
        let places = Arc::new(Places::new(9, 1));
        let _first = places.accept("2001:db8::1".parse().unwrap()).unwrap();
        assert!(places.accept("2001:db8::2".parse().unwrap()).is_none());
        assert!(places.accept("2001:db8:0:1::1".parse().unwrap()).is_some());
    }

    #[test]
    fn dial_takes_a_place_even_when_all_are_taken() {
        let places = Arc::new(Places::new(1, 1));
        let _ours = [places.dial([10, 0, 0, 1].into()), places.dial([10, 0, 0, 1].into())];
        assert!(places.accept([10, 0, 0, 2].into()).is_none());
    }

    #[test]
    fn settled_handshakes_no_longer_count_as_load() {
        let places = Arc::new(Places::new(9, 9));
        let mut place = places.dial([10, 0, 0, 1].into());
        assert_eq!(places.handshaking(), 1);
        place.settle();
        drop(place);
        assert_eq!(places.handshaking(), 0);
    }
}
