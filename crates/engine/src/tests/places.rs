//! Who gets in and stays when strangers fill the places.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::{string::String, sync::Arc, vec::Vec};

use ensign_diversity::PrefixTable;
use ensign_primitives::PeerId;
use ensign_wire::Frame;

use super::{
    cast::{own_word, peer},
    links::hello,
    net::Net,
};
use crate::{CloseCode, PEERS_MAX, STRANGER_TIME, STRANGERS_MAX};

/// Somebody of no group; each number is another one.
pub(super) fn nobody(number: usize) -> PeerId {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&(number as u64).to_le_bytes());
    PeerId::from_bytes(id)
}

/// Connects a node that calls node 0 from a host of this number.
fn call(net: &mut Net, who: PeerId, host: u8) {
    call_from(net, who, [192, 0, 2, host]);
}

fn call_from(net: &mut Net, who: PeerId, ip: impl Into<IpAddr>) {
    let up = net.names.up_from(0, who, SocketAddr::new(ip.into(), 40321));
    net.input(0, up);
}

/// Connects a node from a network of its own, and has it say hello.
fn meet_from(net: &mut Net, who: PeerId, network: usize) {
    call_from(net, who, network_of(network));
    net.deliver(who, 0, &Frame::Hello(hello()).encode());
}

/// A host in another network of another block for each number.
fn network_of(number: usize) -> [u8; 4] {
    let [high, low] = (number as u16).to_be_bytes();
    [10 + high, low, 1, 1]
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

#[test]
fn members_get_in_while_strangers_of_every_network_hold_the_places_and_strangers_turn_over() {
    let mut net = Net::apart(2);
    for round in 0..4 {
        // A thousand networks call without end; as many as there are places stay.
        for number in 0..1000 {
            meet_from(&mut net, nobody(round * 1000 + number), number);
        }
        assert_eq!(net.nodes[0].held("links of strangers"), STRANGERS_MAX);
        // A member comes from the address of one of them, and shows for whom it speaks.
        call_from(&mut net, peer(1), network_of(round));
        assert!(is_here(&net, peer(1)));
        net.deliver(peer(1), 0, &Frame::Hello(hello()).encode());
        net.deliver(peer(1), 0, &own_word(1, 0));
        assert!(net.nodes[0].subject.machine().signing().is_up(&peer(1)));
        let here =
            |net: &Net| (0..1000).filter(|it| is_here(net, nobody(round * 1000 + it))).count();
        assert_eq!(here(&net), STRANGERS_MAX, "round {round}");
        // Those who were there first are gone, and the next have their places.
        net.pass(STRANGER_TIME);
        assert_eq!((here(&net), is_here(&net, peer(1))), (0, true));
        let down = net.names.down(0, peer(1));
        net.input(0, down);
    }
}

#[test]
fn peer_that_changes_its_address_each_second_has_one_place() {
    let mut net = Net::apart(2);
    for number in 0..STRANGERS_MAX {
        meet_from(&mut net, nobody(number), number);
    }
    let restless = nobody(STRANGERS_MAX - 1);
    for second in 0..20 {
        net.pass(Duration::from_secs(1));
        meet_from(&mut net, restless, 500 + second);
        assert!(is_here(&net, restless));
        assert_eq!(net.nodes[0].held("links of strangers"), STRANGERS_MAX);
    }
    assert!((0..STRANGERS_MAX).all(|number| is_here(&net, nobody(number))));
    // Nor does it stay longer than others by that: each connection has its own time.
    let closed = core::mem::take(&mut net.nodes[0].closed);
    assert!(closed.iter().all(|(who, why)| *who == restless && *why == CloseCode::Duplicate));
}

#[test]
fn ipv4_in_ipv6_form_is_no_other_host() {
    let mut net = Net::apart(2);
    for number in 0..STRANGERS_MAX - 2 {
        meet_from(&mut net, nobody(number), number);
    }
    let [plain, mapped] = ["198.51.100.1", "::ffff:198.51.100.1"].map(|ip| ip.parse().unwrap());
    let both: [IpAddr; 2] = [plain, mapped];
    both.into_iter().zip(100..).for_each(|(ip, number)| call_from(&mut net, nobody(number), ip));
    assert_eq!(gone(&mut net), []);
    meet_from(&mut net, nobody(200), 300);
    assert_eq!(gone(&mut net), [nobody(101)]);
}

#[test]
fn networks_of_one_provider_are_a_crowd_once_the_table_is_known() {
    let mut net = Net::apart(2);
    for number in 0..STRANGERS_MAX {
        meet_from(&mut net, nobody(number), number);
    }
    meet_from(&mut net, nobody(100), 1000);
    assert_eq!(gone(&mut net), [nobody(100)]);
    let mut table = PrefixTable::builder();
    table.line(&String::from("10.0.0.0\t8\t64500")).unwrap();
    let table = Arc::new(table.build());
    net.command(0, |engine, now| engine.know_prefixes(now, table));
    meet_from(&mut net, nobody(100), 1000);
    assert_eq!(gone(&mut net), [nobody(STRANGERS_MAX - 1)]);
    assert!(is_here(&net, nobody(100)));
}

#[test]
fn strangers_behind_one_nat_take_a_third_of_the_places_of_a_flooding_network() {
    let mut net = Net::apart(2);
    (0..300).for_each(|number| call(&mut net, nobody(number), number as u8));
    for number in 0..STRANGERS_MAX {
        call_from(&mut net, nobody(1000 + number), [198, 51, 100, 1]);
        (0..5).for_each(|more| call(&mut net, nobody(2000 + number * 5 + more), more as u8));
    }
    let behind = (0..STRANGERS_MAX).filter(|number| is_here(&net, nobody(1000 + number))).count();
    assert_eq!(behind, 21);
    assert!(gone(&mut net).iter().all(|who| *who != nobody(0)));
}
