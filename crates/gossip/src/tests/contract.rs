//! The contract of every machine: whatever is said, judged, taken and lost, in whatever order.

use std::{vec, vec::Vec};

use ensign_primitives::{Direction, Now, Occupancy, StateMachine};
use ensign_testkit::{Bounds, Rig, check_contract, ops};
use ensign_wire::{GossipControl, GossipMessage, MessageId, Topic};
use proptest::prelude::*;

use super::cast::{NETWORK, START, data, id, peer, topic};
use crate::{Explicit, Gossip, GossipConfig, Input, Output, Verdict};

/// Guess: more than a mesh has.
const PEERS: u16 = 16;
const OPS_MAX: usize = 60;

#[derive(Clone, Debug)]
enum Act {
    Up(u16, bool),
    Down(u16),
    Data(u16, u16),
    Control(u16, u8, u16),
    /// The oldest message that waits is judged.
    Judge(u8),
    Taken(u16),
    Regard(u16, i64),
    Subscribe(bool),
    Publish(u16),
    Explicit(u16, bool),
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEERS;
    prop_oneof![
        4 => (who(), any::<bool>()).prop_map(|(who, out)| Act::Up(who, out)),
        1 => who().prop_map(Act::Down),
        6 => (who(), 0..40_u16).prop_map(|(who, what)| Act::Data(who, what)),
        12 => (who(), 0..9_u8, 0..40_u16).prop_map(|(who, what, id)| Act::Control(who, what, id)),
        6 => (0..4_u8).prop_map(Act::Judge),
        3 => who().prop_map(Act::Taken),
        1 => (who(), any::<i64>()).prop_map(|(who, points)| Act::Regard(who, points)),
        2 => any::<bool>().prop_map(Act::Subscribe),
        2 => (100..120_u16).prop_map(Act::Publish),
        1 => (who(), any::<bool>()).prop_map(|(who, is)| Act::Explicit(who, is)),
    ]
}

#[derive(Debug, Default)]
struct World {
    waiting: Vec<MessageId>,
    sent: Vec<(ensign_primitives::PeerId, usize)>,
}

fn control(what: u8, number: u16) -> GossipControl {
    let (topic, ids) = (topic(), vec![id(&data(number, 600)), id(&data(number, 1500))]);
    match what {
        0 | 1 => {
            GossipControl::Topics { joined: vec![topic, Topic([number as u8; 8])], left: vec![] }
        }
        2 => GossipControl::Topics { joined: vec![], left: vec![topic] },
        3 => GossipControl::Graft { topic },
        4 => GossipControl::Prune { topic, backoff: number * 1000 },
        5 => GossipControl::IHave { topic, ids },
        6 => GossipControl::IWant { ids },
        7 => GossipControl::IDontWant { ids },
        _ if number.is_multiple_of(2) => GossipControl::Choke { topic },
        _ => GossipControl::Unchoke { topic },
    }
}

impl Rig for World {
    type Machine = Gossip;
    type Action = Act;

    fn machine(&mut self, _now: Now) -> Gossip {
        Gossip::new(GossipConfig::new(NETWORK), [5; 32])
    }

    fn start(&self) -> Now {
        START
    }

    fn bounds(&self) -> Bounds {
        // Each peer is told a few things; a heartbeat tells each of the mesh, of names, of messages.
        let outputs_per_call = usize::from(PEERS) * 80;
        // The heart beats for two minutes, and for each back-off once.
        Bounds { outputs_per_call, wakeups_until_idle: 1000 }
    }

    fn act(&mut self, now: Now, machine: &mut Gossip, action: &Act) {
        let size = |number: u16| if number.is_multiple_of(2) { 600 } else { 1500 };
        let input = match *action {
            Act::Up(who, is_outbound) => {
                let direction = if is_outbound { Direction::Outbound } else { Direction::Inbound };
                let remote = ([8, 8, (who / 3) as u8, who as u8], 4000).into();
                Input::Up { peer: peer(who), remote, direction }
            }
            Act::Down(who) => Input::Down { peer: peer(who) },
            Act::Data(who, what) => {
                let message = GossipMessage::Data(data(what, size(what)));
                Input::Message { from: peer(who), message }
            }
            Act::Control(who, what, number) => {
                let message = GossipMessage::Control(control(what, number));
                Input::Message { from: peer(who), message }
            }
            Act::Judge(how) => {
                let Some(id) = self.waiting.pop() else { return };
                let verdict = match how {
                    0 => Verdict::Reject,
                    1 => Verdict::Ignore,
                    _ => Verdict::Accept,
                };
                Input::Judged { id, verdict }
            }
            Act::Taken(who) => {
                let at = self.sent.iter().position(|it| it.0 == peer(who));
                let Some((peer, bytes)) = at.map(|at| self.sent.remove(at)) else { return };
                Input::Taken { peer, bytes }
            }
            Act::Regard(who, points) => Input::Regarded { peer: peer(who), points },
            Act::Subscribe(true) => {
                let _ = machine.subscribe(now, topic());
                return;
            }
            Act::Subscribe(false) => return machine.unsubscribe(now, topic()),
            Act::Publish(number) => {
                let _ = machine.publish(now, topic(), data(number, size(number)).data);
                return;
            }
            Act::Explicit(who, is) => {
                let standing = if is { Explicit::Yes } else { Explicit::No };
                let _ = machine.set_explicit(now, peer(who), standing);
                return;
            }
        };
        machine.handle_input(now, input);
    }

    fn absorb(&mut self, _now: Now, output: Output) {
        match output {
            Output::Validate { id, .. } => self.waiting.push(id),
            Output::Send { to, bytes, .. } => self.sent.push((to, bytes)),
            Output::Offense { .. } | Output::Event(_) => {}
        }
    }

    fn occupancy(&self, machine: &Gossip) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_router_keeps_the_contract_whatever_happens(ops in ops(act(), 0..OPS_MAX)) {
        check_contract(World::default, &ops);
    }
}
