//! What must not be seen, and what must not be left behind.

use std::format;
use std::vec::Vec;

use super::{MESSAGE, key_set, nonce, sec_keys, secret_bytes};
use crate::{NonceEntropy, SecKey, SigningCtx};

/// Asserts that a text shows no eight bytes of a secret, neither as hex nor as a list of numbers.
fn assert_hidden(shown: &str, secret: &[u8]) {
    for window in secret.windows(8) {
        let numbers: Vec<_> = window.iter().map(|byte| format!("{byte}")).collect();
        assert!(!shown.to_lowercase().contains(&hex::encode(window)), "{shown}");
        assert!(!shown.contains(&numbers.join(", ")), "{shown}");
    }
}

#[test]
fn a_secret_key_prints_its_public_key_only() {
    let secret: [u8; 32] = core::array::from_fn(|at| at as u8 + 1);
    let key = SecKey::from_secret_bytes(secret).unwrap();
    let shown = format!("{key:?} {key:#?}");
    assert!(shown.contains(&hex::encode(key.public_key().serialize())));
    assert_hidden(&shown, &secret);
}

#[test]
fn an_invalid_secret_key_is_not_repeated_in_the_error() {
    let error = SecKey::from_secret_bytes([0xff; 32]).unwrap_err();
    assert_hidden(&format!("{error:?} {error}"), &[0xff; 32]);
}

#[test]
fn a_secret_nonce_prints_its_public_key_only() {
    let keys = sec_keys(1);
    let (sec_nonce, _) = nonce(&keys[0], &key_set(&keys), 1);
    let shown = format!("{sec_nonce:?} {sec_nonce:#?}");
    assert!(shown.contains(&hex::encode(keys[0].public_key().serialize())));
    assert_hidden(&shown, &secret_bytes(sec_nonce)[..68]);
}

#[test]
fn entropy_prints_nothing() {
    let shown = format!("{:?}", NonceEntropy::new([0x5a; 32]).unwrap());
    assert_hidden(&shown, &[0x5a; 32]);
}

#[test]
fn erasing_leaves_no_byte_of_a_secret_nonce() {
    let keys = sec_keys(1);
    let (mut sec_nonce, _) = nonce(&keys[0], &key_set(&keys), 1);
    sec_nonce.erase();
    assert_eq!(secret_bytes(sec_nonce), [0; 132]);
}

#[test]
fn erasing_leaves_no_byte_of_a_secret_key() {
    let mut key = SecKey::from_secret_bytes([0x77; 32]).unwrap();
    key.erase();
    assert_ne!(key.secret_key().as_secret_bytes(), &[0x77; 32]);
    assert_ne!(key.keypair().to_secret_bytes(), [0x77; 32]);
}

#[test]
fn a_signing_context_prints_without_secrets() {
    let keys = sec_keys(1);
    let ctx = key_set(&keys);
    let (sec_nonce, pub_nonce) = nonce(&keys[0], &ctx, 1);
    let signing = SigningCtx::new(&ctx, [pub_nonce].into(), MESSAGE).unwrap();
    let shown = format!("{signing:?}");
    assert!(shown.contains(&hex::encode(MESSAGE)));
    assert_hidden(&shown, &secret_bytes(sec_nonce)[..68]);
    assert_hidden(&shown, &[1; 32]);
}
