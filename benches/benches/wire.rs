//! Encoding and decoding of each message, and what it costs beside the signature in it.
//!
//! The small messages are the examples of `docs/protocol/wire.md`, read from the corpus of the fuzz
//! targets, where a test of `ensign-wire` keeps them; the large ones are as large as they may be.
//! The table's last column is the time to decode over the time to verify one BIP340 signature in
//! the same run.
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::{BenchmarkId, Criterion, Throughput};

use ensign_identity::{DelegationProof, NodeKey, Signature, SignerKey, verify};
use ensign_primitives::{
    KeyPath, MESSAGES_MAX, Network, RequestId, SIGNERS_MAX, SessionId, SignerIndex, UnixTime,
};
use ensign_wire::{
    Body, Envelope, Frame, GroupKeys, KeyTweak, Message, Mode, NonceShare, PAYLOAD_BYTES_MAX,
    PartialSigShare, Payload, PubNonceBytes, Scheme, SessionAnnounce, SignedRequest,
    SigningRequest, TxType,
};

const NETWORK: Network = Network::Regtest;
const NOW: UnixTime = UnixTime::from_millis(1_767_225_600_000);
const ROUNDS: usize = 21;
/// Long enough that reading the clock costs nothing.
const BATCH: Duration = Duration::from_millis(2);

fn main() {
    let mut frames = examples();
    frames.extend(largest());
    let mut criterion = Criterion::default().configure_from_args();
    under_criterion(&mut criterion, &frames);
    criterion.final_summary();
    // `cargo test` passes this: then once through is enough.
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    print_table(rounds, &frames);
}

/// A message and its bytes.
struct Case {
    name: String,
    frame: Frame,
    bytes: Vec<u8>,
}

impl Case {
    fn new(name: impl Into<String>, frame: Frame) -> Self {
        let bytes = frame.encode();
        Self { name: name.into(), frame, bytes }
    }

    fn encode(&self) {
        black_box(black_box(&self.frame).encode());
    }

    fn decode(&self) {
        let decoded = Frame::decode_whole(black_box(&self.bytes), NETWORK);
        assert!(black_box(decoded).is_ok(), "{}", self.name);
    }
}

fn examples() -> Vec<Case> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/frame");
    let mut cases: Vec<_> = fs::read_dir(&corpus)
        .expect("the corpus of the target `frame` is in the tree")
        .map(|entry| entry.expect("the corpus is readable").path())
        .filter_map(|path| {
            let bytes = fs::read(&path).expect("an input is readable");
            let name = path.file_name()?.to_string_lossy().into_owned();
            // Inputs that the fuzzer found need not be messages.
            let frame = Frame::decode_whole(&bytes, NETWORK).ok()?;
            name.starts_with(char::is_uppercase).then(|| Case::new(name, frame))
        })
        .collect();
    cases.sort_by_key(|case| (case.frame.kind(), case.name.clone()));
    assert!(cases.len() >= ensign_wire::Kind::ALL.len(), "the corpus lacks examples");
    cases
}

/// Messages as large as their limits allow.
fn largest() -> Vec<Case> {
    let nonces = vec![PubNonceBytes([3; 66]); MESSAGES_MAX];
    let partials = vec![[5; 32]; MESSAGES_MAX];
    let signer = SignerIndex(0);
    let payload = Frame::Payload {
        request: RequestId::from_bytes([7; 32]),
        bytes: vec![0x70; PAYLOAD_BYTES_MAX],
    };
    vec![
        Case::new("Payload, 1 MiB", payload),
        Case::new("SessionAnnounce, 256 x 1024", envelope(announce())),
        Case::new(
            "NonceShare, 1024",
            envelope(Body::NonceShare(NonceShare { signer, nonces, salt: [4; 32] })),
        ),
        Case::new(
            "PartialSigShare, 1024",
            envelope(Body::PartialSigShare(PartialSigShare { signer, nonces: [4; 32], partials })),
        ),
    ]
}

fn node_key(index: u16) -> NodeKey {
    let mut secret = [0x11; 32];
    for (to, from) in secret.iter_mut().zip(index.to_be_bytes()) {
        *to = from;
    }
    NodeKey::from_secret_bytes(secret).expect("the bytes are a secret key")
}

fn signer_key(index: u16) -> SignerKey {
    let peer = node_key(index).peer_id();
    let mut bytes = [2; 33];
    for (to, from) in bytes.iter_mut().skip(1).zip(peer.as_bytes()) {
        *to = *from;
    }
    SignerKey::from_bytes(&bytes).expect("a public key has a point with even y")
}

fn envelope(body: Body) -> Frame {
    let session = SessionId::from_bytes([0x5e; 32]);
    let envelope = Envelope::sign(&node_key(1), NETWORK, session, 1, NOW, body);
    Frame::Envelope(Box::new(envelope.expect("the body is within its limits")))
}

fn announce() -> Body {
    let keys = (1..=SIGNERS_MAX as u16).map(signer_key).collect();
    let tweak = KeyTweak::Taproot { path: KeyPath::ROOT, merkle_root: Some([6; 32]) };
    let request = SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new(keys).expect("the keys differ"),
        messages: vec![Message { digest: [1; 32], tweak }; MESSAGES_MAX],
        payload: Payload::Blind,
        purpose: "x".repeat(ensign_wire::PURPOSE_BYTES_MAX),
        tx_type: TxType::Spend,
        amount: 50_000,
        creator: SignerIndex(0),
        created: NOW,
        expires: NOW.after(Duration::from_secs(3600)),
        mode: Mode::Committed,
        nonce: [9; 16],
    };
    let delegation = DelegationProof { number: 1, expires: NOW, signature: Signature([8; 64]) };
    let request = SignedRequest::sign(request, &node_key(1), delegation);
    let request = request.expect("the request is within its limits");
    Body::SessionAnnounce(Box::new(SessionAnnounce { attempt: 1, request }))
}

fn under_criterion(criterion: &mut Criterion, cases: &[Case]) {
    for (name, run) in
        [("wire/encode", Case::encode as fn(&Case)), ("wire/decode", Case::decode as fn(&Case))]
    {
        let mut group = criterion.benchmark_group(name);
        group.warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_millis(600)).sample_size(20);
        for case in cases {
            group.throughput(Throughput::Bytes(case.bytes.len() as u64));
            let id = BenchmarkId::from_parameter(&case.name);
            group.bench_with_input(id, case, |b, case| b.iter(|| run(case)));
        }
        group.finish();
    }
}

fn print_table(rounds: usize, cases: &[Case]) {
    let key = node_key(1);
    let signature = key.sign(&[7; 32]);
    let peer = key.peer_id();
    let verification =
        micros(rounds, || assert!(verify(black_box(&peer), &[7; 32], black_box(&signature))));
    println!("\nCPU time of one thread; verifying one signature takes {verification:.2} us");
    println!(
        "{:<28}{:>9}{:>12}{:>12}{:>12}{:>10}",
        "message", "bytes", "encode us", "decode us", "decode MB/s", "of verify"
    );
    for case in cases {
        let encode = micros(rounds, || case.encode());
        let decode = micros(rounds, || case.decode());
        let (name, bytes) = (&case.name, case.bytes.len());
        let (rate, ratio) = (bytes as f64 / decode, decode / verification);
        println!("{name:<28}{bytes:>9}{encode:>12.2}{decode:>12.2}{rate:>12.0}{ratio:>10.3}");
    }
}

/// The median time of one call in microseconds.
fn micros(rounds: usize, call: impl Fn()) -> f64 {
    let mut times: Vec<_> = (0..rounds).map(|_| batch(&call)).collect();
    times.sort_by(f64::total_cmp);
    times.get(rounds / 2).copied().unwrap_or(f64::NAN)
}

fn batch(call: &impl Fn()) -> f64 {
    let start = ThreadTime::now();
    let mut calls = 0_u32;
    loop {
        (0..8).for_each(|_| call());
        calls += 8;
        let elapsed = start.elapsed();
        if elapsed >= BATCH {
            return elapsed.as_secs_f64() * 1e6 / f64::from(calls);
        }
    }
}
