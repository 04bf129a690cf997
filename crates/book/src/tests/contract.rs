//! The contract of every machine: whoever is heard of, dialled, lost and asked, in whatever order.

use core::net::SocketAddr;
use std::{collections::BTreeMap, sync::Arc, vec, vec::Vec};

use ensign_diversity::PrefixTable;
use ensign_primitives::{Direction, Now, Occupancy, PeerId, StateMachine};
use ensign_testkit::{Bounds, Rig, check_contract, ops};
use proptest::prelude::*;

use super::world::{Card, config, kept, lone, peer, seed};
use crate::{Area, Book, Fault, Input, Output, Restored, Source};

/// How many nodes there are. Guess: more than places for outbound connections.
const NODES: u32 = 20;

/// How many operations a list has at most.
const OPS_MAX: usize = 120;

#[derive(Clone, Debug)]
enum Act {
    Learn(u32, u64, u16),
    /// The oldest dial is answered: by whom it is for, or by nobody.
    Answer(bool),
    Call(u32),
    Lose(u32),
    Asked(u32),
    Told(u32, Vec<(u32, Option<Fault>)>),
    /// The oldest comparison ends, with so many in common.
    Compared(u8),
    Exclude(u32),
    Include(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..NODES;
    let fault = || {
        prop_oneof![
            6 => Just(None),
            1 => Just(Some(Fault::Stale)),
            1 => Just(Some(Fault::Forged)),
            1 => Just(Some(Fault::Misplaced)),
        ]
    };
    prop_oneof![
        4 => (who(), 1..4_u64, 0..3_u16).prop_map(|(who, seq, from)| Act::Learn(who, seq, from)),
        8 => prop::bool::weighted(0.7).prop_map(Act::Answer),
        2 => who().prop_map(Act::Call),
        2 => who().prop_map(Act::Lose),
        1 => who().prop_map(Act::Asked),
        2 => (who(), prop::collection::vec((who(), fault()), 0..36))
            .prop_map(|(who, told)| Act::Told(who, told)),
        2 => (0..20_u8).prop_map(Act::Compared),
        1 => who().prop_map(Act::Exclude),
        1 => who().prop_map(Act::Include),
    ]
}

#[derive(Debug, Default)]
struct Driver {
    dials: Vec<(PeerId, SocketAddr)>,
    up: BTreeMap<PeerId, SocketAddr>,
    comparisons: Vec<u64>,
}

impl Driver {
    fn input(&mut self, act: &Act) -> Option<Input<Card>> {
        Some(match act {
            Act::Learn(who, seq, from) => {
                let record = Card { seq: *seq, ..lone(*who) };
                Input::Learned { record, source: Source::Seed(*from) }
            }
            Act::Answer(is_there) => {
                let (peer, address) = (!self.dials.is_empty()).then(|| self.dials.remove(0))?;
                if !*is_there {
                    return Some(Input::DialFailed { peer, address });
                }
                self.up.insert(peer, address);
                Input::Up { peer, remote: address, direction: Direction::Outbound }
            }
            Act::Call(who) => {
                let (peer, remote) = (peer(*who), lone(*who).addresses[0]);
                self.dials.retain(|(other, _)| *other != peer);
                self.up.insert(peer, remote);
                Input::Up { peer, remote, direction: Direction::Inbound }
            }
            Act::Lose(who) => {
                self.up.remove(&peer(*who))?;
                Input::Down { peer: peer(*who) }
            }
            Act::Asked(who) => Input::Asked { from: peer(*who) },
            Act::Told(who, told) => {
                let of = |(who, fault): &(u32, Option<Fault>)| Card { fault: *fault, ..lone(*who) };
                Input::Told { from: peer(*who), records: told.iter().map(of).collect() }
            }
            Act::Compared(shared) => {
                let round = (!self.comparisons.is_empty()).then(|| self.comparisons.remove(0))?;
                let near = (0..20).map(peer).collect();
                let apart = (20 - u32::from(*shared)..40 - u32::from(*shared)).map(peer).collect();
                Input::Compared { round, near, apart }
            }
            Act::Exclude(_) | Act::Include(_) => return None,
        })
    }
}

impl Rig for Driver {
    type Machine = Book<Card>;
    type Action = Act;

    fn machine(&mut self, now: Now) -> Book<Card> {
        let restored =
            Restored { kept: vec![kept(lone(0)), kept(lone(1))], anchors: vec![peer(0)] };
        let address = lone(NODES).addresses[0];
        let trusted = vec![(peer(NODES), vec![address])];
        let config = crate::BookConfig { outbound: 3, trusted, ..config() };
        Book::new(config, now, seed(3), Arc::new(PrefixTable::default()), restored)
    }

    fn bounds(&self) -> Bounds {
        // A sweep each six hours until everybody has aged, and what each of the others has left to say.
        Bounds { outputs_per_call: 64, wakeups_until_idle: 400 }
    }

    fn act(&mut self, now: Now, machine: &mut Book<Card>, action: &Act) {
        match action {
            Act::Exclude(who) => {
                self.dials.retain(|(other, _)| *other != peer(*who));
                machine.exclude(now, peer(*who));
            }
            Act::Include(who) => machine.include(&peer(*who)),
            other @ (Act::Learn(..)
            | Act::Answer(_)
            | Act::Call(_)
            | Act::Lose(_)
            | Act::Asked(_)
            | Act::Told(..)
            | Act::Compared(_)) => {
                if let Some(input) = self.input(other) {
                    machine.handle_input(now, input);
                }
            }
        }
    }

    fn absorb(&mut self, _now: Now, output: Output<Card>) {
        match output {
            Output::Dial { peer, address } => {
                assert!(!self.up.contains_key(&peer), "dials {peer}, who is connected");
                assert!(self.dials.iter().all(|(other, _)| *other != peer), "two dials of {peer}");
                self.dials.push((peer, address));
            }
            Output::Close { peer, .. } => assert!(self.up.contains_key(&peer)),
            Output::Compare { round, .. } => self.comparisons.push(round),
            Output::Ask { .. }
            | Output::Tell { .. }
            | Output::Offense { .. }
            | Output::Note(_)
            | Output::Event(_) => {}
        }
    }

    fn inspect(&self, machine: &Book<Card>) {
        let areas: Vec<_> = machine
            .outbound()
            .map(|(_, remote)| Area::of(remote, &PrefixTable::default()))
            .collect();
        let mut distinct = areas.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(areas.len(), distinct.len(), "two outbound connections into one area");
    }

    fn occupancy(&self, machine: &Book<Card>) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn book_keeps_the_contract_whatever_happens(ops in ops(act(), 0..OPS_MAX)) {
        check_contract(Driver::default, &ops);
    }
}
