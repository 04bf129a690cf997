//! What a signature costs when everybody is there: statements, records, and signature checks.
//!
//! The time of a demo has a spread of a third; what is counted here has none.

use std::{collections::BTreeMap, vec::Vec};

use ensign_identity::checks;
use ensign_wire::{Kind, Mode};

use super::net::Net;
use crate::signing::Record;

/// Three who are there sign, each once its user is asked; returns them, and how many frames of each kind went
/// from one to another, and how many signatures all three have verified.
fn signs() -> (Net, BTreeMap<Kind, usize>, usize) {
    let mut net = Net::new(3);
    net.sent.clear();
    let before = checks();
    net.propose(Mode::Committed);
    net.run();
    let checked = checks() - before;
    net.assert_all_signed();
    let mut sent = BTreeMap::new();
    net.sent.iter().for_each(|(_, _, kind)| *sent.entry(*kind).or_default() += 1);
    (net, sent, checked)
}

#[test]
fn each_statement_goes_once_from_each_signer_to_each_other() {
    let (_, sent, _) = signs();
    let slots = [Kind::Consent, Kind::SessionJoin, Kind::NonceShare, Kind::PartialSigShare];
    for kind in slots {
        assert_eq!(sent.get(&kind), Some(&6), "{kind:?} of {sent:?}");
    }
    assert_eq!((sent.get(&Kind::SessionAnnounce), sent.get(&Kind::Payload)), (Some(&2), Some(&2)));
    for never in [Kind::SessionReady, Kind::NonceAck, Kind::PartialSigAck] {
        assert!(sent.get(&never).is_none_or(|count| *count <= 2), "{never:?} of {sent:?}");
    }
}

#[test]
fn consent_and_join_of_one_yes_are_asked_for_together() {
    let mut net = Net::new(3);
    net.nodes.iter_mut().for_each(|node| node.approves = false);
    let id = net.propose(Mode::Committed);
    net.run();
    net.nodes[1].disk_works = false;
    net.approve(1, id).unwrap();
    net.run();
    let journal: Vec<_> = net.nodes[1].journal.iter().collect();
    assert!(journal.is_empty(), "nothing was written yet");
    assert_eq!(net.nodes[1].asked[0], 1, "nonces are not waited for until the consent is durable");
}

#[test]
fn delegation_that_was_shown_on_its_connection_is_not_verified_again() {
    let (net, _, checked) = signs();
    let records = net.nodes.iter().flat_map(|node| &node.journal);
    assert_eq!(records.filter(|it| matches!(it, Record::Joined { .. })).count(), 3);
    // Of each statement of each signer by each other one: its own signature.
    let statements = 4 * 3 * 2;
    // The request, its announcement and the delegation of its creator, by each of two; and by the signers,
    // who believe no node, each once for all three.
    let requests = 2 * 3 + 3 * 2;
    assert!(checked <= statements + requests + 12, "{checked} of {statements} and {requests}");
}
