//! Peers that our user vouches for.

use ensign_wire::GossipControl;

use super::cast::{Node, data, is_prune, peer, topic};
use crate::{CommandError, EXPLICIT_MAX, Explicit, GRAYLIST_THRESHOLD, HEARTBEAT_INTERVAL, Input};

fn vouch(node: &mut Node, number: u16) {
    node.set_explicit(number, Explicit::Yes).unwrap();
}

#[test]
fn test_explicit_peer_is_put_out_of_the_mesh_and_not_grafted() {
    let mut node = Node::among(5, 5);
    vouch(&mut node, 2);
    assert_eq!(node.mesh(), [1, 3, 4, 5]);
    node.pass(4 * HEARTBEAT_INTERVAL);
    assert_eq!(node.mesh(), [1, 3, 4, 5]);
}

#[test]
fn test_handle_graft_explicit_peer() {
    let mut node = Node::among(5, 5);
    vouch(&mut node, 2);
    node.told(is_prune);
    node.says(2, GossipControl::Graft { topic: topic() });
    assert_eq!(node.told(is_prune), [2]);
    assert_eq!(node.offenses, []);
}

#[test]
fn test_explicit_peer_gets_every_message_and_is_not_judged() {
    let mut node = Node::among(30, 30);
    let outside = (1..=30).find(|it| !node.mesh().contains(it)).unwrap();
    vouch(&mut node, outside);
    node.input(Input::Regarded { peer: peer(outside), points: GRAYLIST_THRESHOLD });
    assert_eq!(node.score(outside), 0);
    let from = node.mesh()[0];
    node.said.clear();
    node.hears(from, &data(1, 50));
    assert!(node.sent(&data(1, 50)).contains(&outside));
    node.hears(outside, &data(2, 50));
    assert_eq!(node.asked.last().unwrap().1, outside);
}

#[test]
fn explicit_peers_have_a_bound() {
    let mut node = Node::new();
    (0..EXPLICIT_MAX as u16).for_each(|it| vouch(&mut node, it));
    let refused = node.set_explicit(500, Explicit::Yes);
    assert_eq!(refused, Err(CommandError::TooManyExplicit { limit: EXPLICIT_MAX }));
    node.set_explicit(0, Explicit::No).unwrap();
    vouch(&mut node, 500);
}
