//! What holds for every value of every message.

use proptest::prelude::*;

use super::values::{NETWORK, NOW, SESSION, delegation, frames, node_key};
use super::values::{body_kinds, largest_request, requests, signed, smallest};
use crate::{
    Body, Envelope, Frame, Header, Hello, Limits, NonceShare, PartialSigShare, Price, Proof,
    PubNonceBytes, Roles, Round0, SessionAnnounce, SessionJoin, SignatureFinalized, SignedRequest,
};
use ensign_identity::{DelegationProof, Signature};
use ensign_primitives::{
    MESSAGES_MAX, PeerId, QueryId, RequestId, SIGNERS_MAX, SignerIndex, UnixTime,
};
use std::{boxed::Box, net::SocketAddr, vec, vec::Vec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_frame_comes_back_as_it_was(frame in frames()) {
        let bytes = frame.encode();
        let header = Header::decode(&bytes).unwrap().unwrap();
        prop_assert_eq!(header.kind, frame.kind());
        prop_assert_eq!(header.header_len + header.body_len, bytes.len());
        let body = &bytes[header.header_len..];
        prop_assert_eq!(&Frame::decode(header.kind, body, NETWORK).unwrap(), &frame);
        prop_assert_eq!(&Frame::decode_whole(&bytes, NETWORK).unwrap(), &frame);
    }

    #[test]
    fn two_values_are_equal_exactly_when_their_bytes_are(a in frames(), b in frames()) {
        prop_assert_eq!(a == b, a.encode() == b.encode());
    }

    #[test]
    fn every_envelope_still_verifies_on_arrival(frame in frames()) {
        let arrived = Frame::decode_whole(&frame.encode(), NETWORK).unwrap();
        if let Frame::Envelope(envelope) = arrived {
            prop_assert!(envelope.verify());
        }
    }

    #[test]
    fn two_requests_have_one_name_exactly_when_they_are_equal(a in requests(), b in requests()) {
        prop_assert_eq!(a == b, a.id() == b.id());
        prop_assert_eq!(a.id(), a.clone().id());
    }
}

#[test]
fn smallest_body_of_each_kind_comes_back_as_it_was() {
    for kind in body_kinds() {
        let frame = Frame::Envelope(Box::new(signed(smallest(kind))));
        assert_eq!(frame.kind(), kind);
        assert_eq!(Frame::decode_whole(&frame.encode(), NETWORK), Ok(frame));
    }
}

#[test]
fn largest_body_of_each_growing_kind_fits_its_limit() {
    let signer = SignerIndex((SIGNERS_MAX - 1) as u16);
    let last = SIGNERS_MAX - 1;
    let mut delegation = delegation(last, last, NETWORK);
    delegation.expires = UnixTime::from_millis(u64::MAX);
    let nonces = vec![PubNonceBytes([0xff; 66]); MESSAGES_MAX];
    let request = SignedRequest::sign(largest_request(), node_key(last), delegation).unwrap();
    let bodies = [
        Body::SessionAnnounce(Box::new(SessionAnnounce { attempt: u16::MAX, request })),
        Body::SessionJoin(SessionJoin {
            signer,
            delegation,
            round0: Round0::Reveal(nonces.clone()),
        }),
        Body::NonceShare(NonceShare { signer, nonces, salt: [0xff; 32] }),
        Body::PartialSigShare(PartialSigShare {
            signer,
            nonces: [0xff; 32],
            partials: vec![[0xff; 32]; MESSAGES_MAX],
        }),
        Body::SignatureFinalized(SignatureFinalized {
            signatures: vec![Signature([0xff; 64]); MESSAGES_MAX],
        }),
    ];
    for body in bodies {
        let late = UnixTime::from_millis(u64::MAX);
        let envelope =
            Envelope::sign(node_key(last), NETWORK, SESSION, u64::MAX, late, body).unwrap();
        let frame = Frame::Envelope(Box::new(envelope));
        assert_eq!(Frame::decode_whole(&frame.encode(), NETWORK), Ok(frame));
    }
}

#[test]
fn largest_hello_and_payload_fit_their_limits() {
    let address: SocketAddr = "[ffff:ffff::ffff]:65535".parse().unwrap();
    let hello = Frame::Hello(Hello {
        roles: Roles(0xff),
        version_min: 0,
        version_max: 0xff,
        observed: Some(address),
        limits: Limits { payload_bytes: u32::MAX, messages: u16::MAX, requests: u16::MAX },
    });
    let bytes: Vec<u8> = vec![0xff; crate::PAYLOAD_BYTES_MAX];
    let payload = Frame::Payload { request: RequestId::from_bytes([0xff; 32]), bytes };
    let shared = (0..crate::SHARED_GROUPS_MAX as u8)
        .map(|byte| ensign_primitives::GroupId::from_bytes([byte; 32]));
    let groups = Frame::Groups(crate::Groups { shared: shared.collect() });
    let welcome = Frame::Welcome(crate::Welcome {
        clock: UnixTime::from_millis(u64::MAX),
        instance: [0xff; 8],
        listening: vec![address; crate::ADDRESSES_MAX],
    });
    let (number, expires) = (u64::MAX, UnixTime::from_millis(u64::MAX));
    let proof = DelegationProof { number, expires, signature: Signature([0xff; 64]) };
    let (hint, peer) = ([0xff; 8], PeerId::from_bytes([0xff; 32]));
    let introduced = Frame::Delegation(crate::Introduced { hint, peer, proof });
    let (ping, pong) = (Frame::Ping(QueryId(u64::MAX)), Frame::Pong(QueryId(u64::MAX)));
    let price = Frame::Price(Price { version: 0xff, bits: 64, epoch: u64::MAX, seed: [0xff; 32] });
    let proof = Frame::Proof(Proof { version: 0xff, epoch: u64::MAX, nonce: u64::MAX });
    for frame in [hello, payload, groups, welcome, introduced, ping, pong, price, proof] {
        assert_eq!(Frame::decode_whole(&frame.encode(), NETWORK), Ok(frame));
    }
}

#[test]
fn time_of_sending_and_number_are_part_of_the_value() {
    let body = smallest(crate::Kind::SessionReady);
    let sign = |seq, at| Envelope::sign(node_key(0), NETWORK, SESSION, seq, at, body.clone());
    assert_ne!(sign(1, NOW), sign(2, NOW));
    assert_ne!(sign(1, NOW), sign(1, UnixTime::from_millis(0)));
    assert_eq!(sign(1, NOW), sign(1, NOW));
}
