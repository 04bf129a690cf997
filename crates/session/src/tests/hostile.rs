//! One hostile signer in groups of two to seven, in every mode: wherever the honest together hold a proof
//! each of them convicts it, who falls silent is named as a claim, and nobody honest is named.

use core::time::Duration;
use std::{format, println, string::String, vec::Vec};

use ensign_wire::{AbortReason, Kind, Mode};

use super::{
    attack::{Attack, Vice},
    group::{Dice, Plan, signer},
    judge::{assert_nobody_honest_is_named, convicted_by, proofs},
    world::{Link, World},
};
use crate::Failure;

/// How many sessions of each kind and mode a run of the tests tries; `cargo xtask sessions` tries 2,000.
const SESSIONS: u64 = 40;

/// What became of the sessions of one kind and mode.
#[derive(Debug, Default)]
struct Tally {
    signed: usize,
    /// Sessions after which the honest together hold a proof.
    provable: usize,
    /// Those of them in which every honest signer convicted.
    convicted: usize,
    /// Sessions that ended because time was over.
    out_of_time: usize,
    /// Those of them in which the one who was silent was named to every honest signer, by itself or by
    /// another honest one that told it so.
    claimed: usize,
    missed: Vec<String>,
}

/// How large groups are: each size from two to seven, larger ones less often, for they cost more.
const SIZES: [usize; 16] = [2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 7];

/// A group, a network and a cheat by chance.
fn scene(kind: &[Vice], mode: Mode, seed: u64) -> (World, usize) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mode as u64);
    let vice = kind[seed as usize % kind.len()];
    let signers = SIZES[dice.below(SIZES.len() as u64) as usize];
    // Time for every phase, and no more: who never joins is not waited for.
    let lifetime = Duration::from_secs(420);
    let plan = Plan { seed: dice.roll(), lifetime, ..Plan::new(signers, mode) };
    let loss = if dice.percent(25) { 5 } else { 0 };
    let delay = (1, 1 + dice.below(60));
    let heals_at = Duration::from_secs(1 + dice.below(10));
    let mut world = World::new(plan, Link { delay, loss, duplicates: 3, heals_at, disk: 10 });
    let who = dice.below(signers as u64) as usize;
    // Half of them treat everybody alike; the others tell at least one signer something else.
    let others = ((1_u64 << signers) - 1) & !(1 << who);
    let some = Some(dice.roll() & others).filter(|some| *some != 0);
    let victims = some.filter(|_| dice.percent(50)).unwrap_or(others);
    world.corrupt(who, Attack::new(vice, who, victims, plan.messages));
    (world, who)
}

fn try_one(kind: &[Vice], mode: Mode, seed: u64, tally: &mut Tally) {
    let (mut world, who) = scene(kind, mode, seed);
    let vice = world.nodes[who].attack.as_ref().map(|attack| attack.vice);
    let what = format!("{vice:?} {mode:?} seed {seed}");
    world.start();
    world.run();
    assert_nobody_honest_is_named(&world, &what);
    let honest = world.honest().count();
    tally.signed += usize::from(world.honest().any(|node| node.finished.is_some()));
    if !proofs(&world, who).is_empty() {
        tally.provable += 1;
        let by = convicted_by(&world, who);
        tally.convicted += usize::from(by == honest);
        if by < honest {
            tally.missed.push(format!("{what}: convicted by {by} of {honest}"));
        }
    }
    let timed_out = |end: &&Failure| end.reason == AbortReason::Timeout;
    let ends: Vec<_> = world.honest().flat_map(|node| &node.failures).filter(timed_out).collect();
    if ends.len() == honest {
        tally.out_of_time += 1;
        let own = |end: &Failure| end.culprits == [signer(who)];
        let told = |end: &Failure| end.culprits.is_empty() && end.accused == Some(signer(who));
        let all = ends.iter().all(|end| end.evidence.is_none() && (own(end) || told(end)));
        let all = all && ends.iter().any(|end| own(end));
        tally.claimed += usize::from(all);
        if !all {
            tally.missed.push(format!("{what}: {ends:?}"));
        }
    }
}

/// Runs many sessions of a kind in each mode, prints which seeds they had and what became of them, and
/// returns that.
fn tallies(kind: &[Vice]) -> Vec<(Mode, Tally)> {
    let sessions = std::env::var("ENSIGN_HOSTILE_SESSIONS");
    let sessions = sessions.map_or(SESSIONS, |number| number.parse().expect("a number"));
    let tally = |mode| {
        let mut tally = Tally::default();
        for seed in 0..sessions {
            try_one(kind, mode, seed, &mut tally);
        }
        println!("{kind:?} {mode:?}: seeds 0..{sessions}, {tally:?}");
        assert_eq!(tally.missed, Vec::<String>::new());
        (mode, tally)
    };
    [Mode::Fast, Mode::Committed, Mode::Strict].map(tally).into()
}

/// Whatever it does, all who are honest convict it wherever there is a proof.
fn check_proven(kind: &[Vice]) {
    for (mode, tally) in tallies(kind) {
        assert!(tally.provable > 0, "{kind:?} {mode:?}");
        assert_eq!(tally.convicted, tally.provable, "{kind:?} {mode:?} {tally:?}");
    }
}

#[test]
fn wrong_partial_signature_is_proven_to_all() {
    check_proven(&[Vice::WrongPartial, Vice::TwoPartials, Vice::UnparsablePartial]);
}

#[test]
fn wrong_commitment_is_proven_to_all() {
    check_proven(&[Vice::WrongCommitment, Vice::WrongNonce]);
}

#[test]
fn equivocation_is_proven_to_all() {
    check_proven(&[Vice::TwoTongues]);
}

#[test]
fn silence_in_each_phase_is_named_as_a_claim_and_proves_nothing() {
    let phases = [Kind::SessionJoin, Kind::NonceShare, Kind::NoncesComplete, Kind::PartialSigShare];
    for (mode, tally) in tallies(&phases.map(Vice::Silence)) {
        assert_eq!(tally.provable, 0, "{mode:?}");
        assert!(tally.out_of_time > 0, "{mode:?}");
        assert_eq!(tally.claimed, tally.out_of_time, "{mode:?} {tally:?}");
    }
}
