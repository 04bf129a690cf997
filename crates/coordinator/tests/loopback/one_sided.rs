//! A group that only one of two homes has.

use ensign_coordinator::{Event, Group, PeerEvent, Work};

use super::party::{Party, Wallet, loopback, member};

fn not_shown(event: &Event) -> Option<()> {
    matches!(event, Event::Peer(_, PeerEvent::NotShown)).then_some(())
}

fn of_group(event: &Event) -> Option<()> {
    let is_of_group = |event: &PeerEvent| {
        matches!(event, PeerEvent::GroupUnknown { .. } | PeerEvent::GroupMissing { .. })
    };
    matches!(event, Event::Peer(_, event) if is_of_group(event)).then_some(())
}

#[tokio::test]
async fn regression_group_that_the_other_forgot_to_form_was_reported_as_an_attack() {
    let folder = tempfile::tempdir().unwrap();
    let mut wallets = Vec::new();
    for number in 0..2 {
        let home = folder.path().join(format!("home-{number}"));
        wallets.push(Wallet::start(number, home, loopback()).await);
    }
    let members: Vec<_> = wallets.iter().map(|it| member(it.number, Some(it.address()))).collect();
    let group =
        Group { name: "treasury".to_owned(), members: members.clone(), issued: Default::default() };
    wallets[0].coordinator.group(group.clone()).await.unwrap();

    // Whoever has it is told, before anybody proposes anything; the other learns nothing of it.
    wallets[0].until(not_shown).await;

    // What is proposed now waits for the other, who forms the group without a restart.
    let mut party = Party::of(wallets, members, folder);
    let work = party.psbt(&[60_000], 50_000).serialize();
    let asked = party.propose(0, party.job(Work::Psbt(work))).await;
    party.wallets[1].coordinator.group(group).await.unwrap();
    party.all_done(asked.id).await;
    for wallet in &party.wallets {
        assert!(wallet.warnings().is_empty(), "{:?}", wallet.warnings());
    }
    assert!(
        party.wallets.iter().all(|wallet| !wallet.seen.iter().any(|it| of_group(it).is_some()))
    );
}
