//! What is paid, and in which order.

use std::{vec, vec::Vec};

use ensign_primitives::PeerId;

use super::{NETWORK, peer, seconds, solve};
use crate::{BITS_PAYABLE_MAX, HASHES_PAYABLE, Payer, Paying, Price, Proof, Puzzle, Step};

const PRICE: Price = Price { version: 1, bits: 6, epoch: 4, seed: [8; 32] };

fn payer() -> Payer {
    Payer::new(NETWORK, peer(0), [6; 32])
}

fn steps(payer: &mut Payer) -> Vec<Step> {
    core::iter::from_fn(|| payer.poll()).collect()
}

fn told(payer: &mut Payer, who: PeerId, price: Price) -> Vec<Step> {
    payer.told(seconds(0), who, price);
    steps(payer)
}

/// The puzzle that is begun.
fn begun(steps: &[Step]) -> Option<(u64, PeerId, Puzzle)> {
    steps.iter().rev().find_map(|step| match step {
        Step::Solve { job, peer, puzzle, .. } => Some((*job, *peer, *puzzle)),
        Step::Stop { .. } | Step::Send { .. } | Step::Event(_) => None,
    })
}

fn sent(steps: &[Step]) -> Vec<(PeerId, Proof)> {
    let sent = steps.iter().filter_map(|step| match step {
        Step::Send { peer, proof } => Some((*peer, *proof)),
        Step::Solve { .. } | Step::Stop { .. } | Step::Event(_) => None,
    });
    sent.collect()
}

#[test]
fn price_is_solved_and_paid() {
    let mut payer = payer();
    let steps_of = told(&mut payer, peer(1), PRICE);
    assert_eq!(steps_of[0], Step::Event(Paying::Proving { peer: peer(1), bits: 6 }));
    let (job, _, puzzle) = begun(&steps_of).unwrap();
    assert_eq!((puzzle.key, puzzle.bits, puzzle.seed), (peer(0), 6, [8; 32]));
    let proof = solve(&puzzle);
    payer.solved(job, Some(proof));
    let paid = Step::Event(Paying::Paid { peer: peer(1), bits: 6 });
    assert_eq!(steps(&mut payer), [Step::Send { peer: peer(1), proof }, paid]);
    // The answer of before answers nothing more.
    payer.solved(job, Some(proof));
    assert_eq!(steps(&mut payer), []);
}

#[test]
fn puzzles_wait_for_each_other() {
    let mut payer = payer();
    let (first, ..) = begun(&told(&mut payer, peer(1), PRICE)).unwrap();
    assert_eq!(begun(&told(&mut payer, peer(2), PRICE)), None);
    payer.solved(first, None);
    let (_, next, _) = begun(&steps(&mut payer)).unwrap();
    assert_eq!(next, peer(2));
}

#[test]
fn puzzle_goes_on_when_its_connection_ends_and_pays_the_next_one_at_once() {
    let mut payer = payer();
    let (job, _, puzzle) = begun(&told(&mut payer, peer(1), PRICE)).unwrap();
    payer.down(&peer(1));
    // Told the same again: nothing begins anew.
    assert_eq!(begun(&told(&mut payer, peer(1), PRICE)), None);
    payer.down(&peer(1));
    let proof = solve(&puzzle);
    payer.solved(job, Some(proof));
    assert_eq!(steps(&mut payer), []);
    assert_eq!(sent(&told(&mut payer, peer(1), PRICE)), [(peer(1), proof)]);
    // It has bought its stay; the next one is another.
    let again = told(&mut payer, peer(1), PRICE);
    assert_eq!((sent(&again), begun(&again).map(|(_, peer, _)| peer)), (vec![], Some(peer(1))));
}

#[test]
fn kept_proof_pays_no_higher_price_and_no_other_seed() {
    for price in
        [Price { bits: 7, ..PRICE }, Price { seed: [9; 32], ..PRICE }, Price { epoch: 5, ..PRICE }]
    {
        let mut payer = payer();
        let (job, _, puzzle) = begun(&told(&mut payer, peer(1), PRICE)).unwrap();
        payer.down(&peer(1));
        payer.solved(job, Some(solve(&puzzle)));
        let steps = told(&mut payer, peer(1), price);
        assert_eq!((sent(&steps), begun(&steps).is_some()), (vec![], true));
    }
}

#[test]
fn another_price_of_the_same_peer_waits_until_what_was_begun_for_it_is_done() {
    let mut payer = payer();
    let (job, ..) = begun(&told(&mut payer, peer(1), PRICE)).unwrap();
    let other = Price { seed: [9; 32], ..PRICE };
    let waits = told(&mut payer, peer(1), other);
    assert_eq!(waits, [Step::Event(Paying::Proving { peer: peer(1), bits: 6 })]);
    assert_eq!(begun(&told(&mut payer, peer(2), PRICE)), None);
    payer.solved(job, None);
    let (job, who, puzzle) = begun(&steps(&mut payer)).unwrap();
    assert_eq!((who, puzzle.seed), (peer(1), [9; 32]));
    payer.solved(job, None);
    assert_eq!(begun(&steps(&mut payer)).unwrap().1, peer(2));
}

#[test]
fn proof_that_is_found_pays_a_price_that_fell_meanwhile() {
    let mut payer = payer();
    let (job, _, puzzle) = begun(&told(&mut payer, peer(1), PRICE)).unwrap();
    told(&mut payer, peer(1), Price { bits: 5, ..PRICE });
    let proof = solve(&puzzle);
    payer.solved(job, Some(proof));
    assert_eq!(sent(&steps(&mut payer)), [(peer(1), proof)]);
}

#[test]
fn puzzles_are_solved_in_the_order_in_which_they_were_asked_for() {
    let mut payer = payer();
    let (job, ..) = begun(&told(&mut payer, peer(1), PRICE)).unwrap();
    told(&mut payer, peer(9), PRICE);
    told(&mut payer, peer(2), PRICE);
    payer.solved(job, None);
    assert_eq!(begun(&steps(&mut payer)).unwrap().1, peer(9));
}

#[test]
fn peer_has_a_budget_of_hashes_over_all_its_connections() {
    let mut payer = payer();
    let mut tell = |second, seed: u8| {
        let price = Price { bits: BITS_PAYABLE_MAX, seed: [seed; 32], ..PRICE };
        payer.told(seconds(second), peer(1), price);
        let begun = begun(&steps(&mut payer));
        if let Some((job, ..)) = begun {
            payer.down(&peer(1));
            payer.solved(job, None);
        }
        begun.is_some()
    };
    let at_once = HASHES_PAYABLE.burst >> BITS_PAYABLE_MAX;
    let begun = (0..100).filter(|seed| tell(0, *seed)).count();
    assert_eq!(begun as u64, at_once);
    assert!(!tell(299, 100));
    assert!(tell(301, 101));
}

#[test]
fn who_is_wanted_no_more_is_not_paid() {
    let mut payer = payer();
    let (job, ..) = begun(&told(&mut payer, peer(1), PRICE)).unwrap();
    told(&mut payer, peer(2), PRICE);
    payer.forget(&peer(1));
    let steps = steps(&mut payer);
    assert_eq!(steps[0], Step::Stop { job });
    assert_eq!(begun(&steps).unwrap().1, peer(2));
}

#[test]
fn price_beyond_what_is_paid_is_told_and_not_paid() {
    let unpayable = [Price { bits: BITS_PAYABLE_MAX + 1, ..PRICE }, Price { version: 2, ..PRICE }];
    for price in unpayable {
        let Price { version, bits, .. } = price;
        let expect = Step::Event(Paying::Unpayable { peer: peer(1), version, bits });
        assert_eq!(told(&mut payer(), peer(1), price), [expect]);
    }
}

#[test]
fn peer_that_was_paid_enough_is_not_called_too_dear() {
    let mut payer = payer();
    let dear = |seed| Price { bits: BITS_PAYABLE_MAX, seed: [seed; 32], ..PRICE };
    for seed in 0..2 {
        let (job, ..) = begun(&told(&mut payer, peer(1), dear(seed))).unwrap();
        payer.solved(job, None);
        steps(&mut payer);
    }
    let enough = Paying::PaidEnough { peer: peer(1), bits: BITS_PAYABLE_MAX };
    assert_eq!(told(&mut payer, peer(1), dear(2)), [Step::Event(enough)]);
}

#[test]
fn what_is_no_solution_is_not_sent() {
    let mut payer = payer();
    let (job, ..) = begun(&told(&mut payer, peer(1), Price { bits: 25, ..PRICE })).unwrap();
    payer.solved(job, Some(Proof { version: 1, epoch: 4, nonce: 0 }));
    assert_eq!(steps(&mut payer), []);
}

#[test]
fn memories_stay_within_their_bounds() {
    let mut payer = payer();
    for number in 0..100 {
        for step in told(&mut payer, peer(number), PRICE) {
            if let Step::Solve { job, puzzle, .. } = step {
                payer.down(&peer(number));
                payer.solved(job, Some(solve(&puzzle)));
            }
        }
    }
    (200..300).for_each(|number| payer.told(seconds(0), peer(number), PRICE));
    assert!(payer.occupancy().all(|it| it.is_within_limit()));
}
