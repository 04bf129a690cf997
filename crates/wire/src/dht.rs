//! The distributed hash table's messages and the records that it keeps.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, QueryId, UnixTime};
use serde::{Deserialize, Serialize};

use crate::{
    DecodeError, Key, Kind, NODE_RECORD_BYTES_MAX, NodeRecord, RECORD_SLOTS, Signable, Signed,
    codec::{self, Part},
};

/// Most bytes of a [`DhtRecord`]'s body. Specification: 1 KiB.
pub const DHT_BODY_BYTES_MAX: usize = 1024;
/// Most bytes of a [`DhtRecord`]: its body, some 60 of heads and the signature.
pub const DHT_RECORD_BYTES_MAX: usize = DHT_BODY_BYTES_MAX + 192;
/// Most node records in an answer: as many as a bucket has places (Maymounkov and Mazières: k = 20).
pub const NODES_PER_REPLY_MAX: usize = 20;
/// Most node records of a node that tells whom it knows: its own, and what an address book says at once.
pub const NODES_TOLD_MAX: usize = 33;
/// Most records that one [`DhtHave`] names. Guess: more than a neighbour is told of in 5 s.
pub const NAMES_PER_HAVE_MAX: usize = 64;
/// Through how many hands a record is handed on behind its publisher (measured: with 3 it reaches a region
/// of 256 nodes of which four in five are hostile).
pub const HAND_ON_TTL: u8 = 3;
/// How long a [`DhtRecord`] may hold (measured with 20 minutes between two issues).
pub const DHT_RECORD_LIFETIME_MAX: Duration = Duration::from_secs(60 * 60);

/// What a record is about; each kind has a validator, and what has none is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKind(pub u8);

impl RecordKind {
    /// The publisher's own [`NodeRecord`], under its identity: who knows a node finds it.
    pub const NODE: Self = Self(1);
    /// [`RENDEZVOUS_BYTES`](crate::RENDEZVOUS_BYTES) sealed bytes, by which two nodes that share a secret find each other. The publisher is a
    /// key that both derive from it for one day.
    pub const RENDEZVOUS: Self = Self(2);
}

/// What a [`DhtRecord`] says beside who, when and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// What it is about.
    pub kind: RecordKind,
    /// Which of its publisher's records of this kind, below [`RECORD_SLOTS`].
    pub slot: u8,
    /// Until when it holds.
    pub expires: UnixTime,
    /// What it says, 1 to [`DHT_BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

impl Signable for Published {
    const TAG: &'static str = "ensign/dht-record/v1";

    fn validate(&self, _: Network) -> Result<(), DecodeError> {
        codec::in_range("slot of a record", self.slot.into(), 0..=u64::from(RECORD_SLOTS) - 1)?;
        let most = DHT_BODY_BYTES_MAX as u64;
        codec::in_range("bytes of a record's body", self.body.len() as u64, 1..=most)
    }
}

/// A record that the network keeps, shared by all who hold it: signed, and under a key that nobody but its publisher can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhtRecord {
    signed: Arc<Signed<Published>>,
}

impl DhtRecord {
    /// Makes and signs a record as the node of `key`.
    ///
    /// - `seq`: above that of the record which it replaces.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] when `said` is outside its limits or `seq` is 0.
    pub fn new(
        key: &NodeKey,
        network: Network,
        (seq, issued): (u64, UnixTime),
        said: Published,
    ) -> Result<Self, DecodeError> {
        let signed = Signed::new(key, network, seq, issued, said)?;
        Ok(Self { signed: Arc::new(signed) })
    }

    /// Decodes bytes that hold exactly one, for a node on `network`; nothing is verified.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where and what.
    pub fn decode(bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        let most = DHT_RECORD_BYTES_MAX as u64;
        codec::in_range("bytes of a record", bytes.len() as u64, 1..=most)?;
        Ok(Self { signed: Arc::new(Signed::decode(bytes, network)?) })
    }

    /// Encodes what is signed, then the signature.
    pub fn encode(&self) -> Vec<u8> {
        self.signed.encode()
    }

    /// Tells whether its publisher signed it. Cost: about 22 µs.
    pub fn verify_signature(&self) -> bool {
        self.signed.verify()
    }

    /// Returns a hash of content and signature: whoever has verified a record with this one has verified this.
    pub fn seal(&self) -> [u8; 32] {
        self.signed.seal()
    }

    /// Returns the hash that is signed; equal for equal content.
    pub fn digest(&self) -> &[u8; 32] {
        self.signed.digest()
    }

    /// Computes where it lies: a hash of its kind, publisher and slot.
    pub fn key(&self) -> Key {
        let Published { kind, slot, .. } = *self.said();
        Key::of(self.network(), kind, &self.publisher(), slot)
    }

    /// Returns the network it belongs to.
    pub fn network(&self) -> Network {
        self.signed.network()
    }

    /// Returns who published it.
    pub fn publisher(&self) -> PeerId {
        self.signed.sender()
    }

    /// Returns its place among the versions of this record.
    pub fn seq(&self) -> u64 {
        self.signed.seq()
    }

    /// Returns when it was made.
    pub fn issued(&self) -> UnixTime {
        self.signed.sent_at()
    }

    /// Returns what it is about.
    pub fn kind(&self) -> RecordKind {
        self.said().kind
    }

    /// Returns until when it holds.
    pub fn expires(&self) -> UnixTime {
        self.said().expires
    }

    /// Returns everything else that it says.
    pub fn said(&self) -> &Published {
        self.signed.said()
    }
}

/// What nodes of the hash table say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DhtMessage {
    /// Asks for nodes, and for a record.
    Find(DhtFind),
    /// Hands a record over, and asks for nodes.
    Store(DhtStore),
    /// Answers either, and a [`DhtPull`].
    Reply(DhtReply),
    /// Tells which records the sender has taken.
    Have(DhtHave),
    /// Asks for one of those.
    Pull(DhtPull),
}

/// What nodes of the open network say to each other of whom they know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeersMessage {
    /// Asks for that.
    Ask,
    /// Tells it: at most [`NODES_TOLD_MAX`] records; the sender's own comes first, if it serves.
    Told(Vec<NodeRecord>),
}

/// Which nodes are asked for: some of a region at random, then the nearest to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Around {
    /// The middle of the region: what is stored or looked for.
    pub key: Key,
    /// The nodes nearest to this point are told.
    pub target: Key,
    /// How far from the middle a region reaches, as the first 64 bits of the distance.
    pub region: u64,
}

/// What a [`DhtFind`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wants {
    /// An answer: whether the node is there. No nodes come with it.
    Answer,
    /// Nodes.
    Nodes,
    /// The record of the key, and nodes.
    Value,
}

/// Asks for nodes, and for a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhtFind {
    /// Names the question.
    pub query: QueryId,
    /// Which nodes.
    pub around: Around,
    /// What.
    pub wants: Wants,
    /// The asker's own record, of a node that serves: told with the first question on a connection.
    pub asker: Option<NodeRecord>,
}

/// Hands a record over, and asks for nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhtStore {
    /// Names the question.
    pub query: QueryId,
    /// Which nodes; its key is the record's.
    pub around: Around,
    /// The record.
    pub record: DhtRecord,
}

/// Answers a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhtReply {
    /// Which.
    pub query: QueryId,
    /// With what.
    pub answer: Answer,
    /// Nodes, at most [`NODES_PER_REPLY_MAX`].
    pub nodes: Vec<NodeRecord>,
}

/// What comes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing but nodes.
    None,
    /// The record.
    Value(DhtRecord),
    /// The record is stored.
    Stored,
    /// It is not.
    Refused(StoreRefusal),
}

/// Why a record is not stored. None is an attack by itself: clocks, versions and loads differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StoreRefusal {
    /// The node stores nothing for others.
    Client,
    /// It has no validator for this kind.
    UnknownKind,
    /// The record has expired, or holds too long.
    Expired,
    /// The record is from the future.
    Future,
    /// It has a later version of the record.
    Older,
    /// The record's key is too far from it.
    TooFar,
    /// It stores as many of this publisher as it does.
    Publisher,
    /// It is full of records that are nearer.
    Full,
    /// The body is none of its kind.
    Invalid,
}

/// Tells which records the sender has taken. Nobody answers; who lacks one pulls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhtHave {
    /// Each once, 1 to [`NAMES_PER_HAVE_MAX`].
    pub records: Vec<Had>,
}

/// A record that somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Had {
    /// The first half of its key.
    pub key16: [u8; 16],
    /// Its version.
    pub seq: u64,
    /// Through how many more hands it goes, at most [`HAND_ON_TTL`].
    pub ttl: u8,
}

/// Asks for a record that the receiver has told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhtPull {
    /// Names the question.
    pub query: QueryId,
    /// The first half of its key.
    pub key16: [u8; 16],
}

impl Key {
    /// Returns its first half, by which neighbours name records to each other.
    pub fn first_half(&self) -> [u8; 16] {
        self.0.first_chunk().copied().unwrap_or_default()
    }
}

impl DhtHave {
    fn validate(&self) -> Result<(), DecodeError> {
        let (count, most) = (self.records.len() as u64, NAMES_PER_HAVE_MAX as u64);
        codec::in_range("records told of", count, 1..=most)?;
        let ttls = self.records.iter().map(|it| u64::from(it.ttl)).max().unwrap_or_default();
        codec::in_range("hands", ttls, 0..=HAND_ON_TTL.into())
    }
}

#[derive(Serialize, Deserialize)]
struct FindFields<'a> {
    query: QueryId,
    around: Around,
    wants: Wants,
    #[serde(borrow)]
    asker: Option<Part<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoreFields<'a> {
    query: QueryId,
    around: Around,
    #[serde(borrow)]
    record: Part<'a>,
}

#[derive(Serialize, Deserialize)]
struct ReplyFields<'a> {
    query: QueryId,
    #[serde(borrow)]
    answer: AnswerFields<'a>,
    #[serde(borrow)]
    nodes: Vec<Part<'a>>,
}

#[derive(Serialize, Deserialize)]
enum AnswerFields<'a> {
    None,
    #[serde(borrow)]
    Value(Part<'a>),
    Stored,
    Refused(StoreRefusal),
}

impl DhtMessage {
    /// Returns the kind of its frame.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Find(_) => Kind::DhtFind,
            Self::Store(_) => Kind::DhtStore,
            Self::Reply(_) => Kind::DhtReply,
            Self::Have(_) => Kind::DhtHave,
            Self::Pull(_) => Kind::DhtPull,
        }
    }

    /// Encodes the body of its frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Find(find) => find.encode(),
            Self::Store(DhtStore { query, around, record }) => {
                let record = record.encode();
                let (query, around, record) = (*query, *around, Part(&record));
                codec::encode(&StoreFields { query, around, record })
            }
            Self::Reply(reply) => reply.encode(),
            Self::Have(have) => codec::encode(have),
            Self::Pull(pull) => codec::encode(pull),
        }
    }

    /// Decodes the body of a frame of one of its kinds; no signature is verified.
    pub(crate) fn decode(kind: Kind, body: &[u8], network: Network) -> Result<Self, DecodeError> {
        if kind == Kind::DhtFind {
            return DhtFind::decode(body, network).map(Self::Find);
        }
        if kind == Kind::DhtStore {
            let StoreFields { query, around, record } = codec::decode(body)?;
            let record = record.read(body, |it| DhtRecord::decode(it, network))?;
            return Ok(Self::Store(DhtStore { query, around, record }));
        }
        if kind == Kind::DhtReply {
            return DhtReply::decode(body, network).map(Self::Reply);
        }
        if kind == Kind::DhtHave {
            let have: DhtHave = codec::decode(body)?;
            have.validate()?;
            return Ok(Self::Have(have));
        }
        codec::decode(body).map(Self::Pull)
    }
}

impl DhtFind {
    fn encode(&self) -> Vec<u8> {
        let Self { query, around, wants, asker } = self;
        let asker = asker.as_ref().map(NodeRecord::encode);
        let asker = asker.as_deref().map(Part);
        codec::encode(&FindFields { query: *query, around: *around, wants: *wants, asker })
    }

    fn decode(body: &[u8], network: Network) -> Result<Self, DecodeError> {
        let FindFields { query, around, wants, asker } = codec::decode(body)?;
        let decode = |it: &[u8]| NodeRecord::decode(it, network);
        let asker = asker.map(|it| it.read(body, decode)).transpose()?;
        Ok(Self { query, around, wants, asker })
    }
}

impl DhtReply {
    fn encode(&self) -> Vec<u8> {
        let nodes: Vec<Vec<u8>> = self.nodes.iter().map(NodeRecord::encode).collect();
        let value;
        let answer = match &self.answer {
            Answer::None => AnswerFields::None,
            Answer::Value(record) => {
                value = record.encode();
                AnswerFields::Value(Part(&value))
            }
            Answer::Stored => AnswerFields::Stored,
            Answer::Refused(why) => AnswerFields::Refused(*why),
        };
        let nodes = nodes.iter().map(|bytes| Part(bytes)).collect();
        codec::encode(&ReplyFields { query: self.query, answer, nodes })
    }

    fn decode(body: &[u8], network: Network) -> Result<Self, DecodeError> {
        let ReplyFields { query, answer, nodes } = codec::decode(body)?;
        let (count, most) = (nodes.len() as u64, NODES_PER_REPLY_MAX as u64);
        codec::in_range("nodes of an answer", count, 0..=most)?;
        let answer = match answer {
            AnswerFields::None => Answer::None,
            AnswerFields::Value(part) => {
                Answer::Value(part.read(body, |it| DhtRecord::decode(it, network))?)
            }
            AnswerFields::Stored => Answer::Stored,
            AnswerFields::Refused(why) => Answer::Refused(why),
        };
        Ok(Self { query, answer, nodes: records(body, &nodes, network)? })
    }
}

fn records(body: &[u8], all: &[Part<'_>], of: Network) -> Result<Vec<NodeRecord>, DecodeError> {
    all.iter().map(|it| it.read(body, |it| NodeRecord::decode(it, of))).collect()
}

impl PeersMessage {
    /// Returns the kind of its frame.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ask => Kind::PeersAsk,
            Self::Told(_) => Kind::PeersTold,
        }
    }

    /// Encodes the body of its frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ask => Vec::new(),
            Self::Told(nodes) => {
                let nodes: Vec<Vec<u8>> = nodes.iter().map(NodeRecord::encode).collect();
                codec::encode(&nodes.iter().map(|bytes| Part(bytes)).collect::<Vec<_>>())
            }
        }
    }

    /// Decodes the body of a [`PeersTold`](Kind::PeersTold); no signature is verified.
    pub(crate) fn told(body: &[u8], network: Network) -> Result<Self, DecodeError> {
        let nodes: Vec<Part<'_>> = codec::decode(body)?;
        let (count, most) = (nodes.len() as u64, NODES_TOLD_MAX as u64);
        codec::in_range("nodes told of", count, 0..=most)?;
        records(body, &nodes, network).map(Self::Told)
    }
}

/// Most bytes of a [`PeersMessage::Told`].
pub(crate) const TOLD_BYTES_MAX: usize = 2 + NODES_TOLD_MAX * (2 + NODE_RECORD_BYTES_MAX);
/// Most bytes of a [`DhtReply`].
pub(crate) const REPLY_BYTES_MAX: usize =
    32 + DHT_RECORD_BYTES_MAX + NODES_PER_REPLY_MAX * (2 + NODE_RECORD_BYTES_MAX);
/// Most bytes of an [`Around`].
pub(crate) const AROUND_BYTES_MAX: usize = 32 + 32 + 10;
