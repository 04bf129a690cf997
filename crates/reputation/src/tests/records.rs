//! What is written, and what a restart makes of it.

use core::time::Duration;
use std::{collections::BTreeMap, vec::Vec};

use ensign_primitives::{Now, PeerId};

use super::{DAY, after, peer, reputation, start};
use crate::{Account, Config, Mark, Record, Reputation, Word};

type Rows = BTreeMap<PeerId, Vec<u8>>;

/// Writes what is there to write, as a store would.
fn write(reputation: &mut Reputation, now: Now, rows: &mut Rows) -> usize {
    let mut written = 0;
    while let Some((Record { peer, account }, _)) = reputation.take_record(now) {
        written += 1;
        match account {
            Some(account) => rows.insert(peer, postcard::to_allocvec(&*account).unwrap()),
            None => rows.remove(&peer),
        };
    }
    written
}

fn restart(rows: &Rows, now: Now) -> Reputation {
    let account = |bytes: &Vec<u8>| postcard::from_bytes::<Account>(bytes).unwrap();
    let kept = rows.iter().map(|(peer, bytes)| (*peer, account(bytes))).collect();
    Reputation::new(Config::default(), now, kept)
}

#[test]
fn words_and_scores_outlive_a_restart() {
    let mut before = reputation();
    before.say(start(), peer(1), Some(Word::Banned)).unwrap();
    before.mark(start(), peer(2), Mark::Proof([1; 32]), &"a lie");
    before.mark(start(), peer(3), Mark::Good, &"a session");
    before.mark(start(), peer(4), Mark::Offense, &"an offense");
    let mut rows = Rows::new();
    write(&mut before, start(), &mut rows);
    let mut after_restart = restart(&rows, after(DAY));
    for number in 1..=5 {
        let why = |of: &Reputation| of.why(after(DAY).unix, &peer(number));
        assert_eq!(why(&after_restart), why(&before));
    }
    assert!(!after_restart.mark(after(DAY), peer(2), Mark::Proof([1; 32]), &"a lie"), "once");
}

#[test]
fn word_taken_back_leaves_no_row() {
    let (mut reputation, mut rows) = (reputation(), Rows::new());
    reputation.say(start(), peer(1), Some(Word::Banned)).unwrap();
    write(&mut reputation, start(), &mut rows);
    assert_eq!(rows.len(), 1);
    reputation.say(start(), peer(1), None).unwrap();
    write(&mut reputation, start(), &mut rows);
    assert!(rows.is_empty());
}

#[test]
fn strangers_cause_few_writes_and_the_user_none_that_waits() {
    let (mut reputation, mut rows) = (reputation(), Rows::new());
    let mut written = 0;
    for number in 0..10_000 {
        let now = after(Duration::from_millis(number));
        reputation.mark(now, peer(number), Mark::Offense, &"an offense");
        written += write(&mut reputation, now, &mut rows);
    }
    assert!(written <= 32 + 10, "{written} writes in 10 s");
    reputation.say(after(Duration::from_secs(10)), peer(99_999), Some(Word::Banned)).unwrap();
    let (first, is_urgent) = reputation.take_record(after(Duration::from_secs(10))).unwrap();
    assert!(first.peer == peer(99_999) && is_urgent);
}

#[test]
fn rows_never_outnumber_the_places() {
    let (mut reputation, mut rows) = (reputation(), Rows::new());
    for number in 0..40_000 {
        let now = after(number * Duration::from_millis(1200));
        reputation.mark(now, peer(number.into()), Mark::Offense, &"an offense");
        write(&mut reputation, now, &mut rows);
        assert!(rows.len() <= crate::OFFENDERS_MAX + 1);
    }
}

#[test]
fn row_from_a_clock_that_was_ahead_fades_from_now_on() {
    let (mut reputation, mut rows) = (reputation(), Rows::new());
    reputation.mark(after(365 * DAY), peer(1), Mark::Offense, &"an offense");
    write(&mut reputation, after(365 * DAY), &mut rows);
    let restarted = restart(&rows, start());
    assert_eq!(restarted.score(after(10 * DAY).unix, &peer(1)), 0);
}
