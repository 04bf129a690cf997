//! The contract of every machine, held by this one.

use std::{cell::RefCell, collections::BTreeSet, vec, vec::Vec};

use ensign_testkit::{Op, check_contract, ops};
use ensign_wire::Mode;
use proptest::{prelude::*, test_runner::RngSeed};

use super::company::{Act, Company};
use crate::Signing;

/// Lists of operations that one run tries. More cost seconds each.
const CASES: u32 = 24;
const OPS_MAX: usize = 120;
/// The same lists in each run: how far they get is asserted, and must not be luck. Fuzzing tries others.
const SEED: u64 = 1;

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Fast), Just(Mode::Committed), Just(Mode::Strict)]
}

fn in_order() -> Act {
    Act::Deliver { place: 0, again: false, bearer: None }
}

fn acts() -> impl Strategy<Value = Act> {
    let deliver = |place, again, bearer| Act::Deliver { place, again, bearer };
    prop_oneof![
        60 => Just(in_order()),
        20 => any::<u8>().prop_map(move |place| deliver(place, false, None)),
        8 => any::<(u8, bool, Option<u8>)>().prop_map(move |(place, again, by)| deliver(place, again, by)),
        60 => Just(Act::Answer),
        20 => any::<u8>().prop_map(Act::Approve),
        6 => any::<u8>().prop_map(Act::Up),
        3 => any::<u8>().prop_map(Act::Down),
        3 => any::<u8>().prop_map(Act::Dropped),
        4 => mode().prop_map(Act::Propose),
        4 => (any::<u8>(), mode()).prop_map(|(who, mode)| Act::TheyPropose(who, mode)),
        1 => any::<u8>().prop_map(Act::Stop),
        1 => any::<u8>().prop_map(Act::Abort),
        2 => any::<u8>().prop_map(Act::Unasked),
        1 => Just(Act::Refuse),
        1 => Just(Act::AwaitDelegation),
    ]
}

/// All are connected, and have shown for whom they speak and which groups they have.
fn meet() -> Vec<Op<Act>> {
    let up = [Op::Act(Act::Up(0)), Op::Act(Act::Up(1))];
    up.into_iter().chain(vec![Op::Act(in_order()); 6]).collect()
}

#[test]
fn signing_keeps_the_contract_whatever_arrives_and_whenever() {
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        ..ProptestConfig::default()
    };
    let reached = RefCell::new(BTreeSet::new());
    proptest!(config, |(more in ops(acts(), 0..OPS_MAX), mode in mode())| {
        let first = [Op::Act(Act::TheyPropose(0, mode))];
        let ops: Vec<_> = meet().into_iter().chain(first).chain(more).collect();
        let company = check_contract(Company::new, &ops);
        reached.borrow_mut().extend(company.reached);
    });
    let reached = reached.into_inner();
    for place in ["review", "consent", "closed"] {
        assert!(reached.contains(place), "the lists do not get to {place}: {reached:?}");
    }
}

#[test]
fn signing_whose_messages_come_in_order_finishes_under_the_contract() {
    let round = [in_order(), Act::Answer, Act::Approve(0)].map(Op::Act);
    let rounds = || vec![round.clone(); 60].into_iter().flatten();
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        for first in [Act::Propose(mode), Act::TheyPropose(1, mode)] {
            let ops: Vec<_> =
                meet().into_iter().chain([Op::Act(first.clone())]).chain(rounds()).collect();
            let reached = check_contract(Company::new, &ops).reached;
            assert!(reached.contains(&"everybody"), "{first:?}: {reached:?}");
        }
    }
}

/// What the list of machines is compared with.
const _: Option<Signing> = None;
