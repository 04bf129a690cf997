//! Nodes, records, and a network of machines in virtual time.

use core::time::Duration;
use std::{collections::BTreeMap, net::SocketAddr, string::String, vec, vec::Vec};

use ensign_identity::NodeKey;
use ensign_primitives::{Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{
    DhtMessage, DhtRecord, Node, NodeRecord, Proof, Published, RENDEZVOUS_BYTES, RecordKind,
    RecordRules, Role, Scope, position_epoch,
};

use crate::{Dht, DhtConfig, Event, Input, Offense, Output};

pub(super) const NETWORK: Network = Network::Regtest;
pub(super) const START: Now = Now {
    instant: Instant::from_micros(1_000_000),
    unix: UnixTime::from_millis(1_760_000_000_000),
};
pub(super) const RULES: RecordRules =
    RecordRules { network: NETWORK, bits: 0, scope: Scope::Global };
/// On the way of every message.
const LATENCY: Duration = Duration::from_millis(20);

pub(super) fn key(number: u16) -> NodeKey {
    let mut secret = [0x21; 32];
    secret[..2].copy_from_slice(&(number + 1).to_be_bytes());
    NodeKey::from_secret_bytes(secret).unwrap()
}

pub(super) fn peer(number: u16) -> PeerId {
    key(number).peer_id()
}

/// Each node in a /24 of its own.
pub(super) fn address(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    ([8, high, low, 1], 4000).into()
}

pub(super) fn record_at(number: u16, at: Now, address: SocketAddr) -> NodeRecord {
    let proof = Proof { version: 1, epoch: position_epoch(at.unix), nonce: 0 };
    let expires = at.unix.after(Duration::from_secs(3600 * 20));
    let node = Node { role: Role::Signer, addresses: vec![address], expires, proof };
    NodeRecord::new(&key(number), NETWORK, at.unix, node).unwrap()
}

pub(super) fn record(number: u16) -> NodeRecord {
    record_at(number, START, address(number))
}

pub(super) fn later(now: Now, by: Duration) -> Now {
    Now { instant: now.instant.after(by), unix: now.unix.after(by) }
}

/// A record that anybody keeps, of this publisher and slot; its body is filled up with zeros.
pub(super) fn sealed(number: u16, slot: u8, seq: u64, now: Now) -> DhtRecord {
    sealed_bytes(number, (slot, seq), now, b"sealed")
}

pub(super) fn sealed_bytes(
    number: u16,
    (slot, seq): (u8, u64),
    now: Now,
    body: &[u8],
) -> DhtRecord {
    let expires = now.unix.after(Duration::from_secs(3600));
    let mut body = body.to_vec();
    body.resize(RENDEZVOUS_BYTES, 0);
    let said = Published { kind: RecordKind::RENDEZVOUS, slot, expires, body };
    DhtRecord::new(&key(number), NETWORK, (seq, now.unix), said).unwrap()
}

/// The record under which a node is found by its identity.
pub(super) fn node_entry(number: u16, now: Now) -> DhtRecord {
    let expires = now.unix.after(Duration::from_secs(3600));
    let body = record(number).encode();
    let said = Published { kind: RecordKind::NODE, slot: 0, expires, body };
    DhtRecord::new(&key(number), NETWORK, (now.unix.as_millis(), now.unix), said).unwrap()
}

pub(super) fn machine(number: u16) -> Dht {
    let config = DhtConfig::new(RULES, Role::Signer);
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    let mut dht = Dht::new(config, peer(number), seed);
    dht.announce(START, record(number)).unwrap();
    dht
}

/// Drains what a machine says.
pub(super) fn said(dht: &mut Dht) -> Vec<Output> {
    core::iter::from_fn(|| dht.poll_output()).collect()
}

/// A machine by itself with a link to each of `peers`.
pub(super) fn linked(peers: &[u16]) -> Dht {
    let mut dht = machine(0);
    for number in peers {
        dht.handle_input(START, Input::Up { peer: peer(*number), remote: address(*number) });
    }
    said(&mut dht);
    dht
}

pub(super) fn hear(dht: &mut Dht, now: Now, from: u16, message: DhtMessage) -> Vec<Output> {
    dht.handle_input(now, Input::Message { from: peer(from), message });
    said(dht)
}

pub(super) fn offenses(outputs: &[Output]) -> Vec<Offense> {
    let offense = |it: &Output| match it {
        Output::Offense { offense, .. } => Some(offense.clone()),
        Output::Send { .. } | Output::Reach { .. } | Output::Event(_) => None,
    };
    outputs.iter().filter_map(offense).collect()
}

pub(super) fn messages(outputs: Vec<Output>) -> Vec<(PeerId, DhtMessage)> {
    let message = |it: Output| match it {
        Output::Send { to, message } => Some((to, message)),
        Output::Offense { .. } | Output::Reach { .. } | Output::Event(_) => None,
    };
    outputs.into_iter().filter_map(message).collect()
}

/// What happens to a node.
#[derive(Debug)]
enum Happens {
    Input(Input),
    /// The first of two: a link stands at both ends.
    Link(PeerId),
}

/// Machines and what is on its way between them.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Now,
    pub(super) nodes: BTreeMap<PeerId, Dht>,
    numbers: BTreeMap<PeerId, u16>,
    dead: BTreeMap<PeerId, ()>,
    queue: BTreeMap<(Instant, u64), (PeerId, Happens)>,
    count: u64,
    pub(super) events: Vec<(PeerId, Event)>,
    pub(super) offenses: Vec<String>,
    pub(super) sent: u64,
}

impl World {
    /// So many nodes that know the first and their next few.
    pub(super) fn new(nodes: u16) -> Self {
        let mut world = Self {
            now: START,
            nodes: (0..nodes).map(|it| (peer(it), machine(it))).collect(),
            numbers: (0..nodes).map(|it| (peer(it), it)).collect(),
            dead: BTreeMap::new(),
            queue: BTreeMap::new(),
            count: 0,
            events: vec![],
            offenses: vec![],
            sent: 0,
        };
        for number in 0..nodes {
            for ahead in 1..=4 {
                let record = record((number + ahead) % nodes);
                world.happen(
                    peer(number),
                    Duration::ZERO,
                    Happens::Input(Input::Learned { record }),
                );
            }
        }
        world
    }

    pub(super) fn kill(&mut self, number: u16) {
        self.dead.insert(peer(number), ());
    }

    fn happen(&mut self, to: PeerId, after: Duration, what: Happens) {
        self.count += 1;
        self.queue.insert((self.now.instant.after(after), self.count), (to, what));
    }

    pub(super) fn command<T>(&mut self, number: u16, act: impl FnOnce(&mut Dht, Now) -> T) -> T {
        let (peer, now) = (peer(number), self.now);
        let done = act(self.nodes.get_mut(&peer).unwrap(), now);
        self.drain(peer);
        done
    }

    /// Lets so much time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        loop {
            let woken =
                self.nodes.iter().filter_map(|(peer, it)| Some((it.poll_timeout()?.at, *peer)));
            let woken = woken.min();
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let at = woken.map(|it| it.0).into_iter().chain(next).min();
            let Some(at) = at.filter(|it| *it <= end) else { break };
            self.now = later(self.now, at.since(self.now.instant));
            if let Some((_, peer)) = woken.filter(|it| it.0 == at) {
                self.nodes.get_mut(&peer).unwrap().handle_timeout(self.now);
                self.drain(peer);
            } else if let Some((_, (to, what))) = self.queue.pop_first() {
                self.deliver(to, what);
            }
        }
        self.now = later(self.now, end.since(self.now.instant));
    }

    fn deliver(&mut self, to: PeerId, what: Happens) {
        let input = match what {
            Happens::Input(input) => input,
            Happens::Link(other) if self.dead.contains_key(&other) => {
                Input::Unreachable { peer: other }
            }
            Happens::Link(other) => {
                let remote = address(self.numbers[&to]);
                let up = Input::Up { peer: to, remote };
                self.nodes.get_mut(&other).unwrap().handle_input(self.now, up);
                self.drain(other);
                Input::Up { peer: other, remote: address(self.numbers[&other]) }
            }
        };
        if self.dead.contains_key(&to) {
            return;
        }
        self.nodes.get_mut(&to).unwrap().handle_input(self.now, input);
        self.drain(to);
    }

    fn drain(&mut self, from: PeerId) {
        for output in said(self.nodes.get_mut(&from).unwrap()) {
            match output {
                Output::Send { to, message } => {
                    self.sent += 1;
                    self.happen(to, LATENCY, Happens::Input(Input::Message { from, message }));
                }
                Output::Reach { record } => {
                    self.happen(from, 2 * LATENCY, Happens::Link(record.peer()));
                }
                Output::Offense { peer, offense } => {
                    self.offenses.push(std::format!("{peer:?}: {offense}"));
                }
                Output::Event(event) => self.events.push((from, event)),
            }
        }
    }
}
