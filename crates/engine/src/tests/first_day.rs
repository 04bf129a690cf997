//! A thousand nodes that begin at the same moment and know one: a real node with every guard, in virtual time.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec,
    vec::Vec,
};

use ensign_identity::NodeKey;
use ensign_overlay::{
    Input as Told, Message, Output as Said, Overlay, OverlayConfig, Restored, dht::K,
};
use ensign_primitives::{Direction, Instant, LinkId, Now, PeerId, QueryId, StateMachine};
use ensign_wire::{
    Around, DhtFind, DhtMessage, Frame, Header, Key, Kind, Node, NodeRecord, PeersMessage, Proof,
    Role, Wants, position_epoch,
};

use super::{
    cast::{NETWORK, START, engine_outside, peer, start},
    links::hello,
    price::{at, up},
};
use crate::{Engine, Event, Input, Output};

/// One way across the network: as far as the bars of the open network go.
const ONE_WAY: Duration = Duration::from_millis(25);
/// Until a connection stands, from its dial.
const HANDSHAKE: Duration = Duration::from_millis(100);
/// Bytes that a node sends while one is made: a flight of three datagrams of at most 1,200 bytes, and
/// acknowledgements.
const HANDSHAKE_BYTES: usize = 3_000;
/// The node that all know.
const FIRST: usize = 0;
/// Within which time each node has to be usable.
const USABLE_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked who is.
const LOOK: Duration = Duration::from_millis(250);
/// Bytes that a bootstrap node may send to each, handshakes too.
const SENT_MAX: usize = 12_000;
/// Questions of a node that joins at most, to the one that it knows.
const QUESTIONS: usize = 12;

/// What arrives at a node.
#[derive(Debug)]
enum Arrives {
    /// A connection that the other one began, or its own.
    Up(usize, Direction),
    Down(usize),
    Frame(usize, Vec<u8>),
    Message(usize, Message),
    Solved(Proof),
}

/// One who joins.
struct Joiner {
    overlay: Overlay,
    wakes: Option<Instant>,
    usable: Option<Duration>,
}

struct World {
    now: Now,
    engine: Engine,
    joiners: Vec<Joiner>,
    names: BTreeMap<PeerId, usize>,
    /// Connections among those who join.
    between: BTreeSet<(usize, usize)>,
    /// Connections of the first node.
    links: BTreeMap<usize, LinkId>,
    ends: BTreeMap<LinkId, usize>,
    wakes: BTreeSet<(Instant, usize)>,
    queue: BTreeMap<(Instant, u64), (usize, Arrives)>,
    count: u64,
    next_link: u64,
    /// What the first node has sent, handshakes too.
    sent: usize,
    offenses: usize,
    /// How many questions each has asked it.
    asked: BTreeMap<usize, usize>,
}

fn address(node: usize) -> SocketAddr {
    let [.., high, low] = (node as u32).to_be_bytes();
    ([20, high, low, 1], 4000).into()
}

fn key(node: usize) -> NodeKey {
    let mut secret = [0x51; 32];
    secret[..4].copy_from_slice(&(node as u32).to_be_bytes());
    NodeKey::from_secret_bytes(secret).unwrap()
}

/// What a node of the open network sets, whose positions cost nothing.
fn config(node: usize, role: Role) -> OverlayConfig {
    let first = if node == FIRST { vec![] } else { vec![(peer(0), vec![address(FIRST)])] };
    let config = OverlayConfig::new(NETWORK, role);
    OverlayConfig { bits: 0, addresses: vec![address(node)], first, ..config }
}

impl World {
    fn new(role: Role, joiners: usize) -> Self {
        let engine = engine_outside(0, config(FIRST, role));
        let mut names = BTreeMap::from([(peer(0), FIRST)]);
        let make = |node: usize| {
            let key = Arc::new(key(node));
            names.insert(key.peer_id(), node);
            let mut seed = [9; 32];
            seed[..8].copy_from_slice(&node.to_le_bytes());
            let given = (Arc::default(), Restored::default());
            let overlay = Overlay::new(config(node, Role::Signer), key, seed, start(), given);
            Joiner { overlay, wakes: None, usable: None }
        };
        let joiners: Vec<_> = (1..=joiners).map(make).collect();
        let mut world = Self {
            now: start(),
            engine,
            joiners,
            names,
            between: BTreeSet::new(),
            links: BTreeMap::new(),
            ends: BTreeMap::new(),
            wakes: BTreeSet::new(),
            queue: BTreeMap::new(),
            count: 0,
            next_link: 0,
            sent: 0,
            offenses: 0,
            asked: BTreeMap::new(),
        };
        world.listen();
        (1..=world.joiners.len()).for_each(|node| world.hear(node));
        world
    }

    fn arrives(&mut self, to: usize, after: Duration, what: Arrives) {
        self.count += 1;
        self.queue.insert((self.now.instant.after(after), self.count), (to, what));
    }

    /// Lets time pass until then; what is due at one moment happens in the order in which it was said.
    fn run(&mut self, until: Duration) {
        let end = at(until).instant;
        loop {
            let arrival = self.queue.first_key_value().map(|((at, _), _)| *at);
            let wakes = self.wakes.first().copied();
            let first = self.engine.poll_timeout().map(|it| it.at);
            let next = arrival.into_iter().chain(wakes.map(|it| it.0)).chain(first).min();
            let Some(next) = next.filter(|it| *it <= end) else { break };
            self.now = at(next.max(self.now.instant).since(start().instant));
            if arrival == Some(next) {
                let (_, (to, what)) = self.queue.pop_first().unwrap();
                self.happen(to, what);
            } else if let Some((_, node)) = wakes.filter(|it| it.0 == next) {
                self.joiners[node - 1].overlay.handle_timeout(self.now);
                self.hear(node);
            } else {
                self.engine.handle_timeout(self.now);
                self.listen();
            }
        }
        self.now = at(until);
    }

    fn happen(&mut self, to: usize, what: Arrives) {
        if to == FIRST {
            return self.happen_first(what);
        }
        let remote = |node: usize| address(node);
        let name = |world: &Self, node: usize| world.name(node);
        let told = match what {
            Arrives::Up(with, direction) => {
                let (peer, remote) = (name(self, with), remote(with));
                Told::Up { peer, remote, direction }
            }
            Arrives::Down(with) => Told::Down { peer: name(self, with) },
            Arrives::Message(from, _) if !self.is_linked(to, from) => return,
            Arrives::Message(from, message) => Told::Message { from: name(self, from), message },
            Arrives::Frame(from, frame) => match Frame::decode_whole(&frame, NETWORK).unwrap() {
                _ if !self.links.contains_key(&to) => return,
                Frame::Hello(_) => {
                    let direction = Direction::Outbound;
                    Told::Up { peer: name(self, from), remote: remote(from), direction }
                }
                Frame::Dht(it) => {
                    Told::Message { from: name(self, from), message: Message::Dht(it) }
                }
                Frame::Peers(it) => {
                    Told::Message { from: name(self, from), message: Message::Peers(it) }
                }
                _ => return,
            },
            Arrives::Solved(proof) => Told::Solved { proof: Some(proof) },
        };
        self.joiners[to - 1].overlay.handle_input(self.now, told);
        self.hear(to);
    }

    fn happen_first(&mut self, what: Arrives) {
        match what {
            Arrives::Up(with, direction) if !self.links.contains_key(&with) => {
                let link = LinkId(self.next_link);
                self.next_link += 1;
                self.links.insert(with, link);
                self.ends.insert(link, with);
                self.sent += HANDSHAKE_BYTES;
                self.engine
                    .handle_input(self.now, up(link, self.name(with), address(with), direction));
                self.listen();
                self.arrives(FIRST, ONE_WAY, Arrives::Frame(with, Frame::Hello(hello()).encode()));
            }
            Arrives::Frame(from, frame) => {
                let Some(link) = self.links.get(&from).copied() else { return };
                let header = Header::decode(&frame).unwrap().unwrap();
                let body = frame[header.header_len..].to_vec();
                self.engine.handle_input(self.now, Input::Frame { link, kind: header.kind, body });
                self.listen();
            }
            Arrives::Down(with) => {
                let Some(link) = self.links.remove(&with) else { return };
                self.ends.remove(&link);
                self.engine.handle_input(self.now, Input::Down { link });
                self.listen();
            }
            Arrives::Solved(proof) => {
                let job = crate::POSITION_JOB;
                self.engine.handle_input(self.now, Input::Solved { job, proof: Some(proof) });
                self.listen();
            }
            Arrives::Up(..) | Arrives::Message(..) => {}
        }
    }

    /// Does what the first node wants done.
    fn listen(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send { link, frame, .. } => {
                    let Some(to) = self.ends.get(&link).copied() else { continue };
                    self.sent += frame.len();
                    self.arrives(to, ONE_WAY, Arrives::Frame(FIRST, frame.to_vec()));
                }
                Output::Close { link, .. } => {
                    let Some(with) = self.ends.remove(&link) else { continue };
                    self.links.remove(&with);
                    self.engine.handle_input(self.now, Input::Down { link });
                    self.arrives(with, ONE_WAY, Arrives::Down(FIRST));
                }
                Output::Dial { peer, .. } => {
                    let to = self.names[&peer];
                    self.arrives(FIRST, HANDSHAKE, Arrives::Up(to, Direction::Outbound));
                }
                Output::Solve { puzzle, .. } => {
                    let proof = Proof { version: 1, epoch: puzzle.epoch, nonce: 0 };
                    self.arrives(FIRST, ONE_WAY, Arrives::Solved(proof));
                }
                Output::Event(Event::Offense { .. }) => self.offenses += 1,
                _ => {}
            }
        }
    }

    /// Does what one who joins wants done.
    fn hear(&mut self, node: usize) {
        while let Some(said) = self.joiners[node - 1].overlay.poll_output() {
            match said {
                Said::Send { to, message } => self.say(node, self.names[&to], message),
                Said::Dial { peer, .. } => self.dial(node, self.names[&peer]),
                Said::Leave { peer } => self.part(node, self.names[&peer]),
                Said::Solve { puzzle, .. } => {
                    let proof = Proof { version: 1, epoch: puzzle.epoch, nonce: 0 };
                    self.arrives(node, ONE_WAY, Arrives::Solved(proof));
                }
                Said::Offense { .. } => self.offenses += 1,
                // Whoever asks to be dialled back waits for it in vain.
                Said::DialBack { .. } | Said::Found { .. } | Said::Note(_) | Said::Event(_) => {}
            }
        }
        let it = &mut self.joiners[node - 1];
        let wakes = it.overlay.poll_timeout().map(|wakeup| wakeup.at);
        let before = core::mem::replace(&mut it.wakes, wakes);
        before.map(|at| self.wakes.remove(&(at, node)));
        wakes.map(|at| self.wakes.insert((at, node)));
    }

    fn say(&mut self, from: usize, to: usize, message: Message) {
        if to != FIRST {
            return self.arrives(to, ONE_WAY, Arrives::Message(from, message));
        }
        if matches!(
            message,
            Message::Dht(DhtMessage::Find(_) | DhtMessage::Store(_) | DhtMessage::Pull(_))
                | Message::Peers(PeersMessage::Ask)
        ) {
            *self.asked.entry(from).or_default() += 1;
        }
        let frame = match message {
            Message::Dht(it) => Frame::Dht(it),
            Message::Peers(it) => Frame::Peers(it),
            Message::Reach(it) => Frame::Reach(it),
        };
        self.arrives(FIRST, ONE_WAY, Arrives::Frame(from, frame.encode()));
    }

    fn dial(&mut self, from: usize, to: usize) {
        if to == FIRST {
            return self.arrives(FIRST, HANDSHAKE, Arrives::Up(from, Direction::Inbound));
        }
        if self.between.insert((from.min(to), from.max(to))) {
            self.arrives(to, HANDSHAKE, Arrives::Up(from, Direction::Inbound));
            self.arrives(from, HANDSHAKE, Arrives::Up(to, Direction::Outbound));
        }
    }

    fn part(&mut self, from: usize, with: usize) {
        if with == FIRST {
            return self.arrives(FIRST, ONE_WAY, Arrives::Down(from));
        }
        if self.between.remove(&(from.min(with), from.max(with))) {
            self.arrives(with, ONE_WAY, Arrives::Down(from));
            self.arrives(from, Duration::ZERO, Arrives::Down(with));
        }
    }

    fn is_linked(&self, one: usize, other: usize) -> bool {
        self.between.contains(&(one.min(other), one.max(other)))
    }

    fn name(&self, node: usize) -> PeerId {
        if node == FIRST { peer(0) } else { key(node).peer_id() }
    }

    /// Looks who has enough contacts by now.
    fn look(&mut self) {
        for occupancy in self.engine.occupancy() {
            assert!(occupancy.is_within_limit(), "{occupancy:?}");
        }
        let after = self.now.instant.since(start().instant);
        let enough = K.min(self.joiners.len() / 4);
        for it in &mut self.joiners {
            if it.usable.is_none() && it.overlay.status(self.now).network.contacts >= enough {
                it.usable = Some(after);
            }
        }
    }

    /// Prints how it goes.
    fn tell(&self) {
        let (after, joiners) = (self.now.instant.since(start().instant), self.joiners.len());
        let asked = self.asked.values();
        let most = asked.clone().max().copied().unwrap_or_default();
        let mean = asked.sum::<usize>() as f64 / joiners as f64;
        let sent = self.sent / joiners;
        let (usable, links) = (self.usable(), self.links.len());
        std::println!(
            "after {after:?}: {usable} of {joiners} usable, {links} connected; {sent} bytes to each; {mean:.1} \
             questions of each, {most} at most; {} offenses",
            self.offenses
        );
    }

    /// How many are usable.
    fn usable(&self) -> usize {
        self.joiners.iter().filter(|it| it.usable.is_some()).count()
    }
}

/// How many begin at once here, each a whole part in the open network; with `ENSIGN_JOINERS=1000`, which takes minutes,
/// as many as in the test below, and how it goes is printed until the time is over.
const JOINERS: usize = 40;

#[test]
fn nodes_that_begin_at_once_are_usable_within_five_seconds_and_cost_a_bootstrap_node_little() {
    let wanted = std::env::var("ENSIGN_JOINERS").ok().and_then(|it| it.parse().ok());
    let joiners: usize = wanted.unwrap_or(JOINERS);
    let mut world = World::new(Role::Bootstrap, joiners);
    let (mut sent, mut most) = (usize::MAX, usize::MAX);
    for step in 1..=USABLE_WITHIN.as_millis() / LOOK.as_millis() {
        world.run(LOOK * step as u32);
        world.look();
        wanted.iter().for_each(|_| world.tell());
        if sent == usize::MAX && world.usable() == joiners {
            sent = world.sent / joiners;
            most = world.asked.values().max().copied().unwrap_or_default();
            if wanted.is_none() {
                break;
            }
        }
    }
    assert_eq!((world.usable(), world.offenses), (joiners, 0));
    // Later it is one of their neighbours, and of so few each is everybody's.
    assert!(sent <= SENT_MAX, "{sent} bytes to each until all are usable");
    assert!(most <= QUESTIONS, "{most} questions, which the test below asks");
}

/// As many as are let in at once, each in a network of its own, ask what a node asks that joins.
#[test]
fn a_thousand_who_join_at_once_are_all_answered_by_a_bootstrap_node_and_by_a_signer_few() {
    assert_eq!(answered(Role::Bootstrap), (1000, 0));
    // Its places are for neighbours, and to those who join it is one of many.
    assert_eq!(answered(Role::Signer), (256, 0));
}

/// Returns how many of a thousand had an answer to each question within five seconds, and how many were told a price.
fn answered(role: Role) -> (usize, usize) {
    let mut engine = engine_outside(0, config(FIRST, role));
    let mut at_gate = BTreeMap::new();
    let mut heard = BTreeMap::<LinkId, usize>::new();
    let mut priced = BTreeSet::new();
    let mut hear = |engine: &mut Engine| {
        for output in core::iter::from_fn(|| engine.poll_output()) {
            match output {
                Output::Send { link, kind: Kind::DhtReply | Kind::PeersTold, .. } => {
                    *heard.entry(link).or_default() += 1;
                }
                Output::Send { link, kind: Kind::Price, .. } => _ = priced.insert(link),
                Output::Event(Event::Offense { offense, .. }) => panic!("{offense}"),
                _ => {}
            }
        }
        assert!(engine.occupancy().all(|it| it.is_within_limit()));
    };
    let records: Vec<_> = (1..=1000).map(|node| (node, record(node))).collect();
    for (node, record) in &records {
        let link = LinkId(*node as u64);
        at_gate.insert(*node, link);
        let came = up(link, record.peer(), address(*node), Direction::Inbound);
        engine.handle_input(at(Duration::ZERO), came);
        say(&mut engine, at(Duration::ZERO), (link, &Frame::Hello(hello())));
    }
    hear(&mut engine);
    for question in 0..QUESTIONS {
        let now = at(USABLE_WITHIN * question as u32 / QUESTIONS as u32);
        engine.handle_timeout(now);
        for (node, record) in &records {
            let target = Key(*key(*node + question).peer_id().as_bytes());
            let around = Around { key: target, target, region: 1 << 62 };
            let (query, asker) = (QueryId(question as u64 + 1), Some(record.clone()));
            let find = DhtFind { query, around, wants: Wants::Nodes, asker };
            let frame = match question {
                0 => Frame::Peers(PeersMessage::Ask),
                _ => Frame::Dht(DhtMessage::Find(find)),
            };
            say(&mut engine, now, (at_gate[node], &frame));
        }
        hear(&mut engine);
    }
    let whole = heard.values().filter(|answers| **answers == QUESTIONS).count();
    (whole, priced.len())
}

fn say(engine: &mut Engine, now: Now, (link, frame): (LinkId, &Frame)) {
    let frame = frame.encode();
    let header = Header::decode(&frame).unwrap().unwrap();
    let body = frame[header.header_len..].to_vec();
    engine.handle_input(now, Input::Frame { link, kind: header.kind, body });
}

fn record(node: usize) -> NodeRecord {
    let proof = Proof { version: 1, epoch: position_epoch(START), nonce: 0 };
    let (addresses, expires) = (vec![address(node)], START.after(Duration::from_secs(3600)));
    let said = Node { role: Role::Signer, addresses, expires, proof };
    NodeRecord::new(&key(node), NETWORK, START, said).unwrap()
}
