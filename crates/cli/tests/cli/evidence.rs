//! Evidence files, checked without a home.

use ensign_equivocation::{Case, Charge, Evidence, SpeaksFor};
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{Network, SignerIndex, UnixTime, sha256};
use ensign_store::{Batch, Place, RedbStore, Store as _, StoreOptions};
use ensign_wire::{
    AbortReason, Body, Envelope, GroupKeys, KeyTweak, Message, Mode, NoncesComplete, Payload,
    Scheme, SessionAbort, SigningRequest, TxType,
};

use crate::ensign::{Signer, argument, run};

const NETWORK: Network = Network::Regtest;
const NOW: UnixTime = UnixTime::from_millis(1_760_000_000_000);

fn node() -> NodeKey {
    NodeKey::from_secret_bytes([0x21; 32]).unwrap()
}

fn request() -> SigningRequest {
    let mut keys: Vec<_> = [1, 2].map(|byte| SecKey::from_secret_bytes([byte; 32]).unwrap()).into();
    keys.sort_by_key(|key| SignerKey::from_public_key(key.public_key()));
    let keys = keys.iter().map(|key| SignerKey::from_public_key(key.public_key())).collect();
    SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new(keys).unwrap(),
        messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: SignerIndex(0),
        created: NOW,
        expires: UnixTime::from_millis(NOW.as_millis() + 1000),
        mode: Mode::Strict,
        nonce: [3; 16],
    }
}

/// The signer whose secret key is made of ones.
fn speaks_for(request: &SigningRequest) -> SpeaksFor {
    let secret = SecKey::from_secret_bytes([1; 32]).unwrap();
    let key = SignerKey::from_public_key(secret.public_key());
    let expires = UnixTime::from_millis(NOW.as_millis() + 1_000_000);
    let digest = Delegation::digest(&key, &node().peer_id(), NETWORK, Terms { number: 1, expires });
    let delegation =
        DelegationProof { number: 1, expires, signature: Signature(secret.sign_schnorr(&digest)) };
    SpeaksFor { signer: request.signers.index_of(&key).unwrap(), delegation }
}

fn said(request: &SigningRequest, body: Body) -> Envelope {
    let session = SigningRequest::session_id(request.id(), NETWORK, 1);
    Envelope::sign(&node(), NETWORK, session, 1, NOW, body).unwrap()
}

/// A node confirms these two nonce sets.
fn confirmed(first: u8, second: u8) -> Case {
    let request = request();
    let speaks_for = speaks_for(&request);
    let confirm = |byte| {
        let complete = NoncesComplete { signer: speaks_for.signer, digest: [byte; 32] };
        Box::new(said(&request, Body::NoncesComplete(complete)))
    };
    let evidence = Evidence::conflict(confirm(first), confirm(second));
    let charge = Charge::Proof { speaks_for: Some(speaks_for), evidence };
    Case { request: Box::new(request), attempt: 1, charge }
}

#[test]
fn file_is_proven_damaged_or_refused_without_a_home() {
    let signer = Signer::new();
    let file = signer.path("case");
    let verify = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        run(&["--json", "--home", "/nonexistent", "evidence", "verify", argument(&file)])
    };
    let bytes = confirmed(1, 2).encode();
    let proven = verify(&bytes).succeeded().last();
    assert_eq!((&proven["verdict"], &proven["attempt"]), (&"proven".into(), &1.into()));
    assert_eq!(proven["node"], node().peer_id().to_string());
    let key = SecKey::from_secret_bytes([1; 32]).unwrap().public_key();
    assert_eq!(proven["signer"], SignerKey::from_public_key(key).to_string());
    assert_eq!(proven["statements"].as_array().unwrap().len(), 2);
    let text = run(&["evidence", "verify", argument(&file)]).succeeded().stdout;
    assert!(text.starts_with("PROVEN  signer "), "{text}");
    assert!(text.contains("I see the nonce set 0101") && text.contains("0202"), "{text}");

    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    for wrong in [&damaged[..], &bytes[..20], b"my notes"] {
        verify(wrong).refused(2, "E-EVI-002");
    }
    verify(&confirmed(1, 1).encode()).refused(2, "E-EVI-002");
    let elsewhere = Case { attempt: 2, ..confirmed(1, 2) };
    let error = verify(&elsewhere.encode()).refused(9, "E-EVI-003");
    assert!(error["what"].as_str().unwrap().contains("NOT PROVEN"), "{error}");
}

#[test]
fn silence_is_shown_as_a_claim_with_its_reporters() {
    let signer = Signer::new();
    let file = signer.path("case");
    let request = request();
    let abort = SessionAbort { reason: AbortReason::Timeout, culprit: Some(SignerIndex(1)) };
    let reports = vec![said(&request, Body::SessionAbort(abort))];
    let case = Case { request: Box::new(request), attempt: 1, charge: Charge::Silence { reports } };
    std::fs::write(&file, case.encode()).unwrap();
    let text = run(&["evidence", "verify", argument(&file)]).succeeded().stdout;
    assert!(text.starts_with("CLAIM  ") && !text.contains("PROVEN"), "{text}");
    assert!(text.contains("1 reporter") && text.contains("A claim is no proof"), "{text}");
    // A name is only a beginning; who checks it elsewhere needs the keys.
    let accused = case.request.signers.as_slice()[1].to_string();
    assert!(text.contains(&accused) && text.contains(&node().peer_id().to_string()), "{text}");
}

/// Puts a case into the store of a home whose node does not run.
fn keep(signer: &Signer, place: Place, case: &Case) {
    let name = std::fs::read("/etc/machine-id").map_or([0; 32], |name| sha256(&name));
    let store = StoreOptions { machine: name, mark: [5; 32], ..StoreOptions::default() };
    let (mut store, _) = RedbStore::open(&signer.home, &store).unwrap();
    let mut batch = Batch::new(NOW);
    batch.put(place, case.encode()).unwrap();
    store.commit(&batch).unwrap();
}

#[test]
fn evidence_that_is_kept_is_listed_shown_and_exported_for_anybody() {
    let alice = Signer::init("alice");
    assert!(alice.text(&["evidence", "list"]).succeeded().stdout.contains("nothing is kept"));
    let case = confirmed(1, 2);
    let digest = sha256(&case.encode());
    keep(&alice, Place::evidence(&digest), &case);
    let id = hex::encode(digest);

    let listed = alice.json(&["evidence", "list"]).succeeded().last();
    assert_eq!((&listed["evidence"], &listed["verdict"]), (&id.as_str().into(), &"proven".into()));
    let shown = alice.text(&["evidence", "show", &id[..5]]).succeeded().stdout;
    assert!(shown.starts_with("PROVEN  "), "{shown}");
    let error = alice.json(&["evidence", "show", ""]).refused(2, "E-EVI-001");
    assert!(error["what"].as_str().unwrap().contains("an id is missing"), "{error}");

    let file = alice.path("case.evidence");
    let export = ["evidence", "export", &id[..5], argument(&file)];
    alice.json(&export).succeeded();
    // On a machine without a home it says the same.
    let nowhere = ["--json", "--home", "/nonexistent", "evidence", "verify", argument(&file)];
    assert_eq!(run(&nowhere).succeeded().last()["evidence"], id.as_str());
    // A file that is there is not replaced.
    std::fs::write(&file, "my notes").unwrap();
    let error = alice.json(&export).refused(2, "E-FIL-010");
    assert!(error["do"].as_str().unwrap().contains("another file"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"my notes");
}
