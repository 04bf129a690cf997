//! Fixed people, and everything a node of theirs is made from.

use core::time::Duration;
use std::{string::ToString, sync::Arc, sync::LazyLock, vec, vec::Vec};

use ensign_deadline::Timeouts;
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{NonceEntropy, SecKey};
use ensign_overlay::OverlayConfig;
use ensign_primitives::{GroupId, Instant, Network, Now, PeerId, SignerIndex, UnixTime, sha256};
use ensign_session::{Entropy, LocalSigner};
use ensign_wire::{
    Frame, GroupKeys, Introduced, KeyTweak, Message, Mode, Payload, Role, Scheme, Scope,
    SignedRequest, SigningRequest, TxType, Welcome,
};

use crate::{
    Engine, EngineConfig, GroupConfig, Keys, Limits, Proposal, Restored, Source, Strangers,
    signing::Delegated,
};

pub(super) const NETWORK: Network = Network::Regtest;
/// The wall clock at the start of every test.
pub(super) const START: UnixTime = UnixTime::from_millis(1_760_000_000_000);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

static PEOPLE: LazyLock<Vec<Person>> = LazyLock::new(|| (0..12).map(make_person).collect());

/// One person's keys.
pub(super) struct Person {
    pub(super) node_key: Arc<NodeKey>,
    pub(super) sec_key: Arc<SecKey>,
    pub(super) delegation: DelegationProof,
}

/// One of ten fixed people; the last two belong to no group.
pub(super) fn person(index: usize) -> &'static Person {
    &PEOPLE[index]
}

pub(super) fn peer(index: usize) -> PeerId {
    person(index).node_key.peer_id()
}

pub(super) fn key(index: usize) -> SignerKey {
    SignerKey::from_public_key(person(index).sec_key.public_key())
}

pub(super) fn signer(index: usize) -> SignerIndex {
    SignerIndex::from_usize(index).unwrap()
}

fn make_person(index: u8) -> Person {
    let node_key = NodeKey::from_secret_bytes([0x10 + index; 32]).unwrap();
    let sec_key = SecKey::from_secret_bytes([0x60 + index; 32]).unwrap();
    // Not renewed within any test.
    let expires = START.after(HOUR * 24 * 360);
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let digest =
        Delegation::digest(&signer, &node_key.peer_id(), NETWORK, Terms { number: 1, expires });
    let delegation =
        DelegationProof { number: 1, expires, signature: Signature(sec_key.sign_schnorr(&digest)) };
    Person { node_key: Arc::new(node_key), sec_key: Arc::new(sec_key), delegation }
}

pub(super) fn local_signer(index: usize) -> LocalSigner {
    LocalSigner::new(Arc::clone(&person(index).sec_key))
}

pub(super) fn engine(index: usize) -> Engine {
    engine_of_boot(index, 0, start(), Restored::default())
}

/// The moment when every test starts.
pub(super) fn start() -> Now {
    Now { instant: Instant::from_micros(0), unix: START }
}

/// A node that leaves this to strangers.
pub(super) fn engine_for(index: usize, strangers: Strangers) -> Engine {
    let config = EngineConfig { strangers, ..config(index, 0) };
    Engine::new(config, keys(index), [index as u8; 32], start(), Restored::default())
}

/// A node of the open network, whose positions cost nothing.
pub(super) fn engine_open(index: usize) -> Engine {
    let addresses = vec!["127.0.0.1:9735".parse().unwrap()];
    let (bits, scope) = (0, Scope::Local);
    let overlay = OverlayConfig::new(NETWORK, Role::Signer);
    engine_outside(index, OverlayConfig { bits, scope, addresses, ..overlay })
}

/// A node that takes part in the open network so, with the limits of its role.
pub(super) fn engine_outside(index: usize, overlay: OverlayConfig) -> Engine {
    let (strangers, limits) =
        (Strangers::default().open(overlay.role), Limits::of_role(overlay.role));
    let overlay = Some(overlay);
    let config = EngineConfig { strangers, limits, overlay, ..config(index, 0) };
    Engine::new(config, keys(index), [index as u8; 32], start(), Restored::default())
}

fn keys(index: usize) -> Keys {
    let Person { node_key, delegation, .. } = person(index);
    Keys { node_key: Arc::clone(node_key), signer: key(index), delegation: *delegation }
}

/// As [`engine`], of a process that has drawn another number, with what a store holds.
pub(super) fn engine_of_boot(index: usize, boot: u8, now: Now, restored: Restored) -> Engine {
    Engine::new(config(index, boot), keys(index), [index as u8; 32], now, restored)
}

fn config(index: usize, boot: u8) -> EngineConfig {
    EngineConfig {
        network: NETWORK,
        instance: [index as u8, boot, 0, 0, 0, 0, 0, 0],
        listening: vec!["127.0.0.1:9735".parse().unwrap()],
        timeouts: Timeouts::default(),
        limits: Default::default(),
        peers: Default::default(),
        strangers: Default::default(),
        overlay: None,
    }
}

/// The group of these people, in this order.
pub(super) fn group_of(people: &[usize]) -> GroupConfig {
    GroupConfig {
        keys: GroupKeys::new(people.iter().map(|index| key(*index)).collect()).unwrap(),
        peers: people.iter().map(|index| peer(*index)).collect(),
    }
}

pub(super) fn group_id(people: &[usize]) -> GroupId {
    group_of(people).keys.group_id(NETWORK)
}

/// Bytes that stand for a PSBT; the engine only hashes them.
pub(super) const PSBT: &[u8] = b"not a psbt, but the engine does not look";

/// Asks a group to sign one message in an hour's time, with a payload.
pub(super) fn proposal(people: &[usize], mode: Mode) -> Proposal {
    Proposal {
        group: group_id(people),
        messages: vec![
            Message { digest: [7; 32], tweak: KeyTweak::None },
            Message { digest: [8; 32], tweak: KeyTweak::ADDRESS },
        ],
        source: Source::Psbt(PSBT.to_vec()),
        purpose: "a test".to_string(),
        tx_type: TxType::Spend,
        amount: 1000,
        lifetime: HOUR,
        mode,
    }
}

/// A request as a creator could make it, for those who speak without an engine.
pub(super) fn request(people: &[usize], creator: usize) -> SigningRequest {
    SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: group_of(people).keys,
        messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: "a test".to_string(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: signer(creator),
        created: START,
        expires: START.after(HOUR),
        mode: Mode::Committed,
        nonce: [7; 16],
    }
}

/// The payload that names these bytes.
pub(super) fn payload(bytes: &[u8]) -> Payload {
    Payload::Psbt { digest: sha256(bytes), len: bytes.len() as u32 }
}

pub(super) fn signed(request: SigningRequest, creator: usize) -> SignedRequest {
    SignedRequest::sign(request, &person(creator).node_key, person(creator).delegation).unwrap()
}

/// That any node speaks for a person's key, under a number.
pub(super) fn delegated(index: usize, node: PeerId, terms: Terms) -> Delegated {
    let proof = local_signer(index).delegate(NETWORK, node, terms);
    Delegated { signer: key(index), peer: node, proof }
}

/// What a node says to another one about a delegation.
pub(super) fn introduced(it: &Delegated, from: PeerId, to: PeerId) -> Frame {
    let hint = Introduced::hint(NETWORK, &it.signer, (&from, &to));
    Frame::Delegation(Introduced { hint, peer: it.peer, proof: it.proof })
}

/// What a person's node says of itself to another person's.
pub(super) fn own_word(index: usize, to: usize) -> Vec<u8> {
    let Person { delegation: proof, .. } = *person(index);
    let it = Delegated { signer: key(index), peer: peer(index), proof };
    introduced(&it, peer(index), peer(to)).encode()
}

/// What it tells members.
pub(super) fn welcome(instance: [u8; 8], clock: UnixTime) -> Vec<u8> {
    Frame::Welcome(Welcome { clock, instance, listening: vec![] }).encode()
}

/// Entropy for tests only: the same for the same number.
pub(super) fn entropy(owner: usize, number: u64, nonces: usize) -> Entropy {
    let bytes = |nonce: u64| {
        let words = [owner as u64, number, nonce].map(u64::to_le_bytes);
        sha256(words.as_flattened())
    };
    let nonces = (1..=nonces as u64).map(|nonce| NonceEntropy::new(bytes(nonce)).unwrap());
    Entropy { nonces: nonces.collect(), salt: bytes(0) }
}
