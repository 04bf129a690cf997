//! A member that tries to wash a request out of our memories, to fill them, or to use up what others
//! may ask.

use core::time::Duration;
use std::{boxed::Box, vec::Vec};

use ensign_primitives::RequestId;
use ensign_wire::{
    AbortReason, Body, Frame, Kind, PartialSigAck, SessionAbort, SessionAnnounce, SignedRequest,
    SigningRequest,
};

use super::{
    cast::{HOUR, NETWORK, peer, request, signed},
    net::{Net, envelope},
};
use crate::Offense;
use crate::ratelimit::{MESSAGES_ALLOWED, REQUESTS_ALLOWED};
use crate::signing::{self, ENDINGS_REMEMBERED, End, Record, UNDECIDED_PER_CREATOR_MAX};

const PAIR: &[usize] = &[0, 1];
const TRIO: &[usize] = &[0, 1, 2];
/// As fast as a creator may make requests for ever.
const PACE: Duration = Duration::from_secs(2);

/// A request of node 1's, made now.
fn fresh(net: &Net, people: &[usize], number: u32) -> SignedRequest {
    let mut nonce = [9; 16];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    let created = net.now().unix;
    let expires = created.after(HOUR * 20);
    signed(SigningRequest { nonce, created, expires, ..request(people, 1) }, 1)
}

fn announce(net: &mut Net, by: usize, signed: &SignedRequest, seq: u64) {
    let session = SigningRequest::session_id(signed.request.id(), NETWORK, 1);
    let announce = SessionAnnounce { attempt: 1, request: signed.clone() };
    let said = envelope(net.now(), by, session, seq, Body::SessionAnnounce(Box::new(announce)));
    // Whoever was cut off dials again.
    net.reconnect(by);
    net.run();
    net.say(by, 0, said);
}

fn cancel(net: &mut Net, by: usize, signed: &SignedRequest, seq: u64) {
    let session = SigningRequest::session_id(signed.request.id(), NETWORK, 1);
    let body = Body::SessionAbort(SessionAbort { reason: AbortReason::Cancelled, culprit: None });
    let said = envelope(net.now(), by, session, seq, body);
    net.say(by, 0, said);
}

/// Announces and cancels requests of node 1's, one every [`PACE`].
fn wash(net: &mut Net, people: &[usize], numbers: core::ops::Range<u32>) -> Vec<SignedRequest> {
    numbers
        .map(|number| {
            net.pass(PACE);
            let signed = fresh(net, people, number);
            announce(net, 1, &signed, 1);
            cancel(net, 1, &signed, 2);
            signed
        })
        .collect()
}

fn joins(net: &Net, id: RequestId) -> usize {
    let is_join = |it: &&Record| matches!(it, Record::Joined { request, .. } if *request == id);
    net.nodes[0].journal.iter().filter(is_join).count()
}

/// Nobody's engine answers in node 1's place.
fn alone(people: usize) -> Net {
    let mut net = Net::new(people);
    net.nodes[1].approves = false;
    net
}

#[test]
fn regression_joined_request_came_back_after_others_had_washed_it_out() {
    let mut net = alone(2);
    let washed = wash(&mut net, PAIR, 0..10);
    assert_eq!(net.nodes[0].closed_requests().len(), washed.len());
    assert_eq!(joins(&net, washed[0].request.id()), 1);
    let group = super::cast::group_id(PAIR);
    for number in 0..ENDINGS_REMEMBERED as u32 + 100 {
        let mut other = [0xaa; 32];
        other[..4].copy_from_slice(&number.to_be_bytes());
        let end = End::Closed(AbortReason::Cancelled);
        let other = RequestId::from_bytes(other);
        net.command(0, |engine, now| engine.remember_ended(now, other, (group, end)));
    }
    for restart in [false, true] {
        if restart {
            net.restart(0);
            net.run();
        }
        let reviews = net.nodes[0].reviews();
        for signed in &washed {
            net.pass(PACE);
            announce(&mut net, 1, signed, 1 << 40);
        }
        assert_eq!(net.nodes[0].reviews(), reviews, "none is shown again");
    }
    let counts: Vec<_> = washed.iter().map(|signed| joins(&net, signed.request.id())).collect();
    assert_eq!(counts, [1; 10]);
    net.assert_journals_are_sound();
}

#[test]
fn regression_request_that_nobody_decided_about_was_shown_again() {
    let mut net = alone(2);
    net.nodes[0].approves = false;
    let washed = wash(&mut net, PAIR, 0..UNDECIDED_PER_CREATOR_MAX as u32 * 3);
    assert_eq!(net.nodes[0].reviews(), washed.len(), "each is shown once");
    for restart in [false, true] {
        if restart {
            net.restart(0);
            net.run();
        }
        let reviews = net.nodes[0].reviews();
        for signed in &washed {
            announce(&mut net, 1, signed, 1 << 40);
        }
        assert_eq!(net.nodes[0].reviews(), reviews, "restarted: {restart}");
    }
    assert_eq!(net.nodes[0].journal, [], "what was not decided about costs no flush");
    // What is new is taken.
    net.pass(PACE);
    let new = fresh(&net, PAIR, u32::MAX);
    announce(&mut net, 1, &new, 1);
    assert_eq!(net.nodes[0].reviews(), 1);
}

#[test]
fn requests_beyond_a_creators_budget_cost_neither_record_nor_review() {
    let mut net = alone(3);
    let allowed = REQUESTS_ALLOWED.burst as usize;
    for number in 0..allowed as u32 * 20 {
        let signed = fresh(&net, TRIO, number);
        announce(&mut net, 1, &signed, 1);
        cancel(&mut net, 1, &signed, 2);
    }
    assert_eq!(net.nodes[0].reviews(), allowed);
    let joined = |it: &&Record| matches!(it, Record::Joined { .. });
    assert_eq!(net.nodes[0].journal.iter().filter(joined).count(), allowed);
    // Another creator is not concerned.
    let other = signed(SigningRequest { created: net.now().unix, ..request(TRIO, 2) }, 2);
    announce(&mut net, 2, &other, 1);
    assert_eq!(net.nodes[0].reviews(), allowed + 1);
}

#[test]
fn messages_of_a_creator_are_counted_together() {
    let mut net = alone(2);
    let before = net.nodes[0].reviews();
    for number in 0..20 {
        let mut large = fresh(&net, PAIR, number).request;
        let message = large.messages[0];
        large.messages = (0..1024_u32)
            .map(|at| {
                let mut message = message;
                message.digest[..4].copy_from_slice(&at.to_be_bytes());
                message
            })
            .collect();
        announce(&mut net, 1, &signed(large, 1), 1);
    }
    let taken = net.nodes[0].reviews() - before;
    assert_eq!(taken as u64, MESSAGES_ALLOWED.burst / 1024);
}

#[test]
fn requests_forged_in_a_creators_name_use_up_nothing_of_its_own() {
    let mut net = alone(3);
    net.nodes[0].approves = false;
    for number in 0..100 {
        let mut forged = fresh(&net, TRIO, number);
        forged.request.amount = 1;
        announce(&mut net, 2, &forged, 1);
        net.reconnect(2);
        net.run();
    }
    assert_eq!(net.nodes[0].reviews(), 0);
    for number in 0..REQUESTS_ALLOWED.burst as u32 {
        let signed = fresh(&net, TRIO, 1000 + number);
        announce(&mut net, 1, &signed, 1);
    }
    assert_eq!(net.nodes[0].reviews() as u64, REQUESTS_ALLOWED.burst);
}

#[test]
fn regression_requests_nobody_joined_pushed_an_ending_out() {
    let mut net = Net::new(2);
    let id = net.propose(ensign_wire::Mode::Committed);
    net.run();
    net.assert_all_signed();
    net.pass(HOUR / 2);
    net.nodes[0].approves = false;
    net.nodes[1].approves = false;
    wash(&mut net, PAIR, 0..260);
    let before = net.count(0, 1, Kind::SignatureFinalized);
    let session = SigningRequest::session_id(id, NETWORK, 1);
    let body = Body::PartialSigAck(PartialSigAck::default());
    let ask = envelope(net.now(), 1, session, 1 << 50, body);
    net.say(1, 0, ask);
    assert_eq!(net.count(0, 1, Kind::SignatureFinalized), before + 1);
}

#[test]
fn payloads_beyond_a_members_budget_are_dropped_before_they_are_read() {
    let mut net = alone(2);
    let bytes = std::vec![7; ensign_wire::PAYLOAD_BYTES_MAX];
    for number in 0..50_u8 {
        let request = RequestId::from_bytes([number; 32]);
        let frame = Frame::Payload { request, bytes: bytes.clone() }.encode();
        net.deliver(peer(1), 0, &frame);
    }
    let over = Offense::OverBudget { kind: Kind::Payload };
    let refused = net.nodes[0].offenses().iter().filter(|it| it.1 == over).count();
    assert!((17..=19).contains(&refused), "{refused} of 50, with 32 MiB allowed");
    assert_eq!(net.nodes[0].closed, [], "who sends too much is slowed, not cut off");
}

#[test]
fn events_of_what_is_refused_name_the_member() {
    let mut net = alone(2);
    for number in 0..40 {
        let signed = fresh(&net, PAIR, number);
        announce(&mut net, 1, &signed, 1);
    }
    let named = (peer(1), Offense::Signing(signing::Offense::NoRoom));
    assert!(net.nodes[0].offenses().contains(&named));
}

#[test]
fn regression_request_refused_for_want_of_budget_was_never_announced_again() {
    let mut net = Net::new(2);
    // Node 0 asks for more at once than node 1 takes; each is signed all the same.
    let count = REQUESTS_ALLOWED.burst as usize + 5;
    for number in 0..count {
        let proposal = super::cast::proposal(PAIR, ensign_wire::Mode::Fast);
        let nonce = [number as u8 + 1; 16];
        net.command(0, |engine, now| engine.propose(now, proposal, nonce)).unwrap();
        net.run();
    }
    assert!(net.nodes[0].done().len() < count);
    net.pass(Duration::from_secs(90));
    assert_eq!(net.nodes[0].done().len(), count);
}

#[test]
fn old_requests_that_are_dug_out_push_no_ending_out() {
    let mut net = Net::new(2);
    let id = net.propose(ensign_wire::Mode::Committed);
    net.run();
    let group = super::cast::group_id(PAIR);
    // The store knows many that the memory does not.
    let old: Vec<_> = (0..ENDINGS_REMEMBERED as u32 + 50).map(|it| fresh(&net, PAIR, it)).collect();
    for signed in &old {
        let (request, reason) = (signed.request.id(), AbortReason::Cancelled);
        net.nodes[0].journal.push(Record::Closed { request, group, reason });
    }
    for signed in &old {
        net.pass(PACE / 2);
        announce(&mut net, 1, signed, 1 << 40);
    }
    let session = SigningRequest::session_id(id, NETWORK, 1);
    let before = net.count(0, 1, Kind::SignatureFinalized);
    let ask = Body::PartialSigAck(PartialSigAck::default());
    let said = envelope(net.now(), 1, session, 1 << 50, ask);
    net.say(1, 0, said);
    assert_eq!(net.count(0, 1, Kind::SignatureFinalized), before + 1);
}
