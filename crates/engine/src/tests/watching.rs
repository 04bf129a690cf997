//! What the guards did is told afterwards: to whom, why, how often.

use core::{net::SocketAddr, time::Duration};
use std::{format, string::String, vec, vec::Vec};

use ensign_primitives::{Direction, LinkId, PeerId, QueryId};
use ensign_wire::{Frame, Kind};

use super::{cast::peer, first_words::Crowd, links::hello, net::Net, price::up};
use crate::{
    Input, STRANGERS_MAX, Strangers,
    watch::{Act, Counts, FAR_WATCHED_MAX},
};

/// Belongs to no group.
const STRANGER: usize = 9;

fn call(net: &mut Net, who: PeerId, host: u8) {
    let up = net.names.up_from(0, who, SocketAddr::from(([192, 0, 2, host], 40321)));
    net.input(0, up);
}

/// Somebody of no group; each number is another one.
fn nobody(number: usize) -> PeerId {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&(number as u64).to_le_bytes());
    PeerId::from_bytes(id)
}

/// What was done to somebody: each act with its words, the latest first, and the counters.
fn told(net: &Net, who: PeerId) -> (Vec<(Act, String, u64)>, Counts) {
    let watch = net.nodes[0].subject.machine().watch();
    let Some(entry) = watch.get(&who) else { return (vec![], Counts::default()) };
    let causes = entry.causes().map(|it| (it.act, it.what.clone(), it.times));
    (causes.collect(), entry.counts)
}

#[test]
fn a_stranger_that_does_wrong_is_told_with_what_it_cost() {
    let (mut net, who) = (Net::apart(2), peer(STRANGER));
    call(&mut net, who, 7);
    net.deliver(who, 0, &Frame::Hello(hello()).encode());
    let list = Frame::Groups(ensign_wire::Groups::default()).encode();
    for _ in 0..4 {
        net.deliver(who, 0, &list);
    }
    let (causes, counts) = told(&net, who);
    let what = format!("{:?} from a node of no group of ours", Kind::Groups);
    assert_eq!(causes, [(Act::Closed, what.clone(), 1), (Act::Charged, what, 3)]);
    assert_eq!((counts.charged, counts.closed, counts.points), (3, 1, 20));
    let watch = net.nodes[0].subject.machine().watch();
    let entry = watch.get(&who).unwrap();
    assert_eq!(entry.remote, Some([192, 0, 2, 7].into()));
    assert_eq!(watch.totals(), counts);
}

#[test]
fn a_member_that_asks_too_much_is_held_back_and_not_blamed() {
    let mut net = Net::new(2);
    for number in 1..=100 {
        // Its own engine, which asked nothing, does not hear of the answers.
        let ping = net.names.frame(0, peer(1), &Frame::Ping(QueryId(number)).encode());
        net.input(0, ping);
    }
    let (causes, counts) = told(&net, peer(1));
    let [(Act::Held, what, times)] = &causes[..] else { panic!("{causes:?}") };
    assert_eq!((what.as_str(), *times), ("it asks more than is answered in a minute", 84));
    assert_eq!((counts.held, counts.points), (84, 0));
}

#[test]
fn a_closed_home_reads_nothing_of_the_open_network_and_blames_nobody() {
    let (mut net, who) = (Net::apart(2), peer(STRANGER));
    call(&mut net, who, 7);
    net.deliver(who, 0, &Frame::Hello(hello()).encode());
    // No message at all: nothing of it is decoded.
    let body = [0xff; 3];
    net.deliver(who, 0, &[&[Kind::DhtFind.id(), 3], &body[..]].concat());
    let (causes, counts) = told(&net, who);
    let what = String::from("it asks for the open network, in which we take no part");
    assert_eq!(causes, [(Act::Held, what, 1)]);
    assert_eq!((counts.held, counts.points, counts.closed), (1, 0, 0));
}

#[test]
fn who_gives_way_and_who_finds_no_place_are_told_apart() {
    let mut net = Net::apart(2);
    for number in 0..STRANGERS_MAX {
        call(&mut net, nobody(100 + number), number.min(STRANGERS_MAX - 2) as u8);
    }
    call(&mut net, nobody(50), 200);
    call(&mut net, nobody(51), 201);
    let (causes, _) = told(&net, nobody(99 + STRANGERS_MAX));
    assert_eq!(causes[0].0, Act::GaveWay);
    assert_eq!(told(&net, nobody(51)).0[0].0, Act::Refused);
    assert_eq!(told(&net, nobody(50)).0, []);
}

/// Somebody of no group comes from an address, says what only members may until it is cut off, and goes.
fn does_wrong(crowd: &mut Crowd, number: usize, host: [u8; 4]) {
    let link = LinkId(number as u64);
    crowd.input(up(link, nobody(number), SocketAddr::from((host, 40321)), Direction::Inbound));
    let list = Frame::Groups(ensign_wire::Groups::default()).encode();
    for frame in [&Frame::Hello(hello()).encode(), &list, &list, &list, &list] {
        let header = ensign_wire::Header::decode(frame).unwrap().unwrap();
        let body = frame[header.header_len..].to_vec();
        crowd.input(Input::Frame { link, kind: header.kind, body });
    }
    crowd.leave(link);
}

#[test]
fn regression_fresh_identities_of_one_network_washed_the_causes_of_strangers_out() {
    let mut crowd = Crowd::new(Strangers::default());
    does_wrong(&mut crowd, 0, [192, 0, 2, 7]);
    let before = crowd.engine.watch().get(&nobody(0)).cloned();
    assert!(before.as_ref().is_some_and(|it| it.counts.closed == 1), "{before:?}");
    // Each second a fresh one, from all over one network.
    for number in 1..=FAR_WATCHED_MAX + 100 {
        crowd.pass(Duration::from_secs(number as u64));
        does_wrong(&mut crowd, number, [198, 51, 100, number as u8]);
    }
    let watch = crowd.engine.watch();
    assert!(watch.get(&nobody(1)).is_none(), "there were more than are kept");
    assert_eq!(watch.get(&nobody(0)), before.as_ref());
}
