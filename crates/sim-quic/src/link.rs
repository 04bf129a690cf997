//! What happens to a packet between two nodes.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;

/// How every link of a network behaves. Shares are in millionths, so that a draw is a comparison of
/// integers and the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    /// How long a packet is under way.
    pub latency: Latency,
    /// Of a million packets, how many are lost.
    pub lost_ppm: u32,
    /// Of a million packets that arrive, how many arrive a second time, after a time of their own.
    pub doubled_ppm: u32,
    /// Of a million packets, how many are held back for as long again as the slowest takes, so that
    /// later ones overtake them. Unequal latencies put packets out of order too.
    pub held_ppm: u32,
}

impl Links {
    /// Links that only take time.
    pub const fn quiet(latency: Latency) -> Self {
        Self { latency, lost_ppm: 0, doubled_ppm: 0, held_ppm: 0 }
    }

    /// Draws when the copies of one packet arrive: none, one or two of them.
    pub(crate) fn arrivals(&self, rng: &mut ChaCha8Rng) -> [Option<Duration>; 2] {
        if happens(rng, self.lost_ppm) {
            return [None, None];
        }
        let held = if happens(rng, self.held_ppm) { self.latency.max } else { Duration::ZERO };
        let first = self.latency.draw(rng) + held;
        let second = happens(rng, self.doubled_ppm).then(|| self.latency.draw(rng));
        [Some(first), second]
    }
}

/// How long a packet is under way: anything between two bounds, each as likely as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The shortest.
    pub min: Duration,
    /// The longest; not below the shortest.
    pub max: Duration,
}

impl Latency {
    fn draw(&self, rng: &mut ChaCha8Rng) -> Duration {
        let width = self.max.saturating_sub(self.min).as_micros();
        let width = u64::try_from(width).unwrap_or(u64::MAX - 1);
        self.min + Duration::from_micros(rng.next_u64() % (width + 1))
    }
}

fn happens(rng: &mut ChaCha8Rng, ppm: u32) -> bool {
    ppm > 0 && rng.next_u64() % 1_000_000 < u64::from(ppm)
}
