//! The contract of every machine: whatever is known, wanted, connected and lost, in whatever order.

use core::net::SocketAddr;
use std::{collections::BTreeMap, vec::Vec};

use ensign_primitives::{Direction, Now, Occupancy, PeerId};
use ensign_testkit::{Bounds, Rig, check_contract, ops};
use proptest::prelude::*;

use super::address;
use crate::{DialFailure, Input, Output, Peers, PeersConfig, Restored, Why};

/// How many peers there are. Guess: enough that their deadlines mix.
const PEERS: u8 = 5;

/// How many operations a list has at most.
const OPS_MAX: usize = 120;

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Know(u8, Vec<u16>),
    Want(u8, Why),
    Forget(u8, Why),
    Up(u8, u16, Direction),
    Down(u8),
    /// The dial of a peer fails, if there is one.
    Fail(u8, DialFailure),
    /// An answer that nobody waits for.
    Stray(u8, u16),
}

pub(super) fn peer(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEERS;
    let port = || 1..6_u16;
    let why = || prop_oneof![Just(Why::Member), Just(Why::Application)];
    let direction = prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound)];
    let failure = prop_oneof![
        3 => Just(DialFailure::TimedOut),
        1 => Just(DialFailure::Duplicate),
    ];
    prop_oneof![
        2 => (who(), prop::collection::vec(port(), 0..4)).prop_map(|(who, ports)| Act::Know(who, ports)),
        2 => (who(), why()).prop_map(|(who, why)| Act::Want(who, why)),
        1 => (who(), why()).prop_map(|(who, why)| Act::Forget(who, why)),
        2 => (who(), port(), direction).prop_map(|(who, port, way)| Act::Up(who, port, way)),
        2 => who().prop_map(Act::Down),
        6 => (who(), failure).prop_map(|(who, why)| Act::Fail(who, why)),
        1 => (who(), port()).prop_map(|(who, port)| Act::Stray(who, port)),
    ]
}

/// Remembers the dials that are not answered.
#[derive(Debug, Default)]
pub(super) struct Driver {
    dials: BTreeMap<PeerId, SocketAddr>,
}

impl Driver {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The input or the command that an act stands for now.
    pub(super) fn happen(&mut self, act: &Act, now: Now, machine: &mut impl Subject) {
        match act {
            Act::Know(who, ports) => {
                let addresses: Vec<_> = ports.iter().copied().map(address).collect();
                machine.know(peer(*who), &addresses);
            }
            Act::Want(who, why) => machine.want(now, peer(*who), *why),
            Act::Forget(who, why) => machine.forget(peer(*who), *why),
            Act::Up(who, port, direction) => {
                let (peer, remote, direction) = (peer(*who), address(*port), *direction);
                self.dials.remove(&peer);
                machine.input(now, Input::Up { peer, remote, direction });
            }
            Act::Down(who) => machine.input(now, Input::Down { peer: peer(*who) }),
            Act::Fail(who, why) => {
                let Some(address) = self.dials.remove(&peer(*who)) else { return };
                machine.input(now, Input::DialFailed { peer: peer(*who), address, why: *why });
            }
            Act::Stray(who, port) => {
                let (peer, address) = (peer(*who), address(*port));
                if self.dials.get(&peer) != Some(&address) {
                    let why = DialFailure::Refused;
                    machine.input(now, Input::DialFailed { peer, address, why });
                }
            }
        }
    }

    pub(super) fn hear(&mut self, output: &Output) {
        match output {
            Output::Dial { peer, address } => {
                let before = self.dials.insert(*peer, *address);
                assert_eq!(before, None, "two dials of {peer}");
            }
            Output::Forget { peer } => {
                self.dials.remove(peer);
            }
            Output::Expect { .. } | Output::Note(_) | Output::Event(_) => {}
        }
    }
}

/// The machine, or what is held against it.
pub(super) trait Subject {
    fn know(&mut self, peer: PeerId, addresses: &[SocketAddr]);
    fn want(&mut self, now: Now, peer: PeerId, why: Why);
    fn forget(&mut self, peer: PeerId, why: Why);
    fn input(&mut self, now: Now, input: Input);
}

impl Subject for Peers {
    fn know(&mut self, peer: PeerId, addresses: &[SocketAddr]) {
        self.know(peer, addresses).unwrap();
    }

    fn want(&mut self, now: Now, peer: PeerId, why: Why) {
        self.want(now, peer, why).unwrap();
    }

    fn forget(&mut self, peer: PeerId, why: Why) {
        self.forget(peer, why);
    }

    fn input(&mut self, now: Now, input: Input) {
        ensign_primitives::StateMachine::handle_input(self, now, input);
    }
}

impl Rig for Driver {
    type Machine = Peers;
    type Action = Act;

    fn machine(&mut self, _now: Now) -> Peers {
        let addresses = std::vec![(peer(0), address(9))];
        Peers::new(PeersConfig::default(), [3; 32], Restored { addresses })
    }

    fn bounds(&self) -> Bounds {
        // A round of each peer at once; then the dial of each waits for its answer.
        let peers = usize::from(PEERS);
        Bounds { outputs_per_call: peers, wakeups_until_idle: peers }
    }

    fn act(&mut self, now: Now, machine: &mut Peers, action: &Act) {
        self.happen(action, now, machine);
    }

    fn absorb(&mut self, _now: Now, output: Output) {
        self.hear(&output);
    }

    fn occupancy(&self, machine: &Peers) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn peers_keep_the_contract_whatever_happens(ops in ops(act(), 0..OPS_MAX)) {
        check_contract(Driver::new, &ops);
    }
}
