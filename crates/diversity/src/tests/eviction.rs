//! Who gives way, one rule at a time.

use core::{net::IpAddr, time::Duration};
use std::vec::Vec;

use ensign_primitives::{Instant, LinkId};
use proptest::prelude::*;

use crate::{
    AddressGroups, Candidate, Group, NEAR_PROTECTED, PrefixTable, Regard, evict, most_crowded,
};

/// A guest from an address, the youngest so far.
pub(super) fn guest(link: u64, ip: IpAddr) -> Candidate {
    Candidate {
        link: LinkId(link),
        regard: Regard::Guest,
        groups: AddressGroups::of(ip, &PrefixTable::default()),
        since: Instant::from_micros(link),
        round_trip: None,
        score: 0,
        effort: 0,
    }
}

/// A host of a network of its own.
pub(super) fn alone(number: u8) -> IpAddr {
    [10, 0, number, 1].into()
}

fn kept(link: u64, ip: IpAddr) -> Candidate {
    Candidate { regard: Regard::Kept, ..guest(link, ip) }
}

/// Eight guests, each of a network of its own.
fn eight() -> Vec<Candidate> {
    (0..8).map(|number| guest(number, alone(number as u8))).collect()
}

fn goes(newcomer: Candidate, held: &[Candidate]) -> Option<u64> {
    evict(&newcomer, held.iter().copied()).map(|link| link.0)
}

#[test]
fn newcomer_goes_when_nobody_is_more_crowded() {
    assert_eq!(goes(guest(100, alone(100)), &eight()), Some(100));
}

#[test]
fn youngest_of_the_most_crowded_network_goes() {
    let mut held = eight();
    held[5] = guest(5, alone(7));
    assert_eq!(goes(guest(100, alone(100)), &held), Some(7));
    // In the older half nobody goes, whatever company it keeps.
    let mut held = eight();
    held[2] = guest(2, alone(1));
    assert_eq!(goes(guest(100, alone(100)), &held), Some(100));
}

#[test]
fn kept_newcomer_drives_out_a_guest_and_nobody_else() {
    assert_eq!(goes(kept(100, alone(100)), &eight()), Some(7));
    let one = [kept(1, alone(1)), guest(2, alone(2)), kept(3, alone(3))];
    assert_eq!(goes(kept(100, alone(1)), &one), Some(2));
    assert_eq!(goes(kept(100, alone(1)), &[kept(1, alone(1))]), None);
    assert_eq!(goes(kept(100, alone(1)), &[]), None);
    assert_eq!(goes(guest(100, alone(1)), &[kept(1, alone(1))]), Some(100));
}

#[test]
fn near_ones_of_the_younger_half_stay() {
    let mut held: Vec<_> = (0..20).map(|number| guest(number, alone(0))).collect();
    for candidate in &mut held[15..] {
        candidate.round_trip = Some(Duration::from_millis(candidate.link.0));
    }
    // Four are protected, the fifth is too far.
    assert_eq!(NEAR_PROTECTED, 4);
    assert_eq!(goes(guest(100, alone(100)), &held), Some(19));
    held[19].round_trip = Some(Duration::ZERO);
    assert_eq!(goes(guest(100, alone(100)), &held), Some(18));
}

#[test]
fn penalized_goes_first_even_when_it_is_old_and_the_worst_before_others() {
    let mut held = eight();
    held[0].score = -5;
    held[1].score = -10;
    assert_eq!(goes(guest(100, alone(100)), &held), Some(1));
    assert_eq!(goes(Candidate { score: -50, ..guest(100, alone(100)) }, &held), Some(100));
    held[1].regard = Regard::Kept;
    assert_eq!(goes(guest(100, alone(100)), &held), Some(0));
}

#[test]
fn who_pays_gets_the_place_of_who_does_not() {
    let payer = |link, effort| Candidate { effort, ..guest(link, alone(7)) };
    assert_eq!(goes(payer(100, 1), &eight()), Some(7));
    let mut held = eight();
    held[4..].iter_mut().for_each(|candidate| candidate.effort = 2);
    assert_eq!(goes(payer(100, 1), &held), Some(100));
    assert_eq!(goes(guest(100, alone(100)), &held), Some(100));
    // Of the same effort, the crowd decides.
    assert_eq!(goes(payer(100, 2), &held), Some(100));
    assert_eq!(goes(payer(100, 3), &held), Some(7));
}

#[test]
fn low_score_goes_before_the_youngest_of_its_crowd_only() {
    let mut held = eight();
    held.iter_mut().for_each(|candidate| candidate.score = 9);
    held[5] = guest(5, alone(7));
    assert_eq!(goes(guest(100, alone(100)), &held), Some(5));
    held[5].groups = guest(5, alone(5)).groups;
    assert_eq!(goes(guest(100, alone(100)), &held), Some(100));
}

#[test]
fn one_host_of_a_provider_pays_before_its_neighbours() {
    let mut table = PrefixTable::builder();
    table.line("10.0.0.0\t8\t64500").unwrap();
    let table = table.build();
    let at = |number: u8, ip: [u8; 4]| (number, AddressGroups::of(ip.into(), &table));
    // Thirty of one provider, and eight of one host elsewhere.
    let provider = (0..30).map(|number| at(number, [10, number, 0, 1]));
    let elsewhere = (30..38).map(|number| at(number, [192, 0, 2, 1]));
    let crowd = most_crowded(provider.clone().chain(elsewhere.clone()));
    assert_eq!(crowd, (30..38).collect::<Vec<u8>>());
    // With seven of them the provider is the larger crowd; of it the two that share a host go first.
    let twice = [at(50, [10, 3, 0, 1])];
    let all = provider.chain(elsewhere.take(7)).chain(twice);
    assert_eq!(most_crowded(all), [3, 50]);
    assert_eq!(most_crowded(core::iter::empty::<(u8, AddressGroups)>()), Vec::<u8>::new());
}

#[test]
fn network_counts_half_of_a_host() {
    let at =
        |number: u8, ip: [u8; 4]| (number, AddressGroups::of(ip.into(), &PrefixTable::default()));
    let host = (0..3).map(|number| at(number, [192, 0, 2, 1]));
    let network = |size: u8| (0..size).map(|number| at(100 + number, [198, 51, 100, number]));
    assert_eq!(most_crowded(host.clone().chain(network(5))), [0, 1, 2]);
    assert_eq!(most_crowded(host.chain(network(7))).len(), 7);
    assert_eq!(Group::Network([198, 51, 100, 0].into()).share(), 2);
}

/// Candidates among few addresses, so that they crowd.
fn any_candidate() -> impl Strategy<Value = Candidate> {
    let address = (0..4_u8, 0..3_u8, 0..4_u8);
    let money = (-1..3_i32, 0..3_u8, prop::option::of(0..50_u64), 0..100_u64);
    (address, money, any::<bool>()).prop_map(|(address, money, is_kept)| {
        let (net, subnet, host) = address;
        let (score, effort, round_trip, since) = money;
        Candidate {
            regard: if is_kept { Regard::Kept } else { Regard::Guest },
            since: Instant::from_micros(since),
            round_trip: round_trip.map(Duration::from_millis),
            score,
            effort,
            ..guest(0, [10, net, subnet, host].into())
        }
    })
}

fn any_places() -> impl Strategy<Value = (Candidate, Vec<Candidate>)> {
    (any_candidate(), prop::collection::vec(any_candidate(), 0..24)).prop_map(|(new, mut held)| {
        held.iter_mut().zip(0..).for_each(|(candidate, link)| candidate.link = LinkId(link));
        let since = Instant::from_micros(1000);
        (Candidate { link: LinkId(1000), since, ..new }, held)
    })
}

proptest! {
    #[test]
    fn nobody_who_is_kept_goes_and_there_is_room_while_a_guest_is_here(
        (new, held) in any_places(),
    ) {
        let gone = evict(&new, held.iter().copied());
        let all = || held.iter().chain([&new]);
        let guests = all().filter(|it| it.regard == Regard::Guest).count();
        prop_assert_eq!(gone.is_some(), guests > 0);
        if let Some(gone) = gone {
            let gone = all().find(|it| it.link == gone).unwrap();
            prop_assert_eq!(gone.regard, Regard::Guest);
        }
    }

    #[test]
    fn order_of_the_held_changes_nothing((new, held) in any_places()) {
        let forwards = evict(&new, held.iter().copied());
        prop_assert_eq!(evict(&new, held.iter().rev().copied()), forwards);
    }

    /// Monotone: who does not go does not go either for being older, nearer, better or for having paid more.
    #[test]
    fn nobody_goes_for_being_better(
        (new, held) in any_places(), who in any::<prop::sample::Index>(), better in any_candidate(),
    ) {
        prop_assume!(!held.is_empty());
        let gone = evict(&new, held.iter().copied());
        let who = who.index(held.len());
        let mut changed = held;
        let it = &mut changed[who];
        it.since = it.since.min(better.since);
        it.score = it.score.max(better.score);
        it.effort = it.effort.max(better.effort);
        it.round_trip = [it.round_trip, better.round_trip].into_iter().flatten().min();
        let link = it.link;
        prop_assume!(gone != Some(link));
        prop_assert_ne!(evict(&new, changed), Some(link));
    }
}
