//! Proofs: who pays for them, who is told, and what false ones cost.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_equivocation::Case;
use ensign_primitives::{PeerId, SignerIndex, sha256};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Kind, Mode, NonceCommit, Round0, SessionAbort,
};

use super::{
    cast::{HOUR, peer},
    net::{Net, envelope},
};
use crate::{
    Offense,
    signing::{self, CaseFile, CaseKind, Event, NOTICES_ALLOWED, Record},
};

const SECOND: Duration = Duration::from_secs(1);

fn score(net: &Net, at: usize, of: usize) -> i32 {
    let engine = net.nodes[at].subject.machine();
    engine.reputation().score(net.now().unix, &peer(of))
}

fn is_connected(net: &Net, at: usize, to: usize) -> bool {
    net.nodes[at].subject.machine().link_of(&peer(to)).is_some()
}

/// A node says another join than its first to node 0 alone.
fn contradicts(net: &mut Net, who: usize) {
    let is_join = |said: &Envelope| said.body().kind() == Kind::SessionJoin;
    let join = net.said.iter().find(|(from, _, said)| *from == who && is_join(said));
    let (_, _, said) = join.unwrap().clone();
    let Body::SessionJoin(mut join) = said.body().clone() else { panic!("no join") };
    join.round0 = Round0::Commit(NonceCommit { commitment: [9; 32] });
    let other = envelope(net.now(), who, said.session(), 1 << 40, Body::SessionJoin(join));
    net.say(who, 0, other);
}

/// A group of four in which node `away` is away while `who` contradicts itself; node 0 alone was told
/// both. Returns the file that node 0 keeps.
fn convicted_of(who: usize, away: usize) -> (Net, CaseFile) {
    let mut net = Net::new(4);
    net.nodes[away].approves = false;
    net.propose(Mode::Committed);
    net.pass(SECOND);
    net.cut(away);
    contradicts(&mut net, who);
    net.pass(SECOND);
    let file = proofs(&net, 0).pop().expect("a proof");
    (net, file)
}

fn convicted() -> (Net, CaseFile) {
    convicted_of(1, 3)
}

fn proofs(net: &Net, at: usize) -> Vec<CaseFile> {
    let node = &net.nodes[at];
    let case = |record: &Record| match record {
        Record::Case(file) if file.kind == CaseKind::Proof => Some(file.clone()),
        _ => None,
    };
    node.journal.iter().chain(&node.notes).filter_map(case).collect()
}

fn convictions(net: &Net, at: usize) -> Vec<PeerId> {
    let convicted = |event: &Event| match event {
        Event::Convicted { peer, .. } => Some(*peer),
        _ => None,
    };
    net.nodes[at].events.iter().filter_map(convicted).collect()
}

/// A node brings a file; returns what it is charged with and whether it is told that the file is there.
fn brings(net: &mut Net, from: usize, to: usize, bytes: &[u8]) -> (Vec<Offense>, bool) {
    let (offenses, sent) = (net.nodes[to].offenses().len(), net.sent.len());
    net.deliver(peer(from), to, &Frame::Evidence(bytes.to_vec()).encode());
    let charged = net.nodes[to].offenses().split_off(offenses);
    let charged =
        charged.into_iter().filter(|(who, _)| *who == peer(from)).map(|it| it.1).collect();
    (charged, net.sent[sent..].contains(&(to, from, Kind::EvidenceSeen)))
}

#[test]
fn convicted_node_pays_at_every_node_that_verifies_it_once() {
    let mut net = Net::new(4);
    net.nodes[3].approves = false;
    net.propose(Mode::Committed);
    net.pass(SECOND);
    contradicts(&mut net, 1);
    net.pass(SECOND);
    // Node 0 alone was told both. The others convict by what it hands on, each for itself.
    for at in [0, 2] {
        assert_eq!(score(&net, at, 1), -50, "node {at}");
        let engine = net.nodes[at].subject.machine();
        let why = engine.reputation().why(net.now().unix, &peer(1)).unwrap();
        assert!(why.is_proven && why.causes[0].times == 1, "{why:?}");
        assert_eq!(score(&net, at, 0), 0, "who hands it on is not blamed");
        assert!(is_connected(&net, at, 1), "a member stays");
    }
    contradicts(&mut net, 1);
    net.pass(SECOND);
    assert_eq!(score(&net, 0, 1), -50, "once");
}

#[test]
fn hearsay_changes_nothing() {
    let mut net = Net::new(3);
    net.nodes[2].approves = false;
    net.propose(Mode::Committed);
    net.pass(SECOND);
    let session = net.said.iter().find(|(from, ..)| *from == 1).unwrap().2.session();
    let reason = AbortReason::Equivocation;
    let culprit = Some(SignerIndex(2));
    let abort = Body::SessionAbort(SessionAbort { reason, culprit });
    let said = envelope(net.now(), 1, session, 1 << 40, abort);
    net.say(1, 0, said);
    net.pass(SECOND);
    assert_eq!((score(&net, 0, 2), score(&net, 0, 1)), (0, 0));
    let engine = net.nodes[0].subject.machine();
    assert_eq!(engine.reputation().bars(net.now().unix, &peer(2), false), None);
}

#[test]
fn member_that_was_away_is_told_until_it_has_the_proof_and_penalizes_too() {
    let (mut net, file) = convicted();
    assert_eq!(score(&net, 3, 1), 0);
    net.reconnect(3);
    // What it is sent on its first connection is lost.
    net.lose_frames_to(3);
    net.pass(SECOND);
    assert_eq!(score(&net, 3, 1), 0);
    net.cut(3);
    net.reconnect(3);
    net.pass(SECOND);
    assert_eq!(score(&net, 3, 1), -50);
    assert_eq!(convictions(&net, 3), [peer(1)], "told once, whoever brings it");
    assert!(proofs(&net, 3).iter().all(|it| sha256(&it.bytes) == it.id));
    assert_eq!((score(&net, 3, 0), score(&net, 3, 2)), (0, 0));
    assert!(net.count(0, 3, Kind::Evidence) > 0 && net.count(3, 0, Kind::EvidenceSeen) > 0);
    assert_eq!(net.count(0, 1, Kind::Evidence), 0, "the culprit knows it");
    let sent = net.count(0, 3, Kind::Evidence);
    net.cut(3);
    net.reconnect(3);
    net.pass(HOUR);
    assert_eq!(net.count(0, 3, Kind::Evidence), sent, "not after it has said that it has it");
    assert_eq!((score(&net, 0, 1), proofs(&net, 0)), (-50, vec![file]));
}

#[test]
fn proof_is_told_after_a_restart_and_counts_once_across_it() {
    let (mut net, _) = convicted();
    net.restart(0);
    net.cut(2);
    net.reconnect(3);
    net.pass(SECOND);
    assert_eq!(score(&net, 3, 1), -50);
    assert!(net.count(0, 3, Kind::Evidence) > 0);
    let known = proofs(&net, 3);
    net.restart(3);
    net.pass(SECOND);
    assert_eq!(score(&net, 3, 1), -50);
    let file = known.first().unwrap().bytes.clone();
    assert_eq!(brings(&mut net, 0, 3, &file), (vec![], true));
    assert_eq!(proofs(&net, 3), known, "kept once");
}

#[test]
fn forged_proof_costs_its_bearer_and_nobody_else() {
    let (_, file) = convicted();
    let mut net = Net::new(3);
    let case = Case::decode(&file.bytes).unwrap();
    let mut unsigned = file.bytes.clone();
    *unsigned.last_mut().unwrap() ^= 1;
    let sum = sha256(&unsigned[50..]);
    unsigned[18..50].copy_from_slice(&sum);
    let of_another_session = Case { attempt: case.attempt + 1, ..case }.encode();
    for forged in [&unsigned[..], &of_another_session, b"no file"] {
        let before = score(&net, 0, 2);
        let false_proof = Offense::Signing(signing::Offense::FalseEvidence);
        assert_eq!(brings(&mut net, 2, 0, forged), (vec![false_proof], false));
        assert_eq!((score(&net, 0, 2), score(&net, 0, 1)), (before - 5, 0));
    }
    assert_eq!(brings(&mut net, 2, 0, &file.bytes), (vec![], true));
    assert_eq!(score(&net, 0, 1), -50, "the true one convicts all the same");
}

#[test]
fn proof_of_somebody_unknown_changes_nothing_and_blames_nobody() {
    let (_, file) = convicted_of(3, 1);
    let mut others = Net::new(2);
    assert_eq!(brings(&mut others, 1, 0, &file.bytes), (vec![], true));
    assert_eq!((score(&others, 0, 3), proofs(&others, 0)), (0, vec![]));
}

#[test]
fn proof_from_an_unknown_session_convicts_a_node_of_ours() {
    let (_, file) = convicted();
    let mut others = Net::new(3);
    assert_eq!(brings(&mut others, 2, 0, &file.bytes), (vec![], true));
    assert_eq!((score(&others, 0, 1), score(&others, 0, 2)), (-50, 0));
    others.pass(HOUR);
    assert_eq!(brings(&mut others, 2, 0, &file.bytes), (vec![], true));
    assert_eq!((score(&others, 0, 1), convictions(&others, 0)), (-50, vec![peer(1)]));
}

#[test]
fn proof_about_ourselves_is_told_to_our_user_and_blames_nobody() {
    let (mut net, file) = convicted();
    let before = convictions(&net, 1).len();
    assert_eq!(brings(&mut net, 0, 1, &file.bytes), (vec![], true));
    assert_eq!(convictions(&net, 1).len(), before + 1);
    assert_eq!((score(&net, 1, 1), score(&net, 1, 0)), (0, 0));
    assert_eq!(brings(&mut net, 2, 1, &file.bytes), (vec![], true));
    assert_eq!(convictions(&net, 1).len(), before + 1, "once");
}

#[test]
fn claim_of_silence_that_is_handed_on_is_no_proof() {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    let all_joined =
        |net: &Net| (0..2).all(|it| net.phase(it) == Some(ensign_session::Phase::Revealing));
    assert!(net.run_until(all_joined));
    net.cut(2);
    net.pass(HOUR);
    let claim = net.nodes[0].journal.iter().chain(&net.nodes[0].notes).find_map(|it| match it {
        Record::Case(file) if file.kind == CaseKind::Claim => Some(file.bytes.clone()),
        _ => None,
    });
    let false_proof = Offense::Signing(signing::Offense::FalseEvidence);
    assert_eq!(brings(&mut net, 1, 0, &claim.unwrap()), (vec![false_proof], false));
    assert_eq!(score(&net, 0, 2), 0);
}

#[test]
fn false_proofs_beyond_a_members_budget_are_not_even_read() {
    let mut net = Net::new(2);
    let mut charged = 0;
    for number in 0..3 * NOTICES_ALLOWED.burst {
        // Its connection ends with every fourth one.
        net.connect(0, 1);
        net.run();
        charged += brings(&mut net, 1, 0, &number.to_be_bytes()).0.len();
    }
    assert_eq!(charged as u64, NOTICES_ALLOWED.burst);
}
