//! Person 0's machine under test, and the other members around it, who do all they are asked.

use std::{collections::VecDeque, vec::Vec};

use ensign_primitives::{Now, Occupancy, RequestId, StateMachine};
use ensign_session::{LocalSigner, Unsigned};
use ensign_testkit::{Bounds, Rig};
use ensign_wire::{AbortReason, Body, Envelope, Frame, Mode, SessionAbort};

use super::cast::{self, NETWORK, entropy, local_signer, machine, peer, proposal, start};
use crate::{
    Event, Input, Known, Message, Output, Record, Restored, SignerAnswer, SignerQuestion, Signing,
    ask_local_signer,
};

/// How many people there are.
pub(super) const COUNT: usize = 3;

/// One thing that the world does. Numbers that are too large count from the start again.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A message that waits arrives, perhaps not for the last time, from this member.
    Deliver {
        place: u8,
        again: bool,
        bearer: Option<u8>,
    },
    /// A member says that it ends what it spoke of last.
    Abort(u8),
    /// The oldest question is answered, by the signer or by the store.
    Answer,
    /// An answer comes that nobody asked for.
    Unasked(u8),
    /// The signer refuses what it was asked first.
    Refuse,
    Up(u8),
    Down(u8),
    Dropped(u8),
    Propose(Mode),
    TheyPropose(u8, Mode),
    Approve(u8),
    Stop(u8),
    AwaitDelegation,
}

/// Who is there, and what waits.
pub(super) struct Company {
    members: Vec<Signing>,
    signers: Vec<LocalSigner>,
    /// Messages for person 0, and whose they are.
    waiting: Vec<(usize, Message)>,
    /// Answers for person 0, in the order of its questions.
    answers: VecDeque<Input>,
    journal: Vec<Record>,
    seen: Vec<RequestId>,
    drawn: u64,
    proposed: u8,
    pub(super) reached: Vec<&'static str>,
}

impl Company {
    pub(super) fn new() -> Self {
        let made = |index| machine(index, COUNT, start(), Restored::default());
        let mut company = Self {
            members: (1..COUNT).map(made).collect(),
            signers: (0..COUNT).map(local_signer).collect(),
            waiting: Vec::new(),
            answers: VecDeque::new(),
            journal: Vec::new(),
            seen: Vec::new(),
            drawn: 0,
            proposed: 0,
            reached: Vec::new(),
        };
        let others = |one| (0..COUNT).filter(move |other| *other != one);
        let pairs = (1..COUNT).flat_map(|one| others(one).map(move |other| (one, up(other))));
        company.tell(start(), pairs.collect());
        company
    }

    /// Tells members something, and lets all do what follows.
    fn tell(&mut self, now: Now, mut queue: VecDeque<(usize, Input)>) {
        while let Some((member, input)) = queue.pop_front() {
            self.members[member - 1].handle_input(now, input);
            self.carry_out(now, member, &mut queue);
        }
    }

    fn command(&mut self, now: Now, member: usize, act: impl FnOnce(&mut Signing)) {
        act(&mut self.members[member - 1]);
        let mut queue = VecDeque::new();
        self.carry_out(now, member, &mut queue);
        self.tell(now, queue);
    }

    fn carry_out(&mut self, now: Now, member: usize, queue: &mut VecDeque<(usize, Input)>) {
        while let Some(output) = self.members[member - 1].poll_output() {
            match output {
                Output::Send { peer, frame, .. } => match index_of(&peer) {
                    Some(0) => self.waiting.extend(message(&frame).map(|it| (member, it))),
                    Some(to) => {
                        let from = cast::peer(member);
                        let input = |message| (to, Input::Message { peer: from, message });
                        queue.extend(message(&frame).map(input));
                    }
                    None => {}
                },
                Output::Signer(question) => {
                    let answer = self.ask_signer(now, member, question);
                    queue.extend(answer.map(|answer| (member, Input::Signer(answer))));
                }
                Output::Persist { token, .. } => {
                    queue.push_back((member, Input::Persisted { token }));
                }
                Output::Recall { request } => {
                    queue.push_back((member, Input::Recalled { request, known: Known::Nothing }));
                }
                Output::Event(Event::Review(review)) => {
                    let _ = self.members[member - 1].approve(now, review.id);
                }
                _ => {}
            }
        }
    }

    fn ask_signer(
        &mut self,
        now: Now,
        who: usize,
        question: SignerQuestion,
    ) -> Option<SignerAnswer> {
        self.drawn += 1;
        let draw = |nonces| Some(entropy(who, self.drawn, nonces));
        ask_local_signer(&mut self.signers[who], now, question, draw)
    }

    fn request(&self, place: u8) -> Option<RequestId> {
        self.seen.get(usize::from(place) % self.seen.len().max(1)).copied()
    }

    fn deliver(&mut self, place: u8, again: bool, bearer: Option<u8>) -> Option<Input> {
        if self.waiting.is_empty() {
            return None;
        }
        let place = usize::from(place) % self.waiting.len();
        let (author, message) =
            if again { self.waiting[place].clone() } else { self.waiting.remove(place) };
        let from = bearer.map_or(author, member);
        Some(Input::Message { peer: peer(from), message })
    }

    fn abort(&self, now: Now, by: u8) -> Option<Input> {
        let by = member(by);
        let session = self.waiting.iter().rev().find_map(|(_, message)| match message {
            Message::Statement(said) => Some(said.session()),
            _ => None,
        })?;
        let body = SessionAbort { reason: AbortReason::Cancelled, culprit: None };
        let key = cast::node_key(by);
        let said =
            Envelope::sign(&key, NETWORK, session, 1 << 40, now.unix, Body::SessionAbort(body));
        let message = Message::Statement(said.ok()?.into());
        Some(Input::Message { peer: peer(by), message })
    }

    fn unasked(&self, kind: u8) -> Input {
        match kind % 3 {
            0 => Input::Persisted { token: u64::MAX },
            1 => Input::Signer(SignerAnswer::Delegated(Err(Unsigned::Failed))),
            _ => {
                let request = self.request(kind).unwrap_or(RequestId::from_bytes([9; 32]));
                Input::Recalled { request, known: Known::Begun }
            }
        }
    }

    fn refusal(&mut self) -> Option<Input> {
        let is_signer = |it: &Input| matches!(it, Input::Signer(_));
        let place = self.answers.iter().position(is_signer)?;
        let why = Unsigned::Declined;
        Some(Input::Signer(match self.answers.remove(place)? {
            Input::Signer(SignerAnswer::Nonces { session, .. }) => {
                SignerAnswer::Nonces { session, result: Err(why) }
            }
            Input::Signer(SignerAnswer::Partials { session, .. }) => {
                SignerAnswer::Partials { session, result: Err(why) }
            }
            _ => SignerAnswer::Delegated(Err(why)),
        }))
    }

    fn nonce(&mut self) -> [u8; 16] {
        self.proposed = self.proposed.wrapping_add(1);
        [self.proposed; 16]
    }
}

/// One of the other members.
fn member(number: u8) -> usize {
    1 + usize::from(number) % (COUNT - 1)
}

fn index_of(wanted: &ensign_primitives::PeerId) -> Option<usize> {
    (0..COUNT).find(|index| peer(*index) == *wanted)
}

fn up(other: usize) -> Input {
    Input::Up { peer: peer(other) }
}

fn message(frame: &[u8]) -> Option<Message> {
    match Frame::decode_whole(frame, NETWORK).unwrap() {
        Frame::Delegation(said) => Some(Message::Delegation(said)),
        Frame::Groups(groups) => Some(Message::Groups(groups)),
        Frame::Payload { request, bytes } => Some(Message::Payload { request, bytes }),
        Frame::Envelope(envelope) => Some(Message::Statement(envelope)),
        Frame::Consent(consent) => Some(Message::Consent(consent)),
        Frame::LinkReport(report) => Some(Message::LinkReport(report)),
        _ => None,
    }
}

impl Rig for Company {
    type Machine = Signing;
    type Action = Act;

    fn machine(&mut self, now: Now) -> Signing {
        machine(0, COUNT, now, Restored::default())
    }

    fn bounds(&self) -> Bounds {
        Bounds { outputs_per_call: 4096, wakeups_until_idle: 4096 }
    }

    fn start(&self) -> Now {
        start()
    }

    fn act(&mut self, now: Now, machine: &mut Signing, action: &Act) {
        let input = match action.clone() {
            Act::Deliver { place, again, bearer } => self.deliver(place, again, bearer),
            Act::Abort(by) => self.abort(now, by),
            Act::Answer => self.answers.pop_front(),
            Act::Unasked(kind) => Some(self.unasked(kind)),
            Act::Refuse => self.refusal(),
            Act::Up(who) => {
                // The other side is connected anew, too, and says at once for whom it speaks.
                self.tell(now, VecDeque::from([(member(who), up(0))]));
                self.waiting.rotate_right(1);
                Some(up(member(who)))
            }
            Act::Down(who) => Some(Input::Down { peer: peer(member(who)) }),
            Act::Dropped(who) => Some(Input::Dropped { peer: peer(member(who)) }),
            Act::Propose(mode) => {
                let nonce = self.nonce();
                self.seen.extend(machine.propose(now, proposal(COUNT, mode), nonce));
                None
            }
            Act::TheyPropose(who, mode) => {
                let nonce = self.nonce();
                self.command(now, member(who), |signing| {
                    let _ = signing.propose(now, proposal(COUNT, mode), nonce);
                });
                None
            }
            Act::Approve(place) => {
                let _ = self.request(place).map(|id| machine.approve(now, id));
                None
            }
            Act::Stop(place) => {
                let reason = AbortReason::Declined;
                let _ = self.request(place).map(|id| machine.stop(now, id, reason));
                None
            }
            Act::AwaitDelegation => {
                let _ = machine.await_delegation(now);
                None
            }
        };
        if let Some(input) = input {
            machine.handle_input(now, input);
        }
    }

    fn absorb(&mut self, now: Now, output: Output) {
        match output {
            Output::Send { peer: to, frame, .. } => {
                if let (Some(to), Some(message)) = (index_of(&to), message(&frame)) {
                    let input = Input::Message { peer: peer(0), message };
                    self.tell(now, VecDeque::from([(to, input)]));
                }
            }
            Output::Signer(question) => {
                let answer = self.ask_signer(now, 0, question);
                self.answers.extend(answer.map(Input::Signer));
            }
            Output::Persist { token, record } => {
                self.journal.push(record);
                self.answers.push_back(Input::Persisted { token });
            }
            Output::Note(record) => self.journal.push(record),
            Output::Recall { request } => {
                let known = Known::from_records(&self.journal, &request);
                self.answers.push_back(Input::Recalled { request, known });
            }
            Output::Event(event) => {
                self.reached.push(match event {
                    Event::Review(review) => {
                        self.seen.push(review.id);
                        "review"
                    }
                    Event::Session { event: ensign_session::Event::Done(_), .. } => "done",
                    Event::Closed { .. } => "closed",
                    Event::Everybody { .. } => "everybody",
                    Event::Attempt { attempt: 2.., .. } => "another attempt",
                    Event::ConsentDurable { .. } => "consent",
                    _ => "other",
                });
            }
            Output::Offense { .. } => self.reached.push("offense"),
            Output::Conduct { .. } => self.reached.push("conduct"),
            Output::Standing { .. } | Output::Want { .. } | Output::Forget { .. } => {}
        }
    }

    fn occupancy(&self, machine: &Signing) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}
