//! What was taken: no proof twice, and the more from one group of addresses the dearer there.

use alloc::collections::{BTreeMap, BTreeSet};
use core::{net::IpAddr, time::Duration};

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_wire::Proof;

use crate::{Refusal, puzzle::check_heading};

/// Most proofs that are remembered. Guess: four times as many stays as the places of a gate give in the
/// two epochs that count. The oldest give way, and washing one out costs as many puzzles.
pub const SPENT_MAX: usize = 8192;

/// Most groups of addresses whose proofs are counted; the one with the fewest gives way, and each costs
/// whoever fills them a puzzle. Guess: as many as bring each other a place once in an hour.
pub const GROUPS_MAX: usize = 4096;

/// How many proofs are taken from one group of addresses within an hour at the price of all; after each so many it
/// is one bit higher there. Guess: two newcomers a minute behind one provider's address while there is a price, and
/// no buying of a whole gate by one machine that hashes fast.
pub const PROOFS_PER_GROUP: u32 = 120;

/// For how long they are counted: from hour to hour of the node's own clock.
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// The proofs that were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent {
    /// By rising epoch, so that the oldest are first.
    proofs: BTreeSet<(u64, PeerId, u64)>,
    groups: BTreeMap<IpAddr, u32>,
    /// In which hour they were counted.
    window: u64,
}

impl Spent {
    /// Returns how many were taken from a group within this hour.
    pub(crate) fn taken(&mut self, now: Instant, group: IpAddr) -> u32 {
        self.roll(now);
        self.groups.get(&group).copied().unwrap_or_default()
    }

    fn roll(&mut self, now: Instant) {
        let window = whole(now, WINDOW);
        if self.window != window {
            (self.window, self.groups) = (window, BTreeMap::new());
        }
    }

    /// Refuses what costs no hash: another version, an epoch that does not count, a proof that was
    /// taken.
    pub(crate) fn check(&self, (peer, proof): (PeerId, Proof), epoch: u64) -> Result<(), Refusal> {
        check_heading(proof, epoch.saturating_sub(1)..=epoch)?;
        if self.proofs.contains(&(proof.epoch, peer, proof.nonce)) {
            return Err(Refusal::Spent);
        }
        Ok(())
    }

    /// Notes a proof that has been checked, and is good.
    pub(crate) fn enter(&mut self, now: Instant, (peer, group, proof): (PeerId, IpAddr, Proof)) {
        self.roll(now);
        self.proofs.insert((proof.epoch, peer, proof.nonce));
        if self.proofs.len() > SPENT_MAX {
            self.proofs.pop_first();
        }
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&group) {
            let fewest = self.groups.iter().min_by_key(|(_, taken)| **taken);
            if let Some(group) = fewest.map(|(group, _)| *group) {
                self.groups.remove(&group);
            }
        }
        let taken = self.groups.entry(group).or_default();
        *taken = taken.saturating_add(1);
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let of = |name, len, limit| Occupancy { name, len, limit };
        [
            of("spent proofs", self.proofs.len(), SPENT_MAX),
            of("groups of proofs", self.groups.len(), GROUPS_MAX),
        ]
    }
}

/// How many whole spans of time have passed since the origin of the node's clock.
pub(crate) fn whole(now: Instant, span: Duration) -> u64 {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(1);
    now.as_micros() / micros
}
