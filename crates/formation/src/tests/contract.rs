//! The contract of every machine: whoever invites, joins, pastes, confirms, lies and goes, in whatever
//! order.

use std::{collections::VecDeque, vec, vec::Vec};

use ensign_primitives::{Now, Occupancy, PeerId, StateMachine};
use ensign_testkit::{Bounds, Rig, check_contract, ops};
use ensign_wire::{Fingerprint, FormationMessage};
use proptest::prelude::*;

use super::cast::{NAME, at, candidate, machine, peer, roster};
use crate::{Formation, Input, Invitation, Output, SEATS_SAID_AGAIN_MAX, Step};

/// How many operations a list has at most.
const OPS_MAX: usize = 120;

/// What can happen to us, who are person 0; 1 and 2 are other machines.
#[derive(Clone, Debug)]
enum Act {
    /// We invite, or they do.
    Invite(u8),
    /// The one joins the other: the last code that was given out.
    Join(u8),
    Form(u8),
    Confirm(u8),
    /// Our user is asked about other words than these.
    ConfirmOther,
    Refuse(u8),
    Forget,
    Up(u8),
    Down(u8),
    Dropped(u8),
    /// The next frame for us arrives.
    Deliver,
    /// It arrives with one byte changed, or twice.
    Corrupt(u8),
    Twice,
    /// Frames of another kind than anybody would send.
    Garbage(u8, Vec<u8>),
    Persisted,
    Token(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..3_u8;
    let other = || 1..3_u8;
    prop_oneof![
        2 => who().prop_map(Act::Invite),
        3 => who().prop_map(Act::Join),
        3 => who().prop_map(Act::Form),
        4 => who().prop_map(Act::Confirm),
        1 => Just(Act::ConfirmOther),
        1 => who().prop_map(Act::Refuse),
        1 => Just(Act::Forget),
        6 => other().prop_map(Act::Up),
        2 => other().prop_map(Act::Down),
        1 => other().prop_map(Act::Dropped),
        16 => Just(Act::Deliver),
        2 => any::<u8>().prop_map(Act::Corrupt),
        1 => Just(Act::Twice),
        1 => (other(), prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(who, it)| Act::Garbage(who, it)),
        8 => Just(Act::Persisted),
        1 => any::<u64>().prop_map(Act::Token),
    ]
}

/// The others, and what is on its way to us.
#[derive(Debug)]
struct Company {
    others: Vec<Formation>,
    links: Vec<u8>,
    ways: VecDeque<(PeerId, FormationMessage)>,
    tokens: VecDeque<u64>,
    code: Option<Invitation>,
    draws: u8,
}

impl Company {
    fn new() -> Self {
        let others = vec![machine(1, at(0), vec![]), machine(2, at(0), vec![])];
        let (ways, tokens) = (VecDeque::new(), VecDeque::new());
        Self { others, links: vec![], ways, tokens, code: None, draws: 0 }
    }

    fn entropy(&mut self) -> [u8; 32] {
        self.draws = self.draws.wrapping_add(1);
        [self.draws; 32]
    }

    /// One of the others does something; what it says to the third arrives, and its disk is quick.
    fn other<T>(&mut self, now: Now, who: u8, act: impl FnOnce(&mut Formation) -> T) -> T {
        let done = act(&mut self.others[usize::from(who) - 1]);
        self.drain(now);
        done
    }

    fn drain(&mut self, now: Now) {
        while let Some((who, output)) = self.next_output() {
            match output {
                Output::Send { peer: to, message } if to == peer(0) => {
                    if self.links.contains(&who) {
                        self.ways.push_back((peer(who), message));
                    }
                }
                Output::Send { message, .. } => {
                    let input = Input::Message { peer: peer(who), message };
                    self.others[2 - usize::from(who)].handle_input(now, input);
                }
                Output::Persist { token, .. } => {
                    let it = &mut self.others[usize::from(who) - 1];
                    it.handle_input(now, Input::Persisted { token });
                }
                Output::Ask(_) | Output::Offense { .. } | Output::Event(_) => {}
            }
        }
    }

    fn next_output(&mut self) -> Option<(u8, Output)> {
        (1..3).find_map(|who| Some((who, self.others[usize::from(who) - 1].poll_output()?)))
    }

    /// The commands of a person, ours or another's; a refusal is no matter here.
    fn command(&mut self, now: Now, who: u8, ours: &mut Formation, act: &Act) {
        let (entropy, code) = (self.entropy(), self.code.clone());
        let own = candidate(who);
        let command = |machine: &mut Formation| match act {
            Act::Invite(_) => machine.invite(now, (NAME, 3), own, vec![], entropy).ok(),
            Act::Join(_) => {
                let joined = code.map(|code| machine.join(now, code, own, vec![], entropy));
                joined.and_then(Result::err).map(|_| ()).and(None)
            }
            Act::Form(_) => {
                let _ = machine.form(now, roster(&[0, 1, 2]), vec![vec![]; 3], entropy);
                None
            }
            _ => {
                let fingerprint = fingerprint(machine);
                let _ = fingerprint.map(|it| machine.confirm(now, NAME, &it));
                None
            }
        };
        let given = if who == 0 { command(ours) } else { self.other(now, who, command) };
        self.code = given.or(self.code.take());
    }

    fn arrive(&mut self, now: Now, machine: &mut Formation, corrupt: Option<u8>) {
        let Some((peer, message)) = self.ways.pop_front() else { return };
        let message = match corrupt {
            Some(at) => corrupted(message, at),
            None => message,
        };
        machine.handle_input(now, Input::Message { peer, message });
    }
}

fn fingerprint(machine: &Formation) -> Option<Fingerprint> {
    machine.views().find_map(|view| match view.step {
        Step::Confirming { fingerprint, .. } => Some(fingerprint),
        Step::Inviting { .. } | Step::Joining { .. } | Step::Revealing { .. } => None,
    })
}

fn corrupted(mut message: FormationMessage, at: u8) -> FormationMessage {
    match &mut message {
        FormationMessage::Seat(seat) => seat.proof[usize::from(at) % 32] ^= 1,
        FormationMessage::Seated(seated) => seated.invitation.0[usize::from(at) % 16] ^= 1,
        FormationMessage::Roster(bytes) | FormationMessage::Certificate(bytes) => {
            let len = bytes.len().max(1);
            bytes.get_mut(usize::from(at) % len).into_iter().for_each(|byte| *byte ^= 1);
        }
        FormationMessage::Statement(_) => {}
    }
    message
}

impl Rig for Company {
    type Machine = Formation;
    type Action = Act;

    fn machine(&mut self, now: Now) -> Formation {
        machine(0, now, vec![])
    }

    fn start(&self) -> Now {
        at(0)
    }

    fn bounds(&self) -> Bounds {
        // All of a round to each of two others, with the roster and the events; a seat that nobody answers.
        let said_again = 2 * usize::from(SEATS_SAID_AGAIN_MAX);
        Bounds { outputs_per_call: 64, wakeups_until_idle: 4 + said_again }
    }

    fn act(&mut self, now: Now, machine: &mut Formation, act: &Act) {
        match act {
            Act::Invite(who) | Act::Join(who) | Act::Form(who) | Act::Confirm(who) => {
                self.command(now, *who, machine, act);
            }
            Act::ConfirmOther => {
                let other = Fingerprint::from_bytes([9; 32]);
                machine.confirm(now, NAME, &other).unwrap_err();
            }
            Act::Refuse(0) => drop(machine.refuse(now, NAME)),
            Act::Refuse(who) => drop(self.other(now, *who, |it| it.refuse(now, NAME))),
            Act::Forget => drop(machine.forget_certificate(NAME)),
            Act::Up(who) => {
                let exporter = self.entropy();
                if !self.links.contains(who) {
                    self.links.push(*who);
                }
                self.other(now, *who, |it| {
                    it.handle_input(now, Input::Up { peer: peer(0), exporter });
                    it.handle_input(now, Input::Up { peer: peer(3 - who), exporter: [0; 32] });
                });
                machine.handle_input(now, Input::Up { peer: peer(*who), exporter });
            }
            Act::Down(who) => {
                self.links.retain(|it| it != who);
                self.ways.retain(|(from, _)| *from != peer(*who));
                self.other(now, *who, |it| it.handle_input(now, Input::Down { peer: peer(0) }));
                machine.handle_input(now, Input::Down { peer: peer(*who) });
            }
            Act::Dropped(who) => machine.handle_input(now, Input::Dropped { peer: peer(*who) }),
            Act::Deliver => self.arrive(now, machine, None),
            Act::Corrupt(at) => self.arrive(now, machine, Some(*at)),
            Act::Twice => {
                self.ways.front().cloned().into_iter().for_each(|way| self.ways.push_front(way));
                self.arrive(now, machine, None);
            }
            Act::Garbage(who, bytes) => {
                let message = FormationMessage::Roster(bytes.clone());
                machine.handle_input(now, Input::Message { peer: peer(*who), message });
            }
            Act::Persisted => {
                if let Some(token) = self.tokens.pop_front() {
                    machine.handle_input(now, Input::Persisted { token });
                }
            }
            Act::Token(token) => machine.handle_input(now, Input::Persisted { token: *token }),
        }
    }

    fn absorb(&mut self, now: Now, output: Output) {
        match output {
            Output::Send { peer: to, message } => {
                let who = (1..3).find(|who| peer(*who) == to).expect("only who takes part");
                assert!(self.links.contains(&who), "to somebody who is not connected");
                self.other(now, who, |it| {
                    it.handle_input(now, Input::Message { peer: peer(0), message });
                });
            }
            Output::Persist { token, .. } => self.tokens.push_back(token),
            Output::Ask(_) | Output::Offense { .. } | Output::Event(_) => {}
        }
    }

    fn occupancy(&self, machine: &Formation) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn formations_keep_the_contract_whatever_happens(ops in ops(act(), 0..OPS_MAX)) {
        check_contract(Company::new, &ops);
    }
}
