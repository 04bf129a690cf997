//! Which addresses are of one group.

use std::{string::ToString, vec, vec::Vec};

use crate::{AddressGroups, Country, Group, PrefixTable, host};

fn groups(ip: &str) -> Vec<Group> {
    let mut table = PrefixTable::builder();
    table.line("192.0.2.0\t24\t64500\tDE").unwrap();
    table.line("2001:db8::\t32\t64501").unwrap();
    AddressGroups::of(ip.parse().unwrap(), &table.build()).iter().collect()
}

fn v(ip: &str) -> core::net::IpAddr {
    ip.parse().unwrap()
}

#[test]
fn addresses_of_one_host_are_one_group() {
    let host = |ip: &str| host(v(ip));
    assert_eq!(host("192.0.2.7"), host("::ffff:192.0.2.7"));
    assert_ne!(host("192.0.2.7"), host("192.0.2.8"));
    assert_eq!(host("2001:db8::1"), host("2001:db8::2"));
    assert_ne!(host("2001:db8::1"), host("2001:db8:0:1::1"));
}

#[test]
fn address_that_stands_for_one_of_ipv4_is_that_one() {
    for ip in ["::ffff:192.0.2.7", "64:ff9b::192.0.2.7", "2002:c000:207:5::9"] {
        assert_eq!(groups(ip), groups("192.0.2.7"), "{ip}");
    }
    assert_ne!(groups("64:ff9b:1::192.0.2.7"), groups("192.0.2.7"));
}

#[test]
fn groups_widen_from_the_host_to_the_country() {
    assert_eq!(
        groups("192.0.2.7"),
        [
            Group::Host(v("192.0.2.7")),
            Group::Network(v("192.0.2.0")),
            Group::Provider(64500),
            Group::Country(Country(*b"DE")),
        ]
    );
    let block = "2001:db8::".parse().unwrap();
    assert_eq!(
        groups("2001:db8:1:2:3::4"),
        [
            Group::Host(v("2001:db8:1:2::")),
            Group::Network(v("2001:db8:1::")),
            Group::Block(block),
            Group::Provider(64501),
        ]
    );
    assert_eq!(groups("10.1.2.3"), vec![Group::Host(v("10.1.2.3")), Group::Network(v("10.1.2.0"))]);
    assert_eq!(groups("127.0.0.2"), vec![Group::Host(v("127.0.0.2"))]);
    assert_eq!(Country(*b"DE").to_string(), "DE");
}

#[test]
fn networks_end_where_they_end() {
    let network = |ip: &str| groups(ip).get(1).copied().unwrap();
    assert_eq!(network("10.1.2.0"), network("10.1.2.255"));
    assert_ne!(network("10.1.2.255"), network("10.1.3.0"));
    assert_eq!(network("2a00:1:2::"), network("2a00:1:2:ffff::1"));
    assert_ne!(network("2a00:1:2:ffff::1"), network("2a00:1:3::"));
    let block = |ip: &str| groups(ip).get(2).copied().unwrap();
    assert_eq!(block("2a00:1::"), block("2a00:1:ffff::1"));
    assert_ne!(block("2a00:1:ffff::1"), block("2a00:2::"));
}
