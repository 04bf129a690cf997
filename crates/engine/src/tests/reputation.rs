//! What a node's score and our user's word do at the door.

use std::{vec, vec::Vec};

use ensign_primitives::StateMachine;
use ensign_session::Phase;
use ensign_wire::{Kind, Mode};

use super::{
    cast::{HOUR, engine_of_boot, group_id, group_of, peer, proposal},
    net::Net,
};
use crate::{
    CloseCode, Output, Restored,
    reputation::{CauseKind, Mark, Record, Word},
};

/// Belongs to no group.
const STRANGER: usize = 9;

fn score(net: &Net, at: usize, of: usize) -> i32 {
    let engine = net.nodes[at].subject.machine();
    engine.reputation().score(net.now().unix, &peer(of))
}

fn is_connected(net: &Net, at: usize, to: usize) -> bool {
    net.nodes[at].subject.machine().link_of(&peer(to)).is_some()
}

/// A stranger arrives at node 0; returns with what its connection is closed, if it is.
fn arrives(net: &mut Net, who: usize) -> Option<CloseCode> {
    let up = net.names.up(0, peer(who));
    let mut closed = None;
    net.command(0, |engine, now| {
        engine.handle_input(now, up);
        let outputs: Vec<Output> = core::iter::from_fn(|| engine.poll_output()).collect();
        closed = outputs.iter().find_map(|output| match output {
            Output::Close { reason, .. } => Some(*reason),
            _ => None,
        });
        assert_eq!(closed.is_some(), !outputs.iter().any(|it| matches!(it, Output::Send { .. })));
    });
    closed
}

/// A stranger says what nobody may say, until it is closed.
fn misbehaves(net: &mut Net, who: usize) {
    assert_eq!(arrives(net, who), None);
    let input = net.names.body(0, peer(who), (Kind::Hello, &[0xff; 9]));
    net.command(0, |engine, now| engine.handle_input(now, input));
    assert!(!is_connected(net, 0, who));
}

#[test]
fn stranger_that_offends_again_and_again_is_shut_out_until_that_has_faded() {
    let mut net = Net::new(2);
    for round in 1..=4 {
        misbehaves(&mut net, STRANGER);
        assert_eq!(score(&net, 0, STRANGER), -5 * round);
    }
    // At the minimum it is still let in, below it no more.
    misbehaves(&mut net, STRANGER);
    assert_eq!(arrives(&mut net, STRANGER), Some(CloseCode::Unwanted));
    assert_eq!(arrives(&mut net, 8), None, "another one is not");
    net.pass(12 * HOUR);
    assert_eq!(arrives(&mut net, STRANGER), None);
}

#[test]
fn member_is_let_in_whatever_its_score_is_and_shut_out_by_our_user_only() {
    let mut net = Net::new(3);
    net.command(0, |engine, now| {
        for digest in 0..3 {
            engine.reputation.mark(now, peer(2), Mark::Proof([digest; 32]), &"a lie");
        }
    });
    net.cut(2);
    net.reconnect(2);
    net.run();
    assert_eq!(score(&net, 0, 2), -100);
    assert!(is_connected(&net, 0, 2));
    let stops = net.command(0, |engine, now| engine.say(now, peer(2), Some(Word::Banned)));
    assert_eq!(stops, Ok(vec![group_id(&[0, 1, 2])]), "its groups cannot sign");
    assert!(!is_connected(&net, 0, 2));
    net.connect(0, 2);
    net.run();
    assert!(!is_connected(&net, 0, 2));
    assert_eq!(net.command(0, |engine, now| engine.say(now, peer(2), None)), Ok(vec![]));
    net.connect(0, 2);
    net.run();
    assert!(is_connected(&net, 0, 2));
}

#[test]
fn word_of_the_user_outlives_a_restart_and_a_banned_member_is_not_dialled() {
    let mut net = Net::new(3);
    net.command(0, |engine, now| engine.say(now, peer(2), Some(Word::Banned))).unwrap();
    net.command(0, |engine, now| engine.say(now, peer(STRANGER), Some(Word::Trusted))).unwrap();
    let reputation = net.nodes[0].accounts.clone().into_iter().collect();
    let restored = Restored { reputation, ..Restored::default() };
    let now = net.now();
    let mut engine = engine_of_boot(0, 1, now, restored);
    engine.add_group(now, group_of(&[0, 1, 2])).unwrap();
    for other in [1, 2] {
        engine.know(now, peer(other), &["192.0.2.9:9000".parse().unwrap()]).unwrap();
    }
    let dialled = |engine: &mut crate::Engine| {
        let outputs: Vec<_> = core::iter::from_fn(|| engine.poll_output()).collect();
        let dialled = outputs.iter().filter_map(|output| match output {
            Output::Dial { peer, .. } => Some(*peer),
            _ => None,
        });
        dialled.collect::<Vec<_>>()
    };
    assert_eq!(dialled(&mut engine), [peer(1)]);
    assert_eq!(engine.reputation().word(&peer(STRANGER)), Some(Word::Trusted));
    engine.say(now, peer(2), None).unwrap();
    assert_eq!(dialled(&mut engine), [peer(2)], "it is, as soon as it is banned no more");
}

#[test]
fn word_of_the_user_is_persisted_and_its_end_too() {
    let mut net = Net::new(2);
    let mut said = |word| {
        let mut records = Vec::new();
        net.command(0, |engine, now| {
            engine.say(now, peer(STRANGER), word).unwrap();
            records.extend(core::iter::from_fn(|| engine.poll_output()).filter_map(
                |it| match it {
                    Output::Persist { record: crate::Record::Reputation(record), .. } => {
                        Some(record)
                    }
                    _ => None,
                },
            ));
        });
        match &records[..] {
            [Record { peer: of, account }] if *of == peer(STRANGER) => account.is_some(),
            other => panic!("{other:?}"),
        }
    };
    assert!(said(Some(Word::Banned)));
    assert!(!said(None));
}

#[test]
fn finished_session_is_good_conduct_of_everybody_but_us() {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    net.run();
    net.assert_all_signed();
    for at in 0..3 {
        let scores: Vec<i32> = (0..3).map(|of| score(&net, at, of)).collect();
        assert_eq!(scores.iter().sum::<i32>(), 2, "node {at}: {scores:?}");
        assert_eq!(scores[at], 0);
    }
}

#[test]
fn silence_costs_what_was_earned_and_is_gone_in_a_day() {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    net.run();
    let again = proposal(&[0, 1, 2], Mode::Committed);
    net.command(0, |engine, now| engine.propose(now, again, [2; 16])).unwrap();
    let all_joined = |net: &Net| (0..2).all(|it| net.phase(it) == Some(Phase::Revealing));
    assert!(net.run_until(all_joined));
    net.cut(2);
    net.pass(HOUR);
    assert_eq!(score(&net, 0, 2), 0, "never below neutral");
    assert_eq!(score(&net, 0, 1), 1, "who spoke has lost nothing");
    let engine = net.nodes[0].subject.machine();
    let why = engine.reputation().why(net.now().unix, &peer(2)).unwrap();
    assert!(why.causes.iter().any(|cause| cause.kind == CauseKind::Unresponsive), "{why:?}");
}

#[test]
fn a_thousand_strangers_that_offend_leave_bans_and_memory_as_they_are() {
    let mut net = Net::new(2);
    net.command(0, |engine, now| engine.say(now, peer(STRANGER), Some(Word::Banned))).unwrap();
    for number in 0..1_000_u16 {
        let mut name = [0xee; 32];
        name[..2].copy_from_slice(&number.to_be_bytes());
        let who = ensign_primitives::PeerId::from_bytes(name);
        let up = net.names.up(0, who);
        net.input(0, up);
        let frame = net.names.body(0, who, (Kind::Hello, &[0xff; 9]));
        net.input(0, frame);
    }
    assert_eq!(arrives(&mut net, STRANGER), Some(CloseCode::Unwanted));
    let engine = net.nodes[0].subject.machine();
    assert!(engine.occupancy().all(|it| it.is_within_limit()));
}
