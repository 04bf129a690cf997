//! P1 to P7.

use core::time::Duration;

use ensign_primitives::Direction;
use ensign_wire::GossipControl;

use super::cast::{Node, data, id, peer, topic};
use crate::{
    COLOCATED_MAX, GOSSIP_THRESHOLD, GRAYLIST_THRESHOLD, HEARTBEAT_INTERVAL, Input, MEASURED_AFTER,
    MESH_DELIVERIES_ACTIVATION, OPPORTUNISTIC_GRAFT_TICKS, Offense, POINT, PUBLISH_THRESHOLD,
    QUIET_MESSAGES, SCORE_RETENTION, Verdict,
};

#[test]
fn test_scoring_p1_time_in_mesh_is_worth_little_and_capped() {
    let mut node = Node::among(1, 1);
    assert_eq!(node.score(1), 0);
    node.pass(Duration::from_secs(600));
    assert_eq!(node.score(1), POINT / 10);
    node.pass(Duration::from_secs(100 * 3600));
    assert_eq!(node.score(1), POINT * 6 / 10);
}

#[test]
fn test_scoring_p2_first_deliveries_count_by_their_share() {
    let mut node = Node::among(2, 2);
    for message in 0..60 {
        node.hears(1 + u16::from(message % 3 == 0), &data(message, 50));
    }
    let (more, less) = (node.score(1), node.score(2));
    assert!(more > 3 * POINT && less > POINT && less < 2 * POINT, "{more} {less}");
    // An hour later nobody remembers.
    let points = node.score(1);
    node.input(Input::Regarded { peer: peer(2), points: 0 });
    node.pass(Duration::from_secs(120));
    assert!(node.score(1) < points);
}

#[test]
fn test_scoring_p3_who_brings_nothing_of_a_busy_topic() {
    let mut node = Node::among(3, 3);
    node.pass(MESH_DELIVERIES_ACTIVATION);
    for message in 0..QUIET_MESSAGES as u16 + 10 {
        node.sends(1, &data(message, 50));
        node.says(2, GossipControl::IHave { topic: topic(), ids: [id(&data(message, 50))].into() });
        node.judge(&data(message, 50), Verdict::Accept);
    }
    assert!(node.score(3) <= -10 * POINT, "{}", node.score(3));
    assert!(node.score(2) >= 0, "who names what it has is as good as who sends it");
    node.pass(HEARTBEAT_INTERVAL);
    assert_eq!(node.mesh(), [1, 2]);
    assert!(node.score(3) <= -9 * POINT, "P3b stays when the link is out: {}", node.score(3));
}

#[test]
fn test_scoring_p3_is_off_in_a_quiet_topic() {
    let mut node = Node::among(2, 2);
    node.pass(MESH_DELIVERIES_ACTIVATION);
    for message in 0..QUIET_MESSAGES as u16 / 2 {
        node.hears(1, &data(message, 50));
        node.pass(MEASURED_AFTER + HEARTBEAT_INTERVAL);
    }
    assert!(node.score(2) >= 0);
    assert_eq!(node.mesh(), [1, 2]);
}

#[test]
fn test_scoring_p4_invalid_message_is_held_against_all_who_sent_it() {
    let mut node = Node::among(4, 4);
    let bad = data(1, 50);
    node.sends(1, &bad);
    node.sends(2, &bad);
    node.said.clear();
    node.judge(&bad, Verdict::Reject);
    node.sends(3, &bad);
    for number in 1..=3 {
        assert!(node.offenses.contains(&(number, Offense::Invalid { id: id(&bad) })));
        assert_eq!(node.score(number), -10 * POINT);
    }
    assert_eq!(node.score(4), 0);
    assert_eq!(node.said, [], "what is false goes nowhere");
    assert_eq!(node.asked.len(), 1, "and is looked at once");
}

#[test]
fn test_scoring_p4_ignored_message_is_held_against_nobody() {
    let mut node = Node::among(2, 2);
    node.sends(1, &data(1, 50));
    node.said.clear();
    node.judge(&data(1, 50), Verdict::Ignore);
    node.sends(2, &data(1, 50));
    assert_eq!((node.score(1), node.score(2)), (0, 0));
    assert_eq!(node.said, []);
    assert_eq!(node.offenses, []);
}

#[test]
fn test_scoring_p5_what_the_layer_above_thinks_is_cut_off() {
    let mut node = Node::among(1, 1);
    node.input(Input::Regarded { peer: peer(1), points: i64::MAX });
    assert_eq!(node.score(1), crate::APP_SCORE_MAX);
    node.input(Input::Regarded { peer: peer(1), points: i64::MIN });
    assert_eq!(node.score(1), -crate::APP_SCORE_MAX);
}

#[test]
fn test_scoring_p6_many_of_one_network() {
    let mut node = Node::new();
    node.join();
    for number in 1..=COLOCATED_MAX as u16 + 2 {
        let remote = ([8, 8, 8, number as u8], 4000).into();
        node.input(Input::Up { peer: peer(number), remote, direction: Direction::Inbound });
    }
    assert_eq!(node.score(1), -20 * POINT);
    node.input(Input::Down { peer: peer(1) });
    assert_eq!(node.score(2), -5 * POINT);
    // Neighbours of a local network are no crowd.
    for number in 10..20 {
        let remote = ([192, 168, 0, number as u8], 4000).into();
        node.input(Input::Up { peer: peer(number), remote, direction: Direction::Inbound });
        assert_eq!(node.score(number), 0);
    }
}

#[test]
fn test_scoring_p7_breaches_are_forgiven_at_first_and_forgotten_later() {
    let mut node = Node::among(2, 2);
    let one = data(1, 50);
    node.hears(1, &one);
    for _ in 0..4 {
        node.sends(1, &one);
    }
    assert!(node.score(1) >= 0);
    for _ in 0..6 {
        node.sends(1, &one);
    }
    assert!(node.score(1) < GRAYLIST_THRESHOLD, "{}", node.score(1));
    node.offenses.clear();
    node.sends(1, &one);
    assert_eq!(node.offenses, [], "nothing of it is read");
    node.input(Input::Down { peer: peer(2) });
    for _ in 0..10 {
        node.pass(Duration::from_secs(120));
        node.up(2, Direction::Inbound);
    }
    assert!(node.score(1) > GOSSIP_THRESHOLD, "{}", node.score(1));
}

#[test]
fn test_retain_score() {
    let mut node = Node::among(2, 2);
    node.sends(1, &data(1, 50));
    node.judge(&data(1, 50), Verdict::Reject);
    node.input(Input::Down { peer: peer(1) });
    node.up(1, Direction::Inbound);
    assert!(node.score(1) <= -9 * POINT, "nobody gets rid of it by coming back");
    node.input(Input::Down { peer: peer(1) });
    node.pass(SCORE_RETENTION + HEARTBEAT_INTERVAL);
    node.up(1, Direction::Inbound);
    node.pass(HEARTBEAT_INTERVAL);
    assert_eq!(node.score(1), 0);
}

#[test]
fn test_do_not_gossip_to_peers_below_gossip_threshold() {
    let mut node = Node::among(30, 30);
    for number in 1..=30 {
        let points = GOSSIP_THRESHOLD - POINT;
        node.input(Input::Regarded { peer: peer(number), points });
    }
    node.pass(HEARTBEAT_INTERVAL);
    node.said.clear();
    node.hears(1, &data(1, 50));
    node.pass(3 * HEARTBEAT_INTERVAL);
    assert_eq!(node.told(|it| matches!(it, GossipControl::IHave { .. })), []);
    // Nor is what it names and wants read.
    node.says(2, GossipControl::IWant { ids: [id(&data(1, 50))].into() });
    node.says(2, GossipControl::IHave { topic: topic(), ids: [id(&data(2, 50))].into() });
    node.pass(HEARTBEAT_INTERVAL);
    assert_eq!(node.said, []);
}

#[test]
fn test_do_not_publish_to_peer_below_publish_threshold() {
    let mut node = Node::among(3, 3);
    node.input(Input::Regarded { peer: peer(1), points: PUBLISH_THRESHOLD - 1 });
    let own = data(7, 50);
    node.publish(&own).unwrap();
    assert_eq!(node.sent(&own), [2, 3]);
}

#[test]
fn test_opportunistic_grafting() {
    let mut node = Node::among(30, 30);
    // The mesh is worth nothing, two outside are.
    let mesh = node.mesh();
    let outside: std::vec::Vec<u16> = (1..=30).filter(|it| !mesh.contains(it)).collect();
    for number in &outside[..2] {
        node.input(Input::Regarded { peer: peer(*number), points: 2 * POINT });
    }
    // Something happens, so that the heart goes on.
    for _ in 0..OPPORTUNISTIC_GRAFT_TICKS {
        node.says(1, GossipControl::Unchoke { topic: topic() });
        node.pass(HEARTBEAT_INTERVAL);
    }
    assert!(outside[..2].iter().all(|it| node.mesh().contains(it)), "{:?}", node.mesh());
}

#[test]
fn test_graylist_reads_nothing() {
    let mut node = Node::among(2, 2);
    node.input(Input::Regarded { peer: peer(1), points: GRAYLIST_THRESHOLD - 1 });
    node.sends(1, &data(1, 50));
    assert_eq!(node.asked, []);
}
