//! What marks are worth, and how that fades.

use core::time::Duration;
use std::{string::ToString, vec, vec::Vec};

use super::{DAY, HOUR, after, peer, reputation, score_of, start};
use crate::{
    Bar, CAUSES_MAX, CauseKind, Config, MINIMUM, Mark, MinimumError, Reputation, SCORE_MAX,
    SCORE_MIN, WORDS_BYTES_MAX, Word,
};

const PROOF: Mark = Mark::Proof([7; 32]);

#[test]
fn marks_are_worth_what_the_specification_says() {
    let check = |marks: &[Mark], expect: i32| {
        assert_eq!(score_of(marks, Duration::ZERO), expect, "{marks:?}");
    };
    check(&[], 0);
    check(&[Mark::Good], 1);
    check(&[Mark::Offense], -5);
    check(&[PROOF], -50);
    check(&[PROOF, PROOF], -50);
    check(&[PROOF, Mark::Proof([8; 32])], -100);
    check(&[Mark::Good, Mark::Good, Mark::Offense], -3);
    check(&[Mark::Offense; 30], SCORE_MIN);
    check(&[Mark::Good; 130], SCORE_MAX);
}

#[test]
fn silence_takes_what_was_earned_and_no_more() {
    let mut marks = vec![Mark::Good; 12];
    marks.push(Mark::Unresponsive);
    assert_eq!(score_of(&marks, Duration::ZERO), 2);
    marks.push(Mark::Unresponsive);
    assert_eq!(score_of(&marks, Duration::ZERO), 0);
    assert_eq!(score_of(&marks, DAY), 12, "gone in a day");
    assert_eq!(score_of(&[Mark::Unresponsive; 9], Duration::ZERO), 0);
    assert_eq!(score_of(&[Mark::Offense, Mark::Unresponsive], Duration::ZERO), -5);
}

#[test]
fn offenses_halve_in_a_day_and_proofs_in_a_month() {
    assert_eq!(score_of(&[Mark::Offense; 8], DAY), -20);
    assert_eq!(score_of(&[Mark::Offense; 8], 2 * DAY), -10);
    assert_eq!(score_of(&[Mark::Offense; 8], 10 * DAY), 0);
    assert_eq!(score_of(&[PROOF], 30 * DAY), -25);
    assert_eq!(score_of(&[Mark::Good; 50], 30 * DAY), 25);
}

#[test]
fn convicted_node_never_comes_back_to_neutral() {
    assert_eq!(score_of(&[PROOF], 3650 * DAY), -1);
    let mut redeemed = vec![Mark::Good; 100];
    redeemed.push(PROOF);
    assert_eq!(score_of(&redeemed, Duration::ZERO), -1);
    assert_eq!(score_of(&redeemed, 300 * DAY), -1);
}

#[test]
fn asking_or_marking_often_fades_nothing_faster_or_slower() {
    let mut often = reputation();
    let mut once = reputation();
    for mark in [Mark::Offense; 10] {
        often.mark(start(), peer(1), mark, &"a");
        once.mark(start(), peer(1), mark, &"a");
    }
    for minute in 1..24 * 60 {
        let now = after(Duration::from_secs(60 * minute));
        // Silence of a node below neutral costs nothing, and must not move its clock.
        often.mark(now, peer(1), Mark::Unresponsive, &"b");
    }
    let then = after(DAY).unix;
    assert_eq!(often.score(then, &peer(1)), once.score(then, &peer(1)));
    assert_eq!(once.score(then, &peer(1)), -25);
}

#[test]
fn clock_that_jumps_hours_changes_little_either_way() {
    let mut reputation = reputation();
    reputation.mark(after(5 * HOUR), peer(1), PROOF, &"a lie");
    assert_eq!(reputation.score(start().unix, &peer(1)), -50, "back: nothing fades");
    assert_eq!(reputation.score(after(10 * HOUR).unix, &peer(1)), -50, "ahead: hardly");
    reputation.mark(start(), peer(1), Mark::Proof([8; 32]), &"another lie");
    assert_eq!(reputation.score(start().unix, &peer(1)), -100);
    assert_eq!(reputation.score(after(35 * DAY).unix, &peer(1)), -45);
}

#[test]
fn newcomer_ranks_below_the_proven_and_above_the_penalized() {
    let mut reputation = reputation();
    reputation.mark(start(), peer(1), Mark::Good, &"a session");
    reputation.mark(start(), peer(2), Mark::Offense, &"an offense");
    let score = |number| reputation.score(start().unix, &peer(number));
    assert!(score(1) > score(3) && score(3) > score(2));
}

#[test]
fn minimum_shuts_out_strangers_and_only_them() {
    let mut reputation = reputation();
    let check = |reputation: &Reputation, is_ours, expect| {
        assert_eq!(reputation.bars(start().unix, &peer(1), is_ours), expect);
    };
    for _ in 0..4 {
        reputation.mark(start(), peer(1), Mark::Offense, &"an offense");
    }
    check(&reputation, false, None);
    reputation.mark(start(), peer(1), Mark::Offense, &"an offense");
    check(&reputation, false, Some(Bar::BelowMinimum { score: -25 }));
    check(&reputation, true, None);
    reputation.say(start(), peer(1), Some(Word::Trusted)).unwrap();
    check(&reputation, false, None);
    reputation.say(start(), peer(1), Some(Word::Banned)).unwrap();
    check(&reputation, true, Some(Bar::Banned));
    reputation.say(start(), peer(1), None).unwrap();
    check(&reputation, true, None);
    check(&reputation, false, Some(Bar::BelowMinimum { score: -25 }));
}

#[test]
fn setting_out_of_range_is_named_with_the_range() {
    assert_eq!(Config::with_minimum(SCORE_MIN).map(|it| it.min_peer_reputation), Ok(SCORE_MIN));
    assert_eq!(Config::with_minimum(0).map(|it| it.min_peer_reputation), Ok(0));
    assert_eq!(Config::with_minimum(SCORE_MIN - 1), Err(MinimumError { seen: SCORE_MIN - 1 }));
    let error = Config::with_minimum(1).unwrap_err();
    assert_eq!(error.to_string(), "min_peer_reputation is 1; it is a score from -100 to 0");
    assert_eq!(Config::default().min_peer_reputation, MINIMUM);
}

#[test]
fn score_is_explained_by_its_last_causes() {
    let mut reputation = reputation();
    assert_eq!(reputation.why(start().unix, &peer(1)), None);
    for (round, name) in (0..7).zip('a'..) {
        let words = std::format!("offense {name}");
        reputation.mark(after(round * Duration::from_secs(1)), peer(1), Mark::Offense, &words);
    }
    for second in 10..20 {
        let now = after(Duration::from_secs(second));
        reputation.mark(now, peer(1), Mark::Good, &"a finished session");
    }
    let why = reputation.why(after(Duration::from_secs(20)).unix, &peer(1)).unwrap();
    assert_eq!((why.score, why.causes.len(), why.is_proven), (-25, CAUSES_MAX, false));
    let good = &why.causes[0];
    assert_eq!((good.kind, good.times, good.weight), (CauseKind::Good, 10, 10));
    assert_eq!(good.at, after(Duration::from_secs(19)).unix);
    assert_eq!(why.causes[1].words, "offense g");
    assert_eq!(why.causes[4].words, "offense d");
}

#[test]
fn words_of_a_cause_are_cut_between_letters() {
    let mut reputation = reputation();
    reputation.mark(start(), peer(1), Mark::Offense, &"ü".repeat(WORDS_BYTES_MAX));
    let why = reputation.why(start().unix, &peer(1)).unwrap();
    assert_eq!(why.causes[0].words, "ü".repeat(WORDS_BYTES_MAX / 2));
}

#[test]
fn regression_numbers_of_one_offense_push_no_other_cause_out_and_none_pushes_out_a_proof() {
    let mut reputation = reputation();
    reputation.mark(start(), peer(1), Mark::Proof([7; 32]), &"it signed two statements");
    reputation.mark(start(), peer(1), Mark::Offense, &"price told twice");
    for number in 0..9 {
        let words = std::format!("question {number} asked twice");
        reputation.mark(start(), peer(1), Mark::Offense, &words);
    }
    let causes = reputation.why(start().unix, &peer(1)).unwrap().causes;
    let told: Vec<_> = causes.iter().map(|cause| (cause.words.as_str(), cause.times)).collect();
    let asked = ("question 8 asked twice", 9);
    assert_eq!(told, [asked, ("price told twice", 1), ("it signed two statements", 1)]);
    for name in 'a'..'k' {
        let words = std::format!("offense {name}");
        reputation.mark(start(), peer(1), Mark::Offense, &words);
    }
    let causes = reputation.why(start().unix, &peer(1)).unwrap().causes;
    assert_eq!((causes.len(), causes[4].kind), (CAUSES_MAX, CauseKind::Proof));
}
