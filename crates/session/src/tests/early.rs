//! What comes a phase early is kept, and what is lost is asked for.

use core::time::Duration;
use std::vec::Vec;

use ensign_wire::{Kind, Mode, Slot};

use super::{
    group::Plan,
    modes::assert_all_signed,
    world::{PERFECT, World},
};
use crate::Phase;

/// Everything of these kinds on its way to the first machine.
fn cut(kinds: &[Kind]) -> Vec<(usize, usize, Kind)> {
    (1..3).flat_map(|from| kinds.iter().map(move |kind| (from, 0, *kind))).collect()
}

/// `early` reaches the first machine, which waits in `phase` for `late`; once that comes, the
/// session ends well although nothing of the early kind is heard again.
fn check_kept(mode: Mode, late: Kind, early: Kind, slot: Slot, phase: Phase) {
    let mut world = World::new(Plan::new(3, mode), PERFECT);
    world.cut = cut(&[late]);
    world.start();
    world.run_until(Duration::from_secs(1));
    assert_eq!(world.nodes[0].phase(), phase);
    assert!(world.nodes[0].statement(1, slot).is_some(), "{early:?} did not come early");
    world.cut = cut(&[early, Kind::SignatureFinalized]);
    world.run();
    assert_all_signed(&world);
}

#[test]
fn reveal_that_overtakes_its_join_is_kept() {
    let (late, early) = (Kind::SessionJoin, Kind::NonceShare);
    check_kept(Mode::Committed, late, early, Slot::NonceShare, Phase::Committing);
    check_kept(Mode::Strict, late, early, Slot::NonceShare, Phase::Committing);
}

#[test]
fn confirmation_that_overtakes_nonces_is_kept() {
    let (late, early) = (Kind::NonceShare, Kind::NoncesComplete);
    check_kept(Mode::Strict, late, early, Slot::NoncesComplete, Phase::Revealing);
}

#[test]
fn partial_signatures_that_overtake_what_they_rest_on_are_kept() {
    let (early, slot) = (Kind::PartialSigShare, Slot::PartialSigShare);
    check_kept(Mode::Fast, Kind::SessionJoin, early, slot, Phase::Committing);
    check_kept(Mode::Committed, Kind::NonceShare, early, slot, Phase::Revealing);
}

#[test]
fn whole_session_in_duplicate_differs_from_a_single_one_in_nothing() {
    let run = |duplicates| {
        let link = super::world::Link { duplicates, ..PERFECT };
        let mut world = World::new(Plan::new(4, Mode::Strict), link);
        world.start();
        world.run();
        assert_all_signed(&world);
        let sessions = world.nodes.iter().map(|node| (node.events.clone(), node.offenses.clone()));
        sessions.collect::<Vec<_>>()
    };
    let (single, double) = (run(0), run(100));
    for ((events, _), (repeated, offenses)) in single.iter().zip(&double) {
        assert_eq!(events, repeated);
        assert_eq!(offenses, &[]);
    }
}

#[test]
fn what_a_reconnecting_signer_missed_is_said_again_at_once() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        let mut world = World::new(Plan::new(3, mode), PERFECT);
        world.cut = cut(&Kind::ALL);
        world.start();
        world.run_until(Duration::from_secs(1));
        assert_eq!(world.nodes[0].phase(), Phase::Committing);
        world.cut.clear();
        world.connect(0, 1);
        world.connect(0, 2);
        world.run_until(Duration::from_millis(1_100));
        assert!(world.nodes.iter().all(|node| node.finished.is_some()), "{mode:?}");
    }
}
