//! What members say of a roster: out of turn, twice, otherwise, falsely.

use std::{vec, vec::Vec};

use ensign_identity::Signature;
use ensign_primitives::SignerIndex;
use ensign_wire::{
    FormationBody, FormationMessage, FormationStatement, Roster, RosterOffer, Signed,
};

use super::{
    cast::{NAME, NETWORK, at, key, peer, roster},
    world::World,
};
use crate::{CommandError, Ended, Fingerprint, Happened, Input, Offense, Step};

const ALL: [u8; 3] = [0, 1, 2];

/// Each of three has pasted the codes of the others; nobody is connected.
fn pasted() -> World {
    let mut world = World::new(&ALL);
    for node in 0..3 {
        form(&mut world, node, roster(&ALL));
    }
    world
}

fn form(world: &mut World, node: usize, roster: Roster) {
    let addresses = vec![Vec::new(); roster.members.len()];
    world.act(node, |it, now| it.form(now, roster, addresses, [node as u8; 32]).unwrap());
    world.run();
}

fn connect_all(world: &mut World) {
    [(0, 1), (0, 2), (1, 2)].into_iter().for_each(|(one, other)| world.connect(one, other));
    world.run();
}

fn index(person: u8) -> SignerIndex {
    roster(&ALL).index_of(&peer(person)).unwrap()
}

/// Person 2 says something to person 0, whatever its own process says.
fn say(world: &mut World, run: u64, body: FormationBody) {
    let said = FormationStatement { roster: roster(&ALL).digest(), signer: index(2), body };
    let signed = Signed::new(&key(2), NETWORK, run, at(0).unix, said).unwrap();
    bring(world, 2, signed);
}

fn bring(world: &mut World, by: u8, statement: Signed<FormationStatement>) {
    let message = FormationMessage::Statement(std::boxed::Box::new(statement));
    world.input(0, Input::Message { peer: peer(by), message });
    world.run();
}

/// Persons 0 and 1 are connected with each other, and 0 with a person 2 whose words the test chooses.
fn with_false_member() -> World {
    let mut world = World::new(&ALL);
    form(&mut world, 0, roster(&ALL));
    form(&mut world, 1, roster(&ALL));
    world.connect(0, 1);
    world.run();
    world.input(0, Input::Up { peer: peer(2), exporter: [2; 32] });
    world
}

fn commit(value: [u8; 32]) -> FormationBody {
    let roster = roster(&ALL);
    FormationBody::Commit(roster.commitment(&roster.digest(), index(2), &value))
}

fn last_offense(world: &World) -> Option<Offense> {
    world.nodes[0].offenses.last().map(|(_, offense)| offense.clone())
}

#[test]
fn pasted_codes_end_in_one_certificate() {
    let mut world = pasted();
    assert_eq!(world.fingerprint(0), None);
    connect_all(&mut world);
    world.compare(&[0, 1, 2]);
    world.run();
    assert!(world.certificate(0).is_some());
    assert_eq!(world.certificate(0), world.certificate(1));
    assert_eq!(world.certificate(0), world.certificate(2));
}

#[test]
fn other_words_are_not_confirmed() {
    let mut world = pasted();
    let other = Fingerprint::from_bytes([1; 32]);
    let confirm =
        |world: &mut World| world.act(0, |it, now| it.confirm(now, NAME, &other)).unwrap();
    assert_eq!(confirm(&mut world), Err(CommandError::NoFingerprint));
    connect_all(&mut world);
    assert!(matches!(confirm(&mut world), Err(CommandError::OtherFingerprint { .. })));
    assert!(matches!(world.step(0), Some(Step::Confirming { missing, .. }) if missing.len() == 3));
}

#[test]
fn a_value_is_revealed_only_when_all_have_committed() {
    let mut world = with_false_member();
    let revealed = |world: &World| {
        let is_ours = |way: &super::world::Way| {
            matches!(&way.message, FormationMessage::Statement(it)
                if it.sender() == peer(0) && matches!(it.said().body, FormationBody::Reveal(_)))
        };
        world.said.iter().any(is_ours)
    };
    assert!(!revealed(&world));
    say(&mut world, 1, commit([7; 32]));
    assert!(revealed(&world));
}

#[test]
fn another_word_in_the_same_place_is_an_offense_and_the_first_stays() {
    let mut world = with_false_member();
    say(&mut world, 1, commit([7; 32]));
    say(&mut world, 1, commit([8; 32]));
    assert_eq!(last_offense(&world), Some(Offense::Contradiction { by: index(2) }));
    say(&mut world, 1, FormationBody::Reveal([8; 32]));
    assert_eq!(last_offense(&world), Some(Offense::WrongReveal { by: index(2) }));
    say(&mut world, 1, FormationBody::Reveal([7; 32]));
    assert_eq!(world.nodes[0].offenses.len(), 2);
    // Person 1 has not heard it: the words are there at 0 alone.
    assert!(world.fingerprint(0).is_some());
}

#[test]
fn who_begins_anew_may_until_we_have_revealed() {
    let mut world = World::new(&ALL);
    form(&mut world, 0, roster(&ALL));
    world.input(0, Input::Up { peer: peer(2), exporter: [2; 32] });
    say(&mut world, 1, commit([7; 32]));
    say(&mut world, 2, commit([8; 32]));
    // The older run is over, whoever tells it again.
    say(&mut world, 1, commit([7; 32]));
    assert_eq!(world.nodes[0].offenses, []);
    form(&mut world, 1, roster(&ALL));
    world.connect(0, 1);
    world.run();
    say(&mut world, 3, commit([9; 32]));
    assert!(
        world.happened(0).any(|it| *it == Happened::Ended(Ended::StartedOver { by: index(2) }))
    );
    assert_eq!(world.step(0), None);
}

#[test]
fn a_confirmation_of_other_words_is_told_and_nothing_comes_of_it() {
    let mut world = with_false_member();
    say(&mut world, 1, commit([7; 32]));
    say(&mut world, 1, FormationBody::Reveal([7; 32]));
    let other = Fingerprint::from_bytes([1; 32]);
    say(&mut world, 1, FormationBody::Confirm(key(2).sign(other.as_bytes())));
    assert!(world.happened(0).any(|it| *it == Happened::Differs { by: index(2) }));
    let right = world.fingerprint(0).unwrap();
    say(&mut world, 1, FormationBody::Confirm(key(2).sign(right.as_bytes())));
    assert_eq!(last_offense(&world), Some(Offense::Contradiction { by: index(2) }));
    let refused = world.act(0, |it, now| it.confirm(now, NAME, &right));
    assert_eq!(refused, Some(Err(CommandError::Differs { by: index(2) })));
    world.run();
    assert_eq!(world.certificate(0), None);
}

#[test]
fn what_a_member_did_not_sign_is_the_offense_of_who_brings_it() {
    let mut world = with_false_member();
    let roster = roster(&ALL).digest();
    let body = commit([7; 32]);
    let as_other = FormationStatement { roster, signer: index(1), body };
    let signed = Signed::new(&key(2), NETWORK, 1, at(0).unix, as_other).unwrap();
    bring(&mut world, 2, signed);
    assert_eq!(last_offense(&world), Some(Offense::BadSignature));
    let own = FormationStatement { roster, signer: index(2), body };
    let mut bytes = Signed::new(&key(2), NETWORK, 1, at(0).unix, own).unwrap().encode();
    *bytes.last_mut().unwrap() ^= 1;
    bring(&mut world, 1, Signed::decode(&bytes, NETWORK).unwrap());
    assert_eq!(
        world.nodes[0].offenses,
        [(peer(2), Offense::BadSignature), (peer(1), Offense::BadSignature),]
    );
    let nobody = FormationStatement { roster, signer: SignerIndex(9), body };
    bring(&mut world, 2, Signed::new(&key(2), NETWORK, 1, at(0).unix, nobody).unwrap());
    assert_eq!(last_offense(&world), Some(Offense::BadSignature));
}

#[test]
fn a_refusal_ends_it_for_all_who_have_not_confirmed() {
    let mut world = pasted();
    connect_all(&mut world);
    let words = world.fingerprint(0).unwrap();
    world.act(1, |it, now| it.confirm(now, NAME, &words).unwrap());
    world.run();
    assert_eq!(world.act(1, |it, now| it.refuse(now, NAME)), Some(Err(CommandError::Confirmed)));
    world.act(2, |it, now| it.refuse(now, NAME).unwrap());
    world.run();
    let by = index(2);
    assert!(world.happened(0).any(|it| *it == Happened::Ended(Ended::Refused { by })));
    assert!(world.happened(1).any(|it| *it == Happened::Refused { by }));
    assert!(world.step(1).is_some(), "its signature is out");
    // Who comes later hears it too, and all may begin anew.
    world.act(1, |it, _| it.forget_certificate(NAME).unwrap());
    world.run();
    world.now = 1;
    (0..3).for_each(|node| form(&mut world, node, roster(&ALL)));
    world.compare(&[0, 1, 2]);
    world.run();
    assert!(world.certificate(0).is_some());
}

#[test]
fn a_member_who_pasted_something_else_is_told_of() {
    let mut world = World::new(&ALL);
    form(&mut world, 0, roster(&ALL));
    form(&mut world, 1, roster(&[0, 1]));
    world.connect(0, 1);
    world.run();
    let is_told = |world: &World, node: usize| {
        world.happened(node).filter(|it| matches!(it, Happened::OtherRoster { .. })).count()
    };
    assert_eq!((is_told(&world, 0), is_told(&world, 1)), (1, 1));
    assert_eq!((&world.nodes[0].offenses, &world.nodes[1].offenses), (&vec![], &vec![]));
}

#[test]
fn pasted_rosters_outside_their_limits_are_refused() {
    let mut world = World::new(&ALL);
    let mut twice = roster(&ALL);
    twice.members[1] = twice.members[0].clone();
    let mut unsorted = roster(&ALL);
    unsorted.members.reverse();
    let mut named = roster(&ALL);
    named.members[1].name = named.members[0].name.to_uppercase();
    let mut forged = roster(&ALL);
    forged.members[0].delegation.signature = Signature([1; 64]);
    for (wrong, lists) in [(twice, 3), (unsorted, 3), (named, 3), (forged, 3), (roster(&ALL), 2)] {
        let addresses = vec![vec![]; lists];
        world.act(0, |it, now| it.form(now, wrong, addresses, [0; 32]).unwrap_err());
    }
    let others = world.act(0, |it, now| it.form(now, roster(&[1, 2]), vec![vec![]; 2], [0; 32]));
    assert_eq!(others, Some(Err(CommandError::NotOurs)));
    assert_eq!(world.step(0), None);
}

#[test]
fn a_roster_of_the_most_members_fits_its_frame() {
    let long = "x".repeat(32);
    let address: std::net::SocketAddr = "[ffff::ffff]:65535".parse().unwrap();
    let mut member = super::cast::member(1);
    member.name = long.clone();
    let members = vec![member; ensign_wire::ROSTER_MEMBERS_MAX];
    let invitation = Some(ensign_wire::InvitationId([9; 16]));
    let largest = Roster { network: NETWORK, name: long, invitation, members };
    let addresses = vec![vec![address; ensign_wire::ADDRESSES_MAX]; largest.members.len()];
    let kind = ensign_wire::Kind::FormationRoster;
    assert!(RosterOffer { roster: largest.clone(), addresses }.encode().len() <= kind.limit());
    let signatures = vec![Signature([9; 64]); largest.members.len()];
    let values = vec![[9; 32]; largest.members.len()];
    let certificate = ensign_wire::Certificate { roster: largest, values, signatures };
    let kind = ensign_wire::Kind::FormationCertificate;
    assert!(certificate.encode().len() <= kind.limit());
}
