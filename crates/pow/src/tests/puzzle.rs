//! Proofs that hold, and each way in which one does not.

use ensign_primitives::Network;
use proptest::prelude::*;

use super::{NETWORK, peer, solve};
use crate::{Proof, Purpose, Puzzle, Refusal, Solver};

fn puzzle() -> Puzzle {
    let (purpose, seed) = (Purpose::Gate, [3; 32]);
    Puzzle { purpose, network: NETWORK, key: peer(1), seed, epoch: 9, bits: 12 }
}

#[test]
fn proof_holds_for_its_puzzle_and_for_no_other() {
    let proof = solve(&puzzle());
    assert!(puzzle().check(proof).is_ok_and(|bits| bits >= 12));
    let others = [
        ("another node's", Puzzle { key: peer(2), ..puzzle() }),
        ("another network's", Puzzle { network: Network::Bitcoin, ..puzzle() }),
        ("another seed's", Puzzle { seed: [4; 32], ..puzzle() }),
        ("another purpose's", Puzzle { purpose: Purpose::Advert, ..puzzle() }),
    ];
    for (whose, other) in others {
        let refused = other.check(proof);
        assert!(matches!(refused, Err(Refusal::TooFewBits { needed: 12, .. })), "{whose}");
    }
    let dearer = Puzzle { bits: 64, ..puzzle() };
    let seen = puzzle().bits_of(proof.nonce);
    assert_eq!(dearer.check(proof), Err(Refusal::TooFewBits { needed: 64, seen }));
}

#[test]
fn proof_of_another_epoch_or_version_is_named_without_a_hash() {
    let proof = solve(&puzzle());
    let check = |proof| puzzle().check(proof);
    assert_eq!(check(Proof { epoch: 8, ..proof }), Err(Refusal::Expired { seen: 8, now: 9 }));
    assert_eq!(check(Proof { epoch: 10, ..proof }), Err(Refusal::Future { seen: 10, now: 9 }));
    assert_eq!(check(Proof { version: 2, ..proof }), Err(Refusal::Version { seen: 2 }));
}

#[test]
fn parts_of_the_work_share_nothing_and_find_what_holds() {
    let mut first = u64::MAX;
    for part in 0..4 {
        let mut solver = Solver::part(&puzzle(), 5, (part, 4));
        let proof = core::iter::from_fn(|| Some(solver.step(64))).flatten().next().unwrap();
        assert!(puzzle().check(proof).is_ok());
        assert_eq!(proof.nonce.wrapping_sub(5) / (u64::MAX / 4), u64::from(part));
        first = first.min(solver.tried());
    }
    assert!(first > 0);
}

proptest! {
    #[test]
    fn work_done_in_steps_is_the_work_done_at_once(start: u64, sizes in prop::collection::vec(1_u32..500, 1..40)) {
        let easy = Puzzle { bits: 8, ..puzzle() };
        let mut whole = Solver::new(&easy, start);
        let at_once = whole.step(sizes.iter().sum());
        let mut solver = Solver::new(&easy, start);
        let in_steps = sizes.iter().find_map(|size| solver.step(*size));
        prop_assert_eq!(at_once, in_steps);
        prop_assert_eq!(whole.tried(), solver.tried());
    }

    #[test]
    fn bits_are_those_of_the_hash(nonce: u64, bits in 0_u8..=64) {
        let puzzle = Puzzle { bits, ..puzzle() };
        let proof = Proof { version: 1, epoch: 9, nonce };
        let seen = puzzle.bits_of(nonce);
        let expect = if seen >= bits { Ok(seen) } else { Err(Refusal::TooFewBits { needed: bits, seen }) };
        prop_assert_eq!(puzzle.check(proof), expect);
    }
}
