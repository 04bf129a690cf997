//! Honest groups on a perfect network.

use ensign_musig::verify_schnorr;
use ensign_wire::Mode;

use super::{
    group::Plan,
    world::{PERFECT, World},
};

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
    let contexts = &world.nodes[0].subject.machine().contexts;
    assert_eq!(signatures.len(), messages.len());
    for ((signature, message), ctx) in signatures.iter().zip(&messages).zip(contexts) {
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
