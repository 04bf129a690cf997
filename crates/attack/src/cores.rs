//! The victim and its honest partners on one core, the attacker on another.

use std::sync::OnceLock;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Who works on a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The node under attack, and who signs with it.
    Honest,
    /// Everything else.
    Hostile,
}

/// The two cores, as they were before any thread kept to one.
static CORES: OnceLock<Option<(usize, usize)>> = OnceLock::new();

/// Keeps this thread, and what it starts from here on, on its side's core.
///
/// Returns whether the sides are apart: with one core they are not, and latencies mean little.
pub(crate) fn keep_to(side: Side) -> bool {
    let Some((honest, hostile)) = *CORES.get_or_init(two_cores) else { return false };
    let mut set = CpuSet::new();
    set.set(match side {
        Side::Honest => honest,
        Side::Hostile => hostile,
    });
    sched_setaffinity(None, &set).is_ok()
}

fn two_cores() -> Option<(usize, usize)> {
    let allowed = sched_getaffinity(None).ok()?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    cores.next().zip(cores.next())
}
