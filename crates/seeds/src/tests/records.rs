//! The text of a record, and the lines of a zone.

use ensign_wire::Scope;

use super::*;
use crate::{
    CANDIDATES_MAX, CANDIDATES_PER_SEED_MAX, OutOfScope, RECORD_BYTES_MAX, RECORDS_READ_MAX,
    RecordError, SEEDS_MAX, VERSION_FIELD, ZONE_TTL, zone,
};

#[test]
fn a_record_reads_as_it_is_written() {
    let most: Vec<SocketAddr> = (1..=4)
        .map(|port| format!("[2a00:1450:4001:81b:ffff:ffff:ffff:{port}]:65535").parse().unwrap())
        .collect();
    for addresses in [node(1).addresses, most] {
        let record = SeedRecord { network: Network::Testnet4, addresses, ..node(1) };
        let text = record.to_string();
        assert_eq!(text.parse(), Ok(record), "{text}");
        assert!(text.len() <= RECORD_BYTES_MAX);
    }
    let text = node(1).to_string();
    assert_eq!(text, format!("v=ensign1 net=signet node={} at=8.8.4.1:4820", peer(1)));
    let later = format!("{text} role=bootstrap x");
    assert_eq!(later.parse(), Ok(node(1)), "fields of later versions are skipped");
}

#[test]
fn the_page_shows_records_that_can_be_read() {
    let page = include_str!("../../../../docs/operate/bootstrap.md");
    let records: Vec<SeedRecord> = page
        .lines()
        .filter_map(|line| line.split_once(VERSION_FIELD))
        .filter(|(_, rest)| rest.starts_with(" net="))
        .map(|(_, rest)| format!("{VERSION_FIELD}{}", rest.trim_end_matches('"')).parse().unwrap())
        .collect();
    assert_eq!(records.iter().map(|it| it.addresses.len()).collect::<Vec<_>>(), [2, 1]);
    for figure in [SEEDS_MAX, RECORDS_READ_MAX, CANDIDATES_PER_SEED_MAX, CANDIDATES_MAX] {
        assert!(page.contains(&format!("| {figure} |")), "{figure}");
    }
    assert!(page.contains(&format!("{RECORD_BYTES_MAX}\nbytes")));
}

#[test]
fn what_is_no_record_is_named() {
    let id = peer(1);
    let good = node(1).to_string();
    let refused = |text: &str| text.parse::<SeedRecord>().unwrap_err().to_string();
    for (text, part) in [
        ("v=spf1 -all", "does not begin with `v=ensign1`"),
        ("", "does not begin with"),
        ("v=ensign2 net=signet", "version `v=ensign2` is not known"),
        ("v=ensign1", "`net=` is expected and `` found"),
        ("v=ensign1  net=signet", "`net=` is expected and `` found"),
        ("v=ensign1 net=sidenet", "network `sidenet` is not known"),
        ("v=ensign1 net=signet at=8.8.4.1:1", "`node=` is expected and `at=8.8.4.1:1` found"),
        ("v=ensign1 net=signet node=00", "`00` is no node"),
        (&format!("v=ensign1 net=signet node={}", "ff".repeat(32)), "is no node"),
        (&format!("v=ensign1 net=signet node={id}"), "`at=` is expected"),
        (&format!("v=ensign1 net=signet node={id} at=host.example:1"), "no host name"),
        (&format!("{good} at=8.8.4.1:4820"), "8.8.4.1:4820 stands there twice"),
        (&format!("{good} at=8.8.4.2:\u{202e}1"), "`8.8.4.2:\\u{202e}1` is no address"),
        (&format!("{good} at=1.1.1.1:1 at=1.1.1.1:2 at=1.1.1.1:3 at=1.1.1.1:4"), "more than 4"),
        (&format!("{good} {}", "x".repeat(RECORD_BYTES_MAX)), "at most 510"),
    ] {
        let seen = refused(text);
        assert!(seen.contains(part), "{text}: {seen}");
    }
}

#[test]
fn a_record_of_another_network_or_of_no_place_is_refused() {
    let ours = |record: &SeedRecord| record.check(Network::Signet, Scope::Global);
    assert_eq!(ours(&node(1)), Ok(()));
    let other = SeedRecord { network: Network::Bitcoin, ..node(1) };
    let expect = RecordError::OtherNetwork { seen: Network::Bitcoin, ours: Network::Signet };
    assert_eq!(ours(&other), Err(expect));
    let address = "10.0.0.1:4820".parse().unwrap();
    let near = SeedRecord { addresses: vec![node(1).addresses[0], address], ..node(1) };
    assert_eq!(ours(&near), Err(RecordError::Scope { address, reason: OutOfScope::Private }));
    assert_eq!(near.check(Network::Signet, Scope::Local), Ok(()));
}

#[test]
fn a_zone_has_a_line_for_each_node_in_strings_of_255_bytes() {
    let addresses: Vec<SocketAddr> = (1..=4)
        .map(|port| format!("[2a00:1450:4001:81b:ffff:ffff:ffff:{port}]:65535").parse().unwrap())
        .collect();
    let long = SeedRecord { addresses, ..node(2) };
    let text = zone("seed", &[node(1), long.clone()]);
    let [short, split] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(short, format!("seed\t{ZONE_TTL}\tIN\tTXT \"{}\"", node(1)));
    let strings: Vec<_> = split.split('"').skip(1).step_by(2).collect();
    assert_eq!(
        strings.iter().map(|it| it.len()).collect::<Vec<_>>(),
        [255, long.to_string().len() - 255]
    );
    assert_eq!(strings.concat(), long.to_string());
}
