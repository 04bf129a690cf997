//! Whole nodes on a network of virtual time: frames go through the real codec, records through a
//! disk, entropy comes from a seed, and connections come and go as a test says.

use core::time::Duration;
use std::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};

use ensign_primitives::{Instant, LinkId, Now, PeerId, RequestId, SessionId, UnixTime, sha256};
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_session::Phase;
use ensign_wire::{AbortReason, Body, Envelope, Frame, Kind, Lane, Mode};

use super::cast::{NETWORK, START, entropy, group_of, peer, person, proposal};
use super::names::Names;
use super::node::{Node, assert_journal_is_sound};
use crate::{
    CommandError, Engine, Event as HallEvent, Input, Output, Record, Restored,
    signing::{self, Event, Known, SignerQuestion, ask_local_signer},
};

/// Nodes `0..n`, all in one group, and the connections between them.
pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) people: Vec<usize>,
    pub(super) now: Instant,
    /// How far the wall clocks have moved against the monotonic ones, all alike.
    pub(super) skew_millis: i64,
    /// Every frame that was sent: from, to, kind.
    pub(super) sent: Vec<(usize, usize, Kind)>,
    /// Every envelope that was sent: from, to.
    pub(super) said: Vec<(usize, usize, Envelope)>,
    /// Every envelope that node 0 sent at a large number: its answers about what has ended.
    pub(super) answers: Vec<Envelope>,
    /// A node to which frames get lost although it is connected.
    deaf: Option<usize>,
    /// Most payloads that one node takes before time passes; its peer's transport drops the rest.
    pub(super) payloads_max: usize,
    payloads: usize,
    links: BTreeSet<(usize, usize)>,
    pub(super) names: Names,
    queue: VecDeque<(usize, Input)>,
}

impl Net {
    /// Nodes that have formed their group and are connected.
    pub(super) fn new(count: usize) -> Self {
        let mut net = Self::apart(count);
        net.connect_all();
        net.run();
        net
    }

    /// Nodes that have formed their group and have not met yet.
    pub(super) fn apart(count: usize) -> Self {
        let mut net = Self {
            nodes: Vec::new(),
            people: (0..count).collect(),
            now: Instant::from_micros(0),
            skew_millis: 0,
            sent: Vec::new(),
            said: Vec::new(),
            answers: Vec::new(),
            deaf: None,
            payloads_max: usize::MAX,
            payloads: 0,
            links: BTreeSet::new(),
            names: Names::default(),
            queue: VecDeque::new(),
        };
        net.nodes = (0..count).map(Node::new).collect();
        for index in 0..count {
            net.form(index);
        }
        net
    }

    pub(super) fn form(&mut self, index: usize) {
        let people = self.people.clone();
        self.command(index, |engine, now| engine.add_group(now, group_of(&people))).unwrap();
    }

    pub(super) fn now(&self) -> Now {
        let millis = START.as_millis() + self.now.as_micros() / 1000;
        let unix = UnixTime::from_millis(millis.saturating_add_signed(self.skew_millis));
        Now { instant: self.now, unix }
    }

    pub(super) fn connect_all(&mut self) {
        self.deaf = None;
        for one in 0..self.nodes.len() {
            for other in 0..one {
                self.connect(one, other);
            }
        }
    }

    pub(super) fn connect(&mut self, one: usize, other: usize) {
        for (at, with) in [(one, other), (other, one)] {
            if self.links.insert((at, with)) {
                let up = self.names.up(at, peer(with));
                self.queue.push_back((at, up));
            }
        }
    }

    /// Cuts every connection of a node; what is on its way is lost.
    pub(super) fn cut(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            self.disconnect(node, other);
        }
    }

    /// What is sent to a node from here to its next connection is lost.
    pub(super) fn lose_frames_to(&mut self, node: usize) {
        self.deaf = Some(node);
        self.queue.retain(|(to, input)| *to != node || !matches!(input, Input::Frame { .. }));
    }

    fn disconnect(&mut self, one: usize, other: usize) {
        for (at, with) in [(one, other), (other, one)] {
            if self.links.remove(&(at, with)) {
                let lost = self.names.link(at, peer(with));
                self.queue.retain(|(to, input)| {
                    *to != at || !matches!(input, Input::Frame { link, .. } if *link == lost)
                });
                self.queue.push_back((at, Input::Down { link: lost }));
            }
        }
    }

    pub(super) fn reconnect(&mut self, node: usize) {
        self.deaf = self.deaf.filter(|deaf| *deaf != node);
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            self.connect(node, other);
        }
    }

    /// The process dies: only the journal is left. A new one starts, forms its group, and goes on.
    pub(super) fn restart(&mut self, node: usize) {
        self.die(node);
        self.revive(node);
        self.reconnect(node);
    }

    pub(super) fn die(&mut self, node: usize) {
        self.cut(node);
        self.queue.retain(|(at, _)| *at != node);
        let boot = self.nodes[node].boot + 1;
        let fresh = Node::of_boot(node, boot, self.now(), Restored::default());
        let old = core::mem::replace(&mut self.nodes[node], fresh);
        self.nodes[node].journal = old.journal;
        self.nodes[node].notes = old.notes;
        self.nodes[node].accounts = old.accounts;
        self.nodes[node].nonces = old.nonces;
        self.nodes[node].approves = old.approves;
        // A new process draws other bytes.
        self.nodes[node].entropy_drawn = old.entropy_drawn + 1000;
    }

    /// Starts a node from its journal, not connected yet.
    pub(super) fn revive(&mut self, node: usize) {
        let (journal, notes) = (self.nodes[node].journal.clone(), self.nodes[node].notes.clone());
        self.revive_from(node, signing::Restored::from_records(journal.into_iter().chain(notes)));
    }

    /// The process dies and its disk with it. The new one refuses what was made until then.
    pub(super) fn lose_store(&mut self, node: usize) {
        self.die(node);
        self.nodes[node].journal.clear();
        self.nodes[node].notes.clear();
        let void_until = Some(self.now().unix.after(MESSAGE_AGE_MAX));
        self.revive_from(node, signing::Restored { void_until, ..signing::Restored::default() });
        self.reconnect(node);
    }

    pub(super) fn revive_from(&mut self, node: usize, restored: signing::Restored) {
        let reputation = self.nodes[node].accounts.clone().into_iter().collect();
        let restored = Restored { signing: restored, reputation, ..Restored::default() };
        let (now, dead) = (self.now(), &mut self.nodes[node]);
        dead.subject = Node::of_boot(node, dead.boot, now, restored).subject;
        self.form(node);
        let is_lost = |event: &&Event| matches!(event, Event::NotResumed { .. });
        assert_eq!(self.nodes[node].events.iter().find(is_lost), None);
    }

    /// Proposes as node 0; returns the request.
    pub(super) fn propose(&mut self, mode: Mode) -> RequestId {
        let proposal = proposal(&self.people, mode);
        self.command(0, |engine, now| engine.propose(now, proposal, [1; 16])).unwrap()
    }

    pub(super) fn approve(&mut self, node: usize, id: RequestId) -> Result<(), CommandError> {
        self.command(node, |engine, now| engine.approve(now, id))
    }

    pub(super) fn stop(
        &mut self,
        node: usize,
        id: RequestId,
        reason: AbortReason,
    ) -> Result<(), CommandError> {
        self.command(node, |engine, now| engine.stop(now, id, reason))
    }

    pub(super) fn command<R>(
        &mut self,
        node: usize,
        command: impl FnOnce(&mut Engine, Now) -> R,
    ) -> R {
        let now = self.now();
        let (result, outputs) =
            self.nodes[node].subject.command(now, |engine| command(engine, now));
        self.absorb(node, outputs);
        result
    }

    /// As [`run`](Self::run), but what is on its way in other lanes now comes after all that follows from
    /// what is in this one.
    pub(super) fn run_first(&mut self, lane: Lane) {
        let waits =
            |input: &Input| matches!(input, Input::Frame { kind, .. } if kind.lane() != lane);
        let queue = core::mem::take(&mut self.queue);
        let (late, early): (Vec<_>, Vec<_>) = queue.into_iter().partition(|(_, it)| waits(it));
        self.queue.extend(early);
        self.run();
        self.queue.extend(late);
        self.run();
    }

    /// Carries out what disks were asked for, and delivers no frame.
    pub(super) fn run_disks(&mut self) {
        let is_disk = |input: &Input| matches!(input, Input::Persisted { .. });
        while let Some(at) = self.queue.iter().position(|(_, it)| is_disk(it)) {
            let Some((node, input)) = self.queue.remove(at) else { return };
            self.input(node, input);
        }
    }

    /// Delivers what is on its way, and what follows from it, without letting time pass.
    pub(super) fn run(&mut self) {
        self.run_until(|_| false);
    }

    /// As [`run`](Self::run), but stops as soon as `done` holds; tells whether it did.
    pub(super) fn run_until(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        for step in 0.. {
            assert!(step < 100_000, "the network does not come to rest");
            if done(self) {
                return true;
            }
            let Some((node, input)) = self.queue.pop_front() else { return false };
            self.input(node, input);
        }
        false
    }

    /// Lets time pass, firing what is due and delivering what follows.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        self.run();
        while let Some((at, node)) = self.wakeup().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.payloads = 0;
            let now = self.now();
            let outputs = self.nodes[node].subject.wake(now);
            self.absorb(node, outputs);
            self.run();
        }
        self.now = end;
    }

    fn wakeup(&self) -> Option<(Instant, usize)> {
        let next = |(index, node): (usize, &Node)| Some((node.subject.next()?.at, index));
        self.nodes.iter().enumerate().filter_map(next).min()
    }

    pub(super) fn input(&mut self, node: usize, input: Input) {
        let now = self.now();
        let outputs = self.nodes[node].subject.input(now, input);
        self.absorb(node, outputs);
    }

    /// Hands a frame to a node as its transport does, and delivers what follows.
    pub(super) fn deliver(&mut self, from: PeerId, to: usize, frame: &[u8]) {
        let input = self.names.frame(to, from, frame);
        self.input(to, input);
        self.run();
    }

    /// An envelope signed by a person, whoever's connection brings it.
    pub(super) fn say(&mut self, from: usize, to: usize, envelope: Envelope) {
        let frame = Frame::Envelope(Box::new(envelope)).encode();
        self.deliver(peer(from), to, &frame);
    }

    fn absorb(&mut self, node: usize, outputs: Vec<Output>) {
        for occupancy in self.nodes[node].subject.machine().occupancy() {
            assert!(occupancy.is_within_limit(), "{occupancy:?}");
        }
        for output in outputs {
            match output {
                Output::Send { link, kind, frame, lane } => {
                    assert_eq!(lane, kind.lane());
                    self.on_send(node, link, kind, &frame);
                }
                Output::Persist { token, record: Record::Signing(record) } => {
                    let it = &mut self.nodes[node];
                    if it.disk_works {
                        it.journal.push(record);
                        self.queue.push_back((node, Input::Persisted { token }));
                    }
                }
                Output::Note(Record::Signing(record)) => self.nodes[node].notes.push(record),
                Output::Recall { request } => {
                    let it = &self.nodes[node];
                    let known = Known::from_records(it.journal.iter().chain(&it.notes), &request);
                    self.queue.push_back((node, Input::Recalled { request, known }));
                }
                Output::Signer(question) => self.ask_signer(node, question),
                Output::Close { link, reason } => {
                    let peer = self.names.peer(link);
                    self.nodes[node].closed.push((peer, reason));
                    match self.index_of(peer) {
                        Some(other) => self.disconnect(node, other),
                        None => self.queue.push_back((node, Input::Down { link })),
                    }
                }
                Output::Event(HallEvent::Signing(event)) => self.on_event(node, event),
                Output::Event(HallEvent::Offense { peer, offense, sentence, .. }) => {
                    self.nodes[node].found.push((peer, offense, sentence));
                }
                Output::Persist { token, record: Record::Formation(record) } => {
                    self.nodes[node].formations.insert(record.name, record.bytes);
                    self.queue.push_back((node, Input::Persisted { token }));
                }
                Output::Event(HallEvent::Formation(event)) => {
                    self.nodes[node].formed.push(event);
                }
                Output::Persist { record: Record::Peers(_) | Record::Overlay(_), .. } => {
                    panic!("who waits?")
                }
                Output::Persist { record: Record::Reputation(record), .. }
                | Output::Note(Record::Reputation(record)) => {
                    match record.account {
                        Some(account) => self.nodes[node].accounts.insert(record.peer, *account),
                        None => self.nodes[node].accounts.remove(&record.peer),
                    };
                }
                Output::Event(
                    HallEvent::Peers(_)
                    | HallEvent::Dropped { .. }
                    | HallEvent::Paying(_)
                    | HallEvent::Overlay(_),
                )
                | Output::Note(Record::Peers(_) | Record::Formation(_) | Record::Overlay(_))
                | Output::Solve { .. }
                | Output::DialBack { .. }
                | Output::StopSolving { .. }
                | Output::Dial { .. }
                | Output::Expect { .. }
                | Output::Forget { .. }
                | Output::Admit { .. } => {}
            }
        }
    }

    fn ask_signer(&mut self, node: usize, question: SignerQuestion) {
        let now = self.now();
        let it = &mut self.nodes[node];
        match &question {
            SignerQuestion::Nonces { .. } => it.asked[0] += 1,
            SignerQuestion::Partials { .. } => it.asked[1] += 1,
            SignerQuestion::Forget { .. } => it.asked[2] += 1,
            SignerQuestion::Delegate { .. } => it.asked[3] += 1,
        }
        it.entropy_drawn += 1;
        let (has_entropy, drawn) = (it.has_entropy, it.entropy_drawn);
        let draw = |nonces| has_entropy.then(|| entropy(node, drawn, nonces));
        let Some(answer) = ask_local_signer(&mut it.signer, now, question, draw) else { return };
        let answer = Input::Signer(answer);
        let turn = it.asked[0] + it.asked[1] - 1;
        if it.answers_withheld_from.is_some_and(|from| turn >= from) {
            it.withheld.push(answer);
        } else {
            self.queue.push_back((node, answer));
        }
    }

    fn on_event(&mut self, node: usize, event: Event) {
        let review = match &event {
            Event::Review(review) => Some(review.id),
            _ => None,
        };
        self.nodes[node].events.push(event);
        if let Some(id) = review
            && self.nodes[node].approves
        {
            self.approve(node, id).unwrap();
        }
    }

    fn on_send(&mut self, node: usize, link: LinkId, kind: Kind, frame: &[u8]) {
        self.nodes[node].note_nonces(frame);
        let Some(other) = self.index_of(self.names.peer(link)) else { return };
        self.sent.push((node, other, kind));
        if let Ok(Frame::Envelope(envelope)) = Frame::decode_whole(frame, NETWORK) {
            if (node, envelope.seq() >= START.as_millis()) == (0, true) {
                self.answers.push(envelope.as_ref().clone());
            }
            self.said.push((node, other, *envelope));
        }
        if kind == Kind::Payload {
            self.payloads += 1;
            if self.payloads > self.payloads_max {
                let dropped = Input::Dropped { link, lane: Lane::Bulk, frames: 1 };
                return self.queue.push_back((node, dropped));
            }
        }
        if self.links.contains(&(node, other)) && self.deaf != Some(other) {
            let input = self.names.frame(other, peer(node), frame);
            self.queue.push_back((other, input));
        }
    }

    fn index_of(&self, peer_id: PeerId) -> Option<usize> {
        (0..self.nodes.len()).find(|index| peer(*index) == peer_id)
    }

    /// Every node holds signatures, and the same; nobody was told that it failed for good.
    pub(super) fn assert_all_signed(&self) {
        let mut signatures = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let done = node.done();
            assert_eq!(done.len(), 1, "node {index} finished {} times", done.len());
            signatures.extend(done);
            assert_eq!(node.closed_requests(), [], "node {index}");
        }
        assert!(signatures.windows(2).all(|pair| pair[0] == pair[1]));
    }

    /// Nobody did wrong.
    pub(super) fn assert_no_offenses(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            assert_eq!(node.offenses(), [], "seen by node {index}");
        }
    }

    /// No journal shows an attempt joined twice, and each journal burns only what it joined.
    pub(super) fn assert_journals_are_sound(&self) {
        for node in &self.nodes {
            assert_journal_is_sound(&node.journal);
        }
    }

    pub(super) fn phase(&self, node: usize) -> Option<Phase> {
        self.nodes[node].phases().last().copied()
    }

    /// How many frames of a kind went from one node to another.
    pub(super) fn count(&self, from: usize, to: usize, kind: Kind) -> usize {
        self.sent.iter().filter(|sent| **sent == (from, to, kind)).count()
    }
}

/// A digest over everything that every node did.
pub(super) fn digest(net: &Net) -> [u8; 32] {
    let digests: Vec<_> = net.nodes.iter().map(|node| node.subject.digest()).collect();
    sha256(digests.as_flattened())
}

/// Signs an envelope as a person, now.
pub(super) fn envelope(now: Now, by: usize, session: SessionId, seq: u64, body: Body) -> Envelope {
    Envelope::sign(&person(by).node_key, NETWORK, session, seq, now.unix, body).unwrap()
}
