//! Partial signatures that are false for the nonce set their sender named.

use std::{boxed::Box, vec, vec::Vec};

use ensign_primitives::SessionId;
use ensign_wire::{Envelope, PubNonceBytes, SigningRequest};
use proptest::prelude::*;

use super::fixture::{
    ATTEMPT, CULPRIT, assert_convicts, assert_refused, delegation, elsewhere, envelope, forged,
    nonce_digest, partial_share, request, share, signed,
};
use crate::{Evidence, EvidenceError};

fn evidence(
    request: SigningRequest,
    nonces: Vec<Vec<PubNonceBytes>>,
    partial: Box<Envelope>,
) -> Evidence {
    let (request, delegation) = (Box::new(request), delegation(CULPRIT));
    Evidence::WrongPartialSig { request, attempt: ATTEMPT, delegation, nonces, partial }
}

/// Evidence against what the culprit says of the true nonce set.
fn accused_of(partials: Vec<[u8; 32]>) -> Evidence {
    let (nonces, _) = signed();
    let partial = envelope(CULPRIT, partial_share(nonce_digest(&nonces), partials));
    evidence(request(), nonces, partial)
}

/// The culprit's false partial signatures over the true nonce set.
fn lie() -> (Vec<Vec<PubNonceBytes>>, Box<Envelope>) {
    let (nonces, mut partials) = signed();
    partials[1][31] ^= 1;
    let partial = envelope(CULPRIT, partial_share(nonce_digest(&nonces), partials));
    (nonces, partial)
}

#[test]
fn one_false_partial_signature_convicts_under_each_kind_of_key() {
    let (_, honest) = signed();
    for position in [0, 1] {
        let mut partials = honest.clone();
        partials[position][31] ^= 1;
        assert_convicts(&accused_of(partials.clone()));
        partials[position] = [0xff; 32];
        assert_convicts(&accused_of(partials));
    }
}

#[test]
fn true_partial_signatures_convict_nobody() {
    assert_refused(&accused_of(signed().1), EvidenceError::Consistent);
}

#[test]
fn honest_signer_cannot_be_framed_with_nonces_it_did_not_name() {
    let (nonces, partials) = signed();
    let honest = envelope(CULPRIT, partial_share(nonce_digest(&nonces), partials));
    let mut swapped = nonces.clone();
    swapped.swap(0, 2);
    let mut replaced = nonces.clone();
    replaced[0] = nonces[2].clone();
    let mut own = nonces.clone();
    own[CULPRIT].reverse();
    for framing in [swapped, replaced, own] {
        let framed = evidence(request(), framing, honest.clone());
        assert_refused(&framed, EvidenceError::WrongNonceSet);
    }
}

#[test]
fn lie_does_not_convict_with_another_nonce_set_either() {
    let (mut nonces, partial) = lie();
    nonces.swap(0, 2);
    assert_refused(&evidence(request(), nonces, partial), EvidenceError::WrongNonceSet);
}

#[test]
fn signer_who_named_another_set_is_not_convicted_by_ours() {
    let (nonces, mut partials) = signed();
    partials[0][31] ^= 1;
    let partial = envelope(CULPRIT, partial_share([1; 32], partials));
    assert_refused(&evidence(request(), nonces, partial), EvidenceError::WrongNonceSet);
}

#[test]
fn another_request_attempt_session_or_count_is_unrelated() {
    let (nonces, partial) = lie();
    let renamed = SigningRequest { amount: 1, ..request() };
    let mut other_message = request();
    other_message.messages[0].digest = [9; 32];
    for request in [renamed, other_message] {
        let evidence = evidence(request, nonces.clone(), partial.clone());
        assert_refused(&evidence, EvidenceError::Unrelated);
    }
    let session = SessionId::from_bytes([1; 32]);
    let abroad = elsewhere(CULPRIT, session, partial.body().clone());
    assert_refused(&evidence(request(), nonces.clone(), abroad), EvidenceError::Unrelated);
    let fewer = nonces[..2].to_vec();
    assert_refused(&evidence(request(), fewer, partial.clone()), EvidenceError::Unrelated);
    let short = envelope(CULPRIT, partial_share(nonce_digest(&nonces), vec![[1; 32]]));
    assert_refused(&evidence(request(), nonces.clone(), short), EvidenceError::Unrelated);
    let (request, delegation) = (Box::new(request()), delegation(CULPRIT));
    let attempt = ATTEMPT + 1;
    let again = Evidence::WrongPartialSig { request, attempt, delegation, nonces, partial };
    assert_refused(&again, EvidenceError::Unrelated);
}

#[test]
fn node_that_does_not_speak_for_the_signer_convicts_nobody() {
    let (nonces, partial) = lie();
    let by_another = envelope(0, partial.body().clone());
    let framed = evidence(request(), nonces.clone(), by_another);
    assert_refused(&framed, EvidenceError::NotDelegated);
    let (request, delegation) = (Box::new(request()), delegation(0));
    let attempt = ATTEMPT;
    let framed = Evidence::WrongPartialSig { request, attempt, delegation, nonces, partial };
    assert_refused(&framed, EvidenceError::NotDelegated);
}

#[test]
fn set_with_a_nonce_that_is_none_is_not_its_signers_fault() {
    let (mut nonces, partials) = signed();
    nonces[0][0] = PubNonceBytes([0xee; 66]);
    let partial = envelope(CULPRIT, partial_share(nonce_digest(&nonces), partials));
    assert_refused(&evidence(request(), nonces, partial), EvidenceError::Unrelated);
}

#[test]
fn statement_without_partial_signatures_convicts_nobody() {
    let (nonces, _) = signed();
    let share = envelope(CULPRIT, share(CULPRIT, nonces[CULPRIT].clone()));
    assert_refused(&evidence(request(), nonces, share), EvidenceError::WrongKind);
}

#[test]
fn forged_statement_convicts_nobody() {
    let (nonces, partial) = lie();
    let framed = evidence(request(), nonces, forged(&partial));
    assert_refused(&framed, EvidenceError::Signature);
}

#[test]
fn no_change_to_the_nonces_makes_an_honest_partial_signature_false() {
    let (nonces, partials) = signed();
    let honest = envelope(CULPRIT, partial_share(nonce_digest(&nonces), partials));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
    proptest!(config, |(who in 0..3_usize, message in 0..2_usize, at in 0..66_usize, bit in 0..8)| {
        let mut framing = nonces.clone();
        framing[who][message].0[at] ^= 1_u8 << bit;
        let framed = evidence(request(), framing, honest.clone());
        prop_assert_eq!(framed.verify(), Err(EvidenceError::WrongNonceSet));
    });
}
