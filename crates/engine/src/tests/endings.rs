//! Members that missed how a request ended.

use core::time::Duration;
use std::vec;

use ensign_session::Phase;
use ensign_wire::{AbortReason, Body, Kind, Mode, SessionAbort, SessionReady, SigningRequest};

use super::{
    cast::{HOUR, NETWORK, peer, signer},
    net::{Net, envelope},
};
use crate::Offense;
use crate::signing::{ANSWERS_PER_MEMBER_MAX, Record};

const MINUTE: Duration = Duration::from_secs(60);

/// Node 2 has sent its partial signature and is gone before it gets the others'.
fn two_of_three_finished() -> Net {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    assert!(net.run_until(|net| net.phase(2) == Some(Phase::Signing)));
    let finished = |net: &Net| net.phase(0) == Some(Phase::Complete);
    // What nodes 0 and 1 send to node 2 from here on is lost, what it sent is not.
    assert!(net.run_until(|net| {
        let partials =
            net.count(2, 0, Kind::PartialSigShare) + net.count(2, 1, Kind::PartialSigShare);
        partials == 2
    }));
    net.lose_frames_to(2);
    net.run_until(|net| finished(net) && net.phase(1) == Some(Phase::Complete));
    net.run();
    assert!(net.nodes[2].done().is_empty());
    net.cut(2);
    net
}

#[test]
fn signer_that_missed_the_end_gets_the_signatures_however_late_it_comes() {
    for away in [MINUTE, 3 * MINUTE, 30 * MINUTE] {
        let mut net = two_of_three_finished();
        net.pass(away);
        net.reconnect(2);
        net.pass(5 * MINUTE);
        net.assert_all_signed();
        net.assert_no_offenses();
        for node in 0..2 {
            assert_eq!(net.nodes[node].attempts(), [1], "what is finished stays finished");
        }
    }
}

#[test]
fn signer_that_died_at_the_end_gets_the_signatures() {
    for away in [Duration::ZERO, 30 * MINUTE] {
        let mut net = two_of_three_finished();
        net.die(2);
        net.pass(away);
        net.revive(2);
        net.reconnect(2);
        net.pass(5 * MINUTE);
        assert_eq!(net.nodes[2].done(), net.nodes[0].done());
        assert!(matches!(net.nodes[2].journal.last(), Some(Record::Finished { .. })));
        net.assert_no_offenses();
    }
}

#[test]
fn regression_signer_that_was_away_until_a_request_expired_never_heard_that_it_was_signed() {
    let mut net = two_of_three_finished();
    net.die(2);
    net.pass(2 * HOUR);
    for node in 0..2 {
        net.die(node);
        net.revive(node);
    }
    net.revive(2);
    net.connect_all();
    net.pass(MINUTE);
    assert_eq!(net.nodes[2].done().len(), 1);
    assert_eq!(net.nodes[2].closed_requests(), [], "two honest members agree");
    assert!(matches!(net.nodes[2].journal.last(), Some(Record::Finished { .. })));
}

#[test]
fn node_that_finished_and_restarted_still_answers() {
    let mut net = two_of_three_finished();
    net.pass(30 * MINUTE);
    for node in 0..2 {
        net.die(node);
        net.revive(node);
    }
    net.connect_all();
    net.pass(5 * MINUTE);
    assert_eq!(net.nodes[2].done().len(), 1);
    net.assert_no_offenses();
}

#[test]
fn signer_that_missed_a_refusal_is_told() {
    let mut net = Net::new(3);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    net.die(2);
    net.stop(1, id, AbortReason::Declined).unwrap();
    net.pass(10 * MINUTE);
    net.revive(2);
    net.reconnect(2);
    net.run();
    let closed = net.nodes[2].closed_requests();
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert_eq!((closed[0].0, closed[0].1), (2, AbortReason::Declined));
    net.assert_no_offenses();
}

#[test]
fn answers_are_given_to_members_only_and_not_for_ever() {
    let mut net = Net::new(3);
    let id = net.propose(Mode::Committed);
    net.run();
    net.assert_all_signed();
    let session = SigningRequest::session_id(id, NETWORK, 3);
    let ask = |net: &mut Net, by: usize, seq: u64| {
        let body = Body::SessionReady(SessionReady { joined: Default::default() });
        let envelope = envelope(net.now(), by, session, seq, body);
        net.say(2, 0, envelope);
        net.count(0, 2, Kind::SignatureFinalized)
    };
    assert_eq!(ask(&mut net, 8, 1), 0, "no answer to what a stranger said");
    let limit = usize::from(ANSWERS_PER_MEMBER_MAX);
    for times in 1..=limit + 4 {
        assert_eq!(ask(&mut net, 2, times as u64), times.min(limit));
    }
}

#[test]
fn two_nodes_that_both_gave_up_do_not_tell_each_other_for_ever() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    net.stop(1, id, AbortReason::Declined).unwrap();
    net.pass(10 * MINUTE);
    net.sent.clear();
    let session = SigningRequest::session_id(id, NETWORK, 1);
    let abort = SessionAbort { reason: AbortReason::Declined, culprit: None };
    let envelope = envelope(net.now(), 1, session, 1 << 40, Body::SessionAbort(abort));
    net.say(1, 0, envelope);
    assert_eq!(net.sent, vec![]);
}

#[test]
fn signatures_outrank_a_failure() {
    let mut net = Net::new(3);
    let id = net.propose(Mode::Committed);
    assert!(net.run_until(|net| net.phase(2) == Some(Phase::Signing)));
    assert!(net.run_until(|net| {
        net.count(2, 0, Kind::PartialSigShare) + net.count(2, 1, Kind::PartialSigShare) == 2
    }));
    // Its partial signatures are out: giving up cannot call them back.
    net.stop(2, id, AbortReason::Cancelled).unwrap();
    net.pass(MINUTE);
    assert_eq!(net.nodes[2].closed_requests().len(), 1);
    assert_eq!(net.nodes[2].done().len(), 1);
    assert!(matches!(net.nodes[2].journal.last(), Some(Record::Finished { .. })));
    net.pass(HOUR);
    assert!(net.nodes[2].held("requests") == 0);
}

#[test]
fn regression_answers_count_on_when_the_ending_is_corrected() {
    use crate::signing::End;
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    net.stop(1, id, AbortReason::Declined).unwrap();
    net.pass(10 * MINUTE);
    let session = SigningRequest::session_id(id, NETWORK, 2);
    let group = super::cast::group_id(&[0, 1]);
    for (number, kind) in [(1, Kind::SessionAbort), (2, Kind::SignatureFinalized)] {
        let body = Body::SessionReady(SessionReady { joined: Default::default() });
        let envelope = envelope(net.now(), 1, session, number, body);
        net.say(1, 0, envelope);
        assert_eq!(net.sent.last(), Some(&(0, 1, kind)));
        let signatures = vec![ensign_identity::Signature([1; 64])];
        net.nodes[0].journal.push(Record::Finished { request: id, group, signatures });
        net.command(0, |engine, now| engine.remember_ended(now, id, (group, End::Signed)));
    }
    let numbers: vec::Vec<_> = net.answers.iter().map(|envelope| envelope.seq()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
}

#[test]
fn nonce_of_another_session_ends_the_attempt_and_names_its_signer() {
    let mut net = Net::new(2);
    net.propose(Mode::Fast);
    net.run();
    net.assert_all_signed();
    // The second process draws the bytes of the first, and a nonce log is all that can tell.
    let seen: vec::Vec<_> = net.nodes[1].nonces.clone();
    net.nodes[1].approves = false;
    let second =
        crate::Proposal { purpose: "another".into(), ..super::cast::proposal(&[0, 1], Mode::Fast) };
    let id = net.command(0, |engine, now| engine.propose(now, second, [2; 16])).unwrap();
    net.run();
    let session = SigningRequest::session_id(id, NETWORK, 1);
    let join = ensign_wire::SessionJoin {
        signer: signer(1),
        delegation: super::cast::person(1).delegation,
        round0: ensign_wire::Round0::Reveal(seen),
    };
    let envelope = envelope(net.now(), 1, session, 1 << 40, Body::SessionJoin(join));
    net.say(1, 0, envelope);
    let (attempt, failure) = net.nodes[0].failures().next().unwrap();
    assert_eq!((attempt, failure.reason), (1, AbortReason::InvalidNonce));
    assert_eq!((failure.by, failure.culprits.clone()), (None, vec![signer(1)]));
    assert_eq!(net.count(0, 1, Kind::PartialSigShare), 1, "only the first session's");
}

#[test]
fn nonce_of_another_signer_played_back_blames_nobody_honest() {
    let mut net = Net::new(3);
    net.propose(Mode::Fast);
    net.run();
    let theirs = net.nodes[2].nonces.clone();
    net.nodes[1].approves = false;
    let second = crate::Proposal {
        purpose: "another".into(),
        ..super::cast::proposal(&[0, 1, 2], Mode::Fast)
    };
    let id = net.command(0, |engine, now| engine.propose(now, second, [2; 16])).unwrap();
    net.run();
    let session = SigningRequest::session_id(id, NETWORK, 1);
    let join = ensign_wire::SessionJoin {
        signer: signer(1),
        delegation: super::cast::person(1).delegation,
        round0: ensign_wire::Round0::Reveal(theirs),
    };
    let envelope = envelope(net.now(), 1, session, 1 << 40, Body::SessionJoin(join));
    net.say(1, 0, envelope);
    net.pass(HOUR);
    for node in [0, 2] {
        for (_, failure) in net.nodes[node].failures() {
            assert_eq!(failure.evidence, None);
            assert!(failure.culprits.iter().all(|who| *who == signer(1)), "{failure:?}");
        }
        let honest = |(by, _): &(ensign_primitives::PeerId, Offense)| *by != peer(1);
        assert!(!net.nodes[node].offenses().iter().any(honest));
    }
}
