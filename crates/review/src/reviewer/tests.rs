//! What is asked, and which yes counts.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

use ensign_ledger::Handles;
use ensign_primitives::Network;
use ensign_psbt::ConsentDigest;
use ensign_signing::Review;

use super::*;
use crate::{Consent, Group, Member, docket::tests::request};

const NOW: UnixTime = UnixTime::from_millis(1_000_000);

/// The reviewer of the second signer, who is asked by the first one.
fn asked() -> (Reviewer, RequestId) {
    let request = request(1);
    let (id, keys) = (request.request.id(), &request.request.signers);
    let member = |(number, signer): (u8, _)| Member {
        name: number.to_string(),
        signer,
        peer: PeerId::from_bytes([number; 32]),
        addresses: Vec::new(),
        delegation: None,
    };
    let members = (0..).zip(keys.as_slice().iter().copied()).map(member).collect();
    let group = Group { name: "g".to_owned(), members, issued: Default::default() };
    let own = keys.as_slice()[1];
    let (joined, _) = Joined::new(Network::Regtest, own, group).unwrap();
    let group = joined.info.id;
    let outlines = Outlines::new(Handles::new(1, 100), Vec::new());
    let node = PeerId::from_bytes([1; 32]);
    let mut reviewer = Reviewer::new(node, Policy::default(), outlines, []);
    reviewer.join(joined);
    reviewer.review(NOW, Review { id, group, request, payload: None });
    (reviewer, id)
}

/// Returns the digest of the question that is told next.
fn question(reviewer: &mut Reviewer) -> Option<ConsentDigest> {
    match reviewer.poll_output()? {
        Output::Tell(_, RequestEvent::Asked(approval)) => Some(approval.digest),
        _ => None,
    }
}

#[test]
fn yes_to_anything_else_than_what_was_shown_is_refused_and_asked_again() {
    let (mut reviewer, id) = asked();
    let digest = question(&mut reviewer).unwrap();
    let other = Consent::person(ConsentDigest([7; 32]));
    let refused = reviewer.weigh(NOW, id, &other).unwrap_err();
    assert_eq!(refused, ReviewError::Changed { request: Some(id) });
    assert_eq!(question(&mut reviewer), Some(digest), "the same question, again");

    let yes = reviewer.weigh(NOW, id, &Consent::person(digest)).unwrap();
    assert_eq!(yes.begins(), Begins::Now);
    assert_eq!(reviewer.judge_again(NOW, &id), Again::Void, "it was weighed, and nobody took it");
    reviewer.on_approved(NOW, yes);
    assert!(matches!(reviewer.poll_output(), Some(Output::Keep(_))));
    assert_eq!(reviewer.judge_again(NOW, &id), Again::Holds);
    assert!(reviewer.poll_output().is_none());
}

#[test]
fn policy_that_refuses_what_is_asked_ends_it_for_another_signer() {
    let (mut reviewer, id) = asked();
    question(&mut reviewer).unwrap();
    // Nobody knows what bare messages cost.
    reviewer.set_policy(NOW, Policy { fee_max: Some(1), ..Policy::default() });
    match reviewer.poll_output() {
        Some(Output::GiveUp { request, reason: AbortReason::Declined, why }) => {
            assert_eq!((request, why.code), (id, "E-POL-001"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn request_that_is_unknown_or_forgotten_waits_for_nobody() {
    let (mut reviewer, id) = asked();
    question(&mut reviewer).unwrap();
    let unknown = RequestId::from_bytes([9; 32]);
    let yes = Consent::person(ConsentDigest([7; 32]));
    let refused = reviewer.weigh(NOW, unknown, &yes).unwrap_err();
    assert_eq!(refused, ReviewError::UnknownRequest { request: unknown });
    reviewer.forget(|_| false);
    assert!(reviewer.matter(&id).is_none());
}

#[test]
fn regression_withdrawn_yes_counted_as_one_after_a_restart() {
    for agrees in [true, false] {
        let (mut reviewer, id) = asked();
        let matter = reviewer.matter(&id).unwrap();
        let group = matter.reference().group.id;
        let request = request(1);
        let meaning = Meaning::blind(&request.request.messages);
        let (lost, outline, shown) = (None, None, None);
        let resumed = Resumed { request, meaning, lost, outline, shown, agrees };
        reviewer.on_resumed(NOW, &group, resumed);
        assert_eq!(reviewer.matter(&id).unwrap().yes().is_some(), agrees);
    }
}
