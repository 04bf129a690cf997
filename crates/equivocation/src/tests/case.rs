//! Evidence as a file: read back, damaged, and turned against somebody else.

use std::{boxed::Box, format, vec, vec::Vec};

use ensign_primitives::{SessionId, SignerIndex, sha256};
use ensign_wire::{AbortReason, Body, Envelope, PubNonceBytes, SessionAbort, SigningRequest};
use proptest::prelude::*;

use super::fixture::{
    ATTEMPT, CULPRIT, NETWORK, confirmed, delegation, elsewhere, envelope, forged, join,
    nonce_digest, partial_share, peer, request, session, share, signed, signer, signer_key,
};
use crate::{Case, CaseDecodeError, CaseError, Charge, Evidence, SpeaksFor, Verdict};

const HEAD: usize = 18 + 32;

fn speaks_for() -> Option<SpeaksFor> {
    Some(SpeaksFor { signer: signer(CULPRIT), delegation: delegation(CULPRIT) })
}

fn case(evidence: Evidence) -> Case {
    let charge = Charge::Proof { speaks_for: speaks_for(), evidence };
    Case { request: Box::new(request()), attempt: ATTEMPT, charge }
}

/// One of each kind.
fn proofs() -> [Case; 5] {
    let (nonces, mut partials) = signed();
    let own = nonces[CULPRIT].clone();
    let joined = envelope(CULPRIT, Body::SessionJoin(join(CULPRIT, &own)));
    let shared = |nonces: Vec<_>| envelope(CULPRIT, share(CULPRIT, nonces));
    partials[0][31] ^= 1;
    let partial = envelope(CULPRIT, partial_share(nonce_digest(&nonces), partials));
    [
        Evidence::conflict(shared(own.clone()), shared(nonces[0].clone())),
        Evidence::WrongCommitment {
            key: signer_key(CULPRIT),
            join: joined,
            share: shared(nonces[2].clone()),
        },
        Evidence::InvalidNonce { envelope: shared(vec![PubNonceBytes([0xee; 66]), own[1]]) },
        Evidence::WrongPartialSig {
            request: Box::new(request()),
            attempt: ATTEMPT,
            delegation: delegation(CULPRIT),
            nonces,
            partial: partial.clone(),
        },
        Evidence::SignedOtherwise { confirmed: confirmed([1; 32]), partial },
    ]
    .map(case)
}

fn report(by: usize, accused: usize) -> Envelope {
    let abort = SessionAbort { reason: AbortReason::Timeout, culprit: Some(signer(accused)) };
    *envelope(by, Body::SessionAbort(abort))
}

fn silence(reports: Vec<Envelope>) -> Case {
    Case { request: Box::new(request()), attempt: ATTEMPT, charge: Charge::Silence { reports } }
}

/// Puts the right checksum over changed content.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = sha256(&bytes[HEAD..]);
    bytes[HEAD - 32..HEAD].copy_from_slice(&sum);
    bytes
}

/// Nobody but the culprit is convicted by these bytes, under no other key.
fn assert_frames_nobody(bytes: &[u8], what: &str) {
    let Ok(case) = Case::decode(bytes) else { return };
    if let Ok(Verdict::Proven(conviction)) = case.verify() {
        assert_eq!(conviction.peer, peer(CULPRIT), "{what}");
        if let Some((index, key)) = conviction.signer {
            assert_eq!((index, key), (signer(CULPRIT), signer_key(CULPRIT)), "{what}");
        }
        let unchanged = (session(), request().id());
        assert_eq!((conviction.session, conviction.request), unchanged, "{what}");
    }
}

#[test]
fn each_kind_comes_back_from_its_file_and_convicts_node_and_key() {
    for case in proofs() {
        let bytes = case.encode();
        let read = Case::decode(&bytes).unwrap();
        assert_eq!((&read, read.encode()), (&case, bytes));
        let Ok(Verdict::Proven(conviction)) = read.verify() else { panic!("{case:?}") };
        assert_eq!(conviction.peer, peer(CULPRIT));
        assert_eq!(conviction.signer, Some((signer(CULPRIT), signer_key(CULPRIT))));
        assert_eq!((conviction.session, conviction.request), (session(), request().id()));
    }
}

#[test]
fn regression_file_of_version_1_was_called_damaged() {
    let [case, ..] = proofs();
    let mut bytes = case.encode();
    assert_eq!(bytes[16], b'3');
    for earlier in [b'1', b'2'] {
        bytes[16] = earlier;
        assert_eq!(Case::decode(&bytes), Err(CaseDecodeError::Earlier));
    }
}

#[test]
fn without_the_delegation_only_the_node_is_convicted() {
    let [mut conflict, ..] = proofs();
    if let Charge::Proof { speaks_for, .. } = &mut conflict.charge {
        *speaks_for = None;
    }
    let read = Case::decode(&conflict.encode()).unwrap();
    let Ok(Verdict::Proven(conviction)) = read.verify() else { panic!("{read:?}") };
    assert_eq!((conviction.peer, conviction.signer), (peer(CULPRIT), None));
}

#[test]
fn every_flipped_byte_is_damage_and_with_a_mended_checksum_frames_nobody_else() {
    for case in proofs() {
        let bytes = case.encode();
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                let error = Case::decode(&changed).unwrap_err();
                let expected: &[CaseDecodeError] = match at {
                    0..16 => &[CaseDecodeError::NotACase],
                    16..18 => &[CaseDecodeError::Version, CaseDecodeError::Earlier],
                    _ => &[CaseDecodeError::Checksum],
                };
                assert!(expected.contains(&error), "byte {at}: {error}");
                if at >= HEAD {
                    assert_frames_nobody(&sealed(changed), &format!("byte {at} ^ {flip}"));
                }
            }
        }
    }
}

#[test]
fn file_cut_anywhere_or_with_more_behind_it_is_damaged() {
    for case in proofs() {
        let bytes = case.encode();
        for length in 0..bytes.len() {
            assert!(Case::decode(&bytes[..length]).is_err(), "cut at {length}");
            if length >= HEAD {
                assert!(Case::decode(&sealed(bytes[..length].to_vec())).is_err(), "cut, sealed");
            }
        }
        let longer = sealed([&bytes[..], &[0]].concat());
        let offset = bytes.len();
        assert_eq!(Case::decode(&longer), Err(CaseDecodeError::Malformed { offset }));
    }
}

#[test]
fn another_request_attempt_or_signer_convicts_nobody() {
    for case in proofs() {
        let later = Case { attempt: ATTEMPT + 1, ..case.clone() };
        assert_eq!(Case::decode(&later.encode()).unwrap().verify().ok(), None);
        let mut other = case.clone();
        other.request.amount += 1;
        assert_eq!(Case::decode(&other.encode()).unwrap().verify().ok(), None);
        let mut framed = case;
        if let Charge::Proof { speaks_for: Some(speaks_for), .. } = &mut framed.charge {
            speaks_for.signer = signer(0);
        }
        assert_eq!(Case::decode(&framed.encode()).unwrap().verify().ok(), None);
        assert!(framed.verify().is_err());
    }
}

#[test]
fn silence_is_a_claim_of_its_reporters_and_never_a_proof() {
    let case = silence(vec![report(0, 1), report(2, 1)]);
    let read = Case::decode(&case.encode()).unwrap();
    let Ok(Verdict::Claimed(mut claim)) = read.verify() else { panic!("{read:?}") };
    claim.reports.sort_by_key(|(reporter, _)| *reporter != peer(0));
    assert_eq!(claim.reports, [(peer(0), signer(1)), (peer(2), signer(1))]);
}

#[test]
fn who_did_not_show_its_nonce_set_is_claimed_to_as_well() {
    let abort = SessionAbort { reason: AbortReason::ViewsDiffer, culprit: Some(signer(1)) };
    let case = silence(vec![*envelope(0, Body::SessionAbort(abort))]);
    assert!(matches!(case.verify(), Ok(Verdict::Claimed(_))));
}

#[test]
fn regression_one_finding_had_several_files() {
    let [conflict, ..] = proofs();
    let Charge::Proof { speaks_for, evidence: Evidence::Conflict { first, second } } =
        conflict.charge.clone()
    else {
        panic!("no conflict")
    };
    let swapped = Evidence::Conflict { first: second, second: first };
    let swapped = Case { charge: Charge::Proof { speaks_for, evidence: swapped }, ..conflict };
    assert_eq!(Case::decode(&swapped.encode()).unwrap().encode(), proofs()[0].encode());
    let (one, other) = (report(0, 1), report(2, 1));
    let twice = silence(vec![one.clone(), other.clone(), one.clone()]);
    assert_eq!(twice.encode(), silence(vec![other, one]).encode());
}

/// Exchanges the last two of what a file holds, each of `length` bytes.
fn last_two_swapped(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    let middle = bytes.len() - length;
    let (head, last) = bytes.split_at_mut(middle);
    head[middle - length..].swap_with_slice(last);
    sealed(bytes)
}

#[test]
fn statements_out_of_order_or_twice_are_refused() {
    let reports = silence(vec![report(0, 1), report(2, 1)]).encode();
    let [conflict, ..] = proofs().map(|case| case.encode());
    for bytes in [conflict, reports] {
        let length = (bytes.len() - HEAD - 4 - 4 - request().encode().len()) / 2;
        let length = length - if bytes[HEAD + 1] == 4 { 1 } else { 41 };
        let refused = Case::decode(&last_two_swapped(bytes.clone(), length));
        assert_eq!(refused, Err(CaseDecodeError::Order { offset: bytes.len() - length }));
        let mut twice = bytes;
        let (middle, end) = (twice.len() - length, twice.len());
        twice.copy_within(middle..end, middle - length);
        assert!(matches!(Case::decode(&sealed(twice)), Err(CaseDecodeError::Order { .. })));
    }
}

#[test]
fn regression_attempt_zero_was_proven() {
    let id = request().id();
    let session = SigningRequest::session_id(id, NETWORK, 0);
    let said =
        |nonces: &[PubNonceBytes]| elsewhere(CULPRIT, session, share(CULPRIT, nonces.into()));
    let (nonces, _) = signed();
    let evidence = Evidence::conflict(said(&nonces[0]), said(&nonces[1]));
    let zeroth = Case { attempt: 0, ..case(evidence) };
    assert_eq!(zeroth.verify(), Err(CaseError::Attempt));
    assert_eq!(
        Case::decode(&zeroth.encode()),
        Err(CaseDecodeError::Malformed { offset: HEAD + 2 })
    );
}

#[test]
fn report_that_is_forged_or_about_something_else_claims_nothing() {
    let refused = |report: Envelope| silence(vec![report]).verify().unwrap_err();
    assert_eq!(refused(*forged(&report(0, 1))), CaseError::Report { index: 0 });
    let nobody = SignerIndex(7);
    let reason = AbortReason::Timeout;
    for (reason, culprit) in
        [(AbortReason::Declined, Some(signer(1))), (reason, None), (reason, Some(nobody))]
    {
        let report = envelope(0, Body::SessionAbort(SessionAbort { reason, culprit }));
        assert_eq!(refused(*report), CaseError::Report { index: 0 });
    }
    let abroad = elsewhere(0, SessionId::from_bytes([1; 32]), report(0, 1).body().clone());
    assert_eq!(refused(*abroad), CaseError::OtherSession);
    let none = silence(Vec::new());
    assert_eq!(none.verify(), Err(CaseError::Report { index: 0 }));
    assert!(Case::decode(&none.encode()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes_are_a_case_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let content = [b"ensign-evidence-3\n".as_slice(), &sha256(&bytes), &bytes].concat();
        for bytes in [bytes, content] {
            assert_frames_nobody(&bytes, "random");
        }
    }

    #[test]
    fn several_changes_at_once_frame_nobody_else(
        kind in 0..5_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..6),
    ) {
        let mut bytes = proofs()[kind].encode();
        for (at, flip) in changes {
            let at = HEAD + at.index(bytes.len() - HEAD);
            bytes[at] ^= flip;
        }
        assert_frames_nobody(&sealed(bytes), "several");
    }
}
