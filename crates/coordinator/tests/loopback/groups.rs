//! Groups and the nodes of their members, as they can be looked at; leaving a group.

use ensign_coordinator::{CommandError, Event, Group, PeerEvent, Work};
use ensign_primitives::GroupId;

use super::party::{Party, member, propose};

#[tokio::test]
async fn groups_and_peers_are_shown_with_names_address_and_link() {
    let mut party = Party::new(2).await;
    let other = party.members[1].peer;
    party.wallets[0].peer_up(other).await;
    let coordinator = &party.wallets[0].coordinator;
    let groups = coordinator.groups().await.unwrap();
    let [group] = &groups[..] else { panic!("{groups:?}") };
    assert_eq!((group.id, group.name.as_str()), (party.group, "g"));
    assert_eq!(group.address, party.psbt_group().address());
    let names: Vec<_> = group.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!((names, group.own.as_usize()), (vec!["signer 0", "signer 1"], 0));
    assert_eq!(group.index_of(&other).map(|index| group.name_of(index)), Some("signer 1"));

    let peers = coordinator.peers().await.unwrap();
    let [peer] = &peers[..] else { panic!("{peers:?}") };
    assert_eq!((peer.peer, peer.name.as_str(), &peer.groups), (other, "signer 1", &groups));
    assert_eq!(peer.addresses, party.members[1].addresses);
    let link = peer.link.as_ref().unwrap();
    assert!(link.clock_offset_millis.is_some_and(|offset| offset.abs() < 60_000), "{link:?}");
    assert!(peer.last_seen >= Some(link.since), "{peer:?}");

    let away = party.wallets.remove(1);
    away.coordinator.shutdown().await;
    let is_down = |event: &Event| matches!(event, Event::Peer(_, PeerEvent::Down { .. }));
    party.wallets[0].until(|event| is_down(event).then_some(())).await;
    let failed = |event: &Event| matches!(event, Event::Peer(_, PeerEvent::DialFailed { .. }));
    party.wallets[0].until(|event| failed(event).then_some(())).await;
    let peers = party.wallets[0].coordinator.peers().await.unwrap();
    assert!(peers[0].link.is_none() && peers[0].last_seen.is_some(), "{peers:?}");
    assert!(peers[0].last_error.is_some(), "{peers:?}");
}

#[tokio::test]
async fn group_again_takes_new_names_and_keeps_the_rest() {
    let party = Party::new(2).await;
    let coordinator = &party.wallets[0].coordinator;
    let mut named = party.group();
    "treasury".clone_into(&mut named.name);
    "bob".clone_into(&mut named.members[1].name);
    let known = coordinator.group(named).await.unwrap();
    assert_eq!((known.id, known.name.as_str()), (party.group, "treasury"));
    assert_eq!(coordinator.groups().await.unwrap(), [known]);
    assert_eq!(coordinator.peers().await.unwrap()[0].name, "bob");
}

#[tokio::test]
async fn group_is_left_when_nothing_of_it_is_open_and_its_members_are_let_go() {
    let mut party = Party::new(2).await;
    party.wallets[1].wait();
    party.wallets[0].peer_up(party.members[1].peer).await;
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await.id;
    let coordinator = party.wallets[0].coordinator.clone();
    let busy = coordinator.forget_group(party.group).await;
    assert_eq!(busy, Err(CommandError::GroupInUse { request: asked }));

    coordinator.cancel(asked).await.unwrap();
    coordinator.forget_group(party.group).await.unwrap();
    assert_eq!(coordinator.groups().await.unwrap(), []);
    assert_eq!(coordinator.peers().await.unwrap(), []);
    let down = |event: &Event| matches!(event, Event::Peer(_, PeerEvent::Down { .. }));
    party.wallets[1].until(|event| down(event).then_some(())).await;
    let group = party.group;
    let unknown = ensign_engine::CommandError::UnknownGroup { group };
    assert_eq!(coordinator.forget_group(group).await, Err(CommandError::Engine(unknown.clone())));
    let job = party.job(Work::Messages(vec![[8; 32]]));
    assert_eq!(propose(&coordinator, job).await.err(), Some(CommandError::Engine(unknown)));

    // Who comes back to it finds the others where they were.
    coordinator.group(party.group()).await.unwrap();
    let asked = party.propose(0, party.job(Work::Messages(vec![[9; 32]]))).await;
    let consent = ensign_coordinator::Consent::person(asked.digest);
    party.wallets[1]
        .until(|event| event.request().is_some_and(|request| request.id == asked.id).then_some(()))
        .await;
    party.wallets[1].coordinator.approve(asked.id, consent).await.unwrap();
    party.all_done(asked.id).await;
}

#[tokio::test]
async fn member_of_two_groups_stays_when_one_of_them_is_left() {
    let party = Party::new(2).await;
    let coordinator = &party.wallets[0].coordinator;
    let mut members = party.members.clone();
    members.push(member(2, None));
    let three = coordinator
        .group(Group { name: "three".to_owned(), members, issued: Default::default() })
        .await
        .unwrap();
    coordinator.forget_group(three.id).await.unwrap();
    let peers = coordinator.peers().await.unwrap();
    assert_eq!(peers.iter().map(|peer| peer.peer).collect::<Vec<_>>(), [party.members[1].peer]);
    assert_eq!(coordinator.groups().await.unwrap().len(), 1);
    let unknown = coordinator.forget_group(GroupId::from_bytes([9; 32])).await;
    assert!(matches!(unknown, Err(CommandError::Engine(_))), "{unknown:?}");
}
