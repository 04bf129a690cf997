//! A signer that refuses, fails, is slow, or starts again.

use core::time::Duration;
use std::vec::Vec;

use ensign_session::{Phase, Unsigned};
use ensign_wire::{AbortReason, Kind, Mode};

use super::{cast::signer, net::Net};
use crate::{
    Input,
    signing::{ATTEMPT_PAUSE, Record, SignerAnswer},
};

const MINUTES: Duration = Duration::from_secs(60);

fn partials(net: &Net, node: usize) -> Vec<u16> {
    let attempt = |record: &Record| match record {
        Record::Partials { attempt, .. } => Some(*attempt),
        _ => None,
    };
    net.nodes[node].journal.iter().filter_map(attempt).collect()
}

/// Two nodes up to the answer of node 0's signer that comes at `turn`, which is withheld.
fn withheld(turn: usize) -> (Net, Input) {
    let mut net = Net::new(2);
    net.nodes[0].answers_withheld_from = Some(turn);
    net.propose(Mode::Committed);
    net.run();
    let mut withheld: Vec<_> = net.nodes[0].withheld.drain(..).collect();
    let answer = withheld.remove(0);
    assert!(withheld.is_empty());
    net.nodes[0].answers_withheld_from = None;
    (net, answer)
}

#[test]
fn signer_that_declines_ends_the_request_for_everybody() {
    let why = Unsigned::Declined;
    for turn in [0, 1] {
        let (mut net, answer) = withheld(turn);
        let declined = match answer {
            Input::Signer(SignerAnswer::Nonces { session, .. }) => {
                SignerAnswer::Nonces { session, result: Err(why) }
            }
            Input::Signer(SignerAnswer::Partials { session, .. }) => {
                SignerAnswer::Partials { session, result: Err(why) }
            }
            other => panic!("{other:?}"),
        };
        net.input(0, Input::Signer(declined));
        net.run();
        net.pass(10 * MINUTES);
        assert_eq!(net.nodes[0].closed_requests(), [(1, AbortReason::Declined, None)]);
        let by = Some(signer(0));
        assert_eq!(net.nodes[1].closed_requests(), [(1, AbortReason::Declined, by)]);
        assert_eq!((partials(&net, 0), net.nodes[0].open_nonces()), (Vec::new(), 0));
    }
}

#[test]
fn signer_that_lost_the_nonces_ends_the_attempt_and_signs_in_the_next() {
    let (mut net, answer) = withheld(1);
    let Input::Signer(SignerAnswer::Partials { session, .. }) = answer else {
        panic!("{answer:?}")
    };
    let result = Err(Unsigned::Failed);
    net.input(0, Input::Signer(SignerAnswer::Partials { session, result }));
    net.run();
    net.pass(ATTEMPT_PAUSE);
    net.assert_all_signed();
    assert_eq!(net.nodes[0].attempts(), [1, 2]);
    assert_eq!((partials(&net, 0), partials(&net, 1)), ([2].to_vec(), [1, 2].to_vec()));
}

#[test]
fn slow_signer_holds_up_nothing_and_its_late_answer_changes_nothing() {
    for turn in [0, 1] {
        let (mut net, answer) = withheld(turn);
        net.pass(MINUTES);
        // Its nonces came too late for the first attempt, or its signature for the peer's patience.
        net.restart(1);
        net.run();
        net.pass(MINUTES);
        net.assert_all_signed();
        let shares = net.count(0, 1, Kind::PartialSigShare);
        net.input(0, answer);
        net.run();
        net.pass(MINUTES);
        assert_eq!(net.count(0, 1, Kind::PartialSigShare), shares);
        assert!(!partials(&net, 0).contains(&1), "{:?}", partials(&net, 0));
        assert_eq!(net.nodes[0].open_nonces(), 0);
    }
}

#[test]
fn nonces_of_an_attempt_that_a_later_one_replaces_are_forgotten() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    assert_eq!(net.nodes[0].open_nonces(), 1);
    for _ in 0..3 {
        net.restart(1);
        net.run();
        net.pass(ATTEMPT_PAUSE);
        assert_eq!(net.nodes[0].open_nonces(), 0, "nobody makes others before all have agreed");
    }
    net.approve(2, id).unwrap();
    net.run();
    net.pass(MINUTES);
    net.assert_all_signed();
    let [nonces, signed, forgotten, _] = net.nodes[0].asked;
    assert_eq!((nonces, signed, forgotten), (2, 1, 1), "once ahead of the others, once with all");
    assert!(net.nodes.iter().all(|node| node.open_nonces() == 0));
}

#[test]
fn each_partial_signature_is_on_disk_before_it_is_sent_and_made_once() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        let mut net = Net::new(3);
        net.propose(mode);
        net.run();
        net.assert_all_signed();
        for node in 0..3 {
            assert_eq!((partials(&net, node), net.nodes[node].asked), ([1].to_vec(), [1, 1, 0, 0]));
        }
    }
}

#[test]
fn partial_signature_that_the_disk_does_not_take_is_never_sent() {
    let (mut net, answer) = withheld(1);
    net.nodes[0].disk_works = false;
    net.input(0, answer);
    net.run();
    assert_eq!(net.count(0, 1, Kind::PartialSigShare), 0);
    assert_eq!(net.phase(0), Some(Phase::Revealing));
}

#[test]
fn stored_partial_signature_does_not_come_back_after_a_restart_but_the_request_goes_on() {
    let mut net = Net::new(2);
    net.nodes[1].answers_withheld_from = Some(1);
    net.propose(Mode::Committed);
    net.run();
    assert_eq!((partials(&net, 0), net.count(0, 1, Kind::PartialSigShare)), ([1].to_vec(), 1));
    net.die(1);
    net.restart(0);
    net.revive(1);
    net.reconnect(1);
    net.run();
    net.pass(MINUTES);
    net.assert_all_signed();
    assert_eq!(partials(&net, 0), [1, 2]);
}
