//! GRAFT, PRUNE and back-off.

use core::time::Duration;

use ensign_primitives::Direction;
use ensign_wire::GossipControl;

use super::cast::{Node, is_graft, is_prune, topic};
use crate::{
    BACKOFF_SLACK, HEARTBEAT_INTERVAL, MESH_N_HIGH, MESH_OUTBOUND_MIN, Offense, PRUNE_BACKOFF,
    UNSUBSCRIBE_BACKOFF,
};

const GRAFT: fn() -> GossipControl = || GossipControl::Graft { topic: topic() };

fn prune(backoff: u16) -> GossipControl {
    GossipControl::Prune { topic: topic(), backoff }
}

#[test]
fn handle_graft_is_subscribed() {
    let mut node = Node::among(8, 0);
    node.up(30, Direction::Inbound);
    node.says(30, GRAFT());
    assert!(node.mesh().contains(&30));
}

#[test]
fn handle_graft_is_not_subscribed() {
    let mut node = Node::among(3, 0);
    node.leave();
    node.said.clear();
    node.says(1, GRAFT());
    assert_eq!(node.gossip.topics().count(), 0);
    assert_eq!(node.told(is_prune), [], "who grafts for what we left learns nothing");
}

#[test]
fn do_not_graft_within_backoff_period() {
    let mut node = Node::among(1, 0);
    node.told(is_graft);
    node.says(1, prune(100));
    assert_eq!(node.mesh(), []);
    node.pass(Duration::from_secs(100) + BACKOFF_SLACK - HEARTBEAT_INTERVAL);
    assert_eq!(node.told(is_graft), []);
    node.pass(2 * HEARTBEAT_INTERVAL);
    assert_eq!(node.told(is_graft), [1]);
}

#[test]
fn do_not_graft_within_default_backoff_period_after_receiving_prune_without_backoff() {
    let mut node = Node::among(1, 0);
    node.told(is_graft);
    node.says(1, prune(0));
    node.pass(PRUNE_BACKOFF);
    assert_eq!(node.told(is_graft), []);
    node.pass(2 * HEARTBEAT_INTERVAL);
    assert_eq!(node.told(is_graft), [1]);
}

#[test]
fn huge_backoff_is_cut_off_at_what_a_frame_may_say() {
    // What does not come through the decoder may say more than a frame.
    let mut node = Node::among(1, 0);
    node.says(1, prune(u16::MAX));
    node.pass(crate::BACKOFF_MAX + BACKOFF_SLACK + HEARTBEAT_INTERVAL);
    assert_eq!(node.mesh(), [1]);
}

#[test]
fn unsubscribe_backoff() {
    let mut node = Node::among(1, 0);
    node.leave();
    node.join();
    assert_eq!(node.mesh(), []);
    node.told(is_graft);
    node.pass(UNSUBSCRIBE_BACKOFF - Duration::from_millis(1));
    assert_eq!(node.told(is_graft), []);
    node.pass(2 * HEARTBEAT_INTERVAL);
    assert_eq!(node.told(is_graft), [1]);
}

#[test]
fn grafting_within_backoff_is_held_against_the_peer_and_answered_by_prune() {
    let mut node = Node::among(3, 0);
    node.says(1, prune(60));
    node.told(is_prune);
    node.says(1, GRAFT());
    assert_eq!(node.told(is_prune), [1]);
    assert_eq!(node.offenses, [(1, Offense::GraftTooSoon)]);
    assert!(!node.mesh().contains(&1));
    for _ in 0..5 {
        node.says(1, GRAFT());
    }
    assert!(node.score(1) < crate::GRAYLIST_THRESHOLD, "a flood of GRAFT costs all standing");
    node.said.clear();
    node.says(1, GRAFT());
    assert_eq!(node.told(is_prune), [], "and then nothing of it is read");
}

#[test]
fn dont_accept_graft_above_mesh_high_but_from_who_was_dialled() {
    let mut node = Node::among(40, 10);
    for number in 11..=40 {
        node.says(number, GRAFT());
    }
    let inbound = node.mesh().iter().filter(|it| **it > 10).count();
    assert!(node.mesh().len() <= MESH_N_HIGH);
    assert!(inbound <= MESH_N_HIGH - MESH_OUTBOUND_MIN, "{inbound}");
    for number in 1..=10 {
        node.says(number, GRAFT());
    }
    assert!((1..=10).all(|it| node.mesh().contains(&it)), "we chose whom we dialled");
    node.pass(HEARTBEAT_INTERVAL);
    assert!(node.mesh().len() <= MESH_N_HIGH, "until the next heartbeat");
}

#[test]
fn do_not_graft_or_accept_negative_score() {
    use crate::Input;
    let mut node = Node::among(2, 0);
    let points = -1;
    node.input(Input::Regarded { peer: super::cast::peer(1), points });
    node.pass(HEARTBEAT_INTERVAL);
    assert_eq!(node.mesh(), [2]);
    node.told(is_prune);
    node.pass(2 * PRUNE_BACKOFF);
    node.says(1, GRAFT());
    assert_eq!(node.told(is_prune), [1]);
    assert_eq!(node.mesh(), [2]);
}
