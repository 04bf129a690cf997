//! Three nodes, the connections between them, and what the input may do with them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ensign_engine::{
    Engine, Input, Output, Record as HallRecord,
    signing::{Known, Record, SignerAnswer, SignerQuestion},
};
use ensign_primitives::{
    Direction, Instant, LinkId, Now, RequestId, SessionId, StateMachine as _, UnixTime,
};
use ensign_session::Unsigned;
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Header, Kind, Refusal, SessionAbort, SessionAnnounce,
    SessionReady, SignatureFinalized, SignedRequest, SigningRequest, ValidationError,
};

use super::node::{Node, node_index};
use super::people::{FORGER, NETWORK, NODES, START, STRANGER, peer, person, proposal};

/// Frames that are remembered for playing back.
const HISTORY_MAX: usize = 512;
/// Most requests of one input: each costs keys, nonces and signatures.
const PROPOSALS_MAX: u8 = 12;
/// Most wake-ups of all nodes from the last step to their rest.
const WAKEUPS_MAX: usize = 20_000;
/// A connection on which something is on its way for so long breaks: below the hello timeout, so
/// that nobody honest is late.
const SILENCE: Duration = Duration::from_secs(8);
/// The end of time: within the delegations.
const HOURS_MAX: u64 = 200;

/// A frame on a link, and when it arrives.
type InFlight = (Instant, Arc<[u8]>);

pub(crate) struct World {
    nodes: Vec<Node>,
    now: Instant,
    /// What is on its way, in order, for each connection; no entry without a connection.
    links: BTreeMap<(usize, usize), VecDeque<InFlight>>,
    /// What each node calls its connection with each other, and whose each name is.
    names: BTreeMap<(usize, usize), LinkId>,
    owners: BTreeMap<LinkId, usize>,
    history: Vec<Arc<[u8]>>,
    requests: Vec<SignedRequest>,
    proposals: u8,
    forged: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            nodes: (0..NODES).map(Node::new).collect(),
            now: Instant::from_micros(0),
            links: BTreeMap::new(),
            names: BTreeMap::new(),
            owners: BTreeMap::new(),
            history: Vec::new(),
            requests: Vec::new(),
            proposals: 0,
            forged: 0,
        };
        for node in 0..NODES {
            world.carry_out(node);
        }
        for bits in 0..3 {
            world.connect(bits);
        }
        world.run_to_rest();
        world
    }

    fn now(&self) -> Now {
        let unix = UnixTime::from_millis(START.as_millis() + self.now.as_micros() / 1000);
        Now { instant: self.now, unix }
    }

    fn input(&mut self, node: usize, input: Input) {
        let now = self.now();
        self.command(node, |engine| engine.handle_input(now, input));
    }

    fn command<R>(&mut self, node: usize, command: impl FnOnce(&mut Engine) -> R) -> R {
        let result = command(&mut self.nodes[node].engine);
        self.carry_out(node);
        result
    }

    fn carry_out(&mut self, node: usize) {
        for output in self.nodes[node].outputs() {
            match output {
                Output::Send { link, frame, .. } => self.send(node, self.owners[&link], frame),
                Output::Persist { token, record: HallRecord::Signing(record) } => {
                    self.nodes[node].persisting.push_back((token, record));
                }
                Output::Note(HallRecord::Signing(record)) => self.nodes[node].journal.push(record),
                Output::Recall { request } => self.recall(node, request),
                Output::Signer(question @ SignerQuestion::Forget { session }) => {
                    let it = &mut self.nodes[node];
                    it.wanting.retain(|asked| asked_in(asked) != Some(session));
                    it.ask_signer(question);
                }
                Output::Signer(question) => self.nodes[node].wanting.push_back(question),
                Output::Close { link, .. } => self.part(node, self.owners[&link]),
                Output::Event(event) => self.nodes[node].on_event(event),
                Output::Note(
                    HallRecord::Peers(_)
                    | HallRecord::Formation(_)
                    | HallRecord::Reputation(_)
                    | HallRecord::Overlay(_),
                )
                | Output::Persist { record: HallRecord::Reputation(_), .. } => {}
                Output::Persist {
                    record: HallRecord::Peers(_) | HallRecord::Formation(_) | HallRecord::Overlay(_),
                    ..
                } => {
                    panic!("who waits?")
                }
                Output::Solve { .. }
                | Output::DialBack { .. }
                | Output::StopSolving { .. }
                | Output::Dial { .. }
                | Output::Expect { .. }
                | Output::Forget { .. }
                | Output::Admit { .. } => {}
            }
        }
    }

    /// The disk of a node says at once what it knows, written or being written.
    fn recall(&mut self, node: usize, request: RequestId) {
        let it = &self.nodes[node];
        let waiting = it.persisting.iter().map(|(_, record)| record);
        let known = Known::from_records(it.journal.iter().chain(waiting), &request);
        self.input(node, Input::Recalled { request, known });
    }

    fn send(&mut self, node: usize, other: usize, frame: Arc<[u8]>) {
        self.nodes[node].check_frame(&frame);
        if let Ok(Frame::Envelope(envelope)) = Frame::decode_whole(&frame, NETWORK)
            && let Body::SessionAnnounce(announce) = envelope.body()
            && !self.requests.contains(&announce.request)
        {
            self.requests.push(announce.request.clone());
        }
        if self.history.len() < HISTORY_MAX {
            self.history.push(Arc::clone(&frame));
        }
        if let Some(link) = self.links.get_mut(&(node, other)) {
            link.push_back((self.now, frame));
        }
    }

    /// Hands a frame to a node, whoever it is from.
    fn hand(&mut self, from: usize, to: usize, frame: &[u8]) {
        let Ok(Some(header)) = Header::decode(frame) else { return };
        let Some(body) = frame.get(header.header_len..).map(<[u8]>::to_vec) else { return };
        let link = self.name(to, from);
        self.input(to, Input::Frame { link, kind: header.kind, body });
    }

    /// What a node calls its newest connection with another; a name that nobody has without one.
    fn name(&self, node: usize, other: usize) -> LinkId {
        self.names.get(&(node, other)).copied().unwrap_or(LinkId(u64::MAX))
    }

    /// Delivers the oldest frame of one connection.
    pub(crate) fn deliver(&mut self, link: u8) {
        let count = self.links.len().max(1);
        let Some((&(from, to), _)) = self.links.iter().nth(usize::from(link) % count) else {
            return;
        };
        self.deliver_on(from, to);
    }

    fn deliver_on(&mut self, from: usize, to: usize) -> bool {
        let frame = self.links.get_mut(&(from, to)).and_then(VecDeque::pop_front);
        let Some((_, frame)) = frame else { return false };
        self.hand(from, to, &frame);
        true
    }

    /// Answers the oldest wish of a node: of its signer, or a record on disk. What a burn mark lets
    /// follow follows at once, unless a bit holds it up.
    pub(crate) fn answer(&mut self, byte: u8) {
        let (node, follows) = (node_index(byte), byte & 0x40 == 0);
        if byte & 0x80 == 0 && self.write(node, follows) {
            return;
        }
        if !self.draw(node) {
            self.write(node, follows);
        }
    }

    fn write(&mut self, node: usize, follows: bool) -> bool {
        let Some(token) = self.nodes[node].write() else { return false };
        let signs = self.nodes[node].wanting.len();
        self.input(node, Input::Persisted { token });
        let it = &mut self.nodes[node];
        let asked = it.wanting.get(signs).is_some();
        if follows
            && asked
            && let Some(question @ SignerQuestion::Partials { .. }) = it.wanting.pop_back()
            && let Some(answer) = it.ask_signer(question)
        {
            self.input(node, Input::Signer(answer));
            let next = self.nodes[node].persisting.front();
            if matches!(next, Some((_, Record::Partials { .. }))) {
                self.write(node, false);
            }
        }
        true
    }

    fn draw(&mut self, node: usize) -> bool {
        let it = &mut self.nodes[node];
        let Some(question) = it.wanting.pop_front() else { return false };
        if let Some(answer) = it.ask_signer(question) {
            self.input(node, Input::Signer(answer));
        }
        true
    }

    /// The signer of a node does not do what it is asked.
    pub(crate) fn starve(&mut self, byte: u8) {
        let (node, why) = (node_index(byte), Unsigned::Failed);
        match self.nodes[node].wanting.pop_front() {
            Some(SignerQuestion::Nonces { order, .. }) => {
                let (session, result) = (order.session, Err(why));
                self.input(node, Input::Signer(SignerAnswer::Nonces { session, result }));
            }
            Some(SignerQuestion::Partials { session, .. }) => {
                let result = Err(why);
                self.input(node, Input::Signer(SignerAnswer::Partials { session, result }));
            }
            _ => {}
        }
    }

    pub(crate) fn propose(&mut self, byte: u8, bits: u8) {
        if self.proposals >= PROPOSALS_MAX {
            return;
        }
        self.proposals += 1;
        let (node, now) = (node_index(byte), self.now());
        let nonce = [self.proposals; 16];
        // The engine may say yes before the test knows: what follows waits for the disk anyway.
        let proposed = self.nodes[node].engine.propose(now, proposal(bits), nonce);
        if let Ok(id) = proposed {
            self.nodes[node].consented.insert(id);
        }
        self.carry_out(node);
    }

    pub(crate) fn approve(&mut self, byte: u8, which: u8) {
        let node = node_index(byte);
        let reviews = &self.nodes[node].reviews;
        let Some(id) = reviews.get(usize::from(which) % reviews.len().max(1)).copied() else {
            return;
        };
        let now = self.now();
        if self.nodes[node].engine.approve(now, id).is_ok() {
            self.nodes[node].consented.insert(id);
        }
        self.carry_out(node);
    }

    pub(crate) fn stop(&mut self, byte: u8, which: u8) {
        let (node, now) = (node_index(byte), self.now());
        let Some(id) = self.request(which).map(|(id, _)| id) else { return };
        let reason = if which & 0x80 == 0 { AbortReason::Declined } else { AbortReason::Cancelled };
        // It may not be open there.
        let _ = self.command(node, |engine| engine.stop(now, id, reason));
    }

    fn request(&self, which: u8) -> Option<(RequestId, &SignedRequest)> {
        let request = self.requests.get(usize::from(which & 0x0f) % self.requests.len().max(1))?;
        Some((request.request.id(), request))
    }

    /// Lets time pass: a little, or up to a few hours.
    pub(crate) fn pass_time(&mut self, byte: u8) {
        let time = match byte % 4 {
            0 => Duration::from_millis(u64::from(byte) * 10),
            1 => Duration::from_secs(u64::from(byte)),
            2 => Duration::from_secs(u64::from(byte) * 10),
            _ => Duration::from_secs(u64::from(byte) * 60),
        };
        let end = self.now.after(time).min(Instant::from_micros(HOURS_MAX * 3600 * 1_000_000));
        self.wake_until(end);
        self.pass_to(end);
    }

    /// Connections on which something has been on its way for too long break.
    fn pass_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let stuck = |link: &VecDeque<(Instant, _)>| {
            link.front().is_some_and(|(sent, _)| at.since(*sent) >= SILENCE)
        };
        let stuck: Vec<_> =
            self.links.iter().filter(|(_, link)| stuck(link)).map(|(ends, _)| *ends).collect();
        stuck.into_iter().for_each(|(one, other)| self.part(one, other));
    }

    fn wake_until(&mut self, end: Instant) {
        for wakeup in 0.. {
            assert!(wakeup < WAKEUPS_MAX, "the nodes do not come to rest");
            let due = |node: &Node| Some((node.engine.poll_timeout()?.at, node.index));
            let Some((at, node)) = self.nodes.iter().filter_map(due).min() else { return };
            if at > end {
                return;
            }
            self.pass_to(at);
            let now = self.now();
            self.command(node, |engine| engine.handle_timeout(now));
            let next = self.nodes[node].engine.poll_timeout();
            assert!(next.is_none_or(|next| next.at > now.instant), "{next:?} is not ahead");
        }
    }

    /// Connects two nodes, or does nothing if they are.
    pub(crate) fn connect(&mut self, byte: u8) {
        let (one, other) = [(0, 1), (0, 2), (1, 2)][node_index(byte)];
        if self.links.contains_key(&(one, other)) {
            return;
        }
        for (at, with) in [(one, other), (other, one)] {
            self.links.insert((at, with), VecDeque::new());
        }
        let remote = ([127, 0, 0, 1], 1).into();
        for (at, with) in [(one, other), (other, one)] {
            let link = LinkId(self.owners.len() as u64);
            self.names.insert((at, with), link);
            self.owners.insert(link, with);
            let (peer, direction) = (peer(with), Direction::Inbound);
            self.input(
                at,
                Input::Up { link, peer, remote, direction, exporter: [7; 32], round_trip: None },
            );
        }
    }

    pub(crate) fn cut(&mut self, byte: u8) {
        let (one, other) = [(0, 1), (0, 2), (1, 2)][node_index(byte)];
        self.part(one, other);
    }

    fn part(&mut self, one: usize, other: usize) {
        let parted = [(one, other), (other, one)].map(|link| self.links.remove(&link));
        if parted.iter().any(Option::is_some) {
            self.input(one, Input::Down { link: self.name(one, other) });
            self.input(other, Input::Down { link: self.name(other, one) });
        }
    }

    pub(crate) fn restart(&mut self, byte: u8) {
        let node = node_index(byte);
        // Its engine is gone before anybody notices.
        for other in (0..NODES).filter(|other| *other != node) {
            let parted = [(node, other), (other, node)].map(|link| self.links.remove(&link));
            if parted.iter().any(Option::is_some) {
                self.input(other, Input::Down { link: self.name(other, node) });
            }
        }
        // A process takes a moment to start.
        self.pass_to(self.now.after(Duration::from_millis(100)));
        let now = self.now();
        self.nodes[node].restart(now);
        self.carry_out(node);
    }

    /// The forger or a stranger plays back a frame that somebody sent.
    pub(crate) fn replay(&mut self, which: u8, to: u8, from: u8) {
        let Some(frame) = self.past(which, from) else { return };
        self.hand(culprit(from), node_index(to), &frame);
    }

    /// As [`replay`](Self::replay), with one byte changed.
    pub(crate) fn spoil(&mut self, which: u8, to: u8, at: u8) {
        let Some(frame) = self.past(which, at) else { return };
        let mut spoiled = frame.to_vec();
        let place = 1 + (usize::from(at) * 7919 + usize::from(to)) % (spoiled.len() - 1).max(1);
        if let Some(byte) = spoiled.get_mut(place) {
            *byte ^= 1 << (at % 8);
        }
        self.hand(culprit(to), node_index(to), &spoiled);
    }

    fn past(&self, which: u8, more: u8) -> Option<Arc<[u8]>> {
        let number = usize::from(which) | usize::from(more & 1) << 8;
        self.history.get(number % self.history.len().max(1)).cloned()
    }

    /// The forger says something of its own.
    pub(crate) fn forge(&mut self, what: u8, which: u8, to: u8) {
        let Some((id, request)) = self.request(which) else { return };
        let attempt = u16::from(which >> 4) % 7 + 1;
        let reasons = [AbortReason::Timeout, AbortReason::Declined, AbortReason::Internal];
        let reason = reasons[usize::from(what >> 4) % reasons.len()];
        let body = match what % 6 {
            0 => Body::SessionReady(SessionReady { joined: Default::default() }),
            1 => Body::SessionAbort(SessionAbort { reason, culprit: None }),
            2 => Body::ValidationError(ValidationError {
                refused: Kind::SessionJoin,
                why: Refusal::Busy,
            }),
            3 => {
                let request = request.clone();
                Body::SessionAnnounce(Box::new(SessionAnnounce { attempt, request }))
            }
            4 => Body::SignatureFinalized(SignatureFinalized {
                signatures: vec![ensign_identity::Signature([what; 64])],
            }),
            _ => Body::SessionAbort(SessionAbort {
                reason,
                culprit: ensign_primitives::SignerIndex::from_usize(0),
            }),
        };
        let session = SigningRequest::session_id(id, NETWORK, attempt);
        self.forged += 1;
        let (now, seq) = (self.now(), (1 << 40) + self.forged);
        let key = &person(FORGER).node_key;
        let envelope = Envelope::sign(key, NETWORK, session, seq, now.unix, body);
        let frame = Frame::Envelope(Box::new(envelope.expect("within limits"))).encode();
        self.hand(culprit(to), node_index(to), &frame);
    }

    /// The forger or a stranger sends bytes.
    pub(crate) fn babble(&mut self, to: u8, kind: u8, body: Vec<u8>) {
        let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
        let link = self.name(node_index(to), culprit(to));
        self.input(node_index(to), Input::Frame { link, kind, body });
    }

    /// Delivers one frame on each connection and answers one wish of each node.
    pub(crate) fn run_a_round(&mut self) {
        self.round();
    }

    fn round(&mut self) -> bool {
        let links: Vec<_> = self.links.keys().copied().collect();
        let mut busy = false;
        for (from, to) in links {
            busy |= self.deliver_on(from, to);
        }
        for node in 0..NODES {
            busy |= self.write(node, true);
            busy |= self.draw(node);
        }
        busy
    }

    /// Delivers and answers everything; time stands still.
    pub(crate) fn run_to_rest(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "the nodes talk for ever");
            if !self.round() {
                return;
            }
        }
    }

    /// Nothing comes any more: every node must fall silent.
    pub(crate) fn run_out(&mut self) {
        self.run_to_rest();
        self.wake_until(Instant::from_micros(u64::MAX));
        self.run_to_rest();
        self.wake_until(Instant::from_micros(u64::MAX));
        for node in &self.nodes {
            let next = node.engine.poll_timeout().filter(|next| next.reason != "delegation");
            assert_eq!(next, None, "node {} still waits", node.index);
            let open = node.signer.occupancy()[0].len;
            assert_eq!(open, 0, "node {} keeps secret nonces", node.index);
        }
    }
}

fn asked_in(question: &SignerQuestion) -> Option<SessionId> {
    match question {
        SignerQuestion::Nonces { order, .. } => Some(order.session),
        SignerQuestion::Partials { session, .. } => Some(*session),
        SignerQuestion::Forget { .. } | SignerQuestion::Delegate { .. } => None,
    }
}

/// Who may do wrong: a byte of the input chooses.
const fn culprit(byte: u8) -> usize {
    if byte & 0x80 == 0 { FORGER } else { STRANGER }
}
