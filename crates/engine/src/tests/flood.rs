//! Members and strangers that send without end: memory stays bounded, others go on.

use std::{vec, vec::Vec};

use ensign_primitives::{RequestId, SessionId};
use ensign_wire::{
    Body, Frame, Kind, Mode, PAYLOAD_BYTES_MAX, Refusal, SessionReady, SigningRequest,
    ValidationError,
};

use super::{
    announce::announce,
    cast::{NETWORK, peer, request, signed},
    net::{Net, envelope},
};
use crate::{
    CloseCode, OFFENSE_POINTS_MAX,
    signing::{
        EARLY_ENVELOPES_MAX, EARLY_PAYLOADS_MAX, Event, Offense, REFUSALS_REPORTED_MAX,
        REQUESTS_MAX,
    },
};

fn early_bytes(net: &Net) -> usize {
    net.nodes[0].held("early payloads of a peer, bytes")
}

#[test]
fn payloads_for_unknown_requests_share_one_mebibyte() {
    let mut net = Net::new(2);
    for number in 0..40_u8 {
        let request = RequestId::from_bytes([number; 32]);
        let bytes = vec![number; PAYLOAD_BYTES_MAX / 3];
        net.deliver(peer(1), 0, &Frame::Payload { request, bytes }.encode());
        assert!(early_bytes(&net) <= PAYLOAD_BYTES_MAX);
    }
    assert_eq!(early_bytes(&net), PAYLOAD_BYTES_MAX / 3 * 3);
    for number in 0..40_u8 {
        let request = RequestId::from_bytes([number; 32]);
        net.deliver(peer(1), 0, &Frame::Payload { request, bytes: vec![1] }.encode());
    }
    assert_eq!(early_bytes(&net), EARLY_PAYLOADS_MAX);
    net.assert_no_offenses();
}

#[test]
fn statements_about_unknown_sessions_are_kept_up_to_the_limit() {
    let mut net = Net::new(2);
    for number in 0..100_u8 {
        let body = Body::SessionReady(SessionReady { joined: Default::default() });
        let session = SessionId::from_bytes([number; 32]);
        let envelope = envelope(net.now(), 1, session, 1, body);
        net.say(1, 0, envelope);
    }
    assert_eq!(net.nodes[0].held("early envelopes of a peer"), EARLY_ENVELOPES_MAX);
    net.propose(Mode::Committed);
    net.run();
    net.assert_all_signed();
}

#[test]
fn refusals_without_end_are_reported_up_to_the_limit() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    let session = SigningRequest::session_id(id, NETWORK, 1);
    let before = net.nodes[0].events.len();
    for seq in 0..200 {
        let refused = ValidationError { refused: Kind::SessionAnnounce, why: Refusal::Busy };
        let body = Body::ValidationError(refused);
        let envelope = envelope(net.now(), 1, session, (1 << 40) + seq, body);
        net.say(1, 0, envelope);
    }
    let reported = net.nodes[0].events.len() - before;
    assert_eq!(reported, usize::from(REFUSALS_REPORTED_MAX));
}

#[test]
fn every_kind_of_offense_ends_the_connection_in_the_end() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    let session = SigningRequest::session_id(id, NETWORK, 1);
    // A stale statement is the cheapest of all.
    let mut early = net.now();
    early.unix = ensign_primitives::UnixTime::from_millis(early.unix.as_millis() - 300_001);
    for seq in 0..100 {
        let body = Body::SessionReady(SessionReady { joined: Default::default() });
        let envelope = envelope(early, 1, session, (1 << 40) + seq, body);
        net.say(1, 0, envelope);
    }
    assert_eq!(net.nodes[0].closed, [(peer(1), CloseCode::Offense)]);
    assert_eq!(net.nodes[0].offenses().len() as u32, OFFENSE_POINTS_MAX);
    assert!(matches!(net.nodes[0].findings()[0].1, Offense::Session(_)));
    // The other signer's session goes on, and so does this one's after the next connection.
    net.reconnect(1);
    net.approve(2, id).unwrap();
    net.pass(core::time::Duration::from_secs(60));
    net.assert_all_signed();
}

#[test]
fn those_who_ask_much_together_leave_a_place_for_whoever_asks_once() {
    let all: &[usize] = &[0, 1, 2, 3, 4, 5];
    let mut net = Net::new(all.len());
    net.nodes.iter_mut().for_each(|node| node.approves = false);
    for number in 0..250_u8 {
        for creator in 1..5 {
            let request = SigningRequest { nonce: [number; 16], ..request(all, creator) };
            let envelope = announce(&net, creator, signed(request, creator), 1);
            net.say(creator, 0, envelope);
        }
    }
    let open = net.nodes[0].held("requests");
    assert!((REQUESTS_MAX * 3 / 4..REQUESTS_MAX).contains(&open), "{open}");
    let asked = signed(request(all, 5), 5);
    let id = asked.request.id();
    let (envelope, before) = (announce(&net, 5, asked, 1), net.nodes[0].events.len());
    net.say(5, 0, envelope);
    let news = net.nodes[0].events.iter().skip(before);
    let reviews: Vec<_> =
        news.filter_map(|it| if let Event::Review(it) = it { Some(it.id) } else { None }).collect();
    assert_eq!(reviews, [id], "at once, and nothing else");
}
