//! Each invariant that libsecp256k1 leaves to its caller, broken on purpose.

use std::vec;
use std::vec::Vec;

use super::{MESSAGE, key_set, nonce, nonces, sec_keys};
use crate::{
    Blame, InvalidEntropy, InvalidSecret, KeyAggCtx, KeyAggError, NonceAggError, NonceEntropy,
    NonceGenError, PartialSig, PubNonce, PublicKey, SIGNERS_MAX, SecKey, SecNonce, SignError,
    SigningCtx, SigningCtxError, Tweak, nonce_agg, nonce_gen, verify_schnorr,
};

/// A session of `count` signers with every secret nonce still unused.
fn session(count: u8) -> (Vec<SecKey>, Vec<SecNonce>, SigningCtx) {
    let keys = sec_keys(count);
    let ctx = key_set(&keys);
    let (sec_nonces, pub_nonces) = nonces(&keys, &ctx);
    let signing = SigningCtx::new(&ctx, pub_nonces, MESSAGE).unwrap();
    (keys, sec_nonces, signing)
}

fn sign_all(keys: &[SecKey], nonces: Vec<SecNonce>, signing: &SigningCtx) -> Vec<PartialSig> {
    nonces.into_iter().zip(keys).map(|(nonce, key)| signing.sign(nonce, key).unwrap()).collect()
}

fn signed_session(count: u8) -> (SigningCtx, Vec<PartialSig>) {
    let (keys, nonces, signing) = session(count);
    let sigs = sign_all(&keys, nonces, &signing);
    (signing, sigs)
}

/// Adds one to a partial signature, or takes one away.
fn nudged(sig: &PartialSig, by: i8) -> PartialSig {
    let mut bytes = sig.to_bytes();
    bytes[31] = bytes[31].checked_add_signed(by).unwrap();
    PartialSig::from_bytes(&bytes).unwrap()
}

/// The nonce that cancels another in the sum.
fn negated(nonce: &PubNonce) -> PubNonce {
    let mut bytes = nonce.to_bytes();
    bytes[0] ^= 1;
    bytes[33] ^= 1;
    PubNonce::from_bytes(&bytes).unwrap()
}

#[test]
fn zero_entropy_makes_no_nonce() {
    assert_eq!(NonceEntropy::new([0; 32]).unwrap_err(), InvalidEntropy);
}

#[test]
fn zero_and_the_group_order_are_no_secret_keys() {
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order: [u8; 32] = hex::decode(order).unwrap().try_into().unwrap();
    assert_eq!(SecKey::from_secret_bytes([0; 32]).unwrap_err(), InvalidSecret);
    assert_eq!(SecKey::from_secret_bytes(order).unwrap_err(), InvalidSecret);
}

#[test]
fn an_empty_key_set_does_not_exist() {
    assert_eq!(KeyAggCtx::new(&[]).unwrap_err(), KeyAggError::NoKeys);
}

#[test]
fn a_key_set_holds_the_limit_and_no_more() {
    let key = sec_keys(1).remove(0).public_key();
    assert_eq!(KeyAggCtx::new(&vec![key; SIGNERS_MAX]).unwrap().len(), SIGNERS_MAX);
    let too_many = KeyAggError::TooManyKeys { seen: SIGNERS_MAX + 1, limit: SIGNERS_MAX };
    assert_eq!(KeyAggCtx::new(&vec![key; SIGNERS_MAX + 1]).unwrap_err(), too_many);
}

#[test]
fn no_nonces_have_no_sum_and_neither_have_too_many() {
    let keys = sec_keys(1);
    let (_, pub_nonce) = nonce(&keys[0], &key_set(&keys), 1);
    assert_eq!(nonce_agg(&[]).unwrap_err(), NonceAggError::NoNonces);
    assert!(nonce_agg(&vec![pub_nonce; SIGNERS_MAX]).is_ok());
    let too_many = NonceAggError::TooManyNonces { seen: SIGNERS_MAX + 1, limit: SIGNERS_MAX };
    assert_eq!(nonce_agg(&vec![pub_nonce; SIGNERS_MAX + 1]).unwrap_err(), too_many);
}

#[test]
fn a_signing_context_takes_exactly_one_nonce_per_key() {
    let keys = sec_keys(3);
    let ctx = key_set(&keys);
    let (_, pub_nonces) = nonces(&keys, &ctx);
    for seen in [0, 2, 4, SIGNERS_MAX + 1] {
        let given = pub_nonces.iter().copied().cycle().take(seen).collect();
        let miscount = SigningCtxError::NonceCount { expected: 3, seen };
        assert_eq!(SigningCtx::new(&ctx, given, MESSAGE).unwrap_err(), miscount);
    }
}

#[test]
fn aggregation_takes_exactly_one_partial_signature_per_key() {
    let (signing, sigs) = signed_session(3);
    for seen in [0, 2, 4] {
        let given: Vec<_> = sigs.iter().copied().cycle().take(seen).collect();
        let blame = signing.partial_sig_agg(&given).unwrap_err();
        assert_eq!(blame, Blame::Caller { expected: 3, seen });
        assert!(blame.signers().is_empty());
    }
}

#[test]
fn an_unlisted_signer_gets_no_nonce() {
    let ctx = key_set(&sec_keys(2));
    let stranger = sec_keys(3).remove(2);
    let entropy = NonceEntropy::new([1; 32]).unwrap();
    let error = nonce_gen(entropy, &stranger, &ctx, &MESSAGE, &[0; 32]).unwrap_err();
    assert_eq!(error, NonceGenError::UnlistedSigner { signer: stranger.public_key() });
}

#[test]
fn an_unlisted_signer_does_not_sign() {
    let (_, _, signing) = session(2);
    let stranger = sec_keys(3).remove(2);
    let (sec_nonce, _) = nonce(&stranger, &key_set(&sec_keys(3)), 1);
    let error = signing.sign(sec_nonce, &stranger).unwrap_err();
    assert_eq!(error, SignError::UnlistedSigner { signer: stranger.public_key() });
}

#[test]
fn a_nonce_signs_for_no_other_key() {
    let (keys, mut sec_nonces, signing) = session(2);
    let error = signing.sign(sec_nonces.remove(0), &keys[1]).unwrap_err();
    assert_eq!(error, SignError::KeyMismatch { nonce_key: keys[0].public_key() });
}

#[test]
fn a_nonce_whose_public_half_was_not_sent_does_not_sign() {
    let (keys, _, signing) = session(2);
    let (unsent, _) = nonce(&keys[0], signing.key_agg_ctx(), 99);
    let error = signing.sign(unsent, &keys[0]).unwrap_err();
    assert_eq!(error, SignError::NonceNotInSlot { signer: keys[0].public_key() });
}

#[test]
fn a_nonce_in_the_slot_of_another_signer_does_not_sign() {
    let (keys, mut sec_nonces, signing) = session(2);
    let swapped = signing.pub_nonces().iter().rev().copied().collect();
    let signing = SigningCtx::new(signing.key_agg_ctx(), swapped, MESSAGE).unwrap();
    let error = signing.sign(sec_nonces.remove(0), &keys[0]).unwrap_err();
    assert_eq!(error, SignError::NonceNotInSlot { signer: keys[0].public_key() });
}

#[test]
fn a_partial_signature_that_came_out_false_does_not_leave() {
    let (keys, mut sec_nonces, _) = session(2);
    let ctx = key_set(&keys);
    // As if memory had flipped after the nonce was made: the public half is another nonce's.
    let (_, other) = nonce(&keys[0], &ctx, 99);
    let mut faulty = sec_nonces.remove(0);
    faulty.pub_nonce = other;
    let signing = SigningCtx::new(&ctx, vec![other, sec_nonces[0].pub_nonce], MESSAGE).unwrap();
    assert_eq!(signing.sign(faulty, &keys[0]).unwrap_err(), SignError::SelfCheck { slot: 0 });
}

#[test]
fn signatures_of_one_to_five_signers_are_valid_bip340() {
    for count in 1..=5 {
        let (signing, sigs) = signed_session(count);
        let sig = signing.partial_sig_agg(&sigs).unwrap();
        assert!(signing.verify_final(&sig));
        assert!(verify_schnorr(&signing.key_agg_ctx().agg_key(), &MESSAGE, &sig));
        assert!(!verify_schnorr(&signing.key_agg_ctx().agg_key(), &[8; 32], &sig));
    }
}

#[test]
fn the_largest_key_set_signs() {
    let keys: Vec<_> = (1..=SIGNERS_MAX)
        .map(|number| {
            let mut bytes = [0; 32];
            bytes[24..].copy_from_slice(&(number as u64).to_be_bytes());
            SecKey::from_secret_bytes(bytes).unwrap()
        })
        .collect();
    let ctx = key_set(&keys);
    let (sec_nonces, pub_nonces): (Vec<_>, Vec<_>) =
        keys.iter().map(|key| nonce(key, &ctx, 1)).unzip();
    let signing = SigningCtx::new(&ctx, pub_nonces, MESSAGE).unwrap();
    let sigs = sign_all(&keys, sec_nonces, &signing);
    assert!(signing.partial_sig_agg(&sigs).is_ok());
}

#[test]
fn a_key_in_two_slots_signs_once_for_each() {
    let keys = sec_keys(2);
    let repeated = [&keys[0], &keys[1], &keys[0]];
    let ctx = KeyAggCtx::new(&repeated.map(SecKey::public_key)).unwrap();
    assert_eq!(ctx.signer_index(&keys[0].public_key()), Some(0));
    let (sec_nonces, pub_nonces): (Vec<_>, Vec<_>) =
        repeated.iter().zip(1..).map(|(key, seed)| nonce(key, &ctx, seed)).unzip();
    let signing = SigningCtx::new(&ctx, pub_nonces, MESSAGE).unwrap();
    let sigs: Vec<_> = sec_nonces
        .into_iter()
        .zip(repeated)
        .map(|(sec_nonce, key)| signing.sign(sec_nonce, key).unwrap())
        .collect();
    assert!((0..).zip(&sigs).all(|(slot, sig)| signing.partial_sig_verify(slot, sig)));
    assert!(!signing.partial_sig_verify(2, &sigs[0]), "slots of one key have their own nonces");
    assert!(signing.partial_sig_agg(&sigs).is_ok());
}

#[test]
fn one_nonce_in_two_slots_of_a_key_needs_one_signature() {
    let keys = sec_keys(1);
    let ctx = KeyAggCtx::new(&[keys[0].public_key(); 2]).unwrap();
    let (sec_nonce, pub_nonce) = nonce(&keys[0], &ctx, 1);
    let signing = SigningCtx::new(&ctx, vec![pub_nonce; 2], MESSAGE).unwrap();
    let sig = signing.sign(sec_nonce, &keys[0]).unwrap();
    assert!(signing.partial_sig_agg(&[sig; 2]).is_ok());
}

#[test]
fn every_false_signer_is_blamed_and_nobody_else() {
    let (signing, sigs) = signed_session(5);
    for false_slots in [vec![0], vec![4], vec![1, 3], vec![0, 1, 2, 3, 4]] {
        let mut sigs = sigs.clone();
        for &slot in &false_slots {
            sigs[slot] = PartialSig::from_bytes(&[slot as u8; 32]).unwrap();
        }
        let blame = signing.partial_sig_agg(&sigs).unwrap_err();
        assert_eq!(blame, Blame::Signers(false_slots.clone()));
        assert_eq!(blame.signers(), false_slots);
    }
}

#[test]
fn swapped_partial_signatures_add_up_as_before() {
    let (signing, mut sigs) = signed_session(3);
    sigs.swap(0, 1);
    assert!(!signing.partial_sig_verify(0, &sigs[0]));
    assert!(signing.partial_sig_agg(&sigs).is_ok(), "the sum does not know the order");
}

#[test]
fn false_parts_that_cancel_each_other_out_harm_nobody() {
    let (signing, mut sigs) = signed_session(3);
    sigs[0] = nudged(&sigs[0], 1);
    sigs[1] = nudged(&sigs[1], -1);
    assert!(!signing.partial_sig_verify(0, &sigs[0]));
    assert!(signing.partial_sig_agg(&sigs).is_ok());
}

#[test]
fn a_partial_signature_of_another_message_is_false() {
    let (signing, sigs) = signed_session(2);
    let nonces = signing.pub_nonces().to_vec();
    let other = SigningCtx::new(signing.key_agg_ctx(), nonces, [8; 32]).unwrap();
    assert!(!other.partial_sig_verify(0, &sigs[0]));
    assert_eq!(other.partial_sig_agg(&sigs).unwrap_err(), Blame::Signers(vec![0, 1]));
}

#[test]
fn a_slot_that_does_not_exist_has_no_true_signature() {
    let (signing, sigs) = signed_session(2);
    assert!(!signing.partial_sig_verify(2, &sigs[0]));
    assert!(!signing.partial_sig_verify(usize::MAX, &sigs[0]));
}

#[test]
fn an_infinite_nonce_sum_names_who_made_it() {
    let keys = sec_keys(2);
    let ctx = key_set(&keys);
    let (sec_nonce, honest) = nonce(&keys[0], &ctx, 1);
    // A rushing signer answers our nonce with its negation and cannot know the secret half.
    let signing = SigningCtx::new(&ctx, vec![honest, negated(&honest)], MESSAGE).unwrap();
    assert_eq!(signing.agg_nonce().to_bytes(), [0; 66]);
    let honest_sig = signing.sign(sec_nonce, &keys[0]).unwrap();
    let forged = PartialSig::from_bytes(&[1; 32]).unwrap();
    let blame = signing.partial_sig_agg(&[honest_sig, forged]).unwrap_err();
    assert_eq!(blame, Blame::Signers(vec![1]));
}

#[test]
fn the_zero_tweak_changes_nothing_and_tweaks_leave_the_original() {
    let ctx = key_set(&sec_keys(3));
    assert_eq!(ctx.with_tweak(Tweak::Plain([0; 32])).unwrap().agg_key(), ctx.agg_key());
    let before = ctx.agg_key_full();
    let tweaked = ctx.with_tweak(Tweak::Plain([1; 32])).unwrap();
    assert_ne!(tweaked.agg_key(), ctx.agg_key());
    assert_eq!((ctx.agg_key_full(), tweaked.keys()), (before, ctx.keys()));
}

#[test]
fn order_and_repetition_change_the_aggregate_key() {
    let keys: Vec<PublicKey> = sec_keys(2).iter().map(SecKey::public_key).collect();
    let agg = |keys: &[PublicKey]| KeyAggCtx::new(keys).unwrap().agg_key();
    assert_ne!(agg(&keys), agg(&[keys[1], keys[0]]));
    assert_ne!(agg(&keys), agg(&[keys[0], keys[1], keys[1]]));
}
