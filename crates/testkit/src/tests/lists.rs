//! Lists of operations: every flaw is found by some list, and the list that shows it is short.

use std::time::Duration;

use ensign_primitives::{Now, Occupancy};
use proptest::{
    prelude::*,
    test_runner::{TestError, TestRunner},
};

use super::{BOUNDS, Echo, Flaw, complaint};
use crate::{Bounds, Inputs, Op, Rig, check_contract, ops};

/// How many lists each property is tried with.
const CASES: u32 = 256;

/// An echo whose surroundings count what it says.
struct Room {
    flaw: Flaw,
    heard: usize,
}

impl Rig for Room {
    type Machine = Echo;
    type Action = u8;

    fn machine(&mut self, _now: Now) -> Echo {
        Echo::new(self.flaw)
    }

    fn bounds(&self) -> Bounds {
        BOUNDS
    }

    fn act(&mut self, now: Now, machine: &mut Echo, word: &u8) {
        ensign_primitives::StateMachine::handle_input(machine, now, *word);
    }

    fn absorb(&mut self, _now: Now, _word: u8) {
        self.heard += 1;
    }

    fn occupancy(&self, machine: &Echo) -> Vec<Occupancy> {
        vec![Occupancy { name: "words", len: machine.words, limit: 2 }]
    }
}

fn check(flaw: Flaw, ops: &[Op<u8>]) -> usize {
    check_contract(|| Room { flaw, heard: 0 }, ops).heard
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn good_machine_keeps_the_contract_whatever_happens() {
    proptest!(config(), |(ops in ops(any::<u8>(), 0..40))| {
        let acts = ops.iter().filter(|op| matches!(op, Op::Act(_))).count();
        let heard = check(Flaw::None, &ops);
        prop_assert!((acts..=3 * acts).contains(&heard));
    });
}

#[test]
fn each_operation_does_what_it_says() {
    let micros = Duration::from_micros;
    for (op, heard) in [
        (Op::Wait(micros(9)), 1 + 1),
        (Op::Wait(micros(10)), 1 + 1 + 1),
        (Op::Wait(micros(20)), 1 + 2 + 1),
        (Op::WakeEarly, 1 + 1),
        (Op::WakeLate(micros(0)), 1 + 1 + 1),
        (Op::WakeLate(micros(10)), 1 + 2 + 1),
        (Op::Sleep(micros(99)), 1 + 1),
        (Op::StepClock(-1), 1 + 1),
    ] {
        // The second word replaces what is left of the first one, and is repeated twice at the end.
        let ops = [Op::Act(7), op.clone(), Op::Act(8)];
        assert_eq!(check(Flaw::None, &ops), heard + 2, "{op:?}");
    }
}

#[test]
fn each_flaw_is_noticed() {
    let late = Op::WakeLate(Duration::from_micros(99));
    for (flaw, ops, said) in [
        (Flaw::Floods, vec![], "more than 8 outputs of one call"),
        (Flaw::FiresEarly, vec![], "an early wake-up at"),
        (Flaw::FiresTwice, vec![], "a second wake-up at"),
        (Flaw::KeepsDeadline, vec![], "the next is"),
        (Flaw::NeverIdle, vec![], "not idle after 8 wake-ups"),
        (Flaw::NeverIdle, vec![Op::Wait(Duration::from_secs(1))], "more than 8 wake-ups"),
        (Flaw::FiresOneAtATime, vec![late], "the next is"),
        (Flaw::CountsWakeups, vec![], "early or twice made a difference later"),
        (Flaw::OutlivesItself, vec![], "equal runs gave different outputs"),
        (Flaw::Hoards, vec![Op::Act(1), Op::Act(2)], "len: 3, limit: 2"),
        (Flaw::TalksInItsSleep, vec![], "an idle machine said [7]"),
        (Flaw::SubtractsClocks, vec![Op::StepClock(-60), Op::Act(0)], "the clock went back"),
    ] {
        let ops: Vec<_> = [Op::StepClock(100), Op::Act(7)].into_iter().chain(ops).collect();
        let heard = complaint(|| {
            check(flaw, &ops);
        });
        assert!(heard.contains(said), "{flaw:?}: {heard}");
    }
}

/// Returns the list to which a failing one shrinks.
fn shortest(flaw: Flaw) -> Vec<Op<u8>> {
    let mut runner = TestRunner::new(config());
    let result = runner.run(&ops(any::<u8>(), 0..40), |ops| {
        check(flaw, &ops);
        Ok(())
    });
    match result {
        Err(TestError::Fail(_, ops)) => ops,
        other => panic!("no list shows {flaw:?}: {other:?}"),
    }
}

#[test]
fn failing_list_shrinks_to_what_matters() {
    assert_eq!(shortest(Flaw::NeverIdle), [Op::Act(0)]);
    assert_eq!(shortest(Flaw::Hoards), [Op::Act(0), Op::Act(0), Op::Act(0)]);
    for flaw in [Flaw::FiresOneAtATime, Flaw::SubtractsClocks] {
        let ops = shortest(flaw);
        assert!(ops.len() <= 4, "{flaw:?}: {ops:?}");
    }
}

#[test]
fn machine_without_surroundings_needs_no_rig() {
    proptest!(config(), |(ops in ops(any::<u8>(), 0..40))| {
        check_contract(|| Inputs { machine: |_| Echo::new(Flaw::None), bounds: BOUNDS }, &ops);
    });
}
