//! Who wants what.

use std::vec;

use ensign_primitives::Direction;
use ensign_wire::{GossipControl, GossipMessage, Topic};

use super::cast::{NETWORK, Node, data, is_prune, peer, topic};
use crate::{CommandError, HEARTBEAT_INTERVAL, Input, Offense, TOPICS_MAX};

fn is_topics(control: &GossipControl) -> bool {
    matches!(control, GossipControl::Topics { .. })
}

#[test]
fn test_subscribe_tells_all_peers_and_newcomers() {
    let mut node = Node::new();
    node.up(1, Direction::Inbound);
    assert_eq!(node.said, []);
    node.join();
    assert_eq!(node.told(is_topics), [1]);
    node.up(2, Direction::Inbound);
    assert_eq!(node.told(is_topics), [2]);
}

#[test]
fn test_unsubscribe_tells_all_and_prunes_the_mesh() {
    let mut node = Node::among(3, 0);
    node.said.clear();
    node.leave();
    let said = node.said.clone();
    assert_eq!(node.told(is_prune), [1, 2, 3]);
    node.said = said;
    assert_eq!(node.told(is_topics), [1, 2, 3]);
}

#[test]
fn test_handle_received_subscriptions() {
    let mut node = Node::among(4, 0);
    assert_eq!(node.view().peers, 4);
    node.says(3, GossipControl::Topics { joined: vec![], left: vec![topic()] });
    assert_eq!(node.view().peers, 3);
    assert_eq!(node.mesh(), [1, 2, 4]);
    node.input(Input::Down { peer: peer(4) });
    assert_eq!(node.mesh(), [1, 2]);
}

#[test]
fn subscription_flood_is_an_offense_in_bounded_memory() {
    let mut node = Node::among(1, 0);
    for round in 0..40_u8 {
        let joined = (0..32).map(|it| Topic([round, it, 9, 9, 9, 9, 9, 9])).collect();
        node.says(1, GossipControl::Topics { joined, left: vec![] });
    }
    assert!(node.offenses.contains(&(1, Offense::TooManyTopics)));
    assert!(node.score(1) < crate::GRAYLIST_THRESHOLD);
}

#[test]
fn messages_of_topics_that_nobody_joined_are_an_offense() {
    let mut node = Node::among(2, 0);
    let mut other = data(1, 50);
    other.topic = Topic::of(NETWORK, "elsewhere");
    node.sends(1, &other);
    assert_eq!(node.offenses, [(1, Offense::ForeignTopic)]);
    assert_eq!(node.asked, []);
    // What is on its way while we leave is none.
    node.leave();
    node.sends(2, &data(2, 50));
    assert_eq!(node.offenses.len(), 1);
}

#[test]
fn topics_have_a_bound() {
    let mut node = Node::new();
    let of = |number: u8| Topic([number; 8]);
    let now = node.now;
    for number in 0..TOPICS_MAX as u8 {
        node.gossip.subscribe(now, of(number)).unwrap();
    }
    let refused = node.gossip.subscribe(now, of(99));
    assert_eq!(refused, Err(CommandError::TooManyTopics { limit: TOPICS_MAX }));
    node.gossip.subscribe(now, of(0)).unwrap();
    node.pass(HEARTBEAT_INTERVAL);
    node.up(1, Direction::Inbound);
    let [(1, GossipMessage::Control(GossipControl::Topics { joined, .. }))] = &node.said[..] else {
        panic!("{:?}", node.said);
    };
    assert_eq!(joined.len(), TOPICS_MAX);
}
