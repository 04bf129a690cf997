//! Fixed keys, and everything a session of such a group is made from.

use core::time::Duration;
use std::{
    string::ToString,
    sync::{Arc, LazyLock},
    vec::Vec,
};

use ensign_deadline::Timeouts;
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{KeyAggCtx, NonceEntropy, SecKey};
use ensign_primitives::{KeyPath, Network, PeerId, SignerIndex, UnixTime, sha256};
use ensign_wire::{
    GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SignedRequest, SigningRequest, TxType,
};

use crate::{Entropy, SessionSetup};

pub(super) const NETWORK: Network = Network::Regtest;
/// The wall clock at the start of every test.
pub(super) const START: UnixTime = UnixTime::from_millis(1_760_000_000_000);
/// How long a request is open unless a test says otherwise.
pub(super) const LIFETIME: Duration = Duration::from_secs(3600);

/// One signer's keys.
pub(super) struct Member {
    pub(super) node_key: Arc<NodeKey>,
    pub(super) sec_key: Arc<SecKey>,
    pub(super) delegation: DelegationProof,
}

static MEMBERS: LazyLock<Vec<Member>> = LazyLock::new(|| (0..8).map(make_member).collect());

/// One of eight fixed signers; the eighth belongs to no group.
pub(super) fn member(index: usize) -> &'static Member {
    &MEMBERS[index]
}

/// The one who belongs to no group.
pub(super) fn stranger() -> &'static Member {
    member(7)
}

pub(super) fn peer(index: usize) -> PeerId {
    member(index).node_key.peer_id()
}

pub(super) fn signer(index: usize) -> SignerIndex {
    SignerIndex::from_usize(index).unwrap()
}

fn make_member(index: u8) -> Member {
    let node_key = NodeKey::from_secret_bytes([0x10 + index; 32]).unwrap();
    let sec_key = SecKey::from_secret_bytes([0x60 + index; 32]).unwrap();
    let delegation = delegate(&sec_key, node_key.peer_id(), START.after(LIFETIME * 24));
    Member { node_key: Arc::new(node_key), sec_key: Arc::new(sec_key), delegation }
}

/// Lets a signer key's node speak for it.
pub(super) fn delegate(key: &SecKey, peer: PeerId, expires: UnixTime) -> DelegationProof {
    let signer = SignerKey::from_public_key(key.public_key());
    let digest = Delegation::digest(&signer, &peer, NETWORK, Terms { number: 1, expires });
    DelegationProof { number: 1, expires, signature: Signature(key.sign_schnorr(&digest)) }
}

/// What a group is asked to sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How many signers, at most seven.
    pub(super) signers: usize,
    pub(super) mode: Mode,
    /// How many messages; tweaked and untweaked by turns.
    pub(super) messages: usize,
    /// How long the request is open.
    pub(super) lifetime: Duration,
    /// Decides every nonce and every accident on the way.
    pub(super) seed: u64,
}

impl Plan {
    pub(super) fn new(signers: usize, mode: Mode) -> Self {
        Self { signers, mode, messages: 1, lifetime: LIFETIME, seed: 1 }
    }

    pub(super) fn request(&self) -> SignedRequest {
        let keys = (0..self.signers).map(public_key).collect();
        let message = |number: usize| Message {
            digest: sha256(&[number as u8]),
            tweak: match number % 3 {
                0 => KeyTweak::None,
                1 => KeyTweak::ADDRESS,
                _ => {
                    let path = KeyPath::new(&[1, number as u32]).unwrap();
                    KeyTweak::Taproot { path, merkle_root: Some([9; 32]) }
                }
            },
        };
        let request = SigningRequest {
            network: NETWORK,
            scheme: Scheme::Bip327,
            signers: GroupKeys::new(keys).unwrap(),
            messages: (0..self.messages).map(message).collect(),
            payload: Payload::Blind,
            purpose: "a test".to_string(),
            tx_type: TxType::Spend,
            amount: 0,
            creator: SignerIndex(0),
            created: START,
            expires: START.after(self.lifetime),
            mode: self.mode,
            nonce: [7; 16],
        };
        SignedRequest::sign(request, &member(0).node_key, member(0).delegation).unwrap()
    }

    /// What each signer makes its session from, in key order.
    pub(super) fn setups(&self) -> Vec<SessionSetup> {
        let request = Arc::new(self.request());
        let keys: Vec<_> = request.request.signers.as_slice().to_vec();
        let keys: Vec<_> = keys.iter().map(|key| *key.as_public_key()).collect();
        let group = KeyAggCtx::new(&keys).unwrap();
        let peers: Arc<[PeerId]> = (0..self.signers).map(peer).collect();
        let setup = |index: usize| SessionSetup {
            request: Arc::clone(&request),
            attempt: 1,
            local: signer(index),
            peers: Arc::clone(&peers),
            group: group.clone(),
            node_key: Arc::clone(&member(index).node_key),
            signer: public_key(index),
            delegation: member(index).delegation,
            timeouts: Timeouts::default(),
        };
        (0..self.signers).map(setup).collect()
    }
}

pub(super) fn public_key(index: usize) -> SignerKey {
    SignerKey::from_public_key(member(index).sec_key.public_key())
}

/// Entropy for tests only: the same for the same seed.
pub(super) fn entropy(seed: u64, owner: u64, nonces: usize) -> Entropy {
    let bytes = |number: u64| {
        let words = [seed, owner, number].map(u64::to_le_bytes);
        sha256(words.as_flattened())
    };
    let nonces = (1..=nonces as u64).map(|number| NonceEntropy::new(bytes(number)).unwrap());
    Entropy { nonces: nonces.collect(), salt: bytes(0) }
}

/// A small generator of accidents (splitmix64).
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}
