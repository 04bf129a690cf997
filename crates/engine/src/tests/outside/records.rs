//! Records that do not hold, of values and of nodes: each has its name, and what is kept stays.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_overlay::{Offense as Overlay, OverlayConfig, dht::Offense as Dht};
use ensign_primitives::Network;
use ensign_wire::{
    Answer, DHT_RECORD_BYTES_MAX, DecodeError, DhtRecord, Key, Node, NodeRecord, Proof, Published,
    RecordError, RecordKind, Role, Scope, StoreRefusal, position_epoch,
};

use super::{
    super::cast::{NETWORK, START},
    cast::{Came, Outside, Stranger, at, forged, id, key, node, record, record_of, refused, value},
};
use crate::{CloseCode, Offense};

const HOUR: Duration = Duration::from_secs(3600);

/// A node that keeps a record of an honest publisher, that publisher, and a stranger.
fn keeping() -> (Outside, u16, Stranger, DhtRecord) {
    let mut outside = Outside::new();
    let publisher = outside.near(10);
    let honest = value(publisher, (0, 5), START);
    let mut bearer = outside.meet(1);
    assert_eq!(outside.store(&mut bearer, &honest), Answer::Stored);
    let stranger = outside.meet(2);
    (outside, publisher, stranger, honest)
}

/// The honest record is still there for an honest node.
fn assert_kept(mut outside: Outside, honest: DhtRecord) {
    let mut other = outside.meet(3);
    assert_eq!(outside.held(&mut other, honest.key()), Answer::Value(honest));
}

fn only_offense(came: Came) -> Offense {
    assert!(came.said.is_empty(), "{came:?}");
    let [offense] = came.offenses.try_into().expect("one offense");
    offense
}

#[test]
fn records_of_the_wrong_time_version_kind_or_place_are_refused_by_name() {
    let (mut outside, publisher, mut stranger, honest) = keeping();
    let late = |seconds| START.after(Duration::from_secs(seconds));
    let longer = |kind, expires| {
        let said = Published { kind, slot: 0, expires, body: vec![1] };
        DhtRecord::new(&key(publisher), NETWORK, (9, START), said).unwrap()
    };
    // Rounding to what the wire holds: its end is its beginning.
    let over = longer(RecordKind::RENDEZVOUS, START);
    for (record, why) in [
        (over, StoreRefusal::Expired),
        (longer(RecordKind::RENDEZVOUS, late(3601)), StoreRefusal::Expired),
        (value(publisher, (0, 9), late(301)), StoreRefusal::Future),
        (value(publisher, (0, 4), START), StoreRefusal::Older),
        (value(publisher, (0, 5), late(1)), StoreRefusal::Older),
    ] {
        assert_eq!(outside.store(&mut stranger, &record), refused(why), "{record:?}");
    }
    let strange = (0..).map(|it| {
        let said = Published { kind: RecordKind(it), slot: 0, expires: late(60), body: vec![1] };
        DhtRecord::new(&key(publisher), NETWORK, (9, START), said).unwrap()
    });
    let mut of_kinds = vec![];
    for record in strange.skip(3).take(60) {
        let answer = outside.store(&mut stranger, &record);
        if answer != refused(StoreRefusal::TooFar) {
            of_kinds.push(answer);
        }
    }
    assert!(!of_kinds.is_empty());
    assert!(of_kinds.iter().all(|it| *it == refused(StoreRefusal::UnknownKind)), "{of_kinds:?}");
    assert_kept(outside, honest);
}

#[test]
fn unsigned_records_and_those_for_another_key_are_offenses() {
    let (mut outside, publisher, mut stranger, honest) = keeping();
    // A later word of the publisher, which it has never said.
    let later = value(publisher, (0, 6), START);
    let came = outside.store_bytes(&mut stranger, honest.key(), &forged(later.encode()));
    assert_eq!(only_offense(came), Offense::Overlay(Overlay::Dht(Dht::Signature)));
    // A stranger's own under that key.
    let own = value(2, (0, 6), START);
    let came = outside.store_bytes(&mut stranger, honest.key(), &own.encode());
    assert_eq!(only_offense(came), Offense::Overlay(Overlay::Dht(Dht::OtherKey)));
    // Nor does it come under it by its own name: it lies where its publisher's lie.
    assert_ne!(own.key(), honest.key());
    assert_kept(outside, honest);
}

#[test]
fn what_does_not_decode_ends_the_connection() {
    let honest = value(1, (0, 1), START);
    let said = honest.said().clone();
    let foreign = DhtRecord::new(&key(1), Network::Bitcoin, (1, START), said).unwrap();
    let mut large = honest.encode();
    large.resize(DHT_RECORD_BYTES_MAX + 1, 0);
    let mut network = node(vec![at(2)]);
    let node_of = |node: Node, of| NodeRecord::new(&key(2), of, START, node).unwrap().encode();
    let mut many: Vec<_> = (1..=16).map(at).collect();
    many.sort_unstable();
    let full = node_of(node(many.clone()), NETWORK);
    let no_port = {
        // The port after its one address: two bytes, and none but a zero.
        let mut bytes = node_of(network.clone(), NETWORK);
        let found = bytes.windows(4).position(|it| it == [8, 0, 2, 1]).unwrap();
        bytes[found + 4] = 0;
        bytes.remove(found + 5);
        bytes
    };
    network.role = Role::Signer;
    let strange = node_of(network, Network::Bitcoin);
    // Role, number, and the first address; then 16 of seven bytes, and one more.
    let mut seventeen = full.clone();
    let count = 1 + seventeen.windows(4).position(|it| it == [0, 16, 0, 8]).unwrap();
    seventeen[count] = 17;
    let end = count + 1 + 16 * 7;
    seventeen.splice(end..end, [0, 9, 9, 9, 9, 0xa0, 0x1f]);
    for asker in [strange, no_port, seventeen, vec![0; 40], full[..100].to_vec()] {
        let mut outside = Outside::new();
        let mut stranger = outside.meet(2);
        let came = outside.find(&mut stranger, Key([7; 32]), Some(asker));
        assert_eq!(came.closed, Some(CloseCode::Offense));
        assert!(matches!(only_offense(came), Offense::Decode(_)));
    }
    for record in [foreign.encode(), large] {
        let mut outside = Outside::new();
        let mut stranger = outside.meet(2);
        let came = outside.store_bytes(&mut stranger, honest.key(), &record);
        assert_eq!(came.closed, Some(CloseCode::Offense));
        let offense = only_offense(came);
        assert!(
            matches!(
                offense,
                Offense::Decode(DecodeError::Network { .. } | DecodeError::OutOfRange { .. })
            ),
            "{offense:?}"
        );
    }
}

/// What comes of a question whose asker says this of itself.
fn asked_by(number: u16, bytes: Vec<u8>) -> (Outside, Came) {
    let mut outside = Outside::new();
    let mut stranger = outside.meet(number);
    let came = outside.find(&mut stranger, Key([7; 32]), Some(bytes));
    (outside, came)
}

/// Nobody is dialled, told of, or in a table.
fn assert_unknown(mut outside: Outside, number: u16) {
    let now = outside.crowd.now;
    assert_eq!(outside.crowd.engine.overlay().unwrap().contacts(now), []);
    for _ in 0..60 {
        assert_eq!(outside.pass(Duration::from_secs(10)), []);
    }
    let mut other = outside.meet(900);
    let told = outside.find(&mut other, Key::of_peer(NETWORK, &id(number)), None).reply().nodes;
    assert!(told.iter().all(|it| it.peer() != id(number)), "{told:?}");
}

#[test]
fn nodes_at_addresses_that_do_not_belong_are_answered_and_neither_dialled_nor_told_of() {
    for address in [
        "127.0.0.1:4000",
        "10.0.0.1:4000",
        "192.168.1.1:4000",
        "169.254.1.1:4000",
        "100.64.0.1:4000",
        "224.0.0.1:4000",
        "255.255.255.255:4000",
        "0.0.0.0:4000",
        "[::]:4000",
        "[::1]:4000",
        "[fe80::1]:4000",
        "[fd00::1]:4000",
        "[ff02::1]:4000",
        "[::ffff:8.8.8.8]:4000",
        "[2002:808:808::1]:4000",
        "[64:ff9b::808:808]:4000",
    ] {
        let address = address.parse().unwrap();
        assert!(!Scope::Global.allows(std::net::SocketAddr::ip(&address)));
        // Beside a good one, too.
        for mut addresses in [vec![address], vec![address, at(2)]] {
            addresses.sort_unstable();
            let (outside, came) = asked_by(2, record_of(2, node(addresses)).encode());
            assert_eq!(came.asked(), [], "{address}");
            assert_eq!(came.answer(), Answer::None, "{address}");
            assert_unknown(outside, 2);
        }
    }
}

#[test]
fn node_records_of_another_time_are_left_out_and_false_ones_are_offenses() {
    let hours = |hours: u32| START.after(HOUR * hours);
    let old = Node { expires: START, ..node(vec![at(2)]) };
    let proof = |epoch| Proof { version: 1, epoch, nonce: 0 };
    let epoch = position_epoch(START);
    let early = Node { proof: proof(epoch + 1), ..node(vec![at(2)]) };
    let past = Node { proof: proof(epoch - 2), ..node(vec![at(2)]) };
    let ahead = Node { expires: hours(9), ..node(vec![at(2)]) };
    let ahead = NodeRecord::new(&key(2), NETWORK, hours(1), ahead).unwrap();
    let light = Node { role: Role::Light, addresses: vec![], ..node(vec![]) };
    let light = record_of(2, light);
    for record in [record_of(2, old), record_of(2, early), record_of(2, past), ahead, light] {
        let (outside, came) = asked_by(2, record.encode());
        assert_eq!(came.asked(), [], "{record:?}");
        assert_eq!(came.answer(), Answer::None);
        assert_unknown(outside, 2);
    }
    let long = Node { expires: hours(25), ..node(vec![at(2)]) };
    let nowhere = node(vec![]);
    let version = Node { proof: Proof { version: 2, epoch, nonce: 0 }, ..node(vec![at(2)]) };
    for bytes in [
        record_of(2, long).encode(),
        record_of(2, nowhere).encode(),
        record_of(2, version).encode(),
        forged(record(2).encode()),
    ] {
        let (outside, came) = asked_by(2, bytes);
        let offense = only_offense(came);
        let Offense::Overlay(Overlay::Dht(Dht::Node(error))) = &offense else {
            panic!("{offense:?}")
        };
        assert!(error.is_false_everywhere());
        assert_unknown(outside, 2);
    }
    let (_, came) = asked_by(2, record(3).encode());
    assert_eq!(only_offense(came), Offense::Overlay(Overlay::Dht(Dht::ForeignRecord)));
}

#[test]
fn a_position_without_work_is_an_offense_and_costs_no_signature() {
    let mut outside = Outside::with(|it| OverlayConfig { bits: 20, ..it });
    let mut stranger = outside.meet(2);
    // Unsigned as well: the work is looked at first.
    let bytes = forged(record(2).encode());
    let came = outside.find(&mut stranger, Key([7; 32]), Some(bytes));
    let offense = only_offense(came);
    let Offense::Overlay(Overlay::Dht(Dht::Node(error))) = offense else { panic!("{offense:?}") };
    assert!(matches!(error, RecordError::PositionBits { needed: 20, .. }), "{error:?}");
}
