//! Cases that need a part of the coordinator to fail.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

use std::path::Path;

use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::Network;
use ensign_session::Phase;

use crate::{Coordinator, Event, Events, Group, Journal, Keys, Member, SigningJob, Work};

fn keys(byte: u8) -> Keys {
    let node_key = NodeKey::from_secret_bytes([byte; 32]).unwrap();
    let sec_key = SecKey::from_secret_bytes([byte + 1; 32]).unwrap();
    Keys::new(Network::Regtest, node_key, sec_key).unwrap()
}

async fn start(byte: u8, journal: Journal, path: &Path) -> (Coordinator, Events, Member) {
    let (keys, listen) = (keys(byte), "127.0.0.1:0".parse().unwrap());
    let (signer, peer) = (keys.signer_key(), keys.peer_id());
    let builder = Coordinator::builder(Network::Regtest, keys, path.to_owned()).listen(listen);
    let (coordinator, events) = builder.start_with(journal, Vec::new()).await.unwrap();
    let addresses = vec![coordinator.local_addr()];
    (coordinator, events, Member { signer, peer, addresses })
}

async fn rest(mut events: Events) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event);
    }
    all
}

#[tokio::test]
async fn journal_that_fails_is_told_and_nothing_is_signed_or_joined() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    drop(Journal::open(&ours).unwrap());
    let (wallet, events, member) = start(0x31, Journal::unwritable(&ours), &ours).await;
    let (other, mut other_events, other_member) =
        start(0x41, Journal::open(&theirs).unwrap().0, &theirs).await;
    let position = usize::from(member.signer > other_member.signer);
    let group = Group { members: vec![member.clone(), other_member] };
    let id = wallet.group(group.clone()).await.unwrap();
    other.group(group).await.unwrap();
    while !matches!(other_events.next().await, Some(Event::PeerUp { .. })) {}

    wallet.propose(SigningJob::new(id, Work::Messages(vec![[7; 32]]))).await.unwrap();
    let seen = rest(events).await;
    let warned = |event: &&Event| match event {
        Event::Warning { peer: None, problem } => problem.code == "E-STO-001",
        _ => false,
    };
    assert_eq!(seen.iter().filter(warned).count(), 1, "{seen:?}");
    let forbidden = |event: &&Event| {
        matches!(event, Event::Joined { .. } | Event::Done { .. })
            || matches!(event, Event::Phase { phase, .. } if *phase != Phase::Gathering)
    };
    assert_eq!(seen.iter().filter(forbidden).count(), 0, "{seen:?}");
    assert_eq!(Journal::open(&ours).unwrap().1, []);

    // The other wallet saw no join of ours, and lives.
    let mut seen = Vec::new();
    loop {
        let event = other_events.next().await.unwrap();
        if let Event::Approval(approval) = &event {
            other.approve(approval.id).await.unwrap();
        }
        let gone = matches!(event, Event::PeerDown { peer } if peer == member.peer);
        seen.push(event);
        if gone {
            break;
        }
    }
    let theirs = |event: &&Event| match event {
        Event::Joined { who, .. } => usize::from(who.0) == position,
        _ => false,
    };
    assert_eq!(seen.iter().filter(theirs).count(), 0, "{seen:?}");
    other.shutdown().await;
}
