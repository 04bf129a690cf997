//! Which of the nodes that seeds name are dialled, so that no seed chooses for us.

use ensign_peers::contact::HostName;
use ensign_primitives::PeerId;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use std::net::SocketAddr;

use crate::{SeedAnswer, SeedError, SeedRecord};

/// Most candidates in all. Guess: twice what a node keeps of outbound connections while most prove to be gone.
pub const CANDIDATES_MAX: usize = 48;

/// Most candidates of one seed, whatever the others say: a third.
pub const CANDIDATES_PER_SEED_MAX: usize = CANDIDATES_MAX / 3;

/// How many candidates of one seed are taken even if the others name fewer. Guess: enough that a lone seed is of use
/// although some of its nodes are gone, few enough to be dialled beside what the others say.
const CANDIDATES_PER_SEED_MIN: usize = 4;

/// A node that may be there: whoever answers at one of the addresses has to prove that it is `peer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub peer: PeerId,
    /// Where: at most [`ADDRESSES_PER_RECORD_MAX`](crate::ADDRESSES_PER_RECORD_MAX).
    pub addresses: Vec<SocketAddr>,
    /// Which seed said so.
    pub seed: HostName,
}

/// What all seeds said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Candidates, at most [`CANDIDATES_MAX`], seeds by turns: whoever dials only the first few has some of each.
    /// No seed has more than a third of them, or four of them if a third is less.
    pub candidates: Vec<Candidate>,
    /// What each seed that names nodes said, in the order in which they were asked.
    pub answers: Vec<SeedAnswer>,
    /// What went wrong with some seeds.
    pub failures: Vec<SeedError>,
}

/// Picks candidates: of each seed one after the other, until one has its share.
pub(crate) fn pick(answers: &[SeedAnswer]) -> Vec<Candidate> {
    let named = each_once(answers);
    let share = share(&named);
    let turns =
        (0..share).flat_map(|turn| named.iter().map(move |(seed, nodes)| (turn, seed, nodes)));
    let picked = turns.filter_map(|(turn, seed, nodes)| {
        let SeedRecord { peer, addresses, .. } = nodes.get(turn)?;
        Some(Candidate { peer: *peer, addresses: addresses.clone(), seed: (*seed).clone() })
    });
    picked.take(CANDIDATES_MAX).collect()
}

/// What each seed names that no seed before it names in the same words. A node that two seeds place differently stays
/// with both: who lies about its address does not hide it.
fn each_once(answers: &[SeedAnswer]) -> Vec<(&HostName, Vec<&SeedRecord>)> {
    let mut named: Vec<(&HostName, Vec<&SeedRecord>)> = Vec::new();
    for answer in answers {
        let is_new = |node: &&SeedRecord| named.iter().all(|(_, nodes)| !nodes.contains(node));
        let nodes = answer.nodes.iter().filter(is_new).collect();
        named.push((&answer.seed, nodes));
    }
    named
}

/// How many nodes each seed gets at most: as many as leave none with more than a third.
fn share(named: &[(&HostName, Vec<&SeedRecord>)]) -> usize {
    let counts = || named.iter().map(|(_, nodes)| nodes.len());
    let fits = |share: &usize| {
        let taken: usize = counts().map(|count| count.min(*share)).sum();
        *share <= CANDIDATES_PER_SEED_MIN || 3 * share <= taken
    };
    let most = counts().max().unwrap_or(0).min(CANDIDATES_PER_SEED_MAX);
    (0..=most).rev().find(fits).unwrap_or(0)
}

/// Whether a node is none of some.
pub(crate) fn is_new(nodes: &[SeedRecord], node: &SeedRecord) -> bool {
    nodes.iter().all(|known| known.peer != node.peer)
}

/// Puts things in random order (Fisher and Yates).
pub(crate) fn shuffle<T>(things: &mut [T], random: &mut ChaCha20Rng) {
    for end in (1..things.len()).rev() {
        // The lot of 2^64 for at most 2^16 things is as good as even.
        let other = random.next_u64() % (end as u64 + 1);
        things.swap(end, usize::try_from(other).unwrap_or(end));
    }
}
