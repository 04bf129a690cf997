//! Machines with disks, users and links between them, in an order that a seed decides.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};

use ensign_primitives::{Now, PeerId, StateMachine, sha256};
use ensign_wire::{Certificate, Fingerprint, FormationBody, FormationMessage};

use super::cast::{CONFIG, NAME, at, machine, peer};
use crate::{
    Event, Formation, Happened, Input, Offense, Output, Record, Step,
    pending::{Found, Stage, read},
};

/// Numbers from a seed (splitmix64).
#[derive(Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(super) fn bytes(&mut self) -> [u8; 32] {
        sha256(&self.next().to_le_bytes())
    }
}

/// One process, its disk and what its user saw. A hostile person may run several for one key.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) person: u8,
    pub(super) machine: Option<Formation>,
    pub(super) disk: BTreeMap<String, Vec<u8>>,
    persisting: VecDeque<(u64, Record)>,
    pub(super) events: Vec<Event>,
    pub(super) offenses: Vec<(PeerId, Offense)>,
    pub(super) is_honest: bool,
}

/// A frame on its way between two processes.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) message: FormationMessage,
}

/// Processes and what is between them.
#[derive(Debug)]
pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    /// Connections that stand, by the lower process first, each with a number of its own.
    links: BTreeMap<(usize, usize), u64>,
    next_link: u64,
    pub(super) ways: VecDeque<Way>,
    /// Everything that was ever said.
    pub(super) said: Vec<Way>,
    pub(super) now: u64,
}

impl World {
    /// - `people`: who runs each process.
    pub(super) fn new(people: &[u8]) -> Self {
        let node = |person: &u8| Node {
            person: *person,
            machine: Some(machine(*person, at(0), Vec::new())),
            disk: BTreeMap::new(),
            persisting: VecDeque::new(),
            events: Vec::new(),
            offenses: Vec::new(),
            is_honest: true,
        };
        Self {
            nodes: people.iter().map(node).collect(),
            links: BTreeMap::new(),
            next_link: 0,
            ways: VecDeque::new(),
            said: Vec::new(),
            now: 0,
        }
    }

    pub(super) fn now(&self) -> Now {
        at(self.now)
    }

    /// Lets somebody act on a process that runs, and takes what it says.
    pub(super) fn act<T>(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Formation, Now) -> T,
    ) -> Option<T> {
        let now = self.now();
        let done = act(self.nodes[node].machine.as_mut()?, now);
        self.drain(node);
        Some(done)
    }

    pub(super) fn input(&mut self, node: usize, input: Input) {
        self.act(node, |machine, now| machine.handle_input(now, input));
    }

    fn drain(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].machine.as_mut().and_then(|it| it.poll_output()) {
            match output {
                Output::Send { peer, message } => {
                    if self.nodes[node].is_honest {
                        self.check_said(node, &message);
                    }
                    for to in self.linked(node, &peer) {
                        let way = Way { from: node, to, message: message.clone() };
                        self.said.push(way.clone());
                        self.ways.push_back(way);
                    }
                }
                Output::Persist { token, record } => {
                    self.nodes[node].persisting.push_back((token, record));
                }
                Output::Offense { peer, offense } => {
                    self.nodes[node].offenses.push((peer, offense))
                }
                Output::Event(event) => self.nodes[node].events.push(event),
                Output::Ask(_) => {}
            }
        }
        let machine = self.nodes[node].machine.as_ref();
        assert!(machine.unwrap().occupancy().all(|it| it.is_within_limit()));
    }

    /// What an honest process says was durable before: its roster before it commits, all commitments
    /// before it reveals, its user's word before it signs.
    fn check_said(&self, node: usize, message: &FormationMessage) {
        let it = &self.nodes[node];
        let FormationMessage::Statement(statement) = message else { return };
        if statement.sender() != peer(it.person) || statement.said().body == FormationBody::Refuse {
            return;
        }
        let kept = it.disk.get(NAME).expect("nothing is durable");
        let forming = match read(kept, CONFIG, &peer(it.person), self.now()).unwrap() {
            Found::Formed(_) | Found::Voided(_) => return,
            Found::Pending(pending) => match pending.stage {
                Stage::Forming(forming) => forming,
                Stage::Inviting(_) | Stage::Joining(_) => panic!("no roster is durable"),
            },
        };
        assert_eq!(forming.round.digest, statement.said().roster);
        match statement.said().body {
            FormationBody::Commit(_) | FormationBody::Refuse => {}
            FormationBody::Reveal(_) => assert!(forming.round.is_committed()),
            FormationBody::Confirm(_) => assert!(forming.is_confirmed),
        }
    }

    /// Processes of a person that this one has a connection with.
    fn linked(&self, node: usize, peer_id: &PeerId) -> Vec<usize> {
        let others = (0..self.nodes.len()).filter(|other| {
            peer(self.nodes[*other].person) == *peer_id && self.link(node, *other).is_some()
        });
        others.collect()
    }

    fn link(&self, one: usize, other: usize) -> Option<u64> {
        self.links.get(&(one.min(other), one.max(other))).copied()
    }

    pub(super) fn connect(&mut self, one: usize, other: usize) {
        let both_run = [one, other].iter().all(|it| self.nodes[*it].machine.is_some());
        if !both_run || one == other || self.link(one, other).is_some() {
            return;
        }
        self.links.insert((one.min(other), one.max(other)), self.next_link);
        let exporter = sha256(&self.next_link.to_le_bytes());
        self.next_link += 1;
        for (node, with) in [(one, other), (other, one)] {
            let peer = peer(self.nodes[with].person);
            self.input(node, Input::Up { peer, exporter });
        }
    }

    pub(super) fn cut(&mut self, one: usize, other: usize) {
        if self.links.remove(&(one.min(other), one.max(other))).is_none() {
            return;
        }
        self.ways
            .retain(|way| (way.from, way.to) != (one, other) && (way.from, way.to) != (other, one));
        for (node, with) in [(one, other), (other, one)] {
            let peer = peer(self.nodes[with].person);
            self.input(node, Input::Down { peer });
        }
    }

    /// The process dies: what was on its way to the disk is there up to a point.
    pub(super) fn crash(&mut self, node: usize, chance: &mut Chance) {
        let written = chance.below(self.nodes[node].persisting.len() + 1);
        for _ in 0..written {
            self.write(node);
        }
        let it = &mut self.nodes[node];
        it.persisting.clear();
        it.machine = None;
        (0..self.nodes.len()).for_each(|other| self.cut(node, other));
    }

    pub(super) fn restart(&mut self, node: usize) {
        let now = self.now();
        let it = &mut self.nodes[node];
        if it.machine.is_none() {
            let records = it.disk.values().cloned().collect();
            it.machine = Some(machine(it.person, now, records));
            self.drain(node);
        }
    }

    /// Writes the next record of a process; returns its token.
    fn write(&mut self, node: usize) -> Option<u64> {
        let it = &mut self.nodes[node];
        let (token, record) = it.persisting.pop_front()?;
        match record.bytes {
            Some(bytes) => it.disk.insert(record.name, bytes),
            None => it.disk.remove(&record.name),
        };
        Some(token)
    }

    /// The disk of a process answers.
    pub(super) fn persist(&mut self, node: usize) -> bool {
        let token = self.write(node);
        token.map(|token| self.input(node, Input::Persisted { token })).is_some()
    }

    /// One of the frames that are first on their connections arrives.
    pub(super) fn deliver(&mut self, choice: usize) -> bool {
        let mut firsts = BTreeSet::new();
        let ways = self.ways.iter().enumerate();
        let firsts: Vec<usize> =
            ways.filter(|(_, way)| firsts.insert((way.from, way.to))).map(|(at, _)| at).collect();
        let Some(at) = firsts.get(choice % firsts.len().max(1)) else { return false };
        let Some(Way { from, to, message }) = self.ways.remove(*at) else { return false };
        let peer = peer(self.nodes[from].person);
        self.input(to, Input::Message { peer, message });
        true
    }

    /// Everything that is on its way arrives, and every disk answers.
    pub(super) fn run(&mut self) {
        loop {
            let mut is_quiet = !self.deliver(0);
            for node in 0..self.nodes.len() {
                is_quiet &= !self.persist(node);
            }
            if is_quiet {
                return;
            }
        }
    }

    pub(super) fn certificate(&self, node: usize) -> Option<Certificate> {
        self.nodes[node].machine.as_ref()?.certificates().next().cloned()
    }

    pub(super) fn step(&self, node: usize) -> Option<Step> {
        self.nodes[node].machine.as_ref()?.views().next().map(|view| view.step)
    }

    /// What a process shows its user to compare, or has shown.
    pub(super) fn fingerprint(&self, node: usize) -> Option<Fingerprint> {
        if let Some(certificate) = self.certificate(node) {
            return Some(certificate.fingerprint());
        }
        match self.step(node)? {
            Step::Confirming { fingerprint, .. } => Some(fingerprint),
            Step::Inviting { .. } | Step::Joining { .. } | Step::Revealing { .. } => None,
        }
    }

    /// These people call each other: who sees the same words as all others confirms them.
    pub(super) fn compare(&mut self, people: &[usize]) {
        let seen: Vec<_> = people.iter().map(|node| self.fingerprint(*node)).collect();
        let Some(Some(first)) = seen.first().copied() else { return };
        if seen.iter().any(|other| *other != Some(first)) {
            return;
        }
        for node in people {
            self.act(*node, |machine, now| {
                // It may hold the certificate already.
                let _ = machine.confirm(now, NAME, &first);
            });
        }
    }

    pub(super) fn happened(&self, node: usize) -> impl Iterator<Item = &Happened> {
        self.nodes[node].events.iter().map(|event| &event.what)
    }
}
