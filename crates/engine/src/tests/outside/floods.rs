//! Floods of what costs its sender nothing: bounded, and honest nodes are served beside them.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_overlay::dht::{RECORDS_PER_PUBLISHER, SHELF_BYTES_MAX};
use ensign_wire::{
    Answer, DhtHave, DhtMessage, DhtRecord, Frame, HAND_ON_TTL, Had, Key, NAMES_PER_HAVE_MAX,
    Published, RENDEZVOUS_BYTES, RecordKind, StoreRefusal,
};

use super::{
    super::cast::{NETWORK, START},
    cast::{Outside, Stranger, id, key, record, refused, value},
};
use crate::{CloseCode, Offense, ratelimit::STRANGER_DHT};

/// How full one collection is.
fn held(outside: &Outside, name: &str) -> usize {
    outside.crowd.engine.occupancy().find(|it| it.name == name).expect("a collection").len
}

#[test]
fn one_stranger_that_stores_without_end_is_sent_away_and_takes_its_publishers_places_only() {
    let mut outside = Outside::new();
    let publisher = outside.near(10);
    let honest = value(publisher, (0, 1), START);
    let mut bearer = outside.meet(1);
    assert_eq!(outside.store(&mut bearer, &honest), Answer::Stored);
    let mut stranger = outside.meet(2);
    let (mut stored, mut closed) = (0, None);
    for seq in 1..=200 {
        // One publisher, in all of its places, version by version.
        let record = value(2, (seq as u8 % 8, seq), START);
        let came = outside.store_bytes(&mut stranger, record.key(), &record.encode());
        closed = closed.or(came.closed);
        if closed.is_some() {
            break;
        }
        let beyond = |it: &Offense| matches!(it, Offense::TooManyQuestions { .. });
        assert!(came.offenses.iter().all(beyond), "{came:?}");
        let is_beyond = !came.offenses.is_empty();
        assert_eq!(is_beyond, seq > STRANGER_DHT.burst, "{seq}");
        if !is_beyond && came.answer() == Answer::Stored {
            stored += 1;
        }
    }
    assert_eq!(closed, Some(CloseCode::Offense));
    assert!(stored > 0 && held(&outside, "dht records") <= RECORDS_PER_PUBLISHER + 1);
    let mut other = outside.meet(3);
    assert_eq!(outside.held(&mut other, honest.key()), Answer::Value(honest));
}

/// A full record of a fresh key that lies where the node keeps it, from that number on.
fn sealed(outside: &Outside, from: &mut u16) -> DhtRecord {
    let number = outside.near(*from);
    *from = number + 1;
    let expires = START.after(Duration::from_secs(3600));
    let (kind, body) = (RecordKind::RENDEZVOUS, vec![7; RENDEZVOUS_BYTES]);
    let said = Published { kind, slot: 0, expires, body };
    DhtRecord::new(&key(number), NETWORK, (1, START), said).unwrap()
}

#[test]
fn many_strangers_and_publishers_fill_the_shelf_and_wash_nobody_elses_records_out() {
    let mut outside = Outside::new();
    let mut from = 10_000;
    let honest: Vec<_> = (0..4).map(|_| sealed(&outside, &mut from)).collect();
    let mut bearer = outside.meet(1);
    honest.iter().for_each(|it| assert_eq!(outside.store(&mut bearer, it), Answer::Stored));
    // Ten of one /24 each say what they may.
    let mut full = 0;
    for number in 0..10 {
        let (link, _) =
            outside.crowd.come(id(100 + number), ([7, 7, 7, number as u8], 4000).into());
        let mut stranger = Stranger { link, query: 0 };
        for _ in 0..100 {
            let record = sealed(&outside, &mut from);
            let answer = outside.store(&mut stranger, &record);
            full += usize::from(answer == refused(StoreRefusal::Full));
        }
    }
    assert!(full > 0, "the flood fills the shelf");
    assert!(held(&outside, "dht record bytes") <= SHELF_BYTES_MAX);
    let mut other = outside.meet(3);
    for record in honest {
        assert_eq!(outside.held(&mut other, record.key()), Answer::Value(record));
    }
}

#[test]
fn names_of_records_that_nobody_has_hold_no_place_that_honest_ones_need() {
    let mut outside = Outside::new();
    let home = outside.crowd.engine.overlay().unwrap().status(outside.crowd.now).own.unwrap();
    let home = Key::from(home.position()).first_half();
    let names = |salt: u8| -> Vec<Had> {
        let had = |it: u8| {
            let mut key16 = home;
            (key16[14], key16[15]) = (salt, it);
            Had { key16, seq: 1, ttl: HAND_ON_TTL - 1 }
        };
        (0..NAMES_PER_HAVE_MAX as u8).map(had).collect()
    };
    // Each says four times at once that it has sixty-four that it never shows.
    let mut asked = 0;
    for number in 1..=4 {
        let stranger = outside.meet(number);
        for time in 0..4 {
            let records = names(number as u8 * 4 + time);
            let came =
                outside.say(stranger.link, &Frame::Dht(DhtMessage::Have(DhtHave { records })));
            assert_eq!(came.offenses, []);
            asked += came.said.len();
        }
    }
    assert!(asked <= 4 * 40, "{asked}");
    // Who has one is asked for it.
    let publisher = outside.near(200);
    let honest = value(publisher, (0, 1), START);
    let bearer = outside.meet(50);
    let had = Had { key16: honest.key().first_half(), seq: 1, ttl: 1 };
    let came =
        outside.say(bearer.link, &Frame::Dht(DhtMessage::Have(DhtHave { records: vec![had] })));
    let [Frame::Dht(DhtMessage::Pull(pull))] = came.said[..] else { panic!("{came:?}") };
    outside.reply(&bearer, (pull.query, Answer::Value(honest.clone())), vec![]);
    let mut other = outside.meet(51);
    assert_eq!(outside.held(&mut other, honest.key()), Answer::Value(honest));
}

#[test]
fn a_crowd_that_asks_what_it_may_keeps_nobody_from_being_answered_and_asked_back() {
    let mut outside = Outside::new();
    for number in 100..300 {
        let mut stranger = outside.meet(number);
        for _ in 0..3 {
            // It never answers when it is asked back.
            outside.find(&mut stranger, Key([9; 32]), Some(record(number).encode()));
        }
    }
    outside.pass(Duration::from_millis(300));
    outside.pass(Duration::from_secs(2));
    outside.befriend(1);
    let now = outside.crowd.now;
    assert_eq!(outside.crowd.engine.overlay().unwrap().contacts(now).len(), 1);
}
