//! Every message, the signed envelope, the codec, framing and size limits.
//!
//! A connection carries frames: one byte of [`Kind`], the length, the body. The limit of each kind
//! is checked before a byte of its body is read. A body is a connection message ([`Hello`], ping,
//! payload) or an [`Envelope`]: a statement about one signing session, signed by a node key, that
//! means the same whoever forwards it.
//!
//! Invariants:
//!
//! - Decoding is total: any bytes give a value or a [`DecodeError`] with offset, expectation and
//!   what was seen instead.
//! - One encoding per value: what re-encodes differently is refused, so a hash over the bytes is a
//!   hash over the value.
//! - A decoded value is within every limit of this crate; signatures are *not* yet verified.
//!
//! `docs/protocol/wire.md` describes every byte. Absent on purpose: state, time and curve
//! arithmetic beyond parsing public keys.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod request;
pub use request::{
    GroupKeys, KeyTweak, Message, Mode, PAYLOAD_BYTES_MAX, PURPOSE_BYTES_MAX, Payload,
    REQUEST_LIFETIME_MAX, RequestError, Scheme, SignedRequest, SigningRequest, TxType,
    drill_message,
};
mod signer_set;
pub use signer_set::SignerSet;
mod nonces;
pub use nonces::{PubNonceBytes, nonce_set_digest};
mod body;
pub use body::{
    AbortReason, Body, Held, NonceAck, NonceCommit, NonceShare, NoncesComplete, PartialSigAck,
    PartialSigBytes, PartialSigShare, PartialSigsComplete, Refusal, Round0, SessionAbort,
    SessionAnnounce, SessionJoin, SessionReady, SignatureFinalized, Slot, ValidationError,
    statement_set_digest,
};
mod signed;
pub use signed::{Signable, Signed};
mod consent;
pub use consent::{Consent, LinkReport, RULES_REVISION};
mod envelope;
pub use envelope::{Envelope, Statement};
mod hello;
pub use hello::{ADDRESSES_MAX, Groups, Hello, Limits, Roles, SHARED_GROUPS_MAX};
mod price;
pub use price::{Price, Proof};
mod membership;
pub use membership::{Introduced, Welcome};
mod fingerprint;
pub use fingerprint::{FINGERPRINT_WORDS, Fingerprint};
mod roster;
pub use roster::{
    Candidate, Certificate, CertificateError, InvitationId, ROSTER_MEMBERS_MAX,
    ROSTER_NAME_BYTES_MAX, Roster, RosterMember, RosterOffer, is_roster_name, look_alike,
};
mod formation;
pub use formation::{
    CANDIDATE_BYTES_MAX, FormationBody, FormationMessage, FormationStatement, Seat, SeatAnswer,
    SeatRefusal, Seated,
};
mod position;
pub use position::{Distance, Key, NodeId, RECORD_SLOTS, RENDEZVOUS_BYTES};
mod node_record;
pub use node_record::{
    NODE_ADDRESSES_MAX, NODE_RECORD_BYTES_MAX, NODE_RECORD_LIFETIME_MAX, Node, NodeRecord,
    POSITION_BITS, POSITION_EPOCH, POSITION_VERSION, RECORD_CLOCK_AHEAD_MAX, RecordError,
    RecordRules, Role, Scope, position_epoch,
};
mod dht;
pub use dht::{
    Answer, Around, DHT_BODY_BYTES_MAX, DHT_RECORD_BYTES_MAX, DHT_RECORD_LIFETIME_MAX, DhtFind,
    DhtHave, DhtMessage, DhtPull, DhtRecord, DhtReply, DhtStore, HAND_ON_TTL, Had,
    NAMES_PER_HAVE_MAX, NODES_PER_REPLY_MAX, NODES_TOLD_MAX, PeersMessage, Published, RecordKind,
    StoreRefusal, Wants,
};
mod reach;
pub use reach::{
    DialBackAsk, DialBackNonce, DialBackOutcome, DialBackRefusal, DialBackTold, ReachMessage,
};
mod gossip;
pub use gossip::{
    GOSSIP_BACKOFF_SECONDS_MAX, GOSSIP_DATA_BYTES_MAX, GOSSIP_IDS_MAX, GOSSIP_TOPICS_MAX,
    GossipControl, GossipData, GossipMessage, MessageId, Topic,
};
mod kind;
pub use kind::{Audience, Facts, Family, Kind, Lane};
mod frame;
pub use frame::{EVIDENCE_BYTES_MAX, Frame, HEADER_BYTES_MAX, Header};
mod close_code;
pub use close_code::CloseCode;
mod codec;
pub use codec::DecodeError;

/// The protocol version this crate speaks; part of every envelope and of the handshake.
pub const PROTOCOL_VERSION: u8 = 3;

#[cfg(test)]
mod tests;
