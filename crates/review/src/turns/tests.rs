//! Who comes next, whatever one member does.

use super::*;
use crate::docket::tests::request;

fn member(byte: u8) -> Option<[u8; 33]> {
    Some([byte; 33])
}

fn claim(by: u8, same: u8) -> Claim {
    Claim { member: member(by), same: [same; 32] }
}

fn at(second: u64) -> Instant {
    Instant::from_micros(second * 1_000_000)
}

const FLOODER: u8 = 1;
const HONEST: u8 = 2;

/// Takes what is asked at one moment.
fn order(turns: &mut Turns<u32>, now: Instant) -> Vec<u32> {
    std::iter::from_fn(|| turns.take(now).map(|(_, item)| item)).collect()
}

#[test]
fn first_question_of_another_member_is_the_next_behind_a_thousand() {
    for asked_before in 0..20 {
        let mut turns = Turns::new(None);
        (0..1_000).for_each(|number| {
            turns.enter(at(0), claim(FLOODER, number as u8), number);
        });
        (0..asked_before).for_each(|_| assert!(turns.take(at(0)).is_some()));
        turns.enter(at(0), claim(HONEST, 0), 7_000);
        let (claim, _) = turns.take(at(0)).unwrap();
        let (_, next) = turns.take(at(0)).unwrap();
        let first_two = [claim.member == member(HONEST), next == 7_000];
        assert!(first_two.contains(&true), "after {asked_before}");
        assert!(asked_before == 0 || first_two[0], "after {asked_before}");
    }
}

#[test]
fn members_take_turns_and_each_keeps_its_order() {
    let mut turns = Turns::new(None);
    for (by, number) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (2, 21)] {
        turns.enter(at(0), claim(by, number as u8), number);
    }
    assert_eq!(order(&mut turns, at(0)), [10, 20, 30, 11, 21, 12]);
    turns.enter(at(0), claim(1, 1), 13);
    turns.enter(at(0), Claim::OWN, 1);
    assert_eq!(order(&mut turns, at(0)), [1, 13], "our own come first");
}

#[test]
fn coming_back_with_every_question_gains_no_turn() {
    let mut turns = Turns::new(None);
    (0..50).for_each(|number| {
        turns.enter(at(0), claim(1, number as u8), number);
    });
    let mut of_first = 0;
    for number in 0..40 {
        turns.enter(at(0), claim(2, number as u8), 1_000 + number);
        of_first += u32::from(turns.take(at(0)).unwrap().1 < 1_000);
    }
    assert!((19..=21).contains(&of_first), "{of_first} of 40");
}

#[test]
fn equal_questions_are_counted_and_come_behind_others_of_their_member() {
    let mut turns = Turns::new(None);
    for (same, number) in [(1, 10), (1, 11), (2, 20), (1, 12)] {
        turns.enter(at(0), claim(1, same), number);
    }
    turns.enter(at(0), claim(2, 1), 30);
    assert_eq!(turns.take(at(0)), Some((claim(1, 1), 10)));
    assert_eq!(turns.count_same(&claim(1, 1)), 2);
    assert_eq!(order(&mut turns, at(0)), [30, 20, 11, 12]);
    turns.enter(at(0), claim(1, 1), 13);
    turns.enter(at(0), claim(2, 1), 31);
    assert_eq!(turns.same(&claim(1, 1)).collect::<Vec<_>>(), [&13], "of the same member only");
    assert_eq!(turns.len(), 2);
}

#[test]
fn a_member_is_asked_about_at_its_pace_and_slows_nobody_else() {
    let mut turns = Turns::new(Some(Allowance { burst: 2, per_minute: 6 }));
    (0..5).for_each(|number| {
        turns.enter(at(0), claim(FLOODER, number as u8), number);
    });
    assert_eq!(order(&mut turns, at(0)), [0, 1]);
    assert_eq!(turns.ready_at(), Some(at(10)));
    assert!(order(&mut turns, at(9)).is_empty());
    turns.enter(at(9), claim(HONEST, 0), 90);
    assert!(turns.ready_at() <= Some(at(9)));
    assert_eq!(order(&mut turns, at(9)), [90]);
    assert_eq!(order(&mut turns, at(10)), [2]);
    // What it takes back counts: it was read.
    assert_eq!(turns.remove(|item| *item == 3), Some(3));
    assert!(order(&mut turns, at(15)).is_empty());
    assert_eq!(order(&mut turns, at(3_600)), [4]);
    assert_eq!(turns.ready_at(), None);
}

#[test]
fn the_youngest_of_whoever_has_most_gives_way() {
    let mut turns = Turns::new(None);
    let limit = QUESTIONS_PER_MEMBER_MAX as u32;
    for number in 0..limit {
        assert_eq!(turns.enter(at(0), claim(FLOODER, 0), number), None);
    }
    assert_eq!(turns.enter(at(0), claim(FLOODER, 0), limit), Some(limit));
    assert_eq!(turns.enter(at(0), claim(HONEST, 0), 7_000), None);
    let mut gone = Vec::new();
    for by in 3..15 {
        gone.extend((0..limit).filter_map(|_| turns.enter(at(0), claim(by, 0), by.into())));
    }
    assert_eq!(turns.len(), QUESTIONS_MAX);
    assert!(turns.iter().any(|item| *item == 7_000) && !gone.contains(&7_000));
}

#[test]
fn a_member_has_as_many_waiting_as_it_may() {
    for limit in [1, 3] {
        let mut turns = Turns::new(None).at_most(limit);
        let gone = (0..10).filter_map(|number| turns.enter(at(0), claim(FLOODER, 0), number));
        assert_eq!(gone.count(), 10 - limit);
        assert_eq!(turns.enter(at(0), claim(HONEST, 0), 90), None);
    }
}

#[test]
fn memory_of_members_is_bounded() {
    let mut turns = Turns::new(Some(QUESTIONS_ALLOWED));
    for number in 0..2_000_u32 {
        let mut member = [1; 33];
        member[..4].copy_from_slice(&number.to_be_bytes());
        let member = Some(member);
        turns.enter(at(0), Claim { member, same: [0; 32] }, number);
        turns.take(at(0)).unwrap();
    }
    assert!(turns.members.len() <= QUESTIONS_MAX);
    turns.enter(at(7_200), claim(1, 0), 1);
    assert!(turns.take(at(7_200)).is_some());
    assert!(turns.members.len() <= QUESTIONS_MAX);
}

#[test]
fn what_asks_for_the_same_is_the_same_at_another_time_and_not_in_other_words() {
    let first = request(1).request.clone();
    let later = SigningRequest {
        nonce: [9; 16],
        created: first.created.after(MINUTE),
        expires: first.expires.after(MINUTE),
        ..first.clone()
    };
    assert_eq!(Claim::of(&first), Claim::of(&later));
    let payload = if first.payload == Payload::Blind { Payload::Drill } else { Payload::Blind };
    for other in [
        request(2).request.clone(),
        SigningRequest { purpose: "rent, corrected".to_owned(), ..first.clone() },
        SigningRequest { payload, ..first.clone() },
        SigningRequest { amount: first.amount + 1, ..first.clone() },
    ] {
        assert_ne!(Claim::of(&first), Claim::of(&other), "{other:?}");
    }
}
