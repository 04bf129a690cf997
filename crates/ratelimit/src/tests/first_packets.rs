//! Whose first packets are looked at beside a flood, and where members were.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ensign_primitives::{Instant, PeerId};

use crate::{
    Allowance, FIRST_PACKETS_FEW_IN_ALL, FIRST_PACKETS_IN_ALL, FIRST_PACKETS_KNOWN,
    FIRST_PACKETS_PASSING, FirstPacketLimits, FirstPackets, HOSTS_KNOWN_MAX, HOSTS_OF_MEMBER_MAX,
    Hosts,
};

const MEMBER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// How long each flood lasts, and after which time its budgets are what they will be.
const FLOOD_MILLIS: u64 = 10_000;
const FLOODED_MILLIS: u64 = 4_000;
/// Between two honest first packets. A prime.
const HONEST_MILLIS: u64 = 101;

fn peer(number: usize) -> PeerId {
    let mut id = [7; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(id)
}

fn ip(number: usize) -> IpAddr {
    IpAddr::from(Ipv4Addr::from(number as u32))
}

fn knows(hosts: &Hosts, ips: impl IntoIterator<Item = usize>) -> usize {
    ips.into_iter().filter(|number| hosts.knows(ip(*number))).count()
}

/// A flood of all /64 of one /48.
#[derive(Clone, Copy, Debug)]
struct Flood {
    packets_per_millisecond: u64,
    /// First packets a second that come with the address of the member besides.
    forged_per_second: u64,
}

/// Returns how many honest first packets are looked at beside a flood, and how many there are: those of a member
/// that comes from where it was, or of one newcomer after another.
fn looked_at(flood: Flood, from: impl Fn(u64) -> IpAddr) -> (u32, u32) {
    let mut packets = FirstPackets::new(FirstPacketLimits::DEFAULT);
    packets.know(peer(1), MEMBER.into());
    let (mut sent, mut looked_at, mut honest) = (0_u128, 0, 0);
    for millis in 0..FLOOD_MILLIS {
        let at = |micros| Instant::from_micros(millis * 1000 + micros);
        let flooded = millis > FLOODED_MILLIS;
        // No two clocks tick together: the honest packet comes anywhere among those of the flood.
        let place = millis.wrapping_mul(2_654_435_769) % flood.packets_per_millisecond;
        for packet in 0..flood.packets_per_millisecond {
            let now = at(packet * 1000 / flood.packets_per_millisecond);
            let site = (0x2001_0db8_0001 << 80) | ((sent % 65_536) << 64);
            sent += 1;
            packets.allows(now, SocketAddr::new(Ipv6Addr::from_bits(site).into(), 9), 1);
            if packet == place && flooded && millis % HONEST_MILLIS == 7 {
                honest += 1;
                let remote = SocketAddr::new(from(millis), 77);
                looked_at += u32::from(packets.allows(now, remote, 1));
            }
        }
        if (millis * flood.forged_per_second) % 1000 < flood.forged_per_second {
            packets.allows(at(999), SocketAddr::new(MEMBER.into(), 5), 1);
        }
    }
    (looked_at, honest)
}

#[test]
fn first_packets_of_many_senders_leave_what_is_under_way_and_where_members_were() {
    let mut packets = FirstPackets::new(FirstPacketLimits::DEFAULT);
    let now = Instant::default();
    let at = |number: u32, port| SocketAddr::new(Ipv4Addr::from(number).into(), port);
    let (member, caller, newcomer) = (at(1, 1), at(2, 2), at(3, 3));
    packets.know(peer(1), member.ip());
    packets.begins(caller);
    // A million addresses, forged ones too, with one packet each.
    let seen = (1_u32..=1_000_000).filter(|it| packets.allows(now, at(it << 8, 9), 1));
    let both = FIRST_PACKETS_FEW_IN_ALL.burst + FIRST_PACKETS_IN_ALL.burst;
    assert_eq!(seen.count() as u64, both);
    assert_eq!(packets.dropped(), 1_000_000 - both);
    assert!(packets.allows(now, member, FIRST_PACKETS_KNOWN.burst));
    assert!(!packets.allows(now, member, 1), "its part is used up as well");
    assert!(packets.allows(now, caller, FIRST_PACKETS_PASSING.burst));
    assert!(!packets.allows(now, at(2, 3), 1), "another port has no handshake");
    assert!(!packets.allows(now, newcomer, 1));
    packets.ends(caller);
    assert!(!packets.allows(now.after(Duration::from_micros(1)), caller, 1));
    // Within a second as many again are looked at.
    assert!(packets.allows(now.after(Duration::from_millis(1)), newcomer, 1));
    for full in packets.occupancy() {
        assert!(full.len <= full.limit, "{full:?}");
    }
}

#[test]
fn regression_one_ipv6_site_took_the_first_packets_of_all() {
    for packets_per_millisecond in [10, 50] {
        let flood = Flood { packets_per_millisecond, forged_per_second: 0 };
        let newcomer = |millis: u64| Ipv4Addr::from(0x6400_0000 + millis as u32).into();
        assert_eq!(looked_at(flood, newcomer), (59, 59), "{flood:?}");
        assert_eq!(looked_at(flood, |_| MEMBER.into()), (59, 59), "{flood:?}");
    }
}

#[test]
fn regression_few_forged_first_packets_of_a_member_locked_it_out() {
    for packets_per_millisecond in [1, 50] {
        let flood = Flood { packets_per_millisecond, forged_per_second: 10 };
        assert_eq!(looked_at(flood, |_| MEMBER.into()), (59, 59), "{flood:?}");
    }
}

#[test]
fn one_address_and_one_provider_leave_most_first_packets_to_others() {
    let limits = FirstPacketLimits::DEFAULT;
    let now = Instant::default();
    let taken = |senders: &mut dyn Iterator<Item = IpAddr>| {
        let mut packets = FirstPackets::new(limits);
        senders.filter(|ip| packets.allows(now, SocketAddr::new(*ip, 9), 1)).count() as u64
    };
    let address = taken(&mut core::iter::repeat_n(ip(1), 100_000));
    assert_eq!(address, limits.few.burst + limits.of_address.burst);
    let sites = (0..100_000_u128).map(|site| {
        IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) | (site % 65_536) << 80 | 1))
    });
    let provider = taken(&mut sites.into_iter());
    assert_eq!(provider, limits.few_of_block.burst + limits.of_block.burst);
    assert!(address.max(provider) * 3 < limits.few_in_all.burst + limits.in_all.burst);
}

#[test]
fn of_the_addresses_of_members_the_one_not_seen_for_longest_is_forgotten() {
    let one = Allowance { burst: 1, per_minute: 1 };
    let (mut hosts, now) = (Hosts::new(one), Instant::default());
    (0..HOSTS_KNOWN_MAX).for_each(|number| hosts.know(peer(number), ip(number)));
    hosts.know(peer(0), ip(0));
    hosts.know(peer(HOSTS_KNOWN_MAX), ip(HOSTS_KNOWN_MAX));
    assert!(!hosts.take(now, ip(1), 1));
    assert!(hosts.take(now, ip(0), 1));
    assert!(!hosts.take(now, ip(0), 1));
    let full = hosts.occupancy("hosts");
    assert_eq!((full.len, full.limit), (HOSTS_KNOWN_MAX, HOSTS_KNOWN_MAX));
}

#[test]
fn regression_one_member_with_many_addresses_washed_out_those_of_all() {
    let mut hosts = Hosts::new(FIRST_PACKETS_KNOWN);
    (0..100).for_each(|number| hosts.know(peer(number), ip(number)));
    (1000..9000).for_each(|number| hosts.know(peer(500), ip(number)));
    assert_eq!(knows(&hosts, 0..100), 100);
    assert_eq!(knows(&hosts, 1000..9000), HOSTS_OF_MEMBER_MAX);
    assert_eq!(knows(&hosts, 9000 - HOSTS_OF_MEMBER_MAX..9000), HOSTS_OF_MEMBER_MAX);
    // In a full one it takes one place of another at most.
    let mut hosts = Hosts::new(FIRST_PACKETS_KNOWN);
    (0..HOSTS_KNOWN_MAX).for_each(|number| hosts.know(peer(number), ip(number)));
    (10_000..19_000).for_each(|number| hosts.know(peer(HOSTS_KNOWN_MAX), ip(number)));
    assert_eq!(knows(&hosts, 0..HOSTS_KNOWN_MAX), HOSTS_KNOWN_MAX - 1);
}

#[test]
fn address_of_several_members_is_known_until_the_last_of_them_has_left_it() {
    let mut hosts = Hosts::new(FIRST_PACKETS_KNOWN);
    hosts.know(peer(1), ip(1));
    hosts.know(peer(2), ip(1));
    (2..10).for_each(|number| hosts.know(peer(1), ip(number)));
    assert!(hosts.knows(ip(1)));
    (20..30).for_each(|number| hosts.know(peer(2), ip(number)));
    assert!(!hosts.knows(ip(1)));
}
