//! A restart: whom the book finds again, whoever has written into its store.

use core::time::Duration;
use std::{vec, vec::Vec};

use super::world::{Card, START, World, card, config, kept, lone, own_network, peer, seed};
use crate::{ANCHOR_AGE, Closing, Fault, Note, OUTBOUND_MAX, ROTATION_INTERVAL, Restored};

/// How many starts there are: as many as a test has time for.
const STARTS: u64 = 500;

/// Honest nodes in the book of each.
const HONEST: u32 = 160;

/// Hostile ones: a fifth of all.
const HOSTILE: u32 = 40;

/// Who is hostile has a number from here on.
const HOSTILE_FROM: u32 = 100_000;

/// Starts with a fifth of the book hostile, anchors as likely as all others; each hostile node has a network of its
/// own and answers, while of the honest ones `away` in a hundred do not. Returns how many outbound
/// connections are honest at the end.
fn start(number: u64, away: u32) -> usize {
    let mut cards: Vec<_> = (0..HONEST).map(lone).collect();
    cards.extend((0..HOSTILE).map(|it| lone(HOSTILE_FROM + it)));
    let draw = |of: u64| u64::from_le_bytes(seed(number * 16 + of)[..8].try_into().unwrap());
    let anchors = [draw(1), draw(2)].map(|it| cards[it as usize % cards.len()].peer);
    let mut world = World::new(
        config(),
        seed(number),
        Restored { kept: cards.iter().cloned().map(kept).collect(), anchors: anchors.to_vec() },
    );
    for (at, card) in (0_u32..).zip(&cards) {
        let is_away = at < HONEST && (at + number as u32) % 100 < away;
        if !is_away {
            world.lives(card);
        }
    }
    world.pass(Duration::from_secs(600));
    let hostile: Vec<_> = (0..HOSTILE).map(|it| peer(HOSTILE_FROM + it)).collect();
    let outbound = world.outbound();
    assert!(outbound.len() >= OUTBOUND_MAX, "{}", outbound.len());
    outbound.iter().filter(|peer| !hostile.contains(peer)).count()
}

#[test]
fn fifth_of_the_book_hostile_leaves_two_honest_connections_in_every_start() {
    let mut fewest = OUTBOUND_MAX;
    for number in 0..STARTS {
        fewest = fewest.min(start(number, 0));
    }
    assert!(fewest >= 2, "{fewest}");
}

#[test]
fn fifth_hostile_and_a_third_away_leaves_two_honest_connections_in_every_start() {
    let mut fewest = OUTBOUND_MAX;
    for number in 0..STARTS {
        fewest = fewest.min(start(number, 33));
    }
    assert!(fewest >= 2, "{fewest}");
}

#[test]
fn store_with_anything_in_it_gives_candidates_and_no_more() {
    let wrong = [Fault::Forged, Fault::Foreign, Fault::Misplaced];
    let wrong = (10..).zip(wrong).map(|(it, fault)| Card { fault: Some(fault), ..lone(it) });
    let mut all: Vec<_> = wrong.map(kept).collect();
    // One record has ended, one note names an address that the record does not.
    all.push(kept(Card { expires: START.unix, ..lone(1) }));
    all.push(crate::Kept { address: own_network(99), ..kept(lone(2)) });
    all.push(kept(card(u32::MAX, own_network(98))));
    all.push(kept(lone(3)));
    all.push(kept(lone(3)));
    let anchors = (0..1000).map(peer).collect();
    let mut world = World::new(config(), seed(1), Restored { kept: all, anchors });
    world.pass(Duration::from_secs(1));
    assert_eq!(world.book.anchors().len(), crate::ANCHORS_MAX);
    assert_eq!(world.tried(&(0..20).map(peer).collect::<Vec<_>>()), 2);
    let mut dialled = world.dials.clone();
    dialled.sort_unstable();
    dialled.dedup();
    let mut expected = vec![peer(1), peer(3)];
    expected.sort_unstable();
    assert_eq!(dialled, expected, "somebody else was dialled");
    assert_eq!(world.book.roots(world.now), vec![&lone(3)], "an ended record is no root");
}

/// A world that has run for an hour.
fn settled() -> World {
    let cards: Vec<_> = (0..100).map(lone).collect();
    let kept = cards.iter().cloned().map(kept).collect();
    let mut world = World::new(config(), seed(5), Restored { kept, anchors: Vec::new() });
    cards.iter().for_each(|card| world.lives(card));
    world.pass(ANCHOR_AGE * 2);
    world
}

#[test]
fn anchors_are_those_that_stood_longest_and_are_dialled_first() {
    let world = settled();
    let anchors = world.book.anchors().to_vec();
    assert_eq!(anchors.len(), crate::ANCHORS_MAX);
    let noted = world.notes.iter().rev().find_map(|note| match note {
        Note::Anchors(anchors) => Some(anchors.clone()),
        Note::Kept(_) | Note::Gone { .. } => None,
    });
    assert_eq!(noted, Some(anchors.clone()));
    let kept = (0..100).map(lone).map(kept).collect();
    let mut again = World::new(config(), seed(6), Restored { kept, anchors: anchors.clone() });
    (0..100).map(lone).for_each(|card| again.lives(&card));
    again.pass(Duration::from_secs(1));
    let mut first = again.dials[..2].to_vec();
    first.sort_unstable();
    let mut expected = anchors;
    expected.sort_unstable();
    assert_eq!(first, expected);
}

#[test]
fn one_connection_changes_each_half_hour_and_never_an_anchor() {
    let mut world = settled();
    let anchors = world.book.anchors().to_vec();
    world.closed.clear();
    let hours = 24;
    world.pass(Duration::from_secs(hours * 3600));
    assert_eq!(world.book.anchors(), anchors);
    world.closed.retain(|(_, why)| *why == Closing::Rotated);
    assert!(!world.closed.iter().any(|(peer, _)| anchors.contains(peer)));
    let expected = hours * 3600 / ROTATION_INTERVAL.as_secs();
    let closed = world.closed.len() as u64;
    assert!((expected * 3 / 4..=expected * 5 / 4).contains(&closed), "{closed} in {hours} h");
    assert_eq!(world.outbound().len(), OUTBOUND_MAX);
}

#[test]
fn notes_are_few_whatever_peers_do() {
    let mut world = settled();
    let before = world.notes.len();
    for _ in 0..600 {
        for peer in world.outbound() {
            world.hang_up(peer);
        }
        world.pass(Duration::from_secs(1));
    }
    let notes = world.notes.len() - before;
    assert!(notes <= 64 + 30 * 10 + 1, "{notes} in ten minutes");
}

#[test]
fn trusted_nodes_have_places_of_their_own_and_are_dialled_again() {
    let address = own_network(500);
    let config = crate::BookConfig { trusted: vec![(peer(500), vec![address])], ..config() };
    let kept = (0..100).map(lone).map(kept).collect();
    let mut world = World::new(config, seed(5), Restored { kept, anchors: Vec::new() });
    (0..100).map(lone).for_each(|card| world.lives(&card));
    world.pass(Duration::from_secs(60));
    let tries = world.dials.iter().filter(|it| **it == peer(500)).count();
    assert!((4..=12).contains(&tries), "{tries} dials in a minute");
    world.lives(&lone(500));
    world.pass(Duration::from_secs(60));
    assert!(world.up.contains_key(&peer(500)));
    assert!(!world.outbound().contains(&peer(500)));
    assert_eq!(world.outbound().len(), OUTBOUND_MAX);
    world.hang_up(peer(500));
    world.pass(Duration::from_secs(60));
    assert!(world.up.contains_key(&peer(500)));
}
