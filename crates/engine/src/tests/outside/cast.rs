//! A node of the open network, and strangers with keys, who say what they like.

use core::{net::SocketAddr, time::Duration};
use std::{string::String, vec, vec::Vec};

use ensign_identity::NodeKey;
use ensign_overlay::OverlayConfig;
use ensign_primitives::{LinkId, PeerId, QueryId, StateMachine, UnixTime};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtRecord, DhtReply, DhtStore, Frame, Header, Key, Kind,
    Node, NodeRecord, Proof, Published, RENDEZVOUS_BYTES, RecordKind, Role, StoreRefusal, Wants,
    position_epoch,
};

use super::super::{
    cast::{NETWORK, START, engine_outside, peer},
    first_words::Crowd,
};
use crate::{CloseCode, Event, Input, Offense, Output, open::POSITION_JOB};

/// What came of a frame.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// What was said over the same link.
    pub(super) said: Vec<Frame>,
    pub(super) offenses: Vec<Offense>,
    pub(super) closed: Option<CloseCode>,
    pub(super) events: Vec<String>,
    pub(super) dials: Vec<PeerId>,
}

impl Came {
    /// The answer to a question; nobody is blamed for it.
    pub(super) fn answer(self) -> Answer {
        assert_eq!((&self.offenses[..], self.closed), (&[][..], None));
        self.reply().answer
    }

    pub(super) fn reply(self) -> DhtReply {
        let reply = |it| match it {
            Frame::Dht(DhtMessage::Reply(reply)) => Some(reply),
            _ => None,
        };
        self.said.into_iter().find_map(reply).expect("an answer")
    }

    /// The node's questions.
    pub(super) fn asked(&self) -> Vec<DhtFind> {
        let find = |it: &Frame| match it {
            Frame::Dht(DhtMessage::Find(find)) => Some(find.clone()),
            _ => None,
        };
        self.said.iter().filter_map(find).collect()
    }
}

/// One stranger: its connection, and the last name of its questions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger {
    pub(super) link: LinkId,
    pub(super) query: u64,
}

/// A node at a public address, and who comes to it.
pub(super) struct Outside {
    pub(super) crowd: Crowd,
}

pub(super) fn key(number: u16) -> NodeKey {
    let mut secret = [0x29; 32];
    secret[..2].copy_from_slice(&(number + 1).to_be_bytes());
    NodeKey::from_secret_bytes(secret).unwrap()
}

pub(super) fn id(number: u16) -> PeerId {
    key(number).peer_id()
}

/// Each stranger in a /24 of its own.
pub(super) fn at(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    ([8, high, low, 1], 4000).into()
}

pub(super) fn node(addresses: Vec<SocketAddr>) -> Node {
    let proof = Proof { version: 1, epoch: position_epoch(START), nonce: 0 };
    let expires = START.after(Duration::from_secs(3600 * 20));
    Node { role: Role::Signer, addresses, expires, proof }
}

pub(super) fn record(number: u16) -> NodeRecord {
    record_of(number, node(vec![at(number)]))
}

pub(super) fn record_of(number: u16, node: Node) -> NodeRecord {
    NodeRecord::new(&key(number), NETWORK, START, node).unwrap()
}

/// The same with another last byte of its signature.
pub(super) fn forged(mut bytes: Vec<u8>) -> Vec<u8> {
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

/// What a stranger publishes, as of a moment.
pub(super) fn value(number: u16, (slot, seq): (u8, u64), issued: UnixTime) -> DhtRecord {
    let (kind, body) = (RecordKind::RENDEZVOUS, vec![7; RENDEZVOUS_BYTES]);
    let expires = issued.after(Duration::from_secs(3600));
    let said = Published { kind, slot, expires, body };
    DhtRecord::new(&key(number), NETWORK, (seq, issued), said).unwrap()
}

pub(super) fn around(key: Key) -> Around {
    Around { key, target: key, region: u64::MAX }
}

impl Outside {
    pub(super) fn new() -> Self {
        Self::with(|it| it)
    }

    /// A node that sets other things.
    pub(super) fn with(set: impl FnOnce(OverlayConfig) -> OverlayConfig) -> Self {
        let overlay = OverlayConfig::new(NETWORK, Role::Signer);
        let addresses = vec!["9.9.9.9:9735".parse().unwrap()];
        let overlay = set(OverlayConfig { bits: 0, addresses, ..overlay });
        let mut outside = Self { crowd: Crowd::of(engine_outside(0, overlay)) };
        let proof = Some(Proof { version: 1, epoch: position_epoch(START), nonce: 0 });
        outside.input(LinkId(u64::MAX), Input::Solved { job: POSITION_JOB, proof });
        outside
    }

    /// Hands an input to the node, whose collections stay within their limits.
    pub(super) fn input(&mut self, link: LinkId, input: Input) -> Came {
        let mut came = Came::default();
        for output in self.crowd.input(input) {
            match output {
                Output::Send { link: to, frame, .. } if to == link => {
                    came.said.push(Frame::decode_whole(&frame, NETWORK).unwrap());
                }
                Output::Event(Event::Offense { offense, .. }) => came.offenses.push(offense),
                Output::Close { reason, .. } => came.closed = Some(reason),
                Output::Event(event) => came.events.push(std::format!("{event:?}")),
                Output::Dial { peer, .. } => came.dials.push(peer),
                _ => {}
            }
        }
        for full in self.crowd.engine.occupancy() {
            assert!(full.is_within_limit(), "{full:?}");
        }
        came
    }

    /// Lets time go by for a node that nobody speaks to; returns whom it dials.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<PeerId> {
        let now = &mut self.crowd.now;
        (now.instant, now.unix) = (now.instant.after(time), now.unix.after(time));
        self.crowd.engine.handle_timeout(self.crowd.now);
        let dialled = |it| match it {
            Output::Dial { peer, .. } => Some(peer),
            _ => None,
        };
        core::iter::from_fn(|| self.crowd.engine.poll_output()).filter_map(dialled).collect()
    }

    /// A stranger connects and says hello.
    pub(super) fn meet(&mut self, number: u16) -> Stranger {
        let (link, _) = self.crowd.come(id(number), at(number));
        Stranger { link, query: 0 }
    }

    /// A stranger that answers when it is asked back: it has a place in the table.
    pub(super) fn befriend(&mut self, number: u16) -> Stranger {
        let mut stranger = self.meet(number);
        let came = self.find(&mut stranger, Key([7; 32]), Some(record(number).encode()));
        let asked = came.asked();
        let [DhtFind { query, wants: Wants::Answer, .. }] = asked[..] else { panic!("{came:?}") };
        let came = self.reply(&stranger, (query, Answer::None), vec![]);
        assert_eq!(came.offenses, []);
        stranger
    }

    pub(super) fn raw(&mut self, link: LinkId, kind: Kind, body: Vec<u8>) -> Came {
        self.input(link, Input::Frame { link, kind, body })
    }

    pub(super) fn say(&mut self, link: LinkId, frame: &Frame) -> Came {
        let frame = frame.encode();
        let header = Header::decode(&frame).unwrap().unwrap();
        self.raw(link, header.kind, frame[header.header_len..].to_vec())
    }

    /// Asks for a key, with these bytes as who asks.
    pub(super) fn find(&mut self, by: &mut Stranger, key: Key, asker: Option<Vec<u8>>) -> Came {
        by.query += 1;
        let mut body = question(by.query, around(key));
        body.push(2);
        body.push(u8::from(asker.is_some()));
        if let Some(asker) = asker {
            push_part(&mut body, &asker);
        }
        self.raw(by.link, Kind::DhtFind, body)
    }

    /// Asks to store these bytes under a key.
    pub(super) fn store_bytes(&mut self, by: &mut Stranger, key: Key, record: &[u8]) -> Came {
        by.query += 1;
        let mut body = question(by.query, around(key));
        push_part(&mut body, record);
        self.raw(by.link, Kind::DhtStore, body)
    }

    pub(super) fn store(&mut self, by: &mut Stranger, record: &DhtRecord) -> Answer {
        self.store_bytes(by, record.key(), &record.encode()).answer()
    }

    pub(super) fn reply(
        &mut self,
        by: &Stranger,
        (query, answer): (QueryId, Answer),
        nodes: Vec<NodeRecord>,
    ) -> Came {
        self.say(by.link, &Frame::Dht(DhtMessage::Reply(DhtReply { query, answer, nodes })))
    }

    /// What the node answers to who asks for a key.
    pub(super) fn held(&mut self, by: &mut Stranger, key: Key) -> Answer {
        self.find(by, key, None).answer()
    }

    /// The first stranger from that number on whose record the node would keep.
    pub(super) fn near(&self, from: u16) -> u16 {
        let own = self.crowd.engine.overlay().unwrap().status(self.crowd.now).own;
        let home = Key::from(own.expect("a position").position());
        let is_near = |it: &u16| home.distance(value(*it, (0, 1), START).key()).top() < 1 << 62;
        (from..).find(is_near).unwrap()
    }
}

/// Query, key, target and region, as they stand before what is asked.
fn question(query: u64, around: Around) -> Vec<u8> {
    let find = DhtFind { query: QueryId(query), around, wants: Wants::Answer, asker: None };
    let mut body = Frame::Dht(DhtMessage::Find(find)).encode();
    let header = Header::decode(&body).unwrap().unwrap();
    body.drain(..header.header_len);
    body.truncate(body.len() - 2);
    body
}

/// Bytes with their length before them.
pub(super) fn push_part(body: &mut Vec<u8>, part: &[u8]) {
    let mut left = part.len();
    while left >= 0x80 {
        body.push(left as u8 | 0x80);
        left >>= 7;
    }
    body.push(left as u8);
    body.extend(part);
}

/// That is refused.
pub(super) const fn refused(why: StoreRefusal) -> Answer {
    Answer::Refused(why)
}

pub(super) fn me() -> PeerId {
    peer(0)
}

#[test]
fn what_is_made_by_hand_is_what_the_codec_makes() {
    let mut outside = Outside::new();
    let mut stranger = outside.meet(1);
    let number = outside.near(10);
    let record = value(number, (0, 1), START);
    let store = DhtStore { query: QueryId(1), around: around(record.key()), record };
    let frame = Frame::Dht(DhtMessage::Store(store.clone()));
    let came = outside.say(stranger.link, &frame);
    assert_eq!(came.answer(), Answer::Stored);
    stranger.query = 1;
    assert_eq!(outside.store(&mut stranger, &store.record), Answer::Stored);
    let came = outside.find(&mut stranger, store.around.key, Some(self::record(1).encode()));
    assert_eq!(came.asked().len(), 1, "it is asked back");
    assert_eq!(came.reply().answer, Answer::Value(store.record));
}
