//! How long a packet takes, and what happens to it on the way.

use std::time::Duration;

use ensign_primitives::Instant;

use crate::{
    NodeIndex,
    random::Random,
    scenario::{Latency, Link, Range},
};

/// Most times in a row that one packet is lost; QUIC's backed-off timer has then grown to seconds.
const LOSSES_IN_A_ROW_MAX: u32 = 8;

/// What QUIC's probe timeout adds to three latencies: the peer's delay of acknowledgements (RFC 9002
/// section 6.2.1, with the default of 25 ms).
const ACK_DELAY: Duration = Duration::from_millis(25);

/// The shortest latency: a packet never arrives when it is sent.
pub(crate) const LATENCY_MIN: Duration = Duration::from_micros(10);

/// What a packet meets while faults are on, and after they have healed.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    link: Link,
    until: Instant,
}

impl Weather {
    pub(crate) const fn new(link: Link, until: Instant) -> Self {
        Self { link, until }
    }

    /// The shortest time any packet takes: nodes cannot hear of each other sooner.
    pub(crate) fn latency_min(&self) -> Duration {
        let shortest = match &self.link.latency {
            Latency::Constant { of } => *of,
            Latency::Uniform { of } => of.min,
            Latency::LogNormal { floor, .. } => *floor,
            Latency::Regions { millis, .. } => {
                let least = millis.iter().flatten().copied().min().unwrap_or(0);
                Duration::from_millis(least.into())
            }
        };
        shortest.max(LATENCY_MIN)
    }

    fn is_rough(&self, now: Instant) -> bool {
        now < self.until
    }

    /// One way, once.
    pub(crate) fn latency(&self, random: &mut Random, from: NodeIndex, to: NodeIndex) -> Duration {
        let drawn = match &self.link.latency {
            Latency::Constant { of } => *of,
            Latency::Uniform { of } => random.within(*of),
            Latency::LogNormal { median, sigma, floor } => {
                let factor = (sigma * random.normal()).exp();
                Duration::try_from_secs_f64(median.as_secs_f64() * factor)
                    .unwrap_or(*median)
                    .max(*floor)
            }
            Latency::Regions { millis, jitter } => {
                let region = |node: NodeIndex| node.as_usize() % millis.len().max(1);
                let row = millis.get(region(from));
                let base = row.and_then(|row| row.get(region(to))).copied().unwrap_or(0);
                Duration::from_millis(base.into())
                    + random.within(Range { min: Duration::ZERO, max: *jitter })
            }
        };
        drawn.max(LATENCY_MIN)
    }

    /// How long until a packet has arrived, its losses and repetitions included.
    pub(crate) fn delay(
        &self,
        random: &mut Random,
        now: Instant,
        (from, to): (NodeIndex, NodeIndex),
    ) -> Duration {
        let mut delay = self.latency(random, from, to);
        if !self.is_rough(now) {
            return delay;
        }
        let mut timeout = 3 * delay + ACK_DELAY;
        for _ in 0..LOSSES_IN_A_ROW_MAX {
            if !random.happens(self.link.loss) {
                break;
            }
            delay += timeout;
            timeout *= 2;
        }
        if random.happens(self.link.reorder) {
            delay += self.latency(random, from, to);
        }
        delay
    }

    /// Whether a frame arrives twice.
    pub(crate) fn duplicates(&self, random: &mut Random, now: Instant) -> bool {
        self.is_rough(now) && random.happens(self.link.duplicate)
    }

    /// How long a node is busy putting this many bytes on the wire.
    pub(crate) fn sending_time(&self, bytes: usize) -> Duration {
        let bits = (bytes as u64).saturating_mul(8_000_000);
        Duration::from_micros(bits.checked_div(self.link.bandwidth).unwrap_or(0))
    }
}
