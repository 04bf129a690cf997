//! Which ways between nodes are cut at the moment.

use ensign_primitives::{Instant, Network, TaggedHasher};

use crate::{
    NodeIndex,
    scenario::{Faults, Partition},
};

/// The partition of a run: at most one, while faults are on.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    partition: Partition,
    /// A node is on the smaller side when its hash is below this.
    threshold: u64,
    seed: u64,
    from: Instant,
    until: Instant,
}

impl Paths {
    pub(crate) fn new(faults: &Faults, seed: u64) -> Self {
        let origin = Instant::from_micros(0);
        Self {
            partition: faults.partition,
            threshold: (faults.partition_share.clamp(0.0, 1.0) * u64::MAX as f64) as u64,
            seed,
            from: origin.after(faults.from),
            until: origin.after(faults.until),
        }
    }

    /// Since when nothing sent by one node has reached the other; `None` while the way is open.
    pub(crate) fn cut_since(
        &self,
        now: Instant,
        from: NodeIndex,
        to: NodeIndex,
    ) -> Option<Instant> {
        let active = self.from <= now && now < self.until;
        (active && self.is_cut(from, to)).then_some(self.from)
    }

    fn is_cut(&self, from: NodeIndex, to: NodeIndex) -> bool {
        let (from_small, to_small) = (self.is_small(from), self.is_small(to));
        match self.partition {
            Partition::None => false,
            Partition::Full => from_small != to_small,
            Partition::Partial => {
                let pair = (from.min(to).0, from.max(to).0);
                from_small != to_small && self.hash(pair) & 1 == 0
            }
            Partition::OneWay => !from_small && to_small,
        }
    }

    fn is_small(&self, node: NodeIndex) -> bool {
        self.hash((node.0, u32::MAX)) < self.threshold
    }

    fn hash(&self, (one, other): (u32, u32)) -> u64 {
        let hasher = TaggedHasher::new("ensign/sim-side/v1", Network::Regtest).u64(self.seed);
        let hash = hasher.u64(one.into()).u64(other.into()).finish();
        hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}
