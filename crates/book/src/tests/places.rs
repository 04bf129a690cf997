//! What a crowd of identities gets: of *new*, of *tried*, of the outbound places.

use core::{net::Ipv6Addr, net::SocketAddr, time::Duration};
use std::{sync::Arc, vec::Vec};

use ensign_diversity::PrefixTable;
use ensign_primitives::PeerId;

use super::world::{Card, World, card, config, kept, lone, peer, seed};
use crate::{
    BUCKET_PLACES, Input, NEW_BUCKETS_PER_SOURCE, NEW_MAX, OUTBOUND_MAX, ROOTS_MAX, Restored,
    Source, TRIED_PER_AREA_MAX, TRIED_PER_NETWORK_MAX,
};

const CROWD: u32 = 10_000;

/// One honest node for each number below; all of them in *tried*.
fn honest(count: u32) -> World {
    let cards: Vec<_> = (0..count).map(lone).collect();
    let kept = cards.iter().cloned().map(kept).collect();
    let mut world = World::new(config(), seed(7), Restored { kept, anchors: Vec::new() });
    cards.iter().for_each(|card| world.lives(card));
    world
}

/// So many identities at addresses of one owner, all of them alive, told of from everywhere.
fn crowd_at(address: impl Fn(u32) -> SocketAddr, prefixes: &str) -> (World, Vec<PeerId>, usize) {
    let mut world = honest(300);
    let mut table = PrefixTable::builder();
    prefixes.lines().for_each(|line| table.line(line).unwrap());
    world.book.know_prefixes(world.now, Arc::new(table.build()));
    world.pass(Duration::from_secs(10));
    let (mut crowd, mut source) = (Vec::new(), 0_u32);
    for number in 0..CROWD {
        let card = card(1_000_000 + number, address(number));
        world.lives(&card);
        crowd.push(card.peer);
        source = (source + 1) % 40;
        let source = Source::Node(lone(5000 + source).addresses[0]);
        world.input(Input::Learned { record: card, source });
    }
    let honest: Vec<_> = (0..300).map(peer).collect();
    let before = world.tried(&honest);
    let mut most = 0;
    for _ in 0..200 {
        world.pass(Duration::from_secs(900));
        let outbound = world.outbound();
        most = most.max(outbound.iter().filter(|peer| crowd.contains(peer)).count());
    }
    assert_eq!(world.tried(&honest), before, "somebody who lives was displaced");
    (world, crowd, most)
}

#[test]
fn crowd_of_one_ipv4_network_gets_one_outbound_place_and_two_of_tried() {
    let address = |number: u32| {
        SocketAddr::from(([66, 6, 6, (number % 250) as u8], 1000 + (number / 250) as u16))
    };
    let (world, crowd, most) = crowd_at(address, "");
    assert_eq!(most, 1);
    assert_eq!(world.tried(&crowd), TRIED_PER_NETWORK_MAX);
    assert!(world.held("nodes in new") < NEW_MAX / 2, "{}", world.held("nodes in new"));
}

#[test]
fn crowd_of_one_ipv6_site_gets_one_outbound_place_and_two_of_tried() {
    let address = |number: u32| {
        let ip = (0x2001_0db9_0666_u128 << 80) | (u128::from(number) << 64) | 1;
        SocketAddr::from((Ipv6Addr::from_bits(ip), 4000))
    };
    let (world, crowd, most) = crowd_at(address, "");
    assert_eq!(most, 1);
    assert_eq!(world.tried(&crowd), TRIED_PER_NETWORK_MAX);
}

#[test]
fn crowd_of_one_provider_gets_one_outbound_place_and_ten_of_tried() {
    let address =
        |number: u32| SocketAddr::from(([66, (number / 250) as u8, (number % 250) as u8, 1], 4000));
    let (world, crowd, most) = crowd_at(address, "66.0.0.0\t8\t64666");
    assert_eq!(most, 1);
    let tried = world.tried(&crowd);
    assert!(tried <= TRIED_PER_AREA_MAX, "{tried}");
}

#[test]
fn one_source_fills_its_few_buckets_of_new_and_no_more() {
    let mut world = World::new(config(), seed(1), Restored::default());
    let source = Source::Node(lone(77).addresses[0]);
    for number in 0..CROWD {
        world.input(Input::Learned { record: lone(1000 + number), source });
    }
    let held = world.held("nodes in new");
    assert!(held <= (NEW_BUCKETS_PER_SOURCE * BUCKET_PLACES) as usize, "{held}");
}

#[test]
fn regression_nodes_that_never_were_kept_places_for_a_month() {
    let mut world = World::new(config(), seed(1), Restored::default());
    let source = Source::Node(lone(77).addresses[0]);
    let day = Duration::from_secs(24 * 3600);
    let expires = world.now.unix.after(day);
    for number in 0..CROWD {
        let card = Card { expires, ..lone(1000 + number) };
        world.input(Input::Learned { record: card, source });
    }
    let fills = |world: &mut World, from: u32| -> usize {
        let came = from..from + 500;
        for number in came.clone() {
            world.input(Input::Learned { record: lone(number), source });
        }
        came.filter(|it| world.book.record(&peer(*it)).is_some()).count()
    };
    let room = (NEW_BUCKETS_PER_SOURCE * BUCKET_PLACES) as usize;
    let before = fills(&mut world, 50_000);
    assert!(before < room / 8, "{before}");
    // What they said of themselves ends, and nobody has said it again.
    world.now.unix = expires;
    let after = fills(&mut world, 60_000);
    assert!(after > room / 2, "{after}");
}

#[test]
fn attackers_without_end_displace_nobody_who_lives() {
    let mut world = honest(400);
    world.pass(Duration::from_secs(10));
    let honest: Vec<_> = (0..400).map(peer).filter(|peer| world.book.is_tried(peer)).collect();
    assert!(honest.len() > 250, "{}", honest.len());
    // Each has a network of its own, and answers.
    for number in 0..6_000_u32 {
        let card = lone(10_000 + number);
        world.lives(&card);
        let source = Source::Node(lone(5000 + number % 1000).addresses[0]);
        world.input(Input::Learned { record: card, source });
        world.pass(Duration::from_secs(90));
    }
    assert_eq!(world.tried(&honest), honest.len());
}

#[test]
fn newcomer_takes_the_place_of_who_does_not_answer_any_more() {
    let mut world = honest(400);
    world.pass(Duration::from_secs(10));
    let first: Vec<_> = (0..400).map(peer).filter(|peer| world.book.is_tried(peer)).collect();
    // Half of them are gone for good.
    let gone: Vec<_> = (0..200).map(lone).collect();
    let before = first.iter().filter(|it| gone.iter().any(|card| card.peer == **it)).count();
    for card in &gone {
        world.alive.remove(&card.addresses[0]);
        world.hang_up(card.peer);
    }
    for number in 0..8_000_u32 {
        let card = lone(10_000 + number);
        world.lives(&card);
        let source = Source::Node(lone(5000 + number % 1000).addresses[0]);
        world.input(Input::Learned { record: card, source });
        world.pass(Duration::from_secs(90));
    }
    let gone: Vec<_> = gone.iter().map(|card| card.peer).collect();
    let left = world.tried(&gone);
    assert!(left < before / 4, "{left} of {before} who are gone hold a place");
    let alive: Vec<_> = first.into_iter().filter(|peer| !gone.contains(peer)).collect();
    assert_eq!(world.tried(&alive), alive.len());
}

#[test]
fn nobody_dies_of_our_own_connection_being_down() {
    let mut world = honest(100);
    let all: Vec<_> = (0..100).map(peer).filter(|peer| world.book.is_tried(peer)).collect();
    world.alive.clear();
    for number in 100..200 {
        world.input(Input::Learned { record: lone(number), source: Source::Seed(1) });
    }
    let new = world.held("nodes in new");
    world.pass(Duration::from_secs(6 * 24 * 3600));
    assert_eq!(world.tried(&all), all.len());
    assert_eq!(world.held("nodes in new"), new);
    assert!(world.outbound().is_empty());
}

#[test]
fn who_never_answers_leaves_new_while_others_do() {
    let mut world = honest(100);
    for number in 100..200 {
        world.input(Input::Learned { record: lone(number), source: Source::Seed(1) });
    }
    let dead = |world: &World| world.held("nodes in new");
    let before = dead(&world);
    assert!(before > 40);
    world.pass(Duration::from_secs(4 * 24 * 3600));
    assert!(dead(&world) < before / 2, "{} of {before}", dead(&world));
}

#[test]
fn roots_are_spread_over_the_space_of_ids_and_two_of_a_network_at_most() {
    let world = honest(2000);
    let roots = world.book.roots(world.now);
    assert_eq!(roots.len(), ROOTS_MAX);
    let mut quarters = [0_usize; 4];
    for root in roots {
        let position = crate::Listed::position(root);
        quarters[usize::from(position[0] / 64)] += 1;
    }
    assert!(quarters.iter().all(|count| (100..=150).contains(count)), "{quarters:?}");
    let crowded: Vec<Card> =
        (0..50).map(|it| card(it, SocketAddr::from(([66, 6, 6, it as u8], 4000)))).collect();
    let kept = crowded.into_iter().map(kept).collect();
    let world = World::new(config(), seed(1), Restored { kept, anchors: Vec::new() });
    assert_eq!(world.book.roots(world.now).len(), TRIED_PER_NETWORK_MAX);
}

#[test]
fn on_one_machine_each_node_is_an_area_of_its_own() {
    let cards: Vec<_> =
        (0..20).map(|it| card(it, SocketAddr::from(([127, 0, 0, 1], 4000 + it as u16)))).collect();
    let kept = cards.iter().cloned().map(kept).collect();
    let mut world = World::new(config(), seed(1), Restored { kept, anchors: Vec::new() });
    cards.iter().for_each(|card| world.lives(card));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.outbound().len(), OUTBOUND_MAX);
    assert_eq!(world.events, []);
}

#[test]
fn every_second_place_is_filled_from_new() {
    let mut world = honest(100);
    let newcomers: Vec<_> = (1000..1100).map(lone).collect();
    for card in &newcomers {
        world.lives(card);
        let source = Source::Node(lone(card.addresses[0].port().into()).addresses[0]);
        world.input(Input::Learned { record: card.clone(), source });
        let other = Source::Seed((card.peer.as_bytes()[0] % 40).into());
        world.input(Input::Learned { record: card.clone(), source: other });
    }
    // Whoever was dialled while they were told of is dialled again.
    let outbound = world.outbound();
    outbound.into_iter().for_each(|peer| world.hang_up(peer));
    world.pass(Duration::from_secs(1));
    let new =
        world.outbound().iter().filter(|it| newcomers.iter().any(|card| card.peer == **it)).count();
    assert!((4..=8).contains(&new), "{new} of {OUTBOUND_MAX}");
}
