//! Cases for what a signer consents to, and who may ask for it.

use std::string::{String, ToString};
use std::{vec, vec::Vec};

use ensign_identity::{DelegationError, Signature};
use ensign_primitives::{KeyPath, Network, RequestId, SignerIndex, UnixTime};
use proptest::prelude::*;

use super::values::{NETWORK, NOW, delegation, fixed_request, node_key, requests, signer_key};
use crate::{
    DecodeError, GroupKeys, KeyTweak, Message, Mode, Payload, RequestError, SignedRequest,
    SigningRequest, TxType,
};

/// `request` as its creator, signer 0 with node 10, signs it.
fn signed(request: SigningRequest) -> SignedRequest {
    SignedRequest::sign(request, node_key(10), delegation(0, 10, NETWORK)).unwrap()
}

fn refused(change: impl FnOnce(&mut SigningRequest)) -> DecodeError {
    let mut request = fixed_request();
    change(&mut request);
    SignedRequest::sign(request, node_key(0), delegation(0, 0, NETWORK)).unwrap_err()
}

#[test]
fn sorted_keys_are_one_group_whatever_order_they_come_in() {
    let orders = [[0, 1, 2], [2, 0, 1], [1, 2, 0]].map(|order| order.map(signer_key).to_vec());
    let sorted = orders.map(|keys| GroupKeys::sorted(keys).unwrap());
    assert!(sorted.iter().all(|keys| *keys == sorted[0]));
    let bytes: Vec<_> = sorted[0].as_slice().iter().map(|key| key.to_bytes()).collect();
    assert!(bytes.is_sorted(), "{bytes:?}");
    let twice = GroupKeys::sorted(vec![signer_key(1), signer_key(0), signer_key(1)]);
    assert!(matches!(twice, Err(DecodeError::DuplicateSigner { .. })), "{twice:?}");
}

#[test]
fn creators_request_verifies_and_gives_its_delegation() {
    let delegation = signed(fixed_request()).verify(NOW).unwrap();
    assert_eq!(delegation.signer(), signer_key(0));
    assert_eq!(delegation.peer(), node_key(10).peer_id());
}

#[test]
fn request_signed_by_another_node_is_refused_with_the_node_that_should_have() {
    let mut request = signed(fixed_request());
    request.signature = node_key(11).sign(fixed_request().id().as_bytes());
    let error = request.verify(NOW).unwrap_err();
    assert_eq!(error, RequestError::Signature { peer: node_key(10).peer_id() });
    assert_eq!(request.verify_signatures(), Err(error.clone()));
    assert!(error.to_string().starts_with("the request is not signed by node "), "{error}");
}

#[test]
fn request_by_a_node_without_delegation_is_refused() {
    let request = SignedRequest::sign(fixed_request(), node_key(11), delegation(0, 10, NETWORK));
    let (signer, peer) = (signer_key(0), node_key(11).peer_id());
    let expected = RequestError::Delegation(DelegationError::Signature { signer, peer });
    let request = request.unwrap();
    assert_eq!(request.verify(NOW), Err(expected.clone()));
    assert_eq!(request.verify_signatures(), Err(expected));
}

#[test]
fn request_by_the_node_of_another_signer_is_refused() {
    // Signer 1's node asks in the name of signer 0.
    let request = SignedRequest::sign(fixed_request(), node_key(11), delegation(1, 11, NETWORK));
    let error = request.unwrap().verify(NOW).unwrap_err();
    assert!(matches!(error, RequestError::Delegation(DelegationError::Signature { .. })));
}

#[test]
fn delegation_on_another_network_is_refused() {
    let foreign = delegation(0, 10, Network::Bitcoin);
    let request = SignedRequest::sign(fixed_request(), node_key(10), foreign).unwrap();
    let error = request.verify(NOW).unwrap_err();
    assert!(matches!(error, RequestError::Delegation(DelegationError::Signature { .. })));
}

#[test]
fn delegation_that_has_ended_is_refused_with_its_end() {
    let request = signed(fixed_request());
    let (expires, now) = (request.delegation.expires, request.delegation.expires);
    let expected = RequestError::Delegation(DelegationError::Expired { expires, now });
    assert_eq!(request.verify(now), Err(expected));
    request.verify_signatures().unwrap();
}

#[test]
fn creator_outside_the_group_is_refused() {
    // Cannot be signed or decoded; only a hand-made value gets this far.
    let mut request = signed(fixed_request());
    request.request.creator = SignerIndex(3);
    let expected = RequestError::CreatorIndex { creator: SignerIndex(3), signers: 3 };
    assert_eq!(request.verify(NOW), Err(expected.clone()));
    assert_eq!(request.verify_signatures(), Err(expected));
}

#[test]
fn any_field_changed_after_signing_breaks_the_signature() {
    let changes: [fn(&mut SigningRequest); 12] = [
        |request| request.messages[0].digest[31] ^= 1,
        |request| request.messages[1].tweak = KeyTweak::None,
        |request| request.messages.swap(0, 1),
        |request| request.messages.truncate(1),
        |request| request.payload = Payload::Psbt { digest: [0; 32], len: 1 },
        |request| request.purpose.push('!'),
        |request| request.tx_type = TxType::Swap,
        |request| request.amount += 1,
        |request| request.created = UnixTime::from_millis(NOW.as_millis() - 1),
        |request| request.mode = Mode::Fast,
        |request| request.nonce[0] ^= 1,
        |request| request.signers = GroupKeys::new(Vec::from([0, 2, 1].map(signer_key))).unwrap(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut request = signed(fixed_request());
        change(&mut request.request);
        let expected = RequestError::Signature { peer: node_key(10).peer_id() };
        assert_eq!(request.verify(NOW), Err(expected), "change {number}");
    }
}

#[test]
fn garbage_signature_is_refused() {
    let mut request = signed(fixed_request());
    request.signature = Signature([0xff; 64]);
    assert!(matches!(request.verify(NOW), Err(RequestError::Signature { .. })));
}

#[test]
fn request_without_messages_is_refused() {
    let expected = DecodeError::OutOfRange { field: "messages", min: 1, max: 1024, seen: 0 };
    assert_eq!(refused(|request| request.messages.clear()), expected);
}

#[test]
fn request_for_too_many_messages_is_refused() {
    let message = Message { digest: [0; 32], tweak: KeyTweak::None };
    let expected = DecodeError::OutOfRange { field: "messages", min: 1, max: 1024, seen: 1025 };
    assert_eq!(refused(|request| request.messages = std::vec![message; 1025]), expected);
}

/// Decodes a request whose second message is signed under a tweak of these bytes.
fn with_tweak(bytes: &[u8]) -> Result<KeyTweak, DecodeError> {
    let mut request = fixed_request();
    let marker = KeyTweak::Taproot { path: KeyPath::ROOT, merkle_root: Some([0xa5; 32]) };
    request.messages[1].tweak = marker;
    let encoded = request.encode();
    let marker: Vec<u8> = [1, 1].into_iter().chain([0xa5; 32]).collect();
    let at = encoded.windows(marker.len()).position(|seen| seen == marker).unwrap();
    let changed = [&encoded[..at], bytes, &encoded[at + marker.len()..]].concat();
    SigningRequest::decode(&changed).map(|request| request.messages[1].tweak)
}

#[test]
fn paths_of_children_have_one_encoding_and_no_hardened_or_fifth_step() {
    let child = |steps: &[u32]| {
        let path = KeyPath::new(steps).unwrap();
        Ok(KeyTweak::Taproot { path, merkle_root: None })
    };
    assert_eq!(with_tweak(&[1, 0]), Ok(KeyTweak::ADDRESS));
    assert_eq!(with_tweak(&[2, 2, 0, 3, 0]), child(&[0, 3]));
    let most = [2, 1, 0xff, 0xff, 0xff, 0xff, 7, 0];
    assert_eq!(with_tweak(&most), child(&[0x7fff_ffff]));
    assert_eq!(with_tweak(&[2, 4, 9, 8, 7, 6, 0]), child(&[9, 8, 7, 6]));
    let refused = |bytes: &[u8]| with_tweak(bytes).unwrap_err();
    let empty = refused(&[2, 0, 0]);
    assert!(matches!(empty, DecodeError::NonCanonical { .. }), "{empty:?}");
    let long = refused(&[2, 2, 0x80, 0, 3, 0]);
    assert!(matches!(long, DecodeError::NonCanonical { .. }), "{long:?}");
    for bad in [
        &[2, 1, 0x80, 0x80, 0x80, 0x80, 8, 0][..],
        &[2, 5, 0, 0, 0, 0, 0, 0],
        &[2, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 0],
        &[3, 0],
    ] {
        assert!(matches!(refused(bad), DecodeError::Malformed { .. }), "{bad:02x?}");
    }
}

#[test]
fn long_purpose_is_refused() {
    let expected = DecodeError::OutOfRange { field: "purpose bytes", min: 0, max: 256, seen: 258 };
    assert_eq!(refused(|request| request.purpose = "é".repeat(129)), expected);
}

#[test]
fn purpose_with_a_terminal_escape_is_refused_where_it_stands() {
    let error = refused(|request| request.purpose = String::from("é\u{1b}[2J"));
    assert_eq!(error, DecodeError::ControlCharacter { at: 2, seen: '\u{1b}' });
    assert_eq!(error.to_string(), "expected visible text, saw '\\u{1b}' at byte 2 of the purpose");
}

#[test]
fn creator_beyond_the_signers_is_refused() {
    let expected = DecodeError::OutOfRange { field: "creator", min: 0, max: 2, seen: 3 };
    assert_eq!(refused(|request| request.creator = SignerIndex(3)), expected);
}

#[test]
fn payload_without_bytes_or_with_too_many_is_refused() {
    let (min, max) = (1, 1 << 20);
    for len in [0, (1 << 20) + 1] {
        let expected =
            DecodeError::OutOfRange { field: "payload bytes", min, max, seen: len.into() };
        assert_eq!(
            refused(|request| request.payload = Payload::Psbt { digest: [0; 32], len }),
            expected
        );
    }
}

/// A drill has one message and amount zero.
pub(super) fn as_drill(mut request: SigningRequest) -> SigningRequest {
    if request.payload == Payload::Drill {
        (request.messages, request.amount) = (Vec::from([request.drill_message()]), 0);
    }
    request
}

#[test]
fn a_drill_that_signs_something_else_than_a_drill_is_refused() {
    let drill = |request: &mut SigningRequest| {
        (request.payload, request.amount) = (Payload::Drill, 0);
        request.messages = vec![request.drill_message()];
    };
    let mut whole = fixed_request();
    drill(&mut whole);
    assert_eq!(SigningRequest::decode(&whole.encode()), Ok(whole.clone()));
    let change = |change: fn(&mut SigningRequest)| {
        refused(|request| {
            drill(request);
            change(request);
        })
    };
    // A sighash in its place; the message of another request, another group, another key.
    let other = [
        change(|request| request.messages[0].digest = [7; 32]),
        change(|request| request.nonce[0] ^= 1),
        change(|request| {
            request.signers = GroupKeys::new(vec![signer_key(0), signer_key(1)]).unwrap()
        }),
        change(|request| request.messages[0].tweak = KeyTweak::None),
    ];
    assert!(other.iter().all(|error| *error == DecodeError::DrillMessage), "{other:?}");
    let (field, min, max) = ("messages of a drill", 1, 1);
    let twice = change(|request| request.messages.push(request.messages[0]));
    assert_eq!(twice, DecodeError::OutOfRange { field, min, max, seen: 2 });
    let (field, min, max) = ("amount of a drill", 0, 0);
    let paid = change(|request| request.amount = 1);
    assert_eq!(paid, DecodeError::OutOfRange { field, min, max, seen: 1 });
}

#[test]
fn request_that_ends_before_it_starts_or_after_a_day_is_refused() {
    let max = 86_400_000;
    for (end, seen) in [(0, 0), (NOW.as_millis(), 0), (NOW.as_millis() + max + 1, max + 1)] {
        let expected = DecodeError::OutOfRange { field: "lifetime in ms", min: 1, max, seen };
        assert_eq!(refused(|request| request.expires = UnixTime::from_millis(end)), expected);
    }
}

#[test]
fn regression_request_at_the_end_of_time_has_no_room_to_last() {
    let end = UnixTime::from_millis(u64::MAX);
    let error = refused(|request| (request.created, request.expires) = (end, end));
    assert!(matches!(error, DecodeError::OutOfRange { seen: 0, .. }), "{error}");
}

#[test]
fn each_attempt_and_network_is_a_session_of_its_own() {
    let id = RequestId::from_bytes([1; 32]);
    let first = SigningRequest::session_id(id, NETWORK, 1);
    assert_eq!(first, SigningRequest::session_id(id, NETWORK, 1));
    assert_ne!(first, SigningRequest::session_id(id, NETWORK, 2));
    assert_ne!(first, SigningRequest::session_id(id, Network::Bitcoin, 1));
    assert_ne!(first, SigningRequest::session_id(RequestId::from_bytes([2; 32]), NETWORK, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn signature_holds_for_one_request_only(a in requests(), b in requests()) {
        let delegation = delegation(0, 0, NETWORK);
        let mut one = SignedRequest::sign(a.clone(), node_key(0), delegation).unwrap();
        let other = SignedRequest::sign(b.clone(), node_key(0), delegation).unwrap();
        prop_assert_eq!(one.signature == other.signature, a == b);
        one.request = b;
        prop_assert_eq!(one == other, a == one.request);
    }
}
