//! Who gives way when every place is taken.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, time::Duration};

use ensign_primitives::{Instant, LinkId};

use crate::{AddressGroups, Group, LEVELS, group::SHARE_MAX};

/// How many of the nearest guests do not give way to other guests, beside the older half. Bitcoin Core
/// protects eight of some 115: to be nearer than others, one has to be near.
pub const NEAR_PROTECTED: usize = 4;

/// A connection that has a place, or wants one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Names it. The greater of two is the younger.
    pub link: LinkId,
    /// Whether we know or want its peer.
    pub regard: Regard,
    /// Where it comes from.
    pub groups: AddressGroups,
    /// Since when it is up.
    pub since: Instant,
    /// How long its handshake took to go there and back; `None` where nobody knows.
    pub round_trip: Option<Duration>,
    /// What is known of its peer's conduct: below zero is penalized, zero a newcomer.
    pub score: i32,
    /// How much work its peer has paid with; zero for none.
    pub effort: u8,
}

impl Candidate {
    /// Takes what is known when a connection begins: of a newcomer that has paid nothing, nearness unknown.
    pub const fn new(link: LinkId, since: Instant, groups: AddressGroups, regard: Regard) -> Self {
        Self { link, regard, groups, since, round_trip: None, score: 0, effort: 0 }
    }
}

/// What a peer is to us, as far as places are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regard {
    /// A member of our groups, or somebody whom we want: never gives way.
    Kept,
    /// Anybody else.
    Guest,
}

/// Returns which connection goes so that there is a place: of those that are held, or the newcomer;
/// `None` when nobody may.
///
/// Only guests go, and for a newcomer that is kept any of them. Otherwise, in this order:
/// 1. who is penalized, the worst first;
/// 2. nobody of the older half, and nobody of the [`NEAR_PROTECTED`] nearest of the rest;
/// 3. who has paid least;
/// 4. who comes from [where most come from](most_crowded);
/// 5. there, who has the lowest score, and at last the youngest.
///
/// A good score protects from nobody of another group, because an attacker can earn one (Prünster et al.,
/// USENIX Security 2022).
///
/// Cost: `n log n` for `n` connections, and an allocation for each of the lists.
pub fn evict(newcomer: &Candidate, held: impl IntoIterator<Item = Candidate>) -> Option<LinkId> {
    let is_guest = |it: &Candidate| it.regard == Regard::Guest;
    let guests: Vec<Candidate> = held.into_iter().filter(is_guest).collect();
    let newcomer = Some(*newcomer).filter(is_guest);
    let all = || guests.iter().chain(&newcomer);
    let worst = all().map(|it| it.score).min().filter(|score| *score < 0);
    let mut pool: Vec<&Candidate> = match worst {
        Some(worst) => all().filter(|it| it.score == worst).collect(),
        None => unprotected(&guests).into_iter().chain(&newcomer).collect(),
    };
    if pool.is_empty() {
        pool = all().collect();
    }
    let least = pool.iter().map(|it| it.effort).min();
    pool.retain(|it| Some(it.effort) == least);
    let crowd = Crowd::of(all().map(|it| it.groups));
    let last = |it: &&Candidate| (crowd.around(&it.groups), Reverse(it.score), it.since, it.link);
    pool.into_iter().max_by_key(last).map(|it| it.link)
}

/// Returns those who come from where most come from, in the order in which they were given.
///
/// A group is the more crowded the more there are of it for each of its [share](Group::share). Of
/// the most crowded one, those are looked at who are of its most crowded narrower group, and so on:
/// honest peers of a provider do not pay for one host there.
pub fn most_crowded<T>(entries: impl IntoIterator<Item = (T, AddressGroups)>) -> Vec<T> {
    let entries: Vec<_> = entries.into_iter().collect();
    let crowd = Crowd::of(entries.iter().map(|(_, groups)| *groups));
    let around: Vec<_> = entries.iter().map(|(_, groups)| crowd.around(groups)).collect();
    let most = around.iter().max();
    let entries = entries.into_iter().zip(&around);
    entries.filter(|(_, around)| Some(*around) == most).map(|((it, _), _)| it).collect()
}

/// Returns the guests that are not protected from other guests.
fn unprotected(guests: &[Candidate]) -> Vec<&Candidate> {
    let mut rest: Vec<&Candidate> = guests.iter().collect();
    rest.sort_unstable_by_key(|it| (it.since, it.link));
    let mut rest = rest.split_off(guests.len() / 2);
    rest.sort_by_key(|it| (it.round_trip.unwrap_or(Duration::MAX), it.since, it.link));
    let known = rest.iter().take_while(|it| it.round_trip.is_some()).count();
    rest.split_off(known.min(NEAR_PROTECTED))
}

/// How many come from each group.
#[derive(Debug)]
struct Crowd(BTreeMap<Group, u32>);

impl Crowd {
    fn of(all: impl Iterator<Item = AddressGroups>) -> Self {
        let mut sizes = BTreeMap::new();
        all.flat_map(|groups| groups.iter()).for_each(|group| {
            *sizes.entry(group).or_default() += 1;
        });
        Self(sizes)
    }

    /// Returns how crowded it is around an address: in its most crowded group, then in the most
    /// crowded of those within that one, and so on.
    fn around(&self, groups: &AddressGroups) -> [u64; LEVELS] {
        let (mut densities, mut known) = ([0; LEVELS], [0; LEVELS]);
        let of_each = known.iter_mut().zip(groups.iter());
        let levels = of_each.map(|(slot, group)| *slot = self.density(&group)).count();
        let mut within = known.get(..levels).unwrap_or_default();
        for slot in &mut densities {
            let Some(most) = within.iter().max().copied() else { break };
            *slot = most;
            let narrowest = within.iter().position(|density| *density == most);
            within = within.get(..narrowest.unwrap_or_default()).unwrap_or_default();
        }
        densities
    }

    fn density(&self, group: &Group) -> u64 {
        let size = self.0.get(group).copied().unwrap_or_default();
        u64::from(size) * u64::from(SHARE_MAX / group.share())
    }
}
