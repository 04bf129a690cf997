//! Nodes that our user trusts: always dialled, in places of their own.

use alloc::{collections::BTreeMap, vec::Vec};
use core::net::SocketAddr;

use ensign_primitives::{Instant, PeerId};

use crate::{ADDRESSES_DIALLED_MAX, TRUSTED_MAX};

/// Whom our user trusts.
#[derive(Debug, Default)]
pub(crate) struct Trusted(BTreeMap<PeerId, Friend>);

#[derive(Debug)]
struct Friend {
    addresses: Vec<SocketAddr>,
    failures: u32,
    /// Not before.
    due: Instant,
}

impl Trusted {
    pub(crate) fn new(nodes: Vec<(PeerId, Vec<SocketAddr>)>) -> Self {
        let friends = nodes.into_iter().take(TRUSTED_MAX).map(|(peer, mut addresses)| {
            addresses.truncate(ADDRESSES_DIALLED_MAX);
            (peer, Friend { addresses, failures: 0, due: Instant::default() })
        });
        Self(friends.collect())
    }

    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.0.contains_key(peer)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &PeerId> {
        self.0.keys()
    }

    /// Returns who is to be dialled now, of those who are free, and where.
    pub(crate) fn due(
        &self,
        now: Instant,
        is_free: impl Fn(&PeerId) -> bool,
    ) -> Vec<(PeerId, Vec<SocketAddr>)> {
        let due = self.0.iter().filter(|(peer, friend)| {
            friend.due <= now && !friend.addresses.is_empty() && is_free(peer)
        });
        due.map(|(peer, friend)| (*peer, friend.addresses.clone())).collect()
    }

    /// Returns when the next of those who are free is dialled.
    pub(crate) fn wake_at(&self, is_free: impl Fn(&PeerId) -> bool) -> Option<Instant> {
        let waiting =
            self.0.iter().filter(|(peer, friend)| !friend.addresses.is_empty() && is_free(peer));
        waiting.map(|(_, friend)| friend.due).min()
    }

    /// Counts a dial in vain and returns how many there were before it in a row.
    pub(crate) fn fail(&mut self, peer: &PeerId) -> u32 {
        let Some(friend) = self.0.get_mut(peer) else { return 0 };
        let before = friend.failures;
        friend.failures = before.saturating_add(1);
        before
    }

    /// Lets a node rest until then.
    pub(crate) fn rest(&mut self, peer: &PeerId, until: Instant) {
        if let Some(friend) = self.0.get_mut(peer) {
            friend.due = until;
        }
    }

    pub(crate) fn reach(&mut self, peer: &PeerId) {
        if let Some(friend) = self.0.get_mut(peer) {
            friend.failures = 0;
        }
    }
}
