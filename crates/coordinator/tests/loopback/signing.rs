//! Signing together, declining, giving up.

use ensign_coordinator::{Consent, Event, RequestEvent, SigningJob, Work};
use ensign_primitives::SignerIndex;
use ensign_wire::{KeyTweak, Mode};

use super::party::Party;

#[tokio::test]
async fn three_wallets_sign_a_psbt_in_every_mode() {
    let mut party = Party::new(3).await;
    for mode in [Mode::Committed, Mode::Fast, Mode::Strict] {
        let psbt = party.psbt(&[60_000, 50_000], 109_000);
        let txid = psbt.unsigned_tx.compute_txid();
        let job = SigningJob { mode, ..party.job(Work::Psbt(psbt.serialize())) };
        let asked = party.propose(0, job).await;
        assert_eq!(asked.summary.as_ref().unwrap().fee, 1_000);
        for outcome in party.all_done(asked.id).await {
            let tx = outcome.psbt.unwrap().extract_tx();
            assert_eq!((tx.txid, outcome.signatures.len()), (txid, 2));
            let raw: bitcoin::Transaction = bitcoin::consensus::deserialize(&tx.bytes).unwrap();
            for (input, signature) in raw.input.iter().zip(&outcome.signatures) {
                assert_eq!(input.witness.to_vec(), [signature.to_vec()]);
            }
        }
        for (message, signature) in
            asked.request.request.messages.iter().zip(&party.all_done(asked.id).await[0].signatures)
        {
            assert!(party.verifies(message.tweak, &message.digest, signature));
        }
    }
    for wallet in &party.wallets {
        assert_eq!(wallet.warnings().len(), 0, "{:?}", wallet.warnings());
    }
}

#[tokio::test]
async fn everybody_is_shown_the_same_before_deciding() {
    let mut party = Party::new(2).await;
    party.wallets[1].wait();
    let psbt = party.psbt(&[60_000], 50_000).serialize();
    let job = SigningJob { purpose: "rent".into(), ..party.job(Work::Psbt(psbt)) };
    let asked = party.propose(0, job).await;
    let shown = party.wallets[1].approval().await;
    assert_eq!((shown.id, shown.group.id, shown.is_blind()), (asked.id, party.group, false));
    assert_eq!(shown.summary, asked.summary);
    assert_eq!((shown.request.request.purpose.as_str(), shown.mode()), ("rent", Mode::Committed));
    assert_eq!(shown.creator(), Some(party.members[0].signer));
    party.wallets[1].coordinator.approve(asked.id, Consent::person(asked.digest)).await.unwrap();
    party.all_done(asked.id).await;
}

#[tokio::test]
async fn bare_messages_are_shown_as_blind_and_signed() {
    let mut party = Party::new(3).await;
    let digests = vec![[7; 32], [8; 32], [9; 32]];
    let asked = party.propose(1, party.job(Work::Messages(digests.clone()))).await;
    assert!(asked.is_blind());
    let outcomes = party.all_done(asked.id).await;
    assert!(outcomes.iter().all(|outcome| outcome.psbt.is_none()));
    for (digest, signature) in digests.iter().zip(&outcomes[0].signatures) {
        assert!(party.verifies(KeyTweak::None, digest, signature));
    }
    assert!(party.wallets[0].approval().await.is_blind());
}

#[tokio::test]
async fn many_requests_at_once_are_all_signed() {
    let mut party = Party::new(3).await;
    let mut asked = Vec::new();
    for number in 0..4_u64 {
        let psbt = party.psbt(&[60_000 + number], 50_000).serialize();
        for wallet in 0..3 {
            let job = party.job(Work::Psbt(psbt.clone()));
            asked.push(party.propose(wallet, job).await.id);
        }
    }
    for id in asked {
        let outcomes = party.all_done(id).await;
        assert!(outcomes.iter().all(|outcome| outcome.psbt.is_some()));
    }
}

#[tokio::test]
async fn decline_ends_the_request_for_everybody_and_names_who() {
    let mut party = Party::new(3).await;
    party.wallets[1].wait();
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.wallets[1].approval().await;
    // Whoever is connected only after the end never hears of the request.
    let heard = |event: &Event| {
        matches!(event, Event::Request(request, _) if request.id == asked.id).then_some(())
    };
    party.wallets[2].until(heard).await;
    party.wallets[1].coordinator.decline(asked.id).await.unwrap();
    for wallet in [0, 2] {
        let problem = party.wallets[wallet].failed(asked.id).await;
        assert_eq!((problem.code, problem.who), ("E-SES-001", vec![SignerIndex(1)]));
    }
    assert_eq!(party.wallets[1].failed(asked.id).await.code, "E-SES-001");
    for wallet in &party.wallets {
        let retried =
            |event: &Event| matches!(event, Event::Request(_, RequestEvent::AttemptFailed { .. }));
        assert!(!wallet.seen.iter().any(retried), "no attempt follows");
    }
}

#[tokio::test]
async fn request_that_its_creator_gives_up_ends_for_everybody() {
    let mut party = Party::new(2).await;
    party.wallets[1].wait();
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.wallets[1].approval().await;
    party.wallets[0].coordinator.cancel(asked.id).await.unwrap();
    for wallet in &mut party.wallets {
        assert_eq!(wallet.failed(asked.id).await.code, "E-SES-011");
    }
}

#[tokio::test]
async fn one_wallet_alone_signs() {
    let mut party = Party::new(1).await;
    let psbt = party.psbt(&[60_000], 50_000).serialize();
    let asked = party.propose(0, party.job(Work::Psbt(psbt))).await;
    assert!(party.all_done(asked.id).await[0].psbt.is_some());
}
