//! Cases for groups and sets of signers.

use std::{string::ToString, vec::Vec};

use ensign_primitives::{Network, SIGNERS_MAX, SignerIndex};
use proptest::prelude::*;

use super::values::{NETWORK, NOW, SESSION};
use super::values::{body_bytes, node_key, signer_key, signer_sets};
use crate::{Body, DecodeError, Envelope, Frame, GroupKeys, Kind, SessionReady, SignerSet};

fn group(keys: impl IntoIterator<Item = usize>) -> Result<GroupKeys, DecodeError> {
    GroupKeys::new(keys.into_iter().map(signer_key).collect())
}

#[test]
fn group_without_a_key_is_refused() {
    let expected = DecodeError::OutOfRange { field: "signers", min: 1, max: 256, seen: 0 };
    assert_eq!(group([]), Err(expected));
}

#[test]
fn group_holds_as_many_keys_as_signers_max_and_no_more() {
    assert_eq!(group(0..SIGNERS_MAX).map(|keys| keys.len()), Ok(SIGNERS_MAX));
    let one_more = (0..SIGNERS_MAX).chain([0]).map(signer_key).collect();
    let expected = DecodeError::OutOfRange { field: "signers", min: 1, max: 256, seen: 257 };
    assert_eq!(GroupKeys::new(one_more), Err(expected));
}

#[test]
fn group_with_a_key_twice_is_refused_with_both_places() {
    let error = group([4, 7, 5, 7]).unwrap_err();
    let (first, second) = (SignerIndex(1), SignerIndex(3));
    assert_eq!(error, DecodeError::DuplicateSigner { first, second });
    assert_eq!(error.to_string(), "signers 1 and 3 have the same key");
}

#[test]
fn group_knows_the_place_of_each_key() {
    let keys = group([4, 7, 5]).unwrap();
    assert_eq!(keys.get(SignerIndex(1)), Some(&signer_key(7)));
    assert_eq!(keys.get(SignerIndex(3)), None);
    assert_eq!(keys.index_of(&signer_key(5)), Some(SignerIndex(2)));
    assert_eq!(keys.index_of(&signer_key(6)), None);
    assert_eq!(keys.as_slice(), [4, 7, 5].map(signer_key));
}

#[test]
fn group_name_depends_on_order_members_and_network() {
    let name = |keys: &[usize], network| group(keys.iter().copied()).unwrap().group_id(network);
    let base = name(&[1, 2], NETWORK);
    assert_eq!(base, name(&[1, 2], NETWORK));
    assert_ne!(base, name(&[2, 1], NETWORK));
    assert_ne!(base, name(&[1, 2, 3], NETWORK));
    assert_ne!(base, name(&[1, 2], Network::Bitcoin));
}

#[test]
fn signer_set_with_a_zero_byte_at_its_end_is_refused() {
    // The set of signer 0 in two bytes where one is enough.
    let mut bytes = body_bytes(Body::SessionReady(SessionReady {
        joined: [SignerIndex(0), SignerIndex(8)].into_iter().collect(),
    }));
    let last_of_set = bytes.len() - 65;
    bytes[last_of_set] = 0;
    let field = "last byte of a signer set";
    let expected = DecodeError::OutOfRange { field, min: 1, max: 255, seen: 0 };
    assert_eq!(Frame::decode(Kind::SessionReady, &bytes, NETWORK), Err(expected));
}

#[test]
fn signer_set_beyond_the_largest_group_is_not_signed() {
    let joined: SignerSet = [SignerIndex(SIGNERS_MAX as u16)].into_iter().collect();
    let body = Body::SessionReady(SessionReady { joined });
    let expected = DecodeError::OutOfRange { field: "signer set bytes", min: 0, max: 32, seen: 33 };
    assert_eq!(Envelope::sign(node_key(0), NETWORK, SESSION, 1, NOW, body), Err(expected));
}

proptest! {
    #[test]
    fn signer_set_contains_what_it_was_made_of(signers in prop::collection::vec(0..256_u16, 0..40)) {
        let set: SignerSet = signers.iter().copied().map(SignerIndex).collect();
        for signer in 0..300 {
            prop_assert_eq!(set.contains(SignerIndex(signer)), signers.contains(&signer));
        }
    }

    #[test]
    fn equal_sets_are_equal_however_they_were_made(set in signer_sets()) {
        let mut members: Vec<_> =
            (0..SIGNERS_MAX as u16).map(SignerIndex).filter(|at| set.contains(*at)).collect();
        members.reverse();
        members.extend(members.clone());
        prop_assert_eq!(members.into_iter().collect::<SignerSet>(), set);
    }
}
