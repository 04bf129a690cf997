//! MuSig2 here against the same calls on the bare crate `secp256k1`.
//!
//! Every row runs both sides in turn in one process, in CPU time of the thread, and prints the
//! median of the paired ratios. Where this crate checks or verifies, the bare side makes the same
//! useful calls: signing includes verifying one's own part, aggregating includes verifying the
//! signature, and a session includes parsing what arrives. `--features secp256k1/std` measures
//! with a context per thread instead of one per call.
#![allow(clippy::print_stdout, reason = "the ratios are the result")]

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::{BenchmarkId, Criterion};

use ensign_musig::{
    KeyAggCtx, NonceEntropy, PartialSig, PubNonce, SecKey, SecNonce, SigningCtx, Tweak, key_sort,
    nonce_agg, nonce_gen, parse_public_key,
};
use secp256k1::musig::{
    AggregatedNonce, KeyAggCache, PartialSignature, PublicNonce, SecretNonce, Session,
    SessionSecretRand, new_nonce_pair,
};
use secp256k1::{Keypair, PublicKey, Scalar, SecretKey};

const SIGNERS: [usize; 4] = [2, 3, 10, 100];
const ROUNDS: usize = 41;
/// Long enough that reading the clock costs nothing, short enough that both sides meet the same
/// weather.
const BATCH: Duration = Duration::from_millis(2);

const MESSAGE: [u8; 32] = [0x6d; 32];
const EXTRA: [u8; 32] = [0x65; 32];
const TWEAK: [u8; 32] = [0x74; 32];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    warm_sessions(&mut criterion);
    criterion.final_summary();
    // `cargo test` passes this: then once through is enough.
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    print_ratios(rounds);
}

/// A whole session of one signer whose key set is cached, under criterion's statistics.
fn warm_sessions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("musig/warm_session");
    group.measurement_time(Duration::from_secs(2)).sample_size(20);
    for count in SIGNERS {
        let (ours, bare) = (Ours::new(count), Bare::new(count));
        group.bench_function(BenchmarkId::new("ensign", count), |b| {
            b.iter(|| ours.session(&ours.ctx));
        });
        group.bench_function(BenchmarkId::new("secp256k1", count), |b| {
            b.iter(|| bare.session(&bare.cache));
        });
    }
    group.finish();
}

fn print_ratios(rounds: usize) {
    println!("\n{:<28}{:>5}{:>12}{:>12}{:>8}", "operation", "n", "ours us", "bare us", "ratio");
    for count in SIGNERS {
        for row in rows(&Ours::new(count), &Bare::new(count)) {
            let (ours, bare, ratio) = row.measure(rounds);
            let operation = row.operation;
            println!("{operation:<28}{count:>5}{ours:>12.2}{bare:>12.2}{ratio:>8.3}");
        }
    }
}

/// One operation on both sides; each side runs a batch and says how long it took.
struct Row<'a> {
    operation: &'static str,
    ours: Side<'a>,
    bare: Side<'a>,
}

type Side<'a> = Box<dyn Fn(u32) -> Duration + 'a>;

impl Row<'_> {
    /// Returns the medians: microseconds of each side for one operation, and their ratio.
    fn measure(&self, rounds: usize) -> (f64, f64, f64) {
        let batch = batch_of(&self.bare);
        let (mut ours, mut bare, mut ratios) = (vec![], vec![], vec![]);
        for round in 0..rounds {
            // Whoever goes second finds the caches warm, so they take turns.
            let (our, their) = if round % 2 == 0 {
                let our = (self.ours)(batch);
                (our, (self.bare)(batch))
            } else {
                let their = (self.bare)(batch);
                ((self.ours)(batch), their)
            };
            let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(batch);
            ours.push(micros(our));
            bare.push(micros(their));
            ratios.push(our.as_secs_f64() / their.as_secs_f64());
        }
        (median(ours), median(bare), median(ratios))
    }
}

fn batch_of(side: &Side<'_>) -> u32 {
    let mut batch = 1;
    while side(batch) < BATCH / 2 {
        batch *= 2;
    }
    batch
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Times `run` alone: what it consumes is made before, what it leaves is dropped within.
fn side<'a, I, O>(make: impl Fn() -> I + 'a, run: impl Fn(I) -> O + 'a) -> Side<'a> {
    Box::new(move |batch| {
        let inputs: Vec<I> = (0..batch).map(|_| make()).collect();
        let start = ThreadTime::now();
        for input in inputs {
            black_box(run(black_box(input)));
        }
        start.elapsed()
    })
}

fn rows<'a>(ours: &'a Ours, bare: &'a Bare) -> [Row<'a>; 12] {
    [
        Row {
            operation: "key sort",
            ours: side(|| ours.keys.clone(), |mut keys| key_sort(&mut keys)),
            bare: side(
                || bare.keys.iter().collect::<Vec<_>>(),
                |mut keys| secp256k1::sort_pubkeys(&mut keys),
            ),
        },
        Row {
            operation: "key aggregation",
            ours: side(|| (), |()| KeyAggCtx::new(&ours.keys)),
            bare: side(|| (), |()| KeyAggCache::new(&refs(&bare.keys))),
        },
        Row {
            operation: "x-only tweak",
            ours: side(|| (), |()| ours.ctx.with_tweak(Tweak::XOnly(TWEAK))),
            bare: side(|| (), |()| bare.tweaked()),
        },
        Row {
            operation: "nonce generation",
            ours: side(|| (), |()| ours.nonce()),
            bare: side(|| (), |()| bare.nonce(&bare.cache)),
        },
        Row {
            operation: "nonce aggregation",
            ours: side(|| (), |()| nonce_agg(&ours.pub_nonces)),
            bare: side(|| (), |()| AggregatedNonce::new(&refs(&bare.pub_nonces))),
        },
        Row {
            operation: "session set-up",
            ours: side(|| ours.pub_nonces.clone(), |nonces| ours.signing_ctx(nonces)),
            bare: side(|| bare.pub_nonces.clone(), |nonces| bare.signing(&bare.cache, &nonces)),
        },
        Row {
            operation: "sign, self-verified",
            ours: side(|| ours.nonce().0, |nonce| ours.signing.sign(nonce, &ours.sec_key)),
            bare: side(
                || bare.nonce(&bare.cache).0,
                |nonce| bare.sign(&bare.cache, &bare.session, nonce),
            ),
        },
        Row {
            operation: "verify one part",
            ours: side(|| (), |()| ours.signing.partial_sig_verify(0, &ours.sig())),
            bare: side(|| (), |()| bare.verify_part(&bare.cache, &bare.session, &bare.sig())),
        },
        Row {
            operation: "aggregate, final verify",
            ours: side(|| (), |()| ours.signing.partial_sig_agg(&ours.sigs)),
            bare: side(|| (), |()| bare.aggregate(&bare.cache, &bare.session, &bare.sigs)),
        },
        Row {
            operation: "blame, all parts verified",
            ours: side(|| (), |()| ours.signing.partial_sig_agg(&ours.false_sigs)),
            bare: side(|| (), |()| bare.blame()),
        },
        Row {
            operation: "warm session of a signer",
            ours: side(|| (), |()| ours.session(&ours.ctx)),
            bare: side(|| (), |()| bare.session(&bare.cache)),
        },
        Row {
            operation: "cold session of a signer",
            ours: side(|| (), |()| ours.session(&ours.key_set())),
            bare: side(|| (), |()| bare.session(&bare.key_set())),
        },
    ]
}

fn refs<T>(items: &[T]) -> Vec<&T> {
    items.iter().collect()
}

fn secrets(count: usize) -> Vec<[u8; 32]> {
    let secret = |number: usize| {
        let mut bytes = [0x31; 32];
        let (_, low) = bytes.split_at_mut(24);
        low.copy_from_slice(&(number as u64).to_be_bytes());
        bytes
    };
    (1..=count).map(secret).collect()
}

/// The bytes a signer receives: keys once, nonces and partial signatures in each session.
struct Received {
    keys: Vec<[u8; 33]>,
    nonces: Vec<[u8; 66]>,
    sigs: Vec<[u8; 32]>,
}

/// What signer 0 has and does, with this crate.
struct Ours {
    sec_key: SecKey,
    keys: Vec<PublicKey>,
    ctx: KeyAggCtx,
    pub_nonces: Vec<PubNonce>,
    signing: SigningCtx,
    sigs: Vec<PartialSig>,
    false_sigs: Vec<PartialSig>,
    received: Received,
}

impl Ours {
    fn new(count: usize) -> Self {
        let sec_keys: Vec<_> = secrets(count)
            .into_iter()
            .map(|secret| SecKey::from_secret_bytes(secret).expect("a secret key"))
            .collect();
        let keys: Vec<_> = sec_keys.iter().map(SecKey::public_key).collect();
        let untweaked = KeyAggCtx::new(&keys).expect("few keys");
        let ctx = untweaked.with_tweak(Tweak::XOnly(TWEAK)).expect("a small tweak");
        let (nonces, pub_nonces): (Vec<_>, Vec<_>) =
            sec_keys.iter().map(|key| our_nonce(key, &ctx)).unzip();
        let signing = SigningCtx::new(&ctx, pub_nonces.clone(), MESSAGE).expect("a nonce each");
        let sigs: Vec<_> = nonces
            .into_iter()
            .zip(&sec_keys)
            .map(|(nonce, key)| signing.sign(nonce, key).expect("own key and nonce"))
            .collect();
        let false_sig = PartialSig::from_bytes(&[1; 32]).expect("a small number");
        let received = Received {
            keys: keys.iter().map(PublicKey::serialize).collect(),
            nonces: pub_nonces.iter().map(PubNonce::to_bytes).collect(),
            sigs: sigs.iter().map(PartialSig::to_bytes).collect(),
        };
        let false_sigs = vec![false_sig; count];
        let sec_key = sec_keys.into_iter().next().expect("at least one signer");
        Self { sec_key, keys, ctx, pub_nonces, signing, sigs, false_sigs, received }
    }

    fn nonce(&self) -> (SecNonce, PubNonce) {
        our_nonce(&self.sec_key, &self.ctx)
    }

    fn signing_ctx(&self, nonces: Vec<PubNonce>) -> SigningCtx {
        SigningCtx::new(&self.ctx, nonces, MESSAGE).expect("a nonce each")
    }

    fn sig(&self) -> PartialSig {
        self.sigs.first().copied().expect("at least one signer")
    }

    fn key_set(&self) -> KeyAggCtx {
        let keys: Vec<_> =
            self.received.keys.iter().map(|key| parse_public_key(key).expect("a key")).collect();
        let ctx = KeyAggCtx::new(&keys).expect("few keys");
        ctx.with_tweak(Tweak::XOnly(TWEAK)).expect("a small tweak")
    }

    fn session(&self, ctx: &KeyAggCtx) -> [u8; 64] {
        let (sec_nonce, pub_nonce) = our_nonce(&self.sec_key, ctx);
        let parse = |nonce| PubNonce::from_bytes(nonce).expect("a nonce");
        let others = self.received.nonces.iter().skip(1).map(parse);
        let nonces = [pub_nonce].into_iter().chain(others).collect();
        let signing = SigningCtx::new(ctx, nonces, MESSAGE).expect("a nonce each");
        let sig = signing.sign(sec_nonce, &self.sec_key).expect("own key and nonce");
        let parse = |sig| PartialSig::from_bytes(sig).expect("a partial signature");
        let others = self.received.sigs.iter().skip(1).map(parse);
        let sigs: Vec<_> = [sig].into_iter().chain(others).collect();
        signing.partial_sig_agg(&sigs).expect("honest signers")
    }
}

/// The same entropy each time, so that one session fits every nonce. Only a benchmark may.
fn our_nonce(key: &SecKey, ctx: &KeyAggCtx) -> (SecNonce, PubNonce) {
    let entropy = NonceEntropy::new([0x72; 32]).expect("not zero");
    nonce_gen(entropy, key, ctx, &MESSAGE, &EXTRA).expect("a listed signer")
}

/// What signer 0 has and does, with the bare crate.
struct Bare {
    secret_key: SecretKey,
    keypair: Keypair,
    keys: Vec<PublicKey>,
    untweaked: KeyAggCache,
    cache: KeyAggCache,
    pub_nonces: Vec<PublicNonce>,
    session: Session,
    sigs: Vec<PartialSignature>,
    false_sigs: Vec<PartialSignature>,
    received: Received,
}

impl Bare {
    fn new(count: usize) -> Self {
        let keypairs: Vec<_> = secrets(count)
            .into_iter()
            .map(|secret| Keypair::from_secret_bytes(secret).expect("a secret key"))
            .collect();
        let keys: Vec<_> = keypairs.iter().map(Keypair::public_key).collect();
        let untweaked = KeyAggCache::new(&refs(&keys));
        let mut cache = untweaked;
        cache.pubkey_xonly_tweak_add(&tweak()).expect("a small tweak");
        let (nonces, pub_nonces): (Vec<_>, Vec<_>) = keypairs
            .iter()
            .map(|pair| bare_nonce(pair.secret_key(), pair.public_key(), &cache))
            .unzip();
        let session = Session::new(&cache, AggregatedNonce::new(&refs(&pub_nonces)), &MESSAGE);
        let sigs: Vec<_> = nonces
            .into_iter()
            .zip(&keypairs)
            .map(|(nonce, pair)| session.partial_sign(nonce, pair, &cache))
            .collect();
        let false_sig = PartialSignature::from_byte_array(&[1; 32]).expect("a small number");
        let received = Received {
            keys: keys.iter().map(PublicKey::serialize).collect(),
            nonces: pub_nonces.iter().map(PublicNonce::serialize).collect(),
            sigs: sigs.iter().map(PartialSignature::serialize).collect(),
        };
        let keypair = keypairs.into_iter().next().expect("at least one signer");
        Self {
            secret_key: keypair.secret_key(),
            keypair,
            keys,
            untweaked,
            cache,
            pub_nonces,
            session,
            sigs,
            false_sigs: vec![false_sig; count],
            received,
        }
    }

    fn public_key(&self) -> PublicKey {
        self.keys.first().copied().expect("at least one signer")
    }

    fn tweaked(&self) -> KeyAggCache {
        let mut cache = self.untweaked;
        cache.pubkey_xonly_tweak_add(&tweak()).expect("a small tweak");
        cache
    }

    fn nonce(&self, cache: &KeyAggCache) -> (SecretNonce, PublicNonce) {
        bare_nonce(self.secret_key, self.public_key(), cache)
    }

    fn signing(&self, cache: &KeyAggCache, nonces: &[PublicNonce]) -> Session {
        Session::new(cache, AggregatedNonce::new(&refs(nonces)), &MESSAGE)
    }

    fn sign(&self, cache: &KeyAggCache, session: &Session, nonce: SecretNonce) -> PartialSignature {
        let sig = session.partial_sign(nonce, &self.keypair, cache);
        assert!(self.verify_part(cache, session, &sig));
        sig
    }

    fn sig(&self) -> PartialSignature {
        self.sigs.first().copied().expect("at least one signer")
    }

    fn verify_part(&self, cache: &KeyAggCache, session: &Session, sig: &PartialSignature) -> bool {
        let nonce = self.pub_nonces.first().expect("at least one signer");
        session.partial_verify(cache, sig, nonce, self.public_key())
    }

    fn aggregate(
        &self,
        cache: &KeyAggCache,
        session: &Session,
        sigs: &[PartialSignature],
    ) -> Option<[u8; 64]> {
        let sig = session.partial_sig_agg(&refs(sigs)).verify(&cache.agg_pk(), &MESSAGE);
        sig.ok().map(secp256k1::schnorr::Signature::to_byte_array)
    }

    fn blame(&self) -> Vec<usize> {
        assert!(self.aggregate(&self.cache, &self.session, &self.false_sigs).is_none());
        let parts = self.false_sigs.iter().zip(&self.pub_nonces).zip(&self.keys).enumerate();
        parts
            .filter(|(_, ((sig, nonce), key))| {
                !self.session.partial_verify(&self.cache, sig, nonce, **key)
            })
            .map(|(slot, _)| slot)
            .collect()
    }

    fn key_set(&self) -> KeyAggCache {
        let keys: Vec<_> = self
            .received
            .keys
            .iter()
            .map(|key| PublicKey::from_byte_array_compressed(*key).expect("a key"))
            .collect();
        let mut cache = KeyAggCache::new(&refs(&keys));
        cache.pubkey_xonly_tweak_add(&tweak()).expect("a small tweak");
        cache
    }

    fn session(&self, cache: &KeyAggCache) -> [u8; 64] {
        let (sec_nonce, pub_nonce) = self.nonce(cache);
        let parse = |nonce| PublicNonce::from_byte_array(nonce).expect("a nonce");
        let others = self.received.nonces.iter().skip(1).map(parse);
        let nonces: Vec<_> = [pub_nonce].into_iter().chain(others).collect();
        let session = self.signing(cache, &nonces);
        let sig = self.sign(cache, &session, sec_nonce);
        let parse = |sig| PartialSignature::from_byte_array(sig).expect("a partial signature");
        let others = self.received.sigs.iter().skip(1).map(parse);
        let sigs: Vec<_> = [sig].into_iter().chain(others).collect();
        self.aggregate(cache, &session, &sigs).expect("honest signers")
    }
}

fn tweak() -> Scalar {
    Scalar::from_be_bytes(TWEAK).expect("a small tweak")
}

fn bare_nonce(
    secret_key: SecretKey,
    key: PublicKey,
    cache: &KeyAggCache,
) -> (SecretNonce, PublicNonce) {
    let entropy = SessionSecretRand::assume_uniformly_random([0x72; 32]);
    new_nonce_pair(entropy, Some(cache), Some(secret_key), key, Some(&MESSAGE), Some(EXTRA))
}
