//! The wait for everybody: consents, link reports, and nonces that exist only when all are there.

use core::time::Duration;
use std::{boxed::Box, vec::Vec};

use ensign_primitives::{RequestId, SignerIndex, UnixTime};
use ensign_session::{NONCE_LIFETIME, Offense as SessionOffense};
use ensign_wire::{
    AbortReason, Consent, Frame, Kind, LinkReport, Mode, RULES_REVISION, Signable, Signed,
    SignerSet,
};

use super::{
    cast::{HOUR, NETWORK, group_id, peer, person, proposal, signer},
    net::Net,
};
use crate::{
    CommandError,
    signing::{
        EARLY_CONSENTS_MAX, Event, LINK_REPORT_AGE_MAX, Lack, Offense, Record, WORDS_ALLOWED, Wait,
    },
};

const MINUTE: Duration = Duration::from_secs(60);

/// Three who are connected, and a request of node 0's that is open for a day; nobody else has decided.
fn asked() -> (Net, RequestId) {
    let mut net = Net::new(3);
    net.nodes.iter_mut().for_each(|node| node.approves = false);
    let asked = crate::Proposal { lifetime: HOUR * 24, ..proposal(&[0, 1, 2], Mode::Committed) };
    let id = net.command(0, |engine, now| engine.propose(now, asked, [1; 16])).unwrap();
    net.run();
    (net, id)
}

fn wait(net: &Net, node: usize, id: RequestId) -> Wait {
    net.nodes[node].subject.machine().signing().wait(&id, net.now()).unwrap()
}

fn failures(net: &Net) -> Vec<(AbortReason, bool)> {
    let of = |node: &super::node::Node| {
        let failures = node.failures();
        failures
            .map(|(_, it)| (it.reason, it.phase > ensign_session::Phase::Committing))
            .collect::<Vec<_>>()
    };
    net.nodes.iter().flat_map(of).collect()
}

fn open_nonces(net: &Net) -> usize {
    net.nodes.iter().map(super::node::Node::open_nonces).sum()
}

#[test]
fn wait_of_two_hours_with_restarts_at_any_time_counts_no_attempt_and_ends_signed() {
    for first in 0..3 {
        let (mut net, id) = asked();
        net.approve(1, id).unwrap();
        for round in 0..24 {
            net.restart((first + round) % 3);
            net.pass(5 * MINUTE);
        }
        // What node 2 was not asked again after its restart it hears from the others.
        assert!(
            failures(&net)
                .iter()
                .all(|(reason, all)| (*reason, *all) == (AbortReason::Dissolved, false))
        );
        net.approve(2, id).unwrap();
        net.pass(MINUTE);
        for node in &net.nodes {
            assert_eq!(node.done().len(), 1, "{:?}", wait(&net, 0, id));
        }
        net.assert_journals_are_sound();
    }
}

#[test]
fn no_secret_nonce_is_held_in_a_wait_of_a_day_until_all_are_there() {
    let mut net = Net::new(3);
    net.cut(2);
    let asked = crate::Proposal { lifetime: HOUR * 24, ..proposal(&[0, 1, 2], Mode::Committed) };
    net.command(0, |engine, now| engine.propose(now, asked, [1; 16])).unwrap();
    for _ in 0..47 {
        net.pass(HOUR / 2);
        assert_eq!(open_nonces(&net), 0);
    }
    assert!(net.nodes.iter().all(|node| node.asked[0] == 0), "nobody was asked for nonces");
    net.reconnect(2);
    net.pass(MINUTE);
    net.assert_all_signed();
}

#[test]
fn nonces_that_wait_for_a_person_live_ten_minutes_and_the_yes_holds() {
    let (mut net, id) = asked();
    net.approve(1, id).unwrap();
    net.run();
    assert_eq!(open_nonces(&net), 2, "both joined at the moment of their yes");
    net.pass(NONCE_LIFETIME - MINUTE);
    assert_eq!(open_nonces(&net), 2);
    net.pass(MINUTE);
    assert_eq!(open_nonces(&net), 0);
    net.pass(2 * HOUR);
    assert_eq!((open_nonces(&net), net.nodes[0].asked[0]), (0, 1), "no others are made");
    net.approve(2, id).unwrap();
    net.run();
    net.assert_all_signed();
}

#[test]
fn nonces_end_when_the_clocks_part_whichever_way() {
    for millis in [-4_000, 3_000, 86_400_000] {
        let (mut net, id) = asked();
        net.approve(1, id).unwrap();
        net.run();
        net.skew_millis = 1_000;
        net.pass(MINUTE);
        assert_eq!(open_nonces(&net), 2, "a small step is slewed");
        net.skew_millis += millis;
        net.pass(Duration::from_secs(45));
        assert_eq!(open_nonces(&net), 0, "{millis}");
        if millis < HOUR.as_millis() as i64 {
            net.pass(5 * MINUTE);
            net.approve(2, id).unwrap();
            net.pass(MINUTE);
            net.assert_all_signed();
        }
    }
}

#[test]
fn nothing_is_joined_while_a_member_does_not_see_another_and_the_wait_names_both() {
    let mut net = Net::apart(3);
    // 1 and 2 do not reach each other.
    net.connect(0, 1);
    net.connect(0, 2);
    net.run();
    let id = net.propose(Mode::Committed);
    net.pass(MINUTE);
    let lack = |who, whom| Lack { who: signer(who), whom: signer(whom) };
    for node in 0..3 {
        let told = wait(&net, node, id);
        assert_eq!(told.lacks, [lack(1, 2), lack(2, 1)], "as node {node} sees it");
        assert_eq!((told.agreed.len(), told.stale), (3, Vec::new()), "consents are handed on");
    }
    assert_eq!(open_nonces(&net), 0);
    net.connect(1, 2);
    net.run();
    net.assert_all_signed();
    net.assert_no_offenses();
}

#[test]
fn wait_is_told_when_it_changes_and_only_then() {
    let (mut net, id) = asked();
    let told = |net: &Net| {
        let of = |event: &Event| match event {
            Event::Waiting { wait, .. } => Some(wait.clone()),
            _ => None,
        };
        net.nodes[0].events.iter().filter_map(of).collect::<Vec<_>>()
    };
    let before = told(&net).len();
    net.pass(9 * MINUTE);
    assert_eq!(told(&net).len(), before, "nothing has changed");
    net.cut(2);
    net.run();
    let (last, now) = (told(&net).pop().unwrap(), wait(&net, 0, id));
    assert_eq!((told(&net).len(), *last), (before + 2, now), "it is gone, and node 1 says so too");
    assert!(told(&net).windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn consent_is_withdrawn_is_asked_again_and_survives_a_restart_as_it_is() {
    let mut net = Net::new(3);
    net.nodes.iter_mut().for_each(|node| node.approves = false);
    net.cut(2);
    let id = net.propose(Mode::Committed);
    net.run();
    let nothing = Err(CommandError::NotAgreed { request: id });
    let withdraw = |net: &mut Net, node| net.command(node, |engine, now| engine.withdraw(now, id));
    assert_eq!(withdraw(&mut net, 1), nothing);
    net.approve(1, id).unwrap();
    net.run();
    assert_eq!(wait(&net, 0, id).agreed, [signer(0), signer(1)]);
    withdraw(&mut net, 1).unwrap();
    net.run();
    assert_eq!(net.nodes[1].reviews(), 2, "it is asked again");
    assert_eq!(
        (wait(&net, 0, id).withdrawn, wait(&net, 1, id).agreed.len()),
        (Vec::from([signer(1)]), 1)
    );
    net.die(1);
    net.revive(1);
    assert_eq!(net.nodes[1].reviews(), 1, "and after a restart");
    net.reconnect(1);
    net.reconnect(2);
    net.run();
    net.approve(2, id).unwrap();
    net.pass(MINUTE);
    assert_eq!(net.count(1, 0, Kind::SessionJoin), 0, "nobody joins for it");
    net.approve(1, id).unwrap();
    net.pass(MINUTE);
    net.assert_all_signed();
    let number = |record: &Record| match record {
        Record::Decided { number, .. } => Some(*number),
        _ => None,
    };
    let numbers: Vec<_> = net.nodes[1].journal.iter().filter_map(number).collect();
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn consent_is_not_withdrawn_in_the_middle_of_an_attempt() {
    let (mut net, id) = asked();
    net.approve(1, id).unwrap();
    net.run();
    let withdraw = |net: &mut Net| net.command(1, |engine, now| engine.withdraw(now, id));
    assert_eq!(withdraw(&mut net), Err(CommandError::HasJoined { request: id }));
    net.pass(NONCE_LIFETIME);
    assert_eq!(withdraw(&mut net), Ok(()), "the attempt has dissolved");
    net.approve(2, id).unwrap();
    net.pass(MINUTE);
    assert!(net.nodes.iter().all(|node| node.done().is_empty()));
}

fn said<T: Signable>(net: &Net, by: usize, body: T) -> Box<Signed<T>> {
    Box::new(Signed::new(&person(by).node_key, NETWORK, 1, net.now().unix, body).unwrap())
}

fn consent(id: RequestId, of: usize, number: u32, agrees: bool) -> Consent {
    let delegation = person(of).delegation;
    Consent { request: id, signer: signer(of), delegation, number, agrees }
}

#[test]
fn consents_that_are_forged_lower_or_contradictory_change_nothing() {
    let (mut net, id) = asked();
    let deliver = |net: &mut Net, from: usize, consent| {
        net.deliver(peer(from), 0, &Frame::Consent(consent).encode());
    };
    // Signed by another node, in another signer's name, under another's delegation.
    let forged = said(&net, 1, consent(id, 2, 1, true));
    deliver(&mut net, 1, forged);
    let borrowed = Consent { delegation: person(2).delegation, ..consent(id, 1, 1, true) };
    let borrowed = said(&net, 1, borrowed);
    deliver(&mut net, 1, borrowed);
    let mut torn = Frame::Consent(said(&net, 1, consent(id, 1, 1, true))).encode();
    *torn.last_mut().unwrap() ^= 1;
    net.deliver(peer(2), 0, &torn);
    assert_eq!(wait(&net, 0, id).agreed, [signer(0)]);
    let true_one = said(&net, 2, consent(id, 2, 5, true));
    deliver(&mut net, 1, true_one);
    assert_eq!(wait(&net, 0, id).agreed, [signer(0), signer(2)], "it was handed on");
    for (number, agrees) in [(4, false), (5, false)] {
        let word = said(&net, 2, consent(id, 2, number, agrees));
        deliver(&mut net, 2, word);
    }
    assert_eq!(wait(&net, 0, id).agreed, [signer(0), signer(2)], "the first word stays");
    let found: Vec<_> = net.nodes[0].findings().into_iter().map(|(peer, _)| peer).collect();
    assert_eq!(found, [1, 1, 2, 2].map(peer));
    let differ = net.nodes[0].findings().pop().unwrap().1;
    assert_eq!(differ, Offense::ConsentsDiffer { request: id });
}

#[test]
fn flood_of_consents_costs_no_flush_and_no_more_than_its_budget() {
    let (mut net, id) = asked();
    let (flushes, budget) = (net.nodes[0].journal.len(), WORDS_ALLOWED.burst as u32);
    for number in 1..=2 * budget {
        let word = said(&net, 2, consent(id, 2, number, number % 2 == 0));
        let unknown = consent(RequestId::from_bytes([number as u8; 32]), 2, number, true);
        let unknown = said(&net, 2, unknown);
        for word in [word, unknown] {
            net.deliver(peer(2), 0, &Frame::Consent(word).encode());
        }
    }
    assert_eq!(net.nodes[0].journal.len(), flushes);
    let early = net.nodes[0].held("members with early consents");
    assert!(early <= EARLY_CONSENTS_MAX);
    let first = |event: &&Event| matches!(event, Event::Waiting { .. });
    let told = net.nodes[0].events.iter().filter(first).count();
    assert!(told <= budget as usize + 4, "{told}");
    net.assert_no_offenses();
    // Others still speak.
    net.approve(1, id).unwrap();
    net.run();
    assert!(wait(&net, 0, id).agreed.contains(&signer(1)));
}

fn report(net: &Net, by: usize, sees: &[u16]) -> LinkReport {
    let _ = (net, by);
    let sees: SignerSet = sees.iter().copied().map(SignerIndex).collect();
    LinkReport { group: group_id(&[0, 1, 2]), sees, version: RULES_REVISION }
}

#[test]
fn reports_that_are_forged_stale_about_others_or_differ_make_nobody_ready() {
    let (mut net, id) = asked();
    let ready = |net: &Net| {
        net.nodes[0].subject.machine().signing().is_ready(&group_id(&[0, 1, 2]), net.now())
    };
    assert!(ready(&net));
    let said_by = |net: &Net, by: usize, report: LinkReport| said(net, by, report);
    // Its own word is the last: it sees nobody.
    let blind = said_by(&net, 1, report(&net, 1, &[1]));
    net.deliver(peer(1), 0, &Frame::LinkReport(blind).encode());
    assert!(!ready(&net));
    // What another hands on takes its place never, forged or true.
    for by in [1, 2] {
        let other = said_by(&net, by, report(&net, by, &[0, 1, 2]));
        let frame = Frame::LinkReport(other).encode();
        net.deliver(peer(2), 0, &frame);
    }
    assert!(!ready(&net));
    let again = said_by(&net, 1, report(&net, 1, &[0, 1, 2]));
    net.deliver(peer(1), 0, &Frame::LinkReport(again).encode());
    assert!(ready(&net));
    // Another clock, another revision.
    let unix = UnixTime::from_millis(net.now().unix.as_millis() - 301_000);
    let all = report(&net, 1, &[0, 1, 2]);
    let late = Signed::new(&person(1).node_key, NETWORK, 1, unix, all.clone()).unwrap();
    net.deliver(peer(1), 0, &Frame::LinkReport(Box::new(late)).encode());
    assert_eq!(wait(&net, 0, id).clocks[0].minutes_ahead, -5);
    let newer = said_by(&net, 1, LinkReport { version: RULES_REVISION + 1, ..all });
    net.deliver(peer(1), 0, &Frame::LinkReport(newer).encode());
    assert_eq!(wait(&net, 0, id).versions, [(signer(1), RULES_REVISION + 1)]);
    // A report in the name of a node outside, and one with another's signature.
    let outside = said_by(&net, 5, report(&net, 5, &[0, 1, 2]));
    net.deliver(peer(1), 0, &Frame::LinkReport(outside).encode());
    let mut torn = Frame::LinkReport(said_by(&net, 1, report(&net, 1, &[0, 1, 2]))).encode();
    *torn.last_mut().unwrap() ^= 1;
    net.deliver(peer(1), 0, &torn);
    let found: Vec<_> = net.nodes[0].findings().into_iter().map(|(_, offense)| offense).collect();
    let forged = Offense::Session(SessionOffense::BadSignature { sender: peer(1) });
    assert_eq!(found, [forged], "who hands on what it believes is not to blame");
    assert!(!ready(&net));
}

#[test]
fn silence_makes_a_report_stale_and_its_node_is_named() {
    let (mut net, id) = asked();
    net.lose_frames_to(0);
    net.pass(LINK_REPORT_AGE_MAX + MINUTE);
    assert_eq!(wait(&net, 0, id).stale, [signer(1), signer(2)]);
}
