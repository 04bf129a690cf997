//! Fixed people, and everything a machine of theirs is made from.

use core::time::Duration;
use std::{string::String, sync::Arc, vec};

use ensign_deadline::Timeouts;
use ensign_identity::{NodeKey, SignerKey, Terms};
use ensign_musig::{NonceEntropy, SecKey};
use ensign_primitives::{Instant, Network, Now, PeerId, UnixTime, sha256};
use ensign_ratelimit::Allowances;
use ensign_session::{Entropy, LocalSigner};
use ensign_wire::{GroupKeys, Introduced, KeyTweak, Message, Mode, TxType};

use crate::{Delegated, GroupConfig, Keys, Proposal, Restored, Signing, SigningConfig, Source};

pub(super) const NETWORK: Network = Network::Regtest;
/// The wall clock at the start of every test.
pub(super) const START: UnixTime = UnixTime::from_millis(1_760_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn start() -> Now {
    Now { instant: Instant::from_micros(0), unix: START }
}

pub(super) fn node_key(index: usize) -> NodeKey {
    NodeKey::from_secret_bytes([0x10 + index as u8; 32]).unwrap()
}

fn sec_key(index: usize) -> SecKey {
    SecKey::from_secret_bytes([0x60 + index as u8; 32]).unwrap()
}

pub(super) fn peer(index: usize) -> PeerId {
    node_key(index).peer_id()
}

fn key(index: usize) -> SignerKey {
    SignerKey::from_public_key(sec_key(index).public_key())
}

pub(super) fn local_signer(index: usize) -> LocalSigner {
    LocalSigner::new(Arc::new(sec_key(index)))
}

/// Persons `0..count`, all of them.
pub(super) fn group(count: usize) -> GroupConfig {
    let keys = GroupKeys::new((0..count).map(key).collect()).unwrap();
    GroupConfig { keys, peers: (0..count).map(peer).collect() }
}

/// Who a node is.
pub(super) fn keys(index: usize) -> Keys {
    let (node_key, delegation) = (node_key(index), delegated(index, 1).proof);
    Keys { node_key: Arc::new(node_key), signer: key(index), delegation }
}

/// That a person's node speaks for its key; under a number.
pub(super) fn delegated(index: usize, number: u64) -> Delegated {
    delegated_to(index, peer(index), number)
}

/// That any node speaks for a person's key.
pub(super) fn delegated_to(index: usize, node: PeerId, number: u64) -> Delegated {
    let terms = Terms { number, expires: START.after(DAY * 360) };
    let proof = local_signer(index).delegate(NETWORK, node, terms);
    Delegated { signer: key(index), peer: node, proof }
}

/// What a node says to another one about a delegation.
pub(super) fn said(it: &Delegated, from: PeerId, to: PeerId) -> Introduced {
    let hint = Introduced::hint(NETWORK, &it.signer, (&from, &to));
    Introduced { hint, peer: it.peer, proof: it.proof }
}

/// What a person's node says of itself to another person's.
pub(super) fn introduced(index: usize, to: usize) -> Introduced {
    said(&delegated(index, 1), peer(index), peer(to))
}

/// A machine that has formed the group of all.
pub(super) fn machine(index: usize, count: usize, now: Now, restored: Restored) -> Signing {
    let config = SigningConfig {
        network: NETWORK,
        timeouts: Timeouts::default(),
        allowances: Allowances::default(),
        requests_max: crate::REQUESTS_MAX,
    };
    let mut machine = Signing::new(config, keys(index), now, restored);
    machine.add_group(now, group(count)).unwrap();
    machine
}

pub(super) fn proposal(count: usize, mode: Mode) -> Proposal {
    Proposal {
        group: group(count).keys.group_id(NETWORK),
        messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
        source: Source::Psbt(b"no psbt".to_vec()),
        purpose: String::from("rent"),
        tx_type: TxType::Spend,
        amount: 0,
        lifetime: Duration::from_secs(3600),
        mode,
    }
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
