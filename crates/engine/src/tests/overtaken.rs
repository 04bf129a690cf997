//! Many proposals at once: payloads travel in a lane of their own and overtake their announcements, and
//! what does not fit on a member's shelf is asked for.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::RequestId;
use ensign_ratelimit::REQUESTS_ALLOWED;
use ensign_session::Event as SessionEvent;
use ensign_wire::{
    Body, Kind, Lane, Mode, PAYLOAD_BYTES_MAX, Refusal, SigningRequest, ValidationError,
};

use super::{
    cast::{NETWORK, START, proposal},
    net::{Net, envelope},
};
use crate::signing::{Event, Proposal, RESEND_PAUSE, Source};

/// In which order what was said at one time arrives.
#[derive(Clone, Copy, Debug)]
enum Order {
    AsSaid,
    First(Lane),
}

/// As many proposals as a member may make at once, of so many bytes each, all of them said before any
/// frame arrives.
fn propose_all(net: &mut Net, bytes: usize) -> Vec<RequestId> {
    let count = u8::try_from(REQUESTS_ALLOWED.burst).unwrap();
    let mut propose = |number| {
        let source = Source::Psbt(vec![number; bytes]);
        let proposal = Proposal { source, ..proposal(&net.people, Mode::Committed) };
        net.command(0, |engine, now| engine.propose(now, proposal, [number; 16])).unwrap()
    };
    (0..count).map(&mut propose).collect()
}

fn asked(net: &Net) -> usize {
    net.nodes[1].events.iter().filter(|it| matches!(it, Event::Review(_))).count()
}

fn check(order: Order, bytes: usize, asked_again: usize) {
    let mut net = Net::new(2);
    let ids = propose_all(&mut net, bytes);
    net.run_disks();
    assert_eq!(net.count(0, 1, Kind::Payload), ids.len());
    match order {
        Order::AsSaid => net.run(),
        Order::First(lane) => net.run_first(lane),
    }
    net.pass(Duration::from_secs(60));
    assert_eq!(asked(&net), ids.len(), "{order:?}");
    for node in &net.nodes {
        assert_eq!(node.done().len(), ids.len(), "{order:?}");
    }
    let refused = net.count(1, 0, Kind::ValidationError);
    assert_eq!(refused, asked_again, "{order:?}");
    assert_eq!(net.count(0, 1, Kind::Payload), ids.len() + asked_again, "{order:?}");
    net.assert_no_offenses();
}

#[test]
fn regression_of_many_small_proposals_at_once_only_eight_were_asked_about() {
    for order in [Order::AsSaid, Order::First(Lane::Bulk), Order::First(Lane::Signing)] {
        check(order, 100, 0);
    }
}

#[test]
fn regression_payload_that_others_pushed_off_its_shelf_was_never_said_again() {
    const EIGHTH: usize = PAYLOAD_BYTES_MAX / 8;
    check(Order::AsSaid, EIGHTH, 25 - 8);
    check(Order::First(Lane::Bulk), EIGHTH, 25 - 8);
    check(Order::First(Lane::Signing), EIGHTH, 0);
}

#[test]
fn who_asks_again_and_again_is_sent_a_payload_once_more() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    let session = SigningRequest::session_id(id, NETWORK, 1);
    for seq in 1..=10 {
        let error = ValidationError { refused: Kind::Payload, why: Refusal::Busy };
        let seq = START.as_millis() / 2 + seq;
        let asks = envelope(net.now(), 1, session, seq, Body::ValidationError(error));
        net.say(1, 0, asks);
        net.pass(RESEND_PAUSE);
    }
    assert_eq!(net.count(0, 1, Kind::Payload), 2);
    let is_told = |(_, it): (u16, &SessionEvent)| matches!(it, SessionEvent::Refused { .. });
    assert!(!net.nodes[0].session_events().any(is_told));
    net.assert_no_offenses();
}
