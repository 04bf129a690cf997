//! Groups that one of two nodes has and the other has not.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::{GroupId, PeerId};
use ensign_wire::{Frame, Groups, Hello, Kind, Limits, Mode, Roles};

use super::{
    cast::{group_id, group_of, peer},
    net::Net,
};
use crate::{
    CloseCode, Offense,
    signing::{CLAIMS_PER_STRANGER_MAX, CLAIMS_REMEMBERED, Event, GROUPS_SETTLE},
};

const MINUTE: Duration = Duration::from_secs(60);
/// Belongs to no group.
const STRANGER: usize = 9;

/// What a node was told about groups.
fn told(net: &Net, node: usize) -> Vec<(&'static str, PeerId, GroupId)> {
    let of = |event: &Event| match event {
        Event::GroupUnknown { peer, group } => Some(("unknown", *peer, *group)),
        Event::GroupKnown { peer, group } => Some(("known", *peer, *group)),
        Event::GroupMissing { peer, group } => Some(("missing", *peer, *group)),
        _ => None,
    };
    net.nodes[node].events.iter().filter_map(of).collect()
}

fn form(net: &mut Net, node: usize, people: &[usize]) {
    net.command(node, |engine, now| engine.add_group(now, group_of(people))).unwrap();
}

/// Two nodes of which only node 0 has the group.
fn one_sided() -> Net {
    let mut net = Net::apart(2);
    net.command(1, |engine, now| engine.forget_group(now, &group_id(&[0, 1]))).unwrap();
    net.connect_all();
    net
}

#[test]
fn regression_group_that_the_other_lacks_was_told_as_an_attack_and_only_when_somebody_proposed() {
    let mut net = one_sided();
    net.run();
    assert_eq!((told(&net, 0), told(&net, 1)), (vec![], vec![]), "it may just be being formed");
    net.pass(GROUPS_SETTLE);
    let group = group_id(&[0, 1]);
    assert_eq!(told(&net, 0), [("unknown", peer(1), group)]);
    assert_eq!(told(&net, 1), [("missing", peer(0), group)]);
    assert!(net.nodes[0].subject.machine().signing().lacks(&peer(1), &group));

    // What is proposed meanwhile is said to nobody who could not understand it.
    net.propose(Mode::Committed);
    net.pass(MINUTE);
    assert_eq!(net.count(0, 1, Kind::SessionAnnounce), 0);
    for _ in 0..3 {
        net.cut(0);
        net.reconnect(0);
        net.pass(MINUTE);
    }
    net.assert_no_offenses();
    assert_eq!((told(&net, 0).len(), told(&net, 1).len()), (1, 1), "each is told once");

    // To the other it is a stranger until then, whose time is over now and then: it dials again.
    net.cut(0);
    net.reconnect(0);
    // The other forms it: no restart is needed.
    form(&mut net, 1, &[0, 1]);
    net.pass(MINUTE);
    assert_eq!(told(&net, 0)[1..], [("known", peer(1), group)]);
    net.assert_all_signed();
    net.assert_no_offenses();
}

#[test]
fn groups_that_are_formed_one_after_the_other_at_a_start_are_no_difference() {
    let mut net = Net::new(2);
    net.run();
    form(&mut net, 0, &[1, 0]);
    net.pass(GROUPS_SETTLE / 2);
    form(&mut net, 1, &[1, 0]);
    net.pass(MINUTE);
    assert_eq!((told(&net, 0), told(&net, 1)), (vec![], vec![]));
}

#[test]
fn group_that_is_given_up_while_connected_is_told() {
    let mut net = Net::new(2);
    for node in 0..2 {
        form(&mut net, node, &[1, 0]);
    }
    net.pass(MINUTE);
    let group = group_id(&[1, 0]);
    net.command(1, |engine, now| engine.forget_group(now, &group)).unwrap();
    net.pass(MINUTE);
    assert_eq!(told(&net, 0), [("unknown", peer(1), group)]);
    assert_eq!(told(&net, 1), [("missing", peer(0), group)]);
    // The group that both have goes on.
    net.propose(Mode::Committed);
    net.pass(MINUTE);
    net.assert_all_signed();
}

/// A stranger that has said hello.
fn introduced(net: &mut Net) {
    let peer = peer(STRANGER);
    let up = net.names.up(0, peer);
    net.input(0, up);
    let limits = Limits { payload_bytes: 0, messages: 0, requests: 0 };
    let (clock, instance, observed, listening) = (None, None, None, vec![]);
    let (roles, version_min, version_max) = (Roles::SIGNER, 1, 1);
    let hello =
        Hello { roles, version_min, version_max, clock, instance, observed, listening, limits };
    net.deliver(peer, 0, &Frame::Hello(hello).encode());
}

fn claim(net: &mut Net, from: u16, count: u16) {
    let id = |number: u16| {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        GroupId::from_bytes(bytes)
    };
    let groups = Groups { shared: (from..from + count).map(id).collect() };
    net.deliver(peer(STRANGER), 0, &Frame::Groups(groups).encode());
    net.pass(GROUPS_SETTLE);
}

#[test]
fn strangers_claims_are_bounded_cost_no_curve_work_and_are_answered_once() {
    let mut net = Net::apart(2);
    introduced(&mut net);
    claim(&mut net, 0, 64);
    assert_eq!(told(&net, 0).len(), CLAIMS_PER_STRANGER_MAX);
    for _ in 0..3 {
        claim(&mut net, 0, 64);
    }
    assert_eq!(told(&net, 0).len(), CLAIMS_PER_STRANGER_MAX, "each once");
    let sent = net.nodes[0].subject.machine().occupancy();
    assert!(sent.into_iter().all(|it| it.is_within_limit()));
    // One that goes on loses its connection.
    let mut number: u16 = 64;
    while net.nodes[0].closed.is_empty() {
        let groups = Groups { shared: vec![GroupId::from_bytes([number as u8; 32])] };
        net.deliver(peer(STRANGER), 0, &Frame::Groups(groups).encode());
        number += 1;
        assert!(number < 200, "it is heard without end");
    }
    assert_eq!(net.nodes[0].closed, [(peer(STRANGER), CloseCode::Offense)]);
    let paid =
        |(who, what): &(PeerId, Offense)| *who == peer(STRANGER) && *what == Offense::TooManyPings;
    assert!(net.nodes[0].offenses().iter().all(paid));
}

#[test]
fn memory_of_claims_is_bounded_across_connections() {
    let mut net = Net::apart(2);
    for round in 0..100 {
        introduced(&mut net);
        claim(&mut net, round * 4, 4);
        let down = net.names.down(0, peer(STRANGER));
        net.input(0, down);
        // One is told each second.
        net.pass(Duration::from_secs(4));
    }
    assert_eq!(told(&net, 0).len(), 400);
    let claims = net.nodes[0].subject.machine().occupancy();
    let claims = claims.into_iter().find(|it| it.name.starts_with("claims")).unwrap();
    assert_eq!((claims.len, claims.limit), (CLAIMS_REMEMBERED, CLAIMS_REMEMBERED));
}

#[test]
fn member_whose_process_runs_twice_is_told_and_one_that_restarts_is_not() {
    let mut net = Net::apart(2);
    let mut say = |instance: [u8; 8]| {
        let up = net.names.up(0, peer(1));
        net.input(0, up);
        let limits = Limits { payload_bytes: 0, messages: 0, requests: 0 };
        let hello = Hello {
            roles: Roles::SIGNER,
            version_min: 1,
            version_max: 1,
            clock: None,
            instance: Some(instance),
            observed: None,
            listening: vec![],
            limits,
        };
        net.deliver(peer(1), 0, &Frame::Hello(hello).encode());
        let down = net.names.down(0, peer(1));
        net.input(0, down);
        net.pass(Duration::from_secs(1));
        let copied = |event: &&Event| **event == Event::PeerCopied { peer: peer(1) };
        net.nodes[0].events.iter().filter(copied).count()
    };
    assert!((0..10).all(|number| say([number; 8]) == 0), "restarts");
    assert_eq!([say([20; 8]), say([21; 8]), say([20; 8]), say([21; 8])], [0, 0, 1, 1]);
}

#[test]
fn regression_a_list_of_groups_was_lost_behind_sixteen_others() {
    let mut net = Net::new(2);
    net.run();
    let pairs = (2..9).flat_map(|a| (a + 1..9).map(move |b| vec![0, 1, a, b]));
    let all: Vec<Vec<usize>> = pairs.chain((2..9).map(|a| vec![0, 1, a])).collect();
    for node in [0, 1] {
        all.iter().for_each(|people| form(&mut net, node, people));
    }
    net.pass(MINUTE);
    let either = [peer(0), peer(1)];
    let mut said = told(&net, 0).into_iter().chain(told(&net, 1));
    assert_eq!(said.find(|(_, who, _)| either.contains(who)), None, "both have every group");
}

#[test]
fn regression_claims_of_strangers_hid_a_later_one_for_good() {
    let mut net = Net::apart(2);
    for round in 0..60 {
        introduced(&mut net);
        claim(&mut net, round * 4, 4);
        let down = net.names.down(0, peer(STRANGER));
        net.input(0, down);
    }
    let before = told(&net, 0);
    assert!(before.len() < 240, "the budget is used up");
    introduced(&mut net);
    claim(&mut net, 240, 4);
    net.pass(MINUTE);
    assert_eq!(told(&net, 0).len(), before.len() + 4, "each once, when there is room");
}
