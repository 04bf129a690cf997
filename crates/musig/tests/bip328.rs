//! The official vectors of BIP328: its synthetic extended keys start from our aggregate keys.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use ensign_musig::{KeyAggCtx, PublicKey, parse_public_key};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    keys: Vec<String>,
    aggregate_pubkey: String,
}

fn key(hex: &str) -> PublicKey {
    parse_public_key(&hex::decode(hex).unwrap().try_into().unwrap()).unwrap()
}

#[test]
fn aggregate_keys_are_those_of_the_vectors() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("vectors/bip328.json")).unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let keys: Vec<_> = case.keys.iter().map(|hex| key(hex)).collect();
        assert_eq!(KeyAggCtx::new(&keys).unwrap().agg_key_full(), key(&case.aggregate_pubkey));
    }
}
