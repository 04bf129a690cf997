//! What is known of the open network is there after a restart, and never keeps a node from starting.

use std::net::SocketAddr;

use ensign_book::{Kept, Note, Restored, TRIED_MAX};
use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, UnixTime};
use ensign_store::{MemoryStore, Opening, Place};
use ensign_wire::{Node, NodeRecord, Proof, Role};

use crate::{Entry, KeyAge, LOOKS_MAX, Past, looks, neighbour, position, settle, write};

const NETWORK: Network = Network::Signet;
const NOW: UnixTime = UnixTime::from_millis(1_767_225_600_000);
const PROOF: Proof = Proof { version: 1, epoch: 681, nonce: u64::MAX - 5 };

/// A node that answered `ago` milliseconds before.
fn kept(number: u16, network: Network, address: &str, ago: u64) -> Kept<NodeRecord> {
    let mut secret = [1; 32];
    secret[..2].copy_from_slice(&number.to_be_bytes());
    let key = NodeKey::from_secret_bytes(secret).unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let expires = UnixTime::from_millis(NOW.as_millis() + 1000);
    let node = Node { role: Role::Signer, addresses: vec![address], expires, proof: PROOF };
    let record = NodeRecord::new(&key, network, NOW, node).unwrap();
    Kept { record, address, reached_at: UnixTime::from_millis(NOW.as_millis() - ago) }
}

fn store_with(entries: &[Entry]) -> MemoryStore {
    let mut store = MemoryStore::new();
    write(&mut store, entries, NOW).unwrap();
    store
}

/// What a node that starts on a store finds.
fn found(store: MemoryStore) -> Past {
    settle(Box::new(store), Opening::Continued, KeyAge::Used, NOW).unwrap().before.past
}

#[test]
fn what_is_known_of_the_open_network_is_there_after_a_restart() {
    let first = kept(1, NETWORK, "8.8.8.8:8333", 2);
    let second = kept(2, NETWORK, "[2a00::1]:9", 1);
    let left = kept(3, NETWORK, "9.9.9.9:1", 0);
    let anchors = vec![second.record.peer(), left.record.peer()];
    let gone = Note::Gone { peer: left.record.peer() };
    let older = Kept { reached_at: UnixTime::default(), ..first.clone() };
    let notes = [
        Note::Kept(older),
        Note::Kept(left),
        Note::Anchors(vec![first.record.peer()]),
        Note::Kept(first.clone()),
        Note::Kept(second.clone()),
        gone,
        Note::Anchors(anchors.clone()),
    ];
    let mut entries: Vec<_> = notes.iter().map(neighbour).collect();
    entries.extend([position(Proof { nonce: 0, ..PROOF }), position(PROOF)]);
    let past = found(store_with(&entries));
    let expected = Restored { kept: vec![first, second], anchors };
    assert_eq!(past.neighbours.restored(NETWORK), expected);
    assert_eq!(past.position, Some(PROOF));

    // Anchors may become none again.
    let none = found(store_with(&[&entries[..], &[neighbour(&Note::Anchors(vec![]))]].concat()));
    assert!(none.neighbours.restored(NETWORK).anchors.is_empty());
}

#[test]
fn store_that_knows_nothing_of_the_open_network_opens() {
    let past = found(MemoryStore::new());
    assert_eq!(past.neighbours.restored(NETWORK), Restored::default());
    assert_eq!((past.position, past.looks), (None, None));
}

#[test]
fn what_was_seen_of_the_size_of_the_network_is_known_again_the_last_of_it() {
    let at = UnixTime::from_millis(1_760_000_000_000);
    let seen: Vec<u64> = (1..=LOOKS_MAX as u64).collect();
    let before = looks(UnixTime::from_millis(1), &[7]);
    let past = found(store_with(&[before, looks(at, &seen)]));
    assert_eq!(past.looks, Some((at, seen.clone())));
    assert_eq!(found(store_with(&[looks(at, &[])])).looks, Some((at, vec![])));
    // A row that cannot be read is none.
    let spoiled = |spoil: fn(&mut Vec<u8>)| {
        let mut entry = looks(at, &seen);
        entry.value.iter_mut().for_each(spoil);
        found(store_with(&[entry])).looks
    };
    assert_eq!(spoiled(|row| row[0] = 2), None);
    assert_eq!(spoiled(|row| row.push(0)), None);
    assert_eq!(spoiled(|row| row.extend([0; 8])), None);
    assert_eq!(spoiled(Vec::clear), None);
}

#[test]
fn node_of_another_network_or_in_the_place_of_another_is_left_out() {
    let good = kept(1, NETWORK, "8.8.8.8:8333", 1);
    let elsewhere = kept(2, Network::Regtest, "8.8.8.8:8333", 1);
    let mut misplaced = neighbour(&Note::Kept(kept(3, NETWORK, "8.8.8.8:8333", 1)));
    misplaced.place = Place::neighbour(&PeerId::from_bytes([3; 32]));
    let [ours, theirs] = [&good, &elsewhere].map(|it| neighbour(&Note::Kept(it.clone())));
    let past = found(store_with(&[ours, theirs, misplaced]));
    assert_eq!(past.neighbours.restored(NETWORK).kept, [good]);
    assert_eq!(past.neighbours.restored(Network::Regtest).kept, [elsewhere]);
}

#[test]
fn row_that_cannot_be_read_is_none_and_the_node_starts() {
    let kept = kept(1, NETWORK, "8.8.8.8:8333", 1);
    let anchors = Note::Anchors(vec![kept.record.peer()]);
    let entries = [neighbour(&Note::Kept(kept)), neighbour(&anchors), position(PROOF)];
    let spoiled = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let rows = entries.iter().cloned().map(|mut entry| {
            entry.value.iter_mut().for_each(spoil);
            entry
        });
        found(store_with(&rows.collect::<Vec<_>>()))
    };
    let nothing = |past: Past, why: &str| {
        assert_eq!(past.neighbours.restored(NETWORK), Restored::default(), "{why}");
        assert_eq!(past.position, None, "{why}");
    };
    nothing(spoiled(&|row| row[0] = 2), "another version");
    nothing(spoiled(&|row| row.push(0)), "a byte too much");
    nothing(spoiled(&|row| row.clear()), "nothing");
    let longest = entries.iter().filter_map(|it| it.value.as_ref()).map(Vec::len).max().unwrap();
    for missing in 1..longest {
        let cut = |row: &mut Vec<u8>| row.truncate(row.len().saturating_sub(missing));
        let past = spoiled(&cut);
        assert!(past.neighbours.restored(NETWORK).kept.is_empty(), "{missing} bytes missing");
        assert_eq!(past.position, None, "{missing} bytes missing");
    }
    nothing(spoiled(&|row| row.resize(1 + 3 * 32, 7)), "more anchors than there are");

    let stray = Entry { place: Place::overlay("later"), value: Some(vec![1]) };
    let key = Place::found(ensign_store::Table::Neighbours, &[1; 31]).unwrap();
    let short = Entry { place: key, value: entries[0].value.clone() };
    nothing(found(store_with(&[stray, short])), "a name of no node, and one of a later version");
}

#[test]
fn no_more_are_read_than_the_address_book_has_places_and_those_who_answered_last() {
    let most = u16::try_from(TRIED_MAX).unwrap();
    // The higher the number the longer ago.
    let all: Vec<_> =
        (0..most + 3).map(|it| kept(it, NETWORK, "8.8.8.8:8333", it.into())).collect();
    let entries: Vec<_> = all.iter().map(|it| neighbour(&Note::Kept(it.clone()))).collect();
    let mut expected = all[..TRIED_MAX].to_vec();
    expected.reverse();
    assert_eq!(found(store_with(&entries)).neighbours.restored(NETWORK).kept, expected);
}
