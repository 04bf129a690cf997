//! Cases for bytes that are no message: cut, too long, written in a second way, or random.

use std::{boxed::Box, vec, vec::Vec};

use ensign_primitives::{GroupId, QueryId, RequestId, UnixTime};
use proptest::{prelude::*, sample::Index};

use super::values::{NETWORK, body_kinds, frames, node_key, signed, smallest};
use crate::{
    DecodeError, Family, Frame, Groups, Header, Hello, Introduced, Kind, Limits, PROTOCOL_VERSION,
    Roles, Welcome,
};

/// One frame of each kind.
fn one_of_each() -> Vec<Frame> {
    let hello = Hello {
        roles: Roles::SIGNER,
        version_min: 1,
        version_max: 1,
        observed: Some("127.0.0.1:1".parse().unwrap()),
        limits: Limits { payload_bytes: 1, messages: 1, requests: 1 },
    };
    let request = RequestId::from_bytes([7; 32]);
    let mut frames = vec![
        Frame::Hello(hello),
        Frame::Ping(QueryId(1)),
        Frame::Pong(QueryId(300)),
        Frame::Payload { request, bytes: vec![1, 2, 3] },
        Frame::Groups(Groups {
            shared: vec![GroupId::from_bytes([1; 32]), GroupId::from_bytes([2; 32])],
        }),
        Frame::Delegation(Introduced {
            hint: [7; 8],
            peer: node_key(0).peer_id(),
            proof: super::values::delegation(0, 0, NETWORK),
        }),
        Frame::Welcome(Welcome {
            clock: UnixTime::from_millis(1),
            instance: [7; 8],
            listening: vec!["[::1]:2".parse().unwrap()],
        }),
    ];
    frames.extend(body_kinds().map(|kind| Frame::Envelope(Box::new(signed(smallest(kind))))));
    frames
}

#[test]
fn groups_that_do_not_rise_or_are_too_many_are_refused() {
    let id = |byte| GroupId::from_bytes([byte; 32]);
    let decode = |shared: Vec<GroupId>| {
        Frame::decode_whole(&Frame::Groups(Groups { shared }).encode(), NETWORK)
    };
    for shared in [vec![id(1), id(1)], vec![id(2), id(1)], vec![id(1), id(3), id(2)]] {
        let (max, seen) = (shared.len() as u64, shared.len() as u64 - 1);
        let field = "rising shared groups";
        assert_eq!(decode(shared), Err(DecodeError::OutOfRange { field, min: max, max, seen }));
    }
    assert!(decode(Vec::new()).is_ok());
    let most = crate::SHARED_GROUPS_MAX as u8;
    assert!(decode((0..most).map(id).collect()).is_ok());
    let (field, max) = ("shared groups", u64::from(most));
    let too_many = Err(DecodeError::OutOfRange { field, min: 0, max, seen: max + 1 });
    let header = Kind::Groups.limit();
    assert!(header < 32 * (usize::from(most) + 1), "the frame is cut before it is read");
    let mut body = vec![most + 1];
    body.extend((0..=most).flat_map(|byte| [byte; 32]));
    let decoded: Result<Groups, _> = crate::codec::decode(&body);
    assert_eq!(
        decoded.and_then(|groups| groups.validate()).map(|()| Frame::Ping(QueryId(0))),
        too_many
    );
}

fn end(offset: usize) -> DecodeError {
    DecodeError::Malformed { offset, expected: "more bytes", seen: None }
}

#[test]
fn every_prefix_of_every_frame_is_refused_at_its_end() {
    for frame in one_of_each() {
        let bytes = frame.encode();
        let header = Header::decode(&bytes).unwrap().unwrap();
        for cut in 0..bytes.len() {
            let head = Header::decode(&bytes[..cut]).unwrap();
            assert_eq!(head, (cut >= header.header_len).then_some(header));
            assert_eq!(Frame::decode_whole(&bytes[..cut], NETWORK), Err(end(cut)));
        }
    }
}

#[test]
fn every_prefix_of_every_body_is_refused_at_its_end() {
    for frame in one_of_each() {
        let bytes = frame.encode();
        let header = Header::decode(&bytes).unwrap().unwrap();
        let body = &bytes[header.header_len..];
        for cut in 0..body.len() {
            let decoded = Frame::decode(frame.kind(), &body[..cut], NETWORK);
            assert_eq!(decoded, Err(end(cut)), "{:?}", frame.kind());
        }
    }
}

#[test]
fn bytes_after_every_frame_and_body_are_refused_and_counted() {
    for frame in one_of_each() {
        let mut bytes = frame.encode();
        let header = Header::decode(&bytes).unwrap().unwrap();
        let end = bytes.len();
        bytes.extend([0, 0]);
        let after_frame = DecodeError::TrailingBytes { offset: end, extra: 2 };
        assert_eq!(Frame::decode_whole(&bytes, NETWORK), Err(after_frame));
        let body = &bytes[header.header_len..=end];
        let after_body = DecodeError::TrailingBytes { offset: header.body_len, extra: 1 };
        if body.len() <= header.kind.limit() {
            assert_eq!(Frame::decode(header.kind, body, NETWORK), Err(after_body));
        }
    }
}

#[test]
fn number_that_is_longer_than_needed_is_refused_wherever_it_stands() {
    for frame in one_of_each() {
        let bytes = frame.encode();
        let header = Header::decode(&bytes).unwrap().unwrap();
        let body = &bytes[header.header_len..];
        for at in 0..body.len() {
            // As a number the same value; elsewhere one byte too many.
            let long: Vec<u8> = [&body[..at], &[body[at] | 0x80, 0x00], &body[at + 1..]].concat();
            let decoded = Frame::decode(header.kind, &long, NETWORK);
            assert_ne!(decoded.as_ref(), Ok(&frame), "{:?} at {at}", header.kind);
            if let Ok(Frame::Envelope(envelope)) = decoded {
                assert!(!envelope.verify(), "{:?} at {at}", header.kind);
            }
        }
    }
}

#[test]
fn header_of_each_kind_is_refused_above_its_limit_before_the_body_is_there() {
    for kind in Kind::ALL {
        let limit = kind.limit();
        let mut largest = Vec::new();
        Header::encode(kind, limit, &mut largest);
        let header = Header { kind, body_len: limit, header_len: largest.len() };
        assert_eq!(Header::decode(&largest), Ok(Some(header)));
        let mut above = Vec::new();
        Header::encode(kind, limit + 1, &mut above);
        let expected = DecodeError::FrameTooLarge { kind, limit, seen: limit + 1 };
        assert_eq!(Header::decode(&above), Err(expected.clone()));
        assert_eq!(Frame::decode(kind, &vec![0; limit + 1], NETWORK), Err(expected));
    }
}

#[test]
fn length_of_a_frame_in_more_bytes_than_needed_is_refused() {
    for length in [&[0x80, 0x00][..], &[0x81, 0x80, 0x00], &[0xff, 0xff, 0xff], &[0x80, 0x80, 0x80]]
    {
        let bytes = [&[Kind::Payload.id()], length].concat();
        assert_eq!(Header::decode(&bytes), Err(DecodeError::LengthEncoding), "{length:02x?}");
    }
}

#[test]
fn every_byte_that_is_no_kind_is_named() {
    let ids = Kind::ALL.map(Kind::id);
    for seen in (0..=255).filter(|id| !ids.contains(id)) {
        assert_eq!(Kind::from_id(seen), None);
        assert_eq!(Header::decode(&[seen]), Err(DecodeError::UnknownKind { seen }));
    }
}

#[test]
fn kind_has_one_number_in_headers_bodies_and_refusals() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_id(kind.id()), Some(kind));
        assert_eq!(crate::codec::encode(&kind), [kind.id()]);
        assert_eq!(kind.facts().id, kind.id());
    }
    for kind in body_kinds() {
        assert_eq!(smallest(kind).kind(), kind);
        assert_eq!(crate::codec::encode(&smallest(kind))[0], kind.id());
    }
}

#[test]
fn numbers_of_kinds_rise_and_no_family_has_those_of_another() {
    assert!(Kind::ALL.is_sorted_by(|one, next| one.id() < next.id()));
    assert!(Family::ALL.is_sorted_by(|one, next| one.ids().end() < next.ids().start()));
    for family in Family::ALL {
        assert!(
            family.ids().len() > Kind::ALL.iter().filter(|kind| kind.family() == family).count()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_prefix_of_any_frame_is_refused_at_its_end(frame in frames(), cut in any::<Index>()) {
        let bytes = frame.encode();
        let cut = cut.index(bytes.len());
        prop_assert_eq!(Frame::decode_whole(&bytes[..cut], NETWORK), Err(end(cut)));
    }

    #[test]
    fn any_bytes_are_refused_or_mean_one_value(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(frame) = Frame::decode_whole(&bytes, NETWORK) {
            prop_assert_eq!(frame.encode(), bytes);
        }
    }

    #[test]
    fn any_body_is_refused_or_means_one_value(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        start in prop_oneof![Just(Vec::new()), Just(Vec::from([PROTOCOL_VERSION, 3]))],
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let body = [start, rest].concat();
        if let Ok(frame) = Frame::decode(kind, &body, NETWORK) {
            let encoded = frame.encode();
            let header = Header::decode(&encoded).unwrap().unwrap().header_len;
            prop_assert_eq!(&encoded[header..], &body[..]);
        }
    }

    #[test]
    fn any_damage_to_any_frame_is_refused_or_means_one_value(
        frame in frames(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = frame.encode();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(frame) = Frame::decode_whole(&bytes, NETWORK) {
            prop_assert_eq!(frame.encode(), bytes);
        }
    }
}
