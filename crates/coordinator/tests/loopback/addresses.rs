//! Nodes find one another again where they were reached last.

use ensign_coordinator::Group;

use super::party::{Wallet, keys, loopback, member};

#[tokio::test]
async fn member_is_found_after_a_restart_where_it_spoke_from_last() {
    let folder = tempfile::tempdir().unwrap();
    let start = |number| Wallet::start(number, folder.path().join(number.to_string()), loopback());
    let (mut alice, mut bob) = (start(0).await, start(1).await);
    let (names_nobody, names_bob) = (
        Group {
            name: "g".to_owned(),
            members: vec![member(0, None), member(1, None)],
            issued: Default::default(),
        },
        Group {
            name: "g".to_owned(),
            members: vec![member(0, None), member(1, Some(bob.address()))],
            issued: Default::default(),
        },
    );
    // Only alice knows where to dial.
    bob.coordinator.group(names_nobody.clone()).await.unwrap();
    alice.coordinator.group(names_bob).await.unwrap();
    alice.peer_up(keys(1).peer_id()).await;
    bob.peer_up(keys(0).peer_id()).await;

    // Now nobody is told anything, and bob dials.
    let (alice, bob) = (alice.stop().await.start().await, bob.stop().await);
    alice.coordinator.group(names_nobody.clone()).await.unwrap();
    let mut bob = bob.start().await;
    bob.coordinator.group(names_nobody).await.unwrap();
    bob.peer_up(keys(0).peer_id()).await;
}
