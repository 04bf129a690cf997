//! Draws from a seeded generator: each node and each use has its own stream.

use std::time::Duration;

use ensign_primitives::{Network, TaggedHasher};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::scenario::Range;

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Makes the generator of one use, of one owner, in the run of `seed`.
    pub fn new(seed: u64, use_of: &str, owner: u64) -> Self {
        let hasher = TaggedHasher::new("ensign/sim-random/v1", Network::Regtest);
        let seed = hasher.u64(seed).u64(owner).var_bytes(use_of.as_bytes()).finish();
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// Draws 32 bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Draws a number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end.max(1)
    }

    /// Draws from 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Says yes with this probability; draws nothing when it is 0.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// Draws a duration, both ends included.
    pub fn within(&mut self, range: Range) -> Duration {
        let width = range.max.saturating_sub(range.min);
        let micros = u64::try_from(width.as_micros()).unwrap_or(u64::MAX);
        range.min + Duration::from_micros(self.below(micros.saturating_add(1)))
    }

    /// Draws from the standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        // Box and Muller; the second of the pair is dropped, so that each draw stands alone.
        let (first, second) = (1.0 - self.unit(), self.unit());
        (-2.0 * first.ln()).sqrt() * (core::f64::consts::TAU * second).cos()
    }

    /// Draws the waiting time until the next of events that come at `per_hour`.
    pub fn until_next(&mut self, per_hour: f64) -> Duration {
        let hours = -(1.0 - self.unit()).ln() / per_hour;
        Duration::try_from_secs_f64(hours * 3600.0).unwrap_or(Duration::MAX)
    }

    /// Draws one of `choices`.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(usize::try_from(self.below(choices.len() as u64)).ok()?)
    }

    /// Draws `count` different numbers below `end`, in order of drawing; all when there are fewer.
    pub fn sample(&mut self, count: usize, end: u32) -> Vec<u32> {
        let mut pool: Vec<u32> = (0..end).collect();
        let count = count.min(pool.len());
        for at in 0..count {
            let other = at + self.below((pool.len() - at) as u64) as usize;
            pool.swap(at, other);
        }
        pool.truncate(count);
        pool
    }
}
