//! The official wallet vectors of BIP341, as far as they are about keys.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use ensign_musig::{SecKey, Tweak, XOnlyPublicKey, taproot_tweak, verify_schnorr};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/bip341.json")).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn tweak_of(internal: [u8; 32], merkle_root: &Value) -> Tweak {
    let internal = XOnlyPublicKey::from_byte_array(internal).unwrap();
    let root = (!merkle_root.is_null()).then(|| bytes(merkle_root));
    taproot_tweak(&internal, root.as_ref())
}

#[test]
fn taproot_tweaks_are_those_of_the_vectors() {
    let vectors = vectors();
    let outputs = vectors["scriptPubKey"].as_array().unwrap();
    assert_eq!(outputs.len(), 7);
    for output in outputs {
        let (given, expected) = (&output["given"], &output["intermediary"]);
        let tweak = tweak_of(bytes(&given["internalPubkey"]), &expected["merkleRoot"]);
        assert_eq!(tweak, Tweak::XOnly(bytes(&expected["tweak"])));
    }
}

#[test]
fn key_path_spends_sign_and_verify_as_the_vectors_do() {
    let vectors = vectors();
    let inputs = vectors["keyPathSpending"][0]["inputSpending"].as_array().unwrap();
    assert_eq!(inputs.len(), 7);
    for input in inputs {
        let (given, expected) = (&input["given"], &input["intermediary"]);
        let tweak = tweak_of(bytes(&expected["internalPubkey"]), &given["merkleRoot"]);
        assert_eq!(tweak, Tweak::XOnly(bytes(&expected["tweak"])));

        let key = SecKey::from_secret_bytes(bytes(&expected["tweakedPrivkey"])).unwrap();
        let digest: [u8; 32] = bytes(&expected["sigHash"]);
        let sig = key.sign_schnorr(&digest);
        let witness = hex::decode(input["expected"]["witness"][0].as_str().unwrap()).unwrap();
        assert_eq!(sig, witness[..64]);
        assert!(verify_schnorr(&key.public_key().x_only_public_key().0, &digest, &sig));
    }
}
