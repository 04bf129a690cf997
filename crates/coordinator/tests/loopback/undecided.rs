//! Requests that nobody decides about: they outlive a restart, and leave a trace when they end.

use ensign_coordinator::{Consent, Handle, HowEnded, RequestEntry, RequestState, Work};
use ensign_primitives::{RequestId, SignerIndex};

use super::party::{Party, Wallet};

/// Wallet 0 proposes, wallet 1 is asked and decides nothing.
async fn asked() -> (Party, RequestId) {
    let mut party = Party::new(2).await;
    party.wallets[1].wait();
    let psbt = party.psbt(&[60_000], 50_000).serialize();
    let id = party.propose(0, party.job(Work::Psbt(psbt))).await.id;
    assert_eq!(party.wallets[1].approval().await.id, id);
    (party, id)
}

async fn entry(wallet: &Wallet, id: RequestId) -> RequestEntry {
    let entries = wallet.coordinator.requests().await.unwrap();
    entries.into_iter().find(|entry| entry.id == id).expect("it is remembered")
}

async fn by_handle(wallet: &Wallet, handle: Handle) -> Option<RequestId> {
    wallet.coordinator.look(move |records| records.by_handle(handle)).await.unwrap().unwrap()
}

#[tokio::test]
async fn request_that_nobody_decided_about_outlives_a_restart_while_its_creator_is_off() {
    let (mut party, id) = asked().await;
    let before = entry(&party.wallets[1], id).await;
    assert_eq!((before.state, before.handle()), (RequestState::Undecided, Some(Handle(1))));

    let second = party.wallets.remove(1).stop().await;
    let first = party.wallets.remove(0).stop().await;
    let mut second = second.start().await;
    second.wait();
    second.coordinator.group(party.group()).await.unwrap();
    let again = second.approval().await;
    assert_eq!((again.id, again.handle, again.is_blind()), (id, Some(Handle(1)), false));
    let after = entry(&second, id).await;
    assert_eq!(after.handle(), before.handle(), "a number stays");
    assert_eq!(by_handle(&second, Handle(1)).await, Some(id));
    let yes = Consent::person(again.digest);
    second.coordinator.approve(id, yes).await.unwrap();
    assert_eq!(entry(&second, id).await.state, RequestState::Open);

    let mut first = first.start().await;
    first.coordinator.group(party.group()).await.unwrap();
    for wallet in [&mut first, &mut second] {
        wallet.done(id).await;
    }
    let signed = entry(&second, id).await.outline.unwrap();
    assert!(matches!(signed.ended, Some((_, HowEnded::Signed))), "{signed:?}");
    assert!(signed.decided.is_some());
    for wallet in [first, second] {
        wallet.stop().await;
    }
}

#[tokio::test]
async fn regression_request_that_was_withdrawn_before_anybody_decided_left_no_trace() {
    let (mut party, id) = asked().await;
    party.wallets[0].coordinator.cancel(id).await.unwrap();
    party.wallets[1].failed(id).await;
    let mut second = party.wallets.remove(1);
    for _ in 0..2 {
        let entry = entry(&second, id).await;
        assert_eq!((entry.state, entry.handle()), (RequestState::Missed, Some(Handle(1))));
        let outline = entry.outline.unwrap();
        let by = Some(SignerIndex(0));
        assert!(outline.is_undecided() && !outline.is_own);
        assert_eq!(outline.ended.map(|(_, how)| how), Some(HowEnded::Cancelled { by }));
        second = second.stop().await.start().await;
    }
    // The next one has the next number, also after two ends in order.
    second.wait();
    second.coordinator.group(party.group()).await.unwrap();
    let psbt = party.psbt(&[70_000], 50_000).serialize();
    let next = party.propose(0, party.job(Work::Psbt(psbt))).await.id;
    assert_eq!(second.approval().await.id, next);
    assert_eq!(entry(&second, next).await.handle(), Some(Handle(2)));
    second.stop().await;
}
