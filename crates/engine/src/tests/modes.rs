//! When everybody is there and agrees.

use std::vec;

use ensign_session::Phase;
use ensign_wire::{Kind, Mode};

use super::net::Net;
use crate::signing::Record;

fn signs(count: usize, mode: Mode) -> Net {
    let mut net = Net::new(count);
    net.propose(mode);
    net.run();
    net.assert_all_signed();
    net.assert_no_offenses();
    net.assert_journals_are_sound();
    net
}

#[test]
fn three_nodes_sign_in_every_mode() {
    for mode in [Mode::Committed, Mode::Fast, Mode::Strict] {
        signs(3, mode);
    }
}

#[test]
fn one_node_alone_signs() {
    signs(1, Mode::Committed);
}

#[test]
fn eight_nodes_sign() {
    signs(8, Mode::Committed);
}

#[test]
fn each_step_is_reported_and_journalled_in_order() {
    let net = signs(2, Mode::Committed);
    let phases = vec![Phase::Committing, Phase::Revealing, Phase::Signing, Phase::Complete];
    for node in &net.nodes {
        assert_eq!(node.phases(), phases);
        assert_eq!(node.attempts(), [1]);
        let names: vec::Vec<_> = node
            .journal
            .iter()
            .map(|record| match record {
                Record::Consented { .. } => "consented",
                Record::Joined { attempt: 1, .. } => "joined",
                Record::Burned { attempt: 1, .. } => "burned",
                Record::Partials { attempt: 1, .. } => "partials",
                Record::Finished { .. } => "finished",
                _ => "something else",
            })
            .collect();
        assert_eq!(names, ["consented", "joined", "burned", "partials", "finished"]);
    }
    assert_eq!((net.nodes[0].reviews(), net.nodes[1].reviews()), (0, 1));
}

#[test]
fn payload_goes_once_to_each_signer_and_nowhere_else() {
    let net = signs(3, Mode::Committed);
    for (from, to, times) in [(0, 1, 1), (0, 2, 1), (1, 2, 0), (2, 1, 0), (1, 0, 0)] {
        assert_eq!(net.count(from, to, Kind::Payload), times, "from {from} to {to}");
    }
}

#[test]
fn finished_requests_leave_nothing_behind_and_never_fill_the_engine() {
    let mut net = Net::new(2);
    for round in 0..crate::signing::REQUESTS_MAX as u8 + 20 {
        let people = net.people.clone();
        let proposal = super::cast::proposal(&people, Mode::Fast);
        let id = net.command(0, |engine, now| engine.propose(now, proposal, [round; 16])).unwrap();
        net.run();
        // A creator may make one each two seconds.
        net.pass(core::time::Duration::from_secs(2));
        for node in &net.nodes {
            assert_eq!(node.subject.machine().signing().request(&id), None);
            assert_eq!(node.next(), None, "nothing is waited for");
        }
    }
    for node in &net.nodes {
        assert_eq!(node.done().len(), crate::signing::REQUESTS_MAX + 20);
        assert_eq!(node.held("requests"), 0);
        let attempts = usize::from(1 + crate::signing::ATTEMPTS_AHEAD);
        assert_eq!(node.held("sessions"), attempts * (crate::signing::REQUESTS_MAX + 20));
    }
}

#[test]
fn memory_of_endings_is_bounded() {
    let mut net = Net::new(1);
    for round in 0..crate::signing::ENDINGS_REMEMBERED as u16 + 20 {
        let mut nonce = [0; 16];
        nonce[..2].copy_from_slice(&round.to_le_bytes());
        let proposal = super::cast::proposal(&[0], Mode::Fast);
        net.command(0, |engine, now| engine.propose(now, proposal, nonce)).unwrap();
        net.run();
    }
    let named = usize::from(1 + crate::signing::ATTEMPTS_AHEAD);
    let most = named * crate::signing::ENDINGS_REMEMBERED;
    assert_eq!(net.nodes[0].held("sessions"), most);
}
