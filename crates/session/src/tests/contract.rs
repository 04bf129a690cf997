//! The contract of every machine, held against one signer's: everything else in the group is real,
//! and a list of operations decides what of it arrives, when, how often, and by whom.

use std::{boxed::Box, cell::RefCell, collections::BTreeSet, collections::VecDeque, vec, vec::Vec};

use ensign_musig::{KeyAggCtx, verify_schnorr};
use ensign_primitives::{Instant, Now, Occupancy, PeerId, StateMachine};
use ensign_testkit::{Bounds, Op, Rig, check_contract, ops};
use ensign_wire::{AbortReason, Envelope, Frame, Kind, Mode};
use proptest::{bool::weighted, prelude::*, sample};

use super::{
    attack::{Attack, VICES, Vice},
    group::{Dice, Plan, START, peer, signer, stranger},
    key::KeyHolder,
    node::BOUNDS,
    world::decode,
};
use crate::{
    Event, Input, Output, OwnNonces, OwnPartials, Phase, Record, Session, Unsigned,
    contexts::contexts,
};

/// How many lists are tried.
const CASES: u32 = 256;

/// How many operations a list has at most.
const OPS_MAX: usize = 100;

/// Most frames that wait for the machine; what does not fit is lost.
const WAITING_MAX: usize = 64;

/// What the world can do to the machine.
#[derive(Clone, Debug)]
enum Act {
    /// A frame arrives: by its place among those that wait, perhaps not for the last time.
    Deliver {
        place: u8,
        again: bool,
        bearer: Bearer,
    },
    /// A frame arrives as a cheat bends it.
    Bend {
        place: u8,
        vice: Vice,
    },
    /// The oldest question is answered: the signer has done its part, or a record is durable.
    Answer,
    /// An answer that nobody asked for.
    Answered {
        token: u64,
        what: Stray,
    },
    /// The oldest question to the signer is answered with a refusal.
    Refuse,
    Connected(u8),
    Approve,
    Announce,
    Acknowledge(u8),
    NonceReused(u8),
    Stop,
}

/// An answer that nobody asked for.
#[derive(Clone, Copy, Debug)]
enum Stray {
    /// As a record that is durable.
    Persisted,
    /// The nonces that the signer made last.
    Nonces,
    /// The partial signatures that the signer made last.
    Partials,
    NoNonces,
    NoPartials,
}

const STRAYS: [Stray; 5] =
    [Stray::Persisted, Stray::Nonces, Stray::Partials, Stray::NoNonces, Stray::NoPartials];

/// Whose connection brings a frame.
#[derive(Clone, Copy, Debug)]
enum Bearer {
    Author,
    Signer(u8),
    Stranger,
}

fn act() -> impl Strategy<Value = Act> {
    let place = || prop_oneof![3 => Just(0), 1 => any::<u8>()];
    let bearer = prop_oneof![
        8 => Just(Bearer::Author),
        2 => (0..8_u8).prop_map(Bearer::Signer),
        1 => Just(Bearer::Stranger),
    ];
    let deliver = (place(), weighted(0.15), bearer)
        .prop_map(|(place, again, bearer)| Act::Deliver { place, again, bearer });
    let bend = (place(), sample::select(VICES.to_vec()))
        .prop_map(|(place, vice)| Act::Bend { place, vice });
    prop_oneof![
        60 => deliver,
        25 => Just(Act::Answer),
        10 => Just(Act::Approve),
        5 => (0..8_u8).prop_map(Act::Connected),
        3 => bend,
        2 => (0..4_u64, sample::select(STRAYS.to_vec()))
            .prop_map(|(token, what)| Act::Answered { token, what }),
        1 => Just(Act::Refuse),
        1 => Just(Act::Announce),
        1 => (0..8_u8).prop_map(Act::Acknowledge),
        1 => (0..8_u8).prop_map(Act::NonceReused),
        1 => Just(Act::Stop),
    ]
}

/// What the machine asked of the world, with the answer.
#[derive(Debug)]
enum Question {
    Signer(Input),
    Durable(u64, Record),
}

/// The other signers, and what lies between them and the machine under test.
struct Group {
    plan: Plan,
    local: usize,
    /// Every other signer's machine; answered at once whatever it asks.
    others: Vec<(usize, Session)>,
    /// Each signer's key, ours included.
    keys: Vec<KeyHolder>,
    /// What the signer under test answered last.
    nonces: Option<OwnNonces>,
    partials: Option<OwnPartials>,
    waiting: VecDeque<(usize, Box<Envelope>)>,
    questions: VecDeque<Question>,
    burned: bool,
    written: bool,
    contexts: Vec<KeyAggCtx>,
    dice: Dice,
    reached: BTreeSet<Phase>,
}

impl Group {
    fn new(plan: Plan, local: usize) -> Self {
        Self {
            plan,
            local,
            others: Vec::new(),
            keys: (0..plan.signers)
                .map(|index| KeyHolder::new(index, plan.seed, index as u64))
                .collect(),
            nonces: None,
            partials: None,
            waiting: VecDeque::new(),
            questions: VecDeque::new(),
            burned: false,
            written: false,
            contexts: Vec::new(),
            dice: Dice(plan.seed),
            reached: BTreeSet::new(),
        }
    }

    /// Lets the other signers speak among themselves until they wait for the machine under test.
    fn carry(&mut self, now: Now, mut ways: VecDeque<(usize, usize, Box<Envelope>)>) {
        loop {
            for position in 0..self.others.len() {
                self.drain(now, position, &mut ways);
            }
            let Some((from, to, envelope)) = ways.pop_front() else { return };
            if to == self.local {
                if self.waiting.len() < WAITING_MAX {
                    self.waiting.push_back((from, envelope));
                }
            } else if let Some((_, other)) = self.others.iter_mut().find(|it| it.0 == to) {
                other.handle_input(now, Input::Envelope { from: peer(from), envelope });
            }
        }
    }

    fn drain(
        &mut self,
        now: Now,
        position: usize,
        ways: &mut VecDeque<(usize, usize, Box<Envelope>)>,
    ) {
        let (index, other) = &mut self.others[position];
        while let Some(output) = other.poll_output() {
            let output = match self.keys[*index].answer(now, output) {
                Ok(None) => continue,
                Ok(Some(input)) => {
                    other.handle_input(now, input);
                    continue;
                }
                Err(output) => output,
            };
            match output {
                Output::Send { to, frame, .. } => {
                    ways.push_back((*index, to.as_usize(), decode(&frame)));
                }
                Output::Persist { token, .. } => {
                    other.handle_input(now, Input::Persisted { token });
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, place: u8, again: bool) -> Option<(usize, Box<Envelope>)> {
        let place = usize::from(place) % self.waiting.len().max(1);
        if again { self.waiting.get(place).cloned() } else { self.waiting.remove(place) }
    }

    fn bearer(&self, author: usize, bearer: Bearer) -> PeerId {
        match bearer {
            Bearer::Author => peer(author),
            Bearer::Signer(index) => peer(usize::from(index) % self.plan.signers),
            Bearer::Stranger => stranger().node_key.peer_id(),
        }
    }

    fn deliver(&mut self, place: u8, again: bool, bearer: Bearer) -> Option<Input> {
        let (author, envelope) = self.take(place, again)?;
        Some(Input::Envelope { from: self.bearer(author, bearer), envelope })
    }

    fn bend(&mut self, now: Now, place: u8, vice: Vice) -> Option<Input> {
        let (author, envelope) = self.take(place, true)?;
        let mut attack = Attack::new(vice, author, u64::MAX, self.plan.messages);
        let (session, signers, local) = (envelope.session(), self.plan.signers, signer(self.local));
        let frame = Frame::Envelope(envelope.clone()).encode().into();
        let acts = attack.react(now, &mut self.dice, session, signers, &frame);
        let bent = attack.rewrite(now, &mut self.dice, false, local, &envelope);
        let bent = bent.into_iter().map(|frame| (peer(author), frame));
        let mut frames = acts.into_iter().map(|(from, _, frame)| (from, frame)).chain(bent);
        let (from, frame) = frames.next()?;
        Some(Input::Envelope { from, envelope: decode(&frame) })
    }

    fn answer(&mut self) -> Option<Input> {
        match self.questions.pop_front()? {
            Question::Signer(input) => Some(input),
            Question::Durable(token, record) => {
                self.burned |= matches!(record, Record::Burned { .. });
                self.written |= matches!(record, Record::Partials { .. });
                Some(Input::Persisted { token })
            }
        }
    }

    fn answered(&self, token: u64, what: Stray) -> Option<Input> {
        match what {
            // Tokens that the machine did ask for are left to the true answer.
            Stray::Persisted => {
                let asked =
                    |it: &Question| matches!(it, Question::Durable(other, _) if *other == token);
                (!self.questions.iter().any(asked)).then_some(Input::Persisted { token })
            }
            // While the signer is asked, its answer is the true one.
            _ if self.questions.iter().any(|it| matches!(it, Question::Signer(_))) => None,
            Stray::Nonces => self.nonces.clone().map(Input::Nonces),
            Stray::Partials => self.partials.clone().map(Input::Partials),
            Stray::NoNonces => Some(Input::NoNonces(Unsigned::Failed)),
            Stray::NoPartials => Some(Input::NoPartials(Unsigned::Declined)),
        }
    }

    fn refuse(&mut self) -> Option<Input> {
        let asked = |it: &Question| matches!(it, Question::Signer(_));
        let place = self.questions.iter().position(asked)?;
        match self.questions.remove(place)? {
            Question::Signer(Input::Nonces(_)) => Some(Input::NoNonces(Unsigned::Declined)),
            Question::Signer(Input::Partials(_)) => Some(Input::NoPartials(Unsigned::Failed)),
            Question::Signer(other) => Some(other),
            Question::Durable(..) => None,
        }
    }

    fn ask_signer(&mut self, now: Now, output: Output) -> Option<Output> {
        if matches!(output, Output::NeedPartials { .. }) {
            assert!(self.burned, "signed before the burn mark was durable");
        }
        match self.keys[self.local].answer(now, output) {
            Err(other) => return Some(other),
            Ok(None) => {}
            Ok(Some(input)) => {
                match &input {
                    Input::Nonces(nonces) => self.nonces = Some(nonces.clone()),
                    Input::Partials(partials) => self.partials = Some(partials.clone()),
                    _ => {}
                }
                self.questions.push_back(Question::Signer(input));
            }
        }
        None
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Phase(phase) => {
                self.reached.insert(phase);
            }
            Event::Done(finished) => {
                let request = self.plan.request().request;
                assert_eq!(finished.signatures.len(), request.messages.len());
                for ((signature, message), ctx) in
                    finished.signatures.iter().zip(&request.messages).zip(&self.contexts)
                {
                    assert!(verify_schnorr(&ctx.agg_key(), &message.digest, signature));
                }
            }
            _ => {}
        }
    }
}

impl Rig for Group {
    type Machine = Session;
    type Action = Act;

    fn start(&self) -> Now {
        Now { instant: Instant::from_micros(0), unix: START }
    }

    fn bounds(&self) -> Bounds {
        BOUNDS
    }

    fn machine(&mut self, now: Now) -> Session {
        let setups = self.plan.setups();
        let group = setups[self.local].group.clone();
        let mut sessions: Vec<_> =
            setups.into_iter().map(|setup| Session::new(setup, now).unwrap()).collect();
        let machine = sessions.remove(self.local);
        let messages = &self.plan.request().request.messages;
        self.contexts = contexts(&group, messages).unwrap();
        let indices = (0..self.plan.signers).filter(|index| *index != self.local);
        self.others = indices.zip(sessions).collect();
        for (_, other) in &mut self.others {
            other.approve(now).unwrap();
        }
        self.carry(now, VecDeque::new());
        machine
    }

    fn act(&mut self, now: Now, machine: &mut Session, act: &Act) {
        for (_, other) in &mut self.others {
            other.handle_timeout(now);
        }
        self.carry(now, VecDeque::new());
        let input = match act {
            Act::Deliver { place, again, bearer } => self.deliver(*place, *again, *bearer),
            Act::Bend { place, vice } => self.bend(now, *place, *vice),
            Act::Answer => self.answer(),
            Act::Answered { token, what } => self.answered(*token, *what),
            Act::Refuse => self.refuse(),
            Act::Connected(index) => Some(Input::Connected { signer: signer(usize::from(*index)) }),
            Act::Approve => {
                let _ = machine.approve(now);
                None
            }
            Act::Announce => return machine.announce(now),
            Act::Acknowledge(index) => {
                let announcer = signer(usize::from(*index) % self.plan.signers);
                return machine.acknowledge(now, announcer);
            }
            Act::NonceReused(index) => return machine.nonce_reused(now, signer((*index).into())),
            Act::Stop => {
                let _ = machine.stop(now, AbortReason::Cancelled);
                None
            }
        };
        if let Some(input) = input {
            machine.handle_input(now, input);
        }
    }

    fn absorb(&mut self, now: Now, output: Output) {
        let Some(output) = self.ask_signer(now, output) else { return };
        match output {
            Output::Send { to, kind, frame } => {
                let envelope = decode(&frame);
                let own = envelope.sender() == peer(self.local);
                if kind == Kind::PartialSigShare && own {
                    assert!(self.written, "sent before its record was durable");
                }
                self.carry(now, VecDeque::from([(self.local, to.as_usize(), envelope)]));
            }
            Output::Persist { token, record } => {
                self.questions.push_back(Question::Durable(token, record));
            }
            Output::Event(event) => self.on_event(event),
            _ => {}
        }
    }

    fn inspect(&self, machine: &Session) {
        let ended = machine.phase() >= Phase::Complete;
        assert!(!ended || self.keys[self.local].open() == 0, "a secret is left");
    }

    fn occupancy(&self, machine: &Session) -> Vec<Occupancy> {
        machine.occupancy().into()
    }
}

prop_compose! {
    fn plan()(
        signers in 1..=4_usize,
        mode in sample::select(std::vec![Mode::Fast, Mode::Committed, Mode::Strict]),
        messages in 1..=2_usize,
        seed in any::<u64>(),
    ) -> Plan {
        Plan { messages, seed, ..Plan::new(signers, mode) }
    }
}

#[test]
fn session_keeps_the_contract_whatever_arrives_and_whenever() {
    let config =
        ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let reached = RefCell::new(BTreeSet::new());
    let lists = (plan(), 0..4_usize, ops(act(), 0..OPS_MAX));
    proptest!(config, |((plan, local, ops) in lists)| {
        let group = check_contract(|| Group::new(plan, local % plan.signers), &ops);
        reached.borrow_mut().extend(group.reached);
    });
    use Phase::{Aborted, Committing, Complete, Revealing, Signing};
    let all = [Committing, Revealing, Signing, Complete, Aborted];
    assert_eq!(reached.into_inner(), all.into(), "the lists do not get everywhere");
}

#[test]
fn session_whose_messages_come_in_order_finishes_under_the_contract() {
    let deliver = Op::Act(Act::Deliver { place: 0, again: false, bearer: Bearer::Author });
    let mut ops = std::vec![Op::Act(Act::Approve)];
    for _ in 0..20 {
        ops.extend([Op::Act(Act::Answer), deliver.clone(), Op::WakeEarly]);
    }
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        for local in 0..3 {
            let group = check_contract(|| Group::new(Plan::new(3, mode), local), &ops);
            assert!(group.reached.contains(&Phase::Complete), "{mode:?}: {:?}", group.reached);
        }
    }
}
