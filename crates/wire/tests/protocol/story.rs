//! The session that the examples come from: three signers, one message, regtest.

use ensign_identity::{Delegation, DelegationProof, NodeKey, SignerKey, Terms};
use ensign_primitives::{KeyPath, Network, PeerId, SessionId, SignerIndex, UnixTime, sha256};
use ensign_wire::{
    Body, Consent, GroupKeys, Held, KeyTweak, LinkReport, Message, Mode, NonceCommit, NonceShare,
    NoncesComplete, PartialSigAck, PartialSigShare, Payload, PubNonceBytes, RULES_REVISION, Round0,
    Scheme, SessionJoin, SignedRequest, SigningRequest, Slot, TxType, nonce_set_digest,
    statement_set_digest,
};

pub(crate) const NETWORK: Network = Network::Regtest;
/// 2026-01-01 00:00 UTC.
pub(crate) const CREATED: u64 = 1_767_225_600_000;
pub(crate) const SALT: [u8; 32] = [0x5a; 32];
pub(crate) const PAYLOAD: &[u8] = b"psbt\xff (the bytes of a PSBT)";
pub(crate) const PARTIAL: [u8; 32] = [0x0f; 32];
pub(crate) const SIGNATURE: [u8; 64] = [0x77; 64];

/// The node of a signer; its secret is 32 times one byte.
pub(crate) fn node(index: u8) -> NodeKey {
    NodeKey::from_secret_bytes([index + 1; 32]).unwrap()
}

/// The secret of a signer, as a key that signs BIP340 as the signer key does. Their points ascend, as
/// the keys of every group do.
fn signer_secret(index: u8) -> NodeKey {
    let secret = [0x22, 0x21, 0x23][usize::from(index)];
    NodeKey::from_secret_bytes([secret; 32]).unwrap()
}

/// The even one of the two points of a signer's secret.
pub(crate) fn signer(index: u8) -> SignerKey {
    SignerKey::from_bytes(&point(&signer_secret(index).peer_id())).unwrap()
}

fn point(x: &PeerId) -> [u8; 33] {
    let mut bytes = [2; 33];
    bytes[1..].copy_from_slice(x.as_bytes());
    bytes
}

pub(crate) fn delegation(index: u8) -> DelegationProof {
    let expires = UnixTime::from_millis(CREATED + 30 * 86_400_000);
    let digest = Delegation::digest(
        &signer(index),
        &node(index).peer_id(),
        NETWORK,
        Terms { number: CREATED / 1000, expires },
    );
    DelegationProof {
        number: CREATED / 1000,
        expires,
        signature: signer_secret(index).sign(&digest),
    }
}

pub(crate) fn request() -> SigningRequest {
    SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new([0, 1, 2].map(signer).to_vec()).unwrap(),
        messages: vec![Message {
            digest: [0xd1; 32],
            tweak: KeyTweak::Taproot { path: KeyPath::new(&[0, 3]).unwrap(), merkle_root: None },
        }],
        payload: Payload::Psbt { digest: sha256(PAYLOAD), len: PAYLOAD.len() as u32 },
        purpose: "rent".to_owned(),
        tx_type: TxType::Spend,
        amount: 150_000,
        creator: SignerIndex(0),
        created: UnixTime::from_millis(CREATED),
        expires: UnixTime::from_millis(CREATED + 3_600_000),
        mode: Mode::Committed,
        nonce: [0xee; 16],
    }
}

pub(crate) fn signed_request() -> SignedRequest {
    SignedRequest::sign(request(), &node(0), delegation(0)).unwrap()
}

pub(crate) fn consent() -> Consent {
    let (signer, request) = (SignerIndex(1), request().id());
    Consent { request, signer, delegation: delegation(1), number: 1, agrees: true }
}

pub(crate) fn link_report() -> LinkReport {
    let sees = [0, 1].map(SignerIndex).into_iter().collect();
    let group = request().signers.group_id(NETWORK);
    LinkReport { group, sees, version: RULES_REVISION }
}

pub(crate) fn session() -> SessionId {
    SigningRequest::session_id(request().id(), NETWORK, 1)
}

/// The public nonce of a signer for the one message; any two points do.
pub(crate) fn nonce(index: u8) -> PubNonceBytes {
    let mut bytes = [0; 66];
    for (half, secret) in [0x41, 0x51].into_iter().enumerate() {
        let key = NodeKey::from_secret_bytes([index + secret; 32]).unwrap();
        bytes[33 * half..33 * half + 33].copy_from_slice(&point(&key.peer_id()));
    }
    PubNonceBytes(bytes)
}

pub(crate) fn commitment(index: u8) -> NonceCommit {
    let at = SignerIndex(index.into());
    NonceCommit::new(NETWORK, &session(), at, &signer(index), &[nonce(index)], &SALT)
}

/// The digest of the nonces of the signers `held`.
pub(crate) fn nonce_digest(held: &[u8]) -> [u8; 32] {
    let nonces: Vec<_> = held.iter().map(|at| (SignerIndex((*at).into()), [nonce(*at)])).collect();
    let views = nonces.iter().map(|(at, nonces)| (*at, &nonces[..]));
    nonce_set_digest(NETWORK, &session(), views)
}

/// What a signer says in one slot of the session.
pub(crate) fn statement(slot: Slot, at: u8) -> Body {
    let (signer, nonces) = (SignerIndex(at.into()), vec![nonce(at)]);
    match slot {
        Slot::Join => {
            let round0 = Round0::Commit(commitment(at));
            Body::SessionJoin(SessionJoin { signer, delegation: delegation(at), round0 })
        }
        Slot::NonceShare => Body::NonceShare(NonceShare { signer, nonces, salt: SALT }),
        Slot::NoncesComplete => {
            Body::NoncesComplete(NoncesComplete { signer, digest: nonce_digest(&[0, 1, 2]) })
        }
        Slot::PartialSigShare => {
            let nonces = nonce_digest(&[0, 1, 2]);
            Body::PartialSigShare(PartialSigShare { signer, nonces, partials: vec![PARTIAL] })
        }
    }
}

/// What is held of the signers in a slot.
pub(crate) fn held(slot: Slot, of: &[u8]) -> Held {
    let statements =
        of.iter().map(|at| (SignerIndex((*at).into()), statement(slot, *at).digest(NETWORK)));
    let digest = statement_set_digest(NETWORK, &session(), statements);
    Held { signers: of.iter().map(|at| SignerIndex((*at).into())).collect(), digest }
}

/// What a node holds that has the statements of all three signers.
pub(crate) fn all_held() -> PartialSigAck {
    PartialSigAck {
        joins: held(Slot::Join, &[0, 1, 2]),
        nonces: held(Slot::NonceShare, &[0, 1, 2]),
        confirmations: held(Slot::NoncesComplete, &[]),
        partials: held(Slot::PartialSigShare, &[0, 1, 2]),
    }
}
