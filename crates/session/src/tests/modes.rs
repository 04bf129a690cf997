//! Honest groups on a perfect network.

use core::time::Duration;

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
    let first = world.nodes[0].finished.as_ref().map(|finished| &finished.signatures).unwrap();
    let setup = world.plan.setups().swap_remove(0);
    let machine = world.nodes[0].subject.machine();
    assert_eq!(first.len(), setup.request.request.messages.len());
    for ((signature, message), ctx) in
        first.iter().zip(&setup.request.request.messages).zip(&machine.contexts)
    {
        assert!(verify_schnorr(&ctx.agg_key(), &message.digest, signature));
    }
    for node in &world.nodes {
        assert_eq!(node.finished.as_ref().map(|finished| &finished.signatures), Some(first));
        assert!(node.subject.machine().is_over());
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
