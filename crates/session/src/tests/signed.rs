//! Sessions that are signed although somebody told each signer something else: the honest compare when
//! they are done, and convict all the same.

use core::time::Duration;
use std::vec;

use ensign_primitives::Instant;
use ensign_wire::{Body, Kind, Mode, NoncesComplete};

use super::{
    dodge::{Dodge, Lie},
    dodging::{dodged, tallies},
    group::{Plan, signer},
    judge::{assert_nobody_honest_is_named, convicted_by},
    modes::assert_all_signed,
    node::Node,
    world::{PERFECT, World},
};
use crate::{Offense, Phase};

const MODES: [Mode; 3] = [Mode::Fast, Mode::Committed, Mode::Strict];

fn assert_honest_signed(world: &World) {
    assert!(world.honest().all(|node| node.finished.is_some() && node.failures.is_empty()));
}

#[test]
fn regression_who_lied_in_a_session_that_was_signed_was_convicted_by_nobody() {
    for mode in MODES {
        let mut world = dodged(4, mode, Dodge::only(Lie::OtherDelegation), 0b001);
        world.run_until(Duration::from_secs(5));
        assert_honest_signed(&world);
        assert_eq!(convicted_by(&world, 3), 3, "{mode:?}");
        world.run();
        assert_nobody_honest_is_named(&world, "signed");
    }
}

#[test]
fn who_names_a_nonce_set_for_each_is_convicted_though_its_partial_signatures_are_true() {
    for mode in [Mode::Fast, Mode::Committed] {
        let mut world = dodged(4, mode, Dodge::only(Lie::TrueForEach), u64::MAX);
        world.run();
        assert_eq!(convicted_by(&world, 3), 3, "{mode:?}");
        assert_nobody_honest_is_named(&world, "true partial signatures");
    }
}

#[test]
fn honest_signers_who_are_done_have_nothing_to_ask_and_rest() {
    for mode in MODES {
        let mut world = World::new(Plan::new(5, mode), PERFECT);
        world.start();
        world.run();
        assert_all_signed(&world);
        // No question is due before two seconds have passed.
        assert!(world.now < Instant::from_micros(0).after(Duration::from_secs(1)), "{mode:?}");
    }
}

#[test]
fn proof_that_comes_when_all_rest_is_shown_until_all_hold_it() {
    let mut world = World::new(Plan::new(4, Mode::Committed), PERFECT);
    world.start();
    world.run();
    assert!(world.nodes.iter().all(|node| node.subject.machine().is_over()));
    let convicting = |world: &World| {
        let convicts =
            |node: &&Node| node.offenses.iter().any(|(_, it)| matches!(it, Offense::Proven(_)));
        world.nodes[..3].iter().filter(convicts).count()
    };
    // What the first one shows at once is lost.
    world.cut = vec![(0, 1, Kind::NoncesComplete), (0, 2, Kind::NoncesComplete)];
    let confirmed = NoncesComplete { signer: signer(3), digest: [1; 32] };
    world.say(3, 0, 90, Body::NoncesComplete(confirmed));
    world.run_until(Duration::from_secs(1));
    assert_eq!(convicting(&world), 1);
    world.cut.clear();
    world.run();
    assert_eq!(convicting(&world), 3);
    assert!(world.nodes.iter().all(|node| node.phase() == Phase::Complete));
}

#[test]
fn comparison_outlives_the_loss_of_what_all_say_when_they_are_done() {
    for mode in MODES {
        let mut world = dodged(4, mode, Dodge::only(Lie::OtherDelegation), 0b001);
        world.cut = (0..3)
            .flat_map(|from| (0..3).map(move |to| (from, to, Kind::PartialSigsComplete)))
            .collect();
        world.run();
        assert_honest_signed(&world);
        assert_eq!(convicted_by(&world, 3), 3, "{mode:?}");
    }
}

#[test]
fn who_dodges_in_a_session_that_is_signed_is_convicted_wherever_a_proof_is_held() {
    for tally in tallies(Dodge::roll_signed) {
        assert!(tally.provable_signed > 0, "{tally:?}");
        assert_eq!(tally.by_all_signed, tally.provable_signed, "{tally:?}");
    }
}
