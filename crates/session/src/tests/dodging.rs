//! Blame cannot be dodged, and cannot be turned: whatever liars tell to whom, they are convicted
//! wherever the honest together hold a proof, and nobody honest is named.

use core::time::Duration;
use std::{format, println, string::String, vec, vec::Vec};

use ensign_equivocation::Evidence;
use ensign_primitives::SignerIndex;
use ensign_wire::{AbortReason, Body, Kind, Mode, SessionAbort};

use super::{
    attack::{Attack, Vice},
    dodge::{Dodge, Lie},
    group::{Dice, Plan, signer},
    judge::{assert_nobody_honest_is_named, convicted_by, proofs},
    node::Node,
    world::{Link, PERFECT, World},
};

/// Frames are lost for good: nothing heals.
const LOSSY: Link =
    Link { delay: (5, 60), loss: 5, duplicates: 2, heals_at: Duration::MAX, disk: 10 };

/// How many sessions of each mode a run of the tests tries.
const SESSIONS: u64 = 40;

/// What became of the sessions of one mode.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sessions: usize,
    pub(super) signed: usize,
    /// Dodgers against whom the honest together held a proof, where nobody signed.
    provable: usize,
    by_all: usize,
    by_some: usize,
    /// The same where somebody signed all the same.
    pub(super) provable_signed: usize,
    pub(super) by_all_signed: usize,
    pub(super) by_some_signed: usize,
    /// Sessions in which somebody who cannot be convicted was named by a claim.
    claimed: usize,
    missed: Vec<String>,
}

/// How a dodger's plan is made.
pub(super) type Roll = fn(&mut Dice, Mode, bool) -> Dodge;

fn scene(mode: Mode, seed: u64, roll: Roll) -> World {
    let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ mode as u64);
    let signers = 2 + dice.below(4) as usize;
    // Time for every phase, and no more: who never joins is not waited for.
    let lifetime = Duration::from_secs(420);
    let plan = Plan { seed: dice.roll(), lifetime, ..Plan::new(signers, mode) };
    let mut world = World::new(plan, LOSSY);
    let dodgers = 1 + dice.below(signers as u64 - 1) as usize;
    let first = dice.below(signers as u64) as usize;
    for number in 0..dodgers {
        let who = (first + number) % signers;
        let dodge = roll(&mut dice, mode, number == 0);
        world.corrupt(who, Attack::new(Vice::Dodges(dodge), who, dice.roll(), plan.messages));
    }
    world
}

fn try_one(mode: Mode, seed: u64, roll: Roll, tally: &mut Tally) {
    let what = format!("{mode:?} seed {seed}");
    let mut world = scene(mode, seed, roll);
    world.start();
    world.run();
    assert_nobody_honest_is_named(&world, &what);
    let honest = world.honest().count();
    let signed = world.honest().any(|node| node.finished.is_some());
    tally.sessions += 1;
    tally.signed += usize::from(signed);
    let dodgers = (0..world.plan.signers).filter(|index| !world.nodes[*index].is_honest());
    let mut convicted = false;
    for dodger in dodgers {
        if proofs(&world, dodger).is_empty() {
            continue;
        }
        let by = convicted_by(&world, dodger);
        convicted |= by > 0;
        let (provable, some, all) = if signed {
            (&mut tally.provable_signed, &mut tally.by_some_signed, &mut tally.by_all_signed)
        } else {
            (&mut tally.provable, &mut tally.by_some, &mut tally.by_all)
        };
        *provable += 1;
        *some += usize::from(by > 0);
        *all += usize::from(by == honest);
        if by < honest {
            let lie = world.nodes[dodger].attack.as_ref().map(|attack| attack.vice);
            let end = |node: &Node| node.failures.first().map(|failure| failure.reason);
            let ends: Vec<_> = world.honest().map(end).collect();
            tally.missed.push(format!("{what}: {dodger} by {by} of {honest}, {lie:?}, {ends:?}"));
        }
    }
    let claims = |world: &World| {
        world.honest().any(|node| {
            node.failures.iter().any(|end| end.evidence.is_none() && !end.culprits.is_empty())
        })
    };
    tally.claimed += usize::from(!convicted && claims(&world));
}

/// Three or more signers of whom the last one dodges, on a network that loses nothing.
pub(super) fn dodged(signers: usize, mode: Mode, dodge: Dodge, victims: u64) -> World {
    let mut world = World::new(Plan::new(signers, mode), PERFECT);
    let last = signers - 1;
    world.corrupt(last, Attack::new(Vice::Dodges(dodge), last, victims, 1));
    world.start();
    world
}

#[test]
fn regression_who_told_each_signer_of_another_nonce_set_was_convicted_by_nobody() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        for lie in [Lie::SetForEach, Lie::SetForEachSending] {
            let mut world = dodged(4, mode, Dodge::only(lie), u64::MAX);
            // Long before any phase is over.
            world.run_until(Duration::from_secs(10));
            assert_eq!(convicted_by(&world, 3), 3, "{mode:?} {lie:?}");
            world.run();
            assert_nobody_honest_is_named(&world, "three compare");
        }
    }
}

#[test]
fn regression_who_equivocated_and_then_ended_the_attempt_escaped() {
    for mode in [Mode::Committed, Mode::Strict] {
        for (lie, last) in [
            (Lie::OtherNonces, Kind::SessionJoin),
            (Lie::OtherNonces, Kind::NonceShare),
            (Lie::SetForEach, Kind::PartialSigShare),
        ] {
            let mut world = dodged(3, mode, Dodge::only(lie).and_ends_after(last), 0b001);
            world.run_until(Duration::from_secs(5));
            assert_eq!(convicted_by(&world, 2), 2, "{mode:?} {lie:?} after {last:?}");
            world.run();
            assert_nobody_honest_is_named(&world, "after the end");
        }
    }
}

#[test]
fn false_partial_signature_convicts_though_its_sender_ends_the_attempt_at_once() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        let dodge = Dodge::only(Lie::FalsePartials).and_ends_after(Kind::PartialSigShare);
        let mut world = dodged(3, mode, dodge, u64::MAX);
        // The other honest signer's partial signatures are missing, so nothing is added up.
        world.cut = vec![(0, 1, Kind::PartialSigShare), (1, 0, Kind::PartialSigShare)];
        world.run();
        assert_eq!(convicted_by(&world, 2), 2, "{mode:?}");
    }
}

#[test]
fn false_partial_signature_convicts_though_another_brings_the_signature() {
    let dodge = Dodge::only(Lie::FalsePartials);
    let mut world = dodged(3, Mode::Committed, dodge, 0b001);
    world.cut = vec![(1, 0, Kind::PartialSigShare)];
    world.run();
    assert!(world.honest().all(|node| node.finished.is_some()));
    assert_eq!(convicted_by(&world, 2), 2);
}

#[test]
fn confirming_one_set_and_signing_for_another_is_proven_in_mode_strict() {
    let mut world = dodged(2, Mode::Strict, Dodge::only(Lie::OneSet), u64::MAX);
    world.run();
    let evidence = world.nodes[0].failure().evidence.as_ref();
    assert!(matches!(evidence, Some(Evidence::SignedOtherwise { .. })), "{evidence:?}");
}

#[test]
fn who_cannot_show_what_is_behind_its_set_is_named_as_a_claim_by_all_who_asked() {
    for mode in [Mode::Fast, Mode::Committed] {
        for signers in [2, 4] {
            let mut world = dodged(signers, mode, Dodge::only(Lie::OneSet), u64::MAX);
            world.run();
            for node in world.honest() {
                let failure = node.failure();
                assert_eq!((failure.reason, failure.by), (AbortReason::ViewsDiffer, None));
                assert_eq!((failure.evidence.as_ref(), node.offenses.len()), (None, 0));
                assert_eq!(failure.culprits, [signer(signers - 1)], "{mode:?} of {signers}");
            }
        }
    }
}

#[test]
fn who_names_its_set_when_time_is_almost_over_is_asked_all_the_same() {
    let mut world = dodged(2, Mode::Committed, Dodge::only(Lie::OneSet), u64::MAX);
    world.cut = vec![(1, 0, Kind::PartialSigShare), (0, 1, Kind::PartialSigShare)];
    world.run_until(Duration::from_secs(80));
    // What it says next comes with the question after 90 seconds.
    world.cut.remove(0);
    world.run();
    let failure = world.nodes[0].failure();
    assert_eq!(
        (failure.reason, &failure.culprits[..]),
        (AbortReason::ViewsDiffer, &[signer(1)][..])
    );
}

#[test]
fn honest_signer_who_alone_was_told_other_nonces_shows_them_and_is_not_named() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        let mut world = dodged(5, mode, Dodge::only(Lie::OtherNonces), 0b0010);
        world.run();
        assert_eq!(convicted_by(&world, 4), 4, "{mode:?}");
        assert_nobody_honest_is_named(&world, "four against one");
    }
}

#[test]
fn abort_that_names_a_signer_beyond_the_group_accuses_nobody() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.start_with(&[0, 0]);
    let abort = SessionAbort { reason: AbortReason::Timeout, culprit: Some(SignerIndex(9)) };
    world.say(2, 0, 1, Body::SessionAbort(abort));
    let failure = world.nodes[0].failure();
    assert_eq!((failure.by, failure.accused), (Some(signer(2)), None));
}

/// Runs many sessions of each mode, and shows what became of them.
pub(super) fn tallies(roll: Roll) -> Vec<Tally> {
    let sessions = std::env::var("ENSIGN_DODGING_SESSIONS");
    let sessions = sessions.map_or(SESSIONS, |number| number.parse().expect("a number"));
    let tally = |mode| {
        let mut tally = Tally::default();
        for seed in 0..sessions {
            try_one(mode, seed, roll, &mut tally);
        }
        println!("{mode:?} {tally:#?}");
        tally
    };
    [Mode::Fast, Mode::Committed, Mode::Strict].map(tally).into()
}

#[test]
fn who_dodges_is_convicted_wherever_the_honest_together_hold_a_proof() {
    for tally in tallies(Dodge::roll) {
        assert!(tally.provable > 0);
        assert_eq!(tally.by_all, tally.provable, "{tally:?}");
        assert_eq!(tally.by_some_signed, tally.provable_signed, "{tally:?}");
    }
}
