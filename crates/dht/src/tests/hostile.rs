//! What hostile nodes send, and what it is called.

use core::{ops::Range, time::Duration};
use std::{vec, vec::Vec};

use ensign_primitives::{Network, Now, PeerId, QueryId, StateMachine};
use ensign_wire::{
    Answer, Around, DhtFind, DhtHave, DhtMessage, DhtPull, DhtRecord, DhtReply, DhtStore, Had, Key,
    Node, NodeRecord, Published, RENDEZVOUS_BYTES, RecordError, RecordKind, StoreRefusal, Wants,
};

use super::cast::{
    NETWORK, START, address, hear, key, later, linked, machine, messages, offenses, peer, record,
    said, sealed, sealed_bytes,
};
use crate::{
    Dht, HARD_TIMEOUT, HAVE_INTERVAL, Input, K, Offense, Output, RECORDS_PER_PUBLISHER,
    SHELF_BYTES_MAX, Thoroughness, VERSIONS_PER_MINUTE,
};

/// A machine whose walk has asked node 1, and the name of that question.
fn asking(wanted: Key) -> (Dht, QueryId) {
    let mut dht = linked(&[1, 2]);
    dht.handle_input(START, Input::Learned { record: record(1) });
    dht.get(START, wanted, Thoroughness::Usual).unwrap();
    let asked = messages(said(&mut dht));
    let [(to, DhtMessage::Find(find))] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(*to, peer(1));
    (dht, find.query)
}

pub(super) fn reply(query: QueryId, answer: Answer, nodes: Vec<NodeRecord>) -> DhtMessage {
    DhtMessage::Reply(DhtReply { query, answer, nodes })
}

pub(super) fn around(key: Key) -> Around {
    Around { key, target: key, region: u64::MAX }
}

pub(super) fn store(query: u64, record: DhtRecord) -> DhtMessage {
    let around = around(record.key());
    DhtMessage::Store(DhtStore { query: QueryId(query), around, record })
}

/// What a store is answered.
pub(super) fn answered(outputs: Vec<Output>) -> Answer {
    match messages(outputs).pop() {
        Some((_, DhtMessage::Reply(reply))) => reply.answer,
        other => panic!("{other:?}"),
    }
}

/// A publisher whose record lies where node 0 keeps it.
pub(super) fn near(from: u16) -> u16 {
    let home = Key::from(record(0).position());
    let is_near = |it: &u16| home.distance(sealed(*it, 0, 1, START).key()).top() < 1 << 62;
    (from..).find(is_near).unwrap()
}

#[test]
fn an_answer_that_nobody_asked_for_is_an_offense_and_a_late_one_is_none() {
    let wanted = sealed(9, 0, 1, START).key();
    let (mut dht, query) = asking(wanted);
    let never = QueryId(query.0 + 100);
    let outputs = hear(&mut dht, START, 1, reply(never, Answer::None, vec![]));
    assert_eq!(offenses(&outputs), [Offense::NeverAsked { query: never }]);
    // Another answers for it.
    let outputs = hear(&mut dht, START, 2, reply(query, Answer::None, vec![]));
    assert_eq!(offenses(&outputs), [Offense::NeverAsked { query }]);
    let late = later(START, HARD_TIMEOUT + Duration::from_secs(1));
    dht.handle_timeout(late);
    said(&mut dht);
    let outputs = hear(&mut dht, late, 1, reply(query, Answer::None, vec![]));
    assert_eq!(offenses(&outputs), []);
    let outputs = hear(&mut dht, late, 1, reply(query, Answer::None, vec![]));
    assert_eq!(offenses(&outputs), [Offense::NeverAsked { query }]);
}

#[test]
fn answers_to_something_else_are_offenses_and_nothing_of_them_is_used() {
    // Node 1 lies in its region, and so is asked for it.
    let place = Key::from(record(1).position());
    let is_near = |it: &u16| place.distance(sealed(*it, 0, 1, START).key()).top() < 1 << 62;
    let publisher = (20..).find(is_near).unwrap();
    let wanted = sealed(publisher, 0, 1, START).key();
    let other = sealed(10, 0, 1, START);
    let mut forged = sealed(publisher, 0, 1, START).encode();
    *forged.last_mut().unwrap() ^= 1;
    let forged = DhtRecord::decode(&forged, NETWORK).unwrap();
    for (answer, nodes, expected) in [
        (Answer::Stored, vec![], Offense::WrongAnswer),
        (Answer::Value(other), vec![], Offense::OtherKey),
        (Answer::Value(forged), vec![], Offense::Signature),
        (Answer::None, vec![record(3), record(3)], Offense::Repeated),
        (Answer::None, vec![record(3), unsigned(4)], Offense::Node(RecordError::Signature)),
    ] {
        let (mut dht, query) = asking(wanted);
        let outputs = hear(&mut dht, START, 1, reply(query, answer, nodes));
        assert_eq!(offenses(&outputs), [expected]);
        assert!(!dht.table(START).iter().any(|it| it.record.peer() == peer(3)));
        let asked = messages(outputs);
        assert!(asked.iter().all(|(to, _)| *to != peer(3)), "nobody of it is asked");
    }
}

fn unsigned(number: u16) -> NodeRecord {
    let mut bytes = record(number).encode();
    *bytes.last_mut().unwrap() ^= 1;
    NodeRecord::decode(&bytes, NETWORK).unwrap()
}

#[test]
fn records_that_may_hold_elsewhere_are_left_out_without_blame() {
    let (mut dht, query) = asking(sealed(9, 0, 1, START).key());
    let private = super::cast::record_at(3, START, ([10, 0, 0, 1], 1).into());
    let ahead = later(START, Duration::from_secs(3600));
    let future = super::cast::record_at(4, ahead, address(4));
    let nodes = vec![private, future, record(5)];
    let outputs = hear(&mut dht, START, 1, reply(query, Answer::None, nodes));
    assert_eq!(offenses(&outputs), []);
    let reached: Vec<_> = outputs
        .iter()
        .filter_map(|it| match it {
            Output::Reach { record } => Some(record.peer()),
            Output::Send { .. } | Output::Offense { .. } | Output::Event(_) => None,
        })
        .collect();
    assert_eq!(reached, [peer(5)]);
}

#[test]
fn a_node_that_answers_with_itself_or_with_us_leads_nowhere() {
    let (mut dht, query) = asking(sealed(9, 0, 1, START).key());
    let outputs = hear(&mut dht, START, 1, reply(query, Answer::None, vec![record(1), record(0)]));
    assert_eq!(offenses(&outputs), []);
    assert_eq!(messages(outputs), []);
}

#[test]
fn a_question_that_is_asked_twice_or_by_another_is_an_offense() {
    let mut dht = linked(&[1]);
    let find = |query, asker| {
        let around = around(record(0).position().into());
        DhtMessage::Find(DhtFind { query: QueryId(query), around, wants: Wants::Value, asker })
    };
    // Our own position: answered as any other.
    assert_eq!(offenses(&hear(&mut dht, START, 1, find(5, None))), []);
    let twice = hear(&mut dht, START, 1, find(5, None));
    assert_eq!(offenses(&twice), [Offense::AskedTwice { query: QueryId(5) }]);
    let foreign = hear(&mut dht, START, 1, find(6, Some(record(2))));
    assert_eq!(offenses(&foreign), [Offense::ForeignRecord]);
    let forged = hear(&mut dht, START, 1, find(7, Some(unsigned(1))));
    assert_eq!(offenses(&forged), [Offense::Node(RecordError::Signature)]);
}

#[test]
fn who_asks_gets_a_place_only_by_an_answer() {
    let mut dht = linked(&[1]);
    let around = around(Key([1; 32]));
    let (query, asker) = (QueryId(1), Some(record(1)));
    let find = DhtMessage::Find(DhtFind { query, around, wants: Wants::Nodes, asker });
    let mut outputs = messages(hear(&mut dht, START, 1, find));
    assert!(dht.table(START).is_empty());
    let probe = outputs.remove(0);
    let (_, DhtMessage::Find(DhtFind { query, wants: Wants::Answer, .. })) = probe else {
        panic!("{probe:?}")
    };
    hear(&mut dht, START, 1, reply(query, Answer::None, vec![]));
    assert_eq!(dht.table(START).len(), 1);
}

#[test]
fn each_record_that_does_not_hold_is_refused_with_its_reason() {
    let mut dht = linked(&[1]);
    let publisher = near(20);
    let at = |seconds: u64| later(START, Duration::from_secs(seconds));
    let mut query = 0;
    let mut put = |record: DhtRecord, now| {
        query += 1;
        hear(&mut dht, now, 1, store(query, record))
    };
    let first = sealed(publisher, 0, 5, START);
    assert_eq!(answered(put(first.clone(), START)), Answer::Stored);
    assert_eq!(answered(put(first.clone(), START)), Answer::Stored);
    // A lower number, and the same number with other words.
    let older = sealed(publisher, 0, 4, START);
    assert_eq!(answered(put(older, START)), Answer::Refused(StoreRefusal::Older));
    let other = sealed_bytes(publisher, (0, 5), START, b"other");
    assert_eq!(answered(put(other, START)), Answer::Refused(StoreRefusal::Older));
    let expired = sealed(publisher, 0, 6, START);
    assert_eq!(answered(put(expired, at(3600))), Answer::Refused(StoreRefusal::Expired));
    let future = sealed(publisher, 0, 7, at(1000));
    assert_eq!(answered(put(future, START)), Answer::Refused(StoreRefusal::Future));
}

#[test]
fn far_records_are_refused_by_whoever_knows_others_who_lie_nearer() {
    let mut dht = linked(&[1]);
    let far = (20..).map(|it| sealed(it, 0, 1, START));
    let home = Key::from(record(0).position());
    let far = far.into_iter().find(|it| home.distance(it.key()).top() >= 1 << 63).unwrap();
    let mut put = |query, known: Range<u16>| {
        known.for_each(|it| dht.handle_input(START, Input::Learned { record: record(it) }));
        said(&mut dht);
        answered(hear(&mut dht, START, 1, store(query, far.clone())))
    };
    // Of a network of a few each takes every record.
    assert_eq!(put(1, 100..100 + K as u16 - 1), Answer::Stored);
    assert_eq!(put(2, 119..120), Answer::Refused(StoreRefusal::TooFar));
}

#[test]
fn kinds_that_nobody_knows_and_bodies_of_another_kind_are_not_kept() {
    let mut dht = linked(&[1]);
    let mut query = 0;
    for (kind, body, expected) in [
        (RecordKind(200), b"x".to_vec(), StoreRefusal::UnknownKind),
        (RecordKind::NODE, b"x".to_vec(), StoreRefusal::Invalid),
        (RecordKind::RENDEZVOUS, vec![7; RENDEZVOUS_BYTES - 1], StoreRefusal::Invalid),
        (RecordKind::RENDEZVOUS, vec![7; RENDEZVOUS_BYTES + 1], StoreRefusal::Invalid),
        // Another's node record.
        (RecordKind::NODE, record(0).encode(), StoreRefusal::Invalid),
    ] {
        let expires = START.unix.after(Duration::from_secs(60));
        let said = Published { kind, slot: 0, expires, body };
        let made =
            |it: u16| DhtRecord::new(&key(it), NETWORK, (1, START.unix), said.clone()).unwrap();
        let home = Key::from(record(0).position());
        let record = (20..).map(made).find(|it| home.distance(it.key()).top() < 1 << 62).unwrap();
        query += 1;
        let outputs = hear(&mut dht, START, 1, store(query, record));
        assert_eq!(answered(outputs), Answer::Refused(expected));
    }
    assert_eq!(dht.records().count(), 0);
}

#[test]
fn a_record_for_another_key_or_without_signature_is_an_offense_and_is_not_kept() {
    let mut dht = linked(&[1]);
    let record = sealed(near(20), 0, 1, START);
    let message = DhtMessage::Store(DhtStore {
        query: QueryId(1),
        around: around(Key([3; 32])),
        record: record.clone(),
    });
    assert_eq!(offenses(&hear(&mut dht, START, 1, message)), [Offense::OtherKey]);
    let mut bytes = record.encode();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = DhtRecord::decode(&bytes, NETWORK).unwrap();
    assert_eq!(offenses(&hear(&mut dht, START, 1, store(2, forged))), [Offense::Signature]);
    assert_eq!(dht.records().count(), 0);
}

#[test]
fn one_publisher_has_as_many_places_as_slots_and_no_stranger_can_use_them() {
    let mut dht = linked(&[1]);
    let mut stored = 0;
    let mut query = 0;
    for slot in 0..8 {
        query += 1;
        let outputs = hear(&mut dht, START, 1, store(query, sealed(20, slot, 1, START)));
        stored += usize::from(answered(outputs) == Answer::Stored);
    }
    assert!(stored <= RECORDS_PER_PUBLISHER);
    // The key is a hash of its publisher: nobody else's record has it.
    assert_ne!(sealed(20, 0, 1, START).key(), sealed(21, 0, 1, START).key());
}

#[test]
fn a_flood_of_many_publishers_from_one_network_takes_nothing_from_another() {
    let mut dht = linked(&[1, 2]);
    let honest = sealed(near(20), 0, 1, START);
    assert_eq!(answered(hear(&mut dht, START, 2, store(1, honest.clone()))), Answer::Stored);
    let (mut from, mut full) = (1000, 0);
    for query in 1..=1000 {
        let publisher = near(from);
        from = publisher + 1;
        let record = sealed(publisher, 0, 1, START);
        let answer = answered(hear(&mut dht, START, 1, store(query, record)));
        full += u32::from(answer == Answer::Refused(StoreRefusal::Full));
    }
    assert!(full > 0, "the flood fills the shelf");
    assert!(dht.records().any(|it| *it == honest));
    let bytes = dht.occupancy().find(|it| it.name == "dht record bytes").unwrap();
    assert!(bytes.len <= SHELF_BYTES_MAX);
}

#[test]
fn pulls_of_what_we_do_not_have_are_answered_with_none() {
    let mut dht = linked(&[1]);
    let pull = DhtMessage::Pull(DhtPull { query: QueryId(1), key16: [1; 16] });
    assert_eq!(answered(hear(&mut dht, START, 1, pull)), Answer::None);
}

#[test]
fn nothing_of_another_network_is_learned() {
    let mut dht = machine(0);
    let node: Node = record(1).node().clone();
    let foreign = NodeRecord::new(&key(1), Network::Bitcoin, START.unix, node).unwrap();
    dht.handle_input(START, Input::Learned { record: foreign });
    dht.handle_input(START, Input::Learned { record: unsigned(2) });
    assert_eq!(dht.roots().count(), 0);
}

/// Brings nodes into the table: each asks, and answers when it is asked back.
fn befriend(dht: &mut Dht, numbers: &[u16]) {
    for number in numbers {
        let find = DhtFind {
            query: QueryId(1),
            around: around(Key([1; 32])),
            wants: Wants::Nodes,
            asker: Some(record(*number)),
        };
        let said = messages(hear(dht, START, *number, DhtMessage::Find(find)));
        let [(_, DhtMessage::Find(probe)), ..] = &said[..] else { panic!("{said:?}") };
        hear(dht, START, *number, reply(probe.query, Answer::None, vec![]));
    }
}

/// What neighbours are told: to whom, and how often it is handed on.
fn told(dht: &mut Dht, now: Now) -> Vec<(PeerId, u8)> {
    dht.handle_timeout(now);
    let said = messages(said(dht));
    let have = |(to, message)| match message {
        DhtMessage::Have(have) => Some((to, have.records[0].ttl)),
        DhtMessage::Find(_) | DhtMessage::Store(_) | DhtMessage::Reply(_) | DhtMessage::Pull(_) => {
            None
        }
    };
    said.into_iter().filter_map(have).collect()
}

#[test]
fn what_is_taken_is_told_to_neighbours_who_pull_it_and_tell_others() {
    let publisher = near(20);
    let value = sealed(publisher, 0, 1, START);
    let key = value.key();
    let is_near = |it: &u16| key.distance(record(*it).position()).top() < 1 << 62;
    let neighbours: Vec<u16> = (1..).filter(is_near).take(3).collect();
    let soon = later(START, HAVE_INTERVAL);
    for (ttl, expected) in [(2, Some(1)), (1, Some(0)), (0, None)] {
        let mut dht = linked(&neighbours);
        befriend(&mut dht, &neighbours);
        let had = Had { key16: key.first_half(), seq: 1, ttl };
        let have = DhtMessage::Have(DhtHave { records: vec![had] });
        let asked = messages(hear(&mut dht, START, neighbours[0], have));
        let [(_, DhtMessage::Pull(pull))] = &asked[..] else { panic!("{asked:?}") };
        let answer = reply(pull.query, Answer::Value(value.clone()), vec![]);
        assert_eq!(offenses(&hear(&mut dht, START, neighbours[0], answer)), []);
        assert!(dht.records().any(|it| *it == value));
        let all: Vec<_> = told(&mut dht, soon).into_iter().map(|it| it.1).collect();
        assert_eq!(all, expected.map_or(vec![], |ttl| vec![ttl; 3]));
    }
}

#[test]
fn four_versions_a_minute_of_one_publisher_are_handed_on() {
    let publisher = near(20);
    let key = sealed(publisher, 0, 1, START).key();
    let neighbour = (1..).find(|it| key.distance(record(*it).position()).top() < 1 << 62).unwrap();
    let mut dht = linked(&[neighbour]);
    befriend(&mut dht, &[neighbour]);
    for seq in 1..=10 {
        let outputs =
            hear(&mut dht, START, neighbour, store(seq + 1, sealed(publisher, 0, seq, START)));
        assert_eq!(answered(outputs), Answer::Stored);
    }
    dht.handle_timeout(later(START, HAVE_INTERVAL));
    let names: usize = messages(said(&mut dht)).iter().map(|(_, message)| names_in(message)).sum();
    assert_eq!(names, usize::from(VERSIONS_PER_MINUTE));
}

#[test]
fn regression_who_lies_outside_the_region_keeps_a_record_and_tells_nobody() {
    let home = Key::from(record(0).position());
    let is_around = |it: &u16| {
        let top = home.distance(sealed(*it, 0, 1, START).key()).top();
        (1 << 62..1 << 63).contains(&top)
    };
    let publisher = (20..).find(is_around).unwrap();
    let value = sealed(publisher, 0, 1, START);
    let key = value.key();
    let is_near = |it: &u16| key.distance(record(*it).position()).top() < 1 << 62;
    let neighbour = (1..).find(is_near).unwrap();
    let mut dht = linked(&[neighbour]);
    befriend(&mut dht, &[neighbour]);
    let outputs = hear(&mut dht, START, neighbour, store(2, value.clone()));
    assert_eq!(answered(outputs), Answer::Stored);
    assert!(dht.records().any(|it| *it == value));
    assert_eq!(told(&mut dht, later(START, HAVE_INTERVAL)), []);
}

fn names_in(message: &DhtMessage) -> usize {
    match message {
        DhtMessage::Have(have) => have.records.len(),
        DhtMessage::Find(_) | DhtMessage::Store(_) | DhtMessage::Reply(_) | DhtMessage::Pull(_) => {
            0
        }
    }
}
