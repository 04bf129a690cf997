//! Proofs: who pays for them, who is told, and what false ones cost.

use core::time::Duration;
use std::{boxed::Box, vec, vec::Vec};

use ensign_equivocation::{Case, Charge, Evidence};
use ensign_primitives::{PeerId, SignerIndex, sha256};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Kind, Mode, NonceCommit, Round0, SessionAbort,
    SigningRequest,
};

use super::{
    cast::{HOUR, peer},
    net::{Net, envelope},
};
use crate::{
    Offense,
    signing::{
        self, CaseFile, CaseKind, Event, NOTICE_AGAIN, NOTICE_PAUSE, NOTICES_ALLOWED, NOTICES_MAX,
        PROOFS_OF_ONE_MAX, Record,
    },
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

/// A group in which node `away` is away while `who` contradicts itself; node 0 alone was told both. Returns
/// the file that node 0 keeps.
fn convicted_in(size: usize, (who, away): (usize, usize)) -> (Net, CaseFile) {
    let mut net = Net::new(size);
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
    convicted_in(4, (1, 3))
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
    let (_, file) = convicted_in(4, (3, 1));
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

/// Another lie of a node, in a session that it makes up, as a proof about itself.
fn made_up(net: &Net, file: &CaseFile, who: usize, number: u8) -> Vec<u8> {
    let case = Case::decode(&file.bytes).unwrap();
    let Charge::Proof { evidence: Evidence::Conflict { first, .. }, .. } = &case.charge else {
        panic!("no conflict")
    };
    let Body::SessionJoin(join) = first.body().clone() else { panic!("no join") };
    let mut request = case.request;
    request.nonce = [number; 16];
    let session = SigningRequest::session_id(request.id(), request.network, 1);
    let said = |commitment| {
        let mut join = join.clone();
        join.round0 = Round0::Commit(NonceCommit { commitment: [commitment; 32] });
        Box::new(envelope(net.now(), who, session, 5, Body::SessionJoin(join)))
    };
    let evidence = Evidence::conflict(said(1), said(2));
    let charge = Charge::Proof { speaks_for: None, evidence };
    Case { request, attempt: 1, charge }.encode()
}

/// Node 2 brings node 0 many proofs about itself, as fast as they are read.
fn floods(net: &mut Net, file: &CaseFile, numbers: core::ops::Range<u8>) {
    for number in numbers {
        let proof = made_up(net, file, 2, number);
        net.connect(0, 2);
        net.run();
        assert!(brings(net, 2, 0, &proof).1, "it is read");
        net.pass(10 * SECOND);
    }
}

#[test]
fn convicted_member_makes_us_keep_a_few_proofs_about_itself() {
    let (mut net, file) = convicted();
    let kept = usize::from(PROOFS_OF_ONE_MAX);
    floods(&mut net, &file, 0..60);
    assert_eq!(proofs(&net, 0).len(), 1 + kept, "and the one about node 1");
    assert_eq!(convictions(&net, 0).iter().filter(|it| **it == peer(2)).count(), kept);
    let proven = |(who, offense): &&(PeerId, Offense)| {
        *who == peer(2)
            && matches!(
                offense,
                Offense::Signing(signing::Offense::Session(ensign_session::Offense::Proven(_)))
            )
    };
    assert_eq!(net.nodes[0].offenses().iter().filter(proven).count(), kept, "urgent records");
    net.restart(0);
    floods(&mut net, &file, 100..110);
    assert_eq!(proofs(&net, 0).len(), 1 + kept, "a restart changes nothing");
}

#[test]
fn member_convicted_in_sessions_counts_by_the_same_rule() {
    let (_, file) = convicted();
    let mut net = Net::new(4);
    net.nodes[3].approves = false;
    net.propose(Mode::Committed);
    net.pass(SECOND);
    for number in 0..PROOFS_OF_ONE_MAX {
        let proof = made_up(&net, &file, 1, number);
        assert!(brings(&mut net, 2, 0, &proof).1);
    }
    let before = (convictions(&net, 0).len(), proofs(&net, 0));
    assert_eq!(before.0, usize::from(PROOFS_OF_ONE_MAX));
    // Its next lie is said to node 0 in a session of all.
    net.connect(0, 1);
    net.run();
    contradicts(&mut net, 1);
    net.pass(SECOND);
    assert_eq!((convictions(&net, 0).len(), proofs(&net, 0)), before);
    let again = (peer(1), Offense::Signing(signing::Offense::ProvenAgain));
    assert!(net.nodes[0].offenses().contains(&again));
}

#[test]
fn lie_is_not_hidden_behind_an_accomplices() {
    let (mut net, file) = convicted();
    net.cut(1);
    floods(&mut net, &file, 0..40);
    // Node 0 is the only one from whom node 3 can have it.
    net.cut(1);
    net.cut(2);
    net.connect(0, 3);
    net.run();
    net.pass(SECOND);
    assert!(!is_connected(&net, 3, 1) && !is_connected(&net, 3, 2));
    assert!(proofs(&net, 3).contains(&file));
    assert_eq!(score(&net, 3, 1), -50);
}

#[test]
fn proof_that_was_not_read_is_told_again_while_connected() {
    let (_, file) = convicted();
    let mut net = Net::new(4);
    net.pass(SECOND);
    assert!(brings(&mut net, 2, 0, &file.bytes).1);
    net.lose_frames_to(3);
    net.pass(NOTICE_PAUSE + SECOND);
    assert_eq!(net.count(0, 3, Kind::Evidence), 1);
    assert_eq!(proofs(&net, 3), []);
    // Every connection stays; from here on it hears again.
    net.connect_all();
    net.pass(NOTICE_AGAIN + SECOND);
    assert!(proofs(&net, 3).contains(&file) && is_connected(&net, 3, 0));
    let sent = net.count(0, 3, Kind::Evidence);
    net.pass(HOUR);
    assert_eq!(net.count(0, 3, Kind::Evidence), sent, "not after it has said that it has it");
}

#[test]
fn after_a_restart_no_kept_proof_counts_again_and_each_culprits_are_told() {
    let (culprits, bearer, away) = (2..11, 1, 11);
    // Node 1 lies itself once, and brings the others' lies.
    let (mut net, file) = convicted_in(12, (bearer, away));
    let mut files = vec![file.bytes.clone()];
    for of in culprits.clone() {
        for number in 0..PROOFS_OF_ONE_MAX {
            let proof = made_up(&net, &file, of, number);
            assert!(brings(&mut net, bearer, 0, &proof).1, "it is read");
            files.push(proof);
            net.pass(10 * SECOND);
        }
    }
    assert!(files.len() > NOTICES_MAX);
    assert_eq!(proofs(&net, 0).len(), files.len());
    net.restart(0);
    net.connect(0, bearer);
    net.run();
    let (kept, told) = (proofs(&net, 0), convictions(&net, 0).len());
    for proof in &files {
        assert_eq!(brings(&mut net, bearer, 0, proof), (vec![], true));
    }
    assert_eq!((proofs(&net, 0), convictions(&net, 0).len()), (kept, told));
    // Node 0 alone tells it.
    (1..away).for_each(|other| net.cut(other));
    net.connect(0, away);
    net.run();
    net.pass(SECOND);
    let known = convictions(&net, away);
    assert!(culprits.into_iter().all(|of| known.contains(&peer(of))), "{known:?}");
}
