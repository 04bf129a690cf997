//! Cases for what an envelope's signature covers, and whose envelope it is.

use std::{boxed::Box, format, vec::Vec};

use ensign_primitives::Network;
use proptest::{prelude::*, sample::Index};

use super::values::{NETWORK, NOW, SESSION, body_bytes, body_kinds, envelopes};
use super::values::{fixed_request, node_key, signed, smallest};
use crate::{Body, DecodeError, Envelope, Frame, Kind, SessionAnnounce, SignedRequest};

/// What `bytes` say, if they are an envelope that verifies.
fn verified(kind: Kind, bytes: &[u8]) -> Option<Envelope> {
    match Frame::decode(kind, bytes, NETWORK) {
        Ok(Frame::Envelope(envelope)) if envelope.verify() => Some(*envelope),
        _ => None,
    }
}

#[test]
fn every_bit_of_an_envelope_is_signed() {
    for kind in body_kinds() {
        let bytes = body_bytes(smallest(kind));
        assert!(verified(kind, &bytes).is_some(), "{kind:?}");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(verified(kind, &flipped), None, "{kind:?}: bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn envelope_of_another_version_is_named_before_anything_else_is_read() {
    let expected = Err(DecodeError::Version { expected: 3, seen: 1 });
    for kind in body_kinds() {
        let mut bytes = body_bytes(smallest(kind));
        bytes[0] = 1;
        assert_eq!(Frame::decode(kind, &bytes, NETWORK), expected);
        assert_eq!(Frame::decode(kind, &[1], NETWORK), expected);
    }
}

#[test]
fn envelope_of_another_network_is_named_before_anything_else_is_read() {
    let expected = Err(DecodeError::Network { expected: Network::Bitcoin, seen: Network::Regtest });
    for kind in body_kinds() {
        let bytes = body_bytes(smallest(kind));
        assert_eq!(Frame::decode(kind, &bytes, Network::Bitcoin), expected);
        assert_eq!(Frame::decode(kind, &bytes[..2], Network::Bitcoin), expected);
    }
}

#[test]
fn envelope_in_a_frame_of_another_kind_is_refused_before_its_body_is_decoded() {
    for body in body_kinds() {
        let head_and_tag = body_bytes(smallest(body))[..74].to_vec();
        for frame in body_kinds().filter(|frame| *frame != body) {
            let expected = Err(DecodeError::KindMismatch { frame, body });
            assert_eq!(Frame::decode(frame, &head_and_tag, NETWORK), expected);
        }
    }
}

#[test]
fn announcement_of_a_request_on_another_network_is_refused() {
    let mut request = fixed_request();
    request.network = Network::Signet;
    let delegation = super::values::delegation(0, 0, Network::Signet);
    let request = SignedRequest::sign(request, node_key(0), delegation).unwrap();
    let body = Body::SessionAnnounce(Box::new(SessionAnnounce { attempt: 1, request }));
    let expected = DecodeError::Network { expected: NETWORK, seen: Network::Signet };
    assert_eq!(Envelope::sign(node_key(0), NETWORK, SESSION, 1, NOW, body), Err(expected));
}

#[test]
fn every_body_is_in_the_slot_and_of_the_signer_it_names() {
    let rows: Vec<_> = body_kinds()
        .map(|kind| {
            let body = smallest(kind);
            (body.kind(), body.slot().is_some(), body.signer().is_some())
        })
        .collect();
    let expected = [
        (Kind::SessionAnnounce, false, false),
        (Kind::SessionJoin, true, true),
        (Kind::SessionReady, false, false),
        (Kind::NonceShare, true, true),
        (Kind::NonceAck, false, false),
        (Kind::NoncesComplete, true, true),
        (Kind::PartialSigShare, true, true),
        (Kind::PartialSigAck, false, false),
        (Kind::PartialSigsComplete, false, false),
        (Kind::SignatureFinalized, false, false),
        (Kind::SessionAbort, false, false),
        (Kind::ValidationError, false, false),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn debug_of_an_envelope_names_session_sender_and_body() {
    let text = format!("{:?}", signed(smallest(Kind::PartialSigShare)));
    for part in ["SessionId(5e5e5e5e..)", "PeerId(", "seq: 1", "PartialSigShare"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn flipped_bit_never_gives_a_verifying_envelope(
        envelope in envelopes(),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let kind = envelope.body().kind();
        let mut bytes = envelope.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(verified(kind, &bytes), None);
    }

    #[test]
    fn digest_is_equal_exactly_when_the_content_is(a in envelopes(), b in envelopes()) {
        let content = |envelope: &Envelope| {
            let bytes = envelope.encode();
            bytes[..bytes.len() - 64].to_vec()
        };
        prop_assert_eq!(content(&a) == content(&b), a.digest() == b.digest());
    }
}
