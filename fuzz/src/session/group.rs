//! Fixed keys, requests and setups for three signers.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ensign_deadline::Timeouts;
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{KeyAggCtx, NonceEntropy, SecKey};
use ensign_primitives::{Network, PeerId, SignerIndex, UnixTime, sha256};
use ensign_session::{Entropy, LocalSigner, SessionSetup};
use ensign_wire::{
    GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SignedRequest, SigningRequest, TxType,
};

pub(crate) const NETWORK: Network = Network::Regtest;
pub(crate) const START: UnixTime = UnixTime::from_millis(1_760_000_000_000);
pub(crate) const SIGNERS: usize = 3;
/// The signer whose node key the input may use.
pub(crate) const FORGER: usize = 2;

pub(crate) struct Member {
    pub(crate) node_key: Arc<NodeKey>,
    sec_key: Arc<SecKey>,
    pub(crate) delegation: DelegationProof,
}

pub(crate) static MEMBERS: LazyLock<[Member; SIGNERS]> =
    LazyLock::new(|| [0, 1, 2].map(make_member));

static GROUP: LazyLock<KeyAggCtx> = LazyLock::new(|| {
    let keys = [0, 1, 2].map(|index| MEMBERS[index].sec_key.public_key());
    KeyAggCtx::new(&keys).expect("three keys")
});

/// One request for each mode and for one and two messages.
static REQUESTS: LazyLock<Vec<Arc<SignedRequest>>> = LazyLock::new(|| {
    let modes = [Mode::Committed, Mode::Fast, Mode::Strict];
    let each = |mode| [1, 2].map(|messages| Arc::new(make_request(mode, messages)));
    modes.into_iter().flat_map(each).collect()
});

pub(crate) fn signer(index: usize) -> SignerIndex {
    SignerIndex(index as u16)
}

pub(crate) fn peer(index: usize) -> PeerId {
    MEMBERS[index].node_key.peer_id()
}

pub(crate) fn request(choice: u8) -> Arc<SignedRequest> {
    Arc::clone(&REQUESTS[usize::from(choice) % REQUESTS.len()])
}

pub(crate) fn setup(request: &Arc<SignedRequest>, local: usize) -> SessionSetup {
    SessionSetup {
        request: Arc::clone(request),
        attempt: 1,
        local: signer(local),
        peers: [peer(0), peer(1), peer(2)].into(),
        group: GROUP.clone(),
        node_key: Arc::clone(&MEMBERS[local].node_key),
        signer: SignerKey::from_public_key(MEMBERS[local].sec_key.public_key()),
        delegation: MEMBERS[local].delegation,
        timeouts: Timeouts::default(),
    }
}

pub(crate) fn local_signer(index: usize) -> LocalSigner {
    LocalSigner::new(Arc::clone(&MEMBERS[index].sec_key))
}

/// The same bytes each time: the nonces of a fuzz run protect nothing.
pub(crate) fn entropy(owner: usize, draw: u8, nonces: usize) -> Entropy {
    let bytes = |number: usize| sha256(&[owner as u8, draw, number as u8]);
    let nonce = |number| NonceEntropy::new(bytes(number)).expect("a hash is not zero");
    Entropy { nonces: (1..=nonces).map(nonce).collect(), salt: bytes(0) }
}

fn make_member(index: u8) -> Member {
    let node_key = NodeKey::from_secret_bytes([0x10 + index; 32]).expect("below the order");
    let sec_key = SecKey::from_secret_bytes([0x60 + index; 32]).expect("below the order");
    let expires = START.after(Duration::from_secs(30 * 24 * 3600));
    let key = SignerKey::from_public_key(sec_key.public_key());
    let digest =
        Delegation::digest(&key, &node_key.peer_id(), NETWORK, Terms { number: 1, expires });
    let delegation =
        DelegationProof { number: 1, expires, signature: Signature(sec_key.sign_schnorr(&digest)) };
    Member { node_key: Arc::new(node_key), sec_key: Arc::new(sec_key), delegation }
}

fn make_request(mode: Mode, messages: u8) -> SignedRequest {
    let keys = GROUP.keys().iter().map(|key| SignerKey::from_public_key(*key)).collect();
    let message = |number: u8| Message {
        digest: [number; 32],
        tweak: if number == 0 { KeyTweak::None } else { KeyTweak::ADDRESS },
    };
    let request = SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new(keys).expect("three different keys"),
        messages: (0..messages).map(message).collect(),
        payload: Payload::Blind,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: SignerIndex(0),
        created: START,
        expires: START.after(Duration::from_secs(3600)),
        mode,
        nonce: [7; 16],
    };
    let creator = &MEMBERS[0];
    SignedRequest::sign(request, &creator.node_key, creator.delegation).expect("within limits")
}
