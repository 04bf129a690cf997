//! The encoding of a statement: the number of its kind, then its fields.

use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
    ser::SerializeTuple,
};

use crate::{Body, Kind};

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.kind())?;
        match self {
            Self::SessionAnnounce(fields) => pair.serialize_element(fields),
            Self::SessionJoin(fields) => pair.serialize_element(fields),
            Self::SessionReady(fields) => pair.serialize_element(fields),
            Self::NonceShare(fields) => pair.serialize_element(fields),
            Self::NonceAck(fields) => pair.serialize_element(fields),
            Self::NoncesComplete(fields) => pair.serialize_element(fields),
            Self::PartialSigShare(fields) => pair.serialize_element(fields),
            Self::PartialSigAck(fields) => pair.serialize_element(fields),
            Self::PartialSigsComplete(fields) => pair.serialize_element(fields),
            Self::SignatureFinalized(fields) => pair.serialize_element(fields),
            Self::SessionAbort(fields) => pair.serialize_element(fields),
            Self::ValidationError(fields) => pair.serialize_element(fields),
        }?;
        pair.end()
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(2, KindThenFields)
    }
}

/// Reads a kind, then the fields that this kind has.
struct KindThenFields;

impl<'de> Visitor<'de> for KindThenFields {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kind of a statement and its fields")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Body, A::Error> {
        let kind = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let body = match kind {
            Kind::SessionAnnounce => seq.next_element()?.map(Body::SessionAnnounce),
            Kind::SessionJoin => seq.next_element()?.map(Body::SessionJoin),
            Kind::SessionReady => seq.next_element()?.map(Body::SessionReady),
            Kind::NonceShare => seq.next_element()?.map(Body::NonceShare),
            Kind::NonceAck => seq.next_element()?.map(Body::NonceAck),
            Kind::NoncesComplete => seq.next_element()?.map(Body::NoncesComplete),
            Kind::PartialSigShare => seq.next_element()?.map(Body::PartialSigShare),
            Kind::PartialSigAck => seq.next_element()?.map(Body::PartialSigAck),
            Kind::PartialSigsComplete => seq.next_element()?.map(Body::PartialSigsComplete),
            Kind::SignatureFinalized => seq.next_element()?.map(Body::SignatureFinalized),
            Kind::SessionAbort => seq.next_element()?.map(Body::SessionAbort),
            Kind::ValidationError => seq.next_element()?.map(Body::ValidationError),
            Kind::Hello
            | Kind::Ping
            | Kind::Pong
            | Kind::Price
            | Kind::Proof
            | Kind::Groups
            | Kind::Evidence
            | Kind::EvidenceSeen
            | Kind::Delegation
            | Kind::Welcome
            | Kind::Payload
            | Kind::Consent
            | Kind::LinkReport
            | Kind::FormationSeat
            | Kind::FormationSeated
            | Kind::FormationRoster
            | Kind::FormationStatement
            | Kind::FormationCertificate
            | Kind::DhtFind
            | Kind::DhtStore
            | Kind::DhtReply
            | Kind::DhtHave
            | Kind::DhtPull
            | Kind::PeersAsk
            | Kind::PeersTold
            | Kind::DialBackAsk
            | Kind::DialBackTold
            | Kind::DialBack
            | Kind::GossipData
            | Kind::GossipControl => {
                return Err(de::Error::custom("frames of this kind carry no statement"));
            }
        };
        body.ok_or_else(|| de::Error::invalid_length(1, &self))
    }
}
