//! Nodes that disappear, and nodes that die and come back with their journal only.

use core::time::Duration;

use ensign_primitives::RequestId;
use ensign_session::Phase;
use ensign_wire::{AbortReason, Kind, Mode};

use super::{
    cast::{HOUR, group_id, peer, request, signed},
    net::Net,
};
use crate::signing::{
    ATTEMPT_PAUSE, ENDING_WAIT, Event, FAILED_ATTEMPTS_MAX, Open, REQUESTS_MAX, Record,
};
use crate::{CommandError, Input};

const MODES: [Mode; 3] = [Mode::Committed, Mode::Fast, Mode::Strict];
const PHASES: [Phase; 3] = [Phase::Committing, Phase::Revealing, Phase::Signing];
const MINUTE: Duration = Duration::from_secs(60);

/// A group of three at the moment when one node reaches a phase; `None` when its mode has none.
fn at_phase(mode: Mode, node: usize, phase: Phase) -> Option<Net> {
    let mut net = Net::new(3);
    net.propose(mode);
    net.run_until(|net| net.phase(node) == Some(phase)).then_some(net)
}

fn is_kept(record: &Record) -> bool {
    matches!(record, Record::Partials { .. })
}

fn consented(record: &Record) -> Option<RequestId> {
    match record {
        Record::Consented { request, .. } => Some(request.request.id()),
        _ => None,
    }
}

fn assert_signed(net: &Net) {
    net.assert_all_signed();
    net.assert_no_offenses();
    net.assert_journals_are_sound();
}

#[test]
fn connections_that_break_in_any_phase_and_come_back_do_no_harm() {
    let mut cases = 0;
    for mode in MODES {
        for node in 0..3 {
            for phase in PHASES {
                let Some(mut net) = at_phase(mode, node, phase) else { continue };
                net.cut(node);
                net.pass(Duration::from_secs(3));
                net.reconnect(node);
                net.pass(MINUTE);
                assert_signed(&net);
                assert_eq!(net.nodes[node].attempts(), [1], "a short break ends no attempt");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 3 * (3 + 2 + 3), "mode fast has no phase Revealing");
}

#[test]
fn connections_that_stay_away_for_long_only_cost_an_attempt() {
    for mode in MODES {
        for node in 0..3 {
            for phase in PHASES {
                let Some(mut net) = at_phase(mode, node, phase) else { continue };
                net.cut(node);
                net.pass(10 * MINUTE);
                net.reconnect(node);
                net.pass(10 * MINUTE);
                assert_signed(&net);
            }
        }
    }
}

#[test]
fn node_that_dies_in_any_phase_comes_back_and_all_sign() {
    for mode in MODES {
        for node in 0..3 {
            for phase in PHASES {
                let Some(mut net) = at_phase(mode, node, phase) else { continue };
                net.restart(node);
                net.pass(MINUTE);
                assert_signed(&net);
                // Its partial signatures were durable and never arrived: it sends them again.
                let attempt = if phase == Phase::Signing { 1 } else { 2 };
                assert_eq!(net.nodes[node].attempts(), [attempt], "{mode:?}, {node}, {phase:?}");
                assert_eq!(net.nodes[node].reviews(), 0, "consent survives");
            }
        }
    }
}

#[test]
fn node_that_dies_and_stays_away_for_long_is_waited_for() {
    for node in 0..3 {
        for phase in PHASES {
            let mut net = at_phase(Mode::Committed, node, phase).unwrap();
            net.die(node);
            net.pass(10 * MINUTE);
            net.revive(node);
            net.reconnect(node);
            net.pass(10 * MINUTE);
            assert_signed(&net);
        }
    }
}

#[test]
fn all_nodes_may_die_at_once() {
    for mode in MODES {
        let mut net = Net::new(3);
        net.propose(mode);
        assert!(net.run_until(|net| net.phase(1) == Some(Phase::Signing)));
        for node in 0..3 {
            net.die(node);
        }
        for node in 0..3 {
            net.revive(node);
        }
        net.connect_all();
        net.pass(MINUTE);
        assert_signed(&net);
    }
}

#[test]
fn partial_signatures_that_nobody_waits_for_any_more_are_followed_by_the_next_attempt() {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    let all_kept = |net: &Net| net.nodes.iter().all(|node| node.journal.iter().any(is_kept));
    assert!(net.run_until(all_kept));
    for node in 0..3 {
        net.die(node);
    }
    for node in 0..3 {
        net.revive(node);
    }
    net.connect_all();
    net.pass(ATTEMPT_PAUSE / 2);
    assert_eq!(net.nodes[0].attempts(), [1], "the others may still wait");
    net.pass(MINUTE);
    assert_signed(&net);
    assert_eq!(net.nodes[0].attempts(), [1, 2]);
    let kept = net.nodes[0].journal.iter().filter(|record| is_kept(record)).count();
    assert_eq!(kept, 2, "one set for each attempt");
}

#[test]
fn regression_others_left_before_the_signatures_were_durable() {
    let mut net = Net::new(2);
    net.propose(Mode::Committed);
    assert!(net.run_until(|net| net.phase(0) == Some(Phase::Signing)));
    net.nodes[0].disk_works = false;
    net.run();
    net.pass(Duration::from_secs(30));
    assert_eq!((net.nodes[0].done().len(), net.nodes[1].done().len()), (1, 1));
    let told = [Kind::PartialSigsComplete, Kind::SignatureFinalized];
    assert_eq!(told.map(|kind| net.count(0, 1, kind)), [0, 0], "the other one still waits for it");
    net.restart(0);
    net.pass(MINUTE);
    assert_eq!(net.nodes[0].attempts(), [1]);
    assert_eq!(net.nodes[0].done(), net.nodes[1].done());
    assert!(net.nodes[0].journal.iter().any(|it| matches!(it, Record::Finished { .. })));
    assert_eq!(net.count(0, 1, Kind::PartialSigsComplete), 1);
    net.assert_journals_are_sound();
}

#[test]
fn request_whose_partial_signatures_are_sent_again_can_be_stopped() {
    let mut net = at_phase(Mode::Committed, 1, Phase::Signing).unwrap();
    let id = net.nodes[0].journal.iter().find_map(consented).unwrap();
    net.die(1);
    net.revive(1);
    net.stop(1, id, AbortReason::Cancelled).unwrap();
    net.reconnect(1);
    net.pass(MINUTE);
    assert_eq!(net.nodes[1].closed_requests(), [(2, AbortReason::Cancelled, None)]);
    net.assert_journals_are_sound();
}

#[test]
fn node_that_dies_before_its_user_decided_is_asked_again() {
    let mut net = Net::new(3);
    net.nodes[1].approves = false;
    net.propose(Mode::Committed);
    net.run();
    net.nodes[1].approves = true;
    net.restart(1);
    net.pass(MINUTE);
    assert_signed(&net);
    assert_eq!((net.nodes[1].reviews(), net.nodes[1].attempts()), (1, std::vec![1]));
}

#[test]
fn regression_node_that_restarts_in_the_same_attempt_counts_on() {
    let mut net = Net::new(3);
    net.nodes[1].approves = false;
    net.propose(Mode::Committed);
    // It acknowledges again and again.
    for _ in 0..5 {
        net.cut(1);
        net.run();
        net.reconnect(1);
        net.run();
    }
    for _ in 0..3 {
        net.pass(Duration::from_secs(1));
        net.restart(1);
        net.run();
    }
    net.assert_no_offenses();
}

#[test]
fn node_that_was_away_from_the_start_gets_request_and_payload_when_it_comes() {
    let mut net = Net::apart(3);
    net.connect(0, 1);
    net.run();
    net.propose(Mode::Committed);
    net.pass(10 * MINUTE);
    assert_eq!(net.nodes[2].reviews(), 0);
    net.reconnect(2);
    net.pass(MINUTE);
    assert_signed(&net);
}

#[test]
fn regression_join_said_before_the_connection_came_was_missed_until_the_next_question() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    net.restart(1);
    net.run();
    net.approve(2, id).unwrap();
    net.run();
    net.assert_all_signed();
    assert_eq!(net.nodes[2].attempts(), [1, 2]);
}

#[test]
fn two_restarts_in_a_row_while_the_others_wait_are_followed() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.run();
    for _ in 0..2 {
        net.die(1);
        net.revive(1);
        net.run();
    }
    net.reconnect(1);
    net.pass(MINUTE);
    net.approve(2, id).unwrap();
    net.pass(MINUTE);
    assert_signed(&net);
    assert_eq!(net.nodes[0].attempts(), [1, 2], "what was never joined is not left");
}

#[test]
fn expired_request_in_a_journal_is_closed_and_reported() {
    let mut net = at_phase(Mode::Committed, 1, Phase::Signing).unwrap();
    for node in 0..3 {
        net.die(node);
    }
    net.pass(2 * HOUR);
    net.revive(1);
    assert_eq!(net.nodes[1].closed_requests(), [], "the others may have the signatures");
    net.pass(ENDING_WAIT);
    assert_eq!(net.nodes[1].closed_requests(), [(1, AbortReason::Expired, None)]);
    let last = net.nodes[1].journal.last();
    assert!(matches!(last, Some(Record::Closed { reason: AbortReason::Expired, .. })), "{last:?}");
    net.die(1);
    net.revive(1);
    assert_eq!(net.nodes[1].events, [], "it is reported once");
}

/// Restarts node 0 in so many attempts, each time when all have joined and its nonces are burned.
fn lose_attempts(net: &mut Net, attempts: u16) {
    for attempt in 1..=attempts {
        let is_burned = |record: &Record| matches!(record, Record::Burned { attempt: of, .. } if *of == attempt);
        assert!(net.run_until(|net| net.nodes[0].journal.iter().any(is_burned)), "{attempt}");
        net.restart(0);
    }
}

#[test]
fn request_without_an_attempt_left_is_closed_and_reported() {
    let mut net = Net::new(2);
    let id = net.propose(Mode::Committed);
    lose_attempts(&mut net, FAILED_ATTEMPTS_MAX);
    net.pass(ENDING_WAIT / 2);
    assert_eq!(net.nodes[0].closed_requests(), [], "the others are asked first");
    net.pass(ENDING_WAIT);
    assert_eq!(net.nodes[0].closed_requests(), [(5, AbortReason::Internal, None)]);
    let last = net.nodes[0].journal.last();
    let reason = AbortReason::AttemptsUsed;
    assert_eq!(last, Some(&Record::Closed { request: id, group: group_id(&[0, 1]), reason }));
    net.assert_journals_are_sound();
}

#[test]
fn regression_signature_of_the_last_attempt_was_lost_by_a_restart() {
    let mut net = Net::new(2);
    net.propose(Mode::Committed);
    lose_attempts(&mut net, FAILED_ATTEMPTS_MAX - 1);
    assert!(net.run_until(|net| net.nodes[0].phases().contains(&Phase::Signing)));
    net.lose_frames_to(0);
    net.run();
    assert_eq!((net.nodes[0].done().len(), net.nodes[1].done().len()), (0, 1));
    net.restart(0);
    net.pass(MINUTE);
    assert_eq!(net.nodes[0].done(), net.nodes[1].done(), "the other one tells it");
    net.assert_journals_are_sound();
}

#[test]
fn request_that_waits_for_its_end_can_be_stopped() {
    let mut net = Net::new(2);
    let id = net.propose(Mode::Committed);
    lose_attempts(&mut net, FAILED_ATTEMPTS_MAX);
    net.stop(0, id, AbortReason::Cancelled).unwrap();
    let closed = [(5, AbortReason::Cancelled, None)];
    assert_eq!(net.nodes[0].closed_requests(), closed);
}

#[test]
fn resuming_what_is_open_or_has_ended_is_refused() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let request = signed(request(&[0, 1], 0), 0);
    let id = request.request.id();
    let resume = |net: &mut Net| {
        let open = Open { attempts: 1, ..Open::new(request.clone(), None) };
        net.command(0, |engine, now| engine.resume(now, open))
    };
    assert_eq!(resume(&mut net), Ok(id));
    net.run();
    assert_eq!(resume(&mut net), Err(CommandError::AlreadyOpen { request: id }));
    net.stop(0, id, AbortReason::Cancelled).unwrap();
    net.pass(HOUR);
    assert_eq!(resume(&mut net), Err(CommandError::HasEnded { request: id }));
    let foreign = signed(super::cast::request(&[1, 2], 0), 1);
    let group = group_id(&[1, 2]);
    let open = Open { attempts: 1, ..Open::new(foreign, None) };
    let refused = net.command(0, |engine, now| engine.resume(now, open));
    assert_eq!(refused, Err(CommandError::UnknownGroup { group }));
}

#[test]
fn answers_of_the_disk_to_an_attempt_that_is_gone_do_nothing() {
    let mut net = Net::new(2);
    net.propose(Mode::Committed);
    assert!(net.run_until(|net| net.phase(1) == Some(Phase::Revealing)));
    for token in 0..100 {
        use ensign_primitives::StateMachine;
        net.command(1, |engine, now| engine.handle_input(now, Input::Persisted { token }));
    }
    net.pass(10 * MINUTE);
    net.assert_all_signed();
    net.assert_journals_are_sound();
}

#[test]
fn peers_that_come_and_go_are_reported() {
    let mut net = Net::new(2);
    net.cut(1);
    net.run();
    net.reconnect(1);
    net.run();
    let events: std::vec::Vec<_> = net.nodes[0].events.iter().collect();
    assert!(matches!(
        events[..],
        [Event::PeerUp { .. }, Event::PeerDown { peer: down }, Event::PeerUp { .. }]
            if *down == peer(1)
    ));
}

#[test]
fn regression_restored_request_without_room_was_lost() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let of = |number: u8| {
        let mut asked = request(&[0, 1], 0);
        asked.nonce = [number; 16];
        Record::Consented { request: signed(asked, 0).into(), payload: None }
    };
    net.die(0);
    net.nodes[0].journal = (0..=REQUESTS_MAX as u8).map(of).collect();
    net.revive(0);
    let open = |net: &Net| -> std::collections::BTreeSet<RequestId> {
        let status = net.nodes[0].subject.machine().signing().open_requests(net.now());
        status.into_iter().map(|it| it.id).collect()
    };
    let first = open(&net);
    assert_eq!(first.len(), REQUESTS_MAX);
    let ended = *first.first().unwrap();
    net.stop(0, ended, AbortReason::Cancelled).unwrap();
    net.run();
    let then = open(&net);
    assert_eq!((then.len(), then.difference(&first).count()), (REQUESTS_MAX, 1));
}
