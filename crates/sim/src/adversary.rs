//! Hostile nodes: they sit in an engine's place and speak the same wire.
//!
//! An adversary plays with an engine of its own, so that it gets as far into a session as it likes,
//! and bends what goes in and comes out. A new one is a file of its own and a line in [`KINDS`].

use std::{collections::VecDeque, fmt::Debug, sync::Arc};

use ensign_engine::{CommandError, Engine, Input, Keys, Output};
use ensign_primitives::{Instant, Now, PeerId, SessionId, StateMachine, Wakeup};
use ensign_wire::{Body, Envelope, Frame, Kind};

use crate::{NETWORK, NodeIndex, plan::Plan, random::Random};

mod silent;

/// One thing that a hostile node can do.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// Its name in scenarios.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    make: fn() -> Box<dyn Adversary>,
}

/// Everything that a hostile node can do.
pub const KINDS: &[Act] = &[silent::ACT];

/// How a hostile node bends what its engine hears and says.
pub trait Adversary: Debug + Send {
    /// Looks at what comes in; what it returns goes on to its engine.
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        let _ = seat;
        Some(input)
    }

    /// Looks at what its engine asks for; what it returns is carried out. It may have the seat
    /// [`say`](Seat::say) other things before or instead.
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let _ = seat;
        Some(output)
    }

    /// The moment it asked for with [`wake_at`](Seat::wake_at) has come.
    fn wake(&mut self, seat: &mut Seat) {
        let _ = seat;
    }
}

/// What an adversary has in hand.
#[derive(Debug)]
pub struct Seat {
    /// Which node it is.
    pub node: NodeIndex,
    /// Its node's clocks.
    pub now: Now,
    /// Its node's keys: what it signs is signed.
    pub keys: Keys,
    /// Its own dice.
    pub random: Random,
    /// The nodes of its group, itself included, in key order; empty for a stranger.
    pub group: Vec<PeerId>,
    /// Those of its group that act together with it, itself included, with their keys.
    pub coalition: Vec<Keys>,
    alarm: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Seat {
    /// Sends any bytes under any kind.
    pub fn say_bytes(&mut self, peer: PeerId, kind: Kind, frame: impl Into<Arc<[u8]>>) {
        self.outputs.push_back(Output::Send { peer, kind, frame: frame.into() });
    }

    /// Sends a frame.
    pub fn say(&mut self, peer: PeerId, frame: &Frame) {
        self.say_bytes(peer, frame.kind(), frame.encode());
    }

    /// Signs a statement about a session with its own node key.
    pub fn sign(&self, session: SessionId, seq: u64, body: Body) -> Option<Envelope> {
        let sent_at = self.now.unix;
        Envelope::sign(&self.keys.node_key, NETWORK, session, seq, sent_at, body).ok()
    }

    /// Signs and sends a statement about a session.
    pub fn state(&mut self, peer: PeerId, session: SessionId, seq: u64, body: Body) {
        if let Some(envelope) = self.sign(session, seq, body) {
            self.say(peer, &Frame::Envelope(Box::new(envelope)));
        }
    }

    /// Has an output carried out as it is.
    pub fn pass(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Asks to be woken; the last wish counts.
    pub const fn wake_at(&mut self, at: Instant) {
        self.alarm = Some(at);
    }

    /// The nodes of its group that are not in its coalition.
    pub fn victims(&self) -> Vec<PeerId> {
        let ours: Vec<_> = self.coalition.iter().map(|keys| keys.node_key.peer_id()).collect();
        self.group.iter().copied().filter(|peer| !ours.contains(peer)).collect()
    }
}

/// Decodes the envelope that a frame about to be sent carries.
pub fn envelope_in(output: &Output) -> Option<Envelope> {
    let Output::Send { frame, .. } = output else { return None };
    match Frame::decode_whole(frame, NETWORK) {
        Ok(Frame::Envelope(envelope)) => Some(*envelope),
        _ => None,
    }
}

/// Returns what a node does instead of the protocol; `None` for honest nodes.
pub(crate) fn cast(plan: &Plan, node: NodeIndex) -> Option<Box<dyn Adversary>> {
    let name = plan.cast.person(node)?.act.as_deref()?;
    KINDS.iter().find(|act| act.name == name).map(|act| (act.make)())
}

/// A hostile node: an adversary, and the engine that it plays with.
#[derive(Debug)]
pub(crate) struct Hostile {
    engine: Engine,
    act: Box<dyn Adversary>,
    seat: Seat,
}

impl Hostile {
    pub(crate) fn new(
        engine: Engine,
        act: Box<dyn Adversary>,
        plan: &Plan,
        node: NodeIndex,
        boot: u32,
    ) -> Self {
        let person = |node: NodeIndex| plan.cast.person(node);
        let members = plan.cast.group_of(node).map_or(Vec::new(), |group| group.members.clone());
        let hostile = members.iter().filter(|member| !plan.cast.is_honest(**member));
        let keys = person(node).map(|person| person.keys.clone());
        let seat = Seat {
            node,
            now: Now::default(),
            keys: keys.expect("the node of a running process is in the cast"),
            random: Random::new(
                plan.seed,
                "adversary",
                (u64::from(boot) << 32) | u64::from(node.0),
            ),
            group: members.iter().filter_map(|node| Some(person(*node)?.peer)).collect(),
            coalition: hostile.filter_map(|node| Some(person(*node)?.keys.clone())).collect(),
            alarm: None,
            outputs: VecDeque::new(),
        };
        Self { engine, act, seat }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn command(
        &mut self,
        now: Now,
        command: impl FnOnce(&mut Engine) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        self.seat.now = now;
        let result = command(&mut self.engine);
        self.bend();
        result
    }

    fn bend(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            if let Some(output) = self.act.speak(&mut self.seat, output) {
                self.seat.outputs.push_back(output);
            }
        }
    }
}

impl StateMachine for Hostile {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        self.seat.now = now;
        if let Some(input) = self.act.hear(&mut self.seat, input) {
            self.engine.handle_input(now, input);
        }
        self.bend();
    }

    fn handle_timeout(&mut self, now: Now) {
        self.seat.now = now;
        if self.seat.alarm.is_some_and(|at| at <= now.instant) {
            self.seat.alarm = None;
            self.act.wake(&mut self.seat);
        }
        self.engine.handle_timeout(now);
        self.bend();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.seat.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let own = self.seat.alarm.map(|at| Wakeup { at, reason: "adversary" });
        [own, self.engine.poll_timeout()].into_iter().flatten().min()
    }
}
