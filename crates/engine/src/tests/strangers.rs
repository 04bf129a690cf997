//! What a node tells whom, and how often it answers.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{vec, vec::Vec};

use ensign_primitives::{PeerId, QueryId, StateMachine};
use ensign_wire::{Frame, Hello, Kind, Limits, PROTOCOL_VERSION, Roles};

use super::{
    cast::{NETWORK, START, own_word, peer},
    net::Net,
};
use crate::{CloseCode, Event, Input, Offense, Output, PINGS_ALLOWED};

/// Belongs to no group.
const STRANGER: usize = 9;

/// Hands one input to node 0 and returns what it wants done.
fn outputs(net: &mut Net, input: Input) -> Vec<Output> {
    let mut outputs = Vec::new();
    net.command(0, |engine, now| {
        engine.handle_input(now, input);
        outputs.extend(core::iter::from_fn(|| engine.poll_output()));
    });
    outputs
}

fn frames(outputs: &[Output]) -> Vec<Frame> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { frame, .. } => Some(Frame::decode_whole(frame, NETWORK).unwrap()),
        _ => None,
    });
    sent.collect()
}

fn meet(net: &mut Net, who: PeerId) -> Hello {
    let remote = "192.0.2.7:40321".parse().unwrap();
    let up = net.names.up_from(0, who, remote);
    match frames(&outputs(net, up)).as_slice() {
        [Frame::Hello(hello)] => *hello,
        other => panic!("{other:?}"),
    }
}

fn say(net: &mut Net, who: PeerId, frame: &Frame) -> Vec<Output> {
    let input = net.names.frame(0, who, &frame.encode());
    outputs(net, input)
}

fn introduced(who: PeerId) -> Net {
    let mut net = Net::apart(2);
    meet(&mut net, who);
    let limits = Limits { payload_bytes: 0, messages: 0, requests: 0 };
    let hello = Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        observed: None,
        limits,
    };
    say(&mut net, who, &Frame::Hello(hello));
    net
}

/// A question that nobody has asked before.
fn ping() -> Frame {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    Frame::Ping(QueryId(ASKED.fetch_add(1, Ordering::Relaxed)))
}

fn pongs(net: &mut Net, who: PeerId, pings: u32) -> usize {
    let answers = (0..pings).flat_map(|_| say(net, who, &ping()));
    answers.filter(|it| matches!(it, Output::Send { kind: Kind::Pong, .. })).count()
}

#[test]
fn stranger_learns_what_it_needs() {
    let hello = meet(&mut Net::apart(2), peer(STRANGER));
    assert_eq!(hello.observed, Some("192.0.2.7:40321".parse().unwrap()));
    assert_eq!(
        (hello.roles, hello.version_min, hello.version_max),
        (Roles::SIGNER, PROTOCOL_VERSION, PROTOCOL_VERSION)
    );
    assert!(hello.limits.messages > 0 && hello.limits.payload_bytes > 0);
}

#[test]
fn member_learns_clock_and_listening_addresses_too_once_it_has_shown_for_whom_it_speaks() {
    let mut net = introduced(peer(1));
    let own_word = net.names.frame(0, peer(1), &own_word(1, 0));
    let said = frames(&outputs(&mut net, own_word));
    let [Frame::Welcome(welcome), Frame::Groups(_)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((welcome.clock, welcome.listening.len()), (START, 1));
}

#[test]
fn member_that_tells_no_clock_is_up_as_if_it_were_right() {
    let mut net = introduced(peer(1));
    assert!(net.nodes[0].subject.machine().signing().is_up(&peer(1)));
    assert_eq!(pongs(&mut net, peer(1), 1), 1);
}

#[test]
fn regression_strangers_pings_beyond_a_burst_were_answered_without_end() {
    let mut net = introduced(peer(STRANGER));
    assert_eq!(pongs(&mut net, peer(STRANGER), 16), 16);
    for time in 1..=4 {
        let after = say(&mut net, peer(STRANGER), &ping());
        let named = matches!(&after[0], Output::Event(Event::Offense { offense, .. })
            if *offense == Offense::TooManyPings);
        let closed = after
            .iter()
            .any(|output| matches!(output, Output::Close { reason: CloseCode::Offense, .. }));
        assert_eq!((named, closed, frames(&after).len()), (true, time == 4, 0));
    }
    assert_eq!(pongs(&mut net, peer(STRANGER), 100), 0);
}

#[test]
fn member_that_pings_too_often_gets_no_answer_and_keeps_its_connection() {
    let mut net = introduced(peer(1));
    assert_eq!(pongs(&mut net, peer(1), 1000), 16);
    assert_eq!(say(&mut net, peer(1), &ping()).len(), 0);
    assert!(net.nodes[0].subject.machine().signing().is_up(&peer(1)));
}

#[test]
fn pings_are_answered_again_as_time_passes_and_never_more_than_a_burst() {
    let mut net = introduced(peer(1));
    pongs(&mut net, peer(1), 16);
    net.now = net.now.after(Duration::from_millis(1500));
    assert_eq!(pongs(&mut net, peer(1), 100), 3);
    net.now = net.now.after(Duration::from_secs(1000));
    assert_eq!(pongs(&mut net, peer(1), 100), PINGS_ALLOWED.burst as usize);
}

/// What is said of a frame, and whether it is answered.
fn named(net: &mut Net, who: PeerId, frame: &Frame) -> (Vec<Offense>, bool) {
    let said = say(net, who, frame);
    let offenses = said.iter().filter_map(|output| match output {
        Output::Event(Event::Offense { offense, .. }) => Some(offense.clone()),
        _ => None,
    });
    (offenses.collect(), !frames(&said).is_empty())
}

#[test]
fn answer_to_what_was_never_asked_is_named() {
    for who in [peer(1), peer(STRANGER)] {
        let mut net = introduced(who);
        let offense = Offense::NeverAsked { query: QueryId(7) };
        assert_eq!(named(&mut net, who, &Frame::Pong(QueryId(7))), (vec![offense], false));
    }
}

#[test]
fn question_under_a_name_that_was_used_is_named_and_not_answered() {
    for who in [peer(1), peer(STRANGER)] {
        let mut net = introduced(who);
        let ask = |net: &mut Net, query| named(net, who, &Frame::Ping(QueryId(query)));
        assert_eq!(ask(&mut net, 5), (vec![], true));
        for query in [5, 4, 0] {
            let offense = Offense::AskedTwice { query: QueryId(query) };
            assert_eq!(ask(&mut net, query), (vec![offense], false));
        }
        assert_eq!(ask(&mut net, u64::MAX), (vec![], true));
    }
}
