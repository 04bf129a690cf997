//! Frames: kind, length, body, with a limit for each kind that holds before the body is read.

use alloc::{boxed::Box, vec::Vec};

use ensign_primitives::{Network, QueryId, RequestId};
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    Consent, DecodeError, DhtMessage, Envelope, FormationMessage, GossipMessage, Groups, Hello,
    Introduced, Kind, LinkReport, PAYLOAD_BYTES_MAX, PeersMessage, Price, Proof, ReachMessage,
    Signed, Welcome, codec,
};

/// Most bytes of a frame header: one for the kind, three for the length.
pub const HEADER_BYTES_MAX: usize = 4;

/// Most bytes of an evidence file that goes over a connection. Guess: as much as a payload; the largest
/// files, of a thousand messages and many signers, are handed on by people.
pub const EVIDENCE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;

/// The start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the body is.
    pub kind: Kind,
    /// How many bytes the body has, at most [`Kind::limit`].
    pub body_len: usize,
    /// How many bytes the header itself has, 2 to [`HEADER_BYTES_MAX`].
    pub header_len: usize,
}

impl Header {
    /// Reads a header from the first bytes of a frame; `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`DecodeError::UnknownKind`], [`DecodeError::LengthEncoding`] or
    /// [`DecodeError::FrameTooLarge`]; the stream cannot go on after any of them.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let Some((&id, length)) = bytes.split_first() else { return Ok(None) };
        let kind = Kind::from_id(id).ok_or(DecodeError::UnknownKind { seen: id })?;
        let mut seen = 0_usize;
        for (at, &byte) in length.iter().take(HEADER_BYTES_MAX - 1).enumerate() {
            seen |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 != 0 {
                continue;
            }
            if byte == 0 && at > 0 {
                return Err(DecodeError::LengthEncoding);
            }
            if seen > kind.limit() {
                return Err(DecodeError::FrameTooLarge { kind, limit: kind.limit(), seen });
            }
            return Ok(Some(Self { kind, body_len: seen, header_len: at + 2 }));
        }
        if length.len() >= HEADER_BYTES_MAX - 1 {
            return Err(DecodeError::LengthEncoding);
        }
        Ok(None)
    }

    pub(crate) fn encode(kind: Kind, body_len: usize, into: &mut Vec<u8>) {
        into.push(kind.id());
        let mut rest = body_len;
        while rest >= 0x80 {
            into.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        into.push(rest as u8);
    }
}

/// One message on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Introduces the sender; the first frame each way.
    Hello(Hello),
    /// Asks for a [`Frame::Pong`] of the same name.
    Ping(QueryId),
    /// Answers the [`Frame::Ping`] of this name.
    Pong(QueryId),
    /// Asks a stranger for a proof of work.
    Price(Price),
    /// Answers a [`Frame::Price`].
    Proof(Proof),
    /// Carries what a request's messages were computed from.
    Payload {
        /// The request that names the payload's digest.
        request: RequestId,
        /// The bytes, at most [`PAYLOAD_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Names the groups that the sender shares with the receiver.
    Groups(Groups),
    /// Shows for which signer key a node speaks.
    Delegation(Introduced),
    /// Tells a member what strangers are not told.
    Welcome(Welcome),
    /// Carries a signer's word on a request.
    Consent(Box<Signed<Consent>>),
    /// Carries whom a member of a group sees.
    LinkReport(Box<Signed<LinkReport>>),
    /// Carries the bytes of an evidence file, at most [`EVIDENCE_BYTES_MAX`].
    Evidence(Vec<u8>),
    /// Says that the sender has the evidence file of this name: the SHA-256 of its bytes.
    EvidenceSeen([u8; 32]),
    /// Carries a signed statement about a session.
    Envelope(Box<Envelope>),
    /// Carries what is said while a group forms.
    Formation(FormationMessage),
    /// Carries what nodes of the hash table say.
    Dht(DhtMessage),
    /// Carries whom nodes know.
    Peers(PeersMessage),
    /// Carries whether a node can be reached.
    Reach(ReachMessage),
    /// Carries messages of topics, and what is said about them.
    Gossip(GossipMessage),
}

impl Frame {
    /// Returns the kind that stands in the header.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Ping(_) => Kind::Ping,
            Self::Pong(_) => Kind::Pong,
            Self::Price(_) => Kind::Price,
            Self::Proof(_) => Kind::Proof,
            Self::Payload { .. } => Kind::Payload,
            Self::Groups(_) => Kind::Groups,
            Self::Delegation(_) => Kind::Delegation,
            Self::Welcome(_) => Kind::Welcome,
            Self::Consent(_) => Kind::Consent,
            Self::LinkReport(_) => Kind::LinkReport,
            Self::Evidence(_) => Kind::Evidence,
            Self::EvidenceSeen(_) => Kind::EvidenceSeen,
            Self::Envelope(envelope) => envelope.body().kind(),
            Self::Formation(message) => message.kind(),
            Self::Dht(message) => message.kind(),
            Self::Peers(message) => message.kind(),
            Self::Reach(message) => message.kind(),
            Self::Gossip(message) => message.kind(),
        }
    }

    /// Encodes header and body.
    pub fn encode(&self) -> Vec<u8> {
        let body = match self {
            Self::Hello(hello) => codec::encode(hello),
            Self::Ping(query) | Self::Pong(query) => codec::encode(query),
            Self::Price(price) => codec::encode(price),
            Self::Proof(proof) => codec::encode(proof),
            Self::Payload { request, bytes } => codec::encode(&(request, Blob(bytes))),
            Self::Groups(groups) => codec::encode(groups),
            Self::Delegation(introduced) => codec::encode(introduced),
            Self::Welcome(welcome) => codec::encode(welcome),
            Self::Consent(consent) => consent.encode(),
            Self::LinkReport(report) => report.encode(),
            Self::Evidence(bytes) => codec::encode(&Blob(bytes)),
            Self::EvidenceSeen(name) => codec::encode(name),
            Self::Envelope(envelope) => envelope.encode(),
            Self::Formation(message) => message.encode(),
            Self::Dht(message) => message.encode(),
            Self::Peers(message) => message.encode(),
            Self::Reach(message) => message.encode(),
            Self::Gossip(message) => message.encode(),
        };
        let mut frame = Vec::with_capacity(HEADER_BYTES_MAX + body.len());
        Header::encode(self.kind(), body.len(), &mut frame);
        frame.extend_from_slice(&body);
        frame
    }

    /// Decodes a body whose header said `kind`, for a node on `network`.
    ///
    /// Signatures are not verified. Cost: about 1 µs for a body of 200 bytes, and a curve point of
    /// about 5 µs for each signer of an announcement, of which there are at most
    /// [`SIGNERS_MAX`](ensign_primitives::SIGNERS_MAX).
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where and what; nothing of the body is used then.
    pub fn decode(kind: Kind, body: &[u8], network: Network) -> Result<Self, DecodeError> {
        if body.len() > kind.limit() {
            return Err(DecodeError::FrameTooLarge { kind, limit: kind.limit(), seen: body.len() });
        }
        match kind {
            Kind::Hello => valid(body, Hello::validate).map(Self::Hello),
            Kind::Ping => codec::decode(body).map(Self::Ping),
            Kind::Pong => codec::decode(body).map(Self::Pong),
            Kind::Price => valid(body, Price::validate).map(Self::Price),
            Kind::Proof => codec::decode(body).map(Self::Proof),
            Kind::Payload => {
                let (request, Blob(bytes)): (RequestId, Blob<'_>) = codec::decode(body)?;
                codec::in_range("payload bytes", bytes.len() as u64, 1..=PAYLOAD_BYTES_MAX as u64)?;
                Ok(Self::Payload { request, bytes: bytes.to_vec() })
            }
            Kind::Groups => valid(body, Groups::validate).map(Self::Groups),
            Kind::Delegation => codec::decode(body).map(Self::Delegation),
            Kind::Welcome => valid(body, Welcome::validate).map(Self::Welcome),
            Kind::Consent => Ok(Self::Consent(Box::new(Signed::decode(body, network)?))),
            Kind::LinkReport => Ok(Self::LinkReport(Box::new(Signed::decode(body, network)?))),
            Kind::Evidence => evidence(body).map(Self::Evidence),
            Kind::EvidenceSeen => codec::decode(body).map(Self::EvidenceSeen),
            Kind::SessionAnnounce
            | Kind::SessionJoin
            | Kind::SessionReady
            | Kind::NonceShare
            | Kind::NonceAck
            | Kind::NoncesComplete
            | Kind::PartialSigShare
            | Kind::PartialSigAck
            | Kind::PartialSigsComplete
            | Kind::SignatureFinalized
            | Kind::SessionAbort
            | Kind::ValidationError => {
                let envelope = Envelope::decode_as(kind, body, network)?;
                Ok(Self::Envelope(Box::new(envelope)))
            }
            Kind::FormationSeat
            | Kind::FormationSeated
            | Kind::FormationRoster
            | Kind::FormationStatement
            | Kind::FormationCertificate => {
                FormationMessage::decode(kind, body, network).map(Self::Formation)
            }
            Kind::DhtFind | Kind::DhtStore | Kind::DhtReply | Kind::DhtHave | Kind::DhtPull => {
                DhtMessage::decode(kind, body, network).map(Self::Dht)
            }
            // Its limit is no byte.
            Kind::PeersAsk => Ok(Self::Peers(PeersMessage::Ask)),
            Kind::PeersTold => PeersMessage::told(body, network).map(Self::Peers),
            Kind::DialBackAsk => ReachMessage::asked(body).map(Self::Reach),
            Kind::DialBackTold => codec::decode(body).map(ReachMessage::Told).map(Self::Reach),
            Kind::DialBack => codec::decode(body).map(ReachMessage::DialBack).map(Self::Reach),
            Kind::GossipData => GossipMessage::data(body).map(Self::Gossip),
            Kind::GossipControl => GossipMessage::control(body).map(Self::Gossip),
        }
    }

    /// Decodes a whole frame from bytes that hold exactly one.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], also for bytes before the end of the header or after the body.
    pub fn decode_whole(bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        let end =
            DecodeError::Malformed { offset: bytes.len(), expected: codec::MORE_BYTES, seen: None };
        let header = Header::decode(bytes)?.ok_or(end.clone())?;
        let body = bytes.get(header.header_len..).unwrap_or_default();
        if body.len() < header.body_len {
            return Err(end);
        }
        let (body, rest) = body.split_at(header.body_len);
        if !rest.is_empty() {
            let offset = header.header_len + header.body_len;
            return Err(DecodeError::TrailingBytes { offset, extra: rest.len() });
        }
        Self::decode(header.kind, body, network).map_err(|error| error.after(header.header_len))
    }
}

/// Decodes what has bounds beyond those of its bytes.
fn valid<'a, T: Serialize + Deserialize<'a>>(
    body: &'a [u8],
    validate: impl Fn(&T) -> Result<(), DecodeError>,
) -> Result<T, DecodeError> {
    let decoded = codec::decode(body)?;
    validate(&decoded)?;
    Ok(decoded)
}

fn evidence(body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let Blob(bytes) = codec::decode(body)?;
    codec::in_range("evidence bytes", bytes.len() as u64, 1..=EVIDENCE_BYTES_MAX as u64)?;
    Ok(bytes.to_vec())
}

/// Bytes that are copied at once; a list of bytes has the same encoding but goes one by one.
#[derive(Deserialize)]
struct Blob<'a>(#[serde(borrow)] &'a [u8]);

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
