//! The promise of the machine: whatever one signer does and the network loses, all honest machines
//! end alike, and nobody honest is blamed.

use core::time::Duration;
use std::vec::Vec;

use ensign_primitives::PeerId;
use ensign_wire::{AbortReason, Mode};
use proptest::{prelude::*, sample};

use super::{
    attack::{Attack, VICES, Vice},
    group::{Plan, peer, stranger},
    modes::assert_valid,
    world::{Link, World},
};
use crate::{Failure, Offense};

#[derive(Clone, Debug)]
struct Scene {
    plan: Plan,
    link: Link,
    skews: Vec<i64>,
    approvals: Vec<u64>,
    cheat: Option<(Vice, usize, u64)>,
    /// Whose user gives up, and after how many milliseconds.
    stop: Option<(usize, u64)>,
}

fn mode() -> impl Strategy<Value = Mode> {
    sample::select(std::vec![Mode::Fast, Mode::Committed, Mode::Strict])
}

fn link() -> impl Strategy<Value = Link> {
    let loss = prop_oneof![Just(0), 1..40_u64];
    let wild = (1..50_u64, 0..300_u64, loss, 0..30_u64, 0..20_u64, 0..100_u64);
    wild.prop_map(|(least, spread, loss, duplicates, heals, disk)| Link {
        delay: (least, least + spread),
        loss,
        duplicates,
        heals_at: Duration::from_secs(heals),
        disk,
    })
}

prop_compose! {
    fn scene(vice: Option<Vice>)(
        signers in 2..=7_usize,
        mode in mode(),
        messages in 1..=3_usize,
        seed in any::<u64>(),
        link in link(),
        skews in proptest::collection::vec(-100_000..100_000_i64, 7),
        approvals in proptest::collection::vec(0..5_000_u64, 7),
        who in 0..7_usize,
        victims in 1..128_u64,
    ) -> Scene {
        let plan = Plan { messages, seed, ..Plan::new(signers, mode) };
        let cheat = vice.map(|vice| (vice, who % signers, victims));
        Scene { plan, link, skews, approvals, cheat, stop: None }
    }
}

fn run(scene: &Scene) -> World {
    let mut world = World::new(scene.plan, scene.link);
    if let Some((vice, who, victims)) = scene.cheat {
        world.corrupt(who, Attack::new(vice, who, victims, scene.plan.messages));
    }
    for (node, skew) in world.nodes.iter_mut().zip(&scene.skews) {
        node.skew = *skew;
    }
    world.start_with(&scene.approvals);
    if let Some((node, millis)) = scene.stop {
        world.stop_after(node, millis);
    }
    world.run();
    world
}

/// What must hold in every scene.
fn assert_agreement(scene: &Scene, world: &World) {
    let cheat = scene.cheat.map(|(_, who, _)| peer(who));
    assert_same_end(world);
    for node in world.honest() {
        for failure in &node.failures {
            assert_fair_failure(failure, cheat);
        }
        for (accused, offense) in &node.offenses {
            assert_fair_offense(*accused, offense, cheat);
        }
    }
}

/// All honest machines have the same valid signatures, or none has any.
fn assert_same_end(world: &World) {
    let results: Vec<_> = world.honest().map(|node| node.finished.as_ref()).collect();
    let signed = results.iter().flatten().count();
    if signed > 0 {
        assert_eq!(signed, results.len(), "some have signatures and some do not");
        for finished in results.iter().flatten() {
            assert_valid(world, &finished.signatures);
        }
        let signatures = results.iter().flatten().map(|finished| &finished.signatures);
        assert!(signatures.clone().zip(signatures.skip(1)).all(|(one, next)| one == next));
    }
    for node in world.honest() {
        assert!(node.subject.machine().is_over());
        assert!(node.finished.is_some() || !node.failures.is_empty(), "a machine without an end");
    }
}

fn assert_fair_failure(failure: &Failure, cheat: Option<PeerId>) {
    let culprits: Vec<_> = failure.culprits.iter().map(|who| peer(who.as_usize())).collect();
    if let Some(evidence) = &failure.evidence {
        assert_eq!(evidence.verify().map(|culprit| Some(culprit.peer)), Ok(cheat));
        assert_eq!(culprits.iter().copied().map(Some).collect::<Vec<_>>(), [cheat]);
    }
    // Losses end long before any phase does: even the claim may name nobody honest.
    assert!(culprits.iter().all(|who| Some(*who) == cheat), "{failure:?}");
    assert_ne!(failure.reason, AbortReason::Internal);
}

/// Frames that overtook each other: the network's doing.
fn is_replay((_, offense): &(PeerId, Offense)) -> bool {
    matches!(offense, Offense::Replay(_))
}

fn assert_fair_offense(accused: PeerId, offense: &Offense, cheat: Option<PeerId>) {
    if let Offense::Proven(evidence) = offense {
        assert_eq!(evidence.verify().map(|culprit| Some(culprit.peer)), Ok(cheat));
    }
    let guilty = Some(accused) == cheat || accused == stranger().node_key.peer_id();
    let overtaken = matches!(offense, Offense::Replay(_));
    assert!(guilty || overtaken, "{offense:?} laid on an honest signer");
}

fn is_proven(world: &World) -> bool {
    let by_offense = |(_, offense): &(PeerId, Offense)| matches!(offense, Offense::Proven(_));
    world.honest().any(|node| node.offenses.iter().any(by_offense))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn honest_signers_finish_whatever_the_network_loses() {
    proptest!(config(48), |(scene in scene(None))| {
        let world = run(&scene);
        assert_agreement(&scene, &world);
        prop_assert!(world.nodes.iter().all(|node| node.finished.is_some()));
    });
}

#[test]
fn user_who_gives_up_at_any_moment_leaves_nobody_with_another_end() {
    let given_up = (scene(None), 0..7_usize, 3_000..8_000_u64);
    proptest!(config(48), |((scene, who, millis) in given_up)| {
        let scene = Scene { stop: Some((who % scene.plan.signers, millis)), ..scene };
        assert_agreement(&scene, &run(&scene));
    });
}

#[test]
fn signers_cut_off_for_longer_than_every_phase_still_end_alike() {
    let cut_off = (scene(None), 50..=100_u64, 60..400_u64);
    proptest!(config(32), |((mut scene, loss, heals) in cut_off)| {
        scene.link = Link { loss, heals_at: Duration::from_secs(heals), ..scene.link };
        let world = run(&scene);
        assert_same_end(&world);
        for node in &world.nodes {
            let proof = |failure: &Failure| failure.evidence.is_some();
            prop_assert!(!node.failures.iter().any(proof) && node.offenses.iter().all(is_replay));
        }
    });
}

#[test]
fn one_cheat_of_each_kind_neither_splits_nor_frames_the_honest() {
    for vice in VICES {
        proptest!(config(16), |(scene in scene(Some(vice)))| {
            let world = run(&scene);
            assert_agreement(&scene, &world);
            let all_signed = world.honest().all(|node| node.finished.is_some());
            prop_assert!(all_signed || !is_harmless(vice), "the honest could have signed");
            if is_provable(&scene, vice) {
                // A lie that is lost is not said again by one who already has the signature.
                let proven = is_proven(&world);
                let may_be_lost = scene.link.loss > 0 && (all_signed || vice.spoils_the_sum());
                prop_assert!(proven || may_be_lost, "a lie that nobody proved");
            }
        });
    }
}

/// Whether the cheat's own words convict it, and reach those who can tell.
fn is_provable(scene: &Scene, vice: Vice) -> bool {
    let (_, who, victims) = scene.cheat.unwrap();
    let honest = ((1_u64 << scene.plan.signers) - 1) & !(1 << who);
    let (told, others) = (victims & honest != 0, honest & !victims != 0);
    match vice {
        Vice::OffCurveNonce | Vice::WrongPartial | Vice::UnparsablePartial | Vice::TwoPartials => {
            told
        }
        Vice::WrongCommitment | Vice::WrongNonce => told && scene.plan.mode != Mode::Fast,
        Vice::TwoTongues => told && others,
        Vice::WrongConfirmation => told && others && scene.plan.mode == Mode::Strict,
        Vice::WrongPartialElsewhere
        | Vice::Silence(_)
        | Vice::Late
        | Vice::Replays
        | Vice::CrossSession
        | Vice::Stranger
        | Vice::SpeaksForOthers
        | Vice::LyingAcks
        | Vice::FalseAccusation
        | Vice::FalseSignature
        | Vice::WrongCount
        | Vice::BadDelegation
        | Vice::Dodges(_) => false,
    }
}

/// Whether the others must get their signatures all the same.
fn is_harmless(vice: Vice) -> bool {
    use Vice::*;
    matches!(vice, Replays | CrossSession | Stranger | SpeaksForOthers | LyingAcks | FalseSignature)
}
