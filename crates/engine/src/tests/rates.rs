//! How much anybody may ask: strangers by node, address, network and in all; members for themselves.

use core::{net::SocketAddr, time::Duration};
use std::vec;

use ensign_primitives::{PeerId, QueryId, SessionId};
use ensign_wire::{Body, Frame, Kind, Mode, SessionReady};

use super::{
    cast::peer,
    links::hello,
    net::{Net, envelope},
    places::nobody,
};
use crate::{
    CloseCode, Event, Input, Offense, Output,
    ratelimit::{
        PINGS_ALLOWED, STRANGER_FIRST_IN_ALL, STRANGER_FIRST_OF_ADDRESS, STRANGER_FIRST_OF_NETWORK,
        STRANGER_WORK_IN_ALL, STRANGER_WORK_OF_ADDRESS, STRANGER_WORK_OF_NETWORK, WORK_ALLOWED,
    },
};

/// What came of some frames.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    answers: u64,
    /// Blamed for more than it may say, and for what is not a stranger's to say.
    beyond: u64,
    strange: u64,
    closed: bool,
}

fn input(net: &mut Net, input: Input) -> Outcome {
    let now = net.now();
    let mut outcome = Outcome::default();
    for output in net.nodes[0].subject.input(now, input) {
        match output {
            Output::Send { kind: Kind::Pong, .. } => outcome.answers += 1,
            Output::Event(Event::Offense { offense: Offense::TooManyPings, .. }) => {
                outcome.beyond += 1;
            }
            Output::Event(Event::Offense { offense: Offense::Stranger { .. }, .. }) => {
                outcome.strange += 1;
            }
            Output::Close { reason, .. } => outcome.closed |= reason == CloseCode::Offense,
            _ => {}
        }
    }
    outcome
}

/// Connects somebody with node 0 and introduces it.
fn greet(net: &mut Net, who: PeerId, remote: SocketAddr) {
    let up = net.names.up_from(0, who, remote);
    input(net, up);
    let frame = net.names.frame(0, who, &Frame::Hello(hello()).encode());
    input(net, frame);
}

/// As [`greet`], of somebody whom our user lets in whatever it did: budgets are what is looked at.
fn greet_trusted(net: &mut Net, who: PeerId) {
    let trusted = Some(ensign_reputation::Word::Trusted);
    net.command(0, |engine, now| engine.say(now, who, trusted)).unwrap();
    greet(net, who, at(1, 1));
}

fn leave(net: &mut Net, who: PeerId) {
    let down = net.names.down(0, who);
    input(net, down);
}

/// Says so many frames of a kind, on a new connection after each that is ended.
fn say(net: &mut Net, who: PeerId, (kind, body): (Kind, &[u8]), times: u64) -> Outcome {
    let mut sum = Outcome::default();
    for _ in 0..times {
        let frame = net.names.body(0, who, (kind, body));
        let came = input(net, frame);
        sum.answers += came.answers;
        sum.beyond += came.beyond;
        sum.strange += came.strange;
        sum.closed |= came.closed;
        if came.closed {
            greet_trusted(net, who);
        }
    }
    sum
}

/// Asks so many questions that nobody has asked before.
fn ping(net: &mut Net, who: PeerId, times: u64) -> Outcome {
    let mut sum = Outcome::default();
    for query in 0..times {
        let frame = Frame::Ping(QueryId(net.now().instant.as_micros() + query)).encode();
        let frame = net.names.frame(0, who, &frame);
        let came = input(net, frame);
        sum.answers += came.answers;
        sum.beyond += came.beyond;
    }
    sum
}

fn at(network: u16, host: u8) -> SocketAddr {
    let [high, low] = network.to_be_bytes();
    SocketAddr::from(([10, high, low, host], 40321))
}

#[test]
fn stranger_has_a_budget_of_each_kind_that_a_new_connection_does_not_fill() {
    for (number, (kind, allowed)) in
        [(Kind::SessionAnnounce, 5), (Kind::SessionJoin, 20), (Kind::PartialSigShare, 20)]
            .into_iter()
            .enumerate()
    {
        let (mut net, who) = (Net::apart(2), nobody(number));
        greet_trusted(&mut net, who);
        for (times, strange, beyond) in [(allowed - 1, allowed - 1, 0), (1, 1, 0), (1, 0, 1)] {
            let came = say(&mut net, who, (kind, &[0; 64]), times);
            assert_eq!((came.strange, came.beyond), (strange, beyond), "{kind:?}");
        }
        // A minute later as many again.
        net.now = net.now.after(Duration::from_secs(60));
        greet_trusted(&mut net, who);
        let came = say(&mut net, who, (kind, &[0; 64]), allowed + 1);
        assert_eq!((came.strange, came.beyond, came.closed), (allowed, 1, true), "{kind:?}");
    }
}

#[test]
fn nonces_and_commitments_have_one_budget_and_all_else_of_signing_another() {
    let (mut net, who) = (Net::apart(2), nobody(1));
    greet_trusted(&mut net, who);
    assert_eq!(say(&mut net, who, (Kind::NonceShare, &[0; 64]), 12).strange, 12);
    assert_eq!(say(&mut net, who, (Kind::SessionJoin, &[0; 64]), 9).beyond, 1);
    for kind in [Kind::NonceAck, Kind::Payload, Kind::Consent, Kind::LinkReport, Kind::SessionAbort]
    {
        assert_eq!(say(&mut net, who, (kind, &[0; 64]), 2).strange, 2, "{kind:?}");
    }
    assert_eq!(say(&mut net, who, (Kind::NonceAck, &[0; 64]), 1).beyond, 1);
}

#[test]
fn stranger_sends_a_mebibyte_a_minute() {
    let (mut net, who) = (Net::apart(2), nobody(1));
    greet_trusted(&mut net, who);
    let large = vec![0; Kind::NonceShare.limit()];
    let whole = (1024 * 1024 / large.len()) as u64;
    let came = say(&mut net, who, (Kind::NonceShare, &large), whole + 1);
    assert_eq!((came.strange, came.beyond), (whole, 1));
    net.now = net.now.after(Duration::from_secs(60));
    greet_trusted(&mut net, who);
    assert_eq!(say(&mut net, who, (Kind::NonceShare, &large), whole).strange, whole);
}

/// Has new strangers ask as often as one may, from wherever `host` says; returns how many answers all get
/// until nobody is answered any more, and whom nobody blames for it.
fn answered(net: &mut Net, hosts: impl Fn(usize) -> SocketAddr) -> u64 {
    let mut answers = 0;
    for number in 0..1000 {
        let who = nobody(10_000 + number);
        greet(net, who, hosts(number));
        let came = ping(net, who, PINGS_ALLOWED.burst);
        assert_eq!(came.beyond, 0, "it is not blamed for what others do");
        leave(net, who);
        answers += came.answers;
        if came.answers == 0 {
            return answers;
        }
    }
    panic!("answered without end")
}

#[test]
fn strangers_of_one_address_share_its_budget_and_nobody_else_suffers() {
    let mut net = Net::apart(2);
    let all = STRANGER_WORK_OF_ADDRESS.burst + STRANGER_FIRST_OF_ADDRESS.burst;
    assert_eq!(answered(&mut net, |_| at(1, 1)), all);
    // The same address, written as IPv6, is the same address.
    let mapped = SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x0101], 7));
    greet(&mut net, nobody(1), mapped);
    assert_eq!(ping(&mut net, nobody(1), 1).answers, 0);
    greet(&mut net, nobody(2), at(1, 2));
    assert_eq!(ping(&mut net, nobody(2), 16).answers, 16);
    // A member behind that address is no stranger.
    net.command(0, |engine, now| engine.want(now, nobody(3))).unwrap();
    greet(&mut net, nobody(3), at(1, 1));
    assert_eq!(ping(&mut net, nobody(3), 16).answers, 16);
}

#[test]
fn strangers_of_one_network_share_its_budget_and_nobody_else_suffers() {
    let mut net = Net::apart(2);
    let hosts = |number: usize| at(1, (number % 200) as u8);
    let all = STRANGER_WORK_OF_NETWORK.burst + STRANGER_FIRST_OF_NETWORK.burst;
    assert_eq!(answered(&mut net, hosts), all);
    greet(&mut net, nobody(1), at(1, 250));
    assert_eq!(ping(&mut net, nobody(1), 1).answers, 0);
    greet(&mut net, nobody(2), at(2, 250));
    assert_eq!(ping(&mut net, nobody(2), 16).answers, 16);
}

#[test]
fn strangers_of_every_network_share_what_strangers_have_and_members_do_not_wait() {
    let mut net = Net::new(3);
    let all = STRANGER_WORK_IN_ALL.burst + STRANGER_FIRST_IN_ALL.burst;
    assert_eq!(answered(&mut net, |number| at(number as u16, 1)), all);
    greet(&mut net, nobody(1), at(40_000, 1));
    assert_eq!(ping(&mut net, nobody(1), 1).answers, 0);
    net.propose(Mode::Committed);
    net.run();
    net.assert_all_signed();
    assert_eq!(net.nodes[0].closed, []);
}

#[test]
fn member_that_floods_keeps_its_connection_and_costs_nobody_else_a_frame() {
    let mut net = Net::new(3);
    let body = Body::SessionReady(SessionReady { joined: Default::default() });
    let said = envelope(net.now(), 1, SessionId::from_bytes([9; 32]), 1, body);
    let said = Frame::Envelope(said.into()).encode();
    for _ in 0..WORK_ALLOWED.burst + 1000 {
        let frame = net.names.frame(0, peer(1), &said);
        net.input(0, frame);
    }
    let over = Offense::OverBudget { kind: Kind::SessionReady };
    let offenses = net.nodes[0].offenses();
    assert!(!offenses.is_empty() && offenses.iter().all(|it| *it == (peer(1), over.clone())));
    assert_eq!(net.nodes[0].closed, []);
    // What the other member says is heard at once; the first one's again a few seconds later.
    assert_eq!(ping(&mut net, peer(2), PINGS_ALLOWED.burst).answers, PINGS_ALLOWED.burst);
    net.pass(Duration::from_secs(10));
    net.propose(Mode::Committed);
    net.run();
    net.assert_all_signed();
}
