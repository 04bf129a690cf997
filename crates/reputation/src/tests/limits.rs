//! What a flood of identities can push out, and what not.

use super::{DAY, after, peer, reputation, start};
use crate::{
    MERITS_MAX, Mark, OFFENDERS_MAX, PROVEN_MAX, Reputation, TooManyWords, WORDS_MAX, Word,
};

fn is_within_limits(reputation: &Reputation) -> bool {
    reputation.occupancy().all(|it| it.is_within_limit())
}

#[test]
fn a_million_fresh_identities_push_out_only_their_like() {
    let mut reputation = reputation();
    reputation.say(start(), peer(1), Some(Word::Banned)).unwrap();
    reputation.mark(start(), peer(2), Mark::Proof([1; 32]), &"a lie");
    reputation.mark(start(), peer(3), Mark::Good, &"a session");
    for _ in 0..2 {
        reputation.mark(start(), peer(4), Mark::Offense, &"an offense");
    }
    for number in 0..1_000_000 {
        let fresh = peer(1_000 + number);
        reputation.mark(start(), fresh, Mark::Offense, &"an offense");
        while reputation.take_record(start()).is_some() {}
    }
    assert!(is_within_limits(&reputation));
    let score = |number| reputation.score(start().unix, &peer(number));
    assert_eq!((score(1), score(2), score(3)), (-100, -50, 1));
    assert_eq!(score(4), -10, "what is further from neutral than they stays too");
}

#[test]
fn shelf_at_its_edge_gives_up_what_is_nearest_to_neutral() {
    let check = |mark: fn(u64) -> Mark, limit: usize| {
        let mut reputation = reputation();
        let limit = u64::try_from(limit).unwrap();
        for number in 0..limit {
            // The first is the oldest, so that it fades first.
            reputation.mark(after(DAY), peer(number), mark(number), &"a mark");
        }
        reputation.mark(start(), peer(0), mark(limit), &"a mark");
        assert!((0..limit).all(|it| reputation.score(after(DAY).unix, &peer(it)) != 0));
        reputation.mark(after(2 * DAY), peer(limit), mark(limit + 1), &"a mark");
        assert!(is_within_limits(&reputation));
        let forgotten = (0..=limit).filter(|it| reputation.why(start().unix, &peer(*it)).is_none());
        assert_eq!(forgotten.count(), 1);
        assert!(reputation.why(start().unix, &peer(limit)).is_some());
    };
    check(|_| Mark::Offense, OFFENDERS_MAX);
    check(|_| Mark::Good, MERITS_MAX);
    check(|number| Mark::Proof([u8::try_from(number % 251).unwrap(); 32]), PROVEN_MAX);
}

#[test]
fn words_of_the_user_are_refused_beyond_their_limit_and_never_lost() {
    let mut reputation = reputation();
    let limit = u64::try_from(WORDS_MAX).unwrap();
    for number in 0..limit {
        reputation.say(start(), peer(number), Some(Word::Banned)).unwrap();
    }
    let one_more = reputation.say(start(), peer(limit), Some(Word::Trusted));
    assert_eq!(one_more, Err(TooManyWords { limit: WORDS_MAX }));
    reputation.say(start(), peer(0), Some(Word::Trusted)).unwrap();
    assert_eq!(reputation.word(&peer(0)), Some(Word::Trusted));
    reputation.say(start(), peer(1), None).unwrap();
    reputation.say(start(), peer(limit), Some(Word::Trusted)).unwrap();
    assert!((2..limit).all(|it| reputation.word(&peer(it)) == Some(Word::Banned)));
    assert!(is_within_limits(&reputation));
}
