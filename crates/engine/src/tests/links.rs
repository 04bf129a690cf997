//! Connections by name: each frame counts for the one that brought it, and for no other.

use std::{vec, vec::Vec};

use ensign_primitives::{LinkId, PeerId, QueryId, RequestId, SessionId, UnixTime};
use ensign_wire::{
    Body, Frame, Hello, Kind, Lane, Limits, Mode, PROTOCOL_VERSION, Roles, SessionReady,
    SigningRequest,
};

use super::{
    cast::{own_word, peer, request, signed, start},
    net::{Net, envelope},
    node::Node,
};
use crate::{
    CloseCode, Event, Input, Offense, Output, Restored,
    signing::{self, Asked, Event as Of, Known, Open, SignerAnswer},
};

/// Belongs to no group.
const STRANGER: usize = 9;

pub(super) fn hello() -> Hello {
    Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        observed: Some("192.0.2.1:4000".parse().unwrap()),
        limits: Limits { payload_bytes: 7, messages: 8, requests: 9 },
    }
}

/// Hands one input to node 0; returns what it wants done.
fn outputs(net: &mut Net, input: Input) -> Vec<Output> {
    let now = net.now();
    net.nodes[0].subject.input(now, input)
}

/// A connection that is up and introduced; returns its name.
fn met(net: &mut Net, who: PeerId) -> LinkId {
    let up = net.names.up(0, who);
    net.input(0, up);
    net.deliver(who, 0, &Frame::Hello(hello()).encode());
    if who == peer(1) {
        net.deliver(who, 0, &own_word(1, 0));
    }
    net.names.link(0, who)
}

/// Everything that costs somebody something when it comes over a connection that counts.
fn dear() -> Vec<Vec<u8>> {
    let body = Body::SessionReady(SessionReady { joined: Default::default() });
    let stale = envelope(start(), 1, SessionId::from_bytes([9; 32]), 1, body);
    let payload = Frame::Payload { request: RequestId::from_bytes([1; 32]), bytes: vec![1; 100] };
    let mut frames = vec![Frame::Hello(hello()), payload, Frame::Envelope(stale.into())];
    frames.extend((0..40).map(|number| Frame::Ping(QueryId(number))));
    frames.iter().map(Frame::encode).collect()
}

#[test]
fn frames_of_a_link_that_is_gone_cost_nobody_anything() {
    for who in [peer(1), peer(STRANGER)] {
        let mut net = Net::apart(2);
        let gone = met(&mut net, who);
        net.input(0, Input::Down { link: gone });
        for again in [false, true] {
            if again {
                // The same node is back, on another connection.
                met(&mut net, who);
            }
            let held = net.nodes[0].held("early envelopes of a peer");
            for frame in dear() {
                let Input::Frame { kind, body, .. } = net.names.frame(0, who, &frame) else {
                    unreachable!("a frame")
                };
                assert!(outputs(&mut net, Input::Frame { link: gone, kind, body }).is_empty());
            }
            let garbage = Input::Frame { link: gone, kind: Kind::SessionJoin, body: vec![0xff; 9] };
            assert!(outputs(&mut net, garbage).is_empty());
            let dropped = Input::Dropped { link: gone, lane: Lane::Signing, frames: 3 };
            assert!(outputs(&mut net, dropped).is_empty());
            assert!(outputs(&mut net, Input::Down { link: gone }).is_empty());
            assert_eq!(net.nodes[0].held("early envelopes of a peer"), held);
        }
        assert_eq!((net.nodes[0].found.len(), net.nodes[0].closed.len()), (0, 0));
        // Its budgets are whole: every ping of the burst is answered.
        let pongs = (0..16).map(|number| {
            let ping = net.names.frame(0, who, &Frame::Ping(QueryId(number)).encode());
            outputs(&mut net, ping).len()
        });
        assert_eq!(pongs.sum::<usize>(), 16);
    }
}

#[test]
fn names_that_nobody_has_given_are_ignored() {
    let mut net = Net::new(2);
    let link = LinkId(u64::MAX - 1);
    let frame = Input::Frame { link, kind: Kind::Hello, body: vec![0xff; 9] };
    let dropped = Input::Dropped { link, lane: Lane::Bulk, frames: 1 };
    for input in [frame, dropped, Input::Down { link }] {
        assert!(outputs(&mut net, input).is_empty());
    }
    net.propose(Mode::Committed);
    net.run();
    net.assert_all_signed();
}

#[test]
fn newer_connection_of_a_peer_takes_the_place_of_the_older_one() {
    let mut net = Net::apart(2);
    let older = met(&mut net, peer(1));
    let up = net.names.up(0, peer(1));
    let said = outputs(&mut net, up);
    let replaced = |it: &Output| matches!(it, Output::Close { link, reason: CloseCode::Duplicate } if *link == older);
    assert!(said.iter().any(replaced), "{said:?}");
    let newer = net.names.link(0, peer(1));
    let greeted =
        |it: &Output| matches!(it, Output::Send { link, kind: Kind::Hello, .. } if *link == newer);
    assert!(said.iter().any(greeted), "{said:?}");
    assert!(!net.nodes[0].subject.machine().signing().is_up(&peer(1)), "not until its hello");
    net.deliver(peer(1), 0, &Frame::Hello(hello()).encode());
    // The end of the older one comes late.
    assert!(outputs(&mut net, Input::Down { link: older }).is_empty());
    assert!(net.nodes[0].subject.machine().signing().is_up(&peer(1)));
    assert_eq!((net.nodes[0].held("links"), net.nodes[0].found.len()), (1, 0));
}

#[test]
fn connection_that_comes_up_twice_is_one() {
    let mut net = Net::apart(2);
    let link = met(&mut net, peer(1));
    let (remote, direction) =
        ("192.0.2.9:1".parse().unwrap(), ensign_primitives::Direction::Inbound);
    let again = Input::Up {
        link,
        peer: peer(STRANGER),
        remote,
        direction,
        exporter: [0; 32],
        round_trip: None,
    };
    assert!(outputs(&mut net, again).is_empty());
    assert!(net.nodes[0].subject.machine().signing().is_up(&peer(1)));
}

#[test]
fn hello_of_a_peer_is_kept_as_long_as_its_connection() {
    let mut net = Net::apart(2);
    for who in [peer(1), peer(STRANGER)] {
        let name = met(&mut net, who);
        let engine = net.nodes[0].subject.machine();
        let (link, known) = engine.link_of(&who).unwrap();
        assert_eq!((link, known.hello.as_ref()), (name, Some(&hello())));
        let is_member = known.standing == signing::Standing::Member;
        assert_eq!(is_member, who == peer(1));
        net.input(0, Input::Down { link: name });
        assert!(net.nodes[0].subject.machine().link_of(&who).is_none());
    }
}

#[test]
fn dropped_frames_are_told_with_their_peer() {
    let mut net = Net::apart(2);
    let link = met(&mut net, peer(1));
    let said = outputs(&mut net, Input::Dropped { link, lane: Lane::Bulk, frames: 2 });
    let told = Event::Dropped { peer: peer(1), lane: Lane::Bulk, frames: 2 };
    assert!(matches!(said.as_slice(), [Output::Event(event)] if *event == told), "{said:?}");
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut net = Net::new(2);
    let session = SessionId::from_bytes([7; 32]);
    let (why, request) = (ensign_session::Unsigned::Declined, RequestId::from_bytes([7; 32]));
    let answers = [
        Input::Signer(SignerAnswer::Nonces { session, result: Err(why) }),
        Input::Signer(SignerAnswer::Partials { session, result: Err(why) }),
        Input::Recalled { request, known: Known::Begun },
        // Tokens of no child, and of one that never gave it out.
        Input::Persisted { token: u64::MAX },
        Input::Persisted { token: 1 << 40 },
    ];
    for answer in answers {
        assert!(outputs(&mut net, answer).is_empty());
    }
}

#[test]
fn what_was_restored_waits_for_its_group_and_goes_on_in_order() {
    let pair = &[0, 1];
    let (own, other) = (signed(request(pair, 0), 0), signed(request(pair, 1), 1));
    let (own_id, other_id) = (own.request.id(), other.request.id());
    let created = UnixTime::from_millis(start().unix.as_millis() - 3_600_000);
    let expired =
        SigningRequest { created, expires: start().unix, nonce: [3; 16], ..request(pair, 1) };
    let expired = signed(expired, 1);
    let expired_id = expired.request.id();
    let open = Open::new(own, None);
    let asked = [other, expired].map(|request| Asked { request, payload: None }).to_vec();
    let signing = signing::Restored { open: vec![open], asked, ..Default::default() };
    let mut net = Net::apart(2);
    net.nodes[0] = Node::of_boot(0, 1, start(), Restored { signing, ..Default::default() });
    assert_eq!(net.nodes[0].held("requests"), 0, "nobody knows the group yet");
    net.nodes[0].approves = false;
    net.form(0);
    let told = net.nodes[0].events.iter().filter_map(|event| match event {
        Of::Attempt { request, .. } => Some(("attempt", *request)),
        Of::Review(review) => Some(("asked", review.id)),
        Of::NotResumed { request, .. } => Some(("over", *request)),
        _ => None,
    });
    let expected =
        [("attempt", own_id), ("attempt", other_id), ("asked", other_id), ("over", expired_id)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn second_hello_is_an_offense_of_its_own_connection_only() {
    let mut net = Net::apart(2);
    met(&mut net, peer(STRANGER));
    net.deliver(peer(STRANGER), 0, &Frame::Hello(hello()).encode());
    assert_eq!(net.nodes[0].offenses(), [(peer(STRANGER), Offense::SecondHello)]);
    // On its next connection it is as welcome as before.
    met(&mut net, peer(STRANGER));
    assert_eq!((net.nodes[0].held("links"), net.nodes[0].found.len()), (1, 1));
}
