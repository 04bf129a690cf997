//! What an attacker did to a node by way of what it takes for granted.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::{Now, QueryId, StateMachine};
use ensign_wire::{
    Answer, DhtFind, DhtHave, DhtMessage, Had, Key, NodeRecord, StoreRefusal, Wants,
};

use super::{
    cast::{
        NETWORK, START, address, hear, later, linked, messages, node_entry, offenses, peer, record,
        record_at, said, sealed,
    },
    hostile::{answered, around, near, reply, store},
};
use crate::{
    Dht, Event, GROUP_PER_BUCKET_MAX, HARD_TIMEOUT, Input, Outcome, Output, PULLS_ASKED,
    QUESTIONS_ASKED,
};

/// Asks, and says who asks; returns the names of the questions by which it is asked back.
fn asked_back(dht: &mut Dht, from: u16, about: (u64, NodeRecord)) -> Vec<QueryId> {
    asked_back_at(dht, START, from, about)
}

fn asked_back_at(
    dht: &mut Dht,
    now: Now,
    from: u16,
    (query, asker): (u64, NodeRecord),
) -> Vec<QueryId> {
    let (query, around) = (QueryId(query), around(Key([1; 32])));
    let find = DhtFind { query, around, wants: Wants::Nodes, asker: Some(asker) };
    let outputs = hear(dht, now, from, DhtMessage::Find(find));
    assert_eq!(offenses(&outputs), []);
    let probe = |(_, it)| match it {
        DhtMessage::Find(DhtFind { query, wants: Wants::Answer, .. }) => Some(query),
        DhtMessage::Find(_)
        | DhtMessage::Store(_)
        | DhtMessage::Reply(_)
        | DhtMessage::Have(_)
        | DhtMessage::Pull(_) => None,
    };
    messages(outputs).into_iter().filter_map(probe).collect()
}

#[test]
fn regression_a_stranger_that_named_anothers_address_was_told_to_all() {
    let mut dht = linked(&[1]);
    // It is at its own address and says that it is at another one.
    let elsewhere = record_at(1, START, address(99));
    assert_eq!(asked_back(&mut dht, 1, (1, elsewhere.clone())), []);
    // Nor does it get a place when we ask it over the link that it has made.
    dht.handle_input(START, Input::Learned { record: elsewhere });
    dht.find_node(START, peer(7)).unwrap();
    let asked = messages(said(&mut dht));
    let [(to, DhtMessage::Find(find))] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(*to, peer(1));
    hear(&mut dht, START, 1, reply(find.query, Answer::None, vec![]));
    assert_eq!(dht.table(START), []);
    // With the address from which it speaks among others it does.
    let [query] = asked_back(&mut dht, 1, (2, record(1)))[..] else { panic!("not asked") };
    hear(&mut dht, START, 1, reply(query, Answer::None, vec![]));
    assert_eq!(dht.table(START).len(), 1);
}

#[test]
fn regression_those_who_do_not_answer_kept_all_others_from_being_asked_back() {
    // Nodes of one /24: two are asked back at a time, each once.
    let mut dht = linked(&[]);
    let at = |host: u16| ([9, 9, 9, host as u8], 4000).into();
    let mut asked = 0;
    for number in 1..=4 {
        dht.handle_input(START, Input::Up { peer: peer(number), remote: at(number) });
        let asker = record_at(number, START, at(number));
        asked += asked_back(&mut dht, number, (1, asker.clone())).len();
        asked += asked_back(&mut dht, number, (2, asker)).len();
    }
    assert_eq!(asked, GROUP_PER_BUCKET_MAX);
    // Nor again when they were silent, for a minute; others are, and somebody else is.
    let silent = later(START, HARD_TIMEOUT);
    dht.handle_timeout(silent);
    said(&mut dht);
    let mut again = vec![];
    for number in 1..=4 {
        let asker = record_at(number, START, at(number));
        again.push(asked_back_at(&mut dht, silent, number, (3, asker)).len());
    }
    assert_eq!(again, [0, 0, 1, 1]);
    dht.handle_input(START, Input::Up { peer: peer(9), remote: address(9) });
    assert_eq!(asked_back(&mut dht, 9, (1, record(9))).len(), 1);
}

/// Hears of so many records that somebody has; returns how many it is asked for.
fn pulled(dht: &mut Dht, second: u64, from: u16, names: impl Iterator<Item = u8>) -> u64 {
    let home = Key::from(record(0).position());
    let had = |name: u8| {
        let mut key16 = home.first_half();
        key16[15] ^= name;
        Had { key16, seq: 1, ttl: 0 }
    };
    let have = DhtMessage::Have(DhtHave { records: names.map(had).collect() });
    let now = later(START, Duration::from_secs(second));
    dht.handle_timeout(now);
    said(dht);
    let asked = messages(hear(dht, now, from, have));
    assert!(asked.iter().all(|(to, it)| *to == peer(from) && matches!(it, DhtMessage::Pull(_))));
    asked.len() as u64
}

#[test]
fn regression_names_that_somebody_made_an_honest_node_tell_made_us_ask_it_too_often() {
    let mut dht = linked(&[1, 2]);
    // Every five seconds sixty-four more, as when somebody floods it: it reads 120 questions a minute.
    let asked: u64 = (0..12).map(|it| pulled(&mut dht, it * 5, 1, 0..64)).sum();
    assert!(asked < 2 * PULLS_ASKED.per_minute, "{asked}");
    assert!(asked >= PULLS_ASKED.burst, "{asked}");
    // Another one is asked for the same.
    assert!(pulled(&mut dht, 60, 2, 64..128) >= PULLS_ASKED.burst);
}

#[test]
fn regression_who_told_of_an_old_record_ended_the_search_for_a_node_that_had_moved() {
    let mut dht = linked(&[1, 2]);
    for number in [1, 2] {
        dht.handle_input(START, Input::Learned { record: record(number) });
    }
    let later = later(START, Duration::from_secs(3600));
    dht.find_node(later, peer(7)).unwrap();
    let mut asked = messages(said(&mut dht));
    let mut told = |dht: &mut Dht, node: NodeRecord| -> Vec<Outcome> {
        let (to, DhtMessage::Find(find)) = asked.remove(0) else { panic!("{asked:?}") };
        let from = if to == peer(1) { 1 } else { 2 };
        let outputs = hear(dht, later, from, reply(find.query, Answer::None, vec![node]));
        ended(outputs)
    };
    // An hour old: where it was. The search goes on, to the node itself too.
    assert_eq!(told(&mut dht, record(7)), []);
    let moved = record_at(7, later, address(70));
    assert_eq!(told(&mut dht, moved.clone()), [Outcome::Node(moved)]);
}

fn ended(outputs: Vec<Output>) -> Vec<Outcome> {
    let outcome = |it| match it {
        Output::Event(Event::Ended { outcome, .. }) => Some(outcome),
        Output::Event(_) | Output::Send { .. } | Output::Reach { .. } | Output::Offense { .. } => {
            None
        }
    };
    outputs.into_iter().filter_map(outcome).collect()
}

/// A publisher whose node record lies where node 0 keeps it.
fn node_near(from: u16) -> u16 {
    let home = Key::from(record(0).position());
    let is_near = |it: &u16| home.distance(Key::of_peer(NETWORK, &peer(*it))).top() < 1 << 62;
    (from..).find(is_near).unwrap()
}

#[test]
fn regression_keys_without_end_washed_out_node_records_of_the_same_network() {
    let mut dht = linked(&[1]);
    let node = node_entry(node_near(20), START);
    assert_eq!(answered(hear(&mut dht, START, 1, store(1, node.clone()))), Answer::Stored);
    let (mut from, mut full) = (1000, 0);
    for query in 2..=1000 {
        let publisher = near(from);
        from = publisher + 1;
        let record = sealed(publisher, 0, 1, START);
        let answer = answered(hear(&mut dht, START, 1, store(query, record)));
        full += u32::from(answer == Answer::Refused(StoreRefusal::Full));
    }
    assert!(full > 0, "the flood fills the shelf");
    assert!(dht.records().any(|it| *it == node));
}

#[test]
fn one_node_is_asked_no_more_than_it_reads_whatever_we_look_for() {
    let mut dht = linked(&[1]);
    dht.handle_input(START, Input::Learned { record: record(1) });
    let mut asked = 0;
    for wanted in 100..300 {
        dht.find_node(START, peer(wanted)).unwrap();
        for (to, message) in messages(said(&mut dht)) {
            let DhtMessage::Find(find) = message else { panic!("{message:?}") };
            assert_eq!(to, peer(1));
            asked += 1;
            hear(&mut dht, START, 1, reply(find.query, Answer::None, vec![]));
        }
    }
    assert_eq!(asked, QUESTIONS_ASKED.burst);
    let now = later(START, HARD_TIMEOUT);
    dht.handle_timeout(now);
    dht.find_node(now, peer(400)).unwrap();
    assert!(!messages(said(&mut dht)).is_empty(), "it gets more with time");
}
