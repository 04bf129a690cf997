//! What two nodes seal for each other, and what others can do with it.

use std::{format, net::SocketAddr, string::String, vec::Vec};

use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, UnixTime};
use ensign_wire::{DhtRecord, Published, RENDEZVOUS_BYTES, RecordKind};

use crate::{ADDRESSES_PER_RENDEZVOUS_MAX, DayKey, day, days_of_interest};

const NETWORK: Network = Network::Regtest;
/// 2026-01-01, 00:00:00.
const START: UnixTime = UnixTime::from_millis(1_767_225_600_000);
const PAGE: &str = include_str!("../../../docs/protocol/dht.md");

fn node(number: u8) -> NodeKey {
    NodeKey::from_secret_bytes([number; 32]).unwrap()
}

fn peer(number: u8) -> PeerId {
    node(number).peer_id()
}

/// How node `from` publishes for node `to`, and how that one reads it.
fn both(from: u8, to: u8, day: u64) -> [DayKey; 2] {
    let ours = DayKey::ours(&node(from), NETWORK, &peer(to), day).unwrap();
    let theirs = DayKey::theirs(&node(to), NETWORK, &peer(from), day).unwrap();
    [ours, theirs]
}

fn addresses() -> Vec<SocketAddr> {
    ["192.0.2.7:40321", "[2001:db8::7]:40321"].map(|it| it.parse().unwrap()).into()
}

fn seconds(from: UnixTime, seconds: i64) -> UnixTime {
    UnixTime::from_millis(from.as_millis().checked_add_signed(seconds * 1000).unwrap())
}

#[test]
fn one_reads_what_the_other_seals_whatever_the_parities_of_their_keys() {
    for from in 1..9 {
        for to in (1..9).filter(|it| *it != from) {
            let [ours, theirs] = both(from, to, day(START));
            assert_eq!(ours.key(), theirs.key());
            let record = ours.seal((1, START), &addresses()).unwrap();
            assert!(record.verify_signature());
            assert_eq!(record.key(), theirs.key());
            assert_eq!(record.said().body.len(), RENDEZVOUS_BYTES);
            assert_eq!(theirs.open(&record), Some(addresses()));
        }
    }
}

#[test]
fn nothing_of_two_records_of_one_node_is_the_same() {
    let today = day(START);
    let records: Vec<DhtRecord> = [(1, 2, today), (2, 1, today), (1, 3, today), (1, 2, today + 1)]
        .map(|(from, to, day)| both(from, to, day)[0].seal((1, START), &addresses()).unwrap())
        .into();
    for (at, one) in records.iter().enumerate() {
        for other in &records[at + 1..] {
            assert_ne!(one.publisher(), other.publisher());
            assert_ne!(one.key(), other.key());
            assert_ne!(one.said().body[..12], other.said().body[..12]);
            assert_ne!(one.said().body[12..], other.said().body[12..]);
            assert_eq!(one.encode().len(), other.encode().len());
        }
        assert!((1..4).all(|it| one.publisher() != peer(it)));
    }
}

#[test]
fn whoever_is_not_of_the_pair_neither_opens_nor_makes_it() {
    let [ours, theirs] = both(1, 2, day(START));
    let record = ours.seal((1, START), &addresses()).unwrap();
    for (me, other) in [(3, 1), (3, 2), (2, 3)] {
        let foreign = DayKey::theirs(&node(me), NETWORK, &peer(other), day(START)).unwrap();
        assert_eq!(foreign.open(&record), None);
    }
    // The same body, published by somebody else.
    let said = record.said().clone();
    let stranger = DhtRecord::new(&node(3), NETWORK, (9, START), said).unwrap();
    assert_ne!(stranger.key(), record.key());
    assert_eq!(theirs.open(&stranger), None);
}

#[test]
fn a_body_that_was_changed_or_is_another_one_says_nothing() {
    let [ours, theirs] = both(1, 2, day(START));
    let record = ours.seal((1, START), &addresses()).unwrap();
    let bytes = record.encode();
    let body = record.said().body.clone();
    let at = bytes.windows(body.len()).position(|it| it == body).unwrap();
    for offset in 0..body.len() {
        let mut changed = bytes.clone();
        changed[at + offset] ^= 1;
        let changed = DhtRecord::decode(&changed, NETWORK).unwrap();
        assert!(!changed.verify_signature());
        assert_eq!(theirs.open(&changed), None, "{offset}");
    }
    for length in [1, 11, 12, 28, 199, 201] {
        let said = Published { body: std::vec![7; length], ..record.said().clone() };
        let short = DhtRecord::new(&node(3), NETWORK, (1, START), said).unwrap();
        assert_eq!(theirs.open(&short), None);
    }
    let other_kind = Published { kind: RecordKind::NODE, ..record.said().clone() };
    let other_kind = DhtRecord::new(&node(3), NETWORK, (1, START), other_kind).unwrap();
    assert_eq!(theirs.open(&other_kind), None);
}

#[test]
fn what_cannot_be_dialled_is_not_said_and_nothing_is_said_without_an_address() {
    let [ours, theirs] = both(1, 2, 0);
    let useless: Vec<SocketAddr> =
        ["0.0.0.0:1", "8.8.8.8:0", "224.0.0.1:9", "[::]:4"].map(|it| it.parse().unwrap()).into();
    assert!(ours.seal((1, START), &useless).is_none());
    assert!(ours.seal((1, START), &[]).is_none());
    let many: Vec<SocketAddr> =
        (1..20).map(|it| format!("[2001:db8::{it}]:4000").parse().unwrap()).collect();
    let record = ours.seal((1, START), &[useless, many.clone()].concat()).unwrap();
    assert_eq!(theirs.open(&record).unwrap(), many[..ADDRESSES_PER_RENDEZVOUS_MAX]);
}

#[test]
fn equal_texts_of_other_numbers_look_different() {
    let [ours, _] = both(1, 2, 0);
    let one = ours.seal((1, START), &addresses()).unwrap();
    let again = ours.seal((1, START), &addresses()).unwrap();
    let next = ours.seal((2, START), &addresses()).unwrap();
    assert_eq!(one.said().body, again.said().body);
    assert_ne!(one.said().body[..12], next.said().body[..12]);
}

#[test]
fn around_midnight_two_days_are_looked_at() {
    let today = day(START);
    let days = |at| days_of_interest(seconds(START, at)).collect::<Vec<_>>();
    assert_eq!(days(0), [today, today - 1]);
    assert_eq!(days(64 * 60), [today, today - 1]);
    assert_eq!(days(65 * 60), [today]);
    assert_eq!(days(12 * 3600), [today]);
    assert_eq!(days(-301), [today - 1]);
    assert_eq!(days(-300), [today - 1, today]);
    assert_eq!(days_of_interest(UnixTime::from_millis(0)).collect::<Vec<_>>(), [0]);
}

#[test]
fn the_page_has_the_vector_that_is_computed_here() {
    let [ours, theirs] = both(1, 2, day(START));
    let record = ours.seal((1_767_225_600_000, START), &addresses()).unwrap();
    assert_eq!(theirs.open(&record), Some(addresses()));
    let shared = node(1).shared_secret(&peer(2)).unwrap();
    let lines: Vec<String> = [
        ("publisher's node", hex::encode(peer(1).as_bytes())),
        ("reader's node", hex::encode(peer(2).as_bytes())),
        ("day", format!("{}", day(START))),
        ("shared", hex::encode(shared.dangerous_bytes())),
        ("publisher of the record", hex::encode(record.publisher().as_bytes())),
        ("key", hex::encode(record.key().0)),
        ("body", hex::encode(&record.said().body)),
    ]
    .map(|(name, value)| format!("{name} = {value}"))
    .into();
    for line in &lines {
        assert!(PAGE.contains(line), "the page lacks `{line}` of\n{}", lines.join("\n"));
    }
}
