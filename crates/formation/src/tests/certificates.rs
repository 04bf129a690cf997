//! Certificates: what holds, who takes one, and who hands it on.

use std::{vec, vec::Vec};

use ensign_primitives::SignerIndex;
use ensign_wire::{Certificate, CertificateError, FormationMessage};

use super::{
    cast::{CONFIG, NAME, NETWORK, at, key, peer, roster},
    world::{Chance, World},
};
use crate::{CommandError, Ended, Formation, Happened, Input, Offense, Restored};

/// Three who have seen the same words; persons 0 and 1 confirm, and then 2 to 0 alone.
fn nearly_whole() -> World {
    let mut world = World::new(&[0, 1, 2]);
    for node in 0..3 {
        let form = |it: &mut Formation, now| {
            it.form(now, roster(&[0, 1, 2]), vec![vec![]; 3], [node as u8; 32]).unwrap();
        };
        world.act(node, form);
    }
    [(0, 1), (0, 2), (1, 2)].into_iter().for_each(|(one, other)| world.connect(one, other));
    world.run();
    let words = world.fingerprint(0).unwrap();
    for node in 0..2 {
        world.act(node, |it, now| it.confirm(now, NAME, &words).unwrap());
    }
    world.run();
    world.cut(1, 2);
    world.cut(0, 1);
    world.act(2, |it, now| it.confirm(now, NAME, &words).unwrap());
    world.run();
    world
}

fn whole() -> Certificate {
    nearly_whole().certificate(0).unwrap()
}

#[test]
fn who_holds_it_hands_it_to_a_member_that_lacks_it() {
    let mut world = nearly_whole();
    assert!(world.certificate(0).is_some() && world.certificate(1).is_none());
    // 2 never comes back.
    world.crash(2, &mut Chance(1));
    world.connect(0, 1);
    world.run();
    assert_eq!(world.certificate(1), world.certificate(0));
}

#[test]
fn a_member_that_restarted_takes_it_and_one_that_forgot_does_not() {
    let mut world = nearly_whole();
    world.crash(1, &mut Chance(1));
    world.restart(1);
    world.connect(0, 1);
    world.run();
    assert_eq!(world.certificate(1), world.certificate(0));
    let mut world = nearly_whole();
    world.act(1, |it, _| it.forget_certificate(NAME).unwrap());
    world.connect(0, 1);
    world.run();
    let message = FormationMessage::Certificate(world.certificate(0).unwrap().encode());
    world.input(1, Input::Message { peer: peer(0), message });
    assert_eq!(world.certificate(1), None);
    let again = world.act(1, |it, _| it.forget_certificate(NAME)).unwrap();
    assert_eq!(again, Err(CommandError::Unknown { name: NAME.into() }));
}

#[test]
fn a_missing_doubled_foreign_or_changed_part_does_not_hold() {
    let right = whole();
    assert_eq!(right.verify(), Ok(()));
    let wrong = |change: &dyn Fn(&mut Certificate)| {
        let mut changed = right.clone();
        change(&mut changed);
        changed
    };
    let member = SignerIndex;
    let doubled = wrong(&|it| it.signatures[1] = it.signatures[0]);
    assert_eq!(doubled.verify(), Err(CertificateError::Signature { member: member(1) }));
    let foreign = wrong(&|it| it.signatures[2] = key(8).sign(it.fingerprint().as_bytes()));
    assert_eq!(foreign.verify(), Err(CertificateError::Signature { member: member(2) }));
    let missing = wrong(&|it| it.signatures.truncate(2));
    assert_eq!(missing.verify(), Err(CertificateError::Count { expected: 3, seen: 2 }));
    assert!(Certificate::decode(&missing.encode(), NETWORK).is_err());
    let valued = wrong(&|it| it.values[0] = [0; 32]);
    assert_eq!(valued.verify(), Err(CertificateError::Signature { member: member(0) }));
    let renamed = wrong(&|it| it.roster.name = "other".into());
    assert_eq!(renamed.verify(), Err(CertificateError::Signature { member: member(0) }));
    let delegated = wrong(&|it| it.roster.members[1].delegation.number += 1);
    assert_eq!(delegated.verify(), Err(CertificateError::Delegation { member: member(1) }));
    assert_eq!(Certificate::decode(&right.encode(), NETWORK), Ok(right.clone()));
    assert!(Certificate::decode(&right.encode(), ensign_primitives::Network::Bitcoin).is_err());
}

#[test]
fn a_false_one_is_an_offense_and_none_is_taken_without_our_word() {
    let mut world = nearly_whole();
    world.connect(1, 2);
    let mut doubled = whole();
    doubled.signatures[1] = doubled.signatures[0];
    let mut unconfirmed = World::new(&[0, 1, 2]);
    let form = |it: &mut Formation, now| it.form(now, roster(&[0, 1, 2]), vec![vec![]; 3], [0; 32]);
    unconfirmed.act(1, form).unwrap().unwrap();
    unconfirmed.input(1, Input::Up { peer: peer(0), exporter: [0; 32] });
    world.input(1, Input::Up { peer: peer(0), exporter: [0; 32] });
    let message = |it: &Certificate| FormationMessage::Certificate(it.encode());
    world.input(1, Input::Message { peer: peer(0), message: message(&doubled) });
    assert_eq!(world.nodes[1].offenses, [(peer(0), Offense::WrongCertificate)]);
    unconfirmed.input(1, Input::Message { peer: peer(0), message: message(&whole()) });
    unconfirmed.run();
    assert_eq!((unconfirmed.certificate(1), &unconfirmed.nodes[1].offenses), (None, &vec![]));
}

#[test]
fn an_older_store_keeps_what_was_confirmed_and_ends_the_rest() {
    let world = nearly_whole();
    let records = |node: usize| world.nodes[node].disk.values().cloned().collect::<Vec<_>>();
    let restored = |records, person| {
        let restored = Restored { records, may_be_old: true };
        Formation::new(CONFIG, key(person), at(9), restored)
    };
    assert_eq!(restored(records(0), 0).certificates().count(), 1);
    assert_eq!(restored(records(1), 1).views().count(), 1, "it has signed");
    let mut fresh = World::new(&[0, 1, 2]);
    fresh.act(0, |it, now| it.form(now, roster(&[0, 1, 2]), vec![vec![]; 3], [0; 32]).unwrap());
    fresh.run();
    let records: Vec<_> = fresh.nodes[0].disk.values().cloned().collect();
    let mut old = restored(records.clone(), 0);
    assert_eq!(old.views().count(), 0);
    let outputs: Vec<_> =
        std::iter::from_fn(|| ensign_primitives::StateMachine::poll_output(&mut old)).collect();
    let ended = Happened::Ended(Ended::StoreRestored);
    let is_end =
        |it: &crate::Output| matches!(it, crate::Output::Event(event) if event.what == ended);
    assert!(outputs.iter().any(is_end));
    let whole = Restored { records, may_be_old: false };
    assert_eq!(Formation::new(CONFIG, key(0), at(9), whole).views().count(), 1);
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let records = vec![vec![], vec![9; 40]];
    let formation = Formation::new(CONFIG, key(0), at(0), Restored { records, may_be_old: false });
    assert_eq!(formation.views().count() + formation.certificates().count(), 0);
}
