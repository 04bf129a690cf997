//! What is drawn, from the seed of the constructor.

use core::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// The randomness of one book.
pub(crate) struct Chance(ChaCha20Rng);

impl core::fmt::Debug for Chance {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Chance")
    }
}

impl Chance {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Draws a number below `limit`; 0 when that is 0. Small ones are likelier by one in 2^50 at most.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.0.next_u64() % limit).unwrap_or(0)
    }

    /// Draws a time around `mean`, up to one part in `parts` of it either way.
    pub(crate) fn around(&mut self, mean: Duration, parts: u32) -> Duration {
        let spread = mean / parts;
        let micros = usize::try_from(2 * spread.as_micros()).unwrap_or(usize::MAX);
        mean - spread + Duration::from_micros(self.below(micros.saturating_add(1)) as u64)
    }

    /// Draws up to `count` of these.
    pub(crate) fn some<T>(
        &mut self,
        from: &mut alloc::vec::Vec<T>,
        count: usize,
    ) -> alloc::vec::Vec<T> {
        let mut drawn = alloc::vec::Vec::new();
        while drawn.len() < count && !from.is_empty() {
            drawn.push(from.swap_remove(self.below(from.len())));
        }
        drawn
    }
}
