//! Rules that every node keeps, whoever drives it: what a lost store voids, when a delegation is
//! renewed, what is kept about others, and what is told once it is durable.

use core::time::Duration;
use std::vec::Vec;

use ensign_equivocation::{Case, Claim, Verdict};
use ensign_primitives::{GroupId, Now, RequestId, SignerIndex};
use ensign_session::{Phase, Unsigned};
use ensign_wire::{AbortReason, Body, Kind, Mode, NonceCommit, Round0};

use super::{
    cast::{HOUR, group_id, local_signer, peer, proposal},
    net::{Net, envelope},
};
use crate::{
    Input, Output,
    signing::{
        self, CaseFile, CaseKind, Event, Known, NotDelegated, Record, SignerAnswer, SignerQuestion,
        ask_local_signer,
    },
};

const SECOND: Duration = Duration::from_secs(1);

fn file_in(record: &Record) -> Option<&CaseFile> {
    match record {
        Record::Case(file) => Some(file),
        _ => None,
    }
}

fn cases(net: &Net, node: usize) -> Vec<&CaseFile> {
    net.nodes[node].notes.iter().filter_map(file_in).collect()
}

fn count(net: &Net, node: usize, wanted: &Event) -> usize {
    net.nodes[node].events.iter().filter(|event| *event == wanted).count()
}

fn voids(net: &Net, node: usize) -> Vec<(RequestId, GroupId)> {
    let of = |event: &Event| match event {
        Event::Void(review) => Some((review.id, review.group)),
        _ => None,
    };
    net.nodes[node].events.iter().filter_map(of).collect()
}

#[test]
fn regression_node_that_lost_its_store_joined_an_attempt_twice() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.pass(SECOND);
    let joins = net.count(1, 0, Kind::SessionJoin);
    assert!(joins > 0, "it has joined");
    net.lose_store(1);
    net.pass(SECOND);
    assert_eq!(net.nodes[1].reviews(), 0, "its user is not asked");
    assert_eq!(net.count(1, 0, Kind::SessionJoin), joins);
    assert_eq!(voids(&net, 1), [(id, group_id(&net.people))], "its user is told what it was");
    for node in [0, 2] {
        let end = (1, AbortReason::Declined, Some(SignerIndex(1)));
        assert_eq!(net.nodes[node].closed_requests(), [end], "node {node} hears of it");
    }
    assert_eq!(count(&net, 1, &Event::EndDurable { request: id }), 1);
}

#[test]
fn node_that_lost_its_store_takes_what_is_proposed_later() {
    let mut net = Net::new(2);
    net.lose_store(1);
    net.pass(SECOND);
    let propose = |net: &mut Net, nonce| {
        let proposal = proposal(&net.people, Mode::Fast);
        net.command(0, |engine, now| engine.propose(now, proposal, [nonce; 16])).unwrap();
        net.pass(SECOND);
    };
    propose(&mut net, 1);
    assert_eq!(
        net.nodes[1].done(),
        Vec::<Vec<[u8; 64]>>::new(),
        "any clock may say that it is older"
    );
    net.pass(HOUR);
    propose(&mut net, 2);
    assert_eq!(net.nodes[1].done().len(), 1);
}

/// What node 0 asks its signer when its clocks say this.
fn asked(net: &mut Net, now: Now) -> Vec<SignerQuestion> {
    let input = Input::Recalled { request: RequestId::from_bytes([7; 32]), known: Known::Nothing };
    let outputs = net.nodes[0].subject.input(now, input);
    let question = |output| if let Output::Signer(it) = output { Some(it) } else { None };
    outputs.into_iter().filter_map(question).collect()
}

/// Answers a question for a delegation; returns what is reported.
fn answer(net: &mut Net, now: Now, answer: SignerAnswer) -> Vec<Event> {
    let outputs = net.nodes[0].subject.input(now, Input::Signer(answer));
    let event = |output| match output {
        Output::Event(crate::Event::Signing(event)) => Some(event),
        _ => None,
    };
    outputs.into_iter().filter_map(event).collect()
}

#[test]
fn clock_that_is_set_makes_the_node_ask_for_a_delegation_that_holds() {
    let mut net = Net::new(1);
    let start = net.now();
    assert_eq!(asked(&mut net, start).len(), 0);
    let later = Now { unix: start.unix.after(HOUR * 24 * 700), ..start };
    let mut questions = asked(&mut net, later);
    assert_eq!(asked(&mut net, later).len(), 0, "once, until the signer has answered");
    let (Some(question), 0) = (questions.pop(), questions.len()) else { panic!("not one") };
    let made = ask_local_signer(&mut local_signer(0), later, question, |_| None).unwrap();
    assert!(matches!(answer(&mut net, later, made)[..], [Event::Delegated(_)]));
    let proposal = proposal(&net.people, Mode::Fast);
    let engine = &mut net.nodes[0].subject;
    let (id, _) = engine.command(later, |engine| engine.propose(later, proposal, [1; 16]));
    let request = engine.machine().signing().request(&id.unwrap()).unwrap();
    assert!(request.verify(later.unix).is_ok(), "others accept it");
}

#[test]
fn signer_that_does_not_delegate_is_asked_again_by_whoever_needs_it() {
    let mut net = Net::new(1);
    let start = net.now();
    let later = Now { unix: start.unix.after(HOUR * 24 * 700), ..start };
    assert_eq!(asked(&mut net, later).len(), 1);
    let declined = || SignerAnswer::Delegated(Err(Unsigned::Declined));
    let told = [Event::NotDelegated(NotDelegated::Unsigned(Unsigned::Declined))];
    assert_eq!(answer(&mut net, later, declined()), told);
    let (waits, outputs) =
        net.nodes[0].subject.command(later, |engine| engine.await_delegation(later));
    assert!(waits, "whoever proposes waits for the answer");
    assert!(matches!(outputs[..], [Output::Signer(SignerQuestion::Delegate { .. })]));
    assert_eq!(answer(&mut net, later, declined()), told);
}

#[test]
fn silence_is_kept_as_a_claim_that_anybody_can_check() {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    let all_joined = |net: &Net| (0..2).all(|it| net.phase(it) == Some(Phase::Revealing));
    assert!(net.run_until(all_joined));
    net.cut(2);
    net.pass(HOUR);
    let files = cases(&net, 0);
    let file = files.first().expect("a claim");
    assert_eq!(file.kind, CaseKind::Claim);
    let verdict = Case::decode(&file.bytes).unwrap().verify().unwrap();
    let Verdict::Claimed(Claim { reports, .. }) = verdict else { panic!("{verdict:?}") };
    assert!(reports.iter().all(|(_, silent)| *silent == SignerIndex(2)), "{reports:?}");
}

#[test]
fn node_that_says_two_things_in_one_place_is_convicted_with_its_case() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    net.propose(Mode::Committed);
    net.pass(SECOND);
    let join = net
        .said
        .iter()
        .find(|(from, to, said)| (*from, *to) == (1, 0) && said.body().kind() == Kind::SessionJoin);
    let (_, _, said) = join.unwrap().clone();
    let Body::SessionJoin(mut join) = said.body().clone() else { panic!("no join") };
    join.round0 = Round0::Commit(NonceCommit { commitment: [9; 32] });
    let other = envelope(net.now(), 1, said.session(), 1 << 40, Body::SessionJoin(join));
    net.say(1, 0, other);
    let convicted = net.nodes[0].events.iter().find_map(|event| match event {
        Event::Convicted { peer, case, .. } => Some((*peer, *case)),
        _ => None,
    });
    let files = cases(&net, 0);
    let file = files.first().expect("a proof");
    assert_eq!(convicted, Some((peer(1), Some(file.id))));
    assert_eq!(file.kind, CaseKind::Proof);
    let verdict = Case::decode(&file.bytes).unwrap().verify().unwrap();
    let Verdict::Proven(conviction) = verdict else { panic!("{verdict:?}") };
    assert_eq!(conviction.peer, peer(1));
    assert_eq!(conviction.signer.map(|(signer, _)| signer), Some(SignerIndex(1)));
}

#[test]
fn decision_is_told_when_it_is_durable_and_not_before() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id: RequestId = net.propose(Mode::Fast);
    net.pass(SECOND);
    let consent = Event::ConsentDurable { request: id };
    assert_eq!((count(&net, 0, &consent), count(&net, 1, &consent)), (1, 0));
    net.nodes[1].disk_works = false;
    net.approve(1, id).unwrap();
    net.pass(SECOND);
    assert_eq!(count(&net, 1, &consent), 0);
    net.stop(0, id, AbortReason::Cancelled).unwrap();
    net.pass(SECOND);
    let end = Event::EndDurable { request: id };
    assert_eq!((count(&net, 0, &end), count(&net, 1, &end)), (1, 0));
}

#[test]
fn each_node_is_told_once_when_everybody_has_the_signatures() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        let mut net = Net::new(3);
        let id = net.propose(mode);
        let everybody = Event::Everybody { request: id };
        net.pass(HOUR);
        for node in 0..3 {
            assert_eq!(count(&net, node, &everybody), 1, "{mode:?}, node {node}");
        }
    }
    let mut alone = Net::new(1);
    let id = alone.propose(Mode::Fast);
    alone.run();
    assert_eq!(count(&alone, 0, &Event::Everybody { request: id }), 1);
}

#[test]
fn regression_restored_backup_joined_an_attempt_a_second_time() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    let id = net.propose(Mode::Committed);
    net.pass(SECOND);
    assert!(net.count(1, 0, Kind::SessionJoin) > 0);
    for (node, reason) in [(1, AbortReason::Declined), (0, AbortReason::Cancelled)] {
        net.die(node);
        // An older backup of its store: it has the consent, and not yet the join.
        let is_consent = |record: &Record| matches!(record, Record::Consented { .. });
        net.nodes[node].journal.retain(is_consent);
        net.nodes[node].notes.clear();
        let void_until = Some(net.now().unix);
        let backup = signing::Restored::from_records(net.nodes[node].journal.clone());
        assert_eq!(backup.open.len(), 1);
        net.revive_from(node, signing::Restored { void_until, ..backup });
        assert_eq!(voids(&net, node), [(id, group_id(&[0, 1, 2]))]);
        assert_eq!(net.nodes[node].closed_requests(), [(0, reason, None)]);
        net.reconnect(node);
        net.pass(SECOND);
        let is_join = |record: &Record| matches!(record, Record::Joined { .. });
        assert!(!net.nodes[node].journal.iter().any(is_join));
    }
    let is_proof = |event: &Event| matches!(event, Event::Convicted { .. });
    assert!(net.nodes.iter().all(|node| !node.events.iter().any(is_proof)));
}

#[test]
fn regression_consent_that_the_store_refused_was_waited_for_for_ever() {
    let mut net = Net::new(1);
    let held = |net: &Net| {
        let mut all = net.nodes[0].subject.machine().occupancy();
        all.find(|it| it.name == "decisions").unwrap().len
    };
    for number in 0..5 {
        net.nodes[0].disk_works = false;
        let proposal = proposal(&net.people, Mode::Fast);
        let id = net.command(0, |engine, now| engine.propose(now, proposal, [number; 16])).unwrap();
        net.nodes[0].disk_works = true;
        // As a driver does that is told so by its store.
        net.stop(0, id, AbortReason::Cancelled).unwrap();
        net.pass(HOUR);
        assert_eq!((count(&net, 0, &Event::EndDurable { request: id }), held(&net)), (1, 1));
    }
}
