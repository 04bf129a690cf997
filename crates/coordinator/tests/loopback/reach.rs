//! A node that learns from others whether it is reached, over real QUIC.

use std::net::SocketAddr;

use ensign_coordinator::{
    Coordinator, Event, Events,
    overlay::{
        Event as Network, OverlayConfig,
        reach::{Announce, Verdict},
    },
};
use ensign_wire::{Role, Scope};
use tempfile::TempDir;

use super::party::{NETWORK, keys};

struct Home {
    node: Coordinator,
    events: Events,
    _folder: TempDir,
}

impl Home {
    async fn open(number: u8, config: OverlayConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = SocketAddr::from(([127, 0, 1 + number, 1], 0));
        let home = folder.path().join("store");
        let builder = Coordinator::builder(NETWORK, keys(number), home).new_keys();
        let (node, events) = builder.listen(at).open(config).start().await.unwrap();
        Self { node, events, _folder: folder }
    }

    async fn until(&mut self, is_it: impl Fn(&Network) -> bool) -> Network {
        loop {
            match self.events.next().await.unwrap() {
                Event::Network(event) if is_it(&event) => return *event,
                _ => {}
            }
        }
    }

    fn at(&self) -> SocketAddr {
        self.node.local_addr()
    }
}

fn config(first: Option<&Home>) -> OverlayConfig {
    let first = first.map(|it| (it.node.node(), vec![it.at()])).into_iter().collect();
    OverlayConfig {
        bits: 4,
        scope: Scope::Local,
        first,
        ..OverlayConfig::new(NETWORK, Role::Signer)
    }
}

#[tokio::test]
async fn node_serves_and_is_found_once_another_one_has_dialled_it_back() {
    let mut first = Home::open(0, config(None)).await;
    let tested = OverlayConfig { announce: Some(Announce::Tested), ..config(Some(&first)) };
    let mut node = Home::open(1, tested).await;
    let before = node.node.network().await.unwrap();
    assert_eq!((before.role, before.wanted_role), (Role::Light, Role::Signer));
    let reachable = node.until(|it| matches!(it, Network::Reachable { .. })).await;
    assert_eq!(reachable, Network::Reachable { addresses: vec![node.at()] });
    node.until(|it| matches!(it, Network::Published { .. })).await;
    let status = node.node.network().await.unwrap();
    assert_eq!((status.role, status.reach.verdict), (Role::Signer, Verdict::Reached));
    let (by, _) = status.reach.tested[0].reached[0];
    assert_eq!((by, &status.addresses), (first.node.node(), &vec![node.at()]));
    first.until(|it| matches!(it, Network::Joined { .. })).await;
    let found = first.node.find_node(node.node.node()).await.unwrap().found.unwrap();
    assert_eq!(found.node().addresses, [node.at()]);
    // The connection that came back is no neighbour: each knows the other one only.
    for home in [&first, &node] {
        assert_eq!(home.node.contacts().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn node_of_a_local_network_is_tested_by_nobody() {
    let first = Home::open(2, config(None)).await;
    let mut node = Home::open(3, config(Some(&first))).await;
    node.until(|it| matches!(it, Network::Published { .. })).await;
    let status = node.node.network().await.unwrap();
    assert_eq!((status.role, status.reach.verdict), (Role::Signer, Verdict::Untested));
    assert_eq!((status.reach.tested, status.addresses), (vec![], vec![node.at()]));
}
