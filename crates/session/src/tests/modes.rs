//! Honest groups on a perfect network.

use core::time::Duration;
use std::vec::Vec;

use ensign_musig::verify_schnorr;
use ensign_testkit::assert_replays;
use ensign_wire::Mode;

use super::{
    group::{Plan, signer},
    world::{Link, PERFECT, World},
};
use crate::{Event, contexts::contexts};

/// Runs a group whose users approve at once, and returns how many hops the session took.
fn hops(plan: Plan) -> u128 {
    let mut world = World::new(plan, PERFECT);
    world.start();
    world.run();
    assert_all_signed(&world);
    let ended = world.nodes.iter().filter_map(|node| node.finished_at).max().unwrap();
    ended.as_micros() as u128 / 10_000
}

/// Every machine holds the same signatures, and they verify.
pub(super) fn assert_all_signed(world: &World) {
    let first = &world.nodes[0].finished.as_ref().expect("no signatures").signatures;
    assert_valid(world, first);
    for node in &world.nodes {
        assert_eq!(node.finished.as_ref().map(|finished| &finished.signatures), Some(first));
        assert!(node.subject.machine().is_over());
    }
}

/// The signatures are what the request asks for.
pub(super) fn assert_valid(world: &World, signatures: &[[u8; 64]]) {
    let messages = world.plan.request().request.messages;
    let contexts = contexts(&world.plan.setups()[0].group, &messages).unwrap();
    assert_eq!(signatures.len(), messages.len());
    for ((signature, message), ctx) in signatures.iter().zip(&messages).zip(&contexts) {
        assert!(verify_schnorr(&ctx.agg_key(), &message.digest, signature));
    }
}

#[test]
fn each_mode_takes_the_hops_it_promises() {
    for (mode, expected) in [(Mode::Fast, 2), (Mode::Committed, 3), (Mode::Strict, 4)] {
        for signers in [2, 3, 7] {
            assert_eq!(hops(Plan::new(signers, mode)), expected, "{mode:?} with {signers}");
        }
    }
}

#[test]
fn group_of_one_signs_alone() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        assert_eq!(hops(Plan::new(1, mode)), 0, "{mode:?}");
    }
}

#[test]
fn thirty_two_messages_under_three_keys_are_signed_in_one_session() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        let plan = Plan { messages: 32, ..Plan::new(3, mode) };
        assert_eq!(hops(plan), hops(Plan::new(3, mode)), "{mode:?}");
    }
}

#[test]
fn finished_session_shows_what_everybody_contributed() {
    let mut world = World::new(Plan { messages: 2, ..Plan::new(3, Mode::Committed) }, PERFECT);
    world.start();
    world.run();
    for node in &world.nodes {
        let signers = &node.finished.as_ref().unwrap().signers;
        assert_eq!(signers.len(), 3);
        assert_eq!(signers, &world.nodes[0].finished.as_ref().unwrap().signers);
        for record in signers {
            assert_eq!(record.nonces.as_ref().map(Vec::len), Some(2));
            assert_eq!(record.partials.as_ref().map(Vec::len), Some(2));
        }
    }
}

#[test]
fn committed_session_of_three_costs_at_most_a_kibibyte_per_ordered_pair() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.start();
    world.run();
    assert_eq!(world.bytes.len(), 6);
    // The engine numbers statements by the milliseconds since the request was made: two bytes more for
    // each of the five than the small numbers here, for half an hour, and three for the rest of a day. A
    // delegation's number has four more.
    let longer_numbers = 5 * 2 + 4;
    for (pair, bytes) in &world.bytes {
        assert!(*bytes + longer_numbers <= 1024, "{bytes} bytes from and to {pair:?}");
    }
    // The creator says no more than join, nonces, partial signature and completion; the others
    // also acknowledge its announcement.
    let of = |from, to| world.bytes[&(from, to)];
    assert_eq!([of(0, 1), of(1, 2), of(1, 0)], [867, 867, 1010]);
}

#[test]
fn equal_seeds_replay_a_lossy_session_exactly() {
    let link = Link {
        delay: (5, 200),
        loss: 30,
        duplicates: 20,
        heals_at: Duration::from_secs(15),
        disk: 50,
    };
    let scenario = |seed| {
        let mut world = World::new(Plan { seed, ..Plan::new(4, Mode::Strict) }, link);
        world.start();
        world.run();
        assert_all_signed(&world);
        world.digest()
    };
    assert_replays(|| scenario(5));
    assert_ne!(scenario(5), scenario(6));
}

#[test]
fn waits_are_reported_with_the_names_of_those_awaited() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.start_with(&[0, 30]);
    world.run_until(Duration::from_secs(1));
    let waiting = |event: &Event| match event {
        Event::Waiting { on, .. } => Some(on.clone()),
        _ => None,
    };
    let waits: Vec<_> = world.nodes[0].events.iter().filter_map(waiting).collect();
    assert_eq!(waits, [[signer(1), signer(2)]]);
    assert_eq!(world.nodes[0].subject.machine().waiting_on(), [signer(2)]);
    let joined: Vec<_> =
        world.nodes[0].events.iter().filter(|event| matches!(event, Event::Joined(_))).collect();
    assert_eq!(joined, [&Event::Joined(signer(0)), &Event::Joined(signer(1))]);
    assert!(world.nodes[0].events.contains(&Event::Acknowledged(signer(2))));
}
