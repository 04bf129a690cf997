//! The contract of every machine: whoever is met, lost, asks and answers, in whatever order.

use core::net::SocketAddr;
use std::{sync::Arc, vec, vec::Vec};

use ensign_primitives::{Now, Occupancy, PeerId, StateMachine};
use ensign_testkit::{Bounds, Rig, check_contract, ops};
use ensign_wire::{DialBackAsk, DialBackNonce, DialBackOutcome, DialBackRefusal, DialBackTold};
use proptest::prelude::*;

use super::cast::{at, config, nonce, outside, peer};
use crate::{Input, Output, Reach, ReachConfig};

/// How many operations a list has at most.
const OPS_MAX: usize = 160;

#[derive(Clone, Debug)]
enum Act {
    Meet(u16, u8),
    Lose(u16),
    Asked(u16, u16),
    Dialled(u16, bool),
    /// The last question is answered.
    Told(u8),
    Came(u16),
    Wrong(u16, u8),
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..100_u16;
    prop_oneof![
        8 => (who(), 0..4_u8).prop_map(|(who, at)| Act::Meet(who, at)),
        2 => who().prop_map(Act::Lose),
        4 => (who(), any::<u16>()).prop_map(|(who, port)| Act::Asked(who, port.max(1))),
        2 => (who(), any::<bool>()).prop_map(|(who, is)| Act::Dialled(who, is)),
        6 => (0..4_u8).prop_map(Act::Told),
        6 => who().prop_map(Act::Came),
        1 => (who(), any::<u8>()).prop_map(|(who, byte)| Act::Wrong(who, byte)),
    ]
}

#[derive(Debug, Default)]
struct Driver {
    open: Option<(PeerId, DialBackNonce)>,
    given: Vec<SocketAddr>,
}

impl Rig for Driver {
    type Machine = Reach;
    type Action = Act;

    fn machine(&mut self, now: Now) -> Reach {
        let given = self.given.clone();
        Reach::new(ReachConfig { given, ..config() }, [3; 32], now, Arc::default())
    }

    fn bounds(&self) -> Bounds {
        // All addresses are tested by as many as may be asked, and those that are dialled for others end.
        Bounds { outputs_per_call: 32, wakeups_until_idle: 100 }
    }

    fn act(&mut self, now: Now, machine: &mut Reach, act: &Act) {
        let input = match act {
            Act::Meet(who, seen) => {
                let seen = Some(outside(4820 + u16::from(*seen)));
                Input::Met { peer: peer(*who), remote: at(*who), seen }
            }
            Act::Lose(who) => Input::Left { peer: peer(*who) },
            Act::Asked(who, port) => {
                let address = SocketAddr::new(at(*who).ip(), *port);
                let ask = DialBackAsk { nonce: nonce(1), address };
                Input::Asked { from: peer(*who), remote: at(*who), ask }
            }
            Act::Dialled(who, is_reached) => {
                Input::Dialled { peer: peer(*who), is_reached: *is_reached }
            }
            Act::Told(outcome) => {
                let Some((from, nonce)) = self.open else { return };
                let outcome = match outcome {
                    0 => DialBackOutcome::Reached,
                    1 => DialBackOutcome::Unreached,
                    _ => DialBackOutcome::Refused(DialBackRefusal::Busy),
                };
                Input::Told { from, told: DialBackTold { nonce, outcome } }
            }
            Act::Came(who) => {
                let Some((_, nonce)) = self.open else { return };
                Input::DialledBack { remote: at(*who), nonce }
            }
            Act::Wrong(who, byte) => {
                let (nonce, outcome) = (nonce(*byte), DialBackOutcome::Unreached);
                Input::Told { from: peer(*who), told: DialBackTold { nonce, outcome } }
            }
        };
        machine.handle_input(now, input);
    }

    fn absorb(&mut self, _now: Now, output: Output) {
        match output {
            Output::Ask { to, ask } => self.open = Some((to, ask.nonce)),
            Output::DialBack { address, .. } => assert!(address.port() >= 1024),
            Output::Tell { .. }
            | Output::Offense { .. }
            | Output::Refresh { .. }
            | Output::Changed
            | Output::Judged(_) => {}
        }
    }

    fn inspect(&self, machine: &Reach) {
        let given = [outside(7000)];
        if !self.given.is_empty() {
            assert_eq!(machine.announced(), given);
        }
        assert!(machine.announced().iter().all(|it| it.ip() == outside(1).ip()));
    }

    fn occupancy(&self, machine: &Reach) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reach_keeps_the_contract_whatever_happens(ops in ops(act(), 0..OPS_MAX)) {
        check_contract(Driver::default, &ops);
        let named = || Driver { given: vec![outside(7000)], ..Driver::default() };
        check_contract(named, &ops);
    }
}
