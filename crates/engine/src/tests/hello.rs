//! Who may say what, and when.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::{PeerId, QueryId, RequestId, UnixTime};
use ensign_wire::{DecodeError, Frame, Hello, Kind, Limits, Mode, PROTOCOL_VERSION, Roles};

use super::{
    cast::{NETWORK, START, own_word, peer, welcome},
    net::Net,
};
use crate::{CloseCode, HELLO_TIMEOUT, Offense, signing::Event};

/// Belongs to no group.
const STRANGER: usize = 9;

fn hello(version_min: u8, version_max: u8) -> Vec<u8> {
    Frame::Hello(Hello {
        roles: Roles::SIGNER,
        version_min,
        version_max,
        observed: None,
        limits: Limits { payload_bytes: 0, messages: 0, requests: 0 },
    })
    .encode()
}

/// One node of a group of two, and a connection from `who`, who has said nothing.
fn met(who: PeerId) -> Net {
    let mut net = Net::apart(2);
    meet(&mut net, who);
    net
}

fn meet(net: &mut Net, who: PeerId) {
    let up = net.names.up(0, who);
    net.input(0, up);
}

fn is_up(net: &Net, who: PeerId) -> bool {
    net.nodes[0].subject.machine().signing().is_up(&who)
}

#[test]
fn node_that_says_hello_and_for_whom_it_speaks_is_a_member_and_its_clock_is_compared() {
    let mut net = met(peer(1));
    assert!(!is_up(&net, peer(1)));
    net.deliver(peer(1), 0, &hello(PROTOCOL_VERSION, PROTOCOL_VERSION));
    let has_shown = |net: &Net| net.nodes[0].subject.machine().signing().has_shown(&peer(1));
    assert!(is_up(&net, peer(1)) && !has_shown(&net));
    // Too early, and not blamed.
    net.deliver(peer(1), 0, &welcome([1; 8], START));
    net.deliver(peer(1), 0, &own_word(1, 0));
    assert!(has_shown(&net) && net.nodes[0].events.is_empty());
    net.deliver(peer(1), 0, &welcome([1; 8], UnixTime::from_millis(START.as_millis() + 1500)));
    let up = Event::PeerUp { peer: peer(1), clock_offset_millis: 1500 };
    assert!(net.nodes[0].events == [up]);
    assert_eq!(net.nodes[0].next(), None);
    net.assert_no_offenses();
}

#[test]
fn strangers_frame_before_hello_ends_the_connection() {
    let mut net = met(peer(STRANGER));
    net.deliver(peer(STRANGER), 0, &Frame::Ping(QueryId(1)).encode());
    assert_eq!(net.nodes[0].offenses(), [(peer(STRANGER), Offense::NoHello { kind: Kind::Ping })]);
    assert_eq!(net.nodes[0].closed, [(peer(STRANGER), CloseCode::Silent)]);
    net.deliver(peer(STRANGER), 0, &hello(PROTOCOL_VERSION, PROTOCOL_VERSION));
    assert!(!is_up(&net, peer(STRANGER)), "what comes after the end is not heard");
}

#[test]
fn members_frame_before_hello_is_not_read_and_its_silence_is_not_excused() {
    let mut net = met(peer(1));
    for _ in 0..100 {
        let garbage = net.names.body(0, peer(1), (Kind::SessionJoin, &[0xff; 9]));
        net.input(0, garbage);
    }
    net.assert_no_offenses();
    net.pass(HELLO_TIMEOUT);
    assert_eq!(net.nodes[0].offenses(), [(peer(1), Offense::HelloTimeout)]);
}

#[test]
fn silence_is_ended_after_the_timeout_and_not_before() {
    for who in [peer(1), peer(STRANGER)] {
        let mut net = met(who);
        net.pass(HELLO_TIMEOUT - Duration::from_millis(1));
        assert_eq!(net.nodes[0].closed, []);
        net.pass(Duration::from_millis(1));
        assert_eq!(net.nodes[0].offenses(), [(who, Offense::HelloTimeout)]);
        assert_eq!(net.nodes[0].closed, [(who, CloseCode::Silent)]);
        let next = net.nodes[0].next();
        assert!(next.is_none_or(|wakeup| wakeup.reason == "dial"), "{next:?}");
    }
}

#[test]
fn second_hello_ends_the_connection_and_the_member_counts_as_gone() {
    let mut net = met(peer(1));
    net.deliver(peer(1), 0, &hello(PROTOCOL_VERSION, PROTOCOL_VERSION));
    net.deliver(peer(1), 0, &own_word(1, 0));
    net.deliver(peer(1), 0, &welcome([1; 8], START));
    net.deliver(peer(1), 0, &hello(PROTOCOL_VERSION, PROTOCOL_VERSION));
    assert_eq!(net.nodes[0].offenses(), [(peer(1), Offense::SecondHello)]);
    assert_eq!(net.nodes[0].closed, [(peer(1), CloseCode::Offense)]);
    assert_eq!(net.nodes[0].events.last(), Some(&Event::PeerDown { peer: peer(1) }));
}

#[test]
fn foreign_version_is_named_and_was_never_up() {
    let mut net = met(peer(1));
    net.deliver(peer(1), 0, &hello(1, 1));
    let offense = Offense::Version { min: 1, max: 1 };
    assert_eq!(net.nodes[0].offenses(), [(peer(1), offense)]);
    assert_eq!(net.nodes[0].closed, [(peer(1), CloseCode::Incompatible)]);
    assert_eq!(net.nodes[0].events.len(), 0, "neither up nor down: {:?}", net.nodes[0].events);
}

#[test]
fn range_of_versions_that_holds_ours_is_fine() {
    let mut net = met(peer(1));
    net.deliver(peer(1), 0, &hello(0, 255));
    assert!(is_up(&net, peer(1)));
}

#[test]
fn ping_is_answered_to_anybody_who_said_hello() {
    let mut net = met(peer(STRANGER));
    net.deliver(peer(STRANGER), 0, &hello(PROTOCOL_VERSION, PROTOCOL_VERSION));
    net.deliver(peer(STRANGER), 0, &Frame::Ping(QueryId(77)).encode());
    assert_eq!(net.nodes[0].offenses(), []);
}

#[test]
fn stranger_is_heard_four_times_and_leaves_nothing_behind() {
    let mut net = met(peer(STRANGER));
    net.deliver(peer(STRANGER), 0, &hello(PROTOCOL_VERSION, PROTOCOL_VERSION));
    let payload = Frame::Payload { request: RequestId::from_bytes([1; 32]), bytes: vec![1; 100] };
    for time in 1..=6 {
        net.deliver(peer(STRANGER), 0, &payload.encode());
        assert_eq!(net.nodes[0].offenses().len(), time.min(4));
    }
    let named = Offense::Stranger { kind: Kind::Payload };
    assert!(net.nodes[0].offenses().iter().all(|it| *it == (peer(STRANGER), named.clone())));
    assert_eq!(net.nodes[0].closed, [(peer(STRANGER), CloseCode::Offense)]);
    assert_eq!(net.nodes[0].held("links"), 0);
}

#[test]
fn bytes_that_are_no_message_end_the_connection_and_are_explained() {
    for (kind, body, wrong) in [
        (Kind::Ping, vec![0x80], "truncated"),
        (Kind::Ping, vec![1, 2], "trailing bytes"),
        (Kind::Ping, vec![0x81, 0x00], "two encodings"),
        (Kind::Ping, vec![1; 17], "oversized"),
        (Kind::SessionReady, vec![PROTOCOL_VERSION, 3], "foreign network"),
        (Kind::SessionReady, vec![9, 3, 1, 1], "foreign version"),
        (Kind::SessionJoin, vec![0xff; 500], "garbage"),
    ] {
        let mut net = met(peer(1));
        net.deliver(peer(1), 0, &hello(PROTOCOL_VERSION, PROTOCOL_VERSION));
        net.deliver(peer(1), 0, &own_word(1, 0));
        let expected = Frame::decode(kind, &body, NETWORK).unwrap_err();
        let input = net.names.body(0, peer(1), (kind, &body));
        net.input(0, input);
        let offenses = net.nodes[0].offenses();
        assert_eq!(offenses, [(peer(1), Offense::Decode(expected))], "{wrong}");
        assert_eq!(net.nodes[0].closed, [(peer(1), CloseCode::Offense)], "{wrong}");
    }
}

#[test]
fn decoding_errors_tell_what_is_wrong() {
    let errors = [
        (Frame::decode(Kind::SessionReady, &[9], NETWORK), "version"),
        (Frame::decode(Kind::SessionReady, &[PROTOCOL_VERSION, 0], NETWORK), "network"),
    ];
    assert!(matches!(errors[0].0, Err(DecodeError::Version { seen: 9, .. })), "{:?}", errors[0]);
    assert!(matches!(errors[1].0, Err(DecodeError::Network { .. })), "{:?}", errors[1]);
}

#[test]
fn offenses_of_one_peer_leave_the_sessions_of_others_alone() {
    let mut net = Net::new(3);
    meet(&mut net, peer(STRANGER));
    net.propose(Mode::Committed);
    for garbage in [vec![0x80], vec![1, 2, 3]] {
        let input = net.names.body(0, peer(STRANGER), (Kind::Ping, &garbage));
        net.input(0, input);
    }
    net.run();
    net.assert_all_signed();
    assert_eq!(net.nodes[0].closed, [(peer(STRANGER), CloseCode::Silent)]);
}
