//! What frames carry: the kinds, and what holds for each before a byte of its body is read.

use core::ops::RangeInclusive;

use ensign_primitives::MESSAGES_MAX;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    CANDIDATE_BYTES_MAX, DHT_RECORD_BYTES_MAX, EVIDENCE_BYTES_MAX, GOSSIP_DATA_BYTES_MAX,
    NAMES_PER_HAVE_MAX, NODE_RECORD_BYTES_MAX, PAYLOAD_BYTES_MAX, ROSTER_MEMBERS_MAX,
    SHARED_GROUPS_MAX,
    dht::{AROUND_BYTES_MAX, REPLY_BYTES_MAX, TOLD_BYTES_MAX},
    gossip::CONTROL_BYTES_MAX as GOSSIP_CONTROL_BYTES_MAX,
};

/// Makes the kinds, the list of all and [`Kind::facts`] from one table, so that no kind can be without
/// one of its facts, and none is missing from the list.
macro_rules! kinds {
    ($($kind:ident = $id:literal $family:ident $audience:ident $lane:ident $limit:expr;)*) => {
        /// What a frame carries; the first byte on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each kind is named after its message")]
        #[repr(u8)]
        pub enum Kind { $($kind = $id,)* }

        impl Kind {
            /// Every kind, by rising number.
            pub const ALL: [Self; [$($id),*].len()] = [$(Self::$kind),*];

            /// Returns everything that holds for frames of this kind.
            pub const fn facts(self) -> Facts {
                let (family, audience, lane, limit) = match self {
                    $(Self::$kind => (Family::$family, Audience::$audience, Lane::$lane, $limit),)*
                };
                Facts { id: self as u8, family, audience, lane, limit }
            }

            /// Returns the kind that a byte stands for, `None` for a number that no kind has.
            pub const fn from_id(id: u8) -> Option<Self> {
                match id {
                    $($id => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

// Limits are from the specification: announcements 10 KiB, partial signatures 512 bytes, all else 1 KiB;
// plus what `MESSAGES_MAX` messages add: 87 bytes each where it is asked for, a nonce 66, a partial
// signature 32, a signature 64. A payload and a list of groups have room for the largest and their heads,
// a roster and a certificate for the largest members.
kinds! {
    Hello               = 0x00 Connection Anyone     Control 1024;
    Ping                = 0x01 Connection Introduced Control 16;
    Pong                = 0x02 Connection Introduced Control 16;
    Price               = 0x03 Connection Introduced Control 48;
    Proof               = 0x04 Connection Introduced Control 24;
    Groups              = 0x10 Signing    Introduced Control 16 + SHARED_GROUPS_MAX * 32;
    Payload             = 0x11 Signing    Member     Bulk    64 + PAYLOAD_BYTES_MAX;
    Delegation          = 0x12 Signing    Introduced Control 160;
    Welcome             = 0x13 Signing    Introduced Control 1024;
    Consent             = 0x14 Signing    Member     Signing 1024;
    LinkReport          = 0x15 Signing    Member     Signing 1024;
    Evidence            = 0x16 Signing    Member     Bulk    16 + EVIDENCE_BYTES_MAX;
    EvidenceSeen        = 0x17 Signing    Member     Control 32;
    SessionAnnounce     = 0x20 Signing    Member     Signing 10 * 1024 + MESSAGES_MAX * 87;
    SessionJoin         = 0x21 Signing    Member     Signing 1024 + MESSAGES_MAX * 66;
    SessionReady        = 0x22 Signing    Member     Signing 1024;
    NonceShare          = 0x23 Signing    Member     Signing 1024 + MESSAGES_MAX * 66;
    NonceAck            = 0x24 Signing    Member     Signing 1024;
    NoncesComplete      = 0x25 Signing    Member     Signing 1024;
    PartialSigShare     = 0x26 Signing    Member     Signing 512 + MESSAGES_MAX * 32;
    PartialSigAck       = 0x27 Signing    Member     Signing 1024;
    PartialSigsComplete = 0x28 Signing    Member     Signing 1024;
    SignatureFinalized  = 0x29 Signing    Member     Signing 1024 + MESSAGES_MAX * 64;
    SessionAbort        = 0x2a Signing    Member     Signing 1024;
    ValidationError     = 0x2b Signing    Member     Signing 1024;
    DhtFind             = 0x40 Dht        Introduced Control 32 + AROUND_BYTES_MAX + NODE_RECORD_BYTES_MAX;
    DhtStore            = 0x41 Dht        Introduced Control 32 + AROUND_BYTES_MAX + DHT_RECORD_BYTES_MAX;
    DhtReply            = 0x42 Dht        Introduced Control REPLY_BYTES_MAX;
    DhtHave             = 0x43 Dht        Introduced Control 16 + NAMES_PER_HAVE_MAX * 27;
    DhtPull             = 0x44 Dht        Introduced Control 32;
    PeersAsk            = 0x50 Dht        Introduced Control 0;
    PeersTold           = 0x51 Dht        Introduced Control TOLD_BYTES_MAX;
    DialBackAsk         = 0x52 Dht        Introduced Control 40;
    DialBackTold        = 0x53 Dht        Introduced Control 18;
    DialBack            = 0x54 Dht        Anyone     Control 16;
    GossipData          = 0x60 Gossip     Introduced Control 16 + GOSSIP_DATA_BYTES_MAX;
    GossipControl       = 0x61 Gossip     Introduced Control GOSSIP_CONTROL_BYTES_MAX;
    FormationSeat       = 0xa0 Formation  Introduced Control 64 + CANDIDATE_BYTES_MAX;
    FormationSeated     = 0xa1 Formation  Introduced Control 64;
    FormationRoster     = 0xa2 Formation  Introduced Control 256 + ROSTER_MEMBERS_MAX * 384;
    FormationStatement  = 0xa3 Formation  Introduced Control 256;
    FormationCertificate = 0xa4 Formation Introduced Control 256 + ROSTER_MEMBERS_MAX * 320;
}

/// What holds for every frame of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The byte that stands for the kind, within [`Family::ids`].
    pub id: u8,
    /// Whom it is for.
    pub family: Family,
    /// Who may send it.
    pub audience: Audience,
    /// Which way it goes.
    pub lane: Lane,
    /// Most bytes of a body.
    pub limit: usize,
}

impl Kind {
    /// Returns the byte that stands for the kind.
    pub const fn id(self) -> u8 {
        self.facts().id
    }

    /// Returns which part of a node reads frames of this kind.
    pub const fn family(self) -> Family {
        self.facts().family
    }

    /// Returns who may send frames of this kind to a node.
    pub const fn audience(self) -> Audience {
        self.facts().audience
    }

    /// Returns the lane that frames of this kind take.
    pub const fn lane(self) -> Lane {
        self.facts().lane
    }

    /// Returns the most bytes a body of this kind may have.
    pub const fn limit(self) -> usize {
        self.facts().limit
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.id().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = u8::deserialize(deserializer)?;
        Self::from_id(id).ok_or_else(|| de::Error::custom("no kind has this number"))
    }
}

/// Kinds that one part of a node reads; each family has a range of numbers with room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Between the two ends of a connection.
    Connection,
    /// Groups, requests, payloads and sessions.
    Signing,
    /// The distributed hash table, and whom nodes know.
    Dht,
    /// Messages that go to all who want their topic.
    Gossip,
    /// Adverts and strangers; no kind yet.
    Discovery,
    /// Groups that are not there yet.
    Formation,
}

impl Family {
    /// Every family, by rising numbers.
    pub const ALL: [Self; 6] = [
        Self::Connection,
        Self::Signing,
        Self::Dht,
        Self::Gossip,
        Self::Discovery,
        Self::Formation,
    ];

    /// Returns the numbers that kinds of this family may have.
    pub const fn ids(self) -> RangeInclusive<u8> {
        match self {
            Self::Connection => 0x00..=0x0f,
            Self::Signing => 0x10..=0x3f,
            Self::Dht => 0x40..=0x5f,
            Self::Gossip => 0x60..=0x7f,
            Self::Discovery => 0x80..=0x9f,
            Self::Formation => 0xa0..=0xaf,
        }
    }
}

/// Which way a frame goes on a connection: each lane has streams, a bound and a priority of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Statements of sessions: never wait behind another lane.
    Signing,
    /// Introductions and questions.
    Control,
    /// Payloads and whatever else is large.
    Bulk,
}

/// Who may send a frame to a node. Nobody else's is read beyond its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Whoever connects.
    Anyone,
    /// Whoever has said [`Hello`](crate::Hello).
    Introduced,
    /// The members of the node's groups, after they have shown on this connection for whom they
    /// speak ([`Introduced`](crate::Introduced)).
    Member,
}

const _: () = {
    let mut at = 0;
    while at < Kind::ALL.len() {
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        let Facts { id, family, .. } = Kind::ALL[at].facts();
        let ids = family.ids();
        assert!(*ids.start() <= id && id <= *ids.end(), "a kind outside its family");
        at += 1;
    }
};
