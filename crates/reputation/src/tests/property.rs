//! Op-lists against what must hold whatever comes.

use core::time::Duration;
use std::{collections::BTreeMap, vec::Vec};

use proptest::{collection::vec, prelude::*};

use super::{after, peer, reputation};
use crate::{Config, MINIMUM, Mark, Reputation, SCORE_MAX, SCORE_MIN, Word};

#[derive(Clone, Copy, Debug)]
enum Op {
    Mark(u64, Mark),
    Say(u64, Option<Word>),
    /// Seconds ahead.
    Wait(u64),
    /// Seconds back, of the wall clock only.
    SetBack(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let mark = prop_oneof![
        3 => Just(Mark::Good),
        3 => Just(Mark::Offense),
        3 => Just(Mark::Unresponsive),
        1 => (0_u8..4).prop_map(|digest| Mark::Proof([digest; 32])),
    ];
    let word = prop_oneof![Just(None), Just(Some(Word::Banned)), Just(Some(Word::Trusted))];
    prop_oneof![
        6 => (0_u64..6, mark).prop_map(|(of, mark)| Op::Mark(of, mark)),
        1 => (0_u64..6, word).prop_map(|(of, word)| Op::Say(of, word)),
        2 => (0_u64..200_000).prop_map(Op::Wait),
        1 => (0_u64..20_000).prop_map(Op::SetBack),
    ]
}

proptest! {
    #[test]
    fn scores_hold_their_promises(ops in vec(op(), 0..80)) {
        let mut reputation = reputation();
        let mut words: BTreeMap<u64, Word> = BTreeMap::new();
        let mut marks: BTreeMap<u64, Vec<Mark>> = BTreeMap::new();
        let (mut seconds, mut back) = (40_000_u64, 0_u64);
        for op in ops {
            let mut now = after(Duration::from_secs(seconds));
            now.unix = after(Duration::from_secs(seconds.saturating_sub(back))).unix;
            match op {
                Op::Mark(of, mark) => {
                    let before = reputation.score(now.unix, &peer(of));
                    let is_new = reputation.mark(now, peer(of), mark, &"a test");
                    let then = reputation.score(now.unix, &peer(of));
                    if mark == Mark::Good { prop_assert!(then >= before) } else { prop_assert!(then <= before) }
                    if mark == Mark::Unresponsive && before >= 0 { prop_assert!(then >= 0) }
                    if !is_new { prop_assert_eq!(then, before) }
                    marks.entry(of).or_default().push(mark);
                }
                Op::Say(of, word) => {
                    reputation.say(now, peer(of), word).unwrap();
                    match word { Some(word) => words.insert(of, word), None => words.remove(&of) };
                }
                Op::Wait(more) => {
                    let before: Vec<i32> =
                        (0..6).map(|of| reputation.score(now.unix, &peer(of))).collect();
                    seconds += more;
                    let later = after(Duration::from_secs(seconds.saturating_sub(back))).unix;
                    for (of, before) in (0..6).zip(before) {
                        let then = reputation.score(later, &peer(of));
                        // A debt never grows by waiting; merit may come back from silence. While a clock that was
                        // set back has not caught up, merit fades before debt does: by less than a point, rounded.
                        let rounding = i32::from(back > 0);
                        if before < 0 && !words.contains_key(&of) { prop_assert!(then >= before - rounding) }
                    }
                }
                Op::SetBack(by) => back += by,
            }
            for of in 0..6 {
                let score = reputation.score(now.unix, &peer(of));
                prop_assert!((SCORE_MIN..=SCORE_MAX).contains(&score));
                let seen = marks.get(&of).map(Vec::as_slice).unwrap_or_default();
                let is_proven = seen.iter().any(|mark| matches!(mark, Mark::Proof(_)));
                match words.get(&of) {
                    Some(Word::Banned) => prop_assert!(reputation.bars(now.unix, &peer(of), true).is_some()),
                    Some(Word::Trusted) => prop_assert!(reputation.bars(now.unix, &peer(of), false).is_none()),
                    None if is_proven => prop_assert!(score < 0),
                    None if seen.iter().all(|mark| *mark == Mark::Unresponsive) => prop_assert_eq!(score, 0),
                    None => prop_assert_eq!(
                        reputation.bars(now.unix, &peer(of), false).is_some(), score < MINIMUM),
                }
            }
            prop_assert!(reputation.occupancy().all(|it| it.is_within_limit()));
        }
    }

    #[test]
    fn bans_are_never_washed_out(
        banned in vec(0_u64..1_000_000, 1..20),
        floods in vec((0_u64..1_000_000, 0_u8..4), 0..40),
    ) {
        let mut reputation = Reputation::new(Config::default(), after(Duration::ZERO), Vec::new());
        for number in &banned {
            reputation.say(after(Duration::ZERO), peer(*number), Some(Word::Banned)).unwrap();
        }
        for (at, (first, kind)) in floods.into_iter().enumerate() {
            let now = after(Duration::from_secs(u64::try_from(at).unwrap()));
            let mark = [Mark::Good, Mark::Offense, Mark::Unresponsive, Mark::Proof([kind; 32])]
                [usize::from(kind)];
            for number in first..first + 40 {
                reputation.mark(now, peer(number), mark, &"a flood");
            }
        }
        let later = after(Duration::from_secs(100_000_000)).unix;
        for number in &banned {
            prop_assert!(reputation.bars(later, &peer(*number), true).is_some());
        }
    }
}
