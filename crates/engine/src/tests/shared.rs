//! Groups that one of two nodes has and the other has not.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::{GroupId, PeerId};
use ensign_wire::{Frame, Groups, Kind, Mode};

use super::{
    cast::{START, group_id, group_of, own_word, peer, welcome},
    links::hello,
    net::Net,
};
use crate::{
    CloseCode, Offense,
    signing::{CLAIMS_REMEMBERED, Event, GROUPS_SETTLE, SHOW_WAIT},
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

/// Who was said not to have shown for whom it speaks.
fn not_shown(net: &Net, node: usize) -> Vec<PeerId> {
    let of = |event: &Event| match event {
        Event::NotShown { peer, .. } => Some(*peer),
        _ => None,
    };
    net.nodes[node].events.iter().filter_map(of).collect()
}

#[test]
fn regression_group_that_the_other_lacks_was_told_as_an_attack_and_only_when_somebody_proposed() {
    let mut net = one_sided();
    net.run();
    assert_eq!(not_shown(&net, 0), [], "it may just be being formed");
    net.pass(SHOW_WAIT);
    assert_eq!((not_shown(&net, 0), not_shown(&net, 1)), (vec![peer(1)], vec![]));
    assert_eq!((told(&net, 0), told(&net, 1)), (vec![], vec![]), "nothing is said of a group");

    // What is proposed meanwhile is said to nobody who has not shown that it is a member.
    net.propose(Mode::Committed);
    net.pass(MINUTE);
    let of_group = |(from, _, kind): &(usize, usize, Kind)| {
        let says_nothing = [Kind::Hello, Kind::Delegation, Kind::Ping, Kind::Pong];
        *from == 0 && !says_nothing.contains(kind)
    };
    assert!(!net.sent.iter().any(of_group), "{:?}", net.sent);
    for _ in 0..3 {
        net.cut(0);
        net.reconnect(0);
        net.pass(MINUTE);
    }
    net.assert_no_offenses();

    // To the other it is a stranger until then, whose time is over now and then: it dials again.
    net.cut(0);
    net.reconnect(0);
    net.run();
    // The other forms it: no restart is needed.
    form(&mut net, 1, &[0, 1]);
    net.pass(MINUTE);
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

fn greet(net: &mut Net, who: usize) {
    let up = net.names.up(0, peer(who));
    net.input(0, up);
    net.deliver(peer(who), 0, &Frame::Hello(hello()).encode());
}

/// A stranger that has said hello.
fn introduced(net: &mut Net) {
    greet(net, STRANGER);
}

/// A member, from a process with this number.
fn member(net: &mut Net, instance: [u8; 8]) {
    greet(net, 1);
    net.deliver(peer(1), 0, &own_word(1, 0));
    net.deliver(peer(1), 0, &welcome(instance, START));
}

fn claim(net: &mut Net, (who, from): (usize, u16), count: u16) {
    let id = |number: u16| {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        GroupId::from_bytes(bytes)
    };
    let groups = Groups { shared: (from..from + count).map(id).collect() };
    net.deliver(peer(who), 0, &Frame::Groups(groups).encode());
    net.pass(GROUPS_SETTLE);
}

#[test]
fn claims_of_strangers_vanish_and_cost_them_their_connection() {
    let mut net = Net::apart(2);
    introduced(&mut net);
    for round in 0..4 {
        claim(&mut net, (STRANGER, round * 4), 4);
    }
    assert_eq!(told(&net, 0), []);
    assert_eq!(net.nodes[0].closed, [(peer(STRANGER), CloseCode::Offense)]);
    let paid = |(who, what): &(PeerId, Offense)| {
        *who == peer(STRANGER) && *what == Offense::Stranger { kind: Kind::Groups }
    };
    assert!(net.nodes[0].offenses().iter().all(paid));
    assert_eq!(net.nodes[0].held("claims of groups that we lack"), 0);
}

#[test]
fn memory_of_claims_is_bounded_across_connections() {
    let mut net = Net::apart(2);
    for round in 0..100 {
        member(&mut net, [round as u8; 8]);
        claim(&mut net, (1, round * 4), 4);
        let down = net.names.down(0, peer(1));
        net.input(0, down);
        // One is told each second.
        net.pass(Duration::from_secs(4));
    }
    assert_eq!(told(&net, 0).iter().filter(|(what, ..)| *what == "missing").count(), 400);
    let claims = net.nodes[0].subject.machine().occupancy();
    let claims = claims.into_iter().find(|it| it.name.starts_with("claims")).unwrap();
    assert_eq!((claims.len, claims.limit), (CLAIMS_REMEMBERED, CLAIMS_REMEMBERED));
}

#[test]
fn member_whose_process_runs_twice_is_told_and_one_that_restarts_is_not() {
    let mut net = Net::apart(2);
    let mut say = |instance: [u8; 8]| {
        member(&mut net, instance);
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
