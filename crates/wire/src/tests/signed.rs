//! Cases for what keeps one signed thing apart from another.

use std::vec::Vec;

use ensign_primitives::Network;
use serde::{Deserialize, Serialize};

use super::values::{NETWORK, NOW, SESSION, body_kinds, node_key, signed, smallest};
use crate::{DecodeError, Kind, Signable, Signed, Statement, codec};

/// Two types with the bytes of a statement, and of each other, under tags of their own.
macro_rules! likeness {
    ($name:ident, $tag:literal) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct $name(Statement);

        impl Signable for $name {
            const TAG: &'static str = $tag;

            fn validate(&self, _: Network) -> Result<(), DecodeError> {
                let seen = if self.0.session == SESSION { 0 } else { 1 };
                codec::in_range("session", seen, 0..=0)
            }
        }
    };
}
likeness!(Advert, "test/advert/v1");
likeness!(Tombstone, "test/tombstone/v1");

fn statement(kind: Kind) -> Statement {
    Statement { session: SESSION, body: smallest(kind) }
}

/// Whether `bytes`, read as a `T`, decode and then verify.
fn verifies<T: Signable>(bytes: &[u8]) -> bool {
    Signed::<T>::decode(bytes, NETWORK).unwrap().verify()
}

#[test]
fn signed_thing_of_one_tag_replayed_as_another_does_not_verify() {
    for kind in body_kinds() {
        let envelope = signed(smallest(kind)).encode();
        let (key, body) = (node_key(0), || statement(kind));
        let advert = Signed::new(key, NETWORK, 1, NOW, Advert(body())).unwrap().encode();
        let tombstone = Signed::new(key, NETWORK, 1, NOW, Tombstone(body())).unwrap().encode();
        let holds = |bytes: &[u8]| {
            [verifies::<Statement>(bytes), verifies::<Advert>(bytes), verifies::<Tombstone>(bytes)]
        };
        assert_eq!(holds(&envelope), [true, false, false], "{kind:?}");
        assert_eq!(holds(&advert), [false, true, false], "{kind:?}");
        assert_eq!(holds(&tombstone), [false, false, true], "{kind:?}");
        // The same bytes but for the signature: nothing else kept them apart.
        let unsigned = |bytes: &[u8]| Vec::from(&bytes[..bytes.len() - 64]);
        assert_eq!(unsigned(&envelope), unsigned(&advert));
        assert_eq!(unsigned(&envelope), unsigned(&tombstone));
    }
}

#[test]
fn signed_thing_of_another_signer_does_not_verify() {
    let bytes = signed(smallest(Kind::SessionReady)).encode();
    let mut claimed = bytes;
    claimed[2..34].copy_from_slice(node_key(1).peer_id().as_bytes());
    let decoded = Signed::<Statement>::decode(&claimed, NETWORK).unwrap();
    assert_eq!(decoded.sender(), node_key(1).peer_id());
    assert!(!decoded.verify());
}

#[test]
fn body_outside_its_bounds_is_neither_signed_nor_decoded() {
    let (key, body) = (node_key(0), || statement(Kind::SessionReady));
    let expected = DecodeError::OutOfRange { field: "session", min: 0, max: 0, seen: 1 };
    let mut advert = Advert(body());
    advert.0.session = ensign_primitives::SessionId::from_bytes([0; 32]);
    assert_eq!(Signed::new(key, NETWORK, 1, NOW, advert), Err(expected.clone()));
    let mut bytes = Signed::new(key, NETWORK, 1, NOW, Advert(body())).unwrap().encode();
    bytes[41] = 0;
    assert_eq!(Signed::<Advert>::decode(&bytes, NETWORK), Err(expected));
    let expected = DecodeError::OutOfRange { field: "seq", min: 1, max: u64::MAX, seen: 0 };
    assert_eq!(Signed::new(key, NETWORK, 0, NOW, Advert(body())), Err(expected));
}

#[test]
fn every_proper_prefix_of_a_signed_thing_is_refused() {
    let body = Advert(statement(Kind::SessionReady));
    let bytes = Signed::new(node_key(0), NETWORK, 1, NOW, body).unwrap().encode();
    for end in 0..bytes.len() {
        assert!(Signed::<Advert>::decode(&bytes[..end], NETWORK).is_err(), "{end} bytes");
    }
}
