//! What a session refuses, whom it names for it, and that nothing else changes.

use std::{boxed::Box, vec, vec::Vec};

use ensign_identity::{DelegationError, Signature};
use ensign_primitives::{Network, SessionId, UnixTime};
use ensign_replay::ReplayError;
use ensign_wire::{
    Body, Envelope, Frame, Kind, Mode, NonceCommit, NonceShare, NoncesComplete, PartialSigShare,
    PubNonceBytes, Round0, SessionJoin, SessionReady, SignatureFinalized, SignerSet, Slot,
};

use super::{
    group::{NETWORK, Plan, START, delegate, member, peer, signer, stranger},
    world::{PERFECT, World, decode},
};
use crate::{ACKS_ANSWERED_MAX, Offense, Phase};

const NONCE: PubNonceBytes = PubNonceBytes([2; 66]);

/// A group of three in which only the first machine acts; the test speaks for the others.
fn world(mode: Mode) -> World {
    let mut world = World::new(Plan::new(3, mode), PERFECT);
    world.approve_after(0, 0);
    world.run_until(core::time::Duration::from_millis(1));
    assert_eq!(world.nodes[0].phase(), Phase::Committing);
    world
}

fn join(author: usize) -> SessionJoin {
    let round0 = Round0::Commit(NonceCommit { commitment: [author as u8; 32] });
    SessionJoin { signer: signer(author), delegation: member(author).delegation, round0 }
}

fn share(author: usize, nonces: usize) -> NonceShare {
    NonceShare { signer: signer(author), nonces: vec![NONCE; nonces], salt: [0; 32] }
}

fn ready() -> Body {
    Body::SessionReady(SessionReady { joined: SignerSet::default() })
}

fn offenses(world: &World) -> Vec<(usize, &Offense)> {
    let number = |who| (0..8).find(|index| peer(*index) == who).unwrap();
    world.nodes[0].offenses.iter().map(|(who, offense)| (number(*who), offense)).collect()
}

/// The first machine answers `body` of signer 1 with an offense of signer 1, and keeps nothing.
fn check_refused(mode: Mode, body: Body, expected: &Offense) {
    let mut world = world(mode);
    let slot = body.slot();
    world.say(1, 0, 1, body);
    assert_eq!(offenses(&world), [(1, expected)]);
    assert!(slot.is_none_or(|slot| world.nodes[0].statement(1, slot).is_none()));
    assert_eq!(world.nodes[0].phase(), Phase::Committing);
}

#[test]
fn statement_is_refused_when_its_clock_is_more_than_five_minutes_off() {
    let start = START.as_millis();
    for (sent_at, fresh) in [
        (start - 299_999, true),
        (start + 300_001, true),
        (start - 300_002, false),
        (start + 300_002, false),
    ] {
        let mut world = world(Mode::Committed);
        let (key, sent_at) = (&member(1).node_key, UnixTime::from_millis(sent_at));
        let body = Body::SessionJoin(join(1));
        let envelope =
            Envelope::sign(key, NETWORK, world.session(), 1, sent_at, body.clone()).unwrap();
        world.deliver(peer(1), 0, envelope);
        let now = world.now_of(0).unix;
        let stale = Offense::Replay(ReplayError::Stale { sent_at, now });
        assert_eq!(offenses(&world), if fresh { vec![] } else { vec![(1, &stale)] });
        assert_eq!(world.nodes[0].statement(1, Slot::Join).is_some(), fresh, "{sent_at}");
    }
}

#[test]
fn old_statement_is_taken_from_whoever_hands_it_on() {
    let mut world = world(Mode::Committed);
    let (key, long_ago) =
        (&member(1).node_key, UnixTime::from_millis(START.as_millis() - 3_600_000));
    let body = Body::SessionJoin(join(1));
    let envelope = Envelope::sign(key, NETWORK, world.session(), 1, long_ago, body).unwrap();
    world.deliver(peer(2), 0, envelope);
    assert!(world.nodes[0].statement(1, Slot::Join).is_some());
    assert!(offenses(&world).is_empty());
}

#[test]
fn acknowledgement_with_a_used_sequence_number_is_refused() {
    let mut world = world(Mode::Committed);
    for seq in [7, 6, 8] {
        world.say(1, 0, seq, ready());
    }
    let used = Offense::Replay(ReplayError::Sequence { last: 7, seen: 6 });
    assert_eq!(offenses(&world), [(1, &used)]);
}

#[test]
fn statements_that_fill_a_slot_may_overtake_each_other() {
    let mut world = world(Mode::Committed);
    world.say(1, 0, 9, Body::NonceShare(share(1, 1)));
    world.say(1, 0, 4, Body::SessionJoin(SessionJoin { signer: signer(1), ..join(1) }));
    assert!(world.nodes[0].statement(1, Slot::Join).is_some());
}

#[test]
fn envelope_with_a_false_signature_is_laid_on_its_bearer() {
    for bearer in [1, 2] {
        let mut world = world(Mode::Committed);
        let envelope = world.envelope(1, 1, Body::SessionJoin(join(1)));
        let mut frame = Frame::Envelope(Box::new(envelope)).encode();
        *frame.last_mut().unwrap() ^= 1;
        world.deliver(peer(bearer), 0, *decode(&frame));
        assert_eq!(offenses(&world), [(bearer, &Offense::BadSignature { sender: peer(1) })]);
        assert_eq!(world.nodes[0].statement(1, Slot::Join), None);
    }
}

#[test]
fn unlisted_node_is_refused_whoever_brings_it() {
    for bearer in [7, 1] {
        let mut world = world(Mode::Committed);
        let envelope = world.envelope(7, 1, Body::SessionJoin(join(1)));
        world.deliver(peer(bearer), 0, envelope);
        let sender = stranger().node_key.peer_id();
        assert_eq!(offenses(&world), [(bearer, &Offense::Unlisted { sender })]);
    }
}

#[test]
fn signer_who_speaks_for_another_is_named() {
    for body in [
        Body::SessionJoin(join(2)),
        Body::NonceShare(share(2, 1)),
        Body::NoncesComplete(NoncesComplete { signer: signer(2), digest: [0; 32] }),
        Body::PartialSigShare(PartialSigShare {
            signer: signer(2),
            nonces: [0; 32],
            partials: vec![[0; 32]],
        }),
    ] {
        check_refused(Mode::Committed, body, &Offense::WrongSpeaker { claimed: signer(2) });
    }
}

#[test]
fn delegation_must_be_the_signers_own_and_in_time() {
    let (key, now) = (&member(1).sec_key, START.after(core::time::Duration::from_millis(1)));
    let wrong = |proof| SessionJoin { delegation: proof, ..join(1) };
    let named = super::group::public_key(1);
    let by_another = DelegationError::Signature { signer: named, peer: peer(1) };
    let year = core::time::Duration::from_secs(800 * 24 * 3600);
    for (proof, error) in [
        (member(2).delegation, by_another),
        (delegate(key, peer(2), START.after(year / 400)), by_another),
        (delegate(key, peer(1), START), DelegationError::Expired { expires: START, now }),
        (
            delegate(key, peer(1), START.after(year)),
            DelegationError::TooLong { expires: START.after(year), now },
        ),
    ] {
        let body = Body::SessionJoin(wrong(proof));
        check_refused(Mode::Committed, body, &Offense::NotDelegated(error));
    }
}

#[test]
fn regression_join_that_was_repeated_after_its_delegation_ended_was_charged() {
    let minute = core::time::Duration::from_secs(60);
    let delegation = delegate(&member(1).sec_key, peer(1), START.after(minute));
    let join = |wrong: bool| {
        let mut join = SessionJoin { delegation, ..join(1) };
        if wrong {
            join.round0 = Round0::Commit(NonceCommit { commitment: [9; 32] });
        }
        Body::SessionJoin(join)
    };
    let mut world = world(Mode::Committed);
    world.say(1, 0, 1, join(false));
    world.run_until(2 * minute);
    world.say(1, 0, 2, join(false));
    assert_eq!(offenses(&world), []);
    world.say(1, 0, 3, join(true));
    assert!(matches!(offenses(&world)[..], [(1, Offense::Proven(_))]), "it is another one");
}

#[test]
fn number_of_nonces_and_partial_signatures_is_that_of_the_messages() {
    let count = |kind, expected, seen| Offense::WrongCount { kind, expected, seen };
    let nonces = Body::NonceShare(share(1, 2));
    check_refused(Mode::Committed, nonces, &count(Kind::NonceShare, 1, 2));
    let round0 = Round0::Reveal(vec![NONCE; 2]);
    let fast = Body::SessionJoin(SessionJoin { round0, ..join(1) });
    check_refused(Mode::Fast, fast, &count(Kind::SessionJoin, 1, 2));
    let (signer, nonces, partials) = (signer(1), [0; 32], vec![[1; 32]; 3]);
    let partial = Body::PartialSigShare(PartialSigShare { signer, nonces, partials });
    check_refused(Mode::Strict, partial, &count(Kind::PartialSigShare, 1, 3));
}

#[test]
fn round_zero_is_that_of_the_mode() {
    let reveal = SessionJoin { round0: Round0::Reveal(vec![NONCE]), ..join(1) };
    for (mode, join) in
        [(Mode::Fast, join(1)), (Mode::Committed, reveal.clone()), (Mode::Strict, reveal)]
    {
        check_refused(mode, Body::SessionJoin(join), &Offense::WrongRound0);
    }
}

#[test]
fn mode_fast_has_no_reveal_after_the_join() {
    let expected = Offense::WrongCount { kind: Kind::NonceShare, expected: 0, seen: 1 };
    check_refused(Mode::Fast, Body::NonceShare(share(1, 1)), &expected);
}

#[test]
fn after_a_refused_statement_the_right_one_is_taken() {
    let mut world = world(Mode::Committed);
    let wrong = SessionJoin { delegation: member(2).delegation, ..join(1) };
    world.say(1, 0, 1, Body::SessionJoin(wrong));
    world.say(1, 0, 2, Body::SessionJoin(join(1)));
    assert!(world.nodes[0].statement(1, Slot::Join).is_some());
    assert_eq!(world.nodes[0].failures, []);
}

#[test]
fn false_final_signatures_are_an_offense_and_end_nothing() {
    for signatures in [vec![Signature([1; 64])], vec![Signature([1; 64]); 2]] {
        let body = Body::SignatureFinalized(SignatureFinalized { signatures });
        check_refused(Mode::Committed, body, &Offense::FalseSignature);
    }
}

#[test]
fn envelope_of_another_session_or_network_changes_nothing() {
    let mut world = world(Mode::Committed);
    let before = world.digest();
    let (key, unix) = (&member(1).node_key, world.now_of(1).unix);
    let session = SessionId::from_bytes([1; 32]);
    let body = Body::SessionJoin(join(1));
    let foreign = [
        Envelope::sign(key, NETWORK, session, 1, unix, body.clone()),
        Envelope::sign(key, Network::Signet, world.session(), 1, unix, body),
    ];
    for envelope in foreign {
        world.deliver(peer(1), 0, envelope.unwrap());
    }
    assert_eq!(world.digest(), before);
}

#[test]
fn question_counts_from_whoever_asks_and_not_from_who_carries_it() {
    let mut world = world(Mode::Committed);
    let before = world.digest();
    let envelope = world.envelope(1, 99, ready());
    world.deliver(peer(2), 0, envelope);
    assert_eq!(world.digest(), before);
    // Nor does it use the number up.
    world.say(1, 0, 5, ready());
    assert!(offenses(&world).is_empty());
}

#[test]
fn own_words_brought_back_and_repeated_words_change_nothing() {
    let mut world = world(Mode::Committed);
    let joined = world.envelope(1, 1, Body::SessionJoin(join(1)));
    world.deliver(peer(1), 0, joined.clone());
    let before = world.digest();
    world.deliver(peer(1), 0, joined.clone());
    world.deliver(peer(2), 0, joined);
    // Signed anew, as after a reconnect.
    world.say(1, 0, 3, Body::SessionJoin(join(1)));
    let own = world.envelope(0, 9, Body::SessionJoin(join(0)));
    world.deliver(peer(1), 0, own);
    assert_eq!(world.digest(), before);
}

#[test]
fn questions_without_end_are_answered_up_to_a_limit() {
    let mut world = world(Mode::Committed);
    let limit = ACKS_ANSWERED_MAX;
    for seq in 1..=u64::from(limit) {
        world.say(1, 0, seq, ready());
    }
    assert!(offenses(&world).is_empty());
    let before = world.bytes.clone();
    world.say(1, 0, 1000, ready());
    assert_eq!(offenses(&world), [(1, &Offense::TooManyAcks { limit })]);
    assert_eq!(world.bytes, before);
}
