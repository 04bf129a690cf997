//! The company of one engine: real engines of the other members, a stranger, a disk and an operating
//! system that answer when a list of operations says so.

use std::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};

use ensign_primitives::{Instant, Now, Occupancy, PeerId, RequestId, SessionId, StateMachine};
use ensign_session::{LocalSigner, Unsigned};
use ensign_testkit::{Bounds, Rig};
use ensign_wire::{AbortReason, Envelope, Frame, Kind, Mode, SigningRequest};

use super::{
    act::{Act, Bearer, bent},
    reached::reached,
};
use crate::tests::{
    cast::{
        NETWORK, START, engine, engine_of_boot, entropy, group_id, group_of, local_signer, peer,
        person, proposal, start,
    },
    names::Names,
    node::BOUNDS,
};
use crate::{
    Engine, Event as HallEvent, Input, Output, Record as HallRecord, Restored,
    signing::{self, End, Event, Known, Record, SignerAnswer, SignerQuestion, ask_local_signer},
};

/// Most frames that wait for the machine; what does not fit is lost.
const WAITING_MAX: usize = 128;

/// The person that belongs to no group.
const STRANGER: usize = 8;

/// What the machine asked of the world; of its signer, with the answer.
#[derive(Debug)]
enum Question {
    Signer(SignerAnswer),
    Durable(u64, Box<Record>),
    Recall(RequestId),
}

/// Another member: its engine, answered at once whatever it asks, and its journal.
struct Member {
    engine: Engine,
    signer: LocalSigner,
    journal: Vec<Record>,
    drawn: u64,
}

type Way = (usize, usize, Input);

/// What stands around the engine of person 0.
pub(super) struct Company {
    people: Vec<usize>,
    /// Persons 1, 2, ...
    members: Vec<Member>,
    /// Who is connected with the machine.
    links: BTreeSet<usize>,
    names: Names,
    waiting: VecDeque<(usize, Kind, Vec<u8>)>,
    questions: VecDeque<Question>,
    /// What the machine's disk holds.
    disk: Vec<Record>,
    /// The requests that the machine's user has seen.
    seen: Vec<RequestId>,
    signer: LocalSigner,
    burned: BTreeSet<SessionId>,
    written: BTreeSet<SessionId>,
    drawn: u64,
    proposed: u8,
    /// What the lists got to.
    pub(super) reached: BTreeSet<String>,
}

fn fresh(index: usize, people: &[usize]) -> Engine {
    let mut engine = engine(index);
    engine.add_group(start(), group_of(people)).unwrap();
    engine
}

impl Company {
    pub(super) fn new(count: usize) -> Self {
        let people: Vec<_> = (0..count).collect();
        let member = |index| {
            let (engine, signer) = (fresh(index, &people), local_signer(index));
            Member { engine, signer, journal: Vec::new(), drawn: 0 }
        };
        let members = (1..count).map(member).collect();
        Self {
            people,
            members,
            links: BTreeSet::new(),
            names: Names::default(),
            waiting: VecDeque::new(),
            questions: VecDeque::new(),
            disk: Vec::new(),
            seen: Vec::new(),
            signer: local_signer(0),
            burned: BTreeSet::new(),
            written: BTreeSet::new(),
            drawn: 0,
            proposed: 0,
            reached: BTreeSet::new(),
        }
    }

    /// Lets the other members speak among themselves until they wait for the machine.
    fn carry(&mut self, now: Now, mut ways: VecDeque<Way>) {
        loop {
            for index in 1..=self.members.len() {
                self.drain(now, index, &mut ways);
            }
            let Some((from, to, input)) = ways.pop_front() else { return };
            if to != 0 {
                self.members[to - 1].engine.handle_input(now, input);
            } else if let Input::Frame { kind, body, .. } = input
                && self.links.contains(&from)
                && self.waiting.len() < WAITING_MAX
            {
                self.waiting.push_back((from, kind, body));
            }
        }
    }

    fn drain(&mut self, now: Now, index: usize, ways: &mut VecDeque<Way>) {
        let member = &mut self.members[index - 1];
        while let Some(output) = member.engine.poll_output() {
            let draw = |nonces| {
                member.drawn += 1;
                Some(entropy(index, member.drawn, nonces))
            };
            match output {
                Output::Signer(question) => {
                    if let Some(answer) = ask_local_signer(&mut member.signer, now, question, draw)
                    {
                        member.engine.handle_input(now, Input::Signer(answer));
                    }
                }
                Output::Send { link, frame, .. } => {
                    let to = self.names.peer(link);
                    if let Some(to) = self.people.iter().copied().find(|other| peer(*other) == to) {
                        ways.push_back((index, to, self.names.frame(to, peer(index), &frame)));
                    }
                }
                Output::Persist { token, record: HallRecord::Signing(record) } => {
                    member.journal.push(record);
                    member.engine.handle_input(now, Input::Persisted { token });
                }
                Output::Note(HallRecord::Signing(record)) => member.journal.push(record),
                Output::Recall { request } => {
                    let known = Known::from_records(&member.journal, &request);
                    member.engine.handle_input(now, Input::Recalled { request, known });
                }
                Output::Event(HallEvent::Signing(Event::Review(review))) => {
                    let _ = member.engine.approve(now, review.id);
                }
                Output::Close { link, .. } if self.names.peer(link) == peer(0) => {
                    self.links.remove(&index);
                }
                Output::Persist {
                    record: HallRecord::Peers(_) | HallRecord::Formation(_) | HallRecord::Overlay(_),
                    ..
                } => {
                    panic!("who waits?")
                }
                Output::Persist { record: HallRecord::Reputation(_), .. }
                | Output::Note(
                    HallRecord::Formation(_) | HallRecord::Reputation(_) | HallRecord::Overlay(_),
                )
                | Output::Close { .. }
                | Output::Note(HallRecord::Peers(_))
                | Output::Event(_)
                | Output::Dial { .. }
                | Output::Solve { .. }
                | Output::DialBack { .. }
                | Output::StopSolving { .. }
                | Output::Expect { .. }
                | Output::Forget { .. }
                | Output::Admit { .. } => {}
            }
        }
    }

    /// Some member, whatever the number.
    fn some_member(&self, who: u8) -> usize {
        1 + usize::from(who) % self.members.len()
    }

    fn link(&mut self, now: Now, who: usize) -> Input {
        if who != STRANGER {
            self.links.insert(who);
            let up = self.names.up(who, peer(0));
            self.carry(now, VecDeque::from([(0, who, up)]));
        }
        self.names.up(0, peer(who))
    }

    fn unlink(&mut self, now: Now, who: usize) -> Input {
        self.waiting.retain(|(from, _, _)| *from != who);
        if self.links.remove(&who) {
            let gone = self.names.down(who, peer(0));
            self.carry(now, VecDeque::from([(0, who, gone)]));
        }
        self.names.down(0, peer(who))
    }

    /// Another member's process dies and comes back from its journal; the machine finds out later.
    fn restart(&mut self, now: Now, who: usize) {
        self.unlink(now, who);
        let member = &mut self.members[who - 1];
        let signing = signing::Restored::from_records(member.journal.clone());
        let mut engine = engine_of_boot(who, 0, now, Restored { signing, ..Restored::default() });
        engine.add_group(now, group_of(&self.people)).unwrap();
        member.engine = engine;
        member.signer = local_signer(who);
        member.drawn += 1000;
        let mut again = VecDeque::new();
        for other in (1..=self.members.len()).filter(|other| *other != who) {
            again.push_back((who, other, self.names.down(other, peer(who))));
            again.push_back((who, other, self.names.up(other, peer(who))));
            again.push_back((other, who, self.names.up(who, peer(other))));
        }
        self.carry(now, again);
    }

    fn take(&mut self, place: u8, again: bool) -> Option<(usize, Kind, Vec<u8>)> {
        let place = usize::from(place) % self.waiting.len().max(1);
        if again { self.waiting.get(place).cloned() } else { self.waiting.remove(place) }
    }

    fn deliver(&mut self, place: u8, again: bool, bearer: Bearer) -> Option<Input> {
        let (author, kind, body) = self.take(place, again)?;
        Some(self.names.body(0, self.bearer(author, bearer), (kind, &body)))
    }

    fn bearer(&self, author: usize, bearer: Bearer) -> PeerId {
        match bearer {
            Bearer::Author => peer(author),
            Bearer::Member(who) => peer(self.some_member(who)),
            Bearer::Stranger => peer(STRANGER),
        }
    }

    fn garble(&mut self, place: u8, at: u16, bits: u8) -> Option<Input> {
        let (author, kind, mut body) = self.take(place, true)?;
        let at = usize::from(at) % body.len().max(1);
        *body.get_mut(at)? ^= bits;
        Some(self.names.body(0, peer(author), (kind, &body)))
    }

    /// A member signs something else than what it said.
    fn bend(&mut self, now: Now, place: u8) -> Option<Input> {
        let (author, kind, body) = self.take(place, true)?;
        let Ok(Frame::Envelope(said)) = Frame::decode(kind, &body, NETWORK) else { return None };
        let key = &person(author).node_key;
        let body = bent(said.body().clone());
        let seq = said.seq().saturating_add(1);
        let envelope = Envelope::sign(key, NETWORK, said.session(), seq, now.unix, body).ok()?;
        Some(self.names.frame(0, peer(author), &Frame::Envelope(Box::new(envelope)).encode()))
    }

    fn answer(&mut self) -> Option<Input> {
        match self.questions.pop_front()? {
            Question::Signer(answer) => Some(Input::Signer(answer)),
            Question::Durable(token, record) => {
                if let Record::Burned { request, attempt } = *record {
                    self.burned.insert(SigningRequest::session_id(request, NETWORK, attempt));
                }
                if let Record::Partials { request, attempt, .. } = *record {
                    self.written.insert(SigningRequest::session_id(request, NETWORK, attempt));
                }
                self.disk.push(*record);
                Some(Input::Persisted { token })
            }
            Question::Recall(request) => {
                let known = Known::from_records(&self.disk, &request);
                Some(Input::Recalled { request, known })
            }
        }
    }

    fn answered(&self, token: u64) -> Option<Input> {
        // Tokens that the machine did ask for are left to the true answer.
        let asked = |it: &Question| matches!(it, Question::Durable(other, _) if *other == token);
        (!self.questions.iter().any(asked)).then_some(Input::Persisted { token })
    }

    fn refuse_to_sign(&mut self) -> Option<Input> {
        let is_signer = |it: &Question| matches!(it, Question::Signer(..));
        let place = self.questions.iter().position(is_signer)?;
        let (failed, declined) = (Unsigned::Failed, Unsigned::Declined);
        match self.questions.remove(place)? {
            Question::Signer(SignerAnswer::Nonces { session, .. }) => {
                Some(Input::Signer(SignerAnswer::Nonces { session, result: Err(failed) }))
            }
            Question::Signer(SignerAnswer::Partials { session, .. }) => {
                Some(Input::Signer(SignerAnswer::Partials { session, result: Err(declined) }))
            }
            Question::Signer(SignerAnswer::Delegated(_)) => {
                Some(Input::Signer(SignerAnswer::Delegated(Err(failed))))
            }
            Question::Durable(..) | Question::Recall(_) => None,
        }
    }

    /// Lets the machine's signer answer in the order in which it is asked; the answer waits.
    fn ask_signer(&mut self, now: Now, question: SignerQuestion) {
        if let SignerQuestion::Partials { session, .. } = &question {
            assert!(self.burned.contains(session), "signed before the burn mark");
        }
        self.drawn += 1;
        let draw = |nonces| Some(entropy(0, self.drawn, nonces));
        let answer = ask_local_signer(&mut self.signer, now, question, draw);
        self.questions.extend(answer.map(Question::Signer));
    }

    fn nonce(&mut self) -> [u8; 16] {
        self.proposed = self.proposed.wrapping_add(1);
        [self.proposed; 16]
    }

    fn they_propose(&mut self, now: Now, who: usize, mode: Mode) {
        let (proposal, nonce) = (proposal(&self.people, mode), self.nonce());
        let _ = self.members[who - 1].engine.propose(now, proposal, nonce);
        self.carry(now, VecDeque::new());
    }

    fn propose(&mut self, now: Now, machine: &mut Engine, mode: Mode) {
        let (proposal, nonce) = (proposal(&self.people, mode), self.nonce());
        if let Ok(id) = machine.propose(now, proposal, nonce) {
            self.seen.push(id);
        }
    }

    fn seen(&self, place: u8) -> Option<RequestId> {
        self.seen.get(usize::from(place) % self.seen.len().max(1)).copied()
    }

    /// What an act does to the machine without an input.
    fn command(&mut self, now: Now, machine: &mut Engine, act: &Act) {
        match act {
            Act::Propose(mode) => self.propose(now, machine, *mode),
            Act::Approve(place) => {
                if let Some(id) = self.seen(*place) {
                    let _ = machine.approve(now, id);
                }
            }
            Act::Stop(place) => {
                if let Some(id) = self.seen(*place) {
                    let _ = machine.stop(now, id, AbortReason::Cancelled);
                }
            }
            Act::Remember(byte) => {
                let id = RequestId::from_bytes([*byte; 32]);
                let end = End::Closed(AbortReason::Declined);
                machine.remember_ended(now, id, (group_id(&self.people), end));
            }
            _ => {}
        }
    }

    /// What an act brings to the machine.
    fn input(&mut self, now: Now, act: &Act) -> Option<Input> {
        match act {
            Act::Deliver { place, again, bearer } => self.deliver(*place, *again, *bearer),
            Act::Garble { place, at, bits } => self.garble(*place, *at, *bits),
            Act::Bend(place) => self.bend(now, *place),
            Act::Answer => self.answer(),
            Act::Answered(token) => self.answered(*token),
            Act::RefuseToSign => self.refuse_to_sign(),
            Act::Connect(who) => Some(self.link(now, self.some_member(*who))),
            Act::Disconnect(who) => Some(self.unlink(now, self.some_member(*who))),
            Act::ConnectStranger => Some(self.link(now, STRANGER)),
            Act::Restart(who) => {
                self.restart(now, self.some_member(*who));
                None
            }
            Act::TheyPropose(who, mode) => {
                self.they_propose(now, self.some_member(*who), *mode);
                None
            }
            Act::Propose(_) | Act::Approve(_) | Act::Stop(_) | Act::Remember(_) => None,
        }
    }

    fn feed(&mut self, now: Now, machine: &mut Engine, input: Input) {
        machine.handle_input(now, input);
        while let Some(output) = machine.poll_output() {
            self.absorb(now, output);
        }
    }

    fn on_event(&mut self, event: &HallEvent) {
        let HallEvent::Signing(event) = event else {
            self.reached.insert("offense".into());
            return;
        };
        if let Event::Review(review) = event {
            self.seen.push(review.id);
        }
        self.reached.extend(reached(event));
    }

    fn on_send(&mut self, now: Now, to: PeerId, (kind, frame): (Kind, &[u8])) {
        if kind == Kind::PartialSigShare
            && let Ok(Frame::Envelope(envelope)) = Frame::decode_whole(frame, NETWORK)
            && envelope.sender() == peer(0)
        {
            assert!(self.written.contains(&envelope.session()), "sent before its record");
        }
        if let Some(to) = self.people.iter().copied().find(|other| peer(*other) == to)
            && self.links.contains(&to)
        {
            let input = self.names.frame(to, peer(0), frame);
            self.carry(now, VecDeque::from([(0, to, input)]));
        }
    }
}

impl Rig for Company {
    type Machine = Engine;
    type Action = Act;

    fn start(&self) -> Now {
        Now { instant: Instant::from_micros(0), unix: START }
    }

    fn bounds(&self) -> Bounds {
        BOUNDS
    }

    /// Person 0, connected with all members and introduced.
    fn machine(&mut self, now: Now) -> Engine {
        let mut machine = fresh(0, &self.people);
        let others = 1..=self.members.len();
        let pairs = others.clone().flat_map(|one| others.clone().map(move |other| (one, other)));
        let meet = pairs.filter(|(one, other)| one != other);
        let meet = meet.map(|(one, other)| (one, other, self.names.up(other, peer(one))));
        let meet = meet.collect();
        self.carry(now, meet);
        for other in others {
            let input = self.link(now, other);
            self.feed(now, &mut machine, input);
            let hello = self.deliver(0, false, Bearer::Author).unwrap();
            self.feed(now, &mut machine, hello);
        }
        machine
    }

    fn act(&mut self, now: Now, machine: &mut Engine, act: &Act) {
        for member in &mut self.members {
            member.engine.handle_timeout(now);
        }
        self.carry(now, VecDeque::new());
        match self.input(now, act) {
            Some(input) => machine.handle_input(now, input),
            None => self.command(now, machine, act),
        }
    }

    fn absorb(&mut self, now: Now, output: Output) {
        match output {
            Output::Send { link, kind, frame, .. } => {
                let to = self.names.peer(link);
                self.on_send(now, to, (kind, &frame));
            }
            Output::Signer(question) => self.ask_signer(now, question),
            Output::Persist { token, record: HallRecord::Signing(record) } => {
                self.questions.push_back(Question::Durable(token, Box::new(record)));
            }
            Output::Recall { request } => self.questions.push_back(Question::Recall(request)),
            Output::Close { link, .. } => {
                let gone = self.names.peer(link);
                if let Some(who) = self.links.iter().copied().find(|who| peer(*who) == gone) {
                    self.unlink(now, who);
                }
            }
            Output::Persist { .. } => panic!("who waits?"),
            Output::Event(event) => self.on_event(&event),
            Output::Dial { .. }
            | Output::Solve { .. }
            | Output::DialBack { .. }
            | Output::StopSolving { .. }
            | Output::Expect { .. }
            | Output::Forget { .. }
            | Output::Admit { .. }
            | Output::Note(_) => {}
        }
    }

    fn occupancy(&self, machine: &Engine) -> Vec<Occupancy> {
        machine.occupancy().collect()
    }
}
