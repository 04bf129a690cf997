//! Who gets in and stays when strangers fill the places.

use core::{net::SocketAddr, time::Duration};
use std::vec::Vec;

use ensign_primitives::PeerId;
use ensign_wire::Frame;

use super::{cast::peer, links::hello, net::Net};
use crate::{CloseCode, PEERS_MAX, STRANGER_TIME, STRANGERS_MAX};

/// Somebody of no group; each number is another one.
pub(super) fn nobody(number: usize) -> PeerId {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&(number as u64).to_le_bytes());
    PeerId::from_bytes(id)
}

/// Connects a node that calls node 0 from a host of this number.
fn call(net: &mut Net, who: PeerId, host: u8) {
    let remote = SocketAddr::from(([192, 0, 2, host], 40321));
    let up = net.names.up_from(0, who, remote);
    net.input(0, up);
}

fn want(net: &mut Net, who: PeerId) {
    net.command(0, |engine, now| engine.want(now, who)).unwrap();
}

fn is_here(net: &Net, who: PeerId) -> bool {
    net.nodes[0].subject.machine().link_of(&who).is_some()
}

/// Takes who was told to go.
fn gone(net: &mut Net) -> Vec<PeerId> {
    let closed = core::mem::take(&mut net.nodes[0].closed);
    assert!(closed.iter().all(|(_, why)| *why == CloseCode::Unwanted), "{closed:?}");
    closed.into_iter().map(|(who, _)| who).collect()
}

#[test]
fn stranger_beyond_the_limit_is_the_youngest_of_the_largest_group() {
    let mut net = Net::apart(2);
    // All but one of a host of its own, and two more of the last one's.
    for number in 0..STRANGERS_MAX {
        call(&mut net, nobody(number), number.min(STRANGERS_MAX - 2) as u8);
    }
    assert_eq!(gone(&mut net), []);
    call(&mut net, nobody(100), 200);
    assert_eq!(gone(&mut net), [nobody(STRANGERS_MAX - 1)]);
    // All groups are of one now: whoever comes last goes, and never says a word.
    call(&mut net, nobody(101), 201);
    assert_eq!(gone(&mut net), [nobody(101)]);
    let first = net.names.down(0, nobody(0));
    net.input(0, first);
    call(&mut net, nobody(101), 201);
    assert_eq!(gone(&mut net), []);
    assert_eq!(net.nodes[0].held("links of strangers"), STRANGERS_MAX);
}

#[test]
fn member_and_wanted_peer_get_in_when_strangers_of_their_address_hold_every_place() {
    let mut net = Net::apart(2);
    for number in 0..512 {
        call(&mut net, nobody(number), 1);
    }
    assert_eq!(gone(&mut net).len(), 512 - STRANGERS_MAX);
    want(&mut net, nobody(1000));
    for who in [peer(1), nobody(1000)] {
        call(&mut net, who, 1);
        assert!(is_here(&net, who));
    }
    assert_eq!(gone(&mut net), []);
    assert_eq!(net.nodes[0].held("links"), STRANGERS_MAX + 2);
}

#[test]
fn stranger_gives_way_to_a_wanted_peer_when_every_place_is_taken() {
    let mut net = Net::apart(2);
    for number in 0..STRANGERS_MAX {
        call(&mut net, nobody(number), 1 + u8::from(number > 0));
    }
    for number in STRANGERS_MAX..PEERS_MAX {
        want(&mut net, nobody(number));
        call(&mut net, nobody(number), 3);
    }
    assert_eq!(gone(&mut net), []);
    call(&mut net, peer(1), 3);
    assert_eq!(gone(&mut net), [nobody(STRANGERS_MAX - 1)]);
    // No stranger takes a place that is not there.
    call(&mut net, nobody(2000), 4);
    assert_eq!(gone(&mut net), [nobody(2000)]);
    // Those who are wanted do not drive each other out.
    for number in 0..STRANGERS_MAX {
        want(&mut net, nobody(1000 + number));
        call(&mut net, nobody(1000 + number), 3);
    }
    let (gone, last) = (gone(&mut net), nobody(1000 + STRANGERS_MAX - 1));
    assert_eq!((gone.len(), gone.last()), (STRANGERS_MAX, Some(&last)));
    assert!(is_here(&net, peer(1)));
    assert_eq!(net.nodes[0].held("links"), PEERS_MAX);
}

#[test]
fn stranger_that_is_wanted_frees_its_place() {
    let mut net = Net::apart(2);
    for number in 0..3 * STRANGERS_MAX {
        call(&mut net, nobody(number), 1);
        want(&mut net, nobody(number));
    }
    assert_eq!(gone(&mut net), []);
    assert_eq!(net.nodes[0].held("links of strangers"), 0);
}

#[test]
fn strangers_time_is_short_and_those_who_are_known_or_wanted_stay() {
    let mut net = Net::apart(2);
    want(&mut net, nobody(1));
    let kept = [peer(1), nobody(1), nobody(2)];
    for who in kept {
        call(&mut net, who, 1);
        net.deliver(who, 0, &Frame::Hello(hello()).encode());
    }
    want(&mut net, nobody(2));
    let stranger = nobody(4);
    call(&mut net, stranger, 1);
    net.deliver(stranger, 0, &Frame::Hello(hello()).encode());
    net.pass(STRANGER_TIME - Duration::from_millis(1));
    assert_eq!(gone(&mut net), []);
    net.pass(Duration::from_millis(1));
    assert_eq!(gone(&mut net), [stranger]);
    net.pass(STRANGER_TIME * 10);
    assert!(kept.into_iter().all(|who| is_here(&net, who)));
}
