//! Cases for keys, signatures and delegations.

use ensign_primitives::{Network, PeerId, UnixTime};
use secp256k1::{Keypair, SecretKey, schnorr};

use crate::{
    DELEGATION_LIFETIME_MAX, Delegation, DelegationError, DelegationProof, InvalidSecret,
    NUMBER_AHEAD_MAX, NodeKey, Signature, SignerKey, Terms, verify,
};

const NOW: UnixTime = UnixTime::from_millis(1_700_000_000_000);

fn node(secret: u8) -> NodeKey {
    NodeKey::from_secret_bytes([secret; 32]).unwrap()
}

fn signer(secret: u8) -> (Keypair, SignerKey) {
    let keypair = Keypair::from_secret_key(&SecretKey::from_secret_bytes([secret; 32]).unwrap());
    (keypair, SignerKey::from_public_key(keypair.public_key()))
}

fn delegate(secret: u8, peer: PeerId, expires: UnixTime) -> (SignerKey, DelegationProof) {
    let (keypair, key) = signer(secret);
    let digest = Delegation::digest(&key, &peer, Network::Regtest, Terms { number: 7, expires });
    let signature = Signature(schnorr::sign_no_aux_rand(&digest, &keypair).to_byte_array());
    (key, DelegationProof { number: 7, expires, signature })
}

#[test]
fn zero_and_overflowing_secrets_are_refused() {
    assert_eq!(NodeKey::from_secret_bytes([0; 32]).err(), Some(InvalidSecret));
    assert_eq!(NodeKey::from_secret_bytes([0xff; 32]).err(), Some(InvalidSecret));
}

#[test]
fn signature_verifies_for_its_key_and_digest_only() {
    let (ours, theirs) = (node(1), node(2));
    let signature = ours.sign(&[7; 32]);
    assert!(verify(&ours.peer_id(), &[7; 32], &signature));
    assert!(!verify(&theirs.peer_id(), &[7; 32], &signature));
    assert!(!verify(&ours.peer_id(), &[8; 32], &signature));
    assert!(!verify(&PeerId::from_bytes([0xff; 32]), &[7; 32], &signature));
}

#[test]
fn debug_of_a_node_key_shows_the_peer_and_no_secret() {
    let text = std::format!("{:?}", node(0xab));
    assert!(text.contains("secret)") && !text.contains("abab"), "{text}");
}

#[test]
fn signer_key_off_the_curve_is_refused_with_its_bytes() {
    let mut bytes = [2; 33];
    bytes.iter_mut().skip(1).for_each(|byte| *byte = 0xff);
    assert_eq!(SignerKey::from_bytes(&bytes).unwrap_err().bytes, bytes);
}

#[test]
fn delegation_holds_for_its_node_network_and_time_only() {
    let expires = UnixTime::from_millis(NOW.as_millis() + 1000);
    let (key, proof) = delegate(3, node(1).peer_id(), expires);
    let check = |peer, network, now| Delegation::verify(key, peer, network, proof, now);
    assert!(check(node(1).peer_id(), Network::Regtest, NOW).is_ok());
    assert!(matches!(
        check(node(2).peer_id(), Network::Regtest, NOW),
        Err(DelegationError::Signature { .. })
    ));
    assert!(matches!(
        check(node(1).peer_id(), Network::Bitcoin, NOW),
        Err(DelegationError::Signature { .. })
    ));
    assert!(matches!(
        check(node(1).peer_id(), Network::Regtest, expires),
        Err(DelegationError::Expired { .. })
    ));
}

#[test]
fn delegation_for_ever_is_refused() {
    let expires = NOW.after(DELEGATION_LIFETIME_MAX * 2);
    let (key, proof) = delegate(3, node(1).peer_id(), expires);
    assert!(matches!(
        Delegation::verify(key, node(1).peer_id(), Network::Regtest, proof, NOW),
        Err(DelegationError::TooLong { .. })
    ));
}

#[test]
fn number_that_no_clock_has_reached_is_refused() {
    let (expires, now) = (NOW.after(DELEGATION_LIFETIME_MAX / 2), NOW.as_millis() / 1000);
    let check = |number| Delegation::check(&node(1).peer_id(), Terms { number, expires }, NOW);
    assert_eq!(check(now + NUMBER_AHEAD_MAX.as_secs()), Ok(()));
    for number in [now + NUMBER_AHEAD_MAX.as_secs() + 1, u64::MAX] {
        assert_eq!(check(number), Err(DelegationError::Ahead { number, now: NOW }));
    }
}

#[test]
fn next_number_is_the_time_and_above_the_last() {
    let now = NOW.as_millis() / 1000;
    for (last, next) in
        [(0, now), (now - 1, now), (now, now + 1), (now + 300, now + 301), (now + 301, now)]
    {
        assert_eq!(Terms::after(last, NOW, NOW).number, next);
    }
}
