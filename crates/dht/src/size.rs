//! How many nodes there are, and whether a neighbourhood is denser than chance makes it.

use alloc::{collections::VecDeque, vec::Vec};

use ensign_primitives::{Instant, Occupancy};

use crate::{DENSITY, ESTIMATE_CLAMP, ESTIMATES_KEPT, K, SMALL_NETWORK};

/// Which part of the estimates lie below the one that counts, in percent. Measured: with the mean a
/// neighbourhood of honest nodes is taken for an attack in 16 of 100 cases at one hostile node of five.
const QUANTILE: usize = 80;
/// By how much that one is above the number of nodes, in percent. Measured.
const QUANTILE_ABOVE: u64 = 115;

/// What the last looks at random points have said.
#[derive(Debug, Default)]
pub struct Size {
    estimates: VecDeque<u64>,
    /// When the first of all looks said something.
    since: Option<Instant>,
    /// What held when the clamp's hour began.
    held: Option<(u64, Instant)>,
}

impl Size {
    /// Makes one that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the distances of those nearest to a random point, rising; fewer than [`K`] say nothing.
    ///
    /// Within an hour what holds moves by at most a factor of two, but for what a small network may grow to. The first
    /// hour is free: who is there first sees a network that others are about to join.
    pub fn observe(&mut self, now: Instant, nearest: &[u64]) {
        if !self.add(now, nearest) {
            return;
        }
        let since = self.held.map(|it| it.1).or(self.since);
        if since.is_some_and(|it| now.since(it) >= ESTIMATE_CLAMP) {
            self.held = self.nodes().map(|it| (it, now));
        }
    }

    /// Takes a look of an earlier run, which saw a network that had been there: what enough of these say holds at once.
    pub fn recall(&mut self, now: Instant, nearest: &[u64]) {
        if self.add(now, nearest) {
            self.held = self.nodes().map(|it| (it, now));
        }
    }

    /// Returns the number of nodes, `None` before anything was seen.
    pub fn nodes(&self) -> Option<u64> {
        let raw = self.quantile()?;
        Some(self.held.map_or(raw, |(held, _)| {
            // Regions of all small networks are alike: that one has grown shrinks none.
            raw.clamp(held / 2, held.saturating_mul(2).max(SMALL_NETWORK))
        }))
    }

    /// Adds an estimate, and tells whether there are as many as are kept.
    fn add(&mut self, now: Instant, nearest: &[u64]) -> bool {
        let Some(estimate) = estimate(nearest) else { return false };
        self.since.get_or_insert(now);
        self.estimates.push_back(estimate);
        if self.estimates.len() > ESTIMATES_KEPT {
            self.estimates.pop_front();
        }
        self.estimates.len() >= ESTIMATES_KEPT
    }

    fn quantile(&self) -> Option<u64> {
        let mut all: Vec<u64> = self.estimates.iter().copied().collect();
        all.sort_unstable();
        let at = (all.len() * QUANTILE).div_ceil(100).checked_sub(1)?;
        all.get(at).map(|it| (u128::from(*it) * 100 / u128::from(QUANTILE_ABOVE)) as u64)
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        let len = self.estimates.len();
        Occupancy { name: "dht estimates", len, limit: ESTIMATES_KEPT }
    }
}

/// Returns how many nodes there are when the [`K`]th nearest is so far: 19 / (d20 / 2^256).
pub(crate) fn estimate(nearest: &[u64]) -> Option<u64> {
    let farthest = *nearest.get(K - 1)?;
    let nodes = ((K as u128 - 1) << 64) / u128::from(farthest.max(1));
    Some(u64::try_from(nodes).unwrap_or(u64::MAX).max(1))
}

/// Returns how far a region of so many nodes reaches, as the first 64 bits of the distance; of a small
/// network a quarter.
pub fn region(nodes: Option<u64>, region_nodes: u64) -> u64 {
    match nodes {
        Some(all) if all >= SMALL_NETWORK => {
            let reach = (u128::from(region_nodes) << 64) / u128::from(all);
            u64::try_from(reach).unwrap_or(u64::MAX)
        }
        _ => 1 << 62,
    }
}

/// Returns of how many neighbours a neighbourhood is denser than chance makes it in one of two thousand:
/// `distance * nodes` below what [`DENSITY`] says. `nearest` are their distances, rising.
pub fn is_dense(nearest: &[u64], nodes: u64) -> Option<usize> {
    DENSITY.into_iter().find_map(|(neighbours, least)| {
        let distance = *nearest.get(neighbours - 1)?;
        // In hundredths; up to 2^128 and no more for fewer than 2^57 nodes.
        let seen = u128::from(distance).saturating_mul(u128::from(nodes)).saturating_mul(100) >> 64;
        (seen < u128::from(least)).then_some(neighbours)
    })
}
