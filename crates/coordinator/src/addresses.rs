//! Where the nodes of members may be reached: what the application gave, and where each spoke from
//! last.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use ensign_primitives::{Instant, PeerId};
use ensign_wire::ADDRESSES_MAX;

/// Least time between two writes of one member's address. Guess: a laptop changes its network less
/// often, and a member that reconnects all the time shall not keep the disk busy.
const WRITE_PAUSE: Duration = Duration::from_secs(60);

/// The addresses of all members.
#[derive(Debug, Default)]
pub(crate) struct AddressBook {
    members: BTreeMap<PeerId, Addresses>,
    /// To be dialled, with or without addresses.
    wanted: BTreeSet<PeerId>,
}

#[derive(Debug, Default)]
struct Addresses {
    /// From the application, the latest first, at most [`ADDRESSES_MAX`].
    given: Vec<SocketAddr>,
    /// Where it spoke from last. Nodes dial from the port on which they listen, so that it can be
    /// dialled there unless a NAT is in between. It never takes the place of a given one.
    seen: Option<SocketAddr>,
    written_at: Option<Instant>,
}

impl Addresses {
    fn all(&self) -> Vec<SocketAddr> {
        let seen = self.seen.filter(|seen| !self.given.contains(seen));
        self.given.iter().copied().chain(seen).collect()
    }
}

impl AddressBook {
    /// Goes on with what the store holds.
    pub(crate) fn new(kept: Vec<(PeerId, SocketAddr)>) -> Self {
        let entry = |(peer, seen)| (peer, Addresses { seen: Some(seen), ..Addresses::default() });
        Self { members: kept.into_iter().map(entry).collect(), wanted: BTreeSet::new() }
    }

    /// Enters addresses before those given earlier; returns what to dial if that changes anything.
    pub(crate) fn give(&mut self, peer: PeerId, given: &[SocketAddr]) -> Option<Vec<SocketAddr>> {
        let known = self.members.entry(peer).or_default();
        let mut merged: Vec<SocketAddr> = Vec::new();
        for address in given.iter().chain(known.given.iter()) {
            if merged.len() < ADDRESSES_MAX && !merged.contains(address) {
                merged.push(*address);
            }
        }
        if merged == known.given {
            return None;
        }
        known.given = merged;
        let all = known.all();
        self.wanted.contains(&peer).then_some(all)
    }

    /// Returns where a node may be reached.
    pub(crate) fn of(&self, peer: &PeerId) -> Vec<SocketAddr> {
        self.members.get(peer).map(Addresses::all).unwrap_or_default()
    }

    /// Notes that a node shall be dialled; returns where.
    pub(crate) fn want(&mut self, peer: PeerId) -> Vec<SocketAddr> {
        self.wanted.insert(peer);
        self.of(&peer)
    }

    /// Forgets who is a member no more.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.members.remove(peer);
        self.wanted.remove(peer);
    }

    /// Notes where a member speaks from; returns what to dial from now on if that is news, and
    /// whether to write it down.
    pub(crate) fn see(
        &mut self,
        now: Instant,
        peer: PeerId,
        remote: SocketAddr,
    ) -> Option<(Vec<SocketAddr>, bool)> {
        if !self.wanted.contains(&peer) {
            return None;
        }
        let known = self.members.entry(peer).or_default();
        if known.all().contains(&remote) {
            return None;
        }
        known.seen = Some(remote);
        let is_due = known.written_at.is_none_or(|at| now.since(at) >= WRITE_PAUSE);
        if is_due {
            known.written_at = Some(now);
        }
        Some((known.all(), is_due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId::from_bytes([1; 32]);

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn address_of_a_connection_is_dialled_after_those_that_were_given() {
        let mut book = AddressBook::default();
        assert_eq!(book.want(PEER), []);
        assert_eq!(book.give(PEER, &[address(1), address(2)]), Some(vec![address(1), address(2)]));
        assert_eq!(book.see(at(0), PEER, address(2)), None, "it is known");
        let all = vec![address(1), address(2), address(3)];
        assert_eq!(book.see(at(0), PEER, address(3)), Some((all, true)));
        assert_eq!(book.see(at(0), PEER, address(3)), None);
    }

    #[test]
    fn member_that_moves_all_the_time_is_written_down_once_a_minute() {
        let mut book = AddressBook::default();
        book.want(PEER);
        let writes = |book: &mut AddressBook, seconds| {
            let port = 1000 + u16::try_from(seconds).unwrap();
            let seen = book.see(at(seconds), PEER, address(port)).unwrap();
            assert_eq!(seen.0, [address(port)], "the last one counts");
            seen.1
        };
        let when: Vec<u64> = (0..130).step_by(10).filter(|at| writes(&mut book, *at)).collect();
        assert_eq!(when, [0, 60, 120]);
    }

    #[test]
    fn strangers_leave_no_address() {
        let mut book = AddressBook::default();
        assert_eq!(book.see(at(0), PEER, address(1)), None);
        assert_eq!(book.want(PEER), []);
    }

    #[test]
    fn given_addresses_are_bounded_and_the_latest_are_kept() {
        let mut book = AddressBook::default();
        for port in 0..100 {
            book.give(PEER, &[address(port)]);
        }
        let kept = book.want(PEER);
        assert_eq!((kept.len(), kept[0]), (ADDRESSES_MAX, address(99)));
    }
}
