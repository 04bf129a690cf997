//! Fixed keys, groups and proposals.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ensign_deadline::Timeouts;
use ensign_engine::{Engine, EngineConfig, GroupConfig, Keys, Proposal, Restored};
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{KeyAggCtx, NonceEntropy, SecKey};
use ensign_primitives::{Instant, Network, Now, PeerId, UnixTime, sha256};
use ensign_session::{Entropy, LocalSigner};
use ensign_wire::{GroupKeys, KeyTweak, Message, Mode, TxType};

pub(crate) const NETWORK: Network = Network::Regtest;
pub(crate) const START: UnixTime = UnixTime::from_millis(1_760_000_000_000);
/// Nodes of the group.
pub(crate) const NODES: usize = 3;
/// The node whose key the input may use.
pub(crate) const FORGER: usize = 2;
/// A node of no group.
pub(crate) const STRANGER: usize = 3;

/// One person's keys.
pub(crate) struct Person {
    pub(crate) node_key: Arc<NodeKey>,
    sec_key: Arc<SecKey>,
    pub(crate) delegation: DelegationProof,
}

static PEOPLE: LazyLock<[Person; NODES + 1]> = LazyLock::new(|| [0, 1, 2, 3].map(make_person));

pub(crate) static AGGREGATE: LazyLock<KeyAggCtx> = LazyLock::new(|| {
    let keys = [0, 1, 2].map(|index| PEOPLE[index].sec_key.public_key());
    KeyAggCtx::new(&keys).expect("three keys")
});

pub(crate) fn person(index: usize) -> &'static Person {
    &PEOPLE[index]
}

pub(crate) fn peer(index: usize) -> PeerId {
    PEOPLE[index].node_key.peer_id()
}

pub(crate) fn index_of(wanted: PeerId) -> Option<usize> {
    (0..=NODES).find(|index| peer(*index) == wanted)
}

pub(crate) fn key(index: usize) -> SignerKey {
    SignerKey::from_public_key(PEOPLE[index].sec_key.public_key())
}

pub(crate) fn local_signer(index: usize) -> LocalSigner {
    LocalSigner::new(Arc::clone(&PEOPLE[index].sec_key))
}

pub(crate) fn group() -> GroupConfig {
    GroupConfig {
        keys: GroupKeys::new([0, 1, 2].map(key).to_vec()).expect("three different keys"),
        peers: [0, 1, 2].map(peer).to_vec(),
    }
}

/// The moment at which every world begins.
pub(crate) fn start() -> Now {
    Now { instant: Instant::from_micros(0), unix: START }
}

pub(crate) fn engine(index: usize, now: Now, restored: Restored) -> Engine {
    // Shorter than the defaults, so that an input costs fewer repetitions.
    let timeouts = Timeouts {
        init_timeout: Duration::from_secs(30),
        nonces_timeout: Duration::from_secs(60),
        partials_timeout: Duration::from_secs(60),
        linger_timeout: Duration::from_secs(60),
        retry_interval: Duration::from_secs(15),
    };
    let config = EngineConfig {
        network: NETWORK,
        instance: [index as u8; 8],
        listening: vec![],
        timeouts,
        limits: Default::default(),
        peers: Default::default(),
        strangers: Default::default(),
        overlay: None,
    };
    let Person { node_key, delegation, .. } = person(index);
    let keys = Keys { node_key: Arc::clone(node_key), signer: key(index), delegation: *delegation };
    Engine::new(config, keys, [index as u8; 32], now, restored)
}

/// What a node proposes: the bits choose mode, number of messages and whether there is a payload.
pub(crate) fn proposal(bits: u8) -> Proposal {
    let mode = [Mode::Committed, Mode::Fast, Mode::Strict][usize::from(bits % 3)];
    let plain = Message { digest: [bits; 32], tweak: KeyTweak::None };
    let tweaked = Message { digest: [9; 32], tweak: KeyTweak::ADDRESS };
    Proposal {
        group: group().keys.group_id(NETWORK),
        messages: if bits & 0x40 == 0 { vec![plain] } else { vec![plain, tweaked] },
        source: (bits & 0x80 != 0).then(|| vec![bits; 40]).into(),
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        lifetime: Duration::from_secs(if bits & 0x20 == 0 { 3600 } else { 60 }),
        mode,
    }
}

/// Different bytes for each draw; they protect nothing.
pub(crate) fn entropy(owner: usize, draw: u64, nonces: usize) -> Entropy {
    let bytes = |number: usize| {
        sha256([owner as u64, draw, number as u64].map(u64::to_le_bytes).as_flattened())
    };
    let nonce = |number| NonceEntropy::new(bytes(number)).expect("a hash is not zero");
    Entropy { nonces: (1..=nonces).map(nonce).collect(), salt: bytes(0) }
}

fn make_person(index: u8) -> Person {
    let node_key = NodeKey::from_secret_bytes([0x10 + index; 32]).expect("below the order");
    let sec_key = SecKey::from_secret_bytes([0x60 + index; 32]).expect("below the order");
    // Not renewed before all requests are over.
    let expires = START.after(Duration::from_secs(183 * 24 * 3600));
    let key = SignerKey::from_public_key(sec_key.public_key());
    let digest =
        Delegation::digest(&key, &node_key.peer_id(), NETWORK, Terms { number: 1, expires });
    let signature = Signature(sec_key.sign_schnorr(&digest));
    let delegation = DelegationProof { number: 1, expires, signature };
    Person { node_key: Arc::new(node_key), sec_key: Arc::new(sec_key), delegation }
}
