//! The first statement in each slot.

use ensign_wire::{Body, SessionReady, SignerSet, Slot};

use super::fixture::{CULPRIT, assert_convicts, envelope, join, peer, share, signed};
use crate::{Outcome, Statements};

#[test]
fn second_and_different_statement_in_a_slot_is_evidence() {
    let nonces = signed().0;
    let first = envelope(CULPRIT, share(CULPRIT, nonces[1].clone()));
    let second = envelope(CULPRIT, share(CULPRIT, nonces[2].clone()));
    let mut statements = Statements::default();
    assert!(!statements.differs(&first));
    assert_eq!(statements.observe(&first), Outcome::New);
    assert_eq!(statements.observe(&first), Outcome::Repeated);
    assert!(!statements.differs(&first) && statements.differs(&second));
    let Outcome::Conflict(evidence) = statements.observe(&second) else {
        panic!("no conflict");
    };
    assert_convicts(&evidence);
    assert_eq!(statements.get(&peer(CULPRIT), Slot::NonceShare), Some(first.as_ref()));
}

#[test]
fn slots_and_senders_do_not_mix() {
    let nonces = signed().0;
    let mut statements = Statements::default();
    for envelope in [
        envelope(0, share(0, nonces[0].clone())),
        envelope(1, share(1, nonces[1].clone())),
        envelope(1, Body::SessionJoin(join(1, &nonces[1]))),
    ] {
        assert!(!statements.differs(&envelope));
        assert_eq!(statements.observe(&envelope), Outcome::New);
    }
}

#[test]
fn what_may_change_is_always_new() {
    let mut statements = Statements::default();
    for held in [0, 1] {
        let held: SignerSet = [super::fixture::signer(held)].into_iter().collect();
        let ack = envelope(CULPRIT, Body::SessionReady(SessionReady { joined: held }));
        assert!(!statements.differs(&ack));
        assert_eq!(statements.observe(&ack), Outcome::New);
    }
}
