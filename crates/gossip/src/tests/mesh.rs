//! How many links a mesh has, and which.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::Direction;
use ensign_wire::GossipControl;

use super::cast::{Node, data, is_graft, is_prune, peer, topic};
use crate::{
    EAGER_LINKS, Event, HEARTBEAT_INTERVAL, Input, MEASURED_AFTER, MESH_N, MESH_N_HIGH, MESH_N_LOW,
    MESH_OUTBOUND_MIN, Verdict,
};

#[test]
fn subscribe_grafts_at_once() {
    let mut node = Node::new();
    for number in 1..=20 {
        node.up(number, Direction::Outbound);
        node.says(number, GossipControl::Topics { joined: vec![topic()], left: vec![] });
    }
    node.join();
    assert_eq!(node.mesh().len(), MESH_N);
    assert_eq!(node.told(is_graft).len(), MESH_N);
    assert!(matches!(node.events[..], [Event::MeshReady { links: MESH_N_LOW, .. }]));
}

#[test]
fn small_topics_are_meshed_fully() {
    let node = Node::among(MESH_N_HIGH as u16, 0);
    assert_eq!(node.mesh().len(), MESH_N_HIGH);
}

#[test]
fn mesh_addition() {
    let mut node = Node::among(30, 30);
    for number in node.mesh().into_iter().skip(MESH_N_LOW - 1) {
        node.input(Input::Down { peer: peer(number) });
    }
    assert!(node.mesh().len() < MESH_N_LOW);
    node.pass(HEARTBEAT_INTERVAL);
    assert_eq!(node.mesh().len(), MESH_N);
}

#[test]
fn mesh_subtraction() {
    let mut node = Node::among(40, 40);
    for number in 1..=40 {
        node.says(number, GossipControl::Graft { topic: topic() });
    }
    assert!(node.mesh().len() > MESH_N_HIGH);
    node.told(is_prune);
    node.pass(HEARTBEAT_INTERVAL);
    assert_eq!(node.mesh().len(), MESH_N);
    assert_eq!(node.told(is_prune).len(), 40 - MESH_N);
}

#[test]
fn keep_outbound_peers_in_mesh_when_pruning() {
    let mut node = Node::among(20, 0);
    for number in 21..=21 + MESH_OUTBOUND_MIN as u16 + 3 {
        node.up(number, Direction::Outbound);
        node.says(number, GossipControl::Topics { joined: vec![topic()], left: vec![] });
        node.says(number, GossipControl::Graft { topic: topic() });
    }
    node.pass(2 * HEARTBEAT_INTERVAL);
    let dialled = node.mesh().iter().filter(|it| **it > 20).count();
    assert!(dialled >= MESH_OUTBOUND_MIN, "{dialled}");
    assert!(node.mesh().len() <= MESH_N_HIGH);
}

#[test]
fn add_outbound_peers_if_min_is_not_satisfied() {
    // Those who dialled are there first.
    let mut node = Node::among(30, 0);
    for number in 31..=40 {
        node.up(number, Direction::Outbound);
        node.says(number, GossipControl::Topics { joined: vec![topic()], left: vec![] });
    }
    node.pass(HEARTBEAT_INTERVAL);
    let dialled = node.mesh().iter().filter(|it| **it > 30).count();
    assert!(dialled >= MESH_OUTBOUND_MIN, "{dialled}");
}

/// A mesh in which the first of `soonest` bring each message at once, the others later than they.
fn measured(node: &mut Node, soonest: &[u16], messages: std::ops::Range<u16>) {
    let mesh = node.mesh();
    for message in messages {
        let data = data(message, 100);
        for number in soonest {
            node.sends(*number, &data);
        }
        node.judge(&data, Verdict::Accept);
        node.pass(Duration::from_millis(50));
        for number in mesh.iter().filter(|it| !soonest.contains(it)) {
            node.sends(*number, &data);
        }
        node.pass(MEASURED_AFTER + HEARTBEAT_INTERVAL);
    }
}

#[test]
fn three_soonest_links_bring_messages_and_the_rest_are_choked() {
    let mut node = Node::among(10, 10);
    measured(&mut node, &[2, 4, 6], 0..6);
    let eager: Vec<u16> = node.view().eager.iter().map(super::cast::number).collect();
    assert_eq!(eager, [2, 4, 6]);
    let mut choked = node.told(|it| matches!(it, GossipControl::Choke { .. }));
    choked.sort_unstable();
    assert_eq!(choked, [1, 3, 5, 7, 8, 9, 10]);
    assert_eq!(eager.len(), EAGER_LINKS);
}

#[test]
fn one_eager_link_is_one_that_we_dialled() {
    let mut node = Node::among(10, 1);
    measured(&mut node, &[2, 4, 6], 0..8);
    let eager: Vec<u16> = node.view().eager.iter().map(super::cast::number).collect();
    assert!(eager.contains(&1) && eager.len() == EAGER_LINKS, "{eager:?}");
}

#[test]
fn who_is_choked_names_messages_and_who_is_unchoked_sends_them() {
    let mut node = Node::among(5, 5);
    node.says(1, GossipControl::Choke { topic: topic() });
    node.said.clear();
    let first = data(1, 100);
    node.hears(2, &first);
    let said = node.said.clone();
    assert_eq!(node.sent(&first), [3, 4, 5]);
    node.said = said;
    assert_eq!(node.told(|it| matches!(it, GossipControl::IHave { .. })), [1]);
    node.says(1, GossipControl::Unchoke { topic: topic() });
    let second = data(2, 100);
    node.hears(2, &second);
    assert_eq!(node.sent(&second), [1, 3, 4, 5]);
}

#[test]
fn silent_links_give_way_to_who_brings_messages() {
    let mut node = Node::among(20, 20);
    let mesh = node.mesh();
    let outside: Vec<u16> = (1..=20).filter(|it| !mesh.contains(it)).collect();
    for message in 0..24 {
        let from = outside[usize::from(message) % outside.len()];
        node.hears(from, &data(message, 100));
        node.pass(MEASURED_AFTER + HEARTBEAT_INTERVAL);
    }
    let taken = node.mesh().iter().filter(|it| outside.contains(it)).count();
    assert!(taken >= MESH_N / 2, "{taken}");
}
