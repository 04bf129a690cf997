//! A node of the hash table that hears whatever bytes say: nobody panics, and every collection stays within
//! its limit.

use std::{net::SocketAddr, time::Duration};

use ensign_dht::{Dht, DhtConfig, Input, Output, Thoroughness};
use ensign_identity::NodeKey;
use ensign_primitives::{Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{
    Answer, DhtMessage, DhtRecord, DhtReply, Frame, Key, Kind, Node, NodeRecord, Proof, Published,
    RENDEZVOUS_BYTES, RecordKind, RecordRules, Role, Scope, position_epoch,
};

const NETWORK: Network = Network::Regtest;
/// 2026-01-01 00:00 UTC.
const START: u64 = 1_767_225_600_000;
/// Most steps of one input.
const STEPS_MAX: usize = 256;
const KINDS: [Kind; 5] =
    [Kind::DhtFind, Kind::DhtStore, Kind::DhtReply, Kind::DhtHave, Kind::DhtPull];

/// Each step is a byte that says what happens, one that says to whom, and for a frame its length and bytes.
///
/// # Panics
///
/// When a collection grows beyond its limit.
pub fn dht(data: &[u8]) {
    let mut world = World::new();
    let mut rest = data;
    for _ in 0..STEPS_MAX {
        let Some((&[act, who], after)) = rest.split_first_chunk() else { return };
        rest = world.step(act, who % 8, after);
        for full in world.dht.occupancy() {
            assert!(full.is_within_limit(), "{full:?}");
        }
    }
}

struct World {
    dht: Dht,
    millis: u64,
    /// What was asked, to be answered.
    asked: Vec<(PeerId, DhtMessage)>,
}

fn key(number: u8) -> NodeKey {
    NodeKey::from_secret_bytes([number + 1; 32]).expect("a secret key")
}

fn address(number: u8) -> SocketAddr {
    ([8, 8, number, 1], 4000).into()
}

fn now(millis: u64) -> Now {
    let unix = UnixTime::from_millis(START + millis);
    Now { instant: Instant::from_micros(millis * 1000), unix }
}

fn record(number: u8) -> NodeRecord {
    let issued = now(0).unix;
    let proof = Proof { version: 1, epoch: position_epoch(issued), nonce: 0 };
    let expires = issued.after(Duration::from_secs(3600));
    let node = Node { role: Role::Signer, addresses: vec![address(number)], expires, proof };
    NodeRecord::new(&key(number), NETWORK, issued, node).expect("a record within its limits")
}

fn value(number: u8, seq: u64, at: UnixTime) -> DhtRecord {
    let expires = at.after(Duration::from_secs(3600));
    let (kind, slot) = (RecordKind::RENDEZVOUS, number % 8);
    let said = Published { kind, slot, expires, body: vec![number; RENDEZVOUS_BYTES] };
    DhtRecord::new(&key(number), NETWORK, (seq, at), said).expect("a record within its limits")
}

impl World {
    fn new() -> Self {
        let rules = RecordRules { network: NETWORK, bits: 0, scope: Scope::Global };
        let mut dht = Dht::new(DhtConfig::new(rules, Role::Signer), key(0).peer_id(), [5; 32]);
        dht.announce(now(0), record(0)).expect("our own record");
        Self { dht, millis: 0, asked: Vec::new() }
    }

    fn step<'a>(&mut self, act: u8, who: u8, rest: &'a [u8]) -> &'a [u8] {
        let (at, peer) = (now(self.millis), key(who).peer_id());
        let mut rest = rest;
        match act % 8 {
            0 => self.input(Input::Learned { record: record(who) }),
            1 => self.input(Input::Up { peer, remote: address(who) }),
            2 => self.input(Input::Down { peer }),
            3 => {
                let (&length, after) = rest.split_first().unwrap_or((&0, rest));
                let (body, after) = after.split_at(after.len().min(length.into()));
                rest = after;
                let kind = KINDS[usize::from(act / 8) % KINDS.len()];
                if let Ok(Frame::Dht(message)) = Frame::decode(kind, body, NETWORK) {
                    assert_eq!(message.encode(), body);
                    self.input(Input::Message { from: peer, message });
                }
            }
            4 => {
                self.millis += u64::from(act / 8) * 100 + 1;
                self.dht.handle_timeout(now(self.millis));
                self.hear();
            }
            5 => self.answer(who, act / 8),
            6 => {
                let _ = match act / 8 % 3 {
                    0 => self.dht.find_node(at, peer),
                    1 => self.dht.get(at, Key([who; 32]), Thoroughness::Thorough),
                    _ => self.dht.put(at, value(who, u64::from(act) + 1, at.unix)),
                };
                self.hear();
            }
            _ => {
                self.dht.refresh(at);
                self.hear();
            }
        }
        rest
    }

    fn input(&mut self, input: Input) {
        self.dht.handle_input(now(self.millis), input);
        self.hear();
    }

    /// Answers the oldest question with a node, a record, or neither.
    fn answer(&mut self, who: u8, how: u8) {
        if self.asked.is_empty() {
            return;
        }
        let (from, message) = self.asked.remove(0);
        let query = match message {
            DhtMessage::Find(find) => find.query,
            DhtMessage::Store(store) => store.query,
            DhtMessage::Pull(pull) => pull.query,
            DhtMessage::Reply(_) | DhtMessage::Have(_) => return,
        };
        let answer = match how % 3 {
            0 => Answer::None,
            1 => Answer::Stored,
            _ => Answer::Value(value(who, 1, now(0).unix)),
        };
        let nodes = vec![record(who)];
        let message = DhtMessage::Reply(DhtReply { query, answer, nodes });
        self.input(Input::Message { from, message });
    }

    fn hear(&mut self) {
        while let Some(output) = self.dht.poll_output() {
            if let Output::Send { to, message } = output {
                self.asked.push((to, message));
            }
        }
    }
}
