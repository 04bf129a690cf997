//! What the machine does with consents and reports that the rooms alone do not decide.

use core::time::Duration;
use std::{boxed::Box, vec, vec::Vec};

use ensign_primitives::{Now, PeerId, RequestId, SignerIndex, StateMachine};
use ensign_session::{LocalSigner, NONCE_LIFETIME};
use ensign_wire::{
    AbortReason, Body, Consent, Envelope, Groups, Kind, LinkReport, Mode, RULES_REVISION,
    SessionAbort, SessionReady, Signed, SigningRequest,
};

use super::cast::{
    NETWORK, delegated_to, entropy, group, introduced, keys, local_signer, machine, node_key, peer,
    proposal, said, start,
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

    fn abort(&mut self, (by, id, attempt): (usize, RequestId, u16), reason: AbortReason) {
        let session = SigningRequest::session_id(id, NETWORK, attempt);
        let body = Body::SessionAbort(SessionAbort { reason, culprit: None });
        let (key, now) = (node_key(by), self.now.unix);
        let seq = 1 << 40 | u64::from(attempt);
        let said = Envelope::sign(&key, NETWORK, session, seq, now, body).unwrap();
        self.tell(by, Message::Statement(Box::new(said)));
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

fn consent(id: RequestId, of: usize, number: u32, agrees: bool) -> Message {
    let (keys, signer) = (keys(of), group(3).keys.index_of(&keys(of).signer).unwrap());
    let consent = Consent { request: id, signer, delegation: keys.delegation, number, agrees };
    let signed = Signed::new(&keys.node_key, NETWORK, number.into(), start().unix, consent);
    Message::Consent(Box::new(signed.unwrap()))
}

/// Person 1's key is used from node 3 from here on.
fn replace(desk: &mut Desk) {
    desk.input(Input::Up { peer: peer(3) });
    let newer = delegated_to(1, peer(3), 2);
    desk.tell(3, Message::Delegation(said(&newer, peer(3), peer(0))));
    desk.tell(3, Message::Groups(Groups { shared: vec![group_id()] }));
}

#[test]
fn regression_node_that_took_a_place_was_blamed_in_the_attempt_that_waits() {
    let mut desk = Desk::of(Restored::default());
    desk.come(1);
    let id = desk.propose();
    replace(&mut desk);
    desk.abort((3, id, 1), AbortReason::Declined);
    assert_eq!(desk.offenses, []);
    let closed = |event: &Event| matches!(event, Event::Closed { request, .. } if *request == id);
    assert!(desk.events.iter().any(closed), "it is heard, and nothing of ours was made");
}

#[test]
fn attempt_that_counts_on_a_replaced_node_dissolves_with_its_nonces() {
    let mut desk = Desk::ready();
    let id = desk.propose();
    assert_eq!((desk.joins(), desk.signer.count_open()), (1, 1));
    replace(&mut desk);
    assert_eq!((desk.offenses.len(), desk.signer.count_open()), (0, 0));
    assert!(desk.machine.request(&id).is_some());
}

#[test]
fn regression_words_of_a_replaced_node_counted_for_the_new_one() {
    let mut desk = Desk::of(Restored::default());
    desk.come(1);
    let id = desk.propose();
    desk.tell(1, consent(id, 1, u32::MAX, true));
    let agreed = |desk: &Desk| desk.machine.wait(&id, desk.now).unwrap().agreed.len();
    assert_eq!(agreed(&desk), 2);
    desk.come(2);
    replace(&mut desk);
    assert_eq!(agreed(&desk), 1, "a stolen node key says nothing that cannot be taken back");
    // Node 2 does not know that yet, and hands on what the old node said.
    desk.tell(2, consent(id, 1, 1, true));
    assert_eq!((agreed(&desk), desk.offenses.len()), (1, 0));
    assert!(!desk.machine.is_ready(&group_id(), desk.now), "nor does its report make it ready");
}

#[test]
fn regression_attempts_that_others_dissolve_used_up_ours() {
    let mut desk = Desk::ready();
    let id = desk.propose();
    // Our user takes the yes back once it can; whoever goes on dissolving costs us nothing.
    desk.abort((2, id, 1), AbortReason::Dissolved);
    desk.machine.withdraw(desk.now, id).unwrap();
    desk.drain();
    for minute in 1..=30 {
        desk.now = later(60 * minute);
        desk.machine.handle_timeout(desk.now);
        desk.drain();
    }
    let attempt = |desk: &Desk| desk.machine.open_requests(desk.now)[0].attempt;
    assert_eq!(attempt(&desk), 1, "what our user has not consented to is opened by others");
    desk.report(1);
    desk.report(2);
    desk.machine.approve(desk.now, id).unwrap();
    desk.now = later(60 * 31);
    desk.machine.handle_timeout(desk.now);
    desk.drain();
    assert_eq!(attempt(&desk), 2, "and is opened once it has");
}

fn in_attempt(desk: &mut Desk, by: usize, id: RequestId, attempt: u16) {
    let session = SigningRequest::session_id(id, NETWORK, attempt);
    let body = Body::SessionReady(SessionReady { joined: Default::default() });
    let (key, now) = (node_key(by), desk.now.unix);
    let said = Envelope::sign(&key, NETWORK, session, 1 << 40, now, body).unwrap();
    desk.tell(by, Message::Statement(Box::new(said)));
}

#[test]
fn regression_one_member_used_up_every_attempt() {
    let mut desk = Desk::of(Restored::default());
    desk.come(1);
    desk.come(2);
    let id = desk.propose();
    let attempt = |desk: &Desk| desk.machine.open_requests(desk.now)[0].attempt;
    for far in (1..=64).rev().chain(1..=64) {
        in_attempt(&mut desk, 1, id, far);
    }
    assert_eq!(attempt(&desk), 9, "eight beyond the first, however they are counted");
}

#[test]
fn regression_member_of_another_key_spoke_in_a_group() {
    let mut desk = Desk::of(Restored::default());
    let id = desk.propose();
    // Node 1 stands in the group and has shown the key of nobody in it.
    desk.input(Input::Up { peer: peer(1) });
    desk.tell(1, consent(id, 1, 1, true));
    desk.report(1);
    assert_eq!(desk.machine.wait(&id, desk.now).unwrap().agreed.len(), 1);
}

#[test]
fn regression_each_toggled_report_told_of_every_wait() {
    let mut desk = Desk::ready();
    desk.propose();
    let told = |desk: &Desk| {
        desk.events.iter().filter(|event| matches!(event, Event::Waiting { .. })).count()
    };
    for turn in 0..200 {
        let sees = (1..2 + turn % 2).map(SignerIndex).collect();
        let report = LinkReport { group: group_id(), sees, version: RULES_REVISION };
        let signed = Signed::new(&node_key(1), NETWORK, 1, desk.now.unix, report).unwrap();
        desk.tell(1, Message::LinkReport(Box::new(signed)));
    }
    assert!(told(&desk) <= 32, "{}", told(&desk));
}

#[test]
fn regression_consent_that_was_dropped_was_not_said_again() {
    let mut desk = Desk::of(Restored::default());
    desk.come(1);
    desk.propose();
    let said = |desk: &Desk| {
        let to_one = |(to, kind): &&(PeerId, Kind)| (*to, *kind) == (peer(1), Kind::Consent);
        desk.sent.iter().filter(to_one).count()
    };
    let before = said(&desk);
    desk.now = later(31);
    desk.machine.handle_timeout(desk.now);
    desk.drain();
    assert_eq!(said(&desk), before + 1);
}

#[test]
fn regression_what_another_handed_on_left_no_room_for_its_own_words() {
    let mut desk = Desk::of(Restored::default());
    desk.come(1);
    let id = desk.propose();
    for number in 1..=300 {
        desk.tell(1, consent(id, 2, number, true));
    }
    desk.tell(1, consent(id, 1, 1, true));
    assert_eq!(desk.machine.wait(&id, desk.now).unwrap().agreed.len(), 3);
}

#[test]
fn regression_message_was_heard_before_the_age_of_the_nonces() {
    let mut desk = Desk::ready();
    let id = desk.propose();
    assert_eq!((desk.joins(), desk.signer.count_open()), (1, 1));
    desk.now = later(NONCE_LIFETIME.as_secs());
    desk.abort((1, id, 1), AbortReason::Timeout);
    let reasons = desk.events.iter().filter_map(|event| match event {
        Event::Session { event: ensign_session::Event::Failed(failure), .. } => {
            Some(failure.reason)
        }
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [AbortReason::Dissolved], "which counts for nothing");
}
