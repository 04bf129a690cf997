//! IHAVE, IWANT and what becomes of promises.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_wire::{GossipControl, MessageId};

use super::cast::{Node, data, id, peer, topic};
use crate::{
    GOSSIP_LAZY, HEARTBEAT_INTERVAL, HISTORY_LENGTH, IHAVE_IDS_MAX, IWANT_IDS_MAX, Offense,
    PROMISE_TIMEOUT, PULL_DELAY, PULL_RETRY, PULLS_PER_PEER, RETRANSMISSIONS_MAX, Verdict,
};

fn ihave(ids: Vec<MessageId>) -> GossipControl {
    GossipControl::IHave { topic: topic(), ids }
}

fn is_iwant(control: &GossipControl) -> bool {
    matches!(control, GossipControl::IWant { .. })
}

fn is_ihave(control: &GossipControl) -> bool {
    matches!(control, GossipControl::IHave { .. })
}

#[test]
fn test_handle_iwant_msg_cached() {
    let mut node = Node::among(20, 20);
    let data = data(1, 100);
    node.hears(1, &data);
    node.said.clear();
    for _ in 0..RETRANSMISSIONS_MAX + 2 {
        node.says(20, GossipControl::IWant { ids: vec![id(&data)] });
    }
    assert_eq!(node.sent(&data).len(), usize::from(RETRANSMISSIONS_MAX));
}

#[test]
fn test_handle_iwant_msg_cached_shifted() {
    let mut node = Node::among(2, 2);
    let data = data(1, 100);
    node.hears(1, &data);
    node.pass(HEARTBEAT_INTERVAL * (HISTORY_LENGTH as u32 - 1));
    node.said.clear();
    node.says(1, GossipControl::IWant { ids: vec![id(&data)] });
    assert_eq!(node.sent(&data), [1]);
    node.pass(HEARTBEAT_INTERVAL * 2);
    node.says(2, GossipControl::IWant { ids: vec![id(&data)] });
    assert_eq!(node.sent(&data), []);
}

#[test]
fn test_handle_iwant_msg_not_cached_and_not_accepted() {
    let mut node = Node::among(2, 2);
    let data = data(1, 100);
    node.said.clear();
    node.says(2, GossipControl::IWant { ids: vec![id(&data)] });
    node.sends(1, &data);
    node.says(2, GossipControl::IWant { ids: vec![id(&data)] });
    assert_eq!(node.said, [], "nothing leaves before it was accepted");
    node.judge(&data, Verdict::Ignore);
    node.says(2, GossipControl::IWant { ids: vec![id(&data)] });
    assert_eq!(node.said, []);
    assert_eq!(node.offenses, []);
}

#[test]
fn test_handle_ihave_asks_after_the_eager_links_had_their_time() {
    let mut node = Node::among(3, 3);
    let data = data(1, 100);
    node.said.clear();
    node.says(1, ihave(vec![id(&data)]));
    node.pass(PULL_DELAY - Duration::from_micros(1));
    assert_eq!(node.told(is_iwant), []);
    node.pass(Duration::from_micros(1));
    assert_eq!(node.told(is_iwant), [1]);
    node.sends(1, &data);
    node.pass(PROMISE_TIMEOUT * 2);
    assert_eq!(node.told(is_iwant), []);
    assert_eq!(node.offenses, []);
}

#[test]
fn one_is_asked_at_a_time_and_then_the_others() {
    let mut node = Node::among(4, 4);
    let data = data(1, 100);
    node.said.clear();
    for number in 1..=4 {
        node.says(number, ihave(vec![id(&data)]));
    }
    node.pass(PULL_DELAY);
    assert_eq!(node.told(is_iwant).len(), 1);
    node.pass(PULL_RETRY);
    assert_eq!(node.told(is_iwant).len(), 2);
    node.pass(PULL_RETRY);
    assert_eq!(node.told(is_iwant).len(), 1);
    node.pass(PULL_RETRY * 4);
    assert_eq!(node.told(is_iwant), []);
}

#[test]
fn test_handle_ihave_subscribed_and_msg_cached() {
    let mut node = Node::among(3, 3);
    let data = data(1, 100);
    node.hears(1, &data);
    node.told(is_iwant);
    node.says(2, ihave(vec![id(&data)]));
    node.pass(PULL_DELAY * 2);
    assert_eq!(node.told(is_iwant), []);
}

#[test]
fn test_handle_ihave_not_subscribed() {
    let mut node = Node::among(3, 3);
    node.leave();
    node.says(2, ihave(vec![id(&data(1, 100))]));
    node.pass(PULL_DELAY * 2);
    assert_eq!(node.told(is_iwant), []);
}

#[test]
fn test_gossip_to_at_least_gossip_lazy_peers_at_once_and_with_a_heartbeat() {
    let mut node = Node::among(40, 40);
    node.pass(HEARTBEAT_INTERVAL);
    node.hears(1, &data(1, 100));
    node.said.retain(|(to, _)| *to != 0);
    let mesh = node.mesh();
    let first = node.told(is_ihave);
    assert_eq!(first.len(), GOSSIP_LAZY);
    assert!(first.iter().all(|it| !mesh.contains(it)));
    node.pass(HEARTBEAT_INTERVAL);
    let second = node.told(is_ihave);
    assert!(second.iter().all(|it| !first.contains(it)), "whoever was told is told once");
}

#[test]
fn test_ihave_flood_is_bounded_and_an_offense() {
    let mut node = Node::among(2, 2);
    let ids = |round: u8| -> Vec<MessageId> {
        (0..64)
            .map(|it| MessageId([[round, it].as_slice(), &[9; 18]].concat().try_into().unwrap()))
            .collect()
    };
    for round in 0..=(IHAVE_IDS_MAX / 64) as u8 {
        node.says(1, ihave(ids(round)));
    }
    assert_eq!(node.offenses, [(1, Offense::TooManyNames)]);
    let looked_for = node.gossip.occupancy().find(|it| it.name == "messages looked for");
    assert_eq!(looked_for.unwrap().len, PULLS_PER_PEER);
}

#[test]
fn test_iwant_flood_is_an_offense() {
    let mut node = Node::among(2, 2);
    for _ in 0..=(IWANT_IDS_MAX / 64) {
        node.says(1, GossipControl::IWant { ids: vec![id(&data(1, 10)); 64] });
    }
    assert_eq!(node.offenses, [(1, Offense::TooManyWants)]);
    node.pass(HEARTBEAT_INTERVAL);
    node.says(1, GossipControl::IWant { ids: vec![id(&data(1, 10)); 64] });
    assert_eq!(node.offenses.len(), 1, "each heartbeat has a share of its own");
}

#[test]
fn test_ignore_too_many_messages_in_ihave_of_who_breaks_promises() {
    let mut node = Node::among(2, 2);
    node.says(1, ihave(vec![id(&data(1, 100))]));
    node.pass(PROMISE_TIMEOUT + PULL_DELAY + PULL_RETRY);
    let broken = Offense::BrokenPromise { id: id(&data(1, 100)) };
    assert_eq!(node.offenses, [(1, broken)]);
    // A message that anybody brings in time is no broken promise.
    node.says(1, ihave(vec![id(&data(2, 100))]));
    node.pass(PULL_DELAY);
    node.sends(2, &data(2, 100));
    node.pass(PROMISE_TIMEOUT * 2);
    assert_eq!(node.offenses.len(), 1);
}

#[test]
fn who_brings_what_was_asked_for_becomes_eager_where_too_few_links_bring_anything() {
    let mut node = Node::among(10, 10);
    for message in 0..6 {
        for number in 1..=3 {
            node.sends(number, &data(message, 100));
        }
        node.judge(&data(message, 100), Verdict::Accept);
        node.pass(2 * HEARTBEAT_INTERVAL);
    }
    let eager = node.view().eager;
    let lazy = node.mesh().into_iter().find(|it| *it > 3).unwrap();
    assert!(!eager.contains(&peer(lazy)));
    // From now on those bring nothing.
    node.said.clear();
    for message in 10..20 {
        node.says(lazy, ihave(vec![id(&data(message, 100))]));
        node.pass(PULL_DELAY);
        node.hears(lazy, &data(message, 100));
        node.pass(2 * HEARTBEAT_INTERVAL);
    }
    assert!(node.view().eager.contains(&peer(lazy)));
    assert!(node.told(|it| matches!(it, GossipControl::Unchoke { .. })).contains(&lazy));
}
