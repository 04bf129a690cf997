//! Tables and books as of a network that has been there for long.

use ensign_dht::{K, ROOT_CELLS, ROOTS_PER_CELL};

use crate::{
    Fill,
    draw::Draw,
    population::{Population, top},
    ring::Ring,
};

/// More are offered to a bucket than it has places: some have no room for their /24.
const OFFERED: usize = K + 6;
/// The same for the book of further contacts: its cells fill up at different times.
const ROOTS_OFFERED: usize = ROOT_CELLS * ROOTS_PER_CELL * 5 / 4;

/// Whom a node has met, in this order, bucket by bucket.
pub(crate) fn contacts(population: &Population, me: u32, fill: Fill, draw: &mut Draw) -> Vec<u32> {
    let origin = top(population.record(me).position().into());
    let mut met = Vec::new();
    let mut take = |ring: &Ring, depth| {
        let all = draw.sample(ring.bucket(origin, depth), OFFERED);
        met.extend(all.into_iter().map(|(_, at)| at));
    };
    for depth in 0..64 {
        if population.ring.beyond(origin, depth).len() <= 1 {
            break;
        }
        match fill {
            Fill::Random => take(&population.ring, depth),
            Fill::HonestFirst => {
                take(&population.honest_ring, depth);
                take(&population.hostile_ring, depth);
            }
            Fill::HostileFirst => {
                take(&population.hostile_ring, depth);
                take(&population.honest_ring, depth);
            }
        }
    }
    met
}

/// Whom a node has in its book: anybody, or honest nodes where those were there first.
pub(crate) fn roots(population: &Population, me: u32, fill: Fill, draw: &mut Draw) -> Vec<u32> {
    let first = match fill {
        Fill::Random | Fill::HostileFirst => &population.ring,
        Fill::HonestFirst => &population.honest_ring,
    };
    let mut all = draw.sample(first.all(), ROOTS_OFFERED);
    if fill == Fill::HonestFirst {
        all.extend(draw.sample(population.hostile_ring.all(), ROOTS_OFFERED));
    }
    all.into_iter().map(|(_, at)| at).filter(|at| *at != me).collect()
}
