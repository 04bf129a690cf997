//! The official vectors of BIP340, through our verification and our single-key signing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use ensign_musig::{SecKey, XOnlyPublicKey, verify_schnorr};

/// What BIP340 takes where no auxiliary randomness is given.
const AUX_ZERO: [u8; 32] = [0; 32];

struct Case {
    index: usize,
    secret_key: Option<[u8; 32]>,
    public_key: [u8; 32],
    aux_rand: Option<[u8; 32]>,
    message: Vec<u8>,
    signature: [u8; 64],
    valid: bool,
}

fn cases() -> Vec<Case> {
    include_str!("vectors/bip340.csv").lines().skip(1).map(parse).collect()
}

fn parse(line: &str) -> Case {
    let fields: Vec<&str> = line.splitn(8, ',').collect();
    let field = |at: usize| hex::decode(fields[at]).unwrap();
    Case {
        index: fields[0].parse().unwrap(),
        secret_key: field(1).try_into().ok(),
        public_key: field(2).try_into().unwrap(),
        aux_rand: field(3).try_into().ok(),
        message: field(4),
        signature: field(5).try_into().unwrap(),
        valid: match fields[6] {
            "TRUE" => true,
            "FALSE" => false,
            other => panic!("{other}"),
        },
    }
}

#[test]
fn verification_agrees_with_every_vector() {
    let cases = cases();
    assert_eq!(cases.len(), 19);
    for case in cases {
        // A key off the curve fails when it is parsed, which for the vectors is a failed verification.
        let valid = XOnlyPublicKey::from_byte_array(case.public_key)
            .is_ok_and(|key| verify_schnorr(&key, &case.message, &case.signature));
        assert_eq!(valid, case.valid, "case {}", case.index);
    }
}

#[test]
fn signing_agrees_with_the_vector_without_auxiliary_randomness() {
    let mut signed = vec![];
    for case in cases() {
        let (Some(secret_key), Some(AUX_ZERO)) = (case.secret_key, case.aux_rand) else { continue };
        let Ok(digest) = case.message.as_slice().try_into() else { continue };
        let key = SecKey::from_secret_bytes(secret_key).unwrap();
        assert_eq!(key.sign_schnorr(digest), case.signature, "case {}", case.index);
        signed.push(case.index);
    }
    assert_eq!(signed, [0]);
}
