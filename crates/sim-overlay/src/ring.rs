//! Nodes in the order of their positions: who shares how many bits with a point, who lies in a region.

/// The first 64 bits of positions, rising, and whose they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring(Vec<(u64, u32)>);

impl Ring {
    pub(crate) fn new(nodes: impl Iterator<Item = (u64, u32)>) -> Self {
        let mut all: Vec<_> = nodes.collect();
        all.sort_unstable();
        Self(all)
    }

    /// Those that share exactly `depth` bits with a point, below 64.
    pub(crate) fn bucket(&self, origin: u64, depth: u32) -> &[(u64, u32)] {
        let bit = 1_u64 << (63 - depth.min(63));
        self.block((origin ^ bit) & !(bit - 1), bit - 1)
    }

    /// Those that share at least `depth` bits with a point, below 64.
    pub(crate) fn beyond(&self, origin: u64, depth: u32) -> &[(u64, u32)] {
        let rest = u64::MAX.checked_shr(depth).unwrap_or_default();
        self.block(origin & !rest, rest)
    }

    /// Those whose distance from a point is less than `region`.
    pub(crate) fn within(&self, point: u64, region: u64) -> impl Iterator<Item = (u64, u32)> {
        let around = self.beyond(point, region.saturating_sub(1).leading_zeros());
        around.iter().copied().filter(move |(top, _)| top ^ point < region)
    }

    /// The nearest to a point, nearest first.
    pub(crate) fn nearest(&self, point: u64, count: usize) -> Vec<(u64, u32)> {
        let depths = (0..64).rev();
        let enough = depths.map(|it| self.beyond(point, it)).find(|it| it.len() >= count);
        let mut near = enough.unwrap_or(&self.0).to_vec();
        near.sort_unstable_by_key(|(top, _)| top ^ point);
        near.truncate(count);
        near
    }

    pub(crate) fn all(&self) -> &[(u64, u32)] {
        &self.0
    }

    fn block(&self, first: u64, rest: u64) -> &[(u64, u32)] {
        let start = self.0.partition_point(|(top, _)| *top < first);
        let end = self.0.partition_point(|(top, _)| *top <= first | rest);
        self.0.get(start..end).unwrap_or_default()
    }
}
