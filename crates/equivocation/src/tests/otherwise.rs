//! One nonce set confirmed, another one signed for.

use std::vec;

use ensign_primitives::SessionId;
use ensign_wire::{Body, NoncesComplete, PartialSigShare};

use super::fixture::{
    CULPRIT, assert_convicts, assert_refused, confirmed, elsewhere, envelope, forged,
    partial_share, signer,
};
use crate::{Evidence, EvidenceError};

const SET: [u8; 32] = [1; 32];
const OTHER: [u8; 32] = [2; 32];

fn signed_for(set: [u8; 32]) -> Body {
    partial_share(set, vec![[7; 32]; 2])
}

#[test]
fn signing_for_another_set_than_the_confirmed_one_convicts() {
    let (confirmed, partial) = (confirmed(SET), envelope(CULPRIT, signed_for(OTHER)));
    assert_convicts(&Evidence::SignedOtherwise { confirmed, partial });
}

#[test]
fn signing_for_the_confirmed_set_convicts_nobody() {
    let (confirmed, partial) = (confirmed(SET), envelope(CULPRIT, signed_for(SET)));
    let evidence = Evidence::SignedOtherwise { confirmed, partial };
    assert_refused(&evidence, EvidenceError::Consistent);
}

#[test]
fn statements_that_do_not_belong_together_convict_nobody() {
    let refused = |confirmed, partial, why| {
        assert_refused(&Evidence::SignedOtherwise { confirmed, partial }, why);
    };
    let partial = envelope(CULPRIT, signed_for(OTHER));
    refused(forged(&confirmed(SET)), partial.clone(), EvidenceError::Signature);
    refused(confirmed(SET), forged(&partial), EvidenceError::Signature);
    refused(partial.clone(), confirmed(SET), EvidenceError::WrongKind);
    let abroad = elsewhere(CULPRIT, SessionId::from_bytes([9; 32]), signed_for(OTHER));
    refused(confirmed(SET), abroad, EvidenceError::Unrelated);
    let by_another = envelope(0, signed_for(OTHER));
    refused(confirmed(SET), by_another, EvidenceError::Unrelated);
    let for_another = Body::NoncesComplete(NoncesComplete { signer: signer(0), digest: SET });
    refused(envelope(CULPRIT, for_another), partial, EvidenceError::Unrelated);
    let signer = signer(0);
    let for_another =
        Body::PartialSigShare(PartialSigShare { signer, nonces: OTHER, partials: vec![[7; 32]] });
    refused(confirmed(SET), envelope(CULPRIT, for_another), EvidenceError::Unrelated);
}
