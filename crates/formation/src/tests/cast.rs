//! Who takes part: nodes, keys, delegations.

use std::{
    format,
    string::String,
    sync::{Arc, LazyLock},
    vec,
    vec::Vec,
};

use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_primitives::{Instant, Network, Now, PeerId, UnixTime};
use secp256k1::{Keypair, SecretKey, schnorr};

use crate::{Candidate, Formation, FormationConfig, Restored, Roster, RosterMember};

pub(super) const NETWORK: Network = Network::Regtest;
pub(super) const CONFIG: FormationConfig = FormationConfig { network: NETWORK };
pub(super) const NAME: &str = "treasury";

/// 2026-01-01 00:00 UTC.
const START: u64 = 1_767_225_600_000;

pub(super) const fn at(millis: u64) -> Now {
    Now {
        instant: Instant::from_micros(millis * 1000),
        unix: UnixTime::from_millis(START + millis),
    }
}

/// Everybody, made once.
static PEOPLE: LazyLock<Vec<(Arc<NodeKey>, RosterMember)>> = LazyLock::new(|| {
    let key = |number: u8| NodeKey::from_secret_bytes([number + 1; 32]).unwrap();
    (0..10).map(|number| (Arc::new(key(number)), made(number, key(number).peer_id()))).collect()
});

pub(super) fn key(number: u8) -> Arc<NodeKey> {
    Arc::clone(&PEOPLE[usize::from(number)].0)
}

pub(super) fn peer(number: u8) -> PeerId {
    PEOPLE[usize::from(number)].0.peer_id()
}

/// A person's member, whose signer key speaks for its node.
pub(super) fn member(number: u8) -> RosterMember {
    PEOPLE[usize::from(number)].1.clone()
}

fn made(number: u8, peer: PeerId) -> RosterMember {
    let secret = SecretKey::from_secret_bytes([number + 101; 32]).unwrap();
    let pair = Keypair::from_secret_key(&secret);
    let signer = SignerKey::from_public_key(pair.public_key());
    let expires = UnixTime::from_millis(START + 30 * 86_400_000);
    let terms = Terms { number: START / 1000, expires };
    let digest = Delegation::digest(&signer, &peer, NETWORK, terms);
    let signature = Signature(schnorr::sign_no_aux_rand(&digest, &pair).to_byte_array());
    let delegation = DelegationProof { number: terms.number, expires, signature };
    RosterMember { signer, peer, delegation, name: format!("person{number}") }
}

pub(super) fn candidate(number: u8) -> Candidate {
    let address = format!("192.0.2.{number}:4820").parse().unwrap();
    Candidate { member: member(number), addresses: vec![address] }
}

pub(super) fn roster(people: &[u8]) -> Roster {
    let mut members: Vec<RosterMember> = people.iter().copied().map(member).collect();
    members.sort_by_key(|member| member.signer);
    Roster { network: NETWORK, name: String::from(NAME), invitation: None, members }
}

pub(super) fn machine(number: u8, now: Now, records: Vec<Vec<u8>>) -> Formation {
    Formation::new(CONFIG, key(number), now, Restored { records, may_be_old: false })
}
