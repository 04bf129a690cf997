//! IDONTWANT.

use ensign_wire::GossipControl;

use super::cast::{Node, data, id};
use crate::{HEARTBEAT_INTERVAL, HISTORY_GOSSIP, IDONTWANT_BYTES_MIN, UNWANTED_MAX};

fn is_idontwant(control: &GossipControl) -> bool {
    matches!(control, GossipControl::IDontWant { .. })
}

#[test]
fn sends_idontwant_before_the_message_was_looked_at() {
    let mut node = Node::among(4, 4);
    node.said.clear();
    node.sends(2, &data(1, IDONTWANT_BYTES_MIN));
    assert_eq!(node.told(is_idontwant), [1, 3, 4], "not to whoever sent it");
}

#[test]
fn doesnt_send_idontwant_for_small_messages() {
    let mut node = Node::among(4, 4);
    node.said.clear();
    node.sends(2, &data(1, IDONTWANT_BYTES_MIN - 1));
    assert_eq!(node.told(is_idontwant), []);
}

#[test]
fn doesnt_forward_idontwant() {
    let mut node = Node::among(4, 4);
    node.says(3, GossipControl::IDontWant { ids: [id(&data(1, 50))].into() });
    node.said.clear();
    node.hears(2, &data(1, 50));
    assert_eq!(node.sent(&data(1, 50)), [1, 4]);
}

#[test]
fn clear_stale_idontwant() {
    let mut node = Node::among(4, 4);
    node.says(3, GossipControl::IDontWant { ids: [id(&data(1, 50))].into() });
    node.pass(HEARTBEAT_INTERVAL * (HISTORY_GOSSIP as u32 + 1));
    node.said.clear();
    node.hears(2, &data(1, 50));
    assert_eq!(node.sent(&data(1, 50)), [1, 3, 4]);
}

#[test]
fn what_a_peer_does_not_want_has_a_bound() {
    let mut node = Node::among(1, 1);
    for round in 0..10 {
        let ids = (0..64).map(|it| id(&data(round * 64 + it, 50))).collect();
        node.says(1, GossipControl::IDontWant { ids });
    }
    let kept = node.gossip.occupancy().find(|it| it.name == "unwanted by a peer").unwrap();
    assert_eq!(kept.len, UNWANTED_MAX);
}
