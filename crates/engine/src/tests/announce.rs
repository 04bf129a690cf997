//! Requests of others: what is checked before our user is asked.

use std::{boxed::Box, vec, vec::Vec};

use ensign_identity::DelegationProof;
use ensign_primitives::{RequestId, SessionId, UnixTime};
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_session::Event as SessionEvent;
use ensign_wire::{
    Body, Envelope, Frame, Kind, Mode, Payload, Refusal, RequestError, SessionAnnounce,
    SessionReady, SignedRequest, SigningRequest,
};

use super::{
    cast::{NETWORK, PSBT, START, group_id, group_of, payload, peer, person, request, signed},
    net::{Net, envelope},
};
use crate::{
    CommandError,
    signing::{ATTEMPTS_MAX, EARLY_ENVELOPES_MAX, Event, Offense, REQUESTS_PER_CREATOR_MAX},
};

const PAIR: &[usize] = &[0, 1];

fn session_of(request: &SigningRequest, attempt: u16) -> SessionId {
    SigningRequest::session_id(request.id(), NETWORK, attempt)
}

pub(super) fn announce(net: &Net, by: usize, signed: SignedRequest, attempt: u16) -> Envelope {
    let session = session_of(&signed.request, attempt);
    let announce = SessionAnnounce { attempt, request: signed };
    envelope(net.now(), by, session, 1, Body::SessionAnnounce(Box::new(announce)))
}

/// Node 1 speaks to node 0 without an engine's manners; returns the offense and the refusal.
fn refused(net: &mut Net, envelope: Envelope) -> (Offense, Refusal) {
    net.say(1, 0, envelope);
    assert_eq!(net.nodes[0].reviews(), 0, "nobody is asked about it");
    let (by, offense) = net.nodes[0].findings().pop().unwrap();
    assert_eq!(by, peer(1));
    let (_, _, last) = net.said.iter().rfind(|(from, to, _)| (*from, *to) == (0, 1)).unwrap();
    let Body::ValidationError(error) = last.body() else { panic!("no refusal: {last:?}") };
    assert_eq!(error.refused, Kind::SessionAnnounce);
    (offense, error.why)
}

#[test]
fn request_of_a_group_we_do_not_know_is_refused() {
    let mut net = Net::new(2);
    let foreign = signed(request(&[1, 2], 0), 1);
    let group = group_of(&[1, 2]).keys.group_id(NETWORK);
    let envelope = announce(&net, 1, foreign, 1);
    let expected = (Offense::UnknownGroup { group }, Refusal::UnknownGroup);
    assert_eq!(refused(&mut net, envelope), expected);
}

#[test]
fn request_that_its_creator_did_not_sign_is_refused() {
    let mut net = Net::new(2);
    let mut forged = signed(request(PAIR, 1), 1);
    forged.request.amount = 1;
    let envelope = announce(&net, 1, forged, 1);
    let (offense, why) = refused(&mut net, envelope);
    let error = RequestError::Signature { peer: peer(1) };
    assert_eq!((offense, why), (Offense::InvalidRequest(error), Refusal::InvalidRequest));
}

#[test]
fn request_in_another_members_name_is_refused() {
    let mut net = Net::new(2);
    // Node 1 signs as if it were the node of signer 0.
    let forged = signed(request(PAIR, 0), 1);
    let envelope = announce(&net, 1, forged, 1);
    let (offense, why) = refused(&mut net, envelope);
    assert!(matches!(offense, Offense::InvalidAnnounce { .. }), "{offense:?}");
    assert_eq!(why, Refusal::InvalidRequest, "the group is known");
}

#[test]
fn request_with_an_expired_delegation_is_refused() {
    let mut net = Net::new(2);
    let mut stale = signed(request(PAIR, 1), 1);
    stale.delegation =
        DelegationProof { number: 1, expires: UnixTime::from_millis(1), ..person(1).delegation };
    let envelope = announce(&net, 1, stale, 1);
    let (offense, _) = refused(&mut net, envelope);
    assert!(matches!(offense, Offense::InvalidRequest(RequestError::Delegation(_))), "{offense:?}");
}

#[test]
fn request_that_has_expired_or_lies_in_the_future_is_refused() {
    let later = START.after(MESSAGE_AGE_MAX * 2);
    let earlier = |millis: u64| UnixTime::from_millis(START.as_millis() - millis);
    for (created, expires) in [(later, later.after(super::cast::HOUR)), (earlier(9), earlier(1))] {
        let mut net = Net::new(2);
        let request = SigningRequest { created, expires, ..request(PAIR, 1) };
        let id = request.id();
        let envelope = announce(&net, 1, signed(request, 1), 1);
        let expected = (Offense::RequestTime { request: id }, Refusal::ClockSkew);
        assert_eq!(refused(&mut net, envelope), expected);
    }
}

#[test]
fn announcement_may_be_five_minutes_off_either_way_and_no_more() {
    let age = MESSAGE_AGE_MAX.as_millis() as u64;
    let start = START.as_millis();
    for (sent_at, taken) in [
        (start - age, true),
        (start + age, true),
        (start - age - 1, false),
        (start + age + 1, false),
    ] {
        let mut net = Net::new(2);
        let request = request(PAIR, 1);
        let id = request.id();
        let announced = SessionAnnounce { attempt: 1, request: signed(request.clone(), 1) };
        let envelope = Envelope::sign(
            &person(1).node_key,
            NETWORK,
            session_of(&request, 1),
            1,
            UnixTime::from_millis(sent_at),
            Body::SessionAnnounce(Box::new(announced)),
        )
        .unwrap();
        net.say(1, 0, envelope);
        assert_eq!(net.nodes[0].reviews(), usize::from(taken), "sent at {sent_at}");
        if !taken {
            let expected = (peer(1), Offense::RequestTime { request: id });
            assert_eq!(net.nodes[0].findings(), [expected]);
        }
    }
}

#[test]
fn announcement_beyond_the_attempts_is_refused() {
    let mut net = Net::new(2);
    let request = request(PAIR, 1);
    let expected = (Offense::InvalidAnnounce { request: request.id() }, Refusal::InvalidRequest);
    let late = announce(&net, 1, signed(request, 1), ATTEMPTS_MAX + 1);
    assert_eq!(refused(&mut net, late), expected);
}

#[test]
fn regression_announcement_in_another_session_is_named_and_not_answered_there() {
    let mut net = Net::new(2);
    let (request, other) = (request(PAIR, 1), SessionId::from_bytes([9; 32]));
    let id = request.id();
    let announced = SessionAnnounce { attempt: 1, request: signed(request, 1) };
    let body = Body::SessionAnnounce(Box::new(announced));
    let envelope = envelope(net.now(), 1, other, 1, body);
    net.say(1, 0, envelope);
    assert_eq!(net.nodes[0].findings(), [(peer(1), Offense::InvalidAnnounce { request: id })]);
    assert_eq!((net.nodes[0].reviews(), net.count(0, 1, Kind::ValidationError)), (0, 0));
}

#[test]
fn announcement_in_another_members_name_is_refused() {
    let mut net = Net::new(3);
    let request = signed(request(&[0, 1, 2], 2), 2);
    let id = request.request.id();
    let genuine = announce(&net, 2, request, 1);
    // One byte of the signature differs, so it still decodes and names node 2 as its sender.
    let mut frame = Frame::Envelope(Box::new(genuine)).encode();
    *frame.last_mut().unwrap() ^= 1;
    net.deliver(peer(1), 0, &frame);
    let expected = (peer(1), Offense::InvalidAnnounce { request: id });
    assert_eq!(net.nodes[0].findings(), [expected], "the fault is the bearer's");
    assert_eq!(net.nodes[0].reviews(), 0);
}

#[test]
fn announcement_may_be_brought_by_another_member_of_the_group_only() {
    let mut net = Net::new(4);
    net.command(0, |engine, now| engine.add_group(now, group_of(&[0, 1, 2]))).unwrap();
    let envelope = announce(&net, 2, signed(request(&[0, 1, 2], 2), 2), 1);
    net.say(3, 0, envelope.clone());
    assert_eq!(net.nodes[0].reviews(), 0, "node 3 is in another group of ours");
    net.say(1, 0, envelope);
    assert_eq!(net.nodes[0].reviews(), 1);
}

#[test]
fn refusal_is_said_once_and_does_not_hinder_the_session_that_follows() {
    let mut net = Net::new(2);
    let request = signed(request(&[1, 0], 0), 1);
    for _ in 0..3 {
        let announced = announce(&net, 1, request.clone(), 1);
        net.say(1, 0, announced);
    }
    assert_eq!(net.count(0, 1, Kind::ValidationError), 1);
    for node in 0..2 {
        net.command(node, |engine, now| engine.add_group(now, group_of(&[1, 0]))).unwrap();
    }
    net.pass(core::time::Duration::from_millis(1));
    let again = announce(&net, 1, request, 1);
    net.say(1, 0, again);
    let said = net.said.iter().filter(|(from, to, _)| (*from, *to) == (0, 1));
    let said: Vec<_> = said.map(|(_, _, it)| (it.body().kind(), it.seq())).collect();
    assert_eq!((said[0].0, said[1].0), (Kind::ValidationError, Kind::SessionReady));
    assert!(said[0].1 < said[1].1, "the numbers grow: {said:?}");
}

#[test]
fn refusal_reaches_the_creator_as_a_report() {
    let mut net = Net::new(2);
    net.people = vec![1, 0];
    for node in 0..2 {
        net.command(node, |engine, now| engine.add_group(now, group_of(&[1, 0]))).unwrap();
    }
    net.run();
    net.propose(Mode::Committed);
    assert!(net.run_until(|net| net.count(0, 1, Kind::SessionAnnounce) > 0));
    // Node 1 gives the group up while the announcement is on its way.
    net.command(1, |engine, now| engine.forget_group(now, &group_id(&[1, 0]))).unwrap();
    net.run();
    let refused = |(_, event): (u16, &SessionEvent)| {
        let group = Refusal::UnknownGroup;
        matches!(event, SessionEvent::Refused { why, .. } if *why == group)
    };
    assert!(net.nodes[0].session_events().any(refused));
}

#[test]
fn payload_may_come_before_its_announcement() {
    let mut net = Net::new(2);
    let request = SigningRequest { payload: payload(PSBT), ..request(PAIR, 1) };
    let frame = Frame::Payload { request: request.id(), bytes: PSBT.to_vec() };
    net.deliver(peer(1), 0, &frame.encode());
    let envelope = announce(&net, 1, signed(request, 1), 1);
    net.say(1, 0, envelope);
    assert_eq!(net.nodes[0].reviews(), 1);
}

#[test]
fn request_is_neither_shown_nor_acknowledged_nor_approved_before_its_payload() {
    let mut net = Net::new(2);
    let request = SigningRequest { payload: payload(PSBT), ..request(PAIR, 1) };
    let id = request.id();
    let envelope = announce(&net, 1, signed(request, 1), 1);
    net.say(1, 0, envelope);
    assert_eq!((net.nodes[0].reviews(), net.count(0, 1, Kind::SessionReady)), (0, 0));
    assert_eq!(net.approve(0, id), Err(CommandError::MissingPayload { request: id }));
    assert_eq!(net.nodes[0].journal, []);
    let frame = Frame::Payload { request: id, bytes: PSBT.to_vec() };
    net.deliver(peer(1), 0, &frame.encode());
    assert_eq!((net.nodes[0].reviews(), net.count(0, 1, Kind::SessionReady)), (1, 1));
}

#[test]
fn wrong_payload_is_named_early_or_late_and_the_right_one_still_counts() {
    for early in [true, false] {
        let mut net = Net::new(2);
        let request = SigningRequest { payload: payload(PSBT), ..request(PAIR, 1) };
        let id = request.id();
        let wrong = Frame::Payload { request: id, bytes: b"something else".to_vec() }.encode();
        if early {
            net.deliver(peer(1), 0, &wrong);
        }
        let envelope = announce(&net, 1, signed(request, 1), 1);
        net.say(1, 0, envelope);
        if !early {
            net.deliver(peer(1), 0, &wrong);
        }
        let named = (peer(1), Offense::WrongPayload { request: id });
        assert_eq!((net.nodes[0].findings(), net.nodes[0].reviews()), (vec![named], 0));
        net.deliver(peer(1), 0, &Frame::Payload { request: id, bytes: PSBT.to_vec() }.encode());
        assert_eq!(net.nodes[0].reviews(), 1);
    }
}

#[test]
fn payload_for_a_blind_request_is_not_kept() {
    let mut net = Net::new(2);
    let id = request(PAIR, 1).id();
    let envelope = announce(&net, 1, signed(request(PAIR, 1), 1), 1);
    net.say(1, 0, envelope);
    net.deliver(peer(1), 0, &Frame::Payload { request: id, bytes: PSBT.to_vec() }.encode());
    let Some(Event::Review(review)) =
        net.nodes[0].events.iter().find(|event| matches!(event, Event::Review(_)))
    else {
        panic!("no review")
    };
    assert_eq!((&review.payload, review.request.request.payload), (&None, Payload::Blind));
}

#[test]
fn envelopes_before_their_announcement_are_kept_and_the_oldest_give_way() {
    let mut net = Net::new(2);
    let session = session_of(&request(PAIR, 1), 1);
    for seq in 0..EARLY_ENVELOPES_MAX as u64 + 5 {
        let body = Body::SessionReady(SessionReady { joined: Default::default() });
        let envelope = envelope(net.now(), 1, session, 10 + seq, body);
        net.say(1, 0, envelope);
    }
    let shelf = |net: &Net| net.nodes[0].held("early envelopes of a peer");
    assert_eq!((shelf(&net), net.nodes[0].findings()), (EARLY_ENVELOPES_MAX, vec![]));
    let envelope = announce(&net, 1, signed(request(PAIR, 1), 1), 1);
    net.say(1, 0, envelope);
    assert_eq!(shelf(&net), 0, "all of them have reached the session");
    net.assert_no_offenses();
}

#[test]
fn one_creator_cannot_take_every_place() {
    let mut net = Net::new(3);
    for node in &mut net.nodes {
        node.approves = false;
    }
    let trio: &[usize] = &[0, 1, 2];
    let open = |net: &Net| net.nodes[0].held("requests");
    for number in 0..REQUESTS_PER_CREATOR_MAX as u8 + 3 {
        let request = SigningRequest { nonce: [number; 16], ..request(trio, 1) };
        let envelope = announce(&net, 1, signed(request, 1), 1);
        net.say(1, 0, envelope);
    }
    assert_eq!(open(&net), REQUESTS_PER_CREATOR_MAX);
    assert_eq!(net.nodes[0].findings(), vec![(peer(1), Offense::NoRoom); 3]);
    let envelope = announce(&net, 2, signed(request(trio, 2), 2), 1);
    net.say(2, 0, envelope);
    assert_eq!(open(&net), REQUESTS_PER_CREATOR_MAX + 1, "another creator gets in");
}

#[test]
fn off_curve_key_in_a_request_does_not_decode() {
    let mut net = Net::new(2);
    let envelope = announce(&net, 1, signed(request(PAIR, 1), 1), 1);
    let mut frame = Frame::Envelope(Box::new(envelope)).encode();
    let first_key = super::cast::key(0).to_bytes();
    let at = frame.windows(33).position(|bytes| bytes == first_key).unwrap();
    // x = 5 is on no point of the curve.
    frame[at + 1..at + 33].fill(0);
    frame[at + 32] = 5;
    net.deliver(peer(1), 0, &frame);
    let (by, offense) = net.nodes[0].offenses().pop().unwrap();
    assert_eq!(by, peer(1));
    assert!(matches!(offense, crate::Offense::Decode(_)), "{offense:?}");
}

#[test]
fn deciding_about_an_unknown_request_is_refused() {
    let mut net = Net::new(2);
    let id = RequestId::from_bytes([3; 32]);
    let unknown = CommandError::UnknownRequest { request: id };
    assert_eq!(net.approve(0, id), Err(unknown.clone()));
    assert_eq!(net.stop(0, id, ensign_wire::AbortReason::Declined), Err(unknown));
}

#[test]
fn regression_announcement_that_comes_twice_was_an_offense() {
    let mut net = Net::new(2);
    let asked = signed(request(PAIR, 1), 1);
    let opening = announce(&net, 1, asked.clone(), 1);
    let session = session_of(&asked.request, 1);
    net.say(1, 0, opening.clone());
    let ready = Body::SessionReady(SessionReady { joined: Default::default() });
    let later = envelope(net.now(), 1, session, 2, ready);
    net.say(1, 0, later);
    net.say(1, 0, opening);
    net.assert_no_offenses();
}
