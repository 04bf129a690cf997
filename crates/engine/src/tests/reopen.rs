//! Requests that were undecided before a restart: asked about again, whoever is there.

use core::time::Duration;
use std::vec::Vec;

use ensign_primitives::{RequestId, SignerIndex};
use ensign_wire::{AbortReason, Mode, SignedRequest};

use super::{
    cast::{HOUR, PSBT, group_id, request, signed},
    net::Net,
};
use crate::{
    CommandError,
    signing::{Asked, Event},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Node 0 proposes, node 1 is asked and dies undecided.
fn asked_and_dead() -> (Net, RequestId, SignedRequest) {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.pass(Duration::from_secs(1));
    let shown = net.nodes[1].events.iter().find_map(|event| match event {
        Event::Review(review) => Some(review.request.as_ref().clone()),
        _ => None,
    });
    net.die(1);
    net.revive(1);
    assert_eq!(net.nodes[1].reviews(), 0, "the engine itself remembers nothing");
    (net, id, shown.unwrap())
}

fn reopen(net: &mut Net, shown: SignedRequest) -> Result<RequestId, CommandError> {
    let payload = Some(PSBT.to_vec());
    net.command(1, |engine, now| engine.reopen(now, Asked { request: shown, payload }))
}

#[test]
fn request_is_decided_without_its_creator_and_signed_when_it_is_back() {
    let (mut net, id, shown) = asked_and_dead();
    assert_eq!(reopen(&mut net, shown.clone()), Ok(id));
    assert_eq!(net.nodes[1].reviews(), 1);
    assert_eq!(reopen(&mut net, shown), Err(CommandError::AlreadyOpen { request: id }));
    net.approve(1, id).unwrap();
    net.pass(MINUTE);
    net.connect_all();
    net.pass(MINUTE);
    net.assert_all_signed();
    net.assert_no_offenses();
    net.assert_journals_are_sound();
    assert_eq!(net.nodes[1].reviews(), 1, "nobody is asked twice");
}

#[test]
fn creator_that_is_in_a_later_attempt_draws_it_there() {
    let (mut net, id, shown) = asked_and_dead();
    net.die(0);
    net.revive(0);
    assert_eq!(reopen(&mut net, shown), Ok(id));
    net.connect_all();
    net.pass(MINUTE);
    net.approve(1, id).unwrap();
    net.pass(MINUTE);
    net.assert_all_signed();
    net.assert_no_offenses();
    net.assert_journals_are_sound();
}

#[test]
fn request_that_was_withdrawn_meanwhile_ends_when_its_creator_is_back() {
    let (mut net, id, shown) = asked_and_dead();
    net.stop(0, id, AbortReason::Cancelled).unwrap();
    net.pass(MINUTE);
    assert_eq!(reopen(&mut net, shown), Ok(id));
    net.connect_all();
    net.pass(MINUTE);
    assert_eq!(
        net.nodes[1].closed_requests(),
        [(1, AbortReason::Cancelled, Some(SignerIndex(0)))],
        "it is told by whom"
    );
}

#[test]
fn request_that_is_over_or_nobodys_is_not_asked_about() {
    let (mut net, id, shown) = asked_and_dead();
    let people: Vec<usize> = net.people.clone();
    let other = signed(request(&people, 0), 1);
    let ended = CommandError::HasEnded { request: other.request.id() };
    assert_eq!(reopen(&mut net, other), Err(ended), "its creator never made it");
    let strange = signed(request(&[1, 2], 1), 1);
    let unknown = CommandError::UnknownGroup { group: group_id(&[1, 2]) };
    assert_eq!(reopen(&mut net, strange), Err(unknown));
    net.pass(2 * HOUR);
    assert_eq!(reopen(&mut net, shown), Err(CommandError::HasEnded { request: id }));
    assert_eq!(net.nodes[1].reviews(), 0);
}
