//! The contract of every machine: whatever is said, found, lost and asked, in whatever order.

use std::{vec, vec::Vec};

use ensign_dht::Thoroughness;
use ensign_primitives::{Direction, Now, Occupancy, QueryId, StateMachine};
use ensign_testkit::{Bounds, Rig, check_contract, ops};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtReply, DialBackAsk, DialBackNonce, DialBackOutcome,
    DialBackTold, Key, PeersMessage, Proof, RENDEZVOUS_BYTES, ReachMessage, RecordKind, Role,
    Wants,
};
use proptest::prelude::*;

use super::cast::{START, address, config, machine, peer, record};
use crate::{Input, Message, Output, Overlay, Restored, Unreached};

/// Guess: enough that dials, walks and wishes meet.
const PEERS: u16 = 8;
const OPS_MAX: usize = 60;

#[derive(Clone, Debug)]
enum Act {
    /// Answers the oldest dial.
    Meet(bool),
    Fail(bool),
    Call(u16),
    Down(u16),
    Want(u16),
    Unwant(u16),
    Pair(u16),
    Unpair(u16),
    Bar(u16, bool),
    First(u16),
    Solve(bool),
    Find(u16, u64),
    /// Answers the oldest question, with these nodes.
    Answer(Vec<u16>),
    Ask(u16),
    Tell(u16, Vec<u16>),
    Look(u16),
    Get(u16),
    Put(u8),
    See(u16, u8),
    AskBack(u16),
    /// The last dial back is answered, or comes.
    Back(u16, u8),
    BackDialled(u16, bool),
    Ping(u16),
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEERS;
    let some = || prop::collection::vec(who(), 0..4);
    prop_oneof![
        6 => any::<bool>().prop_map(Act::Meet),
        3 => any::<bool>().prop_map(Act::Fail),
        2 => who().prop_map(Act::Call),
        2 => who().prop_map(Act::Down),
        1 => who().prop_map(Act::Want),
        1 => who().prop_map(Act::Unwant),
        1 => who().prop_map(Act::Pair),
        1 => who().prop_map(Act::Unpair),
        1 => (who(), any::<bool>()).prop_map(|(who, is_barred)| Act::Bar(who, is_barred)),
        1 => who().prop_map(Act::First),
        1 => any::<bool>().prop_map(Act::Solve),
        2 => (who(), any::<u64>()).prop_map(|(who, query)| Act::Find(who, query)),
        6 => some().prop_map(Act::Answer),
        1 => who().prop_map(Act::Ask),
        2 => (who(), some()).prop_map(|(who, nodes)| Act::Tell(who, nodes)),
        1 => who().prop_map(Act::Look),
        1 => who().prop_map(Act::Get),
        1 => (0..8_u8).prop_map(Act::Put),
        1 => who().prop_map(Act::Ping),
        4 => (who(), 0..3_u8).prop_map(|(who, last)| Act::See(who, last)),
        1 => who().prop_map(Act::AskBack),
        3 => (who(), 0..3_u8).prop_map(|(who, what)| Act::Back(who, what)),
        1 => (who(), any::<bool>()).prop_map(|(who, is)| Act::BackDialled(who, is)),
    ]
}

/// Remembers what was dialled and asked.
#[derive(Debug, Default)]
struct World {
    dials: Vec<u16>,
    asked: Vec<(u16, QueryId)>,
    /// The last dial back that was asked for.
    nonce: Option<DialBackNonce>,
    /// Whether it is behind a router, and learns from others where it is.
    is_behind: bool,
}

impl World {
    fn input(&mut self, act: &Act) -> Option<Input> {
        let key = Key::from(record(0).position());
        let around = Around { key, target: key, region: u64::MAX };
        let up = |who, direction| Input::Up { peer: peer(who), remote: address(who), direction };
        let said = |who, message| Input::Message { from: peer(who), message };
        Some(match act {
            Act::Meet(_) | Act::Fail(_) if self.dials.is_empty() => return None,
            Act::Meet(is_by_us) => {
                let way = if *is_by_us { Direction::Outbound } else { Direction::Inbound };
                up(self.dials.remove(0), way)
            }
            Act::Fail(is_duplicate) => {
                let who = self.dials.remove(0);
                let why = if *is_duplicate { Unreached::Duplicate } else { Unreached::NoAnswer };
                Input::DialFailed { peer: peer(who), address: address(who), why }
            }
            Act::Call(who) => up(*who, Direction::Inbound),
            Act::Down(who) => Input::Down { peer: peer(*who) },
            Act::Want(who) => Input::Wanted { peer: peer(*who) },
            Act::Unwant(who) => Input::Unwanted { peer: peer(*who) },
            Act::Pair(who) => Input::Paired { peer: peer(*who) },
            Act::Unpair(who) => Input::Unpaired { peer: peer(*who) },
            Act::Bar(who, is_barred) => Input::Barred { peer: peer(*who), is_barred: *is_barred },
            Act::Solve(is_found) => {
                let epoch = ensign_wire::position_epoch(START.unix);
                let proof = Proof { version: 1, epoch, nonce: 0 };
                Input::Solved { proof: is_found.then_some(proof) }
            }
            Act::Find(who, query) => {
                let (query, wants, asker) = (QueryId(*query), Wants::Nodes, Some(record(*who)));
                let find = DhtMessage::Find(DhtFind { query, around, wants, asker });
                said(*who, Message::Dht(find))
            }
            Act::Answer(_) if self.asked.is_empty() => return None,
            Act::Answer(nodes) => {
                let (who, query) = self.asked.remove(0);
                let nodes = nodes.iter().map(|it| record(*it)).collect();
                let reply = DhtReply { query, answer: Answer::None, nodes };
                said(who, Message::Dht(DhtMessage::Reply(reply)))
            }
            Act::Ask(who) => said(*who, Message::Peers(PeersMessage::Ask)),
            Act::Tell(who, nodes) => {
                let nodes = nodes.iter().map(|it| record(*it)).collect();
                said(*who, Message::Peers(PeersMessage::Told(nodes)))
            }
            Act::See(who, last) => {
                let address = ([9, 9, 9, *last], 4820).into();
                Input::Seen { peer: peer(*who), address }
            }
            Act::AskBack(who) => {
                let ask = DialBackAsk { nonce: DialBackNonce([1; 16]), address: address(*who) };
                said(*who, Message::Reach(ReachMessage::Ask(ask)))
            }
            Act::Back(who, what) => {
                let nonce = self.nonce?;
                let told = |outcome| {
                    let told = DialBackTold { nonce, outcome };
                    said(*who, Message::Reach(ReachMessage::Told(told)))
                };
                match what {
                    0 => told(DialBackOutcome::Reached),
                    1 => told(DialBackOutcome::Unreached),
                    _ => Input::DialledBack { remote: ([7, 7, 7, 7], 50_000).into(), nonce },
                }
            }
            Act::BackDialled(who, is_reached) => {
                Input::BackDialled { peer: peer(*who), is_reached: *is_reached }
            }
            Act::First(_) | Act::Look(_) | Act::Get(_) | Act::Put(_) | Act::Ping(_) => return None,
        })
    }
}

impl Rig for World {
    type Machine = Overlay;
    type Action = Act;

    fn machine(&mut self, now: Now) -> Overlay {
        let mut config = config(100, Role::Signer);
        if self.is_behind {
            config.listening = vec![([192, 168, 0, 7], 4820).into()];
            config.addresses.clear();
        }
        machine(100, config, Restored::default(), now)
    }

    fn start(&self) -> Now {
        START
    }

    fn bounds(&self) -> Bounds {
        // Those of the children together, and a search each twenty minutes for each who is wanted.
        Bounds { outputs_per_call: 4096, wakeups_until_idle: 3000 }
    }

    fn act(&mut self, now: Now, machine: &mut Overlay, action: &Act) {
        match action {
            Act::First(who) => machine.know_first(now, peer(*who), vec![address(*who)]),
            Act::Look(who) => _ = machine.find_node(now, peer(*who)),
            Act::Get(who) => {
                let key = Key::of_peer(super::cast::NETWORK, &peer(*who));
                let _ = machine.get(now, key, Thoroughness::Usual);
            }
            Act::Put(slot) => {
                let body = vec![*slot + 1; RENDEZVOUS_BYTES];
                let _ = machine.put(now, (RecordKind::RENDEZVOUS, *slot), body);
            }
            Act::Ping(who) => _ = machine.ping(now, peer(*who), address(*who)),
            other => {
                if let Some(input) = self.input(other) {
                    machine.handle_input(now, input);
                }
            }
        }
    }

    fn absorb(&mut self, _now: Now, output: Output) {
        let number = |it| (0..PEERS).find(|who| peer(*who) == it);
        match output {
            Output::Dial { peer, .. } => self.dials.extend(number(peer)),
            Output::Send { to, message: Message::Dht(DhtMessage::Find(find)) } => {
                self.asked.extend(number(to).map(|who| (who, find.query)));
            }
            Output::Send { message: Message::Reach(ReachMessage::Ask(ask)), .. } => {
                self.nonce = Some(ask.nonce);
            }
            _ => {}
        }
    }

    fn occupancy(&self, machine: &Overlay) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn a_node_in_the_open_network_keeps_the_contract_whatever_happens(ops in ops(act(), 0..OPS_MAX)) {
        check_contract(World::default, &ops);
        check_contract(|| World { is_behind: true, ..World::default() }, &ops);
    }
}
