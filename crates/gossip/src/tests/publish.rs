//! Our own messages: when they leave, and what is said when they do not.

use core::time::Duration;
use std::vec;

use ensign_primitives::Direction;
use ensign_wire::{GOSSIP_DATA_BYTES_MAX, GossipControl};

use super::cast::{NETWORK, Node, data, id, topic};
use crate::{
    CommandError, Event, GossipConfig, HEARTBEAT_INTERVAL, MESH_N, PUBLISH_WITHIN, READY_WITHIN,
};

fn publish(node: &mut Node, number: u16) -> Result<(), CommandError> {
    node.publish(&data(number, 50)).map(|_| ())
}

fn joins(node: &mut Node, number: u16) {
    node.up(number, Direction::Outbound);
    node.says(number, GossipControl::Topics { joined: vec![topic()], left: vec![] });
}

#[test]
fn test_flood_publish() {
    let mut node = Node::among(30, 30);
    publish(&mut node, 1).unwrap();
    assert_eq!(node.sent(&data(1, 50)).len(), 30);
    let published = Event::Published { id: id(&data(1, 50)), copies: 30 };
    assert!(node.events.contains(&published));
}

#[test]
fn without_flood_publish_it_goes_to_the_mesh() {
    let config = GossipConfig { flood_publish: false, ..GossipConfig::new(NETWORK) };
    let mut node = Node::with(config);
    node.join();
    (1..=30).for_each(|it| joins(&mut node, it));
    publish(&mut node, 1).unwrap();
    assert_eq!(node.sent(&data(1, 50)), node.mesh());
}

#[test]
fn test_fanout() {
    let config = GossipConfig { flood_publish: false, ..GossipConfig::new(NETWORK) };
    let mut node = Node::with(config);
    (1..=30).for_each(|it| joins(&mut node, it));
    publish(&mut node, 1).unwrap();
    let first = node.sent(&data(1, 50));
    assert_eq!(first.len(), MESH_N);
    publish(&mut node, 2).unwrap();
    assert_eq!(node.sent(&data(2, 50)), first, "a fanout stays");
    // Who joins the topic takes its fanout for its mesh.
    node.join();
    assert_eq!(node.mesh(), first);
}

#[test]
fn first_publish_goes_to_whoever_turns_up_within_a_second() {
    let mut node = Node::new();
    node.join();
    publish(&mut node, 1).unwrap();
    assert_eq!(node.events, []);
    node.pass(PUBLISH_WITHIN / 2);
    joins(&mut node, 1);
    assert_eq!(node.sent(&data(1, 50)), [1]);
    node.pass(PUBLISH_WITHIN / 2);
    let published = Event::Published { id: id(&data(1, 50)), copies: 1 };
    assert!(node.events.contains(&published), "{:?}", node.events);
}

#[test]
fn publish_without_peers_ends_as_a_typed_event_after_a_second() {
    let mut node = Node::new();
    node.join();
    publish(&mut node, 1).unwrap();
    node.pass(PUBLISH_WITHIN - Duration::from_micros(1));
    assert_eq!(node.events, []);
    node.pass(Duration::from_micros(1));
    let unpublished = Event::Unpublished { id: id(&data(1, 50)), topic: topic() };
    assert_eq!(node.events, [unpublished]);
}

#[test]
fn mesh_of_one_link_is_ready_after_a_heartbeat() {
    let mut node = Node::new();
    node.join();
    node.pass(READY_WITHIN / 2);
    joins(&mut node, 1);
    node.pass(READY_WITHIN / 2 + HEARTBEAT_INTERVAL);
    let ready = node.events.iter().filter(|it| matches!(it, Event::MeshReady { links: 1, .. }));
    assert_eq!(ready.count(), 1);
}

#[test]
fn what_cannot_be_published_is_refused_with_a_reason() {
    let mut node = Node::among(3, 3);
    let now = node.now;
    let mut of = |bytes: usize| node.gossip.publish(now, topic(), vec![1; bytes].into());
    assert_eq!(of(0), Err(CommandError::Size { seen: 0 }));
    let seen = GOSSIP_DATA_BYTES_MAX + 1;
    assert_eq!(of(seen), Err(CommandError::Size { seen }));
    assert!(of(GOSSIP_DATA_BYTES_MAX).is_ok());
    publish(&mut node, 1).unwrap();
    assert_eq!(publish(&mut node, 1), Err(CommandError::Known { id: id(&data(1, 50)) }));
}
