//! The same sessions here and in the crate `musig2`: same keys, nonces, partial signatures,
//! signature, and the same culprits.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use ensign_musig::{
    Blame, KeyAggCtx, NonceEntropy, PartialSig, PubNonce, SecKey, SecNonce, SigningCtx, Tweak,
    key_sort, nonce_gen, parse_public_key, taproot_tweak,
};
use musig2::secp::{MaybeScalar, Point, Scalar};
use proptest::collection::vec;
use proptest::prelude::*;

/// Everything a session depends on.
#[derive(Debug, Clone)]
struct Inputs {
    /// Secret keys of the slots; equal ones are one signer in several slots.
    secrets: Vec<[u8; 32]>,
    entropy: Vec<[u8; 32]>,
    tweaks: Vec<Tweak>,
    message: [u8; 32],
    extra: [u8; 32],
}

fn inputs() -> impl Strategy<Value = Inputs> {
    (1..=6_usize).prop_flat_map(|slots| {
        let tweak = any::<(bool, [u8; 32])>().prop_map(|(xonly, tweak)| {
            if xonly { Tweak::XOnly(tweak) } else { Tweak::Plain(tweak) }
        });
        // Few distinct keys half of the time, so that repeated keys are common.
        let secret = prop_oneof![(1..=3_u8).prop_map(|byte| [byte; 32]), secret_key()];
        (vec(secret, slots), vec(secret_key(), slots), vec(tweak, 0..=3), any::<[[u8; 32]; 2]>())
            .prop_map(|(secrets, entropy, tweaks, [message, extra])| Inputs {
                secrets,
                entropy,
                tweaks,
                message,
                extra,
            })
    })
}

fn secret_key() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>().prop_filter("a secret key", |bytes| SecKey::from_secret_bytes(*bytes).is_ok())
}

fn point(bytes: [u8; 33]) -> Point {
    Point::try_from(bytes).unwrap()
}

impl Inputs {
    fn sec_keys(&self) -> Vec<SecKey> {
        let parse = |secret: &[u8; 32]| SecKey::from_secret_bytes(*secret).unwrap();
        self.secrets.iter().map(parse).collect()
    }

    fn ours(&self) -> Option<KeyAggCtx> {
        let keys: Vec<_> = self.sec_keys().iter().map(SecKey::public_key).collect();
        let ctx = KeyAggCtx::new(&keys).unwrap();
        self.tweaks.iter().try_fold(ctx, |ctx, tweak| ctx.with_tweak(*tweak).ok())
    }

    fn theirs(&self) -> Option<musig2::KeyAggContext> {
        let keys =
            self.secrets.iter().map(|secret| Scalar::try_from(*secret).unwrap().base_point_mul());
        let ctx = musig2::KeyAggContext::new(keys).unwrap();
        self.tweaks.iter().try_fold(ctx, |ctx, tweak| {
            let (Tweak::Plain(bytes) | Tweak::XOnly(bytes)) = *tweak;
            let xonly = matches!(tweak, Tweak::XOnly(_));
            ctx.with_tweak(MaybeScalar::try_from(bytes).ok()?, xonly).ok()
        })
    }

    fn our_nonces(&self, ctx: &KeyAggCtx) -> (Vec<SecNonce>, Vec<PubNonce>) {
        let make = |(key, entropy): (&SecKey, &[u8; 32])| {
            let entropy = NonceEntropy::new(*entropy).unwrap();
            nonce_gen(entropy, key, ctx, &self.message, &self.extra).unwrap()
        };
        self.sec_keys().iter().zip(&self.entropy).map(make).unzip()
    }

    fn their_nonces(&self, ctx: &musig2::KeyAggContext) -> Vec<musig2::SecNonce> {
        let make = |(secret, entropy): (&[u8; 32], &[u8; 32])| {
            musig2::SecNonceBuilder::from_seckey(*entropy, Scalar::try_from(*secret).unwrap())
                .with_aggregated_pubkey(ctx.aggregated_pubkey::<Point>())
                .with_message(&self.message)
                .with_extra_input(&self.extra)
                .build()
        };
        self.secrets.iter().zip(&self.entropy).map(make).collect()
    }
}

/// One session as far as all partial signatures, in both libraries.
struct Both {
    ours: SigningCtx,
    sigs: Vec<PartialSig>,
    theirs: musig2::KeyAggContext,
    agg_nonce: musig2::AggNonce,
}

/// Runs a session in both libraries and compares everything on the way.
fn run(inputs: &Inputs) -> Result<Option<Both>, TestCaseError> {
    let (Some(ctx), Some(theirs)) = (inputs.ours(), inputs.theirs()) else {
        prop_assert!(inputs.ours().is_none() && inputs.theirs().is_none());
        return Ok(None);
    };
    prop_assert_eq!(point(ctx.agg_key_full().serialize()), theirs.aggregated_pubkey::<Point>());

    let (sec_nonces, pub_nonces) = inputs.our_nonces(&ctx);
    let their_nonces = inputs.their_nonces(&theirs);
    for (our, their) in pub_nonces.iter().zip(&their_nonces) {
        prop_assert_eq!(our.to_bytes(), their.public_nonce().serialize());
    }

    let agg_nonce = musig2::AggNonce::sum(their_nonces.iter().map(musig2::SecNonce::public_nonce));
    let ours = SigningCtx::new(&ctx, pub_nonces, inputs.message).unwrap();
    prop_assert_eq!(ours.agg_nonce().to_bytes(), agg_nonce.serialize());

    let mut sigs = vec![];
    let nonces = sec_nonces.into_iter().zip(their_nonces);
    for ((our, their), (key, secret)) in nonces.zip(inputs.sec_keys().iter().zip(&inputs.secrets)) {
        let sig = ours.sign(our, key).unwrap();
        let secret = Scalar::try_from(*secret).unwrap();
        let their: MaybeScalar =
            musig2::sign_partial(&theirs, secret, their, &agg_nonce, inputs.message).unwrap();
        prop_assert_eq!(sig.to_bytes(), their.serialize());
        sigs.push(sig);
    }
    Ok(Some(Both { ours, sigs, theirs, agg_nonce }))
}

/// Makes the partial signatures of some slots false, each by another power of two, so that no two
/// of them cancel each other out.
fn falsified(sigs: &[PartialSig], slots: u8) -> Vec<PartialSig> {
    let falsify = |(slot, sig): (usize, &PartialSig)| {
        let mut bytes = sig.to_bytes();
        bytes[31 - slot] ^= (slots >> slot) & 1;
        PartialSig::from_bytes(&bytes).unwrap()
    };
    sigs.iter().enumerate().map(falsify).collect()
}

impl Both {
    /// The slots whose partial signature `musig2` refuses.
    fn their_culprits(&self, sigs: &[PartialSig]) -> Vec<usize> {
        let is_false = |slot: &usize| {
            let nonce = self.ours.pub_nonces()[*slot].to_bytes();
            musig2::verify_partial(
                &self.theirs,
                MaybeScalar::try_from(sigs[*slot].to_bytes()).unwrap(),
                &self.agg_nonce,
                point(self.ours.key_agg_ctx().keys()[*slot].serialize()),
                &musig2::PubNonce::from_bytes(&nonce).unwrap(),
                self.ours.message(),
            )
            .is_err()
        };
        (0..sigs.len()).filter(is_false).collect()
    }

    fn their_signature(&self, sigs: &[PartialSig]) -> Option<[u8; 64]> {
        let sigs = sigs.iter().map(|sig| MaybeScalar::try_from(sig.to_bytes()).unwrap());
        let message = self.ours.message();
        musig2::aggregate_partial_signatures::<_, musig2::CompactSignature>(
            &self.theirs,
            &self.agg_nonce,
            sigs,
            message,
        )
        .ok()
        .map(|sig| sig.serialize())
    }
}

proptest! {
    #[test]
    fn honest_sessions_are_the_same_everywhere(inputs in inputs()) {
        if let Some(both) = run(&inputs)? {
            let sig = both.ours.partial_sig_agg(&both.sigs).unwrap();
            prop_assert_eq!(both.their_signature(&both.sigs), Some(sig));
            let key = point(both.ours.key_agg_ctx().agg_key_full().serialize());
            prop_assert!(musig2::verify_single(key, sig, inputs.message).is_ok());
        }
    }

    #[test]
    fn both_blame_the_same_signers(inputs in inputs(), slots: u8) {
        if let Some(both) = run(&inputs)? {
            let sigs = falsified(&both.sigs, slots);
            let culprits = both.their_culprits(&sigs);
            let falsified: Vec<_> =
                (0..sigs.len()).filter(|slot| slots >> slot & 1 == 1).collect();
            prop_assert_eq!(&culprits, &falsified);
            match both.ours.partial_sig_agg(&sigs) {
                Ok(sig) => prop_assert_eq!(Some(sig), both.their_signature(&sigs)),
                Err(blame) => {
                    prop_assert_eq!(both.their_signature(&sigs), None);
                    prop_assert_eq!(blame, Blame::Signers(culprits));
                }
            }
        }
    }

    #[test]
    fn taproot_outputs_are_the_same(secrets in vec(secret_key(), 1..=4), root: Option<[u8; 32]>) {
        let inputs = Inputs {
            entropy: vec![], secrets, tweaks: vec![], message: [0; 32], extra: [0; 32],
        };
        let (ours, theirs) = (inputs.ours().unwrap(), inputs.theirs().unwrap());
        let ours = ours.with_tweak(taproot_tweak(&ours.agg_key(), root.as_ref())).unwrap();
        let theirs = match root {
            Some(root) => theirs.with_taproot_tweak(&root),
            None => theirs.with_unspendable_taproot_tweak(),
        }.unwrap();
        prop_assert_eq!(point(ours.agg_key_full().serialize()), theirs.aggregated_pubkey::<Point>());
    }

    #[test]
    fn keys_sort_the_same(secrets in vec(secret_key(), 1..=10)) {
        let mut theirs: Vec<_> = secrets
            .iter()
            .map(|secret| Scalar::try_from(*secret).unwrap().base_point_mul())
            .collect();
        let mut ours: Vec<_> =
            theirs.iter().map(|key| parse_public_key(&key.serialize()).unwrap()).collect();
        theirs.sort();
        key_sort(&mut ours);
        prop_assert_eq!(ours.iter().map(|key| point(key.serialize())).collect::<Vec<_>>(), theirs);
    }

    #[test]
    fn any_bytes_parse_alike(bytes in vec(any::<u8>(), 66), prefixes: [bool; 2]) {
        let mut bytes: [u8; 66] = bytes.try_into().unwrap();
        bytes[0] = 2 + u8::from(prefixes[0]);
        bytes[33] = 2 + u8::from(prefixes[1]);
        let theirs = musig2::PubNonce::from_bytes(&bytes);
        prop_assert_eq!(PubNonce::from_bytes(&bytes).is_ok(), theirs.is_ok());
        let half: [u8; 33] = bytes[..33].try_into().unwrap();
        prop_assert_eq!(parse_public_key(&half).is_ok(), Point::try_from(half).is_ok());
        let scalar: [u8; 32] = bytes[34..].try_into().unwrap();
        prop_assert_eq!(
            PartialSig::from_bytes(&scalar).is_ok(),
            MaybeScalar::try_from(scalar).is_ok()
        );
    }
}
