//! Tests that need the inside: secret nonces of the official vectors enter through fields.

mod bip327;
mod det_sign;
mod nonce_gen;
mod rules;
mod secrets;
mod vectors;

use secp256k1::ffi::MUSIG_SECNONCE_SIZE;
use secp256k1::musig::SecretNonce;
use std::boxed::Box;
use std::vec::Vec;

use crate::{KeyAggCtx, NonceEntropy, PubNonce, SecKey, SecNonce, nonce_gen};

pub(crate) const MESSAGE: [u8; 32] = [7; 32];

pub(crate) fn sec_keys(count: u8) -> Vec<SecKey> {
    (1..=count).map(|byte| SecKey::from_secret_bytes([byte; 32]).unwrap()).collect()
}

pub(crate) fn key_set(sec_keys: &[SecKey]) -> KeyAggCtx {
    KeyAggCtx::new(&sec_keys.iter().map(SecKey::public_key).collect::<Vec<_>>()).unwrap()
}

/// A nonce for [`MESSAGE`]; another `seed` gives another nonce.
pub(crate) fn nonce(key: &SecKey, ctx: &KeyAggCtx, seed: u8) -> (SecNonce, PubNonce) {
    nonce_gen(NonceEntropy::new([seed; 32]).unwrap(), key, ctx, &MESSAGE, &[0; 32]).unwrap()
}

pub(crate) fn nonces(keys: &[SecKey], ctx: &KeyAggCtx) -> (Vec<SecNonce>, Vec<PubNonce>) {
    keys.iter().zip(1..).map(|(key, seed)| nonce(key, ctx, seed)).unzip()
}

/// Puts the two numbers of a vector into the opaque 132 bytes of a genuine nonce of the same key:
/// four bytes of magic, twice 32 big-endian bytes, the key.
#[expect(clippy::disallowed_methods, reason = "the only way for a vector's secret nonce to enter")]
fn spliced(key: &SecKey, k1_k2: [u8; 64], pub_nonce: PubNonce) -> SecNonce {
    let ctx = key_set(&[SecKey::from_secret_bytes(*key.secret_key().as_secret_bytes()).unwrap()]);
    let mut bytes = secret_bytes(nonce(key, &ctx, 1).0);
    bytes[4..68].copy_from_slice(&k1_k2);
    let secret = Box::new(SecretNonce::dangerous_from_bytes(bytes));
    SecNonce { secret, public_key: key.public_key(), pub_nonce }
}

#[expect(clippy::disallowed_methods, reason = "looks whether a secret is where it must not be")]
fn secret_bytes(nonce: SecNonce) -> [u8; MUSIG_SECNONCE_SIZE] {
    nonce.take().dangerous_into_bytes()
}
