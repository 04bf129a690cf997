//! Cases for words that are made at run time.

use ensign_primitives::SignerIndex;
use ensign_session::Phase;

use super::*;

fn failure(reason: AbortReason, by: Option<SignerIndex>) -> Failure {
    let (culprits, phase) = (Vec::new(), Phase::Gathering);
    Failure { reason, by, culprits, accused: None, evidence: None, own: None, phase }
}

#[test]
fn attempts_that_are_used_up_are_told_as_that_and_blame_nobody() {
    let other = Some(SignerIndex(1));
    let told = of_failure(&failure(AbortReason::AttemptsUsed, other));
    assert_eq!((told.code, told.who), ("E-SES-012", Vec::new()));
    let ours = of_end(&failure(AbortReason::Timeout, None), ATTEMPTS_MAX);
    assert_eq!(ours.code, "E-SES-012");
    let given_up = of_failure(&failure(AbortReason::Cancelled, other));
    assert_eq!((given_up.code, given_up.who), ("E-SES-011", vec![SignerIndex(1)]));
}

#[test]
fn regression_false_answer_of_our_own_signer_was_not_told_to_its_user() {
    let fault = OwnFault::FalsePartials;
    let problem = of_own_fault(&fault);
    assert_eq!((problem.code, problem.who.len()), ("E-SIG-002", 0));
    assert!(problem.what.contains(&fault.to_string()), "{problem:?}");
}

#[test]
fn store_that_may_have_missed_something_says_why_and_what_is_closed() {
    let told = |found, voided| of_found(Found::Restored(found), voided).unwrap().what;
    assert!(told(Opening::Copied, 1).contains("1 open request is closed"));
    assert!(told(Opening::Moved, 2).contains("another machine"));
    let rolled_back = Opening::RolledBack { store_epoch: 6, seen_epoch: Some(9) };
    assert!(told(rolled_back, 0).contains("(epoch 6, seen 9)"));
    assert_eq!(of_found(Found::Complete, 0), None);
    assert!(of_found(Found::Lost, 0).unwrap().what.contains("the store is empty"));
}
