//! What a wallet keeps about a signer that does wrong, or does not answer.

use std::time::Duration;

use ensign_coordinator::{Event, RequestEvent, SigningJob, Work};
use ensign_deadline::Timeouts;
use ensign_equivocation::{Case, Charge, Conviction, Evidence, Verdict};
use ensign_primitives::{RequestId, SignerIndex};
use ensign_session::Phase;
use ensign_wire::{Kind, Mode};

use super::{
    party::Party,
    puppet::Lie,
    restart::{with_puppet, with_puppet_and},
};

/// What wallet 0 keeps, as a stranger reads it.
async fn kept(party: &Party) -> Vec<Case> {
    let cases = party.wallets[0].coordinator.look(|records| records.cases()).await.unwrap();
    cases.unwrap().iter().map(|case| Case::decode(&case.bytes).unwrap()).collect()
}

/// The puppet does wrong, wallet 0 convicts it, and the file that it keeps convicts it for
/// everybody: node and signer key. Returns the evidence.
async fn convicts(lie: Lie, mode: Mode) -> Evidence {
    let (mut party, puppet) = with_puppet().await;
    puppet.lie(lie);
    let job = SigningJob { mode, ..party.job(Work::Messages(vec![[7; 32]])) };
    let asked = party.propose(0, job).await.id;
    let convicted = |event: &Event| match event {
        Event::Convicted { peer, case, .. } => Some((*peer, *case)),
        _ => None,
    };
    let (peer, case) = party.wallets[0].until(convicted).await;
    assert!(case.is_some());
    let cases = kept(&party).await;
    let [case] = &cases[..] else { panic!("{cases:?}") };
    let Ok(Verdict::Proven(conviction)) = case.verify() else { panic!("{case:?}") };
    let position = party.members.iter().position(|member| member.peer == peer).unwrap();
    let key = party.members[position].signer;
    let signer = Some((SignerIndex::from_usize(position).unwrap(), key));
    let (session, group) = (case.session(), party.group);
    assert_eq!(conviction, Conviction { peer, signer, session, request: asked, group });
    match &case.charge {
        Charge::Proof { evidence, .. } => evidence.clone(),
        Charge::Silence { .. } => panic!("{case:?}"),
    }
}

#[tokio::test]
async fn two_reveals_are_proven_by_a_file() {
    let evidence = convicts(Lie::TwoReveals, Mode::Committed).await;
    assert!(matches!(evidence, Evidence::Conflict { .. }), "{evidence:?}");
}

#[tokio::test]
async fn broken_commitment_is_proven_by_a_file() {
    let evidence = convicts(Lie::AnotherSalt, Mode::Committed).await;
    assert!(matches!(evidence, Evidence::WrongCommitment { .. }), "{evidence:?}");
}

#[tokio::test]
async fn nonces_that_are_no_points_are_proven_by_a_file() {
    let evidence = convicts(Lie::NoPoints, Mode::Fast).await;
    assert!(matches!(evidence, Evidence::InvalidNonce { .. }), "{evidence:?}");
}

#[tokio::test]
async fn false_partial_signature_is_proven_by_a_file() {
    let evidence = convicts(Lie::FalsePartial, Mode::Committed).await;
    assert!(matches!(evidence, Evidence::WrongPartialSig { .. }), "{evidence:?}");
}

#[tokio::test]
async fn silence_is_kept_as_a_claim_of_ours_and_proves_nothing() {
    let partials_timeout = Duration::from_millis(200);
    let (mut party, puppet) =
        with_puppet_and(Timeouts { partials_timeout, ..Timeouts::default() }).await;
    puppet.mute(&[Kind::PartialSigShare]);
    let work = Work::Messages(vec![[7; 32]]);
    let asked: RequestId = party.propose(0, party.job(work)).await.id;
    party.wallets[0].phase(Phase::Signing).await;
    let failed = |event: &Event| match event {
        Event::Request(request, RequestEvent::AttemptFailed { problem }) if request.id == asked => {
            Some(problem.as_ref().clone())
        }
        _ => None,
    };
    let problem = party.wallets[0].until(failed).await;
    assert_eq!(problem.code, "E-SES-004");
    let cases = kept(&party).await;
    assert!(!cases.is_empty());
    for case in cases {
        let Ok(Verdict::Claimed(claim)) = case.verify() else { panic!("{case:?}") };
        let names = party.members.iter().map(|member| member.peer).collect::<Vec<_>>();
        for (reporter, accused) in &claim.reports {
            assert!(names.contains(reporter));
            assert!(problem.who.contains(accused), "{claim:?}");
        }
    }
}
