//! Draws from a seeded generator: each use of each owner has its own stream.

use ensign_primitives::{Network, TaggedHasher};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A seeded generator.
#[derive(Clone, Debug)]
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64, use_of: &str, owner: u64) -> Self {
        Self(ChaCha8Rng::from_seed(seed_of(seed, use_of, owner)))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws a number below `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % (end as u64).max(1)) as usize
    }

    /// Draws from 0 up to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws at most `count` different ones, in order of drawing.
    pub(crate) fn sample<T: Copy>(&mut self, from: &[T], count: usize) -> Vec<T> {
        // Few of many: drawing again is cheaper than a copy of all.
        if from.len() > 4 * count {
            let mut at = std::collections::BTreeSet::new();
            let mut drawn = Vec::with_capacity(count);
            while drawn.len() < count {
                let next = self.below(from.len());
                if at.insert(next) {
                    drawn.extend(from.get(next));
                }
            }
            return drawn;
        }
        let mut all = from.to_vec();
        let count = count.min(all.len());
        for at in 0..count {
            let other = at + self.below(all.len() - at);
            all.swap(at, other);
        }
        all.truncate(count);
        all
    }
}

/// Derives 32 bytes for one use of one owner.
pub(crate) fn seed_of(seed: u64, use_of: &str, owner: u64) -> [u8; 32] {
    let hasher = TaggedHasher::new("ensign/sim-overlay/v1", Network::Regtest);
    hasher.u64(seed).u64(owner).var_bytes(use_of.as_bytes()).finish()
}
