//! Nodes, and a network of them in virtual time.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    string::String,
    sync::Arc,
    vec,
    vec::Vec,
};

use ensign_identity::NodeKey;
use ensign_primitives::{Direction, Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{DialBackNonce, Node, NodeRecord, Proof, Role, Scope, position_epoch};

use crate::{Event, Input, Output, Overlay, OverlayConfig, Restored, Unreached};

pub(super) const NETWORK: Network = Network::Regtest;
pub(super) const START: Now = Now {
    instant: Instant::from_micros(1_000_000),
    unix: UnixTime::from_millis(1_760_000_000_000),
};
/// On the way of every message.
pub(super) const LATENCY: Duration = Duration::from_millis(20);

pub(super) fn key(number: u16) -> NodeKey {
    let mut secret = [0x37; 32];
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

pub(super) fn record(number: u16) -> NodeRecord {
    let proof = Proof { version: 1, epoch: position_epoch(START.unix), nonce: 0 };
    let expires = START.unix.after(Duration::from_secs(3600 * 20));
    let node = Node { role: Role::Signer, addresses: vec![address(number)], expires, proof };
    NodeRecord::new(&key(number), NETWORK, START.unix, node).unwrap()
}

pub(super) fn later(now: Now, by: Duration) -> Now {
    Now { instant: now.instant.after(by), unix: now.unix.after(by) }
}

/// What node `number` sets that knows the first one.
pub(super) fn config(number: u16, role: Role) -> OverlayConfig {
    let first = if number == 0 { vec![] } else { vec![(peer(0), vec![address(0)])] };
    OverlayConfig {
        bits: 0,
        scope: Scope::Global,
        addresses: vec![address(number)],
        first,
        ..OverlayConfig::new(NETWORK, role)
    }
}

pub(super) fn machine(number: u16, config: OverlayConfig, restored: Restored, now: Now) -> Overlay {
    let mut seed = [9; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Overlay::new(config, Arc::new(key(number)), seed, now, (Arc::default(), restored))
}

pub(super) fn said(overlay: &mut Overlay) -> Vec<Output> {
    core::iter::from_fn(|| overlay.poll_output()).collect()
}

#[derive(Debug)]
enum Happens {
    Input(Input),
    /// A dial arrives at whom it is for.
    Dialled(PeerId, SocketAddr),
}

/// Machines, the links between them, and what is on its way.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Now,
    pub(super) nodes: BTreeMap<PeerId, Overlay>,
    addresses: BTreeMap<SocketAddr, PeerId>,
    links: BTreeSet<(PeerId, PeerId)>,
    queue: BTreeMap<(Instant, u64), (PeerId, Happens)>,
    count: u64,
    pub(super) outputs: Vec<(PeerId, Output)>,
    pub(super) offenses: Vec<String>,
    /// Dials of each that were not left yet.
    pub(super) open: BTreeMap<(PeerId, PeerId), i32>,
    pub(super) sent: u64,
    /// Where nodes behind routers speak from; whether they are reached there is in `addresses`.
    outside: BTreeMap<PeerId, SocketAddr>,
    /// Whether nodes tell each other where they see them.
    pub(super) tells: bool,
}

impl World {
    /// So many nodes; all but the first know the first only.
    pub(super) fn new(nodes: u16) -> Self {
        let mut world = Self {
            now: START,
            nodes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            links: BTreeSet::new(),
            queue: BTreeMap::new(),
            count: 0,
            outputs: vec![],
            offenses: vec![],
            open: BTreeMap::new(),
            sent: 0,
            outside: BTreeMap::new(),
            tells: false,
        };
        for number in 0..nodes {
            world.add(number, config(number, Role::Signer), Restored::default());
        }
        world
    }

    pub(super) fn add(&mut self, number: u16, config: OverlayConfig, restored: Restored) {
        for at in &config.addresses {
            self.addresses.insert(*at, peer(number));
        }
        self.nodes.insert(peer(number), machine(number, config, restored, self.now));
        self.drain(peer(number));
    }

    /// Takes a node out; its links end.
    pub(super) fn stop(&mut self, number: u16) {
        let gone = peer(number);
        self.nodes.remove(&gone);
        self.addresses.retain(|_, it| *it != gone);
        self.open.retain(|(from, _), _| *from != gone);
        let links: Vec<_> =
            self.links.iter().filter(|(a, b)| *a == gone || *b == gone).copied().collect();
        for (a, b) in links {
            self.part(a, b);
        }
    }

    pub(super) fn node(&self, number: u16) -> &Overlay {
        &self.nodes[&peer(number)]
    }

    pub(super) fn command<T>(
        &mut self,
        number: u16,
        act: impl FnOnce(&mut Overlay, Now) -> T,
    ) -> T {
        let (peer, now) = (peer(number), self.now);
        let done = act(self.nodes.get_mut(&peer).unwrap(), now);
        self.drain(peer);
        done
    }

    pub(super) fn input(&mut self, number: u16, input: Input) {
        self.command(number, |it, now| it.handle_input(now, input));
    }

    pub(super) fn events(&self, number: u16) -> Vec<Event> {
        let of = self.outputs.iter().filter(|(who, _)| *who == peer(number));
        of.filter_map(|(_, it)| if let Output::Event(it) = it { Some(it.clone()) } else { None })
            .collect()
    }

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

    fn happen(&mut self, to: PeerId, after: Duration, what: Happens) {
        self.count += 1;
        self.queue.insert((self.now.instant.after(after), self.count), (to, what));
    }

    fn feed(&mut self, to: PeerId, input: Input) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&to) else { return };
        node.handle_input(now, input);
        self.drain(to);
    }

    fn is_linked(&self, a: PeerId, b: PeerId) -> bool {
        self.links.contains(&(a.min(b), a.max(b)))
    }

    fn part(&mut self, a: PeerId, b: PeerId) {
        if self.links.remove(&(a.min(b), a.max(b))) {
            self.feed(a, Input::Down { peer: b });
            self.feed(b, Input::Down { peer: a });
        }
    }

    fn deliver(&mut self, to: PeerId, what: Happens) {
        match what {
            Happens::Input(Input::Message { from, .. }) if !self.is_linked(from, to) => {}
            Happens::Input(input) => self.feed(to, input),
            Happens::Dialled(by, address) => {
                let is_there = self.addresses.get(&address) == Some(&to);
                if !is_there || !self.nodes.contains_key(&by) {
                    let why = Unreached::NoAnswer;
                    return self.feed(by, Input::DialFailed { peer: to, address, why });
                }
                if !self.is_linked(by, to) {
                    self.links.insert((by.min(to), by.max(to)));
                    let remote = ([8, 8, 8, 8], 1).into();
                    let remote = self.address_of(by).unwrap_or(remote);
                    let direction = Direction::Inbound;
                    self.feed(to, Input::Up { peer: by, remote, direction });
                    let direction = Direction::Outbound;
                    self.feed(by, Input::Up { peer: to, remote: address, direction });
                    if self.tells {
                        self.feed(by, Input::Seen { peer: to, address: remote });
                    }
                }
            }
        }
    }

    fn address_of(&self, peer: PeerId) -> Option<SocketAddr> {
        let at = self.addresses.iter().find(|(_, it)| **it == peer).map(|(at, _)| *at);
        self.outside.get(&peer).copied().or(at)
    }

    /// A node is behind a router, which lets nobody in, or everybody.
    pub(super) fn place(&mut self, number: u16, outside: SocketAddr, is_open: bool) {
        let before = self.outside.insert(peer(number), outside);
        if let Some(before) = before {
            self.addresses.remove(&before);
        }
        if is_open {
            self.addresses.insert(outside, peer(number));
        }
    }

    /// Dials a node back for another one; an answer that does not come is waited for five seconds.
    fn dial_back(
        &mut self,
        from: PeerId,
        (to, address): (PeerId, SocketAddr),
        nonce: DialBackNonce,
    ) {
        let is_reached = self.addresses.get(&address) == Some(&to);
        if is_reached {
            let remote = self.address_of(from).unwrap_or(address);
            let remote = SocketAddr::new(remote.ip(), 50_000);
            let came = Input::DialledBack { remote, nonce };
            self.happen(to, 2 * LATENCY, Happens::Input(came));
        }
        let after = if is_reached { 3 * LATENCY } else { Duration::from_secs(5) };
        let done = Input::BackDialled { peer: to, is_reached };
        self.happen(from, after, Happens::Input(done));
    }

    fn drain(&mut self, from: PeerId) {
        let Some(node) = self.nodes.get_mut(&from) else { return };
        for output in said(node) {
            match &output {
                Output::Send { to, message } => {
                    self.sent += 1;
                    let message = message.clone();
                    self.happen(*to, LATENCY, Happens::Input(Input::Message { from, message }));
                }
                Output::Dial { peer, address } => {
                    *self.open.entry((from, *peer)).or_default() += 1;
                    self.happen(*peer, 2 * LATENCY, Happens::Dialled(from, *address));
                }
                Output::Leave { peer } => {
                    *self.open.entry((from, *peer)).or_default() -= 1;
                    self.part(from, *peer);
                }
                Output::Solve { puzzle, .. } => {
                    let proof = Some(Proof { version: 1, epoch: puzzle.epoch, nonce: 0 });
                    self.happen(from, LATENCY, Happens::Input(Input::Solved { proof }));
                }
                Output::Offense { peer, offense } => {
                    self.offenses.push(std::format!("{from:?} of {peer:?}: {offense}"));
                }
                Output::DialBack { peer, address, nonce } => {
                    self.dial_back(from, (*peer, *address), *nonce);
                }
                Output::Found { .. } | Output::Note(_) | Output::Event(_) => {}
            }
            self.outputs.push((from, output));
        }
        for occupancy in self.nodes.get(&from).into_iter().flat_map(Overlay::occupancy) {
            assert!(occupancy.is_within_limit(), "{occupancy:?}");
        }
    }
}
