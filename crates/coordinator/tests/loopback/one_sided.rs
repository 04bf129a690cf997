//! A group that only one of two homes has.

use ensign_coordinator::{Event, Group, PeerEvent, Work};
use ensign_primitives::GroupId;

use super::party::{Party, Wallet, group_keys, loopback, member};

fn unknown(event: &Event) -> Option<GroupId> {
    match event {
        Event::Peer(_, PeerEvent::GroupUnknown { group }) => Some(group.id),
        _ => None,
    }
}

fn missing(event: &Event) -> Option<GroupId> {
    match event {
        Event::Peer(_, PeerEvent::GroupMissing { group }) => Some(*group),
        _ => None,
    }
}

fn known(event: &Event) -> Option<GroupId> {
    match event {
        Event::Peer(_, PeerEvent::GroupKnown { group }) => Some(group.id),
        _ => None,
    }
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
    let id = group_keys(&members).group_id(super::party::NETWORK);
    wallets[0].coordinator.group(group.clone()).await.unwrap();

    // Both are told what it is, before anybody proposes anything.
    assert_eq!(wallets[0].until(unknown).await, id);
    assert_eq!(wallets[1].until(missing).await, id);
    let peers = wallets[0].coordinator.peers().await.unwrap();
    assert_eq!(peers[0].lacks, [id]);

    // What is proposed now waits for the other, who forms the group without a restart.
    let mut party = Party::of(wallets, members, folder);
    let work = party.psbt(&[60_000], 50_000).serialize();
    let asked = party.propose(0, party.job(Work::Psbt(work))).await;
    party.wallets[1].coordinator.group(group).await.unwrap();
    assert_eq!(party.wallets[0].until(known).await, id);
    party.all_done(asked.id).await;
    for wallet in &party.wallets {
        assert!(wallet.warnings().is_empty(), "{:?}", wallet.warnings());
    }
    assert!(party.wallets[0].coordinator.peers().await.unwrap()[0].lacks.is_empty());
    let told = party.wallets[1].seen.iter().filter_map(missing).count();
    assert_eq!(told, 1, "once");
}
