//! Consent, and attempts that fail and begin anew.

use core::time::Duration;
use std::{collections::BTreeSet, vec};

use ensign_primitives::SignerIndex;
use ensign_session::{Event as SessionEvent, Phase};
use ensign_wire::{AbortReason, Kind, Mode, SessionReady, SigningRequest};

use super::{
    cast::{HOUR, NETWORK, proposal, signer},
    net::{Net, envelope},
};
use crate::CommandError;
use crate::signing::{ATTEMPT_PAUSE, Event, FAILED_ATTEMPTS_MAX, Opening, Record};

const MODES: [Mode; 3] = [Mode::Committed, Mode::Fast, Mode::Strict];
const MINUTES: Duration = Duration::from_secs(60);

fn in_phase(node: usize, phase: Phase) -> impl Fn(&Net) -> bool {
    move |net| net.phase(node) == Some(phase)
}

#[test]
fn nothing_is_signed_before_everybody_has_approved() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.pass(10 * MINUTES);
    assert!(net.nodes.iter().all(|node| node.done().is_empty()));
    assert_eq!(net.nodes[2].journal, []);
    assert_eq!(net.count(2, 0, Kind::SessionJoin), 0);
    let waiting = |(_, event): (u16, &SessionEvent)| matches!(event, SessionEvent::Waiting { on, .. } if *on == [signer(2)]);
    assert!(net.nodes[0].session_events().any(waiting), "who is waited for is named");
    net.approve(2, id).unwrap();
    net.pass(MINUTES);
    net.assert_all_signed();
}

#[test]
fn second_approval_is_refused_and_changes_nothing() {
    let mut net = Net::new(2);
    net.nodes[1].disk_works = false;
    let id = net.propose(Mode::Committed);
    net.run();
    let twice = CommandError::Session(ensign_session::CommandError::AlreadyApproved);
    assert_eq!(net.approve(1, id), Err(twice.clone()));
    assert_eq!(net.approve(0, id), Err(twice));
}

#[test]
fn no_join_leaves_before_it_is_durable() {
    let mut net = Net::new(2);
    net.nodes[1].disk_works = false;
    net.propose(Mode::Fast);
    net.pass(MINUTES);
    assert_eq!(net.count(1, 0, Kind::SessionJoin), 0);
    assert!(net.nodes[1].nonces.is_empty());
}

#[test]
fn no_partial_leaves_before_the_burn_is_durable() {
    for mode in MODES {
        let mut net = Net::new(2);
        net.propose(mode);
        let joined =
            |net: &Net| net.nodes[1].journal.iter().any(|it| matches!(it, Record::Joined { .. }));
        assert!(net.run_until(joined));
        net.nodes[1].disk_works = false;
        // The answer to the join is still on its way.
        net.pass(Duration::from_secs(1));
        assert_eq!(net.count(1, 0, Kind::PartialSigShare), 0, "{mode:?}");
    }
}

#[test]
fn declined_request_ends_for_everybody_and_never_comes_back() {
    let mut net = Net::new(3);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    net.stop(1, id, AbortReason::Declined).unwrap();
    net.run();
    for (node, by) in [(0, Some(signer(1))), (1, None), (2, Some(signer(1)))] {
        let closed = net.nodes[node].closed_requests();
        assert_eq!(closed, [(1, AbortReason::Declined, by)], "node {node}");
        let is_closed =
            |it: &Record| matches!(it, Record::Closed { request, .. } if *request == id);
        // Only who declined waits for the disk.
        let it = &net.nodes[node];
        assert_eq!(it.journal.iter().any(is_closed), by.is_none(), "node {node}");
        assert_eq!(it.notes.iter().any(is_closed), by.is_some(), "node {node}");
    }
    let unknown = CommandError::UnknownRequest { request: id };
    assert_eq!(net.approve(1, id), Err(unknown.clone()));
    assert_eq!(net.stop(0, id, AbortReason::Cancelled), Err(unknown));
    net.pass(HOUR);
    assert_eq!(net.nodes[1].reviews(), 1);
    assert!(net.nodes.iter().all(|node| node.held("requests") == 0));
}

#[test]
fn cancelled_request_ends_for_those_who_have_not_decided_too_and_costs_them_no_record() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    net.stop(0, id, AbortReason::Cancelled).unwrap();
    net.run();
    let by = Some(signer(0));
    assert_eq!(net.nodes[1].closed_requests(), [(1, AbortReason::Cancelled, by)]);
    assert_eq!(net.nodes[1].journal, []);
}

#[test]
fn request_that_nobody_answers_expires_and_names_the_silent() {
    let mut net = Net::new(3);
    net.cut(2);
    net.propose(Mode::Committed);
    net.pass(2 * MINUTES);
    let offline = |(_, event): (u16, &SessionEvent)| matches!(event, SessionEvent::Unreachable(who) if *who == [signer(2)]);
    assert!(net.nodes[0].session_events().any(offline));
    net.pass(HOUR);
    assert_eq!(net.nodes[0].closed_requests(), [(1, AbortReason::Expired, None)]);
    let culprits = net.nodes[0].failures().map(|(_, failure)| failure.culprits.clone()).next();
    assert_eq!(culprits, Some(vec![signer(2)]));
    assert_eq!(net.nodes[1].closed_requests().len(), 1);
}

#[test]
fn timed_out_attempt_is_followed_by_another_with_fresh_nonces() {
    for mode in MODES {
        let mut net = Net::new(3);
        net.propose(mode);
        assert!(net.run_until(in_phase(2, Phase::Committing)));
        let phase = if mode == Mode::Fast { Phase::Committing } else { Phase::Revealing };
        assert!(net.run_until(in_phase(0, phase)));
        net.cut(2);
        net.pass(Duration::from_secs(125));
        let before: BTreeSet<_> = net.nodes[0].nonces.iter().map(|nonce| nonce.0).collect();
        net.reconnect(2);
        net.pass(MINUTES * 5);
        net.assert_all_signed();
        net.assert_no_offenses();
        net.assert_journals_are_sound();
        assert_eq!(net.nodes[0].reviews() + net.nodes[1].reviews(), 1, "consent was given once");
        let after: BTreeSet<_> = net.nodes[0].nonces.iter().map(|nonce| nonce.0).collect();
        if net.nodes[0].attempts() != [1] {
            assert!(after.len() > before.len() || before.is_empty(), "{mode:?}: old nonces again");
        }
    }
}

#[test]
fn nonces_of_two_attempts_differ_in_every_place() {
    let mut net = Net::new(2);
    net.propose(Mode::Committed);
    assert!(net.run_until(in_phase(0, Phase::Revealing)));
    net.run_until(|net| net.nodes.iter().all(|node| !node.nonces.is_empty()));
    net.restart(0);
    net.pass(MINUTES);
    net.assert_all_signed();
    for node in &net.nodes {
        let different: BTreeSet<_> = node.nonces.iter().map(|nonce| nonce.0).collect();
        assert_eq!((different.len(), node.nonces.len()), (4, 4), "two messages, two attempts");
    }
}

#[test]
fn attempts_end_after_the_last_and_the_user_is_told() {
    let mut net = Net::new(2);
    let id = net.propose(Mode::Committed);
    for attempt in 1..=FAILED_ATTEMPTS_MAX {
        assert!(net.run_until(|net| {
            net.nodes.iter().all(|node| node.attempts().last() == Some(&attempt))
                && net.phase(0) == Some(Phase::Revealing)
        }));
        net.cut(1);
        net.pass(3 * MINUTES);
        net.reconnect(1);
    }
    net.pass(MINUTES);
    assert_eq!(net.nodes[0].attempts(), [1, 2, 3, 4, 5]);
    assert_eq!(net.nodes[0].closed_requests(), [(5, AbortReason::Timeout, None)]);
    assert_eq!(net.nodes[1].closed_requests().len(), 1, "the other node gives up too");
    assert_eq!(net.approve(1, id), Err(CommandError::UnknownRequest { request: id }));
    for node in &net.nodes {
        let failed = |(_, event): &(u16, &SessionEvent)| matches!(event, SessionEvent::Failed(_));
        // Whoever hears of the next attempt first leaves the one before.
        assert!(node.session_events().filter(failed).count() <= 4, "the last one is the end");
        assert!(node.nonces.is_empty() || node.nonces.len() % 2 == 0);
    }
}

#[test]
fn entropy_that_comes_back_lets_the_next_attempt_succeed() {
    let mut net = Net::new(2);
    net.nodes[0].has_entropy = false;
    net.propose(Mode::Committed);
    net.run();
    assert!(net.nodes[0].nonces.is_empty());
    net.nodes[0].has_entropy = true;
    net.pass(ATTEMPT_PAUSE);
    net.assert_all_signed();
    assert_eq!(net.nodes[0].attempts(), [1, 2]);
}

#[test]
fn request_can_be_stopped_between_two_attempts() {
    let mut net = Net::new(2);
    net.nodes[0].has_entropy = false;
    let id = net.propose(Mode::Committed);
    net.run();
    assert_eq!(net.phase(0), Some(Phase::Aborted));
    net.stop(1, id, AbortReason::Declined).unwrap();
    net.run();
    net.pass(MINUTES);
    let by = Some(signer(1));
    assert_eq!(net.nodes[0].closed_requests(), [(2, AbortReason::Declined, by)]);
    assert_eq!(net.nodes[1].closed_requests(), [(2, AbortReason::Declined, None)]);
}

#[test]
fn request_can_be_approved_between_two_attempts_and_is_not_joined_without() {
    for approves in [true, false] {
        let mut net = Net::new(2);
        net.nodes[0].has_entropy = false;
        net.nodes[1].approves = false;
        let id = net.propose(Mode::Committed);
        net.run();
        net.nodes[0].has_entropy = true;
        assert_eq!(net.phase(1), Some(Phase::Aborted));
        if approves {
            net.approve(1, id).unwrap();
        }
        net.pass(MINUTES);
        let next = usize::from(approves);
        assert_eq!(net.nodes[1].attempts(), [1, 2][..=next], "none begins without a consent");
        assert_eq!(net.nodes[1].done().len(), next);
        assert_eq!(net.count(1, 0, Kind::SessionJoin), next);
        if !approves {
            net.approve(1, id).unwrap();
            net.pass(MINUTES);
            assert_eq!(net.nodes[1].done().len(), 1, "and then it does");
        }
    }
}

#[test]
fn request_that_expires_between_two_attempts_is_closed() {
    let mut net = Net::new(2);
    net.nodes[0].has_entropy = false;
    let people = net.people.clone();
    let short = crate::Proposal {
        lifetime: ATTEMPT_PAUSE - Duration::from_secs(1),
        ..proposal(&people, Mode::Committed)
    };
    net.command(0, |engine, now| engine.propose(now, short, [1; 16])).unwrap();
    net.pass(5 * MINUTES);
    for node in &net.nodes {
        assert_eq!(node.attempts(), [1]);
        assert_eq!(node.closed_requests(), [(1, AbortReason::Expired, None)]);
        assert_eq!(node.next(), None);
    }
}

#[test]
fn request_comes_to_an_end_only_once_for_the_user() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    net.stop(1, id, AbortReason::Declined).unwrap();
    net.pass(HOUR);
    let closed = |event: &&Event| matches!(event, Event::Closed { .. });
    for node in &net.nodes {
        assert_eq!(node.events.iter().filter(closed).count(), 1);
    }
}

#[test]
fn member_can_use_up_attempts_but_not_more_and_nobody_is_harmed() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    for attempt in 2..=20 {
        let session = SigningRequest::session_id(id, NETWORK, attempt);
        let body = ensign_wire::Body::SessionReady(SessionReady { joined: Default::default() });
        let envelope = envelope(net.now(), 2, session, 1, body);
        net.say(2, 0, envelope);
    }
    // One, and eight that one member may open in an hour.
    assert_eq!(net.nodes[0].attempts(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    net.assert_journals_are_sound();
    assert_eq!(net.nodes[0].offenses(), vec![]);
    // The member who did it goes on with the others.
    net.approve(2, id).unwrap();
    net.pass(MINUTES);
    net.assert_all_signed();
}

#[test]
fn later_attempt_is_not_opened_by_a_forged_or_stale_statement() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    let session = SigningRequest::session_id(id, NETWORK, 2);
    let body = ensign_wire::Body::SessionReady(SessionReady { joined: Default::default() });
    let genuine = envelope(net.now(), 2, session, 1, body.clone());
    let mut forged = ensign_wire::Frame::Envelope(genuine.into()).encode();
    *forged.last_mut().unwrap() ^= 1;
    net.deliver(super::cast::peer(1), 0, &forged);
    let mut early = net.now();
    early.unix = ensign_primitives::UnixTime::from_millis(early.unix.as_millis() - 300_001);
    let stale = envelope(early, 2, session, 1, body.clone());
    net.say(2, 0, stale);
    let foreign = envelope(net.now(), 8, session, 1, body);
    net.say(2, 0, foreign);
    assert_eq!(net.nodes[0].attempts(), [1]);
    use crate::signing::Offense::Session;
    use ensign_session::Offense::{BadSignature, Replay};
    let offenses = net.nodes[0].findings();
    assert!(matches!(offenses[0].1, Session(BadSignature { .. })), "{offenses:?}");
    assert!(matches!(offenses[1].1, Session(Replay(_))), "{offenses:?}");
    let bearers: vec::Vec<_> = offenses.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(bearers, [1, 2].map(super::cast::peer), "who hands on a stranger's is not to blame");
}

#[test]
fn regression_whoever_spoke_first_in_an_attempt_was_said_to_have_restarted() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.pass(Duration::from_secs(1));
    let opening = |net: &Net| net.nodes[2].opened_by(id);
    for _ in 2..=3 {
        // Node 0 restarts, the second time without having joined another attempt; what node 2 hears first of the next attempt is a word of node 1's.
        net.die(0);
        net.revive(0);
        net.connect(0, 1);
        net.run();
        net.connect(0, 2);
        net.pass(Duration::from_secs(1));
        assert_eq!(net.nodes[2].attempts().last(), Some(&2));
    }
    let Some(Opening { who, has_restarted }) = opening(&net) else { panic!("we did not") };
    assert_ne!((who, has_restarted), (SignerIndex(1), true), "node 1 never restarted");
}

#[test]
fn node_that_restarted_is_named_for_the_attempt_that_follows() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.pass(Duration::from_secs(1));
    net.restart(0);
    net.pass(Duration::from_secs(1));
    for node in 1..3 {
        let opened_by = net.nodes[node].opened_by(id);
        let expected = Opening { who: SignerIndex(0), has_restarted: true };
        assert_eq!(opened_by, Some(expected), "as node {node} sees it");
    }
}
