//! Three signers who really sign two messages together.

use std::{boxed::Box, string::String, vec, vec::Vec};

use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{
    KeyAggCtx, NonceEntropy, PartialSig, PubNonce, SecKey, SigningCtx, nonce_gen, taproot_tweak,
};
use ensign_primitives::{Network, PeerId, SessionId, SignerIndex, UnixTime};
use ensign_wire::{
    Body, Envelope, Frame, GroupKeys, KeyTweak, Message, Mode, NonceCommit, NonceShare,
    NoncesComplete, PartialSigShare, Payload, PubNonceBytes, Round0, Scheme, SessionJoin,
    SigningRequest, TxType, nonce_set_digest,
};

use crate::{Culprit, Evidence, EvidenceError};

pub(super) const NETWORK: Network = Network::Regtest;
pub(super) const NOW: UnixTime = UnixTime::from_millis(1_760_000_000_000);
pub(super) const ATTEMPT: u16 = 2;
pub(super) const SALT: [u8; 32] = [0x5a; 32];
/// Whose statements the cases are about.
pub(super) const CULPRIT: usize = 1;

pub(super) fn node_key(index: usize) -> NodeKey {
    NodeKey::from_secret_bytes([0x10 + index as u8; 32]).unwrap()
}

pub(super) fn sec_key(index: usize) -> SecKey {
    SecKey::from_secret_bytes([0x60 + index as u8; 32]).unwrap()
}

pub(super) fn peer(index: usize) -> PeerId {
    node_key(index).peer_id()
}

pub(super) fn signer(index: usize) -> SignerIndex {
    SignerIndex::from_usize(index).unwrap()
}

pub(super) fn signer_key(index: usize) -> SignerKey {
    SignerKey::from_public_key(sec_key(index).public_key())
}

pub(super) fn delegation(index: usize) -> DelegationProof {
    let expires = UnixTime::from_millis(NOW.as_millis() + 1_000_000);
    let digest =
        Delegation::digest(&signer_key(index), &peer(index), NETWORK, Terms { number: 1, expires });
    DelegationProof {
        number: 1,
        expires,
        signature: Signature(sec_key(index).sign_schnorr(&digest)),
    }
}

pub(super) fn request() -> SigningRequest {
    SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new((0..3).map(signer_key).collect()).unwrap(),
        messages: vec![
            Message { digest: [1; 32], tweak: KeyTweak::None },
            Message { digest: [2; 32], tweak: KeyTweak::ADDRESS },
        ],
        payload: Payload::Blind,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: SignerIndex(0),
        created: NOW,
        expires: UnixTime::from_millis(NOW.as_millis() + 60_000),
        mode: Mode::Committed,
        nonce: [7; 16],
    }
}

pub(super) fn session() -> SessionId {
    SigningRequest::session_id(request().id(), NETWORK, ATTEMPT)
}

/// Every signer's nonces in key order, and the culprit's true partial signatures over them.
pub(super) fn signed() -> (Vec<Vec<PubNonceBytes>>, Vec<[u8; 32]>) {
    let keys: Vec<_> = (0..3).map(|index| sec_key(index).public_key()).collect();
    let group = KeyAggCtx::new(&keys).unwrap();
    let tweaked = group.with_tweak(taproot_tweak(&group.agg_key(), None)).unwrap();
    let mut nonces = vec![Vec::new(); 3];
    let mut partials = Vec::new();
    for (position, (ctx, message)) in [group, tweaked].iter().zip(request().messages).enumerate() {
        let mut made: Vec<_> = (0..3)
            .map(|index| {
                let entropy = NonceEntropy::new([(1 + index * 2 + position) as u8; 32]).unwrap();
                let session = session();
                let bytes = session.as_bytes();
                nonce_gen(entropy, &sec_key(index), ctx, &message.digest, bytes).unwrap()
            })
            .collect();
        let public: Vec<PubNonce> = made.iter().map(|(_, public)| *public).collect();
        for (held, public) in nonces.iter_mut().zip(&public) {
            held.push(PubNonceBytes(public.to_bytes()));
        }
        let signing = SigningCtx::new(ctx, public, message.digest).unwrap();
        let (secret, _) = made.swap_remove(CULPRIT);
        partials.push(PartialSig::to_bytes(&signing.sign(secret, &sec_key(CULPRIT)).unwrap()));
    }
    (nonces, partials)
}

pub(super) fn nonce_digest(nonces: &[Vec<PubNonceBytes>]) -> [u8; 32] {
    let indexed = nonces.iter().enumerate().map(|(index, held)| (signer(index), held.as_slice()));
    nonce_set_digest(NETWORK, &session(), indexed)
}

pub(super) fn join(index: usize, nonces: &[PubNonceBytes]) -> SessionJoin {
    let key = signer_key(index);
    let commit = NonceCommit::new(NETWORK, &session(), signer(index), &key, nonces, &SALT);
    let round0 = Round0::Commit(commit);
    SessionJoin { signer: signer(index), delegation: delegation(index), round0 }
}

pub(super) fn share(index: usize, nonces: Vec<PubNonceBytes>) -> Body {
    Body::NonceShare(NonceShare { signer: signer(index), nonces, salt: SALT })
}

pub(super) fn partial_share(nonces: [u8; 32], partials: Vec<[u8; 32]>) -> Body {
    Body::PartialSigShare(PartialSigShare { signer: signer(CULPRIT), nonces, partials })
}

/// Confirms a nonce set.
pub(super) fn confirmed(digest: [u8; 32]) -> Box<Envelope> {
    let signer = signer(CULPRIT);
    envelope(CULPRIT, Body::NoncesComplete(NoncesComplete { signer, digest }))
}

/// Signs a body as a node, in the session.
pub(super) fn envelope(author: usize, body: Body) -> Box<Envelope> {
    elsewhere(author, session(), body)
}

/// Signs a body as a node, in any session.
pub(super) fn elsewhere(author: usize, session: SessionId, body: Body) -> Box<Envelope> {
    Box::new(Envelope::sign(&node_key(author), NETWORK, session, 1, NOW, body).unwrap())
}

/// Breaks the signature of an envelope.
pub(super) fn forged(envelope: &Envelope) -> Box<Envelope> {
    let mut frame = Frame::Envelope(Box::new(envelope.clone())).encode();
    *frame.last_mut().unwrap() ^= 1;
    match Frame::decode_whole(&frame, NETWORK) {
        Ok(Frame::Envelope(envelope)) => envelope,
        other => panic!("{other:?}"),
    }
}

/// The evidence convicts the culprit in the session.
pub(super) fn assert_convicts(evidence: &Evidence) {
    let culprit = Culprit { peer: peer(CULPRIT), session: session() };
    assert_eq!(evidence.verify(), Ok(culprit), "{evidence:?}");
}

/// The evidence convicts nobody, for this reason.
pub(super) fn assert_refused(evidence: &Evidence, why: EvidenceError) {
    assert_eq!(evidence.verify(), Err(why), "{evidence:?}");
}
