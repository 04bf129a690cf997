//! The table: its lines, and the longest prefix against a search through all of them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{format, string::String, vec::Vec};

use proptest::prelude::*;

use crate::{Country, LineError, Origin, PrefixTable};

fn table(lines: &[&str]) -> PrefixTable {
    let mut builder = PrefixTable::builder();
    lines.iter().for_each(|line| builder.line(line).unwrap());
    builder.build()
}

fn asn(table: &PrefixTable, ip: &str) -> Option<u32> {
    table.origin_of(ip.parse().unwrap()).map(|origin| origin.asn)
}

#[test]
fn longest_prefix_counts() {
    let table = table(&["10.0.0.0\t8\t1", "10.1.0.0\t16\t2", "10.1.1.0\t24\t3", "10.2.0.0\t16\t2"]);
    let cases = [
        ("9.255.255.255", None),
        ("10.0.0.0", Some(1)),
        ("10.0.255.255", Some(1)),
        ("10.1.0.0", Some(2)),
        ("10.1.1.255", Some(3)),
        ("10.1.2.0", Some(2)),
        ("10.2.0.0", Some(2)),
        ("10.3.0.0", Some(1)),
        ("10.255.255.255", Some(1)),
        ("11.0.0.0", None),
        ("::ffff:10.1.1.7", Some(3)),
        ("2001:db8::1", None),
    ];
    for (ip, expected) in cases {
        assert_eq!(asn(&table, ip), expected, "{ip}");
    }
}

#[test]
fn edges_of_the_address_space_are_in_it() {
    let table = table(&["0.0.0.0\t0\t1", "255.255.255.255\t32\t2", "ffff:ffff:ffff:ffff::\t64\t3"]);
    assert_eq!(asn(&table, "0.0.0.0"), Some(1));
    assert_eq!(asn(&table, "255.255.255.254"), Some(1));
    assert_eq!(asn(&table, "255.255.255.255"), Some(2));
    assert_eq!(asn(&table, "ffff:ffff:ffff:ffff:1::"), Some(3));
    assert_eq!(asn(&table, "ffff:ffff:ffff:fffe::"), None);
    assert_eq!(asn(&PrefixTable::default(), "0.0.0.0"), None);
}

#[test]
fn first_of_several_origins_counts_and_the_country_is_known_where_it_is_said() {
    let table = table(&[
        "10.0.0.0\t8\t3_1_2\tDE",
        "11.0.0.0\t8\t5,4",
        "12.0.0.0\t8\t6_7,8\t-",
        "# a remark",
        "",
        "13.0.0.0\t8\t9\tFR\r",
    ]);
    let origin = |ip: &str| table.origin_of(ip.parse().unwrap()).unwrap();
    let of =
        |asn, country: Option<&[u8; 2]>| Origin { asn, country: country.map(|it| Country(*it)) };
    assert_eq!(origin("10.1.1.1"), of(3, Some(b"DE")));
    assert_eq!(origin("11.1.1.1"), of(5, None));
    assert_eq!(origin("12.1.1.1"), of(6, None));
    assert_eq!(origin("13.1.1.1"), of(9, Some(b"FR")));
    assert_eq!(table.prefixes(), 4);
}

#[test]
fn bad_lines_say_what_is_wrong_and_change_nothing() {
    let cases = [
        ("10.0.0.0", LineError::Fields { found: 1 }),
        ("10.0.0.0 8 1", LineError::Fields { found: 1 }),
        ("10.0.0.0\t8\t1\tDE\tmore\tmore", LineError::Fields { found: 5 }),
        ("10.0.0\t8\t1", LineError::Address),
        ("10.0.0.0\t33\t1", LineError::Length { max: 32 }),
        ("10.0.0.0\t+8\t1", LineError::Length { max: 32 }),
        ("2001:db8::\t129\t1", LineError::Length { max: 128 }),
        ("10.0.0.1\t8\t1", LineError::BitsAfterPrefix { length: 8 }),
        ("2001:db8::1\t127\t1", LineError::BitsAfterPrefix { length: 127 }),
        ("0.0.0.1\t0\t1", LineError::BitsAfterPrefix { length: 0 }),
        ("10.0.0.0\t8\t", LineError::Asn),
        ("10.0.0.0\t8\tAS1", LineError::Asn),
        ("10.0.0.0\t8\t1_", LineError::Asn),
        ("10.0.0.0\t8\t4294967296", LineError::Asn),
        ("10.0.0.0\t8\t1\tde", LineError::Country),
        ("10.0.0.0\t8\t1\tDEU", LineError::Country),
    ];
    for (line, expected) in cases {
        let mut builder = PrefixTable::builder();
        assert_eq!(builder.line(line), Err(expected), "{line}");
        assert!(builder.build().is_empty());
    }
}

#[test]
fn prefixes_shorter_than_a_host_are_passed_over() {
    let table = table(&["2001:db8::\t64\t1", "2001:db8::8000:0:0:0\t65\t2"]);
    assert_eq!(asn(&table, "2001:db8::8000:0:0:1"), Some(1));
    assert_eq!(table.prefixes(), 1);
}

#[test]
fn order_of_lines_changes_nothing() {
    let mut lines = ["10.0.0.0\t8\t1", "10.0.0.0\t9\t2", "10.0.0.0\t8\t7", "11.0.0.0\t8\t7"];
    let forwards = table(&lines);
    lines.reverse();
    assert_eq!(table(&lines), forwards);
    assert_eq!(asn(&forwards, "10.128.0.0"), Some(7));
}

/// The size of the table in the bar, and the memory it may take.
const LINES: u32 = 1_200_000;
const BYTES_MAX: usize = 64 << 20;

/// Makes a table of generated lines, within its memory at every moment.
fn generated(line: impl Fn(u32) -> String) -> PrefixTable {
    let mut builder = PrefixTable::builder();
    for number in 0..LINES {
        builder.line(&line(number)).unwrap();
    }
    let (exact, grown) = builder.bytes();
    // While a list grows to twice its size, both are there; while one is cut down, too.
    assert!(grown + grown / 2 <= BYTES_MAX && grown + exact <= BYTES_MAX, "{grown}");
    let table = builder.build();
    // Read and laid out are there together.
    assert!(exact + table.bytes() <= BYTES_MAX, "{exact} and {}", table.bytes());
    table
}

#[test]
fn real_number_of_lines_takes_its_memory() {
    // As in a real table: five of six are of IPv4, half of these within another one of the same provider.
    let table = generated(|number| match number % 6 {
        0 => format!("{}\t48\t{}", Ipv6Addr::from_bits(u128::from(number) << 81), number % 80_000),
        at => {
            let length = if at % 2 == 0 { 23 } else { 24 };
            format!("{}\t{length}\t{}", Ipv4Addr::from_bits(number << 9), number % 80_000)
        }
    });
    assert_eq!(table.prefixes(), LINES as usize);
    assert!(table.bytes() < 24 << 20, "{}", table.bytes());
}

#[test]
fn worst_of_as_many_lines_takes_its_memory_too() {
    // Nobody beside anybody, all of IPv6, each with a country.
    let table = generated(|number| {
        format!("{}\t64\t{}\tDE", Ipv6Addr::from_bits(u128::from(number) << 66), number + 1)
    });
    assert_eq!(asn(&table, "0:0:0:4::1"), Some(2));
    assert!(table.bytes() <= 2 * 14 * LINES as usize, "{}", table.bytes());
}

/// A prefix among a few addresses, so that they nest and touch.
fn any_prefix() -> impl Strategy<Value = (u8, u8, u32)> {
    (any::<u8>(), 0..=8_u8, 1..6_u32).prop_map(|(bits, length, asn)| {
        let kept =
            u8::try_from(u32::from(bits) >> (8 - length) << (8 - length)).unwrap_or_default();
        (kept, length, asn)
    })
}

/// The naive one: the longest of all that contain the address, and of equal ones the greatest number.
fn naive(prefixes: &[(u8, u8, u32)], bits: u8) -> Option<u32> {
    let contains = |(start, length, _): &&(u8, u8, u32)| {
        u32::from(bits) >> (8 - length) == u32::from(*start) >> (8 - length)
    };
    let longest = prefixes.iter().filter(contains).max_by_key(|(_, length, asn)| (*length, *asn));
    longest.map(|(_, _, asn)| *asn)
}

proptest! {
    #[test]
    fn longest_prefix_is_that_of_a_naive_search(
        prefixes in prop::collection::vec(any_prefix(), 0..40),
    ) {
        let v4 = |bits: u8| IpAddr::V4(Ipv4Addr::new(bits, 0, 0, 0));
        let v6 = |bits: u8| IpAddr::V6(Ipv6Addr::new(0x2a00, 0, u16::from(bits) << 8, 0, 0, 0, 0, 0));
        let lines: Vec<String> = prefixes.iter().flat_map(|(start, length, asn)| [
            format!("{}\t{length}\t{asn}", v4(*start)),
            format!("{}\t{}\t{asn}", v6(*start), 32 + length),
        ]).collect();
        let table = table(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        for bits in 0..=u8::MAX {
            let expected = naive(&prefixes, bits);
            prop_assert_eq!(table.origin_of(v4(bits)).map(|it| it.asn), expected);
            prop_assert_eq!(table.origin_of(v6(bits)).map(|it| it.asn), expected);
        }
    }

    #[test]
    fn any_line_is_read_or_refused(line in "[0-9a-fA-Z:.\t_,# -]{0,40}") {
        let mut builder = PrefixTable::builder();
        let _ = builder.line(&line);
        builder.build();
    }
}
