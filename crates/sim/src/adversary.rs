//! Hostile nodes: they sit in an engine's place and speak the same wire.
//!
//! An adversary plays with an engine of its own, so that it gets as far into a session as it likes,
//! and bends what goes in and comes out. A new one is a file of its own and a line in [`KINDS`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
    sync::Arc,
};

use ensign_engine::{CommandError, Engine, Input, Keys, Output};
use ensign_identity::SignerKey;
use ensign_musig::SecKey;
use ensign_primitives::{
    Instant, LinkId, Now, Occupancy, PeerId, SessionId, SignerIndex, StateMachine, TaggedHasher,
    Wakeup,
};
use ensign_wire::{Body, Envelope, Frame, GroupKeys, Kind};

use crate::{NETWORK, NodeIndex, plan::Plan, random::Random};

mod aborting;
mod dodging;
mod equivocating;
mod filling;
mod flooding;
mod framing;
mod garbage;
mod holding;
mod late_abort;
mod nonces;
mod own_requests;
mod replaying;
mod restarting;
mod reusing;
mod silencing;
mod silent;
mod slow;
mod washing;
mod wrong_nonce;
mod wrong_partial;
mod wrong_request;

/// One thing that a hostile node can do.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// Its name in scenarios.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    pub(crate) make: fn() -> Box<dyn Adversary>,
}

/// Everything that a hostile node can do.
pub const KINDS: &[Act] = &[
    silent::SILENT,
    silent::JOIN,
    silent::REVEAL,
    silent::PARTIAL,
    slow::ACT,
    garbage::ACT,
    replaying::ACT,
    equivocating::ACT,
    aborting::JOIN,
    aborting::REVEAL,
    aborting::SIGN,
    late_abort::ACT,
    wrong_nonce::WRONG,
    wrong_nonce::INVALID,
    wrong_partial::WRONG,
    wrong_partial::ELSEWHERE,
    dodging::ACT,
    reusing::OWN,
    reusing::STOLEN,
    framing::ACT,
    flooding::ACT,
    flooding::DROWNING,
    holding::ACT,
    filling::ACT,
    washing::ACT,
    silencing::ACT,
    restarting::ACT,
    wrong_request::PAYLOAD,
    wrong_request::FORGED,
];

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

    /// What it holds beside its engine, for the check of bounds.
    fn holds(&self) -> Option<Occupancy> {
        None
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
    /// Its signer's key.
    pub sec_key: Arc<SecKey>,
    /// Its own dice.
    pub random: Random,
    /// The nodes of its group, itself included, in key order; empty for a stranger.
    pub group: Vec<PeerId>,
    /// The signer keys of its group, in the same order; `None` for a stranger.
    pub signers: Option<GroupKeys>,
    /// The nodes it is connected to.
    pub connected: BTreeSet<PeerId>,
    /// Its connections, by name.
    links: BTreeMap<LinkId, PeerId>,
    /// Those of its group that act together with it, itself included, with their keys.
    pub coalition: Vec<Keys>,
    alarm: Option<Instant>,
    outputs: VecDeque<Output>,
    inputs: VecDeque<Input>,
}

impl Seat {
    /// Sends any bytes under any kind.
    pub fn say_bytes(&mut self, peer: PeerId, kind: Kind, frame: impl Into<Arc<[u8]>>) {
        if let Some(link) = self.link_of(peer) {
            let (lane, frame) = (kind.lane(), frame.into());
            self.outputs.push_back(Output::Send { link, lane, kind, frame });
        }
    }

    /// The connection with a peer.
    pub fn link_of(&self, peer: PeerId) -> Option<LinkId> {
        self.links.iter().find(|(_, other)| **other == peer).map(|(link, _)| *link)
    }

    /// Who is at the other end of a connection.
    pub fn peer_of(&self, link: LinkId) -> Option<PeerId> {
        self.links.get(&link).copied()
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

    /// Has its engine told something that did not happen.
    pub fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    /// Asks to be woken; the last wish counts.
    pub const fn wake_at(&mut self, at: Instant) {
        self.alarm = Some(at);
    }

    /// Its own node.
    pub fn peer(&self) -> PeerId {
        self.keys.node_key.peer_id()
    }

    /// Its own signer key.
    pub fn signer_key(&self) -> SignerKey {
        self.keys.signer
    }

    /// Which signer of its group a node is.
    pub fn index_of(&self, peer: PeerId) -> Option<SignerIndex> {
        self.group.iter().position(|other| *other == peer).and_then(SignerIndex::from_usize)
    }

    /// A number that every member of its coalition draws alike, for one thing in one session.
    pub fn agreed(&self, session: SessionId, what: &[u8]) -> u64 {
        let hasher = TaggedHasher::new("ensign/sim-coalition/v1", NETWORK);
        let digest = hasher.bytes(session.as_bytes()).var_bytes(what).finish();
        digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// What it is itself about to say, and to whom; `None` for anything else.
    pub fn own_words(&self, output: &Output) -> Option<(PeerId, Envelope)> {
        let Output::Send { link, .. } = output else { return None };
        let (peer, envelope) = (self.peer_of(*link)?, envelope_in(output)?);
        (envelope.sender() == self.peer()).then_some((peer, envelope))
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

/// Decodes the envelope in a frame that came, and says which connection brought it.
pub fn envelope_heard(input: &Input) -> Option<(LinkId, Envelope)> {
    let Input::Frame { link, kind, body } = input else { return None };
    match Frame::decode(*kind, body, NETWORK) {
        Ok(Frame::Envelope(envelope)) => Some((*link, *envelope)),
        _ => None,
    }
}

/// Returns what a node does instead of the protocol; `None` for nodes that keep to it.
pub(crate) fn cast(plan: &Plan, node: NodeIndex) -> Option<Box<dyn Adversary>> {
    let name = plan.cast.person(node)?.act.as_deref()?;
    let kinds = KINDS.iter();
    #[cfg(test)]
    let kinds = kinds.chain(crate::tests::checkers::FLAWS);
    kinds.into_iter().find(|act| act.name == name).map(|act| (act.make)())
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
        let group = plan.cast.group_of(node);
        let members = group.map_or(Vec::new(), |group| group.members.clone());
        let acts = |member: &&NodeIndex| **member == node || !plan.cast.is_honest(**member);
        let hostile = members.iter().filter(acts);
        let own = person(node).expect("the node of a running process is in the cast");
        let seat = Seat {
            node,
            now: Now::default(),
            keys: own.keys.clone(),
            sec_key: Arc::clone(&own.sec_key),
            random: Random::new(
                plan.seed,
                "adversary",
                (u64::from(boot) << 32) | u64::from(node.0),
            ),
            group: members.iter().filter_map(|node| Some(person(*node)?.peer)).collect(),
            signers: group.map(|group| group.config.keys.clone()),
            connected: BTreeSet::new(),
            links: BTreeMap::new(),
            coalition: hostile.filter_map(|node| Some(person(*node)?.keys.clone())).collect(),
            alarm: None,
            outputs: VecDeque::new(),
            inputs: VecDeque::new(),
        };
        Self { engine, act, seat }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn holds(&self) -> Option<Occupancy> {
        self.act.holds()
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
        loop {
            while let Some(output) = self.engine.poll_output() {
                if let Some(output) = self.act.speak(&mut self.seat, output) {
                    self.seat.outputs.push_back(output);
                }
            }
            let Some(input) = self.seat.inputs.pop_front() else { return };
            self.engine.handle_input(self.seat.now, input);
        }
    }

    fn note_connections(&mut self, input: &Input) {
        if let Input::Up { link, peer, .. } = input {
            self.seat.connected.insert(*peer);
            self.seat.links.insert(*link, *peer);
        } else if let Input::Down { link } = input
            && let Some(peer) = self.seat.links.remove(link)
        {
            self.seat.connected.remove(&peer);
        }
    }
}

impl StateMachine for Hostile {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        self.seat.now = now;
        self.note_connections(&input);
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
