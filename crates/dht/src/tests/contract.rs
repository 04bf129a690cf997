//! The contract of every machine: whatever is learned, said, lost and asked, in whatever order.

use std::{vec, vec::Vec};

use ensign_primitives::{Now, Occupancy, QueryId};
use ensign_testkit::{Bounds, Rig, check_contract, ops};
use ensign_wire::{
    Answer, Around, DhtFind, DhtHave, DhtMessage, DhtPull, DhtReply, DhtStore, Had, Key, Wants,
};
use proptest::prelude::*;

use super::cast::{START, address, machine, peer, record, sealed};
use crate::{ALPHA, Dht, Input, JOIN_REFRESHES, Output, Thoroughness, WALKS_MAX};

/// Guess: enough that walks meet each other's nodes.
const PEERS: u16 = 8;
const OPS_MAX: usize = 60;

#[derive(Clone, Debug)]
enum Act {
    Learn(u16),
    Up(u16),
    Down(u16),
    Unreachable(u16),
    Find(u16, u64, Wants),
    Store(u16, u64, u8),
    Have(u16, u8),
    Pull(u16, u64),
    /// Answers the oldest question that waits, with these nodes.
    Answer(Vec<u16>, bool),
    /// An answer that nobody waits for.
    Stray(u16, u64),
    Get(u8),
    FindNode(u16),
    Put(u8, u64),
    Refresh,
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 1..PEERS;
    let wants = prop_oneof![Just(Wants::Answer), Just(Wants::Nodes), Just(Wants::Value)];
    prop_oneof![
        3 => who().prop_map(Act::Learn),
        3 => who().prop_map(Act::Up),
        1 => who().prop_map(Act::Down),
        1 => who().prop_map(Act::Unreachable),
        2 => (who(), any::<u64>(), wants).prop_map(|(who, query, wants)| Act::Find(who, query, wants)),
        2 => (who(), any::<u64>(), 0..8_u8).prop_map(|(who, query, slot)| Act::Store(who, query, slot)),
        1 => (who(), 0..8_u8).prop_map(|(who, slot)| Act::Have(who, slot)),
        1 => (who(), any::<u64>()).prop_map(|(who, query)| Act::Pull(who, query)),
        6 => (prop::collection::vec(who(), 0..4), any::<bool>())
            .prop_map(|(nodes, has)| Act::Answer(nodes, has)),
        1 => (who(), any::<u64>()).prop_map(|(who, query)| Act::Stray(who, query)),
        1 => (0..8_u8).prop_map(Act::Get),
        1 => who().prop_map(Act::FindNode),
        1 => (0..8_u8, 1..5_u64).prop_map(|(slot, seq)| Act::Put(slot, seq)),
        1 => Just(Act::Refresh),
    ]
}

/// Remembers what was asked.
#[derive(Debug, Default)]
struct World {
    asked: Vec<(u16, QueryId)>,
}

impl World {
    fn message(&mut self, act: &Act) -> Option<(u16, DhtMessage)> {
        let key = Key::from(record(0).position());
        let around = Around { key, target: key, region: u64::MAX };
        Some(match act {
            Act::Find(who, query, wants) => {
                let (query, wants, asker) = (QueryId(*query), *wants, Some(record(*who)));
                (*who, DhtMessage::Find(DhtFind { query, around, wants, asker }))
            }
            Act::Store(who, query, slot) => {
                let record = sealed(*who, *slot, 1, START);
                let (query, around) = (QueryId(*query), Around { key: record.key(), ..around });
                (*who, DhtMessage::Store(DhtStore { query, around, record }))
            }
            Act::Have(who, slot) => {
                let key16 = sealed(*who, *slot, 1, START).key().first_half();
                let records = vec![Had { key16, seq: 1, ttl: 2 }];
                (*who, DhtMessage::Have(DhtHave { records }))
            }
            Act::Pull(who, query) => {
                let key16 = sealed(*who, 0, 1, START).key().first_half();
                (*who, DhtMessage::Pull(DhtPull { query: QueryId(*query), key16 }))
            }
            Act::Answer(nodes, has) => {
                if self.asked.is_empty() {
                    return None;
                }
                let (who, query) = self.asked.remove(0);
                let answer = if *has { Answer::Stored } else { Answer::None };
                let nodes = nodes.iter().map(|it| record(*it)).collect();
                (who, DhtMessage::Reply(DhtReply { query, answer, nodes }))
            }
            Act::Stray(who, query) => {
                let (query, answer, nodes) = (QueryId(*query), Answer::None, vec![]);
                (*who, DhtMessage::Reply(DhtReply { query, answer, nodes }))
            }
            Act::Learn(_)
            | Act::Up(_)
            | Act::Down(_)
            | Act::Unreachable(_)
            | Act::Get(_)
            | Act::FindNode(_)
            | Act::Put(..)
            | Act::Refresh => return None,
        })
    }
}

impl Rig for World {
    type Machine = Dht;
    type Action = Act;

    fn machine(&mut self, _now: Now) -> Dht {
        machine(0)
    }

    fn start(&self) -> Now {
        START
    }

    fn bounds(&self) -> Bounds {
        // Every walk asks as many as it may, and ends.
        let outputs_per_call = WALKS_MAX * (ALPHA + 2) * usize::from(PEERS);
        // Questions of every refresh, one after the other, twice each; then an hour of records.
        let wakeups_until_idle = (JOIN_REFRESHES + 8 + WALKS_MAX) * 2 * usize::from(PEERS) + 64;
        Bounds { outputs_per_call, wakeups_until_idle }
    }

    fn act(&mut self, now: Now, machine: &mut Dht, action: &Act) {
        use ensign_primitives::StateMachine;
        let input = match action {
            Act::Learn(who) => Input::Learned { record: record(*who) },
            Act::Up(who) => Input::Up { peer: peer(*who), remote: address(*who) },
            Act::Down(who) => Input::Down { peer: peer(*who) },
            Act::Unreachable(who) => Input::Unreachable { peer: peer(*who) },
            Act::Get(slot) => {
                let key = sealed(1, *slot, 1, START).key();
                let _ = machine.get(now, key, Thoroughness::Thorough);
                return;
            }
            Act::FindNode(who) => {
                let _ = machine.find_node(now, peer(*who));
                return;
            }
            Act::Put(slot, seq) => {
                let _ = machine.put(now, sealed(0, *slot, *seq, now));
                return;
            }
            Act::Refresh => return machine.refresh(now),
            said @ (Act::Find(..)
            | Act::Store(..)
            | Act::Have(..)
            | Act::Pull(..)
            | Act::Answer(..)
            | Act::Stray(..)) => {
                let Some((who, message)) = self.message(said) else { return };
                Input::Message { from: peer(who), message }
            }
        };
        machine.handle_input(now, input);
    }

    fn absorb(&mut self, _now: Now, output: Output) {
        if let Output::Send { to, message: DhtMessage::Find(find) } = output {
            let who = (1..PEERS).find(|it| peer(*it) == to).unwrap();
            self.asked.push((who, find.query));
        }
    }

    fn occupancy(&self, machine: &Dht) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_hash_table_keeps_the_contract_whatever_happens(ops in ops(act(), 0..OPS_MAX)) {
        check_contract(World::default, &ops);
    }
}
