//! Where others see us, and whom we believe.

use alloc::{collections::VecDeque, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use ensign_book::Area;
use ensign_primitives::Occupancy;

use crate::{OBSERVERS_COUNTED, OBSERVERS_MIN, Seen};

/// What each area said last, the oldest first; IPv4 and IPv6 apart.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    v4: VecDeque<(Area, SocketAddr)>,
    v6: VecDeque<(Area, SocketAddr)>,
}

impl Observers {
    /// Takes what a node of an area says: its word stands in the place of that area's last one.
    pub(crate) fn hear(&mut self, area: Area, seen: SocketAddr) {
        let heard = if seen.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        heard.retain(|(of, _)| *of != area);
        heard.push_back((area, seen));
        if heard.len() > OBSERVERS_COUNTED {
            heard.pop_front();
        }
    }

    /// Forgets what was said: we are elsewhere.
    pub(crate) fn forget(&mut self, ip: IpAddr) {
        self.v4.retain(|(_, seen)| seen.ip() != ip);
        self.v6.retain(|(_, seen)| seen.ip() != ip);
    }

    /// Returns the hosts that are believed, each with the port that is believed, if one is.
    pub(crate) fn believed(&self) -> Vec<(IpAddr, Option<u16>)> {
        [&self.v4, &self.v6].into_iter().filter_map(believed).collect()
    }

    /// Returns all that is said, those that most say first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<Seen> = Vec::new();
        for (_, address) in self.v4.iter().chain(&self.v6) {
            match seen.iter_mut().find(|it| it.address == *address) {
                Some(it) => it.networks += 1,
                None => seen.push(Seen { address: *address, networks: 1 }),
            }
        }
        seen.sort_by_key(|it| (core::cmp::Reverse(it.networks), it.address));
        seen
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        let (len, limit) = (self.v4.len() + self.v6.len(), 2 * OBSERVERS_COUNTED);
        Occupancy { name: "observers", len, limit }
    }
}

fn believed(heard: &VecDeque<(Area, SocketAddr)>) -> Option<(IpAddr, Option<u16>)> {
    let ip = majority(heard.iter().map(|(_, seen)| seen.ip()))?;
    let ports = heard.iter().filter(|(_, seen)| seen.ip() == ip).map(|(_, seen)| seen.port());
    Some((ip, majority(ports)))
}

/// Returns what more than half say, and enough of them.
fn majority<T: Copy + PartialEq>(said: impl Iterator<Item = T> + Clone) -> Option<T> {
    let votes = |what: T| said.clone().filter(|it| *it == what).count();
    let all = said.clone().count();
    said.clone().find(|what| votes(*what) >= OBSERVERS_MIN && 2 * votes(*what) > all)
}
