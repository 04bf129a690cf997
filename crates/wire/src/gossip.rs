//! What nodes of the open network say to each other so that a message reaches all who want its topic.

use alloc::{sync::Arc, vec::Vec};

use ensign_primitives::{Network, TaggedHasher};
use serde::{Deserialize, Serialize, Serializer};

use crate::{DecodeError, Kind, codec};

/// Most bytes of what is published: public evidence has 4 KiB, and heads.
pub const GOSSIP_DATA_BYTES_MAX: usize = 5 * 1024;
/// Most messages that one frame names. Guess: what comes up between two heartbeats at 90 a second.
pub const GOSSIP_IDS_MAX: usize = 64;
/// Most topics that one frame tells of. Guess: a node takes part in fewer than ten.
pub const GOSSIP_TOPICS_MAX: usize = 32;
/// Longest that a peer may keep another out of its mesh, in seconds. A minute is usual.
pub const GOSSIP_BACKOFF_SECONDS_MAX: u16 = 3600;

/// What messages are about, by a hash of its name: whoever knows the name knows the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Topic(pub [u8; 8]);

impl Topic {
    /// Computes the topic of a name. Names are part of the protocol, nobody's to choose: 8 bytes keep them apart.
    pub fn of(network: Network, name: &str) -> Self {
        let hash =
            TaggedHasher::new("ensign/gossip-topic/v1", network).bytes(name.as_bytes()).finish();
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

/// Names a message by what it says: equal messages have one name, whoever brings them.
///
/// 20 bytes, as in Ethereum's consensus layer: two messages of one name cost 2^80 hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub [u8; 20]);

impl MessageId {
    /// Hashes topic and data. Cost: about 1 µs for each KiB.
    pub fn of(network: Network, topic: Topic, data: &[u8]) -> Self {
        let hasher = TaggedHasher::new("ensign/gossip-message/v1", network);
        let hash = hasher.bytes(&topic.0).bytes(data).finish();
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

/// A message of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipData {
    /// What it is about.
    pub topic: Topic,
    /// What it says, 1 to [`GOSSIP_DATA_BYTES_MAX`] bytes; shared by all to whom it goes.
    pub data: Arc<[u8]>,
}

/// Everything that is said about topics and messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GossipControl {
    /// Wants messages of these topics from now on, or no more.
    Topics {
        /// Topics that are wanted.
        joined: Vec<Topic>,
        /// Topics that are not; with the others 1 to [`GOSSIP_TOPICS_MAX`].
        left: Vec<Topic>,
    },
    /// Takes the receiver into the sender's mesh of a topic.
    Graft {
        /// Of which.
        topic: Topic,
    },
    /// Puts the receiver out of it.
    Prune {
        /// Of which.
        topic: Topic,
        /// How long the receiver shall not ask to come back, in seconds, at most [`GOSSIP_BACKOFF_SECONDS_MAX`].
        backoff: u16,
    },
    /// The sender gets this topic sooner from others: the receiver names its messages instead of sending them.
    Choke {
        /// Which.
        topic: Topic,
    },
    /// The receiver sends messages of this topic again.
    Unchoke {
        /// Which.
        topic: Topic,
    },
    /// Has these messages of a topic, 1 to [`GOSSIP_IDS_MAX`].
    IHave {
        /// Of which.
        topic: Topic,
        /// Their names.
        ids: Vec<MessageId>,
    },
    /// Asks for these, 1 to [`GOSSIP_IDS_MAX`].
    IWant {
        /// Their names.
        ids: Vec<MessageId>,
    },
    /// Needs none of these, 1 to [`GOSSIP_IDS_MAX`].
    IDontWant {
        /// Their names.
        ids: Vec<MessageId>,
    },
}

/// What nodes say to each other about topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GossipMessage {
    /// A message.
    Data(GossipData),
    /// All else.
    Control(GossipControl),
}

impl GossipMessage {
    /// Returns the kind of its frame.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Data(_) => Kind::GossipData,
            Self::Control(_) => Kind::GossipControl,
        }
    }

    /// Encodes the body of its frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Data(GossipData { topic, data }) => {
                codec::encode(&DataFields { topic: *topic, data: Blob(data) })
            }
            Self::Control(control) => codec::encode(control),
        }
    }

    /// Decodes a [`Kind::GossipData`].
    pub(crate) fn data(body: &[u8]) -> Result<Self, DecodeError> {
        let DataFields { topic, data: Blob(data) } = codec::decode(body)?;
        let most = GOSSIP_DATA_BYTES_MAX as u64;
        codec::in_range("bytes of a message", data.len() as u64, 1..=most)?;
        Ok(Self::Data(GossipData { topic, data: data.into() }))
    }

    /// Decodes a [`Kind::GossipControl`].
    pub(crate) fn control(body: &[u8]) -> Result<Self, DecodeError> {
        let control: GossipControl = codec::decode(body)?;
        control.validate()?;
        Ok(Self::Control(control))
    }
}

impl GossipControl {
    fn validate(&self) -> Result<(), DecodeError> {
        match self {
            Self::Topics { joined, left } => {
                let count = (joined.len() + left.len()) as u64;
                codec::in_range("topics told of", count, 1..=GOSSIP_TOPICS_MAX as u64)
            }
            Self::Prune { backoff, .. } => {
                let most = GOSSIP_BACKOFF_SECONDS_MAX.into();
                codec::in_range("seconds to stay away", (*backoff).into(), 0..=most)
            }
            Self::IHave { ids, .. } | Self::IWant { ids } | Self::IDontWant { ids } => {
                codec::in_range("messages named", ids.len() as u64, 1..=GOSSIP_IDS_MAX as u64)
            }
            Self::Graft { .. } | Self::Choke { .. } | Self::Unchoke { .. } => Ok(()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct DataFields<'a> {
    topic: Topic,
    #[serde(borrow)]
    data: Blob<'a>,
}

/// Bytes that are copied at once.
#[derive(Deserialize)]
struct Blob<'a>(#[serde(borrow)] &'a [u8]);

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Most bytes of a [`GossipMessage::Control`]: 64 names of 20 bytes, a topic, and numbers.
pub(crate) const CONTROL_BYTES_MAX: usize = 16 + 8 + GOSSIP_IDS_MAX * 20;
