//! What a reviewer found: who costs us too much, who pays for another, and what ends in silence.

use std::{boxed::Box, string::ToString, vec, vec::Vec};

use ensign_peers::{Input as Ask, Peers, PeersConfig, Why};
use ensign_primitives::{StateMachine as _, UnixTime};
use ensign_wire::{
    FormationBody, FormationMessage, FormationStatement, Frame, Roster, RosterOffer, Seat, Signed,
};

use super::{
    cast::{CONFIG, NAME, NETWORK, at, candidate, key, machine, member, peer},
    world::World,
};
use crate::{
    CLOCK_AHEAD_MAX, CommandError, Ended, Formation, GREETING_INTERVAL, Happened,
    INVITATION_LIFETIME, Input, Invitation, Output, Record, Restored, Step, round::Statement,
    voided,
};

/// The first invites, all others have their code.
fn invited(people: &[u8]) -> (World, Invitation) {
    let mut world = World::new(people);
    let size = people.len() as u8;
    let invite = |it: &mut Formation, now| {
        it.invite(now, (NAME, size), candidate(0), vec![], [1; 32]).unwrap()
    };
    let code = world.act(0, invite).unwrap();
    for node in 1..people.len() {
        let (code, own) = (code.clone(), candidate(node as u8));
        world.act(node, |it, now| it.join(now, code, own, vec![], [node as u8 + 7; 32]).unwrap());
    }
    (world, code)
}

/// Three who see one fingerprint.
fn gathered() -> World {
    let (mut world, _) = invited(&[0, 1, 2]);
    [(0, 1), (0, 2), (1, 2)].into_iter().for_each(|(one, other)| world.connect(one, other));
    world.run();
    world
}

/// Three, of whom the first two have confirmed.
fn confirmed_by_two() -> World {
    let mut world = gathered();
    let fingerprint = world.fingerprint(0).unwrap();
    for node in [0, 1] {
        world.act(node, |it, now| it.confirm(now, NAME, &fingerprint).unwrap());
    }
    world.run();
    world
}

fn says(by: u8, roster: &Roster, seq: u64, body: FormationBody) -> Statement {
    let signer = roster.index_of(&peer(by)).unwrap();
    let said = FormationStatement { roster: roster.digest(), signer, body };
    Signed::new(&key(by), NETWORK, seq, at(0).unix, said).unwrap()
}

fn bring(world: &mut World, to: usize, by: u8, statement: &Statement) {
    let message = FormationMessage::Statement(Box::new(statement.clone()));
    world.input(to, Input::Message { peer: peer(by), message });
}

fn told(world: &World, node: usize, is_it: fn(&Happened) -> bool) -> usize {
    world.happened(node).filter(|it| is_it(it)).count()
}

/// Lets the time of a greeting come.
fn wait_for_greeting(world: &mut World, node: usize) {
    world.now += GREETING_INTERVAL.as_millis() as u64;
    world.act(node, |it, now| it.handle_timeout(now));
}

#[test]
fn regression_frames_that_did_not_leave_were_said_again_at_once() {
    let mut world = gathered();
    let before = world.said.len();
    (0..1000).for_each(|_| world.input(0, Input::Dropped { peer: peer(2) }));
    assert_eq!(world.said.len(), before, "a reader that stands still keeps a loop running");
    wait_for_greeting(&mut world, 0);
    let once = world.said.len() - before;
    assert!(once > 0, "what did not leave is said again");
    world.act(0, |it, now| it.handle_timeout(now));
    assert_eq!(world.said.len() - before, once, "and once");
}

#[test]
fn regression_a_certificate_that_did_not_leave_was_not_said_again() {
    let mut world = gathered();
    let fingerprint = world.fingerprint(0).unwrap();
    (0..3).for_each(|node| drop(world.act(node, |it, now| it.confirm(now, NAME, &fingerprint))));
    // Nothing gets through to the second any more.
    for _ in 0..100 {
        world.ways.retain(|way| way.to != 1);
        world.deliver(0);
        (0..3).for_each(|node| _ = world.persist(node));
    }
    assert!(world.certificate(0).is_some() && world.certificate(1).is_none());
    world.input(0, Input::Dropped { peer: peer(1) });
    wait_for_greeting(&mut world, 0);
    world.run();
    assert!(world.certificate(1).is_some());
}

#[test]
fn regression_a_seat_asked_for_again_brought_everything_each_time() {
    let mut world = gathered();
    let is_seat = |message: &FormationMessage| matches!(message, FormationMessage::Seat(_));
    let seat = world.said.iter().find(|way| way.from == 2 && is_seat(&way.message)).unwrap();
    let seat = seat.message.clone();
    let size = |message: &FormationMessage| Frame::Formation(message.clone()).encode().len();
    let before = world.said.len();
    for _ in 0..1000 {
        world.input(0, Input::Message { peer: peer(2), message: seat.clone() });
    }
    let brings: usize = world.said[before..].iter().map(|way| size(&way.message)).sum();
    assert!(brings < 1000 * size(&seat), "{brings} bytes");
    // Who has lost everything and asks again is answered after a while.
    let before = world.said.len();
    wait_for_greeting(&mut world, 0);
    assert!(world.said.len() > before);
}

#[test]
fn regression_who_handed_on_what_a_third_said_was_blamed_for_it() {
    let (mut world, _) = invited(&[0, 1, 2, 3]);
    for (one, other) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)] {
        world.connect(one, other);
    }
    let by_hand = |message: &FormationMessage| matches!(message, FormationMessage::Statement(_));
    for _ in 0..300 {
        world.deliver(0);
        (0..2).for_each(|node| _ = world.persist(node));
        world.ways.retain(|way| way.from < 2 || !by_hand(&way.message));
    }
    let Some(Step::Revealing { roster, .. }) = world.step(1) else { panic!("no roster") };
    // One member says different things to both who are honest, while another keeps silent.
    for seq in 1..6 {
        let seq = seq + at(0).unix.as_millis();
        for (to, hash) in [(1, [2; 32]), (0, [1; 32])] {
            bring(&mut world, to, 2, &says(2, &roster, seq, FormationBody::Commit(hash)));
        }
        world.ways.retain(|way| way.to < 2);
        while world.deliver(0) {}
    }
    for (node, honest) in [(0, 1), (1, 0)] {
        assert!(world.nodes[node].offenses.iter().all(|(by, _)| *by != peer(honest)));
    }
    let by = roster.index_of(&peer(2)).unwrap();
    let accused = Happened::Contradicts { by };
    assert_eq!(world.happened(1).filter(|it| **it == accused).count(), 1, "its user hears, once");
}

#[test]
fn regression_one_refusal_was_told_as_often_as_it_was_said() {
    let mut world = confirmed_by_two();
    let Some(Step::Confirming { roster, .. }) = world.step(0) else { panic!("no fingerprint") };
    let refusal = says(2, &roster, at(0).unix.as_millis(), FormationBody::Refuse);
    let before = world.said.len();
    (0..1000).for_each(|_| bring(&mut world, 0, 2, &refusal));
    assert_eq!(told(&world, 0, |it| matches!(it, Happened::Refused { .. })), 1);
    assert!(world.said.len() - before <= 1, "handed on once");
}

#[test]
fn regression_each_statement_was_answered_with_our_refusal() {
    let mut world = confirmed_by_two();
    world.act(2, |it, now| it.refuse(now, NAME).unwrap());
    world.run();
    let old = world.said.iter().rfind(|way| {
        way.from == 0
            && matches!(&way.message, FormationMessage::Statement(it) if it.sender() == peer(0))
    });
    let message = old.unwrap().message.clone();
    let before = world.said.len();
    for _ in 0..1000 {
        let message = message.clone();
        world.input(2, Input::Message { peer: peer(0), message });
    }
    assert!(world.said.len() - before <= 1, "{} answers", world.said.len() - before);
}

#[test]
fn regression_one_seat_was_told_as_often_as_it_was_said() {
    let (mut world, _) = invited(&[0, 1, 2]);
    world.connect(0, 1);
    world.run();
    let is_seated = |message: &FormationMessage| matches!(message, FormationMessage::Seated(_));
    let seated = world.said.iter().find(|way| way.to == 1 && is_seated(&way.message)).unwrap();
    let seated = seated.message.clone();
    for _ in 0..1000 {
        world.input(1, Input::Message { peer: peer(0), message: seated.clone() });
    }
    assert_eq!(told(&world, 1, |it| matches!(it, Happened::Seated { .. })), 1);
}

#[test]
fn regression_the_address_in_a_newer_code_was_not_dialled() {
    let mut inviter = machine(0, at(0), vec![]);
    let mut joiner = machine(1, at(0), vec![]);
    for (number, name) in (0..).zip(["one", "two"]) {
        let code = inviter.invite(at(number), (name, 2), candidate(0), vec![], [3; 32]).unwrap();
        let address = std::format!("192.0.2.77:{}", 1 + number).parse().unwrap();
        joiner.join(at(number), code, candidate(1), vec![address], [4; 32]).unwrap();
        let mut first = None;
        while let Some(output) = joiner.poll_output() {
            if let Output::Ask(Ask::Want { addresses, .. }) = output {
                first = addresses.first().copied();
            }
        }
        assert_eq!(first, Some(address), "the latest first");
    }
}

#[test]
fn regression_a_roster_pushed_out_where_a_member_of_another_group_is() {
    let (mut world, code) = invited(&[0, 1, 2]);
    world.connect(0, 1);
    world.run();
    let mut victim = world.nodes[1].machine.take().unwrap();
    // The third never joined: its delegation is in every code of its own.
    let mut members: Vec<_> = [0, 1, 2].map(member).into();
    members.sort_by_key(|it| it.signer);
    let invitation = Some(code.id());
    let roster = Roster { network: NETWORK, name: NAME.to_string(), invitation, members };
    let mut addresses = vec![vec![]; 3];
    addresses[roster.index_of(&peer(2)).unwrap().as_usize()] =
        (1..9).map(|n| std::format!("198.51.100.{n}:9").parse().unwrap()).collect();
    let message = FormationMessage::Roster(RosterOffer { roster, addresses }.encode());
    victim.handle_input(at(0), Input::Message { peer: peer(0), message });
    let mut book = Peers::new(PeersConfig::default(), [0; 32], Default::default());
    let true_one = "192.0.2.2:4820".parse().unwrap();
    book.know(peer(2), &[true_one]).unwrap();
    book.want(at(0), peer(2), Why::Member).unwrap();
    let asked = |book: &mut Peers, victim: &mut Formation| {
        while let Some(output) = victim.poll_output() {
            if let Output::Ask(ask) = output {
                book.handle_input(at(0), ask);
            }
        }
        book.addresses(&peer(2)).collect::<Vec<_>>()
    };
    let known = asked(&mut book, &mut victim);
    assert_eq!((known.first(), known.len()), (Some(&true_one), 9), "claims come last");
    victim.refuse(at(0), NAME).unwrap();
    assert_eq!(asked(&mut book, &mut victim), [true_one], "and leave with the group");
}

#[test]
fn regression_a_code_of_all_times_held_a_place_for_ever() {
    let mut inviter = machine(0, at(0), vec![]);
    let mut code = inviter.invite(at(0), (NAME, 2), candidate(0), vec![], [3; 32]).unwrap();
    code.expires = UnixTime::from_millis(u64::MAX);
    let code: Invitation = code.to_string().parse().unwrap();
    let mut joiner = machine(1, at(0), vec![]);
    joiner.join(at(0), code, candidate(1), vec![], [4; 32]).unwrap();
    let longest = (INVITATION_LIFETIME + CLOCK_AHEAD_MAX).as_millis() as u64;
    joiner.handle_timeout(at(longest));
    assert_eq!(joiner.views().count(), 0);
}

#[test]
fn regression_a_closed_invitation_was_not_told_to_who_has_a_seat() {
    let (mut world, code) = invited(&[0, 1, 2]);
    world.connect(0, 1);
    world.connect(0, 2);
    world.deliver(0);
    for _ in 0..8 {
        let (invitation, candidate) = (code.id(), candidate(2).encode());
        let message = FormationMessage::Seat(Seat { invitation, proof: [0; 32], candidate });
        world.input(0, Input::Message { peer: peer(2), message });
    }
    world.run();
    assert!(world.step(0).is_none());
    assert!(world.step(1).is_none(), "waits for who has closed");
}

#[test]
fn regression_a_formation_whose_time_was_over_ended_in_silence() {
    let mut world = gathered();
    world.now += crate::FORMATION_LIFETIME.as_millis() as u64;
    world.act(1, |it, now| it.handle_timeout(now));
    world.run();
    let by = |it: &Happened| matches!(it, Happened::Ended(Ended::Refused { .. }));
    assert_eq!((told(&world, 0, by), told(&world, 2, by)), (1, 1));
}

#[test]
fn regression_a_store_that_was_restored_was_forgotten_before_what_it_ended() {
    let world = gathered();
    let old: Vec<_> = world.nodes[1].disk.values().cloned().collect();
    let records: Vec<_> = old.iter().filter_map(|it| voided(it)?.bytes).collect();
    assert_eq!(records.len(), old.len(), "nobody has confirmed");
    // Its process dies before the removal is durable, and the store is not known to be old any more.
    for _ in 0..2 {
        let restored = Restored { records: records.clone(), may_be_old: false };
        let mut formation = Formation::new(CONFIG, key(1), at(5), restored);
        assert_eq!(formation.views().count(), 0, "goes on with a value that may be known");
        let said: Vec<_> = core::iter::from_fn(|| formation.poll_output()).collect();
        let ended = Happened::Ended(Ended::StoreRestored);
        assert!(said.iter().any(|it| matches!(it, Output::Event(it) if it.what == ended)));
        let is_removal =
            |it: &Output| matches!(it, Output::Persist { record: Record { bytes: None, .. }, .. });
        assert!(said.iter().any(is_removal));
    }
    let world = confirmed_by_two();
    assert_eq!(world.nodes[1].disk.values().filter_map(|it| voided(it)).count(), 0);
}

#[test]
fn regression_what_cannot_become_whole_could_be_confirmed() {
    let mut world = gathered();
    let Some(Step::Confirming { roster, fingerprint, .. }) = world.step(0) else { panic!("none") };
    let other = FormationBody::Confirm(key(2).sign(&[9; 32]));
    let seq = at(0).unix.as_millis();
    bring(&mut world, 0, 2, &says(2, &roster, seq, other));
    let by = roster.index_of(&peer(2)).unwrap();
    let refused = world.act(0, |it, now| it.confirm(now, NAME, &fingerprint)).unwrap();
    assert_eq!(refused, Err(CommandError::Differs { by }));
}

#[test]
fn regression_the_random_value_was_printed() {
    let mut joiner = machine(1, at(0), vec![]);
    let mut inviter = machine(0, at(0), vec![]);
    let code = inviter.invite(at(0), (NAME, 2), candidate(0), vec![], [3; 32]).unwrap();
    joiner.join(at(0), code, candidate(1), vec![], [77; 32]).unwrap();
    joiner.handle_input(at(0), Input::Up { peer: peer(0), exporter: [88; 32] });
    let printed = std::format!("{joiner:?}");
    assert!(!printed.contains("77, 77") && !printed.contains("88, 88"));
}
