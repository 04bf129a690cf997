//! The official vectors of BIP327, all eight files.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::string::String;
use std::vec::Vec;

use super::vectors::{Failure, bytes, keys, parse, tweaked};
use super::{MESSAGE, det_sign, nonce_gen, spliced};
use crate::{
    AggNonce, KeyAggCtx, PartialSig, PubNonce, SecKey, SignError, SigningCtx, key_sort, nonce_agg,
    parse_public_key,
};

/// Cases that no test puts through this crate as they stand, and why.
///
/// [`check_scope`] compares this table with what the tests really left out, both ways.
const OUT_OF_SCOPE: &[(&str, &str, usize, &str)] = &[
    ("nonce_gen", "test_cases", 0, "a bare aggregate key; proves the model in nonce_gen.rs"),
    ("nonce_gen", "test_cases", 1, "a bare aggregate key; proves the model in nonce_gen.rs"),
    ("nonce_gen", "test_cases", 2, "a bare aggregate key; proves the model in nonce_gen.rs"),
    ("nonce_gen", "test_cases", 3, "no optional input; proves the model in nonce_gen.rs"),
    ("sign_verify", "valid_test_cases", 4, "a message of 0 bytes, here they have 32"),
    ("sign_verify", "valid_test_cases", 5, "a message of 38 bytes, here they have 32"),
    ("sign_verify", "sign_error_test_cases", 5, "a zero secret nonce, which no input can make"),
    ("det_sign", "valid_test_cases", 0, "no DeterministicSign; its result is verified"),
    ("det_sign", "valid_test_cases", 1, "no DeterministicSign; its result is verified"),
    ("det_sign", "valid_test_cases", 2, "no DeterministicSign, and a message of 38 bytes"),
    ("det_sign", "valid_test_cases", 3, "no DeterministicSign; its result is verified"),
];

/// Every list of cases in the files, and how many cases it has.
const CASES: &[(&str, &str, usize)] = &[
    ("key_sort", "sorted_pubkeys", 1),
    ("key_agg", "valid_test_cases", 4),
    ("key_agg", "error_test_cases", 5),
    ("nonce_gen", "test_cases", 4),
    ("nonce_agg", "valid_test_cases", 2),
    ("nonce_agg", "error_test_cases", 3),
    ("sign_verify", "valid_test_cases", 6),
    ("sign_verify", "sign_error_test_cases", 6),
    ("sign_verify", "verify_fail_test_cases", 3),
    ("sign_verify", "verify_error_test_cases", 2),
    ("tweak", "valid_test_cases", 5),
    ("tweak", "error_test_cases", 1),
    ("det_sign", "valid_test_cases", 4),
    ("det_sign", "error_test_cases", 5),
    ("sig_agg", "valid_test_cases", 4),
    ("sig_agg", "error_test_cases", 1),
];

/// Runs every case of a list and demands that exactly those of the table did not run.
pub(super) fn run<T>(file: &str, list: &str, cases: &[T], run: impl Fn(&T) -> Scope) {
    assert!(CASES.contains(&(file, list, cases.len())), "{file} {list} has {}", cases.len());
    let left_out = |(index, case)| match run(case) {
        Scope::Ran => None,
        Scope::LeftOut => Some(index),
    };
    let left_out: BTreeSet<usize> = cases.iter().enumerate().filter_map(left_out).collect();
    let listed = OUT_OF_SCOPE.iter().filter(|entry| (entry.0, entry.1) == (file, list));
    assert_eq!(left_out, listed.map(|entry| entry.2).collect(), "{file} {list}");
}

#[derive(Clone, Copy)]
pub(super) enum Scope {
    Ran,
    LeftOut,
}

fn pub_nonces(all: &[String], indices: &[usize]) -> Result<Vec<PubNonce>, Failure> {
    let parse = |(signer, &index): (usize, &usize)| {
        PubNonce::from_bytes(&bytes(&all[index]))
            .map_err(|_| Failure::contribution(signer, "pubnonce"))
    };
    indices.iter().enumerate().map(parse).collect()
}

#[test]
fn every_entry_of_the_scope_table_names_a_case() {
    for (file, list, index, reason) in OUT_OF_SCOPE {
        let named = CASES.iter().any(|(f, l, count)| (f, l) == (file, list) && index < count);
        assert!(named && !reason.is_empty(), "{file} {list} {index}");
    }
}

#[test]
fn key_sort_orders_as_the_vector_does() {
    #[derive(Deserialize)]
    struct File {
        pubkeys: Vec<String>,
        sorted_pubkeys: Vec<String>,
    }
    let file: File = parse(include_str!("../../tests/vectors/bip327/key_sort_vectors.json"));
    run("key_sort", "sorted_pubkeys", &[file], |file| {
        let parse = |key: &String| parse_public_key(&bytes(key)).unwrap();
        let mut keys: Vec<_> = file.pubkeys.iter().map(parse).collect();
        key_sort(&mut keys);
        assert_eq!(keys, file.sorted_pubkeys.iter().map(parse).collect::<Vec<_>>());
        Scope::Ran
    });
}

#[test]
fn key_agg_gives_the_keys_and_the_failures_of_the_vectors() {
    #[derive(Deserialize)]
    struct File {
        pubkeys: Vec<String>,
        tweaks: Vec<String>,
        valid_test_cases: Vec<Valid>,
        error_test_cases: Vec<Fails>,
    }
    #[derive(Deserialize)]
    struct Valid {
        key_indices: Vec<usize>,
        expected: String,
    }
    #[derive(Deserialize)]
    struct Fails {
        key_indices: Vec<usize>,
        tweak_indices: Vec<usize>,
        is_xonly: Vec<bool>,
        error: Failure,
    }
    let file: File = parse(include_str!("../../tests/vectors/bip327/key_agg_vectors.json"));
    run("key_agg", "valid_test_cases", &file.valid_test_cases, |case| {
        let ctx = KeyAggCtx::new(&keys(&file.pubkeys, &case.key_indices).unwrap()).unwrap();
        assert_eq!(ctx.agg_key().to_byte_array(), bytes(&case.expected));
        assert_eq!(ctx.agg_key_full().x_only_public_key().0, ctx.agg_key());
        Scope::Ran
    });
    run("key_agg", "error_test_cases", &file.error_test_cases, |case| {
        let tweaks = case.tweak_indices.iter().map(|&index| &file.tweaks[index]);
        let failure = keys(&file.pubkeys, &case.key_indices)
            .and_then(|keys| tweaked(&KeyAggCtx::new(&keys).unwrap(), tweaks, &case.is_xonly));
        assert_eq!(failure.unwrap_err(), case.error);
        Scope::Ran
    });
}

#[test]
fn nonce_gen_takes_more_than_the_vectors_give() {
    run("nonce_gen", "test_cases", &nonce_gen::vectors().test_cases, |_| Scope::LeftOut);
}

#[test]
fn nonce_agg_gives_the_sums_and_the_failures_of_the_vectors() {
    #[derive(Deserialize)]
    struct File {
        pnonces: Vec<String>,
        valid_test_cases: Vec<Valid>,
        error_test_cases: Vec<Fails>,
    }
    #[derive(Deserialize)]
    struct Valid {
        pnonce_indices: Vec<usize>,
        expected: String,
    }
    #[derive(Deserialize)]
    struct Fails {
        pnonce_indices: Vec<usize>,
        error: Failure,
    }
    let file: File = parse(include_str!("../../tests/vectors/bip327/nonce_agg_vectors.json"));
    run("nonce_agg", "valid_test_cases", &file.valid_test_cases, |case| {
        let sum = nonce_agg(&pub_nonces(&file.pnonces, &case.pnonce_indices).unwrap()).unwrap();
        assert_eq!(sum.to_bytes(), bytes(&case.expected));
        assert_eq!(AggNonce::from_bytes(&sum.to_bytes()), Ok(sum));
        Scope::Ran
    });
    run("nonce_agg", "error_test_cases", &file.error_test_cases, |case| {
        let failure = pub_nonces(&file.pnonces, &case.pnonce_indices).unwrap_err();
        assert_eq!(failure, case.error);
        Scope::Ran
    });
}

#[derive(Deserialize)]
struct SignVerify {
    sk: String,
    pubkeys: Vec<String>,
    secnonces: Vec<String>,
    pnonces: Vec<String>,
    aggnonces: Vec<String>,
    msgs: Vec<String>,
    valid_test_cases: Vec<SignValid>,
    sign_error_test_cases: Vec<SignFails>,
    verify_fail_test_cases: Vec<VerifyFalse>,
    verify_error_test_cases: Vec<VerifyFails>,
}

#[derive(Deserialize)]
struct SignValid {
    key_indices: Vec<usize>,
    nonce_indices: Vec<usize>,
    aggnonce_index: usize,
    msg_index: usize,
    signer_index: usize,
    expected: String,
}

#[derive(Deserialize)]
struct SignFails {
    key_indices: Vec<usize>,
    aggnonce_index: usize,
    secnonce_index: usize,
    error: Failure,
}

#[derive(Deserialize)]
struct VerifyFalse {
    sig: String,
    key_indices: Vec<usize>,
    nonce_indices: Vec<usize>,
    msg_index: usize,
    signer_index: usize,
}

#[derive(Deserialize)]
struct VerifyFails {
    key_indices: Vec<usize>,
    nonce_indices: Vec<usize>,
    error: Failure,
}

fn sign_verify() -> SignVerify {
    parse(include_str!("../../tests/vectors/bip327/sign_verify_vectors.json"))
}

impl SignVerify {
    fn signing_ctx(&self, keys_at: &[usize], nonces_at: &[usize], msg: [u8; 32]) -> SigningCtx {
        let ctx = KeyAggCtx::new(&keys(&self.pubkeys, keys_at).unwrap()).unwrap();
        SigningCtx::new(&ctx, pub_nonces(&self.pnonces, nonces_at).unwrap(), msg).unwrap()
    }

    fn sec_nonce_bytes(&self, index: usize) -> [u8; 64] {
        bytes::<97>(&self.secnonces[index])[..64].try_into().unwrap()
    }
}

#[test]
fn sign_gives_the_partial_signatures_of_the_vectors() {
    let file = sign_verify();
    let key = SecKey::from_secret_bytes(bytes(&file.sk)).unwrap();
    run("sign_verify", "valid_test_cases", &file.valid_test_cases, |case| {
        let Ok(msg) = hex::decode(&file.msgs[case.msg_index]).unwrap().try_into() else {
            return Scope::LeftOut;
        };
        let signing = file.signing_ctx(&case.key_indices, &case.nonce_indices, msg);
        assert_eq!(signing.agg_nonce().to_bytes(), bytes(&file.aggnonces[case.aggnonce_index]));
        let own = signing.pub_nonces()[case.signer_index];
        let sig = signing.sign(spliced(&key, file.sec_nonce_bytes(0), own), &key).unwrap();
        assert_eq!(sig.to_bytes(), bytes(&case.expected));
        assert!(signing.partial_sig_verify(case.signer_index, &sig));
        Scope::Ran
    });
}

#[test]
fn sign_refuses_what_the_vectors_refuse() {
    let file = sign_verify();
    let key = SecKey::from_secret_bytes(bytes(&file.sk)).unwrap();
    run("sign_verify", "sign_error_test_cases", &file.sign_error_test_cases, |case| {
        if file.sec_nonce_bytes(case.secnonce_index) == [0; 64] {
            return Scope::LeftOut;
        }
        let failure = || {
            let keys = keys(&file.pubkeys, &case.key_indices)?;
            AggNonce::from_bytes(&bytes(&file.aggnonces[case.aggnonce_index]))
                .map_err(|_| Failure::unattributed("aggnonce"))?;
            let ctx = KeyAggCtx::new(&keys).unwrap();
            let nonces = pub_nonces(&file.pnonces, &case.key_indices).unwrap();
            let own = PubNonce::from_bytes(&bytes(&file.pnonces[0])).unwrap();
            let nonce = spliced(&key, file.sec_nonce_bytes(case.secnonce_index), own);
            match SigningCtx::new(&ctx, nonces, MESSAGE).unwrap().sign(nonce, &key) {
                Err(SignError::UnlistedSigner { .. }) => Err(Failure::value(
                    "The signer's pubkey must be included in the list of pubkeys.",
                )),
                other => panic!("{other:?}"),
            }
        };
        let failure: Result<(), Failure> = failure();
        assert_eq!(failure.unwrap_err(), case.error);
        Scope::Ran
    });
}

#[test]
fn partial_sig_verify_refuses_what_the_vectors_refuse() {
    let file = sign_verify();
    run("sign_verify", "verify_fail_test_cases", &file.verify_fail_test_cases, |case| {
        let msg = bytes(&file.msgs[case.msg_index]);
        let signing = file.signing_ctx(&case.key_indices, &case.nonce_indices, msg);
        let sig = PartialSig::from_bytes(&bytes(&case.sig));
        assert!(!sig.is_ok_and(|sig| signing.partial_sig_verify(case.signer_index, &sig)));
        Scope::Ran
    });
    run("sign_verify", "verify_error_test_cases", &file.verify_error_test_cases, |case| {
        let failure = keys(&file.pubkeys, &case.key_indices)
            .and_then(|_| pub_nonces(&file.pnonces, &case.nonce_indices));
        assert_eq!(failure.unwrap_err(), case.error);
        Scope::Ran
    });
}

#[test]
fn tweaked_key_sets_sign_as_the_vectors_do() {
    #[derive(Deserialize)]
    struct File {
        sk: String,
        pubkeys: Vec<String>,
        secnonce: String,
        pnonces: Vec<String>,
        aggnonce: String,
        tweaks: Vec<String>,
        msg: String,
        valid_test_cases: Vec<Case>,
        error_test_cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        key_indices: Vec<usize>,
        nonce_indices: Vec<usize>,
        tweak_indices: Vec<usize>,
        is_xonly: Vec<bool>,
        signer_index: usize,
        expected: Option<String>,
        error: Option<Failure>,
    }
    let file: File = parse(include_str!("../../tests/vectors/bip327/tweak_vectors.json"));
    let key = SecKey::from_secret_bytes(bytes(&file.sk)).unwrap();
    let key_set = |case: &Case| {
        let ctx = KeyAggCtx::new(&keys(&file.pubkeys, &case.key_indices).unwrap()).unwrap();
        tweaked(&ctx, case.tweak_indices.iter().map(|&at| &file.tweaks[at]), &case.is_xonly)
    };
    run("tweak", "valid_test_cases", &file.valid_test_cases, |case| {
        let nonces = pub_nonces(&file.pnonces, &case.nonce_indices).unwrap();
        let signing = SigningCtx::new(&key_set(case).unwrap(), nonces, bytes(&file.msg)).unwrap();
        assert_eq!(signing.agg_nonce().to_bytes(), bytes(&file.aggnonce));
        let secret = bytes::<97>(&file.secnonce)[..64].try_into().unwrap();
        let nonce = spliced(&key, secret, signing.pub_nonces()[case.signer_index]);
        let sig = signing.sign(nonce, &key).unwrap();
        assert_eq!(sig.to_bytes(), bytes(case.expected.as_deref().unwrap()));
        assert!(signing.partial_sig_verify(case.signer_index, &sig));
        Scope::Ran
    });
    run("tweak", "error_test_cases", &file.error_test_cases, |case| {
        assert_eq!(key_set(case).unwrap_err(), *case.error.as_ref().unwrap());
        Scope::Ran
    });
}

#[test]
fn partial_sig_agg_gives_the_signatures_and_the_failures_of_the_vectors() {
    #[derive(Deserialize)]
    struct File {
        pubkeys: Vec<String>,
        pnonces: Vec<String>,
        tweaks: Vec<String>,
        psigs: Vec<String>,
        msg: String,
        valid_test_cases: Vec<Case>,
        error_test_cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        aggnonce: String,
        nonce_indices: Vec<usize>,
        key_indices: Vec<usize>,
        tweak_indices: Vec<usize>,
        is_xonly: Vec<bool>,
        psig_indices: Vec<usize>,
        expected: Option<String>,
        error: Option<Failure>,
    }
    let file: File = parse(include_str!("../../tests/vectors/bip327/sig_agg_vectors.json"));
    let partial_sigs = |case: &Case| {
        let parse = |(signer, &index): (usize, &usize)| {
            PartialSig::from_bytes(&bytes(&file.psigs[index]))
                .map_err(|_| Failure::contribution(signer, "psig"))
        };
        case.psig_indices.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()
    };
    run("sig_agg", "valid_test_cases", &file.valid_test_cases, |case| {
        let ctx = KeyAggCtx::new(&keys(&file.pubkeys, &case.key_indices).unwrap()).unwrap();
        let tweaks = case.tweak_indices.iter().map(|&at| &file.tweaks[at]);
        let ctx = tweaked(&ctx, tweaks, &case.is_xonly).unwrap();
        let nonces = pub_nonces(&file.pnonces, &case.nonce_indices).unwrap();
        let signing = SigningCtx::new(&ctx, nonces, bytes(&file.msg)).unwrap();
        assert_eq!(signing.agg_nonce().to_bytes(), bytes(&case.aggnonce));
        let sig = signing.partial_sig_agg(&partial_sigs(case).unwrap()).unwrap();
        assert_eq!(sig, bytes(case.expected.as_deref().unwrap()));
        Scope::Ran
    });
    run("sig_agg", "error_test_cases", &file.error_test_cases, |case| {
        assert_eq!(partial_sigs(case).unwrap_err(), *case.error.as_ref().unwrap());
        Scope::Ran
    });
}

#[test]
fn det_sign_is_absent_but_its_failures_are_ours() {
    let file = det_sign::vectors();
    run("det_sign", "valid_test_cases", &file.valid_test_cases, |_| Scope::LeftOut);
    run("det_sign", "error_test_cases", &file.error_test_cases, |case| {
        assert_eq!(file.failure(case), *case.error.as_ref().unwrap());
        Scope::Ran
    });
}
