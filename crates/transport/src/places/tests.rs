//! Who gives way to whom.

use std::time::Duration;

use ensign_primitives::Network;

use super::*;
use crate::{HANDSHAKES_KEPT_MAX, HANDSHAKES_MAX};

const MEMBER: PeerId = PeerId::from_bytes([7; 32]);
const NOBODY: PeerId = PeerId::from_bytes([9; 32]);

fn places(change: impl FnOnce(&mut TransportConfig)) -> Arc<Places> {
    let mut config = TransportConfig::new(([127, 0, 0, 1], 0).into(), Network::Regtest);
    change(&mut config);
    Arc::new(Places::new(&config, Chance::simulated(Network::Regtest, [1; 32])))
}

fn ip(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

fn accept(places: &Arc<Places>, ip: IpAddr) -> Place {
    places.accept(ip, Instant::now()).unwrap()
}

fn stranger(places: &Arc<Places>, ip: IpAddr) -> (Place, Result<(), Full>) {
    let place = accept(places, ip);
    let entered = place.identify(NOBODY, Standing::Stranger);
    (place, entered)
}

/// Dials 100 times from one address, each time when the handshakes before have had their time.
fn crowd(places: &Arc<Places>, from: IpAddr) -> Vec<Place> {
    let start = Instant::now();
    let times = (1..=100).map(|time| start + HANDSHAKE_GRACE * time);
    times.filter_map(|time| places.accept(from, time)).collect()
}

fn standing(places: &[Place]) -> usize {
    places.iter().filter(|place| !place.is_evicted()).count()
}

#[test]
fn handshakes_of_one_address_give_way_to_each_other_and_not_to_those_of_another() {
    let places = places(|config| config.handshakes_per_ip_max = 3);
    let other = accept(&places, ip(1));
    let crowd = crowd(&places, ip(2));
    assert_eq!((crowd.len(), standing(&crowd), places.handshaking()), (100, 3, 4));
    assert!(!other.is_evicted());
}

#[test]
fn handshakes_in_all_are_bounded_and_the_largest_group_gives_way() {
    let places = places(|config| config.handshakes_max = 8);
    let few = [accept(&places, ip(1)), accept(&places, ip(1))];
    let crowd = crowd(&places, ip(2));
    assert_eq!((standing(&few), standing(&crowd)), (2, 6));
}

#[test]
fn handshake_that_has_begun_is_not_driven_out_before_a_round_trip() {
    let places = places(|config| config.handshakes_per_ip_max = 1);
    let now = Instant::now();
    let first = places.accept(ip(1), now).unwrap();
    let almost = now + HANDSHAKE_GRACE - Duration::from_millis(1);
    assert!(places.accept(ip(1), almost).is_none());
    assert!(!first.is_evicted());
    assert!(places.accept(ip(1), now + HANDSHAKE_GRACE).is_some());
    assert!(first.is_evicted());
}

#[test]
fn member_behind_the_address_of_one_that_dials_all_the_time_gets_in_at_last() {
    let places = places(|_| ());
    let (start, mut crowd) = (Instant::now(), Vec::new());
    // 2,000 dials a second of somebody else, and one of the member each 130 ms; no two clocks
    // tick together.
    let begun = (0..20_000_u32).find_map(|dial| {
        let jitter = Duration::from_micros(u64::from(dial.wrapping_mul(2_654_435_769) >> 23));
        let now = start + Duration::from_micros(500) * dial + jitter;
        crowd.extend(places.accept(ip(1), now));
        crowd.retain(|place: &Place| !place.is_evicted());
        let is_due = dial % 260 == 0 && dial > 1000;
        is_due.then(|| places.accept(ip(1), now + Duration::from_micros(100))).flatten()
    });
    assert!(begun.is_some());
    assert_eq!(places.handshaking(), places.limits.handshakes_per_ip);
}

#[test]
fn ipv6_addresses_of_one_network_are_one_group() {
    let places = places(|config| config.handshakes_per_ip_max = 1);
    let now = Instant::now();
    let _first = places.accept("2001:db8::1".parse().unwrap(), now);
    assert!(places.accept("2001:db8::2".parse().unwrap(), now).is_none());
    assert!(places.accept("2001:db8:0:1::1".parse().unwrap(), now).is_some());
}

#[test]
fn hosts_of_one_network_have_twice_the_places_of_one_and_leave_those_of_others() {
    let places = places(|config| config.handshakes_per_ip_max = 3);
    let other = accept(&places, [10, 0, 1, 1].into());
    let start = Instant::now();
    let network: Vec<_> = (1..=100_u8)
        .filter_map(|last| places.accept(ip(last), start + HANDSHAKE_GRACE * last.into()))
        .collect();
    assert_eq!((network.len(), standing(&network), places.handshaking()), (100, 6, 7));
    assert!(!other.is_evicted());
}

#[test]
fn ipv4_address_in_ipv6_form_is_the_same_host() {
    let places = places(|config| config.handshakes_per_ip_max = 1);
    let now = Instant::now();
    let _first = places.accept("192.0.2.1".parse().unwrap(), now);
    assert!(places.accept("::ffff:192.0.2.1".parse().unwrap(), now).is_none());
    assert!(places.accept("::ffff:192.0.3.1".parse().unwrap(), now).is_some());
}

#[test]
fn networks_of_one_provider_are_one_group_once_the_table_is_known() {
    let places = places(|config| config.handshakes_per_ip_max = 1);
    let mut table = PrefixTable::builder();
    table.line("10.0.0.0\t8\t64500").unwrap();
    places.know_prefixes(Arc::new(table.build()));
    let now = Instant::now();
    let call = |network: u8| places.accept([10, 0, network, 1].into(), now);
    let held: Vec<_> = (0..5).filter_map(call).collect();
    assert_eq!(held.len(), Group::Provider(64500).share() as usize);
    assert!(places.accept([11, 0, 0, 1].into(), now).is_some());
}

#[test]
fn stranger_counts_for_its_address_until_it_is_reported() {
    let places = places(|config| config.handshakes_per_ip_max = 1);
    let (start, first) = (Instant::now(), stranger(&places, ip(1)));
    assert_eq!(first.1, Ok(()));
    first.0.settle();
    assert!(places.accept(ip(1), start).is_none());
    assert!(first.0.hold());
    let second = places.accept(ip(1), start).unwrap();
    assert_eq!(second.identify(NOBODY, Standing::Stranger), Ok(()));
    assert!(places.accept(ip(1), start + HANDSHAKE_GRACE).is_some());
    assert_eq!((first.0.is_evicted(), second.is_evicted(), second.hold()), (false, true, false));
}

#[test]
fn expected_peer_gets_in_when_strangers_of_its_address_are_all_that_is_held() {
    let places = places(|config| config.links_max = 3);
    let held = (0..512).map(|_| stranger(&places, ip(1))).filter(|(_, entered)| entered.is_ok());
    let held: Vec<_> = held.map(|(place, _)| place.hold().then_some(place)).collect();
    assert_eq!(held.len(), 3);
    let member = accept(&places, ip(1));
    assert_eq!(member.identify(MEMBER, Standing::Expected), Ok(()));
    assert!(held.iter().flatten().all(|place| !place.is_evicted()));
    // It is held too, and so is whom we dial.
    let _dialled = places.dial(ip(2));
    drop(held);
    let one = stranger(&places, ip(1));
    assert_eq!((one.1, stranger(&places, ip(1)).1), (Ok(()), Err(Full)));
}

#[test]
fn expected_peer_has_one_call_at_a_time() {
    let places = places(|_| ());
    let calls = [accept(&places, ip(1)), accept(&places, ip(1)), accept(&places, ip(1))];
    for call in &calls {
        assert_eq!(call.identify(MEMBER, Standing::Expected), Ok(()));
    }
    assert_eq!(calls.each_ref().map(Place::is_evicted), [true, true, false]);
    calls[2].settle();
    let next = accept(&places, ip(1));
    assert_eq!(next.identify(MEMBER, Standing::Expected), Ok(()));
    assert!(!calls[2].is_evicted());
}

#[test]
fn identified_callers_no_longer_count_as_load() {
    let places = places(|_| ());
    let dialled = places.dial(ip(1));
    let place = accept(&places, ip(1));
    assert_eq!(places.handshaking(), 1);
    assert_eq!(place.identify(NOBODY, Standing::Stranger), Ok(()));
    assert_eq!(places.handshaking(), 0);
    drop((dialled, place));
    assert_eq!(locked(&places.taken).entries.len(), 0);
}

#[test]
fn hosts_where_an_expected_peer_was_have_places_when_all_others_are_taken() {
    let places = places(|config| config.handshakes_max = 8);
    let now = Instant::now();
    places.know(MEMBER, ip(1));
    let held: Vec<_> =
        (0..8_u8).map(|network| places.accept([10, 1, network, 1].into(), now)).collect();
    assert!(held.iter().all(Option::is_some));
    assert!(places.accept([10, 1, 9, 1].into(), now).is_none());
    // As many as an office has, and no more; the rest is as anybody's.
    let office: Vec<_> = (0..100).filter_map(|_| places.accept(ip(1), now)).collect();
    assert_eq!(office.len(), 8);
    // However many hosts are known, of one network and of all.
    let host = |network: u8, last: u8| IpAddr::from([10, 0, network, last]);
    let hosts = || (0..20).flat_map(|network| (2..50).map(move |last| (network, last)));
    let known = |(network, last): (u8, u8)| {
        let peer = PeerId::from_bytes([network.wrapping_mul(50).wrapping_add(last); 32]);
        places.know(peer, host(network, last));
        places.accept(host(network, last), now)
    };
    let network: Vec<_> = hosts().take(48).filter_map(known).collect();
    assert_eq!(office.len() + network.len(), 16);
    let others: Vec<_> = hosts().skip(48).filter_map(known).collect();
    assert_eq!(office.len() + network.len() + others.len(), HANDSHAKES_KEPT_MAX);
    drop((office, network, others));
    assert!(places.accept(host(19, 49), now).is_some());
}

#[test]
fn regression_one_member_with_many_addresses_took_all_kept_places() {
    let places = places(|config| config.handshakes_max = 0);
    let now = Instant::now();
    let other = IpAddr::from([10, 2, 0, 1]);
    places.know(NOBODY, other);
    let call = |network: u8| {
        let ip = IpAddr::from([10, 1, network, 1]);
        places.know(MEMBER, ip);
        (0..100).filter_map(|_| places.accept(ip, now)).collect::<Vec<_>>()
    };
    // Places that are given back only when all are taken: each address after the other, and once more.
    let held: Vec<_> = (0..4).chain(0..4).flat_map(call).collect();
    assert!(held.len() <= HANDSHAKES_KEPT_MAX / 2, "{}", held.len());
    let office: Vec<_> = (0..8).filter_map(|_| places.accept(other, now)).collect();
    assert_eq!(office.len(), 8);
}

#[test]
fn provider_has_half_of_all_handshakes_and_a_country_three_quarters() {
    let places = places(|_| ());
    let mut table = PrefixTable::builder();
    for (number, asn) in (10..20).zip(64_500..) {
        table.line(&format!("{number}.0.0.0\t8\t{asn}\tSE")).unwrap();
    }
    places.know_prefixes(Arc::new(table.build()));
    let now = Instant::now();
    let call = |provider: u8, network: u8| places.accept([provider, network, 0, 1].into(), now);
    let one: Vec<_> = (0..=255).filter_map(|network| call(10, network)).collect();
    let others: Vec<_> = (11..20)
        .flat_map(|provider| (0..30).map(move |network| (provider, network)))
        .filter_map(|(provider, network)| call(provider, network))
        .collect();
    let all = HANDSHAKES_MAX;
    assert_eq!((one.len(), one.len() + others.len()), (all / 2, all - all / 4));
    // Elsewhere there is room, and an IPv6 /32 is a provider too.
    let site = |number: u16| {
        let ip = std::net::Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 1);
        places.accept(ip.into(), now)
    };
    drop(one);
    let sites: Vec<_> = (0..400).filter_map(site).collect();
    assert_eq!(sites.len(), all / 2);
}

#[test]
fn nodes_behind_one_address_and_one_provider_get_in_as_many_as_is_said() {
    let now = Instant::now();
    let at_once = |ips: &mut dyn Iterator<Item = IpAddr>| {
        let places = places(|_| ());
        ips.filter_map(|ip| places.accept(ip, now)).collect::<Vec<_>>().len()
    };
    assert_eq!(at_once(&mut std::iter::repeat_n(ip(1), 500)), 64);
    assert_eq!(at_once(&mut (0..=255).map(ip)), 128);
    let sites = (0..500).map(|site| std::net::Ipv6Addr::new(0x2001, 0xdb8, site, 0, 0, 0, 0, 1));
    assert_eq!(at_once(&mut sites.map(IpAddr::from)), 128);
    // Whose identity is proven leaves the crowd: members behind one address are as many as there are.
    let places = places(|_| ());
    let members: Vec<_> = (0..=255)
        .map(|number| {
            let member = accept(&places, ip(1));
            let peer = PeerId::from_bytes([number; 32]);
            assert_eq!(member.identify(peer, Standing::Expected), Ok(()));
            member
        })
        .collect();
    assert_eq!(standing(&members), 256);
}
