//! How often connections break: two nodes with the same keys push each other off.

use std::collections::BTreeMap;

use ensign_primitives::PeerId;

/// How many losses are told. Guess: a person who restarts a node does it less often.
pub(super) const LOSSES_TOLD: u32 = 4;
/// Within which time they are counted together, in microseconds.
pub(super) const LOSSES_WITHIN_US: u64 = 60_000_000;

/// The losses of each member's connection since the first one that counts.
#[derive(Debug)]
pub(super) struct Losses(BTreeMap<PeerId, (u64, u32)>);

impl Losses {
    /// Begins with none.
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Counts a loss; returns whether there are now so many that somebody should know, once each
    /// [`LOSSES_WITHIN_US`].
    pub(super) fn lost(&mut self, peer: PeerId, now_us: u64) -> bool {
        let (since, count) = self.0.entry(peer).or_insert((now_us, 0));
        if now_us.saturating_sub(*since) > LOSSES_WITHIN_US {
            (*since, *count) = (now_us, 0);
        }
        *count = count.saturating_add(1);
        *count == LOSSES_TOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_losses_within_a_minute_are_told_once() {
        let mut losses = Losses::new();
        let [one, other] = [1, 2].map(|byte| PeerId::from_bytes([byte; 32]));
        let told: Vec<_> = (0..6).map(|second| losses.lost(one, second * 1_000_000)).collect();
        assert_eq!(told, [false, false, false, true, false, false]);
        assert!(!losses.lost(other, 6_000_000));
        // Those of an hour ago are forgotten.
        assert!(!losses.lost(one, 3_600_000_000));
    }
}
