//! Nonces that do not open their commitment.

use std::boxed::Box;

use ensign_identity::SignerKey;
use ensign_primitives::SessionId;
use ensign_wire::{Body, Envelope, NonceShare, Round0, SessionJoin};

use super::fixture::{
    CULPRIT, SALT, assert_convicts, assert_refused, delegation, elsewhere, envelope, forged, join,
    share, signed, signer, signer_key,
};
use crate::{Evidence, EvidenceError};

fn evidence(key: SignerKey, join: &Envelope, share: &Envelope) -> Evidence {
    Evidence::WrongCommitment { key, join: join.clone().into(), share: share.clone().into() }
}

/// The culprit's join, and a reveal that does not open it.
fn lie() -> (SignerKey, Box<Envelope>, Box<Envelope>) {
    let (nonces, _) = signed();
    let join = envelope(CULPRIT, Body::SessionJoin(join(CULPRIT, &nonces[CULPRIT])));
    (signer_key(CULPRIT), join, envelope(CULPRIT, share(CULPRIT, nonces[0].clone())))
}

#[test]
fn reveal_of_other_nonces_or_another_salt_convicts() {
    let (key, join, share) = lie();
    assert_convicts(&evidence(key, &join, &share));
    let nonces = signed().0.swap_remove(CULPRIT);
    let resalted = NonceShare { signer: signer(CULPRIT), nonces, salt: [1; 32] };
    let resalted = envelope(CULPRIT, Body::NonceShare(resalted));
    assert_convicts(&evidence(key, &join, &resalted));
}

#[test]
fn reveal_that_opens_its_commitment_convicts_nobody() {
    let (key, join, _) = lie();
    let honest = envelope(CULPRIT, share(CULPRIT, signed().0.swap_remove(CULPRIT)));
    assert_refused(&evidence(key, &join, &honest), EvidenceError::Consistent);
}

#[test]
fn honest_reveal_does_not_look_false_under_another_key() {
    let (_, join, _) = lie();
    let honest = envelope(CULPRIT, share(CULPRIT, signed().0.swap_remove(CULPRIT)));
    for other in [0, 2] {
        let framed = evidence(signer_key(other), &join, &honest);
        assert_refused(&framed, EvidenceError::NotDelegated);
    }
}

#[test]
fn statements_of_two_sessions_nodes_or_signers_are_unrelated() {
    let (key, join, share_envelope) = lie();
    let nonces = signed().0.swap_remove(0);
    let session = SessionId::from_bytes([1; 32]);
    let other_signer = NonceShare { signer: signer(0), nonces: nonces.clone(), salt: SALT };
    for share in [
        elsewhere(CULPRIT, session, share_envelope.body().clone()),
        envelope(0, share(CULPRIT, nonces)),
        envelope(CULPRIT, Body::NonceShare(other_signer)),
    ] {
        assert_refused(&evidence(key, &join, &share), EvidenceError::Unrelated);
    }
}

#[test]
fn join_without_the_signers_delegation_convicts_nobody() {
    let (key, _, share) = lie();
    let nonces = signed().0.swap_remove(CULPRIT);
    let foreign = SessionJoin { delegation: delegation(0), ..join(CULPRIT, &nonces) };
    let foreign = envelope(CULPRIT, Body::SessionJoin(foreign));
    assert_refused(&evidence(key, &foreign, &share), EvidenceError::NotDelegated);
}

#[test]
fn join_that_commits_to_nothing_cannot_be_broken() {
    let (key, joined, share) = lie();
    let nonces = signed().0.swap_remove(CULPRIT);
    let fast = SessionJoin { round0: Round0::Reveal(nonces.clone()), ..join(CULPRIT, &nonces) };
    let fast = envelope(CULPRIT, Body::SessionJoin(fast));
    assert_refused(&evidence(key, &fast, &share), EvidenceError::WrongKind);
    assert_refused(&evidence(key, &share, &joined), EvidenceError::WrongKind);
}

#[test]
fn forged_statement_convicts_nobody() {
    let (key, join, share) = lie();
    assert_refused(&evidence(key, &forged(&join), &share), EvidenceError::Signature);
    assert_refused(&evidence(key, &join, &forged(&share)), EvidenceError::Signature);
}
