//! What waits for a peer that takes nothing.

use ensign_wire::{GossipControl, GossipMessage};

use super::cast::{Node, data, is_prune, peer, topic};
use crate::{
    Class, Event, FLIGHT_BYTES, FORWARD_QUEUE_BYTES_MAX, HEARTBEAT_INTERVAL, Input, Verdict,
};

/// Messages of 1 kB that one after the other come from peer 2; peer 1 takes nothing.
fn stuffed(count: u16) -> Node {
    let mut node = Node::among(2, 2);
    node.said.clear();
    node.links_take = false;
    for message in 0..count {
        node.sends(2, &data(message, 1000));
        node.judge(&data(message, 1000), Verdict::Accept);
    }
    node
}

fn sent(node: &Node) -> usize {
    node.said.iter().filter(|(to, it)| *to == 1 && matches!(it, GossipMessage::Data(_))).count()
}

#[test]
fn flight_is_bounded_and_the_rest_waits() {
    let mut node = stuffed(60);
    let flown = sent(&node);
    assert!((FLIGHT_BYTES / 1100..=FLIGHT_BYTES / 1000 + 1).contains(&flown), "{flown}");
    node.links_take = true;
    node.input(Input::Taken { peer: peer(1), bytes: FLIGHT_BYTES });
    while sent(&node) < 60 {
        let before = sent(&node);
        node.input(Input::Taken { peer: peer(1), bytes: FLIGHT_BYTES });
        assert!(sent(&node) > before, "nothing is lost while it fits");
    }
}

#[test]
fn test_forward_queue_full_drops_and_counts_and_tells() {
    let mut node = stuffed(200);
    let fit = (FLIGHT_BYTES + FORWARD_QUEUE_BYTES_MAX) / 1000;
    node.pass(HEARTBEAT_INTERVAL);
    let slow = node.events.iter().find_map(|it| match it {
        Event::Slow { peer: slow, class, dropped } => Some((*slow, *class, *dropped)),
        Event::MeshReady { .. } | Event::Published { .. } | Event::Unpublished { .. } => None,
    });
    let (slow, class, dropped) = slow.unwrap();
    assert_eq!((slow, class), (peer(1), Class::Forward));
    assert!(dropped >= 200 - fit as u64 - 3, "{dropped}");
    assert_eq!(node.score(1), 0, "a slow link is no breach");
}

#[test]
fn test_mesh_frames_go_before_messages() {
    let mut node = stuffed(90);
    node.input(Input::Regarded { peer: peer(1), points: -1 });
    node.pass(HEARTBEAT_INTERVAL);
    node.said.clear();
    node.input(Input::Taken { peer: peer(1), bytes: 2000 });
    let (to, first) = node.said.first().unwrap();
    assert!(*to == 1 && matches!(first, GossipMessage::Control(it) if is_prune(it)), "{first:?}");
}

#[test]
fn test_own_messages_go_before_others() {
    let mut node = stuffed(60);
    let own = data(999, 100);
    node.publish(&own).unwrap();
    node.said.clear();
    node.input(Input::Taken { peer: peer(1), bytes: 2000 });
    let to_slow = node.said.iter().find(|(to, _)| *to == 1).unwrap();
    assert_eq!(to_slow.1, GossipMessage::Data(own));
}

#[test]
fn names_that_wait_go_in_one_frame() {
    let mut node = stuffed(40);
    node.says(1, GossipControl::Choke { topic: topic() });
    for message in 100..110 {
        node.hears(2, &data(message, 100));
    }
    node.said.clear();
    while node.said.iter().all(|(_, it)| !matches!(it, GossipMessage::Control(_))) {
        node.input(Input::Taken { peer: peer(1), bytes: FLIGHT_BYTES });
    }
    let names = node.said.iter().find_map(|(_, it)| match it {
        GossipMessage::Control(GossipControl::IHave { ids, .. }) => Some(ids.len()),
        GossipMessage::Control(_) | GossipMessage::Data(_) => None,
    });
    assert_eq!(names, Some(10));
}
