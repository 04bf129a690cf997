//! The contract of every machine, held against one engine in the company of real ones: a list of
//! operations decides what arrives, when, how often, and by whom. Before that, cases that such lists
//! seldom reach.

mod act;
mod company;
mod reached;

use core::time::Duration;
use std::{cell::RefCell, collections::BTreeSet, string::String, vec, vec::Vec};

use ensign_primitives::Now;
use ensign_testkit::{Op, assert_replays, check_contract, ops};
use ensign_wire::Mode;
use proptest::{prelude::*, test_runner::RngSeed};

use self::{
    act::{Act, Bearer, calm, proposal, wild},
    company::Company,
};
use super::net::{Net, digest};

/// How many lists are tried.
const CASES: u32 = 96;

/// The same lists in each run: how far they get is asserted, and must not be luck. Fuzzing tries others.
const SEED: u64 = 1;

/// How many operations a list has at most.
const OPS_MAX: usize = 150;

#[test]
fn equal_inputs_give_equal_outputs() {
    assert_replays(|| {
        let mut net = Net::new(3);
        net.propose(Mode::Strict);
        net.run_until(|net| net.phase(1) == Some(ensign_session::Phase::Revealing));
        net.restart(1);
        net.pass(Duration::from_secs(600));
        net.assert_all_signed();
        digest(&net)
    });
}

#[test]
fn engine_becomes_idle_however_a_request_is_left() {
    use ensign_session::Phase::{Committing, Gathering, Revealing, Signing};
    for phase in [Gathering, Committing, Revealing, Signing] {
        let mut net = Net::new(3);
        net.nodes[1].approves = phase != Gathering;
        net.propose(Mode::Committed);
        if phase == Gathering {
            net.run();
        } else {
            assert!(net.run_until(|net| net.phase(1) == Some(phase)));
        }
        for node in 0..3 {
            let now = net.now();
            let node = &mut net.nodes[node];
            let mut end = now;
            while let Some(next) = node.next() {
                let passed = next.at.since(end.instant);
                end = Now { instant: next.at.max(end.instant), unix: end.unix.after(passed) };
                node.subject.wake(end);
            }
            assert!(end.instant.since(now.instant) <= Duration::from_secs(4 * 3600));
            let (_, _) = node.subject.settle(end);
            assert_eq!(node.held("requests"), 0);
        }
    }
}

#[test]
fn wakeups_that_come_late_do_no_harm() {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    net.run_until(|net| net.phase(0) == Some(ensign_session::Phase::Revealing));
    net.cut(0);
    net.run();
    // A laptop that slept: one wake-up for all that was due.
    let mut now = net.now();
    now.instant = now.instant.after(Duration::from_secs(8 * 3600));
    now.unix = now.unix.after(Duration::from_secs(8 * 3600));
    for node in &mut net.nodes {
        node.subject.wake(now);
        node.subject.wake(now);
        let (_, _) = node.subject.settle(now);
        assert_eq!(node.held("requests"), 0);
    }
}

#[test]
fn engine_keeps_the_contract_whatever_arrives_and_whenever() {
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        ..ProptestConfig::default()
    };
    let reached = RefCell::new(BTreeSet::<String>::new());
    let lists = prop_oneof![ops(calm(), 0..OPS_MAX), ops(wild(), 0..OPS_MAX)];
    proptest!(config, |(count in 2..=3_usize, first in proposal(), mut ops in lists)| {
        ops.insert(0, Op::Act(first));
        let company = check_contract(|| Company::new(count), &ops);
        reached.borrow_mut().extend(company.reached);
    });
    let reached = reached.into_inner();
    for place in ["review", "attempt 2", "Signing", "Complete", "closed", "offense"] {
        assert!(reached.contains(place), "the lists do not get to {place}: {reached:?}");
    }
}

#[test]
fn engine_whose_messages_come_in_order_finishes_under_the_contract() {
    let deliver = Op::Act(Act::Deliver { place: 0, again: false, bearer: Bearer::Author });
    let rounds = |first: Act| {
        let round =
            [deliver.clone(), Op::Act(Act::Answer), Op::Act(Act::Approve(0)), Op::WakeEarly];
        let rounds = vec![round; 30].into_iter().flatten();
        [Op::Act(first)].into_iter().chain(rounds)
    };
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        for first in [Act::Propose(mode), Act::TheyPropose(1, mode)] {
            let ops: Vec<_> = rounds(first.clone()).collect();
            let reached = check_contract(|| Company::new(3), &ops).reached;
            assert!(reached.contains("Complete"), "{first:?}: {reached:?}");
        }
    }
}
