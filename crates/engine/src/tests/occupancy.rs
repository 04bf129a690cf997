//! Every collection next to its bound. `Net` checks after every call that each is within it; here
//! are the cases that fill them.

use core::time::Duration;
use std::{collections::BTreeMap, vec, vec::Vec};

use ensign_primitives::{RequestId, StateMachine};
use ensign_wire::{AbortReason, Frame, Mode, PAYLOAD_BYTES_MAX};

use super::{
    cast::{engine, group_of, peer, proposal, start},
    net::Net,
};
use crate::Engine;
use crate::signing::{EARLY_PAYLOADS_MAX, REQUESTS_MAX, SESSIONS_MAX};

fn lens(engine: &Engine) -> BTreeMap<&'static str, usize> {
    let mut lens = BTreeMap::new();
    for occupancy in engine.occupancy() {
        assert_eq!(lens.insert(occupancy.name, occupancy.len), None, "{occupancy:?} twice");
    }
    lens
}

#[test]
fn new_engine_holds_nothing() {
    assert_eq!(lens(&engine(0)).into_values().max(), Some(0));
}

#[test]
fn output_that_waits_is_over_the_limit_of_a_drained_queue() {
    let mut engine = engine(0);
    engine.add_group(start(), group_of(&[0, 1])).unwrap();
    let over = |engine: &Engine| -> Vec<_> {
        engine.occupancy().filter(|it| !it.is_within_limit()).map(|it| it.name).collect()
    };
    assert_eq!(over(&engine), ["outputs after a drain"]);
    while engine.poll_output().is_some() {}
    assert_eq!(over(&engine), [""; 0]);
}

#[test]
fn what_a_session_holds_is_listed_while_it_is_open() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    net.propose(Mode::Committed);
    net.run();
    let held = lens(net.nodes[0].subject.machine());
    assert_eq!((held["members"], held["peers"], held["requests"]), (2, 2, 1));
    assert_eq!(held["session statements"], 1, "one other has joined");
    assert_eq!((held["session own statements"], held["members that joined a request"]), (1, 2));
    assert_eq!(held["session outputs after a drain"], 0);
    net.nodes[2].approves = true;
    let id = net.nodes[0].subject.machine().signing().open_requests(net.now())[0].id;
    net.approve(2, id).unwrap();
    net.run();
    let engine = net.nodes[0].subject.machine();
    let held = lens(engine);
    assert_eq!((held["requests"], held["remembered endings"]), (0, 1));
    assert!(engine.occupancy().all(|it| !it.name.starts_with("session ")));
}

#[test]
fn payloads_that_nobody_announces_stay_within_count_and_bytes() {
    let mut net = Net::new(2);
    for (number, size) in (0..40_u8).map(|number| (number, if number < 20 { 10 } else { 400_000 }))
    {
        let request = RequestId::from_bytes([number; 32]);
        let frame = Frame::Payload { request, bytes: vec![0; size] }.encode();
        net.deliver(peer(1), 0, &frame);
        let held = lens(net.nodes[0].subject.machine());
        let bytes = held["early payloads of a peer, bytes"];
        match number {
            ..20 => assert!(held["early payloads of a peer"] <= EARLY_PAYLOADS_MAX),
            20.. => assert!((400_000..=PAYLOAD_BYTES_MAX).contains(&bytes)),
        }
    }
    assert_eq!(lens(net.nodes[0].subject.machine())["early payloads of a peer"], 2);
}

/// A disk that never answers holds nothing of requests that have gone: what waits for it goes with
/// them, and no session name is left over.
#[test]
fn disk_that_never_answers_fills_nothing() {
    let mut net = Net::new(2);
    net.nodes[0].disk_works = false;
    for round in 0..2 * REQUESTS_MAX as u8 {
        let proposal = proposal(&net.people, Mode::Fast);
        let id = net.command(0, |engine, now| engine.propose(now, proposal, [round; 16])).unwrap();
        net.run();
        net.stop(0, id, AbortReason::Cancelled).unwrap();
        net.run();
    }
    net.pass(Duration::from_secs(3600));
    let held = lens(net.nodes[0].subject.machine());
    assert_eq!(held["requests"], 0);
    assert!(held["sessions"] <= SESSIONS_MAX);
}
