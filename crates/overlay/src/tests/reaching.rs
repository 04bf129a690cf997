//! A node behind a router: what it is in the network, and what it says of itself.

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_dht::{Outcome, Thoroughness};
use ensign_reach::{RETEST_INTERVAL, Verdict};
use ensign_rendezvous::{DayKey, day};
use ensign_wire::{DhtMessage, Key, Role};

use super::cast::{NETWORK, World, config, key, peer};
use crate::{Event, Input, Message, Output, OverlayConfig, PAIR_SPREAD, PUBLISH_DELAY, Restored};

/// The node behind the router.
const BEHIND: u16 = 50;

fn outside(last: u8) -> SocketAddr {
    ([9, 9, 9, last], 4820).into()
}

fn behind() -> OverlayConfig {
    let listening = vec![([192, 168, 0, 7], 4820).into()];
    OverlayConfig { addresses: vec![], listening, ..config(BEHIND, Role::Signer) }
}

/// Ten nodes that are reached, and one behind a router.
fn world(is_open: bool) -> World {
    let mut world = World::new(10);
    world.tells = true;
    world.run(Duration::from_secs(10));
    world.place(BEHIND, outside(9), is_open);
    world.add(BEHIND, behind(), Restored::default());
    world.run(Duration::from_secs(60));
    world
}

fn find(world: &mut World, sought: u16) -> Option<Vec<SocketAddr>> {
    let query = world.command(3, |it, now| it.find_node(now, peer(sought)).unwrap());
    world.run(Duration::from_secs(5));
    world.events(3).into_iter().find_map(|event| match event {
        Event::Ended { query: of, outcome: Outcome::Node(record), .. } if of == query => {
            Some(record.node().addresses.clone())
        }
        _ => None,
    })
}

/// The record by which a node is found, as the network holds it.
fn published(world: &mut World, sought: u16) -> Option<Vec<u8>> {
    let key = Key::of_peer(NETWORK, &peer(sought));
    let query = world.command(3, |it, now| it.get(now, key, Thoroughness::Thorough).unwrap());
    world.run(Duration::from_secs(5));
    world.events(3).into_iter().find_map(|event| match event {
        Event::Ended { query: of, outcome: Outcome::Record { record, .. }, .. } if of == query => {
            Some(record.said().body.clone())
        }
        _ => None,
    })
}

#[test]
fn node_whose_router_lets_nobody_in_ends_as_a_client_and_its_user_is_told() {
    let mut world = world(false);
    let status = world.node(BEHIND).status(world.now);
    assert_eq!((status.role, status.wanted_role), (Role::Light, Role::Signer));
    assert_eq!((status.reach.verdict, status.reach.port), (Verdict::Unreached, Some(4820)));
    assert_eq!((status.own, status.is_solving), (None, false));
    assert!(status.reach.seen[0].networks >= 2 && status.reach.seen[0].address == outside(9));
    assert!(world.events(BEHIND).contains(&Event::Unreachable));
    // It asks, and finds others; nobody has it in a table, and nobody finds it.
    assert!(status.network.contacts > 0);
    for number in 0..10 {
        let contacts = world.node(number).contacts(world.now);
        assert!(contacts.iter().all(|it| it.record.peer() != peer(BEHIND)), "{number}");
    }
    assert_eq!(find(&mut world, BEHIND), None);
    assert_eq!(world.offenses, Vec::<std::string::String>::new());
}

#[test]
fn node_whose_port_is_forwarded_serves_and_is_found_there() {
    let mut world = world(true);
    let status = world.node(BEHIND).status(world.now);
    assert_eq!((status.role, status.reach.verdict), (Role::Signer, Verdict::Reached));
    assert_eq!(status.addresses, [outside(9)]);
    assert_eq!(status.own.unwrap().node().addresses, [outside(9)]);
    let addresses = vec![outside(9)];
    assert!(world.events(BEHIND).contains(&Event::Reachable { addresses }));
    assert_eq!(find(&mut world, BEHIND), Some(vec![outside(9)]));
    assert_eq!(world.offenses, Vec::<std::string::String>::new());
}

#[test]
fn node_that_moves_is_found_where_it_is_then_and_one_that_is_shut_off_serves_no_more() {
    let mut world = world(true);
    // The provider gives another address; connections live on.
    world.place(BEHIND, outside(77), true);
    world.run(RETEST_INTERVAL + Duration::from_secs(30 * 60));
    let status = world.node(BEHIND).status(world.now);
    assert_eq!((status.role, status.addresses), (Role::Signer, vec![outside(77)]));
    let own = status.own.unwrap();
    assert_eq!(published(&mut world, BEHIND), Some(own.encode()));
    // The router forgets the port.
    world.place(BEHIND, outside(77), false);
    world.run(RETEST_INTERVAL + Duration::from_secs(30 * 60));
    let status = world.node(BEHIND).status(world.now);
    assert_eq!((status.role, status.own, status.addresses), (Role::Light, None, vec![]));
    assert!(world.events(BEHIND).contains(&Event::Unreachable));
    let key = Key::of_peer(NETWORK, &peer(BEHIND));
    assert!(!world.command(BEHIND, |it, _| it.withdraw(&key)), "not among what its user says");
}

#[test]
fn member_that_is_away_is_told_at_once_where_a_node_is_reached_now() {
    const AWAY: u16 = 60;
    let mut world = world(true);
    world.input(BEHIND, Input::Paired { peer: peer(AWAY) });
    world.run(Duration::from_secs(60));
    world.place(BEHIND, outside(77), true);
    while world.node(BEHIND).status(world.now).addresses != [outside(77)] {
        world.outputs.clear();
        world.run(Duration::from_secs(10));
    }
    world.run(PUBLISH_DELAY + PAIR_SPREAD + Duration::from_secs(1));
    let today = day(world.now.unix);
    let key = DayKey::theirs(&key(AWAY), NETWORK, &peer(BEHIND), today).unwrap();
    let mut sealed = world.outputs.iter().filter_map(|(who, output)| match output {
        Output::Send { message: Message::Dht(DhtMessage::Store(store)), .. }
            if *who == peer(BEHIND) =>
        {
            key.open(&store.record)
        }
        _ => None,
    });
    let listening = ([192, 168, 0, 7], 4820).into();
    assert_eq!(sealed.next_back(), Some(vec![outside(77), listening]));
}

#[test]
fn light_node_is_not_tested() {
    let mut world = World::new(6);
    world.tells = true;
    world.place(BEHIND, outside(9), true);
    world.add(BEHIND, OverlayConfig { role: Role::Light, ..behind() }, Restored::default());
    world.run(Duration::from_secs(60));
    let status = world.node(BEHIND).status(world.now);
    assert_eq!((status.reach.verdict, status.reach.tested), (Verdict::Unwanted, vec![]));
    assert_eq!((status.role, status.addresses), (Role::Light, vec![]));
}
