//! `NonceGen`: the official vectors give a bare aggregate key and optional inputs, which
//! [`nonce_gen`](crate::nonce_gen) has no room for. So they prove a model, and the model proves us.

use proptest::prelude::*;
use secp256k1::SecretKey;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::string::String;
use std::vec::Vec;

use super::vectors::{bytes, parse};
use super::{key_set, secret_bytes};
use crate::{NonceEntropy, SecKey, nonce_gen};

#[derive(Deserialize)]
pub(super) struct NonceGenVectors {
    pub(super) test_cases: Vec<NonceGenCase>,
}

#[derive(Deserialize)]
pub(super) struct NonceGenCase {
    rand_: String,
    sk: Option<String>,
    pk: String,
    pub(super) aggpk: Option<String>,
    msg: Option<String>,
    extra_in: Option<String>,
    expected_secnonce: String,
    expected_pubnonce: String,
}

pub(super) fn vectors() -> NonceGenVectors {
    parse(include_str!("../../tests/vectors/bip327/nonce_gen_vectors.json"))
}

/// The inputs of BIP327's `NonceGen`.
struct Model<'a> {
    rand: [u8; 32],
    sk: Option<[u8; 32]>,
    pk: [u8; 33],
    aggpk: Option<[u8; 32]>,
    msg: Option<&'a [u8]>,
    extra_in: &'a [u8],
}

impl Model<'_> {
    fn nonce_gen(&self) -> ([u8; 64], [u8; 66]) {
        let k = [0, 1].map(|index| SecretKey::from_secret_bytes(self.k(index)).unwrap());
        let secret: Vec<u8> = k.iter().flat_map(SecretKey::to_secret_bytes).collect();
        let public: Vec<u8> = k.iter().flat_map(|k| k.public_key().serialize()).collect();
        (secret.try_into().unwrap(), public.try_into().unwrap())
    }

    fn k(&self, index: u8) -> [u8; 32] {
        let mut rand = self.rand;
        if let Some(sk) = self.sk {
            rand = tagged_hash("MuSig/aux", &self.rand);
            rand.iter_mut().zip(sk).for_each(|(byte, sk)| *byte ^= sk);
        }
        let mut input = rand.to_vec();
        input.push(33);
        input.extend(self.pk);
        input.push(if self.aggpk.is_some() { 32 } else { 0 });
        input.extend(self.aggpk.iter().flatten());
        input.push(u8::from(self.msg.is_some()));
        if let Some(msg) = self.msg {
            input.extend((msg.len() as u64).to_be_bytes());
            input.extend(msg);
        }
        input.extend((self.extra_in.len() as u32).to_be_bytes());
        input.extend(self.extra_in);
        input.push(index);
        tagged_hash("MuSig/nonce", &input)
    }
}

fn tagged_hash(tag: &str, input: &[u8]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    Sha256::new().chain_update(tag).chain_update(tag).chain_update(input).finalize().into()
}

#[test]
fn the_model_gives_the_nonces_of_the_vectors() {
    let cases = vectors().test_cases;
    assert_eq!(cases.len(), 4);
    for case in cases {
        let msg = case.msg.map(|msg| hex::decode(msg).unwrap());
        let extra_in = hex::decode(case.extra_in.unwrap_or_default()).unwrap();
        let model = Model {
            rand: bytes(&case.rand_),
            sk: case.sk.as_deref().map(bytes),
            pk: bytes(&case.pk),
            aggpk: case.aggpk.as_deref().map(bytes),
            msg: msg.as_deref(),
            extra_in: &extra_in,
        };
        let (secret, public) = model.nonce_gen();
        assert_eq!(secret[..], bytes::<97>(&case.expected_secnonce)[..64]);
        assert_eq!(public, bytes(&case.expected_pubnonce));
    }
}

proptest! {
    #[test]
    fn nonce_gen_is_the_model_with_every_input(
        rand: [u8; 32], sk: [u8; 32], msg: [u8; 32], extra: [u8; 32],
    ) {
        prop_assume!(rand != [0; 32] && SecKey::from_secret_bytes(sk).is_ok());
        let key = SecKey::from_secret_bytes(sk).unwrap();
        let ctx = key_set(&[[9; 32], sk].map(|sk| SecKey::from_secret_bytes(sk).unwrap()));
        let model = Model {
            rand,
            sk: Some(sk),
            pk: key.public_key().serialize(),
            aggpk: Some(ctx.agg_key().to_byte_array()),
            msg: Some(&msg),
            extra_in: &extra,
        };
        let entropy = NonceEntropy::new(rand).unwrap();
        let (secret, public) = nonce_gen(entropy, &key, &ctx, &msg, &extra).unwrap();
        let (model_secret, model_public) = model.nonce_gen();
        prop_assert_eq!(public.to_bytes(), model_public);
        prop_assert_eq!(&secret_bytes(secret)[4..68], &model_secret[..]);
    }
}
