//! A simulated network: virtual time, real frames, and accidents by seed.

use core::time::Duration;
use std::{boxed::Box, collections::BTreeMap, format, sync::Arc, vec::Vec};

use ensign_primitives::{Instant, Now, PeerId, SessionId, SignerIndex, UnixTime, sha256};
use ensign_testkit::Subject;
use ensign_wire::{AbortReason, Body, Envelope, Frame, Kind};

use super::{
    attack::Attack,
    group::{Dice, NETWORK, Plan, START, member, peer, signer},
    node::{Node, subject},
};
use crate::{Input, Output, Record, Session};

/// What happens to frames on their way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Least and most milliseconds from one node to another; frames overtake each other.
    pub(super) delay: (u64, u64),
    /// How many of a hundred frames are lost before [`heals_at`](Self::heals_at).
    pub(super) loss: u64,
    /// How many of a hundred frames come twice.
    pub(super) duplicates: u64,
    /// When the losses end, and every connection comes up anew.
    pub(super) heals_at: Duration,
    /// Most milliseconds until a record is durable, and until a signer answers.
    pub(super) disk: u64,
}

/// One hop is ten milliseconds, and nothing goes wrong.
pub(super) const PERFECT: Link =
    Link { delay: (10, 10), loss: 0, duplicates: 0, heals_at: Duration::ZERO, disk: 0 };

#[derive(Debug)]
enum Happening {
    Deliver { from: PeerId, to: usize, frame: Arc<[u8]> },
    Answered { node: usize, twin: bool, input: Input },
    Persisted { node: usize, twin: bool, token: u64, record: Record },
    Approve { node: usize },
    Stop { node: usize },
    Heal,
    Connected { node: usize, with: SignerIndex },
}

/// All machines of one session, and the network between them.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) link: Link,
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    pub(super) dice: Dice,
    /// Kinds of frames that never get from one signer to another.
    pub(super) cut: Vec<(usize, usize, Kind)>,
    /// Bytes that went from one signer to another, announcements aside.
    pub(super) bytes: BTreeMap<(usize, usize), usize>,
    queue: BTreeMap<(Instant, u64), Happening>,
    order: u64,
}

impl World {
    pub(super) fn new(plan: Plan, link: Link) -> Self {
        let mut world = Self {
            plan,
            link,
            now: Instant::from_micros(0),
            nodes: Vec::new(),
            dice: Dice(plan.seed),
            cut: Vec::new(),
            bytes: BTreeMap::new(),
            queue: BTreeMap::new(),
            order: 0,
        };
        let now = world.clock(0);
        world.nodes =
            plan.setups().into_iter().map(|setup| Node::new(setup, now, plan.seed)).collect();
        if link.loss > 0 && link.heals_at < Duration::MAX {
            world.schedule(link.heals_at.as_millis() as u64, Happening::Heal);
        }
        world
    }

    /// Turns a signer against the others.
    pub(super) fn corrupt(&mut self, node: usize, attack: Attack) {
        if attack.needs_twin() {
            let setup = self.plan.setups().swap_remove(node);
            self.nodes[node].twin = Some(subject(setup, self.clock(0)));
        }
        self.nodes[node].attack = Some(attack);
    }

    fn clock(&self, skew: i64) -> Now {
        let passed = self.now.as_micros() / 1000;
        let unix = START.as_millis().saturating_add_signed(skew) + passed;
        Now { instant: self.now, unix: UnixTime::from_millis(unix) }
    }

    /// Both clocks of a node.
    pub(super) fn now_of(&self, node: usize) -> Now {
        self.clock(self.nodes[node].skew)
    }

    /// The creator opens the session, and everybody approves at once.
    pub(super) fn start(&mut self) {
        self.start_with(&[0; 7]);
    }

    /// The creator opens the session, and each user approves after so many milliseconds.
    pub(super) fn start_with(&mut self, approvals: &[u64]) {
        self.command(0, |session, now| session.announce(now));
        for (node, millis) in (0..self.plan.signers).zip(approvals) {
            self.approve_after(node, *millis);
        }
    }

    pub(super) fn approve_after(&mut self, node: usize, millis: u64) {
        self.schedule(millis, Happening::Approve { node });
    }

    pub(super) fn stop_after(&mut self, node: usize, millis: u64) {
        self.schedule(millis, Happening::Stop { node });
    }

    /// A connection between two signers comes up.
    pub(super) fn connect(&mut self, one: usize, other: usize) {
        self.schedule(0, Happening::Connected { node: one, with: signer(other) });
        self.schedule(0, Happening::Connected { node: other, with: signer(one) });
    }

    /// Calls a method of a node's machine.
    pub(super) fn command<R>(
        &mut self,
        node: usize,
        command: impl Fn(&mut Session, Now) -> R,
    ) -> R {
        let now = self.now_of(node);
        if let Some(twin) = &mut self.nodes[node].twin {
            let (_, outputs) = twin.command(now, |session| command(session, now));
            self.absorb(node, true, outputs);
        }
        let (result, outputs) =
            self.nodes[node].subject.command(now, |session| command(session, now));
        self.absorb(node, false, outputs);
        result
    }

    /// The name of the session.
    pub(super) fn session(&self) -> SessionId {
        self.nodes[0].subject.machine().id()
    }

    /// Signs a statement as a member's node, now.
    pub(super) fn envelope(&self, author: usize, seq: u64, body: Body) -> Envelope {
        let (key, unix) = (&member(author).node_key, self.clock(0).unix);
        Envelope::sign(key, NETWORK, self.session(), seq, unix, body).unwrap()
    }

    /// Signs a statement as a signer's node and hands it to another at once.
    pub(super) fn say(&mut self, author: usize, to: usize, seq: u64, body: Body) {
        let envelope = self.envelope(author, seq, body);
        self.deliver(peer(author), to, envelope);
    }

    /// Hands an envelope to a node as if `from` had brought it, at once.
    pub(super) fn deliver(&mut self, from: PeerId, to: usize, envelope: Envelope) {
        self.input(to, |_| Input::Envelope { from, envelope: Box::new(envelope.clone()) });
    }

    /// Runs until nothing is due and nothing is on its way.
    pub(super) fn run(&mut self) {
        self.run_to(Instant::from_micros(u64::MAX));
    }

    /// Runs until `horizon` after the start.
    pub(super) fn run_until(&mut self, horizon: Duration) {
        let horizon = Instant::from_micros(0).after(horizon);
        self.run_to(horizon);
        self.pass_to(horizon);
    }

    fn run_to(&mut self, horizon: Instant) {
        for step in 0.. {
            assert!(step < 200_000, "the network does not come to rest");
            let arrival = self.queue.first_key_value().map(|((at, _), _)| *at);
            let wakeup = self.wakeup();
            match (arrival, wakeup) {
                (Some(at), wakeup) if at <= horizon && wakeup.is_none_or(|(due, _)| at <= due) => {
                    self.pass_to(at);
                    if let Some((_, happening)) = self.queue.pop_first() {
                        self.happen(happening);
                    }
                }
                (_, Some((due, node))) if due <= horizon => {
                    self.pass_to(due);
                    self.wake(node);
                }
                _ => break,
            }
        }
    }

    fn pass_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
    }

    /// Nothing is lost from here on, and every connection comes up anew.
    fn heal(&mut self) {
        self.link.loss = 0;
        for one in 0..self.plan.signers {
            for other in 0..one {
                self.connect(one, other);
            }
        }
    }

    fn wakeup(&self) -> Option<(Instant, usize)> {
        let due = |(index, node): (usize, &Node)| {
            let twin = node.twin.as_ref().and_then(Subject::next);
            let next = node.subject.next().into_iter().chain(twin).min();
            next.map(|wakeup| (wakeup.at, index))
        };
        self.nodes.iter().enumerate().filter_map(due).min()
    }

    fn wake(&mut self, node: usize) {
        let now = self.now_of(node);
        if let Some(twin) = &mut self.nodes[node].twin {
            let outputs = twin.wake(now);
            self.absorb(node, true, outputs);
        }
        let outputs = self.nodes[node].subject.wake(now);
        self.absorb(node, false, outputs);
    }

    fn schedule(&mut self, millis: u64, happening: Happening) {
        let at = self.now.after(Duration::from_millis(millis));
        self.order += 1;
        self.queue.insert((at, self.order), happening);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver { from, to, frame } => {
                self.overhear(to, &frame);
                let envelope = decode(&frame);
                if envelope.body().slot().is_some() {
                    self.nodes[to].heard.push(envelope.as_ref().clone());
                }
                if envelope.body().kind() == Kind::SessionAnnounce && !self.nodes[to].invited {
                    // Here a node makes its session, and says that it has it.
                    self.nodes[to].invited = true;
                    let creator = SignerIndex(0);
                    return self.command(to, |session, now| session.acknowledge(now, creator));
                }
                self.input(to, |_| Input::Envelope { from, envelope: envelope.clone() });
            }
            Happening::Connected { node, with } => {
                self.input(node, |_| Input::Connected { signer: with });
            }
            Happening::Approve { node } => {
                // Too late once the session has ended, as for any user.
                self.command(node, |session, now| session.approve(now).is_ok());
            }
            Happening::Stop { node } => {
                self.command(node, |session, now| {
                    session.stop(now, AbortReason::Cancelled).is_ok()
                });
            }
            Happening::Heal => self.heal(),
            Happening::Answered { node, twin, input } => self.input_one(node, twin, input),
            Happening::Persisted { node, twin, token, record } => {
                if !twin {
                    self.nodes[node].note_durable(&record);
                }
                self.input_one(node, twin, Input::Persisted { token });
            }
        }
    }

    fn input(&mut self, node: usize, input: impl Fn(bool) -> Input) {
        if self.nodes[node].twin.is_some() {
            self.input_one(node, true, input(true));
        }
        self.input_one(node, false, input(false));
    }

    fn input_one(&mut self, node: usize, twin: bool, input: Input) {
        let now = self.now_of(node);
        let it = &mut self.nodes[node];
        let outputs = match (twin, &mut it.twin) {
            (true, Some(twin)) => twin.input(now, input),
            (true, None) => return,
            (false, _) => it.subject.input(now, input),
        };
        self.absorb(node, twin, outputs);
    }

    /// Carries out what a machine asked for.
    fn absorb(&mut self, node: usize, twin: bool, outputs: Vec<Output>) {
        for output in outputs {
            if let Some(output) = self.ask_signer(node, twin, output) {
                self.carry_out(node, twin, output);
            }
        }
        self.nodes[node].holds_no_secret_after_the_end();
    }

    /// Lets the signer do what it is asked, in the order in which it is asked; its answer may take a
    /// while. Returns what is for somebody else.
    fn ask_signer(&mut self, node: usize, twin: bool, output: Output) -> Option<Output> {
        let now = self.now_of(node);
        let it = &mut self.nodes[node];
        if !twin && matches!(output, Output::NeedPartials { .. }) {
            it.may_sign();
        }
        let key = if twin { &mut it.twin_key } else { &mut it.key };
        match key.answer(now, output) {
            Err(other) => return Some(other),
            Ok(None) => {}
            Ok(Some(input)) => {
                let millis = self.dice.below(self.link.disk + 1);
                self.schedule(millis, Happening::Answered { node, twin, input });
            }
        }
        None
    }

    fn carry_out(&mut self, node: usize, twin: bool, output: Output) {
        match output {
            Output::Send { to, kind, frame } => self.on_send(node, twin, to, kind, frame),
            Output::Persist { token, record } => {
                let millis = self.dice.below(self.link.disk + 1);
                self.schedule(millis, Happening::Persisted { node, twin, token, record });
            }
            Output::NoncesSeen { .. } => {}
            Output::Event(_) | Output::Offense { .. } if twin => {}
            Output::Event(event) => self.nodes[node].report(self.now, event),
            Output::Offense { peer, offense } => {
                self.nodes[node].offenses.push((peer, offense));
            }
            Output::NeedNonces(_) | Output::NeedPartials { .. } | Output::ForgetNonces { .. } => {
                unreachable!("the signer has answered")
            }
        }
    }

    fn on_send(&mut self, node: usize, twin: bool, to: SignerIndex, kind: Kind, frame: Arc<[u8]>) {
        let envelope = decode(&frame);
        assert_eq!(envelope.body().kind(), kind);
        let now = self.now_of(node);
        let dice = &mut self.dice;
        let Some(attack) = &mut self.nodes[node].attack else {
            self.nodes[node].keeps_the_rules(peer(node), &envelope);
            return self.transmit(peer(node), to.as_usize(), frame);
        };
        let hesitation = attack.hesitation(dice, to);
        for frame in attack.rewrite(now, dice, twin, to, &envelope) {
            self.transmit_after(hesitation, peer(node), to.as_usize(), frame);
        }
    }

    /// Puts a frame on the wire, where it may be lost, delayed or doubled.
    pub(super) fn transmit(&mut self, from: PeerId, to: usize, frame: Arc<[u8]>) {
        self.transmit_after(0, from, to, frame);
    }

    fn transmit_after(&mut self, pause: u64, from: PeerId, to: usize, frame: Arc<[u8]>) {
        let sender = (0..self.plan.signers).find(|index| peer(*index) == from);
        if let (Some(sender), false) = (sender, frame.first() == Some(&Kind::SessionAnnounce.id()))
        {
            *self.bytes.entry((sender, to)).or_default() += frame.len();
        }
        let cut = |(one, other, kind): &(usize, usize, Kind)| {
            (peer(*one), *other) == (from, to) && frame.first() == Some(&kind.id())
        };
        if self.cut.iter().any(cut) || self.dice.percent(self.link.loss) {
            return;
        }
        let copies = if self.dice.percent(self.link.duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            let (least, most) = self.link.delay;
            let millis = pause + least + self.dice.below(most - least + 1);
            self.schedule(millis, Happening::Deliver { from, to, frame: Arc::clone(&frame) });
        }
    }

    /// Lets an attacker learn from what it receives, and act on it.
    fn overhear(&mut self, to: usize, frame: &Arc<[u8]>) {
        let now = self.now_of(to);
        let (session, signers) = (self.nodes[to].subject.machine().id(), self.plan.signers);
        let Some(attack) = &mut self.nodes[to].attack else { return };
        for (from, target, frame) in attack.react(now, &mut self.dice, session, signers, frame) {
            self.transmit(from, target, frame);
        }
    }

    pub(super) fn honest(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_honest())
    }

    /// A digest over everything that every machine did.
    pub(super) fn digest(&self) -> [u8; 32] {
        let digests: Vec<_> = self.nodes.iter().map(|node| node.subject.digest()).collect();
        sha256(digests.as_flattened())
    }
}

/// Every frame goes through the real codec on every hop.
pub(super) fn decode(frame: &[u8]) -> Box<Envelope> {
    match Frame::decode_whole(frame, NETWORK) {
        Ok(Frame::Envelope(envelope)) => envelope,
        other => panic!("no envelope: {}", format!("{other:?}")),
    }
}
