//! Where one peer may be reached: what our user gave, and where it spoke from last.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_primitives::Instant;
use ensign_wire::ADDRESSES_MAX;

use crate::NOTE_INTERVAL;

/// The addresses of one peer.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// From our user, the latest first, at most [`ADDRESSES_MAX`].
    given: Vec<SocketAddr>,
    /// Where others say that it is, who may be wrong or lie: dialled last, at most [`ADDRESSES_MAX`].
    claimed: Vec<SocketAddr>,
    /// Where it spoke from last. Nodes dial from the port on which they listen, so that it can be
    /// dialled there unless a NAT is in between.
    seen: Option<SocketAddr>,
    noted_at: Option<Instant>,
}

/// What becomes of an address from which a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// It is there already.
    Known,
    /// It is kept.
    Kept,
    /// It is kept, and time to write it down.
    Due,
}

impl Addresses {
    /// Goes on with what was written down.
    pub(crate) fn restored(seen: SocketAddr) -> Self {
        Self { seen: Some(seen), ..Self::default() }
    }

    /// Returns all in the order in which they are dialled: given ones first,
    /// claims last.
    pub(crate) fn all(&self) -> impl Iterator<Item = SocketAddr> {
        let seen = self.seen.filter(|seen| !self.given.contains(seen));
        let is_new = |it: &&SocketAddr| !self.given.contains(it) && self.seen != Some(**it);
        let claimed = self.claimed.iter().filter(is_new).copied();
        self.given.iter().copied().chain(seen).chain(claimed)
    }

    /// Takes what others say in the place of what they said before; says whether that changes anything.
    pub(crate) fn claim(&mut self, claimed: &[SocketAddr]) -> bool {
        let claimed = claimed.get(..ADDRESSES_MAX).unwrap_or(claimed);
        let changes = self.claimed != claimed;
        self.claimed = claimed.to_vec();
        changes
    }

    /// How many our user gave.
    pub(crate) const fn given(&self) -> usize {
        self.given.len()
    }

    /// How many others claimed.
    pub(crate) const fn claimed(&self) -> usize {
        self.claimed.len()
    }

    /// Enters addresses before those given earlier, of which the oldest leave; says whether that
    /// changes anything.
    pub(crate) fn give(&mut self, given: &[SocketAddr]) -> bool {
        let mut merged: Vec<SocketAddr> = Vec::new();
        for address in given.iter().chain(self.given.iter()) {
            if merged.len() < ADDRESSES_MAX && !merged.contains(address) {
                merged.push(*address);
            }
        }
        let changes = merged != self.given;
        self.given = merged;
        changes
    }

    /// Notes where the peer speaks from.
    pub(crate) fn see(&mut self, now: Instant, remote: SocketAddr) -> Sighting {
        if self.seen == Some(remote) || self.given.contains(&remote) {
            return Sighting::Known;
        }
        self.seen = Some(remote);
        if self.noted_at.is_some_and(|at| now.since(at) < NOTE_INTERVAL) {
            return Sighting::Kept;
        }
        self.noted_at = Some(now);
        Sighting::Due
    }
}
