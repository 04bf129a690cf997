//! How sessions end, who is named, and that a signature outranks a failure.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_equivocation::Evidence;
use ensign_identity::Signature;
use ensign_primitives::{Now, StateMachine as _};
use ensign_wire::{AbortReason, Body, Kind, Mode, SessionAbort, SignatureFinalized, Slot};

use super::{
    attack::{Attack, Vice},
    group::{LIFETIME, Plan, member, peer, signer},
    key::KeyHolder,
    modes::{assert_all_signed, assert_valid},
    world::{PERFECT, World},
};
use crate::{
    CommandError, Event, Failure, Input, Offense, Output, Phase, Record, Session, SetupError,
    Unsigned,
};

const SECOND: Duration = Duration::from_secs(1);

/// Three machines, all of whose users approve at once; the last one cheats.
fn cheated(mode: Mode, vice: Vice, victims: u64) -> World {
    let mut world = World::new(Plan::new(3, mode), PERFECT);
    world.corrupt(2, Attack::new(vice, 2, victims, 1));
    world.start();
    world
}

const EVERYBODY: u64 = 0b11;
const FIRST: u64 = 0b01;

fn assert_silence_is_named(mode: Mode, from: Kind, phase: Phase, after: u64) {
    let mut world = cheated(mode, Vice::Silence(from), EVERYBODY);
    world.run();
    for node in world.honest() {
        let failure = node.failure();
        if let Some(by) = failure.by {
            // The other one's wait was over in the same moment.
            assert_eq!((by < signer(2), failure.accused), (true, Some(signer(2))));
            continue;
        }
        assert_eq!((failure.reason, failure.phase), (AbortReason::Timeout, phase));
        assert_eq!((&failure.culprits[..], &failure.evidence), (&[signer(2)][..], &None));
    }
    assert!(world.honest().any(|node| node.failure().by.is_none()));
    assert!(world.now.as_micros() >= after * 1_000_000);
}

#[test]
fn silence_is_named_in_each_phase_when_its_time_is_over() {
    use Mode::{Committed, Fast, Strict};
    assert_silence_is_named(Committed, Kind::NonceShare, Phase::Revealing, 120);
    assert_silence_is_named(Strict, Kind::NonceShare, Phase::Revealing, 120);
    assert_silence_is_named(Strict, Kind::NoncesComplete, Phase::Revealing, 120);
    for mode in [Committed, Fast, Strict] {
        assert_silence_is_named(mode, Kind::PartialSigShare, Phase::Signing, 120);
    }
}

#[test]
fn who_never_joins_is_named_when_the_request_expires() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.start_with(&[0, 0]);
    world.run();
    let failure = world.nodes[0].failure();
    assert_eq!((failure.reason, failure.by), (AbortReason::Expired, None));
    assert_eq!(failure.culprits, [signer(2)]);
    assert!(world.now.as_micros() as u128 >= LIFETIME.as_micros());
    assert!(world.nodes.iter().all(|node| node.phase() == Phase::Aborted));
}

#[test]
fn silence_toward_some_is_made_good_by_the_others() {
    for mode in [Mode::Fast, Mode::Committed, Mode::Strict] {
        for from in
            [Kind::SessionJoin, Kind::NonceShare, Kind::NoncesComplete, Kind::PartialSigShare]
        {
            let mut world = cheated(mode, Vice::Silence(from), FIRST);
            world.run();
            for node in world.honest() {
                let finished = node.finished.as_ref().expect("handed on by signer 1");
                assert_valid(&world, &finished.signatures);
            }
        }
    }
}

#[test]
fn decline_ends_the_session_for_all_in_the_words_of_who_declined() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.start_with(&[0, 0]);
    world.run_until(SECOND);
    world.command(2, |session, now| session.stop(now, AbortReason::Declined)).unwrap();
    world.run_until(SECOND * 2);
    for node in &world.nodes[..2] {
        let expected = Failure {
            reason: AbortReason::Declined,
            by: Some(signer(2)),
            culprits: vec![],
            accused: None,
            evidence: None,
            own: None,
            phase: Phase::Committing,
        };
        assert_eq!(node.failure(), &expected);
    }
    assert_eq!(world.nodes[2].failure().by, None);
}

#[test]
fn abort_shown_to_one_is_handed_on_as_what_it_is() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.start_with(&[0, 0]);
    world.run_until(SECOND);
    let abort = SessionAbort { reason: AbortReason::Declined, culprit: None };
    world.say(2, 0, 100, Body::SessionAbort(abort));
    world.run_until(SECOND * 60);
    assert_eq!(world.nodes[1].failure().by, Some(signer(2)));
    assert_eq!(world.nodes[1].failure().reason, AbortReason::Declined);
}

#[test]
fn accusation_by_another_is_hearsay_and_blames_nobody() {
    for accused in [0, 1] {
        let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
        world.start_with(&[0, 0]);
        world.run_until(SECOND);
        let culprit = Some(signer(accused));
        let abort = SessionAbort { reason: AbortReason::WrongPartialSig, culprit };
        world.say(2, 0, 100, Body::SessionAbort(abort));
        let failure = world.nodes[0].failure();
        assert_eq!((failure.by, failure.accused), (Some(signer(2)), culprit));
        assert_eq!((&failure.culprits[..], &failure.evidence), (&[][..], &None));
        assert!(world.nodes[0].offenses.is_empty());
    }
}

#[test]
fn strict_signers_with_differing_views_convict_and_nobody_signs() {
    let mut world = cheated(Mode::Strict, Vice::TwoTongues, FIRST);
    world.run();
    for node in world.honest() {
        assert!(matches!(node.failure().evidence, Some(Evidence::Conflict { .. })));
        assert_eq!(node.statement(0, Slot::PartialSigShare), None);
        assert_eq!(node.statement(1, Slot::PartialSigShare), None);
        for honest in [signer(0), signer(1)] {
            assert!(!node.events.contains(&Event::Signed(honest)));
        }
    }
}

#[test]
fn confirmation_that_nobody_shares_stops_strict_signers_before_they_sign() {
    let mut world = cheated(Mode::Strict, Vice::WrongConfirmation, EVERYBODY);
    world.run();
    for node in world.honest() {
        // The cheat goes on as if it had confirmed what all have, and signs for it.
        let failure = node.failure();
        assert_eq!((failure.reason, failure.phase), (AbortReason::Equivocation, Phase::Revealing));
        assert_eq!(failure.culprits, [signer(2)]);
        assert!(matches!(failure.evidence, Some(Evidence::SignedOtherwise { .. })));
        for honest in [signer(0), signer(1)] {
            assert!(!node.events.contains(&Event::Signed(honest)));
        }
    }
}

#[test]
fn false_sum_over_a_nonce_set_that_nobody_else_names_is_laid_on_its_sender_as_a_claim() {
    for mode in [Mode::Fast, Mode::Committed] {
        let mut world = cheated(mode, Vice::WrongPartialElsewhere, EVERYBODY);
        world.run();
        for node in world.honest() {
            let failure = node.failure();
            assert_eq!((failure.reason, failure.phase), (AbortReason::ViewsDiffer, Phase::Signing));
            assert_eq!((&failure.culprits[..], &failure.evidence), (&[signer(2)][..], &None));
            assert_eq!((&node.finished, &node.offenses[..]), (&None, &[][..]));
        }
    }
}

#[test]
fn each_provable_lie_convicts_with_its_own_kind_of_evidence() {
    type Expected = fn(&Evidence) -> bool;
    let conflict: Expected = |evidence| matches!(evidence, Evidence::Conflict { .. });
    let commitment: Expected = |evidence| matches!(evidence, Evidence::WrongCommitment { .. });
    let nonce: Expected = |evidence| matches!(evidence, Evidence::InvalidNonce { .. });
    let partial: Expected = |evidence| matches!(evidence, Evidence::WrongPartialSig { .. });
    use AbortReason as Why;
    for (vice, mode, victims, why, expected) in [
        (Vice::TwoTongues, Mode::Fast, FIRST, Why::Equivocation, conflict),
        (Vice::TwoTongues, Mode::Committed, FIRST, Why::Equivocation, conflict),
        (Vice::WrongCommitment, Mode::Committed, EVERYBODY, Why::WrongCommitment, commitment),
        (Vice::WrongNonce, Mode::Strict, EVERYBODY, Why::WrongCommitment, commitment),
        (Vice::OffCurveNonce, Mode::Committed, EVERYBODY, Why::InvalidNonce, nonce),
        (Vice::OffCurveNonce, Mode::Fast, EVERYBODY, Why::InvalidNonce, nonce),
        (Vice::WrongPartial, Mode::Committed, EVERYBODY, Why::WrongPartialSig, partial),
        (Vice::WrongPartial, Mode::Fast, EVERYBODY, Why::WrongPartialSig, partial),
        (Vice::UnparsablePartial, Mode::Strict, EVERYBODY, Why::WrongPartialSig, partial),
    ] {
        let mut world = cheated(mode, vice, victims);
        world.run();
        for node in world.honest() {
            let failure = node.failure();
            let evidence = failure.evidence.as_ref().expect("proof");
            assert!(expected(evidence), "{vice:?} in {mode:?}: {evidence:?}");
            assert_eq!(evidence.verify().unwrap().peer, peer(2));
            assert_eq!(evidence.verify().unwrap().session, world.session());
            assert_eq!((failure.reason, &failure.culprits[..]), (why, &[signer(2)][..]));
            assert_eq!(node.offenses.len(), 1, "convicted once");
            assert!(
                matches!(&node.offenses[0].1, Offense::Proven(proof) if proof.as_ref() == evidence)
            );
        }
    }
}

/// Signer 2 withholds its partial signature from signer 0, which cannot hear signer 1 either.
fn two_of_three_finish() -> World {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.cut = vec![(1, 0, Kind::PartialSigShare), (2, 0, Kind::PartialSigShare)];
    world.start();
    world.run_until(SECOND);
    assert!(world.nodes[0].finished.is_none());
    assert!(world.nodes[1].finished.is_some() && world.nodes[2].finished.is_some());
    world
}

#[test]
fn final_signature_rescues_a_signer_who_misses_partial_signatures() {
    let mut world = two_of_three_finish();
    world.run();
    assert_all_signed(&world);
    let signers = &world.nodes[0].finished.as_ref().unwrap().signers;
    assert!(signers[1].nonces.is_some() && signers[1].partials.is_none());
}

#[test]
fn signatures_shown_to_one_who_never_consented_are_verified_all_the_same() {
    let mut world = World::new(Plan { messages: 3, ..Plan::new(3, Mode::Committed) }, PERFECT);
    world.start();
    world.run();
    let signatures: Vec<_> = world.nodes[1]
        .finished
        .as_ref()
        .unwrap()
        .signatures
        .iter()
        .copied()
        .map(Signature)
        .collect();
    let mut swapped = signatures.clone();
    swapped.swap(1, 2);
    let mut late = World::new(Plan { messages: 3, ..Plan::new(3, Mode::Committed) }, PERFECT);
    late.start_with(&[]);
    for (seq, signatures) in [(1, swapped), (2, signatures[..2].to_vec())] {
        late.say(1, 0, seq, Body::SignatureFinalized(SignatureFinalized { signatures }));
    }
    assert_eq!(late.nodes[0].offenses, vec![(peer(1), Offense::FalseSignature); 2]);
    late.say(1, 0, 3, Body::SignatureFinalized(SignatureFinalized { signatures }));
    assert!(late.nodes[0].finished.is_some());
    assert_eq!(late.nodes[0].subject.machine().keys_fixed(), 0);
}

#[test]
fn abort_after_completion_is_answered_with_the_signature() {
    let mut world = two_of_three_finish();
    world.command(0, |session, now| session.stop(now, AbortReason::Cancelled)).unwrap();
    assert_eq!(world.nodes[0].phase(), Phase::Aborted);
    world.run_until(SECOND * 2);
    assert_eq!(world.nodes[0].failure().reason, AbortReason::Cancelled);
    assert_eq!(world.nodes[0].phase(), Phase::Complete);
    world.run();
    assert_all_signed(&world);
}

#[test]
fn session_that_ended_long_ago_still_takes_the_signature_on_reconnect() {
    let mut world = two_of_three_finish();
    world.cut = (1..3).flat_map(|from| Kind::ALL.map(|kind| (from, 0, kind))).collect();
    world.run();
    assert_eq!(world.nodes[0].phase(), Phase::Aborted);
    assert!(world.nodes.iter().all(|node| node.subject.machine().is_over()));
    world.cut.clear();
    world.connect(0, 1);
    world.run();
    assert_all_signed(&world);
}

#[test]
fn nonce_of_another_session_ends_the_attempt_as_a_claim() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.start();
    world.run_until(Duration::from_millis(15));
    world.command(0, |session, now| session.nonce_reused(now, signer(1)));
    let failure = world.nodes[0].failure();
    assert_eq!((failure.reason, &failure.evidence), (AbortReason::InvalidNonce, &None));
    assert_eq!(failure.culprits, [signer(1)]);
    world.command(0, |session, now| session.nonce_reused(now, signer(1)));
}

#[test]
fn node_that_never_answers_is_reported_once_and_the_request_stays_open() {
    let mut world = World::new(Plan::new(3, Mode::Committed), PERFECT);
    world.cut = Kind::ALL.map(|kind| (2, 0, kind)).to_vec();
    world.start_with(&[0, 0]);
    world.run_until(SECOND * 600);
    let reports: Vec<_> = world.nodes[0]
        .events
        .iter()
        .filter(|event| matches!(event, Event::Unreachable(_)))
        .collect();
    assert_eq!(reports, [&Event::Unreachable(vec![signer(2)])]);
    assert_eq!(world.nodes[0].phase(), Phase::Committing);
}

#[test]
fn commands_out_of_place_are_refused_with_the_phase() {
    let mut world = World::new(Plan::new(2, Mode::Fast), PERFECT);
    world.start();
    let again = world.command(0, |session, now| session.approve(now));
    assert_eq!(again, Ok(()), "the schedule has not come to it yet");
    assert_eq!(
        world.command(0, |session, now| session.approve(now)),
        Err(CommandError::AlreadyApproved)
    );
    world.run();
    let phase = Phase::Complete;
    let stopped = world.command(0, |session, now| session.stop(now, AbortReason::Cancelled));
    assert_eq!(stopped, Err(CommandError::WrongPhase { phase }));
    let mut world = World::new(Plan::new(2, Mode::Fast), PERFECT);
    world.command(0, |session, now| session.stop(now, AbortReason::Declined)).unwrap();
    let phase = Phase::Aborted;
    let approved = world.command(0, |session, now| session.approve(now));
    assert_eq!(approved, Err(CommandError::WrongPhase { phase }));
}

#[test]
fn session_is_made_only_from_parts_that_fit() {
    let now = Now::default();
    let setup = || Plan::new(3, Mode::Committed).setups().swap_remove(0);
    let mut short = setup();
    short.peers = [peer(0), peer(1)].into();
    let mut misplaced = setup();
    misplaced.local = signer(1);
    let mut shared = setup();
    shared.peers = [peer(0), peer(1), peer(0)].into();
    let mut swapped = setup();
    let keys = [0, 2, 1].map(|index| member(index).sec_key.public_key());
    swapped.group = ensign_musig::KeyAggCtx::new(&keys).unwrap();
    for (setup, expected) in [
        (short, SetupError::SignerCount { keys: 3, peers: 2, signers: 3 }),
        (misplaced, SetupError::NotASigner { local: signer(1) }),
        (shared, SetupError::SamePeer { first: signer(0), second: signer(2) }),
        (swapped, SetupError::KeyMismatch { signer: signer(1) }),
    ] {
        assert_eq!(Session::new(setup, now).err(), Some(expected));
    }
}

fn drain(session: &mut Session) -> Vec<Output> {
    core::iter::from_fn(|| session.poll_output()).collect()
}

#[test]
fn nothing_is_said_before_the_join_is_durable_nor_signed_before_the_burn() {
    let world = World::new(Plan::new(1, Mode::Committed), PERFECT);
    let now = world.now_of(0);
    let mut session = Session::new(world.plan.setups().swap_remove(0), now).unwrap();
    let mut key = KeyHolder::new(0, 1, 1);
    session.approve(now).unwrap();
    let Ok(Some(Input::Nonces(own))) = key.answer(now, drain(&mut session).remove(0)) else {
        panic!("no nonces");
    };
    session.handle_input(now, Input::Nonces(own.clone()));
    let outputs = drain(&mut session);
    let [Output::Persist { token, record: Record::Joined { .. } }] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    session.handle_input(now, Input::Persisted { token: token + 1 });
    session.handle_input(now, Input::Nonces(own));
    session.handle_input(now, Input::NoNonces(Unsigned::Failed));
    session.handle_input(now, Input::NoPartials(Unsigned::Failed));
    assert!(drain(&mut session).is_empty(), "neither a foreign token nor a second answer counts");
    session.handle_input(now, Input::Persisted { token: *token });
    let outputs = drain(&mut session);
    let Some(Output::Persist { token, record: Record::Burned { .. } }) = outputs.last() else {
        panic!("{outputs:?}");
    };
    assert_eq!(session.phase(), Phase::Revealing);
    session.handle_input(now, Input::Persisted { token: *token });
    let Ok(Some(Input::Partials(own))) = key.answer(now, drain(&mut session).remove(0)) else {
        panic!("no partial signatures");
    };
    session.handle_input(now, Input::Partials(own.clone()));
    let outputs = drain(&mut session);
    let [Output::Persist { token, record: Record::Partials { partials, .. } }] = &outputs[..]
    else {
        panic!("{outputs:?}");
    };
    assert_eq!(*partials, [own.partials()[0].to_bytes()]);
    session.handle_input(now, Input::Partials(own));
    assert!(drain(&mut session).is_empty(), "a second answer does not count");
    assert_eq!(session.phase(), Phase::Revealing);
    session.handle_input(now, Input::Persisted { token: *token });
    assert_eq!(session.phase(), Phase::Complete);
    assert!(key.open() == 0 && !session.is_over(), "the signatures are not durable yet");
    let finished = drain(&mut session).into_iter().find_map(|output| match output {
        Output::Persist { token, record: Record::Finished { .. } } => Some(token),
        _ => None,
    });
    session.handle_input(now, Input::Persisted { token: finished.unwrap() });
    assert!(session.is_over());
}

#[test]
fn nonces_that_come_after_the_end_of_the_session_are_forgotten_and_never_used() {
    let world = World::new(Plan::new(2, Mode::Committed), PERFECT);
    let now = world.now_of(0);
    let mut session = Session::new(world.plan.setups().swap_remove(0), now).unwrap();
    session.approve(now).unwrap();
    session.stop(now, AbortReason::Cancelled).unwrap();
    let mut key = KeyHolder::new(0, 1, 1);
    let mut answers = Vec::new();
    for output in drain(&mut session) {
        answers.extend(key.answer(now, output).ok().flatten());
    }
    assert_eq!(key.open(), 0);
    for answer in answers {
        session.handle_input(now, answer);
    }
    assert!(drain(&mut session).is_empty());
}
