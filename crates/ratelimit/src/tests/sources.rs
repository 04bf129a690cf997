//! Many sources: shares in order, memory, and who gets in.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use ensign_primitives::{Instant, PeerId};
use ensign_wire::Kind;

use crate::{
    Admission, Asker, Exceeded, HANDSHAKES_FEW, HANDSHAKES_OF_ADDRESS, HANDSHAKES_OF_NETWORK,
    HANDSHAKES_UNPROVEN, HandshakeLimits, Handshakes, STRANGER_FIRST, STRANGER_WORK_OF_ADDRESS,
    Share, StrangerBudgets, StrangerLimits, bytes_max,
};

const PING: (Kind, usize) = (Kind::Ping, 8);
/// What all guards of a node may take.
const GUARDS_BYTES_MAX: usize = 32 * 1024 * 1024;

fn at(millis: u64) -> Instant {
    Instant::from_micros(0).after(Duration::from_millis(3_600_000 + millis))
}

fn peer(number: u64) -> PeerId {
    let mut id = [7; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(id)
}

fn host(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn asker(peer: PeerId, ip: IpAddr) -> Asker {
    Asker { peer, ip, has_paid: false }
}

/// How many of so many handshakes begin.
fn begun(handshakes: &mut Handshakes, now: Instant, ip: IpAddr, tries: u64) -> u64 {
    let all = (0..tries).filter(|_| handshakes.proven(now, ip) == Admission::Admit);
    all.count() as u64
}

#[test]
fn million_sources_take_no_more_memory_than_is_said() {
    let mut strangers = StrangerBudgets::new(StrangerLimits::default());
    let mut handshakes = Handshakes::new(HandshakeLimits::default());
    for number in 0..1_000_000_u32 {
        let (now, ip) = (at(u64::from(number) / 100), host(number * 16));
        let _ = strangers.take(now, asker(peer(number.into()), ip), PING);
        let _ = handshakes.proven(now, ip);
        handshakes.know(peer(number.into()), ip);
    }
    let [addresses, networks, blocks, known] = handshakes.occupancy();
    let all = strangers.occupancy().into_iter().chain([addresses, networks, known]);
    all.for_each(|it| assert!(it.is_within_limit() && it.len > 10, "{it:?}"));
    // No IPv6 was among them.
    assert!(blocks.is_within_limit() && blocks.len == 0, "{blocks:?}");
    assert!(bytes_max(4096) <= GUARDS_BYTES_MAX / 8 * 5, "{}", bytes_max(4096));
    // The memory goes back when they are gone.
    for number in 0..40_000_u32 {
        let (later, ip) = (at(3_600_000 + u64::from(number) * 1000), host(number % 7));
        let _ = strangers.take(later, asker(peer(u64::from(number % 7)), ip), PING);
        let _ = handshakes.proven(later, ip);
    }
    let [addresses, networks, _, _] = handshakes.occupancy();
    let all = strangers.occupancy().into_iter().chain([addresses, networks]);
    all.for_each(|it| assert!(it.len < 10, "{it:?}"));
}

#[test]
fn peer_that_changes_its_address_has_one_budget() {
    let mut strangers = StrangerBudgets::new(StrangerLimits::default());
    let from = |second: u32| asker(peer(1), host(second * 1024));
    let taken = (0..60_u32).map(|second| {
        let now = at(u64::from(second) * 1000);
        (0..100).filter(|_| strangers.take(now, from(second), PING).is_ok()).count() as u64
    });
    let limit = StrangerLimits::default().pings;
    assert_eq!(taken.sum::<u64>(), limit.burst + limit.per_minute * 59 / 60);
}

#[test]
fn whoever_is_beyond_its_own_takes_nothing_from_its_address() {
    let mut strangers = StrangerBudgets::new(StrangerLimits::default());
    for _ in 0..10_000 {
        let _ = strangers.take(at(0), asker(peer(1), host(1)), PING);
    }
    let mut others = 0;
    let refused = (2..1000).find_map(|number| {
        (0..16).find_map(|_| {
            let taken = strangers.take(at(0), asker(peer(number), host(1)), PING);
            others += u64::from(taken.is_ok());
            taken.err()
        })
    });
    let allowance = STRANGER_WORK_OF_ADDRESS;
    assert_eq!(refused, Some(Exceeded { share: Share::Address, allowance }));
    // Thirty-one others have their sixteen, beside those of the first, and the next its first words.
    assert_eq!(others, allowance.burst - 16 + STRANGER_FIRST.burst);
    assert_eq!(strangers.take(at(0), asker(peer(2000), host(2)), PING), Ok(()));
}

#[test]
fn mapped_addresses_and_those_of_one_ipv6_network_are_one() {
    let limits = HandshakeLimits::default();
    let all = HANDSHAKES_FEW.burst + HANDSHAKES_OF_ADDRESS.burst;
    let mut handshakes = Handshakes::new(limits);
    assert_eq!(begun(&mut handshakes, at(0), host(1), 1000), all);
    let mapped: IpAddr = Ipv4Addr::from_bits(0x0a00_0001).to_ipv6_mapped().into();
    assert_eq!(begun(&mut handshakes, at(0), mapped, 1000), 0);
    let v6 = |low: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | low));
    assert_eq!(begun(&mut handshakes, at(0), v6(1), 1000), all);
    assert_eq!(begun(&mut handshakes, at(0), v6(u128::from(u64::MAX)), 1000), 0);
    // Another /64 of the same /48 has its own few, and what is left of the network.
    let rest = HANDSHAKES_OF_NETWORK.burst - HANDSHAKES_OF_ADDRESS.burst;
    let next = begun(&mut handshakes, at(0), v6(1 << 64), 1000);
    assert_eq!(next, HANDSHAKES_FEW.burst + rest.min(HANDSHAKES_OF_ADDRESS.burst));
    assert_eq!(begun(&mut handshakes, at(0), v6(2 << 64), 1000), HANDSHAKES_FEW.burst);
}

#[test]
fn where_a_member_was_connected_callers_begin_however_many_sites_ask() {
    let mut handshakes = Handshakes::new(HandshakeLimits::default());
    handshakes.know(peer(1), host(1));
    let site = |number: u32| {
        let (block, site) = (u128::from(number % 200), u128::from(number / 200));
        IpAddr::V6(Ipv6Addr::from_bits((0x2001_0000 + block) << 96 | site << 80 | 1))
    };
    let mut from_there = 0;
    // Two thousand a second for half a minute, each from a /48 of its own in two hundred /32.
    for tick in 0..60_000 {
        let now = at(u64::from(tick) / 2);
        let _ = handshakes.proven(now, site(tick));
        if tick > 20_000 && tick % 2000 == 0 {
            from_there += begun(&mut handshakes, now, host(1), 1);
        }
    }
    assert_eq!(from_there, 19);
}

#[test]
fn regression_ipv6_sites_of_one_provider_took_the_first_handshakes_of_all() {
    let mut handshakes = Handshakes::new(HandshakeLimits::default());
    let site = |number: u32| {
        IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number % 65_536) << 80 | 1))
    };
    let (mut tries, mut honest) = (0, 0);
    for tick in 0..60_000 {
        let now = at(u64::from(tick) / 2);
        let _ = handshakes.proven(now, site(tick));
        if tick > 20_000 && tick % 260 == 0 {
            tries += 1;
            honest += begun(&mut handshakes, now, host(tick / 260), 1);
        }
    }
    assert_eq!(honest, tries);
}

#[test]
fn nodes_behind_one_address_get_in_as_many_as_is_said() {
    let mut handshakes = Handshakes::new(HandshakeLimits::default());
    assert_eq!(begun(&mut handshakes, at(0), host(1), 68), 68);
    assert_eq!(begun(&mut handshakes, at(0), host(1), 1), 0);
    // And 128 more each second.
    assert_eq!(begun(&mut handshakes, at(1000), host(1), 1000), 64);
    let seconds = (2_u64..62).map(|second| {
        let mut at_once = |half| begun(&mut handshakes, at(second * 1000 + half), host(1), 64);
        at_once(0) + at_once(500)
    });
    assert!((60 * 128..60 * 130).contains(&seconds.sum::<u64>()));
}

#[test]
fn newcomer_from_a_flooded_network_begins_at_once() {
    let mut handshakes = Handshakes::new(HandshakeLimits::default());
    // Two hundred addresses of one network, five thousand handshakes a second in all, for ten seconds.
    for tick in 0..50_000_u32 {
        let _ = handshakes.proven(at(u64::from(tick) / 5), host(1 + tick % 200));
    }
    let tries = 201..=230;
    let all = tries.map(|number| begun(&mut handshakes, at(10_000), host(number), 1));
    assert_eq!(all.sum::<u64>(), 30);
}

#[test]
fn regression_two_ipv6_sites_took_the_handshakes_of_all() {
    let mut handshakes = Handshakes::new(HandshakeLimits::default());
    let site = |number: u32| {
        let (of, net) = (u128::from(number % 2), u128::from(number / 2 % 65_536));
        IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | (of << 80) | (net << 64) | 1))
    };
    let (mut tries, mut honest) = (0, 0);
    // Two thousand a second for half a minute; beside them one fresh address after another.
    for tick in 0..60_000 {
        let now = at(u64::from(tick) / 2);
        let _ = handshakes.proven(now, site(tick));
        if tick > 20_000 && tick % 260 == 0 {
            tries += 1;
            honest += begun(&mut handshakes, now, host(tick / 260), 1);
        }
    }
    assert_eq!((honest, tries), (154, 154));
}

#[test]
fn callers_prove_their_address_when_many_come_and_a_forged_one_costs_nobody() {
    let mut handshakes = Handshakes::new(HandshakeLimits::default());
    let admitted = (0..100_000).filter(|_| handshakes.unproven(at(0)) == Admission::Admit);
    assert_eq!(admitted.count() as u64, HANDSHAKES_UNPROVEN.burst);
    assert_eq!(handshakes.unproven(at(0)), Admission::Prove);
    let whole = HANDSHAKES_FEW.burst + HANDSHAKES_OF_ADDRESS.burst;
    assert_eq!(begun(&mut handshakes, at(0), host(1), 1000), whole);
    assert_eq!(handshakes.refused(), 1000 - whole);
}
