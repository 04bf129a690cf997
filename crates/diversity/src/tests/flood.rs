//! What an attacker with many identities gets, and what it cannot take.

use core::net::IpAddr;
use std::{vec, vec::Vec};

use ensign_primitives::LinkId;
use proptest::prelude::*;

use super::eviction::{alone, guest};
use crate::{Candidate, evict};

/// Places that a crowd calls at.
struct Places {
    max: usize,
    next: u64,
    held: Vec<Candidate>,
}

impl Places {
    fn new(max: usize) -> Self {
        Self { max, next: 0, held: vec![] }
    }

    /// Somebody calls; returns who went, if somebody had to.
    fn call(&mut self, ip: IpAddr, effort: u8) -> Option<LinkId> {
        self.next += 1;
        let new = Candidate { effort, ..guest(self.next, ip) };
        let is_full = self.held.len() >= self.max;
        let gone = is_full.then(|| evict(&new, self.held.iter().copied())).flatten();
        self.held.push(new);
        self.held.retain(|it| Some(it.link) != gone);
        gone
    }

    fn from(&self, is_theirs: impl Fn(&Candidate) -> bool) -> usize {
        self.held.iter().filter(|it| is_theirs(it)).count()
    }
}

const PLACES: usize = 64;

/// How many of those who come one after the other with every place held by a flood get in and stay,
/// while the flood goes on.
fn getting_in(flood: impl Fn(u32) -> IpAddr, honest: impl Fn(u32) -> IpAddr) -> usize {
    let mut places = Places::new(PLACES);
    for number in 0..1000 {
        places.call(flood(number), 0);
    }
    let mut ours = vec![];
    for number in 0..PLACES as u32 {
        places.call(honest(number), 0);
        ours.push(LinkId(places.next));
        for more in 0..10 {
            places.call(flood(number * 10 + more), 0);
        }
    }
    places.from(|it| ours.contains(&it.link))
}

/// Addresses of a provider that is not the attacker's, each of a network of its own.
fn spread(number: u32) -> IpAddr {
    [172, 16, number as u8, 1].into()
}

#[test]
fn flood_from_one_host_leaves_half_the_places_to_others() {
    let host = |_| IpAddr::from([203, 0, 113, 1]);
    let nat = |_| IpAddr::from([198, 51, 100, 1]);
    assert_eq!(getting_in(host, nat), 32);
    assert_eq!(getting_in(host, spread), 32);
}

#[test]
fn flood_from_a_whole_network_leaves_places_to_one_nat() {
    let network = |number: u32| IpAddr::from([203, 0, 113, number as u8]);
    let nat = |_| IpAddr::from([198, 51, 100, 1]);
    assert_eq!(getting_in(network, nat), 21);
    assert_eq!(getting_in(network, spread), 32);
}

#[test]
fn flood_from_an_address_block_leaves_places_to_one_nat() {
    // An IPv6 /32, with a network of its own for each.
    let block = |number: u32| {
        let bits = 0x2a00_0001_u128 << 96 | u128::from(number) << 80;
        IpAddr::from(core::net::Ipv6Addr::from_bits(bits))
    };
    let nat = |_| IpAddr::from([198, 51, 100, 1]);
    assert_eq!(getting_in(block, nat), 13);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Of one host, one network or mixed with another's: whoever is of the older half stays, whatever
    /// number of identities come and whatever they pay.
    #[test]
    fn attacker_of_one_group_never_drives_out_the_long_lived_of_others(
        honest in prop::collection::vec(0..40_u8, 1..32),
        attack in prop::collection::vec((any::<u8>(), 0..3_u8), 0..150),
        places in 32..80_usize,
    ) {
        prop_assume!(honest.len() * 2 <= places);
        let mut places = Places::new(places);
        for network in &honest {
            places.call(alone(*network), 0);
        }
        let long_lived = honest.len() as u64;
        for (host, effort) in attack {
            let gone = places.call([203, 0, 113, host].into(), effort);
            prop_assert!(gone.is_none_or(|gone| gone.0 > long_lived), "{gone:?}");
        }
        prop_assert_eq!(places.from(|it| it.link.0 <= long_lived), honest.len());
    }

    /// Without payment an attacker of one host drives out nobody while it holds the larger crowd.
    #[test]
    fn attacker_pays_with_its_own_places_once_it_is_the_crowd(
        honest in prop::collection::vec(0..200_u8, 1..40), calls in 64..300_u32,
    ) {
        let mut places = Places::new(PLACES);
        for _ in 0..PLACES {
            places.call([203, 0, 113, 1].into(), 0);
        }
        for network in honest {
            places.call(alone(network), 0);
        }
        let theirs = |it: &Candidate| it.groups != guest(0, [203, 0, 113, 1].into()).groups;
        let before = places.from(theirs);
        for _ in 0..calls {
            places.call([203, 0, 113, 1].into(), 0);
        }
        prop_assert_eq!(places.from(theirs), before);
    }
}
