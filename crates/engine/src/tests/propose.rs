//! Requests of our own: nobody hears of one that the disk does not hold.

use std::vec;

use ensign_wire::{AbortReason, Kind, Mode, PAYLOAD_BYTES_MAX};

use super::{cast::proposal, net::Net};
use crate::{
    Input,
    signing::{Event, Proposal, RESEND_PAUSE, Record, Source},
};

/// A group whose proposer's disk has not answered yet.
fn waiting_for_the_disk() -> (Net, ensign_primitives::RequestId) {
    let mut net = Net::new(3);
    net.nodes[0].disk_works = false;
    let id = net.propose(Mode::Committed);
    net.run();
    (net, id)
}

/// What node 0 has sent about requests.
fn said(net: &Net) -> usize {
    let kinds = [Kind::SessionAnnounce, Kind::SessionReady, Kind::SessionJoin, Kind::SessionAbort];
    kinds.into_iter().map(|kind| net.count(0, 1, kind)).sum()
}

/// The first record that node 0 asked for is the consent.
fn consent_is_durable(net: &mut Net) {
    net.nodes[0].disk_works = true;
    net.input(0, Input::Persisted { token: 0 });
    net.run();
}

#[test]
fn proposal_is_announced_once_it_is_durable() {
    let (mut net, _) = waiting_for_the_disk();
    assert_eq!(said(&net), 0);
    consent_is_durable(&mut net);
    assert_eq!(net.count(0, 1, Kind::SessionAnnounce), 1);
    assert!(net.nodes[1].journal.iter().any(|it| matches!(it, Record::Consented { .. })));
}

#[test]
fn proposal_that_waits_for_the_disk_is_not_announced_by_a_reconnect() {
    let (mut net, _) = waiting_for_the_disk();
    net.cut(0);
    net.run();
    net.reconnect(0);
    net.run();
    assert_eq!(said(&net), 0);
    consent_is_durable(&mut net);
    assert_eq!(net.count(0, 1, Kind::SessionAnnounce), 1);
}

#[test]
fn proposal_that_was_stopped_before_it_was_durable_stays_unheard_of() {
    let (mut net, id) = waiting_for_the_disk();
    net.stop(0, id, AbortReason::Cancelled).unwrap();
    consent_is_durable(&mut net);
    assert_eq!(said(&net), 0);
    assert_eq!(net.nodes[0].closed_requests(), [(1, AbortReason::Cancelled, None)]);
}

#[test]
fn regression_member_was_never_asked_about_what_found_its_bulk_lane_full() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    net.payloads_max = 4;
    for number in 1..=8 {
        let source = Source::Psbt(vec![number; PAYLOAD_BYTES_MAX / 8]);
        let proposal = Proposal { source, ..proposal(&net.people, Mode::Committed) };
        net.command(0, |engine, now| engine.propose(now, proposal, [number; 16])).unwrap();
    }
    net.run();
    let asked =
        |net: &Net| net.nodes[1].events.iter().filter(|it| matches!(it, Event::Review(_))).count();
    assert_eq!((asked(&net), net.count(0, 1, Kind::Payload)), (4, 8));
    net.pass(RESEND_PAUSE * 9);
    assert_eq!((asked(&net), net.count(0, 1, Kind::Payload)), (8, 16), "each once more");
    net.pass(RESEND_PAUSE * 9);
    assert_eq!(net.count(0, 1, Kind::Payload), 16, "and that is the end");
    net.assert_no_offenses();
}
