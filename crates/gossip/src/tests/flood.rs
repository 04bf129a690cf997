//! What others' messages may cost.

use ensign_wire::GOSSIP_DATA_BYTES_MAX;

use super::cast::{Node, data};
use crate::{
    HEARTBEAT_INTERVAL, HELD_BYTES_MAX, SEEN_RETENTION, VALIDATING_MAX, VALIDATION_TIMEOUT, Verdict,
};

fn len_of(node: &Node, name: &str) -> usize {
    node.gossip.occupancy().find(|it| it.name == name).unwrap().len
}

#[test]
fn messages_that_wait_for_judgement_have_a_bound_and_a_time() {
    let mut node = Node::among(2, 2);
    for message in 0..1000 {
        node.sends(1, &data(message, 50));
    }
    assert_eq!(node.asked.len(), VALIDATING_MAX);
    node.pass(VALIDATION_TIMEOUT + 2 * HEARTBEAT_INTERVAL);
    assert_eq!(len_of(&node, "messages judged"), 0);
    node.sends(1, &data(2000, 50));
    assert_eq!(node.asked.len(), VALIDATING_MAX + 1);
    assert_eq!(node.offenses, []);
}

#[test]
fn verdict_that_comes_late_or_twice_or_of_nothing_changes_nothing() {
    let mut node = Node::among(3, 3);
    node.judge(&data(1, 50), Verdict::Accept);
    node.sends(1, &data(1, 50));
    node.judge(&data(1, 50), Verdict::Accept);
    node.said.clear();
    node.judge(&data(1, 50), Verdict::Reject);
    node.judge(&data(1, 50), Verdict::Accept);
    assert_eq!(node.said, []);
    assert_eq!(node.offenses, []);
}

#[test]
fn held_bytes_have_a_bound_and_all_is_forgotten() {
    let mut node = Node::among(1, 1);
    for message in 0..400 {
        node.hears(1, &data(message, GOSSIP_DATA_BYTES_MAX));
    }
    let held = len_of(&node, "messages held, bytes");
    assert!((HELD_BYTES_MAX - GOSSIP_DATA_BYTES_MAX..=HELD_BYTES_MAX).contains(&held), "{held}");
    node.pass(SEEN_RETENTION + 2 * HEARTBEAT_INTERVAL);
    assert_eq!(len_of(&node, "names seen"), 0);
    assert_eq!(len_of(&node, "messages held, bytes"), 0);
}
