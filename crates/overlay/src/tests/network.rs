//! Nodes that know one address, and what they find.

use core::time::Duration;
use std::vec::Vec;

use ensign_dht::{Outcome, Thoroughness};
use ensign_primitives::QueryId;
use ensign_wire::{RENDEZVOUS_BYTES, RecordKind, Role};

use super::cast::{World, address, config, peer, record};
use crate::{Event, Input, LOOK_AFTER, OUTBOUND_OF_LIGHT, Output, Record, Restored, book};

fn outcome(world: &World, number: u16, query: QueryId) -> Option<Outcome> {
    world.events(number).into_iter().find_map(|event| match event {
        Event::Ended { query: of, outcome, .. } if of == query => Some(outcome),
        _ => None,
    })
}

fn joined(nodes: u16) -> World {
    let mut world = World::new(nodes);
    world.run(Duration::from_secs(10));
    world
}

#[test]
fn nodes_that_know_one_address_find_each_other() {
    let mut world = joined(12);
    assert_eq!(world.offenses, Vec::<std::string::String>::new());
    for number in 0..12 {
        let status = world.node(number).status(world.now);
        assert!(status.copies.is_some_and(|it| it > 0), "{number}: {status:?}");
        let published = |it: &Event| matches!(it, Event::Published { copies: 1.. });
        assert!(world.events(number).iter().any(published));
    }
    for number in [0, 1, 7, 11] {
        for sought in [0, 5, 11].into_iter().filter(|it| *it != number) {
            let query = world.command(number, |it, now| it.find_node(now, peer(sought)).unwrap());
            world.run(Duration::from_secs(3));
            let Some(Outcome::Node(found)) = outcome(&world, number, query) else {
                panic!("{number} does not find {sought}")
            };
            assert_eq!(found.node().addresses, [address(sought)]);
        }
    }
}

#[test]
fn what_one_puts_another_gets_until_it_is_withdrawn() {
    let mut world = joined(10);
    let body = std::vec![7; RENDEZVOUS_BYTES];
    let put = world.command(3, |it, now| it.put(now, (RecordKind::RENDEZVOUS, 2), body.clone()));
    let (query, key) = put.unwrap();
    world.run(Duration::from_secs(5));
    assert!(matches!(outcome(&world, 3, query), Some(Outcome::Stored { copies: 1.. })));
    let query = world.command(8, |it, now| it.get(now, key, Thoroughness::Usual).unwrap());
    world.run(Duration::from_secs(5));
    let Some(Outcome::Record { record, .. }) = outcome(&world, 8, query) else { panic!("none") };
    assert_eq!(record.said().body, body);
    assert!(world.command(3, |it, _| it.withdraw(&key)));
    // It is not issued anew, and an hour later nobody has it.
    world.run(Duration::from_secs(3700));
    let query = world.command(8, |it, now| it.get(now, key, Thoroughness::Usual).unwrap());
    world.run(Duration::from_secs(5));
    assert_eq!(outcome(&world, 8, query), Some(Outcome::NotFound));
    let body = std::vec![0; 1025];
    let refused = world.command(3, |it, now| it.put(now, (RecordKind::RENDEZVOUS, 2), body));
    assert!(refused.is_err());
    let refused = world.command(3, |it, now| it.put(now, (RecordKind::NODE, 0), b"me".to_vec()));
    assert!(refused.is_err(), "our own record is not our user's to say");
}

#[test]
fn a_node_that_is_wanted_and_away_is_looked_for_until_it_is_here() {
    let mut world = joined(10);
    // Nobody can dial it, so that it has to look.
    let light = crate::OverlayConfig { addresses: std::vec![], ..config(60, Role::Signer) };
    world.add(60, light, Restored::default());
    world.run(Duration::from_secs(5));
    world.input(60, Input::Wanted { peer: peer(50) });
    world.run(2 * LOOK_AFTER);
    assert_eq!(world.node(60).status(world.now).looked_for, 1, "nobody is there");
    // It comes up at an address that nobody has known.
    world.add(50, config(50, Role::Signer), Restored::default());
    world.run(Duration::from_secs(120));
    assert_eq!(world.node(60).status(world.now).looked_for, 0);
}

#[test]
fn a_light_node_asks_and_says_nothing_of_itself() {
    let mut world = joined(10);
    let light = crate::OverlayConfig { addresses: std::vec![], ..config(60, Role::Light) };
    world.add(60, light, Restored::default());
    world.run(Duration::from_secs(10));
    let status = world.node(60).status(world.now);
    assert_eq!((status.role, status.own, status.is_solving), (Role::Light, None, false));
    // Ten nodes are there, and each would take it.
    assert_eq!(status.outbound.len(), OUTBOUND_OF_LIGHT);
    let query = world.command(60, |it, now| it.find_node(now, peer(7)).unwrap());
    world.run(Duration::from_secs(3));
    assert!(matches!(outcome(&world, 60, query), Some(Outcome::Node(_))));
    let query = world.command(7, |it, now| it.find_node(now, peer(60)).unwrap());
    world.run(Duration::from_secs(10));
    assert_eq!(outcome(&world, 7, query), Some(Outcome::NotFound));
}

#[test]
fn each_dial_is_left_once_when_nobody_needs_it() {
    let mut world = joined(10);
    world.run(Duration::from_secs(900));
    for (pair, open) in &world.open {
        assert!((0..=1).contains(open), "{pair:?}: {open}");
    }
    for number in 0..10 {
        let status = world.node(number).status(world.now);
        let kept =
            world.open.iter().filter(|((from, _), open)| *from == peer(number) && **open > 0);
        assert_eq!(kept.count(), status.outbound.len() + status.warm + status.dials, "{number}");
    }
    assert_eq!(world.offenses, Vec::<std::string::String>::new());
}

#[test]
fn a_restart_needs_no_first_node() {
    let mut world = joined(10);
    world.run(Duration::from_secs(600));
    let mut kept = std::collections::BTreeMap::new();
    let mut anchors = std::vec![];
    let (mut position, mut looks) = (None, None);
    for (_, output) in world.outputs.iter().filter(|(who, _)| *who == peer(9)) {
        match output {
            Output::Note(Record::Book(book::Note::Kept(it))) => {
                kept.insert(it.record.peer(), it.clone());
            }
            Output::Note(Record::Book(book::Note::Gone { peer })) => _ = kept.remove(peer),
            Output::Note(Record::Book(book::Note::Anchors(it))) => anchors.clone_from(it),
            Output::Note(Record::Position(proof)) => position = Some(*proof),
            Output::Note(Record::Looks(it)) => looks = Some(it.clone()),
            _ => {}
        }
    }
    assert!(kept.len() > 5, "{}", kept.len());
    assert!(position.is_some());
    world.stop(9);
    world.stop(0);
    world.run(Duration::from_secs(1));
    let alone = crate::OverlayConfig { first: std::vec![], ..config(9, Role::Signer) };
    let book = book::Restored { kept: kept.into_values().collect(), anchors };
    world.add(9, alone, Restored { book, position, looks });
    world.run(Duration::from_secs(20));
    let status = world.node(9).status(world.now);
    assert!(status.own.is_some() && !status.is_solving, "its work is kept");
    assert!(status.network.contacts > 5, "{status:?}");
    let query = world.command(9, |it, now| it.find_node(now, peer(3)).unwrap());
    world.run(Duration::from_secs(3));
    assert!(matches!(outcome(&world, 9, query), Some(Outcome::Node(_))));
}

#[test]
fn who_is_barred_is_not_dialled() {
    let mut world = World::new(1);
    for number in 1..10 {
        let mut config = config(number, Role::Signer);
        config.first.clear();
        world.add(number, config, Restored::default());
    }
    world.input(5, Input::Barred { peer: peer(0), is_barred: true });
    world.command(5, |it, now| it.know_first(now, peer(0), std::vec![address(0)]));
    world.run(Duration::from_secs(60));
    assert!(!world.open.contains_key(&(peer(5), peer(0))));
    world.input(5, Input::Barred { peer: peer(0), is_barred: false });
    world.run(Duration::from_secs(300));
    assert!(world.open.contains_key(&(peer(5), peer(0))));
    assert_eq!(record(0).peer(), peer(0));
}
