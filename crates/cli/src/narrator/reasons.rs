//! Why nodes cannot be reached, each reason told once.

use std::collections::{BTreeMap, BTreeSet};

use ensign_primitives::PeerId;

/// Most reasons of one node that are remembered; with more, they are told anew. Guess: one for each
/// address that is given out.
const REASONS_MAX: usize = 16;

/// The reasons since each node was last connected.
#[derive(Debug)]
pub(super) struct Reasons(BTreeMap<PeerId, BTreeSet<String>>);

impl Reasons {
    /// Begins with none.
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Takes note of a reason; returns whether it was not told before. A node with several addresses
    /// fails with several reasons in turn.
    pub(super) fn is_new(&mut self, peer: PeerId, reason: &str) -> bool {
        let told = self.0.entry(peer).or_default();
        if told.len() >= REASONS_MAX {
            told.clear();
        }
        told.insert(reason.to_owned())
    }

    /// Forgets the reasons of a node that was reached.
    pub(super) fn reached(&mut self, peer: &PeerId) {
        self.0.remove(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_addresses_that_failed_in_turn_filled_the_log() {
        let (mut reasons, peer) = (Reasons::new(), PeerId::from_bytes([1; 32]));
        let told = (0..100).filter(|turn| reasons.is_new(peer, ["old", "learned"][turn % 2]));
        assert_eq!(told.count(), 2);
        reasons.reached(&peer);
        assert!(reasons.is_new(peer, "old"));
        // Whatever others say of it, it takes no more room than this.
        (0..1_000).for_each(|number| assert!(reasons.is_new(peer, &format!("{number}"))));
        assert!(reasons.0[&peer].len() <= REASONS_MAX);
    }
}
