//! Nonces that are no points on the curve.

use std::{boxed::Box, vec};

use ensign_wire::{Body, Envelope, PubNonceBytes, Round0, SessionJoin};

use super::fixture::{
    CULPRIT, assert_convicts, assert_refused, envelope, forged, join, partial_share, share, signed,
};
use crate::{Evidence, EvidenceError};

const NO_POINT: PubNonceBytes = PubNonceBytes([0xee; 66]);

fn evidence(envelope: Box<Envelope>) -> Evidence {
    Evidence::InvalidNonce { envelope }
}

fn fast_join(nonces: vec::Vec<PubNonceBytes>) -> Box<Envelope> {
    let join = join(CULPRIT, &nonces);
    let join = SessionJoin { round0: Round0::Reveal(nonces), ..join };
    envelope(CULPRIT, Body::SessionJoin(join))
}

#[test]
fn one_false_point_among_true_ones_convicts() {
    let good = signed().0.swap_remove(CULPRIT)[0];
    for nonces in [vec![NO_POINT], vec![good, NO_POINT]] {
        assert_convicts(&evidence(envelope(CULPRIT, share(CULPRIT, nonces.clone()))));
        assert_convicts(&evidence(fast_join(nonces)));
    }
}

#[test]
fn true_points_convict_nobody() {
    let nonces = signed().0.swap_remove(CULPRIT);
    let share = envelope(CULPRIT, share(CULPRIT, nonces.clone()));
    assert_refused(&evidence(share), EvidenceError::Consistent);
    assert_refused(&evidence(fast_join(nonces)), EvidenceError::Consistent);
}

#[test]
fn statement_without_nonces_convicts_nobody() {
    let join = envelope(CULPRIT, Body::SessionJoin(join(CULPRIT, &[NO_POINT])));
    assert_refused(&evidence(join), EvidenceError::WrongKind);
    let partial = envelope(CULPRIT, partial_share([0; 32], vec![[0xff; 32]]));
    assert_refused(&evidence(partial), EvidenceError::WrongKind);
}

#[test]
fn forged_statement_convicts_nobody() {
    let share = envelope(CULPRIT, share(CULPRIT, vec![NO_POINT]));
    assert_refused(&evidence(forged(&share)), EvidenceError::Signature);
}
