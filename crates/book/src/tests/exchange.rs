//! Whom the book asks, what it takes of an answer, and whom it tells of whom.

use core::time::Duration;
use std::{collections::BTreeSet, vec, vec::Vec};

use ensign_primitives::UnixTime;

use super::world::{Card, START, World, config, kept, lone, own_network, peer, seed};
use crate::{
    Fault, Input, Offense, QUESTIONS_ALLOWED, ROUND_TAKEN_MAX, ROUND_TAKEN_PER_SOURCE_MAX,
    Restored, Source, TOLD_MAX,
};

/// A world with these nodes in *tried*, all alive, as many connected as there are places.
fn among(numbers: core::ops::Range<u32>) -> World {
    let cards: Vec<_> = numbers.map(lone).collect();
    let kept = cards.iter().cloned().map(kept).collect();
    let mut world = World::new(config(), seed(1), Restored { kept, anchors: Vec::new() });
    cards.iter().for_each(|card| world.lives(card));
    world.pass(Duration::from_secs(1));
    world
}

#[test]
fn thin_book_asks_whom_it_dials_at_once_and_takes_a_third_from_each() {
    let mut world = among(0..4);
    assert_eq!(world.asked.iter().collect::<BTreeSet<_>>().len(), 4, "each is asked once");
    for teller in 0..4 {
        let records = (0..TOLD_MAX as u32).map(|it| lone(1000 * (teller + 1) + it)).collect();
        let before = world.held("nodes in new");
        world.input(Input::Told { from: peer(teller), records });
        let taken = world.held("nodes in new") - before;
        assert!(taken <= ROUND_TAKEN_PER_SOURCE_MAX, "{taken} of {teller}");
        let total = world.held("nodes in new");
        assert!(total <= ROUND_TAKEN_MAX, "{total}");
    }
    assert_eq!(world.offenses, vec![]);
    assert!(world.held("nodes in new") > 2 * ROUND_TAKEN_PER_SOURCE_MAX);
}

#[test]
fn what_is_told_enters_new_only() {
    let mut world = among(0..4);
    let told: Vec<_> = (100..110).map(lone).collect();
    world.input(Input::Told { from: peer(0), records: told.clone() });
    let told: Vec<_> = told.iter().map(|card| card.peer).collect();
    assert_eq!(world.tried(&told), 0);
    assert!(world.held("nodes in new") > 0);
}

fn offense_of(records: Vec<Card>) -> Option<Offense> {
    let mut world = among(0..4);
    let before = world.held("nodes in new");
    world.input(Input::Told { from: peer(0), records });
    let offense = world.offenses.first().map(|(_, offense)| *offense);
    if offense.is_some() {
        assert_eq!(world.held("nodes in new"), before, "something of it was taken");
    }
    offense
}

#[test]
fn hostile_answers_are_offenses_and_leave_nothing() {
    let with = |fault| {
        let mut records: Vec<_> = (100..110).map(lone).collect();
        records[7].fault = Some(fault);
        records
    };
    for fault in [Fault::Forged, Fault::Foreign, Fault::Misplaced] {
        let expected = Offense::Record { peer: peer(107), fault };
        assert_eq!(offense_of(with(fault)), Some(expected));
    }
    assert_eq!(offense_of(with(Fault::Stale)), None, "who hands on what has ended is not at fault");
    let itself = vec![lone(0); 32];
    assert_eq!(offense_of(itself), Some(Offense::Twice { peer: peer(0) }));
    assert_eq!(offense_of(vec![lone(0)]), None);
    let many = (0..10_000).map(lone).collect();
    let expected = Offense::TooMany { count: 9_999, limit: TOLD_MAX };
    assert_eq!(offense_of(many), Some(expected));
}

#[test]
fn regression_a_node_that_told_of_itself_and_of_all_it_may_was_blamed() {
    let honest: Vec<_> = (0..1).chain(100..100 + TOLD_MAX as u32).map(lone).collect();
    assert_eq!(honest.len(), TOLD_MAX + 1);
    assert_eq!(offense_of(honest.clone()), None);
    let more = honest.into_iter().chain([lone(900)]).collect();
    let expected = Offense::TooMany { count: TOLD_MAX + 1, limit: TOLD_MAX };
    assert_eq!(offense_of(more), Some(expected));
}

#[test]
fn unasked_answers_are_offenses_and_so_is_a_second_one() {
    let mut world = among(0..4);
    world.call(peer(50), own_network(50));
    world.input(Input::Told { from: peer(50), records: vec![lone(100)] });
    assert_eq!(world.offenses, vec![(peer(50), Offense::Unasked)]);
    world.input(Input::Told { from: peer(1), records: vec![lone(101)] });
    assert_eq!(world.offenses.len(), 1);
    world.input(Input::Told { from: peer(1), records: vec![lone(102)] });
    assert_eq!(world.offenses[1], (peer(1), Offense::Unasked));
}

#[test]
fn callers_are_never_asked() {
    let mut world = among(0..4);
    world.call(peer(50), own_network(50));
    world.pass(Duration::from_secs(3600));
    assert!(!world.asked.contains(&peer(50)));
}

#[test]
fn who_asks_is_told_of_those_reached_lately_but_not_of_members_or_trusted_nodes() {
    let trusted = vec![(peer(9), vec![own_network(9)])];
    let config = crate::BookConfig { trusted, ..config() };
    let ended = Card { expires: START.unix, ..lone(3) };
    let early = UnixTime::from_millis(START.unix.as_millis() - 3 * 24 * 3600 * 1000);
    let long_ago = crate::Kept { reached_at: early, ..kept(lone(4)) };
    let mut all: Vec<_> = [lone(1), lone(2), ended, lone(9)].into_iter().map(kept).collect();
    all.push(long_ago);
    let mut world = World::new(config, seed(1), Restored { kept: all, anchors: Vec::new() });
    world.book.exclude(world.now, peer(2));
    world.input(Input::Learned { record: lone(2), source: Source::User });
    world.input(Input::Learned { record: lone(5), source: Source::User });
    world.call(peer(50), own_network(50));
    world.input(Input::Asked { from: peer(50) });
    let (to, records) = world.told.pop().unwrap();
    assert_eq!(to, peer(50));
    assert_eq!(records, vec![lone(1)]);
}

#[test]
fn many_questions_harvest_no_more_than_one() {
    let mut world = among(0..200);
    let mut seen = BTreeSet::new();
    for _ in 0..QUESTIONS_ALLOWED.burst {
        world.call(peer(900), own_network(900));
        world.input(Input::Asked { from: peer(900) });
        world.hang_up(peer(900));
    }
    for (_, records) in world.told.drain(..) {
        assert_eq!(records.len(), TOLD_MAX);
        seen.extend(records.into_iter().map(|card| card.peer));
    }
    assert_eq!(seen.len(), TOLD_MAX);
    world.call(peer(900), own_network(900));
    world.input(Input::Asked { from: peer(900) });
    assert!(world.told.is_empty());
    assert_eq!(world.offenses, vec![(peer(900), Offense::AskedTooOften)]);
}
