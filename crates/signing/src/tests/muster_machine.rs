//! What the machine does with consents and reports that the rooms alone do not decide.

use core::time::Duration;
use std::{boxed::Box, vec, vec::Vec};

use ensign_primitives::{Now, PeerId, RequestId, SignerIndex, StateMachine};
use ensign_session::{LocalSigner, NONCE_LIFETIME};
use ensign_wire::{Groups, Kind, LinkReport, Mode, RULES_REVISION, Signed};

use super::cast::{
    NETWORK, entropy, group, introduced, local_signer, machine, node_key, peer, proposal, start,
};
use crate::{
    CommandError, Event, Input, Message, Offense, Output, Record, Restored, SignerAnswer,
    SignerQuestion, Signing, ask_local_signer,
};

fn later(seconds: u64) -> Now {
    let time = Duration::from_secs(seconds);
    Now { instant: start().instant.after(time), unix: start().unix.after(time) }
}

/// Person 0's machine, and what it has asked and told.
struct Desk {
    machine: Signing,
    signer: LocalSigner,
    now: Now,
    /// Answers of the signer that are held back.
    held: Vec<SignerAnswer>,
    holds: bool,
    journal: Vec<Record>,
    events: Vec<Event>,
    offenses: Vec<(PeerId, Offense)>,
    sent: Vec<(PeerId, Kind)>,
    asked: u64,
}

impl Desk {
    /// Of three who are all there and see each other.
    fn ready() -> Self {
        let mut desk = Self::of(Restored::default());
        for other in [1, 2] {
            desk.come(other);
        }
        desk
    }

    fn of(restored: Restored) -> Self {
        let (machine, signer) = (machine(0, 3, start(), restored), local_signer(0));
        let mut desk = Self {
            machine,
            signer,
            now: start(),
            held: Vec::new(),
            holds: false,
            journal: Vec::new(),
            events: Vec::new(),
            offenses: Vec::new(),
            sent: Vec::new(),
            asked: 0,
        };
        desk.drain();
        desk
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Persist { token, record } => {
                    self.journal.push(record);
                    self.machine.handle_input(self.now, Input::Persisted { token });
                }
                Output::Note(record) => self.journal.push(record),
                Output::Signer(question) => self.ask(question),
                Output::Event(event) => self.events.push(event),
                Output::Offense { peer, offense } => self.offenses.push((peer, offense)),
                Output::Send { peer, kind, .. } => self.sent.push((peer, kind)),
                _ => {}
            }
        }
    }

    fn ask(&mut self, question: SignerQuestion) {
        self.asked += 1;
        let number = self.asked;
        let draw = |nonces| Some(entropy(0, number, nonces));
        let answer = ask_local_signer(&mut self.signer, self.now, question, draw);
        if self.holds {
            self.held.extend(answer);
        } else if let Some(answer) = answer {
            self.machine.handle_input(self.now, Input::Signer(answer));
        }
    }

    fn tell(&mut self, from: usize, message: Message) {
        self.input(Input::Message { peer: peer(from), message });
    }

    fn input(&mut self, input: Input) {
        self.machine.handle_input(self.now, input);
        self.drain();
    }

    fn come(&mut self, index: usize) {
        self.input(Input::Up { peer: peer(index) });
        self.tell(index, Message::Delegation(introduced(index, 0)));
        self.tell(index, Message::Groups(Groups { shared: vec![group_id()] }));
        self.report(index);
    }

    /// A member says that it sees all.
    fn report(&mut self, index: usize) {
        let sees = (0..3).map(SignerIndex).collect();
        let report = LinkReport { group: group_id(), sees, version: RULES_REVISION };
        let signed = Signed::new(&node_key(index), NETWORK, 1, self.now.unix, report).unwrap();
        self.tell(index, Message::LinkReport(Box::new(signed)));
    }

    fn propose(&mut self) -> RequestId {
        let id = self.machine.propose(self.now, proposal(3, Mode::Committed), [1; 16]).unwrap();
        self.drain();
        id
    }

    fn joins(&self) -> usize {
        self.journal.iter().filter(|it| matches!(it, Record::Joined { .. })).count()
    }
}

fn group_id() -> ensign_primitives::GroupId {
    group(3).keys.group_id(NETWORK)
}

#[test]
fn regression_nonces_were_taken_from_a_slow_signer_while_nobody_was_there() {
    let mut desk = Desk::ready();
    desk.holds = true;
    let id = desk.propose();
    assert_eq!(desk.held.len(), 1, "all are ready, and our user has just agreed");
    desk.input(Input::Down { peer: peer(1) });
    let answer = desk.held.remove(0);
    desk.input(Input::Signer(answer));
    assert_eq!((desk.joins(), desk.signer.count_open()), (0, 0));
    assert!(desk.machine.request(&id).is_some(), "the consent stays");
}

#[test]
fn regression_signer_that_never_answers_kept_the_yes_from_being_withdrawn() {
    let mut desk = Desk::ready();
    desk.holds = true;
    let id = desk.propose();
    let joined = CommandError::HasJoined { request: id };
    assert_eq!(desk.machine.withdraw(desk.now, id), Err(joined));
    desk.now = later(NONCE_LIFETIME.as_secs());
    desk.machine.handle_timeout(desk.now);
    desk.drain();
    assert_eq!(desk.machine.withdraw(desk.now, id), Ok(()));
}

#[test]
fn regression_withdrawn_yes_was_asked_for_after_a_restart_like_a_new_request() {
    let mut desk = Desk::of(Restored::default());
    let id = desk.propose();
    desk.machine.withdraw(desk.now, id).unwrap();
    desk.drain();
    let restored = Restored::from_records(desk.journal);
    let again = Desk::of(restored);
    let told = again.events.iter().filter_map(|event| match event {
        Event::Withdrawn { request } => Some(("withdrawn", *request)),
        Event::Review(review) => Some(("review", review.id)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [("withdrawn", id), ("review", id)], "no rule says yes to it");
}

#[test]
fn regression_yes_was_withdrawn_after_our_partial_signatures_had_left() {
    let mut before = Desk::of(Restored::default());
    let id = before.propose();
    let mut journal = before.journal;
    let (nonces, partials) = ([4; 32], vec![[5; 32]]);
    journal.push(Record::Joined { request: id, attempt: 1, said: [3; 32] });
    journal.push(Record::Partials { request: id, attempt: 1, nonces, partials });
    let mut desk = Desk::of(Restored::from_records(journal.clone()));
    let signed = CommandError::HasSigned { request: id, attempt: 1 };
    assert_eq!(desk.machine.withdraw(desk.now, id), Err(signed.clone()));
    // Nor in a later attempt, whose partial signatures are not there yet.
    journal.push(Record::Joined { request: id, attempt: 2, said: [6; 32] });
    let mut desk = Desk::of(Restored::from_records(journal));
    assert_eq!(desk.machine.withdraw(desk.now, id), Err(signed));
}
