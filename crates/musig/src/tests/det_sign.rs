//! The vectors of `DeterministicSign`, which this crate does not offer: their failures are met
//! before any signing, and their results are partial signatures like any other.

use serde::Deserialize;
use std::string::String;
use std::vec::Vec;

use super::MESSAGE;
use super::vectors::{Failure, bytes, keys, parse, tweaked};
use crate::{
    KeyAggCtx, NonceEntropy, NonceGenError, PartialSig, PubNonce, PublicKey, SecKey, SigningCtx,
    nonce_gen, parse_public_key,
};

#[derive(Deserialize)]
pub(super) struct DetSignVectors {
    sk: String,
    pubkeys: Vec<String>,
    msgs: Vec<String>,
    pub(super) valid_test_cases: Vec<DetSignCase>,
    pub(super) error_test_cases: Vec<DetSignCase>,
}

#[derive(Deserialize)]
pub(super) struct DetSignCase {
    aggothernonce: String,
    key_indices: Vec<usize>,
    tweaks: Vec<String>,
    is_xonly: Vec<bool>,
    msg_index: usize,
    signer_index: usize,
    /// Public nonce and partial signature.
    expected: Option<[String; 2]>,
    pub(super) error: Option<Failure>,
}

pub(super) fn vectors() -> DetSignVectors {
    parse(include_str!("../../tests/vectors/bip327/det_sign_vectors.json"))
}

impl DetSignVectors {
    fn key_set(&self, case: &DetSignCase) -> Result<KeyAggCtx, Failure> {
        let ctx = KeyAggCtx::new(&keys(&self.pubkeys, &case.key_indices)?).unwrap();
        tweaked(&ctx, case.tweaks.iter(), &case.is_xonly)
    }

    /// Walks the steps in which this crate meets the faults of the vectors.
    pub(super) fn failure(&self, case: &DetSignCase) -> Failure {
        let sec_key = SecKey::from_secret_bytes(bytes(&self.sk)).unwrap();
        let entropy = NonceEntropy::new([1; 32]).unwrap();
        let walk = || {
            PubNonce::from_bytes(&bytes(&case.aggothernonce))
                .map_err(|_| Failure::unattributed("aggothernonce"))?;
            let ctx = self.key_set(case)?;
            match nonce_gen(entropy, &sec_key, &ctx, &MESSAGE, &[0; 32]) {
                Err(NonceGenError::UnlistedSigner { .. }) => Err(Failure::value(
                    "The signer's pubkey must be included in the list of pubkeys.",
                )),
                Ok(_) => Ok(()),
            }
        };
        walk().unwrap_err()
    }
}

/// Splits a nonce in two, so that a session of three has one nonce for each.
fn split(sum: &str) -> [PubNonce; 2] {
    let sum: [u8; 66] = bytes(sum);
    let generator =
        SecKey::from_secret_bytes(std::array::from_fn(|at| u8::from(at == 31))).unwrap();
    let one = generator.public_key();
    let rest = |half: &[u8]| -> PublicKey {
        let half = parse_public_key(half.try_into().unwrap()).unwrap();
        half.combine(&one.negate()).unwrap()
    };
    let pair = |first: PublicKey, second: PublicKey| {
        let bytes = [first.serialize(), second.serialize()].concat();
        PubNonce::from_bytes(&bytes.try_into().unwrap()).unwrap()
    };
    [pair(one, one), pair(rest(&sum[..33]), rest(&sum[33..]))]
}

#[test]
fn partial_signatures_of_deterministic_signers_verify() {
    let file = vectors();
    let mut verified = 0;
    for case in &file.valid_test_cases {
        let Ok(msg) = hex::decode(&file.msgs[case.msg_index]).unwrap().try_into() else {
            continue;
        };
        let [pub_nonce, sig] = case.expected.as_ref().unwrap();
        let pub_nonce = PubNonce::from_bytes(&bytes(pub_nonce)).unwrap();
        let mut nonces = Vec::from(split(&case.aggothernonce));
        nonces.insert(case.signer_index, pub_nonce);
        let signing = SigningCtx::new(&file.key_set(case).unwrap(), nonces, msg).unwrap();
        let sig = PartialSig::from_bytes(&bytes(sig)).unwrap();
        assert!(signing.partial_sig_verify(case.signer_index, &sig));
        verified += 1;
    }
    assert_eq!(verified, 3);
}
