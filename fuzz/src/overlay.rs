//! A node's part in the open network, that hears whatever bytes say, is started anew and whose clock is set: nobody
//! panics, every collection stays within its limit, and nothing is due twice.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use ensign_identity::NodeKey;
use ensign_overlay::{
    Input, Looks, Message, Output, Overlay, OverlayConfig, Record, Restored, Unreached,
    book::{Kept, Note},
    dht::Thoroughness,
};
use ensign_primitives::{
    Direction, Instant, Network, Now, PeerId, QueryId, StateMachine, UnixTime,
};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtRecord, DhtReply, Frame, Key, Kind, Node, NodeRecord,
    PeersMessage, Proof, Published, RENDEZVOUS_BYTES, RecordKind, Role, Scope, Wants,
    position_epoch,
};

const NETWORK: Network = Network::Regtest;
/// 2026-01-01 00:00 UTC.
const START: u64 = 1_767_225_600_000;
/// Most steps of one input.
const STEPS_MAX: usize = 256;
/// How many other nodes there are.
const NODES: u8 = 16;
/// We.
const ME: u8 = 100;
const KINDS: [Kind; 7] = [
    Kind::DhtFind,
    Kind::DhtStore,
    Kind::DhtReply,
    Kind::DhtHave,
    Kind::DhtPull,
    Kind::PeersAsk,
    Kind::PeersTold,
];

/// Each step is a byte that says what happens, one that says to whom or how, and for a frame its length and bytes.
///
/// # Panics
///
/// When a collection grows beyond its limit, or something is still due after its time.
pub fn overlay(data: &[u8]) {
    let mut world = World::new();
    let mut rest = data;
    for _ in 0..STEPS_MAX {
        let Some((&[act, how], after)) = rest.split_first_chunk() else { return };
        rest = world.step(act, how, after);
        for full in world.overlay.occupancy() {
            assert!(full.is_within_limit(), "{full:?}");
        }
    }
}

struct World {
    overlay: Overlay,
    millis: u64,
    /// How far the wall clock is from where it began, which people set.
    ahead: i64,
    starts: u8,
    dials: VecDeque<(PeerId, SocketAddr)>,
    /// What was asked, to be answered.
    asked: VecDeque<(PeerId, QueryId)>,
    /// What the store has.
    kept: BTreeMap<PeerId, Kept<NodeRecord>>,
    anchors: Vec<PeerId>,
    position: Option<Proof>,
    looks: Option<Looks>,
}

fn key(number: u8) -> NodeKey {
    NodeKey::from_secret_bytes([number + 1; 32]).expect("a secret key")
}

fn peer(number: u8) -> PeerId {
    key(number).peer_id()
}

fn address(number: u8) -> SocketAddr {
    ([8, 8, number, 1], 4000).into()
}

/// What a node says of itself, as of a moment; some say where others are.
fn record(number: u8, issued: UnixTime) -> NodeRecord {
    let proof = Proof { version: 1, epoch: position_epoch(issued), nonce: 0 };
    let expires = issued.after(Duration::from_secs(3600));
    let addresses = vec![address(if number % 5 == 4 { 0 } else { number })];
    let node = Node { role: Role::Signer, addresses, expires, proof };
    NodeRecord::new(&key(number), NETWORK, issued, node).expect("a record within its limits")
}

fn value(number: u8, issued: UnixTime) -> DhtRecord {
    let expires = issued.after(Duration::from_secs(3600));
    let (kind, body) = (RecordKind::RENDEZVOUS, vec![number; RENDEZVOUS_BYTES]);
    let said = Published { kind, slot: number % 8, expires, body };
    let seq = issued.as_millis().max(1);
    DhtRecord::new(&key(number), NETWORK, (seq, issued), said).expect("a record within its limits")
}

fn config() -> OverlayConfig {
    let first = vec![(peer(0), vec![address(0)])];
    let trusted = vec![(peer(1), vec![address(1)])];
    let overlay = OverlayConfig::new(NETWORK, Role::Signer);
    let (bits, scope, addresses) = (0, Scope::Global, vec![address(ME)]);
    OverlayConfig { bits, scope, addresses, trusted, first, ..overlay }
}

impl World {
    fn new() -> Self {
        let now = Now { instant: Instant::from_micros(0), unix: UnixTime::from_millis(START) };
        let given = (Arc::default(), Restored::default());
        let mut world = Self {
            overlay: Overlay::new(config(), Arc::new(key(ME)), [0; 32], now, given),
            millis: 0,
            ahead: 0,
            starts: 0,
            dials: VecDeque::new(),
            asked: VecDeque::new(),
            kept: BTreeMap::new(),
            anchors: Vec::new(),
            position: None,
            looks: None,
        };
        world.hear();
        world
    }

    fn now(&self) -> Now {
        let unix = UnixTime::from_millis((START + self.millis).saturating_add_signed(self.ahead));
        Now { instant: Instant::from_micros(self.millis * 1000), unix }
    }

    fn step<'a>(&mut self, act: u8, how: u8, rest: &'a [u8]) -> &'a [u8] {
        let (who, more) = (how % NODES, act / 16);
        let (peer, remote) = (peer(who), address(who));
        match act % 16 {
            0 => self.meet(),
            1 => self.fail(how.is_multiple_of(2)),
            2 => self.input(Input::Up { peer, remote, direction: Direction::Inbound }),
            3 => self.input(Input::Down { peer }),
            4 => self.input(match more % 4 {
                0 => Input::Wanted { peer },
                1 => Input::Unwanted { peer },
                2 => Input::Paired { peer },
                _ => Input::Unpaired { peer },
            }),
            5 => self.input(Input::Barred { peer, is_barred: more.is_multiple_of(2) }),
            6 => self.solve(how),
            7 => return self.frame(more, peer, rest),
            8 => self.answer(how, more),
            9 => self.tell(peer, how, more),
            10 => self.pass(u64::from(how) << more.min(12)),
            11 => self.ahead = (i64::from(how) - 128) * (1 << (16 + more)),
            12 => self.command(how, more),
            13 => {
                let now = self.now();
                self.overlay.know_first(now, peer, vec![remote]);
                self.hear();
            }
            14 => self.ask(who, how, more),
            _ => self.restart(),
        }
        rest
    }

    fn input(&mut self, input: Input) {
        self.overlay.handle_input(self.now(), input);
        self.hear();
    }

    fn meet(&mut self) {
        let Some((peer, remote)) = self.dials.pop_front() else { return };
        self.input(Input::Up { peer, remote, direction: Direction::Outbound });
    }

    fn fail(&mut self, is_duplicate: bool) {
        let Some((peer, address)) = self.dials.pop_front() else { return };
        let why = if is_duplicate { Unreached::Duplicate } else { Unreached::NoAnswer };
        self.input(Input::DialFailed { peer, address, why });
    }

    fn solve(&mut self, how: u8) {
        let epoch = position_epoch(self.now().unix).saturating_add(u64::from(how % 3));
        let proof = Proof { version: 1, epoch, nonce: 0 };
        self.input(Input::Solved { proof: (how < 250).then_some(proof) });
    }

    fn frame<'a>(&mut self, kind: u8, from: PeerId, rest: &'a [u8]) -> &'a [u8] {
        let (&length, after) = rest.split_first().unwrap_or((&0, rest));
        let (body, after) = after.split_at(after.len().min(usize::from(length) * 2));
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        let message = match Frame::decode(kind, body, NETWORK) {
            Ok(Frame::Dht(message)) => Message::Dht(message),
            Ok(Frame::Peers(message)) => Message::Peers(message),
            _ => return after,
        };
        self.input(Input::Message { from, message });
        after
    }

    /// Answers the oldest question with a node, a record, or neither.
    fn answer(&mut self, how: u8, more: u8) {
        let Some((from, query)) = self.asked.pop_front() else { return };
        let issued = self.now().unix;
        let answer = match more % 4 {
            0 | 1 => Answer::None,
            2 => Answer::Stored,
            _ => Answer::Value(value(how % NODES, issued)),
        };
        let nodes = vec![record(how % NODES, issued), record(how.wrapping_add(3) % NODES, issued)];
        let nodes = if more < 8 { nodes } else { Vec::new() };
        let message = DhtMessage::Reply(DhtReply { query, answer, nodes });
        self.input(Input::Message { from, message: Message::Dht(message) });
    }

    fn tell(&mut self, from: PeerId, how: u8, more: u8) {
        let issued = UnixTime::from_millis(START);
        let told = (0..=more).map(|it| record(how.wrapping_add(it) % NODES, issued)).collect();
        let message = Message::Peers(PeersMessage::Told(told));
        self.input(Input::Message { from, message });
    }

    fn ask(&mut self, who: u8, how: u8, more: u8) {
        let key = Key::of_peer(NETWORK, &peer(more));
        let around = Around { key, target: key, region: u64::MAX };
        let query = QueryId(self.millis * 256 + u64::from(how));
        let asker = Some(record(who, self.now().unix));
        let find = DhtMessage::Find(DhtFind { query, around, wants: Wants::Value, asker });
        self.input(Input::Message { from: peer(who), message: Message::Dht(find) });
    }

    fn pass(&mut self, millis: u64) {
        self.millis += millis + 1;
        let now = self.now();
        self.overlay.handle_timeout(now);
        self.hear();
        let next = self.overlay.poll_timeout();
        assert!(next.as_ref().is_none_or(|it| it.at > now.instant), "{next:?} at {now:?}");
    }

    fn command(&mut self, how: u8, more: u8) {
        let (now, who) = (self.now(), peer(how % NODES));
        match more % 5 {
            0 => _ = self.overlay.find_node(now, who),
            1 => _ = self.overlay.get(now, Key([how; 32]), Thoroughness::Thorough),
            2 => {
                let body = vec![how; RENDEZVOUS_BYTES];
                _ = self.overlay.put(now, (RecordKind::RENDEZVOUS, how % 8), body);
            }
            3 => _ = self.overlay.ping(now, who, address(how % NODES)),
            _ => _ = self.overlay.withdraw(&value(ME, now.unix).key()),
        }
        self.hear();
    }

    /// The process dies and comes again, with what was noted.
    fn restart(&mut self) {
        self.starts = self.starts.wrapping_add(1);
        let kept = self.kept.values().cloned().collect();
        let book = ensign_overlay::book::Restored { kept, anchors: self.anchors.clone() };
        let restored = Restored { book, position: self.position, looks: self.looks.clone() };
        let given = (Arc::default(), restored);
        let (seed, now) = ([self.starts; 32], self.now());
        self.overlay = Overlay::new(config(), Arc::new(key(ME)), seed, now, given);
        self.dials.clear();
        self.asked.clear();
        self.hear();
    }

    fn hear(&mut self) {
        while let Some(output) = self.overlay.poll_output() {
            match output {
                Output::Dial { peer, address } => self.dials.push_back((peer, address)),
                Output::Send { to, message: Message::Dht(DhtMessage::Find(find)) } => {
                    self.asked.push_back((to, find.query));
                }
                Output::Send { to, message: Message::Dht(DhtMessage::Pull(pull)) } => {
                    self.asked.push_back((to, pull.query));
                }
                Output::Note(Record::Position(proof)) => self.position = Some(proof),
                Output::Note(Record::Looks(looks)) => self.looks = Some(looks),
                Output::Note(Record::Book(Note::Kept(kept))) => {
                    self.kept.insert(kept.record.peer(), kept);
                }
                Output::Note(Record::Book(Note::Gone { peer })) => _ = self.kept.remove(&peer),
                Output::Note(Record::Book(Note::Anchors(anchors))) => self.anchors = anchors,
                Output::Leave { .. }
                | Output::Send { .. }
                | Output::Found { .. }
                | Output::DialBack { .. }
                | Output::Solve { .. }
                | Output::Offense { .. }
                | Output::Event(_) => {}
            }
        }
    }
}
