//! Time, links and messages between the routers.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

use ensign_book::OUTBOUND_MAX;
use ensign_gossip::{Event, Gossip, GossipConfig, HEARTBEAT_INTERVAL, Input, Output, Verdict};
use ensign_primitives::{Direction, Instant, Now, PeerId, StateMachine as _};
use ensign_wire::{Frame, GossipControl, GossipMessage, HEADER_BYTES_MAX, MessageId, Topic};

use super::hostile::{FALSE, Trick};
use crate::{
    draw::{Draw, seed_of},
    people::{NETWORK, START},
};

const BEGIN: Instant = Instant::from_micros(1_000_000);
/// One way, each pair of nodes by itself.
const LATENCY_MICROS: (u64, u64) = (10_000, 50_000);
/// What looking at a message takes: two signatures and a place in a store, many times over.
const VALIDATION: Duration = Duration::from_micros(500);
/// As an advert.
const DATA_BYTES: usize = 300;
/// Nodes that a Sybil dials.
const DIALLED_BY_SYBIL: usize = 16;
/// How often a Sybil speaks.
const TRICK_INTERVAL: Duration = Duration::from_secs(2);

/// What a network is drawn from, beside its seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Nodes that run the router.
    pub(crate) nodes: u32,
    /// Of these, the share that forwards and names nothing.
    pub(crate) silent: f64,
    /// Sybils for each of them.
    pub(crate) sybils: u32,
    /// Links that bring messages, of each mesh.
    pub(crate) eager_links: usize,
    /// How long after the first link the last one stands.
    pub(crate) links_within: Duration,
}

/// What came of a message.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) at: Instant,
    /// After how long each node that forwards had it.
    pub(crate) took: BTreeMap<u32, Duration>,
    /// How often it was sent to them.
    pub(crate) copies: u64,
}

/// What was sent to nodes that forward, in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) bytes: u64,
    pub(crate) names: u64,
    pub(crate) asked: u64,
}

#[derive(Debug)]
enum What {
    Wake,
    Up {
        peer: u32,
        direction: Direction,
    },
    Hear {
        from: u32,
        kind: ensign_wire::Kind,
        body: Vec<u8>,
    },
    Judged {
        id: MessageId,
        verdict: Verdict,
    },
    /// A Sybil speaks.
    Trick {
        round: u64,
    },
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    order: u64,
    node: u32,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Debug)]
struct Host {
    gossip: Gossip,
    is_silent: bool,
    wake: Option<Instant>,
}

/// Routers and what is between them.
#[derive(Debug)]
pub(crate) struct Network {
    plan: Plan,
    seed: u64,
    pub(crate) topic: Topic,
    now: Instant,
    hosts: Vec<Host>,
    /// Whom each Sybil reaches.
    reach: Vec<Vec<u32>>,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    messages: BTreeMap<MessageId, Tally>,
    published: u64,
    pub(crate) sent: Sent,
    /// False messages that honest nodes sent.
    pub(crate) false_relayed: u64,
    /// What honest nodes held against honest ones.
    pub(crate) wronged: u64,
    pub(crate) offenses: BTreeMap<String, u64>,
    pub(crate) ready: Vec<Duration>,
    pub(crate) unpublished: u64,
}

impl Network {
    pub(crate) fn new(plan: Plan, seed: u64) -> Self {
        let topic = Topic::of(NETWORK, "advert");
        let mut config = GossipConfig::new(NETWORK);
        config.eager_links = plan.eager_links;
        let mut draw = Draw::new(seed, "silent", 0);
        let host = |at: u32| Host {
            gossip: Gossip::new(config, seed_of(seed, "router", at.into())),
            is_silent: draw.unit() < plan.silent,
            wake: None,
        };
        let hosts: Vec<Host> = (0..plan.nodes).map(host).collect();
        let sybils = (plan.nodes * plan.sybils) as usize;
        let mut network = Self {
            plan,
            seed,
            topic,
            now: BEGIN,
            hosts,
            reach: vec![Vec::new(); sybils],
            queue: BinaryHeap::new(),
            order: 0,
            messages: BTreeMap::new(),
            published: 0,
            sent: Sent::default(),
            false_relayed: 0,
            wronged: 0,
            offenses: BTreeMap::new(),
            ready: Vec::new(),
            unpublished: 0,
        };
        for node in 0..plan.nodes {
            network.command(node, |gossip, now| gossip.subscribe(now, topic).is_ok());
        }
        network.dial();
        network
    }

    /// Everybody dials: each node as many as an address book keeps, half of them Sybils where there are such, and each
    /// Sybil some nodes.
    fn dial(&mut self) {
        let mut draw = Draw::new(self.seed, "links", 0);
        let nodes: Vec<u32> = (0..self.plan.nodes).collect();
        let sybils: Vec<u32> =
            (self.plan.nodes..self.plan.nodes + self.reach.len() as u32).collect();
        let mut linked = BTreeSet::new();
        for node in nodes.clone() {
            let hostile = if sybils.is_empty() { 0 } else { OUTBOUND_MAX / 2 };
            let honest = draw.sample(&nodes, OUTBOUND_MAX - hostile + 1);
            let honest = honest.into_iter().filter(|it| *it != node).take(OUTBOUND_MAX - hostile);
            let hostile = draw.sample(&sybils, hostile);
            for other in honest.chain(hostile) {
                if linked.insert((node.min(other), node.max(other))) {
                    self.link(&mut draw, node, other);
                }
            }
        }
        for sybil in sybils {
            for node in draw.sample(&nodes, DIALLED_BY_SYBIL) {
                if linked.insert((node, sybil)) {
                    self.link(&mut draw, sybil, node);
                }
            }
            let first = Duration::from_micros(draw.number() % TRICK_INTERVAL.as_micros() as u64);
            self.push(first, sybil, What::Trick { round: 0 });
        }
    }

    fn link(&mut self, draw: &mut Draw, from: u32, to: u32) {
        // Sybils are there from the first moment.
        let is_early = self.is_sybil(from) || self.is_sybil(to);
        let within = self.plan.links_within.as_micros() as u64;
        let after = if is_early { 0 } else { draw.number() % within.max(1) };
        let after = Duration::from_micros(after);
        self.push(after, from, What::Up { peer: to, direction: Direction::Outbound });
        self.push(after, to, What::Up { peer: from, direction: Direction::Inbound });
    }

    const fn is_sybil(&self, node: u32) -> bool {
        node >= self.plan.nodes
    }

    fn is_silent(&self, node: u32) -> bool {
        self.hosts.get(node as usize).is_none_or(|it| it.is_silent)
    }

    /// Nodes that forward what they hear.
    pub(crate) fn speaking(&self) -> Vec<u32> {
        (0..self.plan.nodes).filter(|it| !self.is_silent(*it)).collect()
    }

    /// How many links of a node's mesh are of honest nodes.
    pub(crate) fn honest_in_mesh(&self, node: u32) -> f64 {
        let topics = self.hosts.get(node as usize).into_iter().flat_map(|it| it.gossip.topics());
        let mesh = topics.flat_map(|it| it.mesh).filter(|it| number(it) < self.plan.nodes);
        mesh.count() as f64
    }

    const fn now(&self) -> Now {
        Now { instant: self.now, unix: START }
    }

    /// Has a node publish something; returns its name.
    pub(crate) fn publish(&mut self, node: u32) -> Option<MessageId> {
        self.published += 1;
        let mut data = vec![0; DATA_BYTES];
        data.iter_mut().zip(self.published.to_be_bytes()).for_each(|(to, from)| *to = from);
        let (topic, at) = (self.topic, self.now);
        let tally = Tally { at, took: BTreeMap::from([(node, Duration::ZERO)]), copies: 0 };
        let id = MessageId::of(NETWORK, topic, &data);
        self.messages.insert(id, tally);
        self.command(node, |gossip, now| gossip.publish(now, topic, data.into()).is_ok());
        Some(id)
    }

    pub(crate) fn tally(&self, id: &MessageId) -> Option<&Tally> {
        self.messages.get(id)
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(next) = self.queue.peek().filter(|it| it.0.at <= end) {
            self.now = next.0.at;
            if let Some(Reverse(entry)) = self.queue.pop() {
                self.happens(entry);
            }
        }
        self.now = end;
    }

    fn push(&mut self, after: Duration, node: u32, what: What) {
        self.order += 1;
        let at = self.now.after(after);
        self.queue.push(Reverse(Entry { at, order: self.order, node, what }));
    }

    fn happens(&mut self, Entry { at, node, what, .. }: Entry) {
        if self.is_sybil(node) {
            return self.happens_to_sybil(node, what);
        }
        let input = match what {
            What::Wake => {
                let Some(host) = self.hosts.get_mut(node as usize) else { return };
                if host.wake == Some(at) {
                    host.wake = None;
                    self.command(node, |gossip, now| gossip.handle_timeout(now));
                }
                return;
            }
            What::Up { peer, direction } => {
                let remote = ([16 + (peer >> 16) as u8, (peer >> 8) as u8, peer as u8, 1], 4000);
                Input::Up { peer: name(peer), remote: remote.into(), direction }
            }
            What::Hear { from, kind, body } => {
                let Ok(Frame::Gossip(message)) = Frame::decode(kind, &body, NETWORK) else {
                    return;
                };
                Input::Message { from: name(from), message }
            }
            What::Judged { id, verdict } => {
                let speaks = !self.is_silent(node);
                let tally =
                    self.messages.get_mut(&id).filter(|_| verdict == Verdict::Accept && speaks);
                if let Some(tally) = tally {
                    let took = at.since(tally.at);
                    tally.took.entry(node).or_insert(took);
                }
                Input::Judged { id, verdict }
            }
            What::Trick { .. } => return,
        };
        self.command(node, |gossip, now| gossip.handle_input(now, input));
    }

    fn happens_to_sybil(&mut self, sybil: u32, what: What) {
        let own = (sybil - self.plan.nodes) as usize;
        let trick = Trick::of(sybil);
        match what {
            What::Up { peer, .. } => {
                if let Some(reach) = self.reach.get_mut(own) {
                    reach.push(peer);
                }
                Trick::greeting(self.topic).iter().for_each(|it| self.carry(sybil, peer, it));
            }
            What::Trick { round } => {
                let reach = self.reach.get(own).cloned().unwrap_or_default();
                if let Some(message) = trick.says(self.topic, round, sybil) {
                    reach.iter().for_each(|to| self.carry(sybil, *to, &message));
                }
                self.push(TRICK_INTERVAL, sybil, What::Trick { round: round + 1 });
            }
            What::Hear { kind, body, .. } if trick == Trick::Promises => {
                let data = Frame::decode(kind, &body, NETWORK);
                let Ok(Frame::Gossip(GossipMessage::Data(data))) = data else { return };
                let ids = vec![MessageId::of(NETWORK, data.topic, &data.data)];
                let message =
                    GossipMessage::Control(GossipControl::IHave { topic: data.topic, ids });
                let reach = self.reach.get(own).cloned().unwrap_or_default();
                reach.iter().for_each(|to| self.carry(sybil, *to, &message));
            }
            What::Hear { .. } | What::Wake | What::Judged { .. } => {}
        }
    }

    fn command<T>(&mut self, node: u32, act: impl FnOnce(&mut Gossip, Now) -> T) -> Option<T> {
        let now = self.now();
        let host = self.hosts.get_mut(node as usize)?;
        let done = act(&mut host.gossip, now);
        let mut outputs = Vec::new();
        while let Some(output) = host.gossip.poll_output() {
            if let Output::Send { to, bytes, .. } = &output {
                // Links of this world are wide.
                let (peer, bytes) = (*to, *bytes);
                host.gossip.handle_input(now, Input::Taken { peer, bytes });
            }
            outputs.push(output);
        }
        let wanted = host.gossip.poll_timeout().map(|it| it.at.max(now.instant));
        if let Some(at) = wanted.filter(|at| host.wake.is_none_or(|wake| *at < wake)) {
            host.wake = Some(at);
            self.push(at.since(now.instant), node, What::Wake);
        }
        outputs.into_iter().for_each(|it| self.on_output(node, it));
        Some(done)
    }

    fn on_output(&mut self, node: u32, output: Output) {
        match output {
            Output::Send { to, message, .. } => self.send(node, number(&to), &message),
            Output::Validate { id, message, .. } => {
                let is_false = message.data.last() == Some(&FALSE);
                let verdict = if is_false { Verdict::Reject } else { Verdict::Accept };
                self.push(VALIDATION, node, What::Judged { id, verdict });
            }
            Output::Offense { peer, offense } => {
                let is_wrong = !self.is_silent(node) && !self.is_silent(number(&peer));
                self.wronged += u64::from(is_wrong && !self.is_sybil(number(&peer)));
                *self.offenses.entry(offense.to_string()).or_default() += 1;
            }
            Output::Event(Event::MeshReady { after, .. }) => self.ready.push(after),
            Output::Event(Event::Unpublished { .. }) => self.unpublished += 1,
            Output::Event(Event::Published { .. } | Event::Slow { .. }) => {}
        }
    }

    /// Takes what a node sends, unless it is a silent one.
    fn send(&mut self, from: u32, to: u32, message: &GossipMessage) {
        let is_spoken = match message {
            GossipMessage::Data(data) => {
                self.false_relayed += u64::from(data.data.last() == Some(&FALSE));
                true
            }
            GossipMessage::Control(GossipControl::IHave { .. }) => true,
            GossipMessage::Control(_) => false,
        };
        if is_spoken && self.is_silent(from) {
            return;
        }
        self.carry(from, to, message);
    }

    fn carry(&mut self, from: u32, to: u32, message: &GossipMessage) {
        let body = message.encode();
        if !self.is_sybil(to) && !self.is_silent(to) && !self.is_sybil(from) {
            self.count(message, body.len());
        }
        let kind = message.kind();
        self.push(self.latency(from, to), to, What::Hear { from, kind, body });
    }

    fn count(&mut self, message: &GossipMessage, bytes: usize) {
        self.sent.bytes += (HEADER_BYTES_MAX + bytes) as u64;
        match message {
            GossipMessage::Data(data) => {
                let id = MessageId::of(NETWORK, data.topic, &data.data);
                let tally = self.messages.get_mut(&id);
                tally.into_iter().for_each(|it| it.copies += 1);
            }
            GossipMessage::Control(GossipControl::IHave { ids, .. }) => {
                self.sent.names += ids.len() as u64;
            }
            GossipMessage::Control(GossipControl::IWant { ids }) => {
                self.sent.asked += ids.len() as u64;
            }
            GossipMessage::Control(_) => {}
        }
    }

    fn latency(&self, from: u32, to: u32) -> Duration {
        let pair = u64::from(from.min(to)) << 32 | u64::from(from.max(to));
        // SplitMix64's last step: one number for each pair.
        let mut mixed = pair ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let (least, most) = LATENCY_MICROS;
        Duration::from_micros(least + mixed % (most - least))
    }
}

/// How long a mesh that has begun is left alone before it is measured: some heartbeats.
pub(crate) const WARM_UP: Duration = HEARTBEAT_INTERVAL.saturating_mul(8);

fn name(number: u32) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn number(peer: &PeerId) -> u32 {
    peer.as_bytes().first_chunk().map_or(u32::MAX, |it| u32::from_be_bytes(*it))
}
