//! Honest nodes among themselves.

use core::time::Duration;
use std::vec::Vec;

use ensign_primitives::QueryId;

use super::cast::{World, node_entry, peer, sealed};
use crate::{Event, Outcome, Thoroughness};

const JOINED: Duration = Duration::from_secs(20);
const A_WALK: Duration = Duration::from_secs(10);

fn outcome(world: &World, query: QueryId, of: u16) -> Option<&Outcome> {
    world.events.iter().find_map(|(who, event)| match event {
        Event::Ended { query: ended, outcome, .. } if *ended == query && *who == peer(of) => {
            Some(outcome)
        }
        Event::Ended { .. } | Event::Renew { .. } | Event::Dense { .. } => None,
    })
}

#[test]
fn nodes_that_know_four_others_come_to_know_many_and_offend_nobody() {
    let mut world = World::new(40);
    world.run(JOINED);
    let tables: Vec<_> = world.nodes.values().map(|it| it.table(world.now).len()).collect();
    assert!(tables.iter().all(|len| *len >= 15), "{tables:?}");
    assert_eq!(world.offenses, Vec::<std::string::String>::new());
    let nodes = world.nodes[&peer(0)].network(world.now).nodes.unwrap();
    assert!((25..=70).contains(&nodes), "{nodes}");
}

#[test]
fn what_one_publishes_another_finds_and_a_later_version_takes_its_place() {
    let mut world = World::new(40);
    world.run(JOINED);
    for seq in 1..=2 {
        let record = sealed(3, 0, seq, world.now);
        let key = record.key();
        let query = world.command(3, |it, now| it.put(now, record.clone())).unwrap();
        world.run(A_WALK);
        let stored = outcome(&world, query, 3);
        assert!(matches!(stored, Some(Outcome::Stored { copies: 5.. })), "{stored:?}");
        for sure in [Thoroughness::Usual, Thoroughness::Thorough] {
            let query = world.command(30, |it, now| it.get(now, key, sure)).unwrap();
            world.run(A_WALK);
            let found = Outcome::Record { record: record.clone(), is_old: false };
            assert_eq!(outcome(&world, query, 30), Some(&found));
        }
    }
    assert_eq!(world.offenses, Vec::<std::string::String>::new());
}

#[test]
fn a_node_is_found_by_its_identity_and_the_way_there_is_told() {
    let mut world = World::new(40);
    world.run(JOINED);
    let entry = node_entry(7, world.now);
    world.command(7, |it, now| it.put(now, entry)).unwrap();
    world.run(A_WALK);
    let query = world.command(35, |it, now| it.find_node(now, peer(7))).unwrap();
    world.run(A_WALK);
    let Some(Outcome::Node(found)) = outcome(&world, query, 35) else { panic!("not found") };
    assert_eq!(found.peer(), peer(7));
    assert!(world.nodes[&peer(35)].trace(query).is_some());
}

#[test]
fn what_nobody_has_is_not_found_and_costs_no_more_than_the_budget() {
    let mut world = World::new(30);
    world.run(JOINED);
    let key = sealed(3, 0, 1, world.now).key();
    let query = world.command(9, |it, now| it.get(now, key, Thoroughness::Usual)).unwrap();
    world.run(Duration::from_secs(60));
    assert_eq!(outcome(&world, query, 9), Some(&Outcome::NotFound));
    let hops = world.nodes[&peer(9)].trace(query).unwrap().hops;
    assert!(hops.len() <= 30, "{}", hops.len());
}

#[test]
fn records_are_found_when_a_third_of_the_nodes_is_gone() {
    let mut world = World::new(40);
    world.run(JOINED);
    let record = sealed(3, 0, 1, world.now);
    world.command(3, |it, now| it.put(now, record.clone())).unwrap();
    world.run(Duration::from_secs(40));
    (0..40).step_by(3).for_each(|gone| world.kill(gone));
    let get = |it: &mut crate::Dht, now| it.get(now, record.key(), Thoroughness::Usual);
    let query = world.command(31, get).unwrap();
    world.run(Duration::from_secs(60));
    assert!(matches!(outcome(&world, query, 31), Some(Outcome::Record { .. })));
}

#[test]
fn equal_seeds_give_equal_networks() {
    let run = || {
        let mut world = World::new(20);
        world.run(JOINED);
        (world.sent, std::format!("{:?}", world.events))
    };
    assert_eq!(run(), run());
}
