//! A signer that refuses, fails, answers falsely, or is elsewhere.

use std::vec::Vec;

use ensign_musig::PartialSig;
use ensign_primitives::StateMachine as _;
use ensign_wire::{AbortReason, Body, Mode, Slot};

use super::{
    group::{Plan, entropy, signer},
    key::KeyHolder,
    modes::assert_all_signed,
    world::{PERFECT, World},
};
use crate::{
    Event, Input, Output, OwnFault, OwnNonces, OwnPartials, Phase, Record, Session, Unsigned,
};

/// One signer alone, so that every question comes at once.
struct Alone {
    session: Session,
    key: KeyHolder,
    now: ensign_primitives::Now,
    records: Vec<Record>,
    events: Vec<Event>,
    forgotten: usize,
}

impl Alone {
    fn new() -> Self {
        Self::of(Plan::new(1, Mode::Committed))
    }

    fn of(plan: Plan) -> Self {
        let world = World::new(plan, PERFECT);
        let now = world.now_of(0);
        let session = Session::new(world.plan.setups().swap_remove(0), now).unwrap();
        let key = KeyHolder::new(0, plan.seed, 1);
        Self { session, key, now, records: Vec::new(), events: Vec::new(), forgotten: 0 }
    }

    /// Carries out everything up to a question to the signer, and returns the true answer.
    fn ask(&mut self) -> Option<Input> {
        while let Some(output) = self.session.poll_output() {
            if let Output::ForgetNonces { .. } = output {
                self.forgotten += 1;
            }
            match self.key.answer(self.now, output) {
                Ok(Some(answer)) => return Some(answer),
                Ok(None) => {}
                Err(Output::Persist { token, record }) => {
                    self.records.push(record);
                    self.session.handle_input(self.now, Input::Persisted { token });
                }
                Err(Output::Event(event)) => self.events.push(event),
                Err(_) => {}
            }
        }
        None
    }

    fn tell(&mut self, input: Input) {
        self.session.handle_input(self.now, input);
    }

    fn fails(mut self, reason: AbortReason) {
        assert!(self.ask().is_none());
        let failed = |event: &&Event| match event {
            Event::Failed(failure) => failure.reason == reason && failure.culprits.is_empty(),
            _ => false,
        };
        assert_eq!(self.events.iter().filter(failed).count(), 1, "{:?}", self.events);
        assert_eq!((self.session.phase(), self.key.open()), (Phase::Aborted, 0));
    }

    /// Up to the partial signatures that are due.
    fn up_to_partials(&mut self) -> OwnPartials {
        self.session.approve(self.now).unwrap();
        let nonces = self.ask().unwrap();
        self.tell(nonces);
        let Some(Input::Partials(partials)) = self.ask() else { panic!("no partials") };
        partials
    }
}

#[test]
fn signer_that_refuses_ends_the_request_and_one_that_fails_the_attempt() {
    for (why, reason) in
        [(Unsigned::Declined, AbortReason::Declined), (Unsigned::Failed, AbortReason::Internal)]
    {
        let mut alone = Alone::new();
        alone.session.approve(alone.now).unwrap();
        let _unheard = alone.ask().unwrap();
        alone.tell(Input::NoNonces(why));
        alone.key.signer.forget_all();
        assert!(alone.records.is_empty());
        alone.fails(reason);

        let mut alone = Alone::new();
        alone.up_to_partials();
        alone.tell(Input::NoPartials(why));
        let is_partials = |record: &Record| matches!(record, Record::Partials { .. });
        assert!(!alone.records.iter().any(is_partials));
        alone.fails(reason);
    }
}

#[test]
fn wrong_number_of_nonces_ends_the_attempt_and_the_others_are_forgotten() {
    let mut alone = Alone::new();
    alone.session.approve(alone.now).unwrap();
    let Some(Input::Nonces(own)) = alone.ask() else { panic!("no nonces") };
    let twice = [own.nonces.clone(), own.nonces].concat();
    alone.tell(Input::Nonces(OwnNonces { nonces: twice, salt: own.salt }));
    assert!(alone.ask().is_none());
    assert_eq!(alone.forgotten, 1);
    alone.fails(AbortReason::Internal);
}

#[test]
fn partial_signatures_from_outside_are_verified_before_they_leave() {
    let mut alone = Alone::new();
    let partials = alone.up_to_partials();
    alone.tell(Input::Partials(OwnPartials::unverified(partials.partials().to_vec())));
    assert!(alone.ask().is_none());
    assert_eq!(alone.session.phase(), Phase::Complete);

    let wrong = PartialSig::from_bytes(&[1; 32]).unwrap();
    for given in [Vec::new(), std::vec![wrong], std::vec![partials.partials()[0]; 2]] {
        let mut alone = Alone::new();
        alone.up_to_partials();
        alone.tell(Input::Partials(OwnPartials::unverified(given)));
        let is_partials = |record: &Record| matches!(record, Record::Partials { .. });
        assert!(!alone.records.iter().any(is_partials));
        alone.fails(AbortReason::Internal);
    }
}

#[test]
fn partial_signatures_of_another_session_do_not_pass_as_verified() {
    // Verified by a signer of this process, for other nonces.
    let mut other = Alone::new();
    other.key = KeyHolder::new(0, 2, 2);
    let foreign = other.up_to_partials();
    let mut alone = Alone::new();
    alone.up_to_partials();
    alone.tell(Input::Partials(foreign));
    alone.fails(AbortReason::Internal);
}

#[test]
fn every_record_is_durable_before_the_step_that_needs_it() {
    let mut alone = Alone::new();
    let partials = alone.up_to_partials();
    let kinds = |records: &[Record]| -> Vec<&'static str> {
        let kind = |record: &Record| match record {
            Record::Joined { .. } => "joined",
            Record::Burned { .. } => "burned",
            Record::Partials { .. } => "partials",
            Record::Finished { .. } => "finished",
        };
        records.iter().map(kind).collect()
    };
    assert_eq!(kinds(&alone.records), ["joined", "burned"]);
    alone.tell(Input::Partials(partials));
    assert!(alone.ask().is_none());
    assert_eq!(kinds(&alone.records), ["joined", "burned", "partials", "finished"]);
}

#[test]
fn abandoned_attempt_is_forgotten_by_the_signer_and_says_nothing() {
    let mut alone = Alone::new();
    alone.up_to_partials();
    alone.session.abandon();
    assert!(alone.ask().is_none());
    // The signer was asked already, so there was nothing left but the notice.
    assert_eq!((alone.forgotten, alone.key.open()), (1, 0));

    let mut alone = Alone::new();
    alone.session.approve(alone.now).unwrap();
    let _unheard = alone.ask().unwrap();
    assert_eq!(alone.key.open(), 1);
    alone.session.abandon();
    assert!(alone.ask().is_none());
    assert_eq!((alone.forgotten, alone.key.open()), (1, 0));
    alone.session.abandon();
    assert!(alone.ask().is_none());
    assert_eq!(alone.forgotten, 1);
}

#[test]
fn partial_signatures_on_record_are_the_ones_that_were_sent() {
    let mut world = World::new(Plan { messages: 3, ..Plan::new(3, Mode::Committed) }, PERFECT);
    world.start();
    world.run();
    assert_all_signed(&world);
    for (local, node) in world.nodes.iter().enumerate() {
        let Some(Record::Partials { partials, nonces, .. }) = &node.partials else {
            panic!("no record")
        };
        let other = &world.nodes[(local + 1) % 3];
        let heard = other.statement(local, Slot::PartialSigShare).map(|it| it.body().clone());
        let Some(Body::PartialSigShare(share)) = heard else { panic!("nothing was heard") };
        assert_eq!(
            (&share.partials, share.nonces, share.signer),
            (partials, *nonces, signer(local))
        );
    }
}

#[test]
fn record_of_a_join_differs_with_what_the_join_says_and_with_nothing_else() {
    let said = |mode, seed| {
        let mut alone = Alone::of(Plan { seed, ..Plan::new(2, mode) });
        alone.session.approve(alone.now).unwrap();
        let nonces = alone.ask().unwrap();
        alone.tell(nonces);
        assert!(alone.ask().is_none());
        let Record::Joined { said, .. } = alone.records.remove(0) else { panic!("no join") };
        said
    };
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        assert_eq!(said(mode, 1), said(mode, 1));
        assert_ne!(said(mode, 1), said(mode, 2));
    }
}

#[test]
fn keys_of_tweaked_messages_cost_nothing_before_our_user_consents() {
    let mut alone = Alone::of(Plan { messages: 3, ..Plan::new(2, Mode::Committed) });
    assert_eq!(alone.session.keys_fixed(), 0);
    alone.session.approve(alone.now).unwrap();
    assert_eq!(alone.session.keys_fixed(), 3);
}

#[test]
fn signer_whose_partial_signatures_are_false_is_told_of_in_the_failure() {
    let mut alone = Alone::new();
    let mut partials = alone.up_to_partials().partials().to_vec();
    let mut bytes = partials[0].to_bytes();
    bytes[31] ^= 1;
    partials[0] = PartialSig::from_bytes(&bytes).unwrap();
    alone.tell(Input::Partials(OwnPartials::unverified(partials)));
    assert!(alone.ask().is_none());
    let failed = alone.events.iter().find_map(|event| match event {
        Event::Failed(failure) => failure.own.clone(),
        _ => None,
    });
    assert_eq!(failed, Some(OwnFault::FalsePartials));
}

#[test]
fn entropy_for_fewer_nonces_than_messages_makes_none() {
    let mut alone = Alone::new();
    alone.session.approve(alone.now).unwrap();
    let Some(Output::NeedNonces(order)) = alone.session.poll_output() else { panic!("no order") };
    alone.key.signer.nonces(alone.now, &order, entropy(1, 1, 0)).unwrap_err();
    assert_eq!(alone.key.open(), 0);
}
