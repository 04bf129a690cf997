//! Two statements in one slot.

use ensign_primitives::{Network, SessionId};
use ensign_wire::{Body, Envelope, NoncesComplete, SessionReady, SignerSet};

use super::fixture::{
    CULPRIT, NOW, assert_convicts, assert_refused, elsewhere, envelope, forged, join, node_key,
    partial_share, session, share, signed, signer,
};
use crate::{Evidence, EvidenceError};

fn conflict(first: &Envelope, second: &Envelope) -> Evidence {
    Evidence::Conflict { first: first.clone().into(), second: second.clone().into() }
}

/// Two different bodies for each slot.
fn pairs() -> [(Body, Body); 4] {
    let (nonces, partials) = signed();
    let [ours, theirs] = [1, 2].map(|index| nonces[index].clone());
    let confirm =
        |byte| Body::NoncesComplete(NoncesComplete { signer: signer(CULPRIT), digest: [byte; 32] });
    [
        (Body::SessionJoin(join(CULPRIT, &ours)), Body::SessionJoin(join(CULPRIT, &theirs))),
        (share(CULPRIT, ours), share(CULPRIT, theirs)),
        (confirm(1), confirm(2)),
        (partial_share([1; 32], partials.clone()), partial_share([2; 32], partials)),
    ]
}

#[test]
fn two_statements_in_one_slot_convict_whoever_signed_both() {
    for (one, other) in pairs() {
        let (one, other) = (envelope(CULPRIT, one), envelope(CULPRIT, other));
        assert_convicts(&conflict(&one, &other));
        assert_convicts(&conflict(&other, &one));
    }
}

#[test]
fn statement_said_again_is_no_conflict() {
    for (body, _) in pairs() {
        let later = NOW.after(core::time::Duration::from_secs(9));
        let again = Envelope::sign(
            &node_key(CULPRIT),
            super::fixture::NETWORK,
            session(),
            8,
            later,
            body.clone(),
        );
        let evidence = conflict(&envelope(CULPRIT, body), &again.unwrap());
        assert_refused(&evidence, EvidenceError::Consistent);
    }
}

#[test]
fn statements_of_two_nodes_sessions_networks_or_slots_are_unrelated() {
    let [_, (share, other), (confirm, _), ..] = pairs();
    let first = envelope(CULPRIT, share);
    let session = SessionId::from_bytes([1; 32]);
    let abroad =
        Envelope::sign(&node_key(CULPRIT), Network::Signet, first.session(), 1, NOW, other.clone());
    for second in [
        envelope(2, other.clone()),
        elsewhere(CULPRIT, session, other),
        abroad.unwrap().into(),
        envelope(CULPRIT, confirm),
    ] {
        assert_refused(&conflict(&first, &second), EvidenceError::Unrelated);
        assert_refused(&conflict(&second, &first), EvidenceError::Unrelated);
    }
}

#[test]
fn what_may_change_from_one_sending_to_the_next_is_no_conflict() {
    let ack = |signers: &[usize]| {
        let held: SignerSet = signers.iter().map(|index| signer(*index)).collect();
        envelope(CULPRIT, Body::SessionReady(SessionReady { joined: held }))
    };
    assert_refused(&conflict(&ack(&[0]), &ack(&[0, 1])), EvidenceError::WrongKind);
}

#[test]
fn forged_statement_convicts_nobody() {
    for (one, other) in pairs() {
        let (one, other) = (envelope(CULPRIT, one), envelope(CULPRIT, other));
        assert_refused(&conflict(&forged(&one), &other), EvidenceError::Signature);
        assert_refused(&conflict(&one, &forged(&other)), EvidenceError::Signature);
    }
}
