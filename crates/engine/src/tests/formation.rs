//! A group forms through whole nodes: frames, records, connections.

use std::{format, vec, vec::Vec};

use ensign_formation::{
    Candidate, Certificate, GREETING_INTERVAL, Happened, InvitationId, Restored as Kept,
    RosterMember,
};
use ensign_primitives::{LinkId, StateMachine};
use ensign_ratelimit::FORMATION_ALLOWED;
use ensign_wire::{FormationMessage, Frame, Kind, Lane, Seat};

use super::{
    cast::{engine_of_boot, key, peer, person},
    net::Net,
};
use crate::{Engine, Input, Output, Record, Restored};

const NAME: &str = "treasury";

fn candidate(index: usize) -> Candidate {
    let (signer, delegation) = (key(index), person(index).delegation);
    let name = format!("person{index}");
    let member = RosterMember { signer, peer: peer(index), delegation, name };
    Candidate { member, addresses: vec![] }
}

/// Person 0 invites, the others join.
fn invited(net: &mut Net, people: usize) {
    let size = people as u8;
    let invite = net.command(0, |engine, now| {
        engine.form(now, |it| it.invite(now, (NAME, size), candidate(0), vec![], [1; 32]))
    });
    let code = invite.unwrap();
    for node in 1..people {
        let (code, entropy) = (code.clone(), [node as u8 + 1; 32]);
        let joined = net.command(node, |engine, now| {
            engine.form(now, |it| it.join(now, code, candidate(node), vec![], entropy))
        });
        joined.unwrap();
    }
    net.run();
}

fn certificates(net: &Net) -> Vec<Option<Certificate>> {
    let of = |engine: &Engine| engine.formation().certificates().next().cloned();
    net.nodes.iter().map(|node| of(node.subject.machine())).collect()
}

#[test]
fn three_nodes_form_a_group_of_one_code() {
    let mut net = Net::apart(3);
    net.connect_all();
    invited(&mut net, 3);
    let mut shown = Vec::new();
    for node in &net.nodes {
        shown.extend(node.formed.iter().filter_map(|event| match &event.what {
            Happened::Fingerprint { fingerprint, .. } => Some(*fingerprint),
            _ => None,
        }));
    }
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().all(|it| *it == shown[0]));
    for node in 0..3 {
        let confirm =
            |engine: &mut Engine, now| engine.form(now, |it| it.confirm(now, NAME, &shown[0]));
        net.command(node, confirm).unwrap();
    }
    net.run();
    let held = certificates(&net);
    assert!(held[0].as_ref().is_some_and(|it| it.verify().is_ok()));
    assert!(held.iter().all(|it| *it == held[0]));
    assert!(net.nodes.iter().all(|node| node.found.is_empty()), "nobody did wrong");
}

#[test]
fn what_was_kept_of_a_formation_goes_on_after_a_start_and_dials_by_itself() {
    let mut net = Net::apart(2);
    invited(&mut net, 2);
    let records: Vec<Vec<u8>> = net.nodes[1].formations.values().flatten().cloned().collect();
    assert_eq!(records.len(), 1);
    let formation = Kept { records, may_be_old: false };
    let restored = Restored { formation, ..Restored::default() };
    let now = net.now();
    let mut engine = engine_of_boot(1, 2, now, restored);
    assert_eq!(engine.formation().views().count(), 1);
    let outputs: Vec<Output> = core::iter::from_fn(|| engine.poll_output()).collect();
    let expects = |it: &Output| matches!(it, Output::Expect { peer: who } if *who == peer(0));
    assert!(outputs.iter().any(expects));
    engine.form(now, |it| it.refuse(now, NAME)).unwrap();
    let gone = core::iter::from_fn(|| engine.poll_output()).find_map(|it| match it {
        Output::Persist { token, record: Record::Formation(record) } => Some((token, record)),
        _ => None,
    });
    let (token, record) = gone.unwrap();
    assert_eq!((record.name.as_str(), record.bytes), (NAME, None));
    engine.handle_input(now, Input::Persisted { token });
}

/// Two nodes that see one fingerprint, and the first one's connection.
fn gathered() -> (Net, LinkId) {
    let mut net = Net::apart(2);
    net.connect_all();
    invited(&mut net, 2);
    let (link, _) = net.nodes[0].subject.machine().link_of(&peer(1)).unwrap();
    (net, link)
}

#[test]
fn regression_a_reader_that_stood_still_kept_the_node_looping() {
    let (mut net, link) = gathered();
    for lane in [Lane::Control, Lane::Signing, Lane::Bulk] {
        for _ in 0..100 {
            let now = net.now();
            let dropped = Input::Dropped { link, lane, frames: 1 };
            let said = net.nodes[0].subject.input(now, dropped);
            assert!(!said.iter().any(|it| matches!(it, Output::Send { .. })), "{lane:?}");
        }
    }
    net.now = net.now.after(GREETING_INTERVAL);
    let later = net.now();
    let said = net.nodes[0].subject.wake(later);
    assert!(said.iter().any(|it| matches!(it, Output::Send { .. })), "it is said after a while");
}

#[test]
fn flood_of_words_about_groups_that_form_is_bounded() {
    let (mut net, _) = gathered();
    let (invitation, candidate) = (InvitationId([9; 16]), vec![1]);
    let seat = Seat { invitation, proof: [0; 32], candidate };
    let frame = Frame::Formation(FormationMessage::Seat(seat)).encode();
    let mut answers = 0;
    for _ in 0..FORMATION_ALLOWED.burst + 100 {
        let now = net.now();
        let (kind, body) = (Kind::FormationSeat, frame[frame.len() - 50..].to_vec());
        let (link, _) = net.nodes[0].subject.machine().link_of(&peer(1)).unwrap();
        let said = net.nodes[0].subject.input(now, Input::Frame { link, kind, body });
        answers += said.iter().filter(|it| matches!(it, Output::Send { .. })).count() as u64;
    }
    assert!(answers > 0 && answers <= FORMATION_ALLOWED.burst, "{answers} answers");
    assert!(net.nodes[0].subject.machine().link_of(&peer(1)).is_some(), "who is wanted stays");
}
