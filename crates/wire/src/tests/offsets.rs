//! Cases for what a decode error says: where, what was expected, what stood there.
//!
//! Offsets in an envelope: version 0, network 1, sender 2, two numbers, session 41.

use std::{boxed::Box, string::ToString, vec::Vec};

use ensign_primitives::{SIGNERS_MAX, SignerIndex};

use super::values::{NETWORK, body_bytes, largest_request, smallest};
use super::values::{delegation, node_key, signer_key};
use crate::{Body, DecodeError, Frame, Header, Kind, SessionAnnounce, SignedRequest};

/// Where the sequence number stands.
const SEQ: usize = 34;
/// Where the time of sending stands, after a sequence number of one byte.
const SENT_AT: usize = 35;
/// Where the body's kind stands, after a time of six bytes and the session.
const TAG: usize = 73;
/// Where an announcement's first signer key stands: after attempt, network, scheme and count.
const KEYS: usize = 78;

/// Decodes the smallest body of `kind` after `change`.
fn refused(kind: Kind, change: impl FnOnce(&mut Vec<u8>)) -> DecodeError {
    let mut bytes = body_bytes(smallest(kind));
    change(&mut bytes);
    Frame::decode(kind, &bytes, NETWORK).unwrap_err()
}

fn malformed(offset: usize, expected: &'static str, seen: u8) -> DecodeError {
    DecodeError::Malformed { offset, expected, seen: Some(seen) }
}

#[test]
fn unknown_network_is_named_where_it_stands() {
    let error = refused(Kind::SessionReady, |bytes| bytes[1] = 4);
    assert_eq!(error, malformed(1, "a known variant", 4));
    assert_eq!(error.to_string(), "expected a known variant at offset 1, saw byte 0x04");
}

#[test]
fn unknown_statement_is_named_where_it_stands() {
    let error = refused(Kind::SessionReady, |bytes| bytes[TAG] = 0x2c);
    assert_eq!(error, malformed(TAG, "a known variant", 0x2c));
}

#[test]
fn unknown_reason_is_named_where_it_stands() {
    let error = refused(Kind::SessionAbort, |bytes| bytes[TAG + 1] = 13);
    assert_eq!(error, malformed(TAG + 1, "a known variant", 13));
}

#[test]
fn option_marker_above_one_is_named_where_it_stands() {
    let error = refused(Kind::SessionAbort, |bytes| bytes[TAG + 2] = 2);
    assert_eq!(error, malformed(TAG + 2, "an option marker 0 or 1", 2));
}

#[test]
fn number_wider_than_its_type_is_refused_at_its_last_byte() {
    let wide = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    let error = refused(Kind::SessionReady, |bytes| {
        bytes.splice(SEQ..=SEQ, wide);
    });
    assert_eq!(error, malformed(SEQ + 9, "a number of at most its type's width", 2));
    let error = refused(Kind::NonceShare, |bytes| {
        bytes.splice(TAG + 1..TAG + 2, [0x80, 0x80, 0x04]);
    });
    assert_eq!(error, malformed(TAG + 3, "a number of at most its type's width", 4));
}

#[test]
fn number_longer_than_needed_is_refused_at_its_first_byte() {
    let long = |at: usize| {
        move |bytes: &mut Vec<u8>| {
            let byte = bytes[at];
            bytes.splice(at..=at, [byte | 0x80, 0]);
        }
    };
    for (kind, at) in [
        (Kind::SessionReady, 1),
        (Kind::SessionReady, SEQ),
        (Kind::SessionReady, TAG + 1),
        (Kind::NonceShare, TAG + 2),
        (Kind::SessionAnnounce, TAG + 1),
        (Kind::SessionAnnounce, KEYS - 1),
    ] {
        let byte = body_bytes(smallest(kind))[at];
        let error = refused(kind, long(at));
        let expected = DecodeError::NonCanonical { offset: at, seen: Some(byte | 0x80) };
        assert_eq!(error, expected, "{kind:?}");
    }
    // The last byte of a longer number carries on where it should have ended.
    let at = SENT_AT + 5;
    let byte = body_bytes(smallest(Kind::SessionReady))[at];
    let expected = DecodeError::NonCanonical { offset: at, seen: Some(byte | 0x80) };
    assert_eq!(refused(Kind::SessionReady, long(at)), expected);
    let text = expected.to_string();
    assert_eq!(text, "expected the shortest encoding at offset 40, saw byte 0xb3");
}

#[test]
fn body_that_ends_too_early_is_refused_at_its_end() {
    let error = refused(Kind::SessionReady, |bytes| bytes.truncate(100));
    let expected = DecodeError::Malformed { offset: 100, expected: "more bytes", seen: None };
    assert_eq!(error, expected);
    assert_eq!(error.to_string(), "expected more bytes at offset 100, saw the end");
}

#[test]
fn count_beyond_the_bytes_is_refused_at_the_end() {
    let mut length = 0;
    let error = refused(Kind::NonceShare, |bytes| {
        bytes.splice(TAG + 2..TAG + 3, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        length = bytes.len();
    });
    let expected = DecodeError::Malformed { offset: length, expected: "more bytes", seen: None };
    assert_eq!(error, expected);
}

#[test]
fn text_that_is_no_utf8_is_refused_at_its_first_bad_byte() {
    let mut at = 0;
    let error = refused(Kind::SessionAnnounce, |bytes| {
        at = bytes.windows(4).position(|text| text == b"rent").unwrap() + 2;
        bytes[at] = 0xff;
    });
    assert_eq!(error, malformed(at, "UTF-8 text", 0xff));
}

#[test]
fn signer_key_off_the_curve_is_refused_at_its_first_byte() {
    for key in 0..3 {
        let start = KEYS + 33 * key;
        let point = "a compressed point on the curve";
        let off_curve = |bytes: &mut Vec<u8>| bytes[start + 1..start + 33].fill(0xff);
        assert_eq!(refused(Kind::SessionAnnounce, off_curve), malformed(start, point, 2));
        let no_prefix = |bytes: &mut Vec<u8>| bytes[start] = 5;
        assert_eq!(refused(Kind::SessionAnnounce, no_prefix), malformed(start, point, 5));
    }
}

#[test]
fn bad_field_after_the_signer_keys_is_not_taken_for_a_key() {
    // The tweak of the first message, after three keys, the count and the digest.
    let tweak = KEYS + 33 * 3 + 1 + 32;
    let error = refused(Kind::SessionAnnounce, |bytes| bytes[tweak] = 3);
    assert_eq!(error, malformed(tweak, "a known variant", 3));
}

#[test]
fn signer_twice_is_refused_with_both_places() {
    let error = refused(Kind::SessionAnnounce, |bytes| {
        bytes[KEYS + 66..KEYS + 99].copy_from_slice(&signer_key(0).to_bytes());
    });
    let (first, second) = (SignerIndex(0), SignerIndex(2));
    assert_eq!(error, DecodeError::DuplicateSigner { first, second });
}

#[test]
fn too_many_signers_are_refused_before_a_point_is_computed() {
    let proof = delegation(0, 0, NETWORK);
    let request = SignedRequest::sign(largest_request(), node_key(0), proof).unwrap();
    let body = Body::SessionAnnounce(Box::new(SessionAnnounce { attempt: 1, request }));
    let mut bytes = body_bytes(body);
    assert_eq!(bytes[KEYS - 1..=KEYS], [0x80, 0x02], "a count of two bytes");
    bytes[KEYS - 1] = 0x81;
    // No key is a point: whoever looked at one would say so.
    bytes[KEYS + 1..].fill(0xff);
    let (min, max) = (1, SIGNERS_MAX as u64);
    let expected = DecodeError::OutOfRange { field: "signers", min, max, seen: 257 };
    assert_eq!(Frame::decode(Kind::SessionAnnounce, &bytes, NETWORK), Err(expected));
    bytes[KEYS - 1] = 0;
    bytes.remove(KEYS);
    let expected = DecodeError::OutOfRange { field: "signers", min, max, seen: 0 };
    assert_eq!(Frame::decode(Kind::SessionAnnounce, &bytes, NETWORK), Err(expected));
}

#[test]
fn counts_and_indexes_outside_their_limits_are_named() {
    let check = |kind, at: usize, bytes: &[u8], field, (min, max, seen)| {
        let error = refused(kind, |whole| {
            whole.splice(at..=at, bytes.iter().copied());
        });
        assert_eq!(error, DecodeError::OutOfRange { field, min, max, seen });
    };
    check(Kind::SessionAnnounce, TAG + 1, &[0], "attempt", (1, 65_535, 0));
    check(Kind::SessionAbort, SEQ, &[0], "seq", (1, u64::MAX, 0));
    check(Kind::SessionJoin, SEQ, &[0], "seq", (1, u64::MAX, 0));
    check(Kind::NonceShare, TAG + 1, &[0x80, 2], "signer", (0, 255, 256));
    check(Kind::NoncesComplete, TAG + 1, &[0x80, 2], "signer", (0, 255, 256));
    check(Kind::SessionAbort, TAG + 2, &[1, 0x80, 2], "signer", (0, 255, 256));
}

#[test]
fn list_without_an_element_is_refused() {
    for (kind, at, bytes, field) in [
        (Kind::NonceShare, TAG + 2, 66, "nonces"),
        (Kind::PartialSigShare, TAG + 34, 32, "partial signatures"),
        (Kind::SignatureFinalized, TAG + 1, 64, "signatures"),
    ] {
        let error = refused(kind, |whole| {
            whole.splice(at..=at + bytes, [0]);
        });
        assert_eq!(error, DecodeError::OutOfRange { field, min: 1, max: 1024, seen: 0 });
    }
}

#[test]
fn errors_of_a_whole_frame_count_from_its_first_byte() {
    let envelope = super::values::signed(smallest(Kind::SessionAbort));
    let mut bytes = Frame::Envelope(Box::new(envelope)).encode();
    let header = Header::decode(&bytes).unwrap().unwrap().header_len;
    bytes[header + TAG + 2] = 2;
    let expected = malformed(header + TAG + 2, "an option marker 0 or 1", 2);
    assert_eq!(Frame::decode_whole(&bytes, NETWORK), Err(expected));
}

#[test]
fn hello_and_welcome_outside_their_limits_are_named() {
    let hello = |versions: [u8; 2]| {
        Frame::decode(Kind::Hello, &[0, versions[0], versions[1], 0, 0, 0, 0], NETWORK)
    };
    assert!(hello([1, 1]).is_ok());
    let expected = DecodeError::OutOfRange { field: "version range", min: 2, max: 255, seen: 1 };
    assert_eq!(hello([2, 1]), Err(expected));
    let welcome = |addresses: u8| {
        let mut bytes = [[0; 9].as_slice(), &[addresses]].concat();
        (0..addresses).for_each(|_| bytes.extend([0, 127, 0, 0, 1, 1]));
        Frame::decode(Kind::Welcome, &bytes, NETWORK)
    };
    assert!(welcome(8).is_ok());
    let expected = DecodeError::OutOfRange { field: "addresses", min: 0, max: 8, seen: 9 };
    assert_eq!(welcome(9), Err(expected));
}

#[test]
fn price_of_no_bit_and_of_more_than_a_number_has_is_named() {
    let price = |bits: u8| {
        let body = [&[1, bits, 0][..], &[7; 32]].concat();
        Frame::decode(Kind::Price, &body, NETWORK)
    };
    assert!(price(1).is_ok() && price(64).is_ok());
    for seen in [0, 65] {
        let (field, min, max) = ("zero bits of a price", 1, 64);
        let expected = DecodeError::OutOfRange { field, min, max, seen: seen.into() };
        assert_eq!(price(seen), Err(expected));
    }
}

#[test]
fn payload_without_a_byte_or_with_too_many_is_named() {
    let payload = |count: &[u8], bytes: usize| {
        let body = [&[0; 32], count, &std::vec![0; bytes]].concat();
        Frame::decode(Kind::Payload, &body, NETWORK)
    };
    let (field, min, max) = ("payload bytes", 1, 1 << 20);
    assert_eq!(payload(&[0], 0), Err(DecodeError::OutOfRange { field, min, max, seen: 0 }));
    let seen = max + 1;
    let one_more = payload(&[0x81, 0x80, 0x40], seen as usize);
    assert_eq!(one_more, Err(DecodeError::OutOfRange { field, min, max, seen }));
}
