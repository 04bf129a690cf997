//! Who gets a seat, and who does not.

use std::{vec, vec::Vec};

use ensign_primitives::{PeerId, StateMachine as _};
use ensign_wire::{
    Candidate, FormationMessage, RosterOffer, Seat, SeatAnswer, SeatRefusal, Seated,
};

use super::{
    cast::{NAME, at, candidate, member, peer, roster},
    world::World,
};
use crate::{
    CommandError, Ended, GREETING_INTERVAL, Happened, INVITATION_LIFETIME, Input, Invitation,
    Offense, SEATS_SAID_AGAIN_MAX, Step, WRONG_PROOFS_MAX,
    proof::{About, Side, prove},
};

/// Person 0 invites for three; the others are connected with it.
fn invited(people: &[u8]) -> (World, Invitation) {
    let mut world = World::new(people);
    let code = world
        .act(0, |it, now| it.invite(now, (NAME, 3), candidate(0), vec![], [1; 32]).unwrap())
        .unwrap();
    (1..people.len()).for_each(|node| world.connect(0, node));
    (world, code)
}

fn join(world: &mut World, node: usize, code: &Invitation) {
    let (own, code) = (candidate(world.nodes[node].person), code.clone());
    world.act(node, |it, now| it.join(now, code, own, vec![], [node as u8; 32]).unwrap());
    world.run();
}

fn ended(world: &World, node: usize) -> Option<Ended> {
    world.happened(node).find_map(|it| match it {
        Happened::Ended(why) => Some(*why),
        _ => None,
    })
}

/// A seat asked for by a node that knows the code, whatever it puts in.
fn seat(code: &Invitation, joiner: &PeerId, exporter: &[u8; 32], candidate: &Candidate) -> Seat {
    let candidate = candidate.encode();
    let about = About { side: Side::Joiner, joiner, exporter, candidate: &candidate };
    Seat { invitation: code.id(), proof: prove(code, about), candidate }
}

/// What person 0 answers to a seat that person 8 asks for on a connection of its own.
fn answered(world: &mut World, seat: Seat) -> Option<SeatAnswer> {
    let before = world.said.len();
    world.input(0, Input::Message { peer: peer(8), message: FormationMessage::Seat(seat) });
    world.said[before..].iter().find_map(|way| match &way.message {
        FormationMessage::Seated(Seated { answer, .. }) => Some(*answer),
        _ => None,
    })
}

const EXPORTER: [u8; 32] = [0xe8; 32];

/// A world in which person 8, a process that says nothing by itself, is connected.
fn with_stranger() -> (World, Invitation) {
    let (mut world, code) = invited(&[0, 1, 2, 8]);
    world.input(0, Input::Up { peer: peer(8), exporter: EXPORTER });
    (world, code)
}

fn refused(why: SeatRefusal) -> Option<SeatAnswer> {
    Some(SeatAnswer::Refused(why))
}

#[test]
fn three_who_have_the_code_compare_and_hold_one_certificate() {
    let (mut world, code) = invited(&[0, 1, 2]);
    join(&mut world, 1, &code);
    assert!(
        matches!(world.step(0), Some(Step::Inviting { seated, size: 3, .. }) if seated.len() == 2)
    );
    assert!(matches!(world.step(1), Some(Step::Joining { is_seated: true, .. })));
    join(&mut world, 2, &code);
    assert_eq!(world.fingerprint(0), world.fingerprint(2));
    assert_eq!(world.certificate(0), None, "nobody has confirmed");
    world.compare(&[0, 1, 2]);
    world.run();
    let certificate = world.certificate(0).unwrap();
    assert_eq!(certificate.verify(), Ok(()));
    assert_eq!(certificate.roster.invitation, Some(code.id()));
    for node in 1..3 {
        assert_eq!(world.certificate(node).as_ref(), Some(&certificate));
        assert!(world.happened(node).any(|it| matches!(it, Happened::Formed { .. })));
    }
}

#[test]
fn a_code_that_is_used_twice_gives_one_seat() {
    let (mut world, code) = with_stranger();
    let one = seat(&code, &peer(8), &EXPORTER, &candidate(8));
    assert!(matches!(answered(&mut world, one.clone()), Some(SeatAnswer::Taken { taken: 2, .. })));
    assert!(matches!(answered(&mut world, one), Some(SeatAnswer::Taken { taken: 2, .. })));
    let mut renamed = candidate(8);
    renamed.member.name = "other".into();
    let other = seat(&code, &peer(8), &EXPORTER, &renamed);
    assert_eq!(answered(&mut world, other), refused(SeatRefusal::Occupied));
}

#[test]
fn a_key_or_a_name_has_one_seat_and_a_fourth_has_none() {
    let (mut world, code) = with_stranger();
    for name in ["PERSON0", "pers0nO"] {
        let mut named = candidate(8);
        named.member.name = name.into();
        let named = seat(&code, &peer(8), &EXPORTER, &named);
        assert_eq!(answered(&mut world, named), refused(SeatRefusal::Occupied), "{name}");
    }
    join(&mut world, 1, &code);
    join(&mut world, 2, &code);
    let late = seat(&code, &peer(8), &EXPORTER, &candidate(8));
    assert_eq!(answered(&mut world, late), refused(SeatRefusal::Full));
}

#[test]
fn somebody_elses_seat_or_key_is_refused_as_an_offense() {
    let (mut world, code) = with_stranger();
    let theirs = seat(&code, &peer(8), &EXPORTER, &candidate(1));
    assert_eq!(answered(&mut world, theirs), refused(SeatRefusal::Invalid));
    let mut stolen = candidate(8);
    stolen.member.signer = member(1).signer;
    let stolen = seat(&code, &peer(8), &EXPORTER, &stolen);
    assert_eq!(answered(&mut world, stolen), refused(SeatRefusal::Invalid));
    assert_eq!(world.nodes[0].offenses.len(), 2);
}

#[test]
fn a_proof_of_another_connection_closes_the_invitation_after_eight() {
    let (mut world, code) = with_stranger();
    let relayed = seat(&code, &peer(1), &[0x77; 32], &candidate(1));
    let elsewhere = seat(&code, &peer(8), &[0x77; 32], &candidate(8));
    for number in 1..=WRONG_PROOFS_MAX {
        let wrong = if number % 2 == 0 { relayed.clone() } else { elsewhere.clone() };
        assert_eq!(answered(&mut world, wrong), refused(SeatRefusal::WrongProof));
    }
    assert_eq!(ended(&world, 0), Some(Ended::WrongProofs));
    let right = seat(&code, &peer(8), &EXPORTER, &candidate(8));
    assert_eq!(answered(&mut world, right), refused(SeatRefusal::Unknown));
    let invitation = code.id();
    let offense = (peer(8), Offense::WrongProof { invitation });
    assert_eq!(world.nodes[0].offenses, vec![offense; WRONG_PROOFS_MAX.into()]);
}

#[test]
fn a_changed_code_is_one_that_nobody_gave_out() {
    let (mut world, code) = invited(&[0, 1]);
    let larger = Invitation { size: 4, ..code };
    join(&mut world, 1, &larger);
    assert_eq!(ended(&world, 1), Some(Ended::NotSeated(SeatRefusal::Unknown)));
    assert_eq!(world.step(1), None);
}

#[test]
fn after_an_hour_a_code_is_over_on_both_sides() {
    let (mut world, code) = with_stranger();
    world.now = INVITATION_LIFETIME.as_millis() as u64;
    let (own, late) = (candidate(1), code.clone());
    let joined = world.act(1, |it, now| it.join(now, late, own, vec![], [1; 32])).unwrap();
    assert_eq!(joined, Err(CommandError::Expired { expires: code.expires }));
    let seat = seat(&code, &peer(8), &EXPORTER, &candidate(8));
    assert_eq!(answered(&mut world, seat), refused(SeatRefusal::Expired));
    world.act(0, ensign_primitives::StateMachine::handle_timeout);
    assert_eq!(ended(&world, 0), Some(Ended::Expired));
}

#[test]
fn an_inviter_without_the_secret_is_not_believed() {
    let (mut world, code) = invited(&[0, 1]);
    let own = candidate(1);
    let code_of = code.clone();
    world.act(1, |it, now| it.join(now, code_of, own, vec![], [1; 32]).unwrap());
    let answer = SeatAnswer::Taken { proof: [0; 32], taken: 2 };
    let message = FormationMessage::Seated(Seated { invitation: code.id(), answer });
    world.input(1, Input::Message { peer: peer(0), message });
    assert_eq!(ended(&world, 1), Some(Ended::NotSeated(SeatRefusal::WrongProof)));
}

#[test]
fn a_roster_that_is_not_what_the_code_said_is_refused() {
    let (mut world, code) = invited(&[0, 1]);
    join(&mut world, 1, &code);
    let right = || {
        let mut roster = roster(&[0, 1, 2]);
        roster.invitation = Some(code.id());
        roster
    };
    let mut renamed = right();
    renamed.name = "other".into();
    let mut smaller = roster(&[0, 1]);
    smaller.invitation = Some(code.id());
    let mut without_us = roster(&[0, 2, 3]);
    without_us.invitation = Some(code.id());
    let mut forged = right();
    let at = forged.index_of(&peer(2)).unwrap().as_usize();
    forged.members[at].delegation = member(3).delegation;
    for wrong in [renamed, smaller, without_us, forged] {
        let addresses = wrong.members.iter().map(|_| Vec::new()).collect();
        let bytes = RosterOffer { roster: wrong, addresses }.encode();
        let message = FormationMessage::Roster(bytes);
        world.input(1, Input::Message { peer: peer(0), message });
        assert!(matches!(world.step(1), Some(Step::Joining { is_seated: true, .. })));
        assert_eq!(world.nodes[1].offenses.pop(), Some((peer(0), Offense::WrongRoster)));
    }
    let offer = RosterOffer { roster: right(), addresses: vec![vec![]; 3] };
    let message = FormationMessage::Roster(offer.encode());
    world.input(1, Input::Message { peer: peer(0), message });
    assert!(matches!(world.step(1), Some(Step::Revealing { .. })));
}

#[test]
fn nobody_without_a_seat_makes_us_read_a_roster() {
    let mut world = World::new(&[0, 1]);
    world.connect(0, 1);
    let message = FormationMessage::Roster(vec![0xff; 64]);
    world.input(0, Input::Message { peer: peer(1), message });
    assert_eq!(world.nodes[0].offenses, []);
}

#[test]
fn who_gives_up_tells_those_who_have_seats() {
    let (mut world, code) = invited(&[0, 1]);
    join(&mut world, 1, &code);
    world.act(0, |it, now| it.refuse(now, NAME).unwrap());
    world.run();
    assert_eq!(ended(&world, 1), Some(Ended::NotSeated(SeatRefusal::Closed)));
}

#[test]
fn commands_outside_their_limits_change_nothing() {
    let mut world = World::new(&[0]);
    let now = at(0);
    world.act(0, |it, _| {
        for size in [0, 1, 65] {
            let own = candidate(0);
            let refused = it.invite(now, (NAME, size), own, vec![], [1; 32]).unwrap_err();
            assert!(matches!(refused, CommandError::Limits(_)), "{size}");
        }
        let own = candidate(0);
        assert!(it.invite(now, ("a/b", 3), own, vec![], [1; 32]).is_err());
        let refused = it.invite(now, (NAME, 3), candidate(1), vec![], [1; 32]).unwrap_err();
        assert_eq!(refused, CommandError::NotOurs);
        let code = it.invite(now, (NAME, 3), candidate(0), vec![], [1; 32]).unwrap();
        let refused = it.join(now, code, candidate(0), vec![], [1; 32]).unwrap_err();
        assert_eq!(refused, CommandError::OwnInvitation);
        let refused = it.invite(now, (NAME, 3), candidate(0), vec![], [1; 32]).unwrap_err();
        assert_eq!(refused, CommandError::NameTaken { name: NAME.into() });
        assert_eq!(it.views().count(), 1);
    });
}

#[test]
fn regression_a_seat_that_was_not_heard_was_not_asked_for_again() {
    let (mut world, code) = invited(&[0, 1]);
    let asked = |world: &World| {
        let seats =
            world.said.iter().filter(|way| matches!(way.message, FormationMessage::Seat(_)));
        seats.count()
    };
    let own = candidate(world.nodes[1].person);
    world.act(1, |it, now| it.join(now, code.clone(), own, vec![], [1; 32]).unwrap());
    world.persist(1);
    let first = asked(&world);
    // Nothing gets through, as behind an address that asks too much.
    let wait = |world: &mut World, is_heard: bool| {
        if !is_heard {
            world.ways.clear();
        }
        world.now += GREETING_INTERVAL.as_millis() as u64;
        world.act(1, |it, now| it.handle_timeout(now));
    };
    for time in 1..=3 {
        wait(&mut world, false);
        assert_eq!(asked(&world), first + time);
    }
    world.run();
    assert!(world.happened(1).any(|it| matches!(it, Happened::Seated { .. })));
    // Whoever has a seat asks once more and then no more, and one that is never heard stops with its stay.
    (0..3).for_each(|_| wait(&mut world, true));
    assert_eq!(asked(&world), first + 4);
    world.cut(0, 1);
    world.connect(0, 1);
    let before = asked(&world);
    (0..20).for_each(|_| wait(&mut world, false));
    assert_eq!(asked(&world), before + usize::from(SEATS_SAID_AGAIN_MAX));
}
