//! Messages of the hash table, and node records that do not hold.

use std::{net::SocketAddr, vec, vec::Vec};

use ensign_primitives::{Network, QueryId, UnixTime};
use proptest::{collection::vec as many, prelude::*};

use super::values::{NETWORK, NOW, node_key};
use crate::{
    Answer, Around, DecodeError, DhtFind, DhtHave, DhtMessage, DhtPull, DhtRecord, DhtReply,
    DhtStore, DialBackAsk, DialBackNonce, DialBackOutcome, DialBackRefusal, DialBackTold, Frame,
    Had, Header, Key, Kind, NODE_RECORD_BYTES_MAX, NODES_PER_REPLY_MAX, NODES_TOLD_MAX, Node,
    NodeRecord, PeersMessage, Proof, Published, ReachMessage, RecordError, RecordKind, RecordRules,
    Role, Scope, StoreRefusal, Wants, position_epoch,
};

const RULES: RecordRules = RecordRules { network: NETWORK, bits: 0, scope: Scope::Global };

fn key() -> impl Strategy<Value = Key> {
    any::<[u8; 32]>().prop_map(Key)
}

fn around() -> impl Strategy<Value = Around> {
    (key(), key(), any::<u64>()).prop_map(|(key, target, region)| Around { key, target, region })
}

fn node_records() -> impl Strategy<Value = NodeRecord> {
    let addresses = proptest::collection::btree_set((any::<[u8; 4]>(), 1_u16..), 0..=16);
    (0..8_usize, addresses, any::<(u64, u64)>()).prop_map(|(index, addresses, (epoch, nonce))| {
        let addresses = addresses.into_iter().map(SocketAddr::from).collect();
        let proof = Proof { version: 1, epoch, nonce };
        let node = Node { role: Role::Signer, addresses, expires: NOW, proof };
        NodeRecord::new(node_key(index), NETWORK, NOW, node).unwrap()
    })
}

fn records() -> impl Strategy<Value = DhtRecord> {
    let parts = (0..8_usize, any::<u8>(), 0..crate::RECORD_SLOTS, many(any::<u8>(), 1..40));
    (parts, 1_u64..).prop_map(|((index, kind, slot, body), seq)| {
        let said = Published { kind: RecordKind(kind), slot, expires: NOW, body };
        DhtRecord::new(node_key(index), NETWORK, (seq, NOW), said).unwrap()
    })
}

/// Whom nodes know.
pub(super) fn peers_messages() -> impl Strategy<Value = PeersMessage> {
    prop_oneof![Just(PeersMessage::Ask), many(node_records(), 0..3).prop_map(PeersMessage::Told)]
}

/// Whether nodes can be reached.
pub(super) fn reach_messages() -> impl Strategy<Value = ReachMessage> {
    let nonce = || any::<[u8; 16]>().prop_map(DialBackNonce);
    let address = prop_oneof![
        (any::<[u8; 4]>(), 1_u16..).prop_map(SocketAddr::from),
        (any::<[u8; 16]>(), 1_u16..).prop_map(SocketAddr::from),
    ];
    let outcome = prop_oneof![
        Just(DialBackOutcome::Reached),
        Just(DialBackOutcome::Unreached),
        Just(DialBackOutcome::Refused(DialBackRefusal::NotYours)),
        Just(DialBackOutcome::Refused(DialBackRefusal::Unwilling)),
    ];
    prop_oneof![
        (nonce(), address)
            .prop_map(|(nonce, address)| ReachMessage::Ask(DialBackAsk { nonce, address })),
        (nonce(), outcome)
            .prop_map(|(nonce, outcome)| ReachMessage::Told(DialBackTold { nonce, outcome })),
        nonce().prop_map(ReachMessage::DialBack),
    ]
}

/// Any message, each kind equally often.
pub(super) fn messages() -> impl Strategy<Value = DhtMessage> {
    let query = || any::<u64>().prop_map(QueryId);
    let wants = prop_oneof![Just(Wants::Answer), Just(Wants::Nodes), Just(Wants::Value)];
    let find = (query(), around(), wants, proptest::option::of(node_records()))
        .prop_map(|(query, around, wants, asker)| DhtFind { query, around, wants, asker });
    let store = (query(), around(), records()).prop_map(|(query, around, record)| DhtStore {
        query,
        around,
        record,
    });
    let answer = prop_oneof![
        Just(Answer::None),
        Just(Answer::Stored),
        Just(Answer::Refused(StoreRefusal::Full)),
        records().prop_map(Answer::Value),
    ];
    let reply = (query(), answer, many(node_records(), 0..=3))
        .prop_map(|(query, answer, nodes)| DhtReply { query, answer, nodes });
    let had = (any::<[u8; 16]>(), any::<u64>(), 0..=3_u8).prop_map(|(key16, seq, ttl)| Had {
        key16,
        seq,
        ttl,
    });
    let pull = (query(), any::<[u8; 16]>());
    prop_oneof![
        find.prop_map(DhtMessage::Find),
        store.prop_map(DhtMessage::Store),
        reply.prop_map(DhtMessage::Reply),
        many(had, 1..=5).prop_map(|records| DhtMessage::Have(DhtHave { records })),
        pull.prop_map(|(query, key16)| DhtMessage::Pull(DhtPull { query, key16 })),
    ]
}

fn node(addresses: &[&str]) -> Node {
    let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
    let proof = Proof { version: 1, epoch: position_epoch(NOW), nonce: 1 };
    let expires = UnixTime::from_millis(NOW.as_millis() + 3_600_000);
    Node { role: Role::Signer, addresses, expires, proof }
}

fn made(node: Node) -> NodeRecord {
    NodeRecord::new(node_key(0), NETWORK, NOW, node).unwrap()
}

#[test]
fn record_of_one_address_is_small_and_the_largest_fits() {
    let small = made(node(&["192.0.2.1:4000"])).encode();
    assert!(small.len() < 170, "{}", small.len());
    let last = u128::MAX - 15;
    let all = (0..16).map(|at| (std::net::Ipv6Addr::from_bits(last + at), u16::MAX).into());
    let proof = Proof { version: u8::MAX, epoch: u64::MAX, nonce: u64::MAX };
    let expires = UnixTime::from_millis(u64::MAX);
    let node = Node { role: Role::Light, addresses: all.collect(), expires, proof };
    let record = NodeRecord::new(node_key(0), NETWORK, expires, node).unwrap();
    assert!(record.encode().len() <= NODE_RECORD_BYTES_MAX);
    assert_eq!(NodeRecord::decode(&record.encode(), NETWORK), Ok(record.clone()));
    let body = vec![0xff; crate::DHT_BODY_BYTES_MAX];
    let said = Published { kind: RecordKind(u8::MAX), slot: 7, expires, body };
    let value = DhtRecord::new(node_key(0), NETWORK, (u64::MAX, expires), said).unwrap();
    let (query, key) = (QueryId(u64::MAX), Key([0xff; 32]));
    let around = Around { key, target: key, region: u64::MAX };
    let told = Frame::Peers(PeersMessage::Told(vec![record.clone(); NODES_TOLD_MAX]));
    assert_eq!(Frame::decode_whole(&told.encode(), NETWORK), Ok(told));
    let nodes = vec![record.clone(); NODES_PER_REPLY_MAX];
    let had = Had { key16: [0xff; 16], seq: u64::MAX, ttl: 3 };
    let answer = Answer::Value(value.clone());
    for message in [
        DhtMessage::Find(DhtFind { query, around, wants: Wants::Value, asker: Some(record) }),
        DhtMessage::Store(DhtStore { query, around, record: value }),
        DhtMessage::Reply(DhtReply { query, answer, nodes }),
        DhtMessage::Have(DhtHave { records: vec![had; crate::NAMES_PER_HAVE_MAX] }),
        DhtMessage::Pull(DhtPull { query, key16: [0xff; 16] }),
    ] {
        let frame = Frame::Dht(message);
        assert_eq!(Frame::decode_whole(&frame.encode(), NETWORK), Ok(frame));
    }
}

#[test]
fn node_with_bad_addresses_is_no_record() {
    let mut seventeen = node(&[]);
    seventeen.addresses = (1..=17).map(|port| ([192, 0, 2, 1], port).into()).collect();
    for bad in [
        seventeen,
        node(&["192.0.2.1:0"]),
        node(&["192.0.2.2:1", "192.0.2.1:1"]),
        node(&["192.0.2.1:1", "192.0.2.1:1"]),
    ] {
        let made = NodeRecord::new(node_key(0), NETWORK, NOW, bad);
        assert!(matches!(made, Err(DecodeError::OutOfRange { .. })), "{made:?}");
    }
}

#[test]
fn each_record_that_does_not_hold_is_refused_with_its_reason() {
    let at = |millis: i64| UnixTime::from_millis(NOW.as_millis().saturating_add_signed(millis));
    let good = made(node(&["8.8.8.8:4000"]));
    assert_eq!(good.verify(NOW, RULES), Ok(()));
    let expires = good.node().expires;
    assert_eq!(good.verify(expires, RULES), Err(RecordError::Expired { expires }));
    assert_eq!(good.verify(at(-300_001), RULES), Err(RecordError::Future { issued: NOW }));
    let foreign = NodeRecord::decode(&good.encode(), OTHER);
    assert!(matches!(foreign, Err(DecodeError::Network { .. })), "{foreign:?}");
    let rules = RecordRules { network: OTHER, ..RULES };
    assert!(matches!(good.verify(NOW, rules), Err(RecordError::Network { .. })));
    assert_eq!(made(node(&[])).verify(NOW, RULES), Err(RecordError::NoAddress));
    let mut long = node(&["8.8.8.8:4000"]);
    long.expires = at(86_400_001);
    let millis = 86_400_001;
    assert_eq!(made(long).verify(NOW, RULES), Err(RecordError::Lifetime { millis }));
    let rules = RecordRules { bits: 64, ..RULES };
    assert!(matches!(good.verify(NOW, rules), Err(RecordError::PositionBits { needed: 64, .. })));
    let mut old = node(&["8.8.8.8:4000"]);
    old.proof.epoch -= 2;
    let (seen, now) = (old.proof.epoch, position_epoch(NOW));
    assert_eq!(made(old).verify(NOW, RULES), Err(RecordError::PositionEpoch { seen, now }));
    let mut other = node(&["8.8.8.8:4000"]);
    other.proof.version = 2;
    assert_eq!(made(other).verify(NOW, RULES), Err(RecordError::PositionVersion { seen: 2 }));
    let mut bytes = good.encode();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = NodeRecord::decode(&bytes, NETWORK).unwrap();
    assert_eq!(forged.verify(NOW, RULES), Err(RecordError::Signature));
}

pub(super) const OTHER: Network = Network::Bitcoin;

#[test]
fn addresses_that_the_internet_does_not_reach_belong_to_local_networks_alone() {
    let allows = |scope: Scope, ip: &str| scope.allows(ip.parse().unwrap());
    for ip in [
        "10.0.0.1",
        "127.0.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
    ] {
        assert!(!allows(Scope::Global, ip), "{ip}");
        assert!(allows(Scope::Local, ip), "{ip}");
    }
    for ip in ["0.0.0.0", "224.0.0.1", "::", "ff02::1", "::ffff:8.8.8.8", "255.255.255.255"] {
        assert!(!allows(Scope::Global, ip) && !allows(Scope::Local, ip), "{ip}");
    }
    for ip in ["0.1.2.3", "240.0.0.1", "192.0.2.1", "2001:db8::1", "2002:808:808::1", "2001::1"] {
        assert!(!allows(Scope::Global, ip), "{ip}");
    }
    for ip in ["8.8.8.8", "100.128.0.1", "2a00:1450::1", "2001:4860:4860::8888"] {
        assert!(allows(Scope::Global, ip), "{ip}");
    }
}

#[test]
fn regression_what_is_wrong_with_a_record_was_told_of_another_place() {
    let record = made(node(&["192.0.2.7:4000"]));
    let told = PeersMessage::Told(std::vec![record.clone(), record]);
    let frame = Frame::Peers(told).encode();
    let header = Header::decode(&frame).unwrap().unwrap();
    let mut body = frame[header.header_len..].to_vec();
    // The role of the second node.
    let last = body.windows(4).rposition(|it| it == [192, 0, 2, 7]).unwrap() - 3;
    assert_eq!(body[last], 0);
    body[last] = 9;
    let error = Frame::decode(Kind::PeersTold, &body, NETWORK).unwrap_err();
    let expected = "a known variant";
    assert_eq!(error, DecodeError::Malformed { offset: last, expected, seen: Some(9) });
}

#[test]
fn answer_with_more_nodes_than_a_bucket_has_is_refused() {
    let record = made(node(&["8.8.8.8:4000"]));
    let nodes: Vec<_> = vec![record; NODES_PER_REPLY_MAX + 1];
    let reply = DhtReply { query: QueryId(1), answer: Answer::None, nodes };
    let frame = Frame::Dht(DhtMessage::Reply(reply)).encode();
    let refused = Frame::decode_whole(&frame, NETWORK);
    let seen = NODES_PER_REPLY_MAX as u64 + 1;
    let (field, max) = ("nodes of an answer", NODES_PER_REPLY_MAX as u64);
    assert_eq!(refused, Err(DecodeError::OutOfRange { field, min: 0, max, seen }));
    // Ten thousand are refused by the length alone.
    let header = [Kind::DhtReply.id(), 0x80, 0x80, 0x40];
    assert!(matches!(Header::decode(&header), Err(DecodeError::FrameTooLarge { .. })));
}

#[test]
fn node_tells_of_so_many_and_asks_with_no_byte() {
    let told = |network: Network, count: usize| {
        let record = NodeRecord::new(node_key(0), network, NOW, node(&["8.8.8.8:4000"])).unwrap();
        let frame = Frame::Peers(PeersMessage::Told(vec![record; count]));
        (frame.encode(), frame)
    };
    for count in [0, 1, NODES_TOLD_MAX - 1, NODES_TOLD_MAX] {
        let (bytes, frame) = told(NETWORK, count);
        assert_eq!(Frame::decode_whole(&bytes, NETWORK), Ok(frame), "{count}");
    }
    let (more, _) = told(NETWORK, NODES_TOLD_MAX + 1);
    let (field, max) = ("nodes told of", NODES_TOLD_MAX as u64);
    let refused = DecodeError::OutOfRange { field, min: 0, max, seen: max + 1 };
    assert_eq!(Frame::decode_whole(&more, NETWORK), Err(refused));
    let (foreign, _) = told(OTHER, 1);
    let refused = Frame::decode_whole(&foreign, NETWORK);
    assert!(matches!(refused, Err(DecodeError::Network { .. })), "{refused:?}");
    let (mut longer, _) = told(NETWORK, 2);
    let last = longer.pop().unwrap();
    let refused = Frame::decode_whole(&longer, NETWORK);
    assert!(matches!(refused, Err(DecodeError::Malformed { .. })), "{refused:?}");
    longer.extend([last, 0]);
    let refused = Frame::decode_whole(&longer, NETWORK);
    assert!(matches!(refused, Err(DecodeError::TrailingBytes { .. })), "{refused:?}");
    // Ten thousand are refused by the length alone, and so is a question that says anything.
    for header in [vec![Kind::PeersTold.id(), 0x80, 0x80, 0x40], vec![Kind::PeersAsk.id(), 1]] {
        let refused = Header::decode(&header);
        assert!(matches!(refused, Err(DecodeError::FrameTooLarge { .. })), "{refused:?}");
    }
    let refused = Frame::decode(Kind::PeersAsk, &[0], NETWORK);
    let (kind, limit) = (Kind::PeersAsk, 0);
    assert_eq!(refused, Err(DecodeError::FrameTooLarge { kind, limit, seen: 1 }));
}

#[test]
fn dial_back_is_asked_at_a_port_and_its_messages_have_one_length() {
    let nonce = DialBackNonce([7; 16]);
    let ask = |address: &str| {
        let address = address.parse().unwrap();
        Frame::Reach(ReachMessage::Ask(DialBackAsk { nonce, address })).encode()
    };
    for address in ["198.51.100.7:1", "[2001:db8::1]:65535"] {
        assert!(Frame::decode_whole(&ask(address), NETWORK).is_ok(), "{address}");
    }
    let refused = Frame::decode_whole(&ask("198.51.100.7:0"), NETWORK);
    let (field, max) = ("port", u16::MAX.into());
    assert_eq!(refused, Err(DecodeError::OutOfRange { field, min: 1, max, seen: 0 }));
    let longest = ask("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    assert!(longest.len() <= 2 + Kind::DialBackAsk.limit());
    let outcome = DialBackOutcome::Refused(DialBackRefusal::Unwilling);
    let told = Frame::Reach(ReachMessage::Told(DialBackTold { nonce, outcome })).encode();
    assert_eq!(told.len(), 2 + Kind::DialBackTold.limit());
    let brought = Frame::Reach(ReachMessage::DialBack(nonce)).encode();
    assert_eq!(brought.len(), 2 + Kind::DialBack.limit());
    let shorter = [Kind::DialBack.id(), 15].into_iter().chain([7; 15]).collect::<Vec<_>>();
    let refused = Frame::decode_whole(&shorter, NETWORK);
    assert!(matches!(refused, Err(DecodeError::Malformed { .. })), "{refused:?}");
    // Seven reasons there are not.
    let mut unknown = told;
    *unknown.last_mut().unwrap() = 6;
    assert!(Frame::decode_whole(&unknown, NETWORK).is_err());
}

#[test]
fn position_moves_with_every_part_of_its_proof() {
    let of = |change: fn(&mut Proof)| {
        let mut node = node(&["8.8.8.8:4000"]);
        change(&mut node.proof);
        made(node).position()
    };
    let all =
        [of(|_| ()), of(|it| it.nonce += 1), of(|it| it.epoch += 1), of(|it| it.version += 1)];
    let apart: std::collections::BTreeSet<_> = all.into_iter().collect();
    assert_eq!(apart.len(), all.len());
}

proptest! {
    #[test]
    fn distance_is_symmetric_and_zero_only_to_itself(a in key(), b in key()) {
        prop_assert_eq!(a.distance(b), b.distance(a));
        prop_assert_eq!(a.distance(a).zero_bits(), 256);
        prop_assert_eq!(a == b, a.distance(b).zero_bits() == 256);
    }
}
