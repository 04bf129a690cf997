//! Cases for the watch.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use alloc::{format, string::String, vec::Vec};

use ensign_primitives::{Instant, Now, PeerId, UnixTime};
use proptest::prelude::*;

use crate::{Act, CAUSES_KEPT, Distance, FAR_WATCHED_MAX, Note, WORDS_BYTES_MAX, Watch};

fn at(millis: u64) -> Now {
    Now { instant: Instant::from_micros(millis * 1000), unix: UnixTime::from_millis(millis) }
}

fn peer(number: u64) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    PeerId::from_bytes(bytes)
}

fn note<'a>(whom: PeerId, act: Act, what: &'a dyn core::fmt::Display) -> Note<'a> {
    Note { whom, distance: Distance::Far, remote: None, act, what, points: 5 }
}

fn watch() -> Watch {
    Watch::new(at(0))
}

fn causes(watch: &Watch, whom: PeerId) -> Vec<(String, u64)> {
    let entry = watch.get(&whom).unwrap();
    entry.causes().map(|cause| (cause.what.clone(), cause.times)).collect()
}

#[test]
fn what_differs_in_its_numbers_is_one_cause_that_counts() {
    let (mut watch, whom) = (watch(), peer(1));
    for question in [7, 12, 3_000] {
        let what = format!("question {question} asked twice");
        watch.note(at(question), &note(whom, Act::Charged, &what));
    }
    assert_eq!(causes(&watch, whom), [("question 7 asked twice".into(), 3)]);
    let entry = watch.get(&whom).unwrap();
    let cause = entry.causes().next().unwrap();
    assert_eq!((cause.first, cause.last), (at(7).unix, at(3_000).unix));
    assert_eq!((entry.counts.charged, entry.counts.points, cause.points), (3, 15, 15));
}

#[test]
fn the_last_five_causes_are_kept_the_latest_first() {
    let (mut watch, whom) = (watch(), peer(1));
    for (time, letter) in ('a'..='g').enumerate() {
        watch.note(at(time as u64), &note(whom, Act::Held, &letter));
    }
    // Said again, it is the latest.
    watch.note(at(9), &note(whom, Act::Held, &'d'));
    let letters: Vec<_> = causes(&watch, whom).into_iter().map(|(what, _)| what).collect();
    assert_eq!(letters, ["d", "g", "f", "e", "c"]);
    assert_eq!(letters.len(), CAUSES_KEPT);
    assert_eq!(watch.get(&whom).unwrap().counts.held, 8);
}

#[test]
fn the_same_words_for_another_act_are_another_cause() {
    let (mut watch, whom) = (watch(), peer(1));
    watch.note(at(1), &note(whom, Act::Charged, &"no hello in time"));
    watch.note(at(1), &note(whom, Act::Closed, &"no hello in time"));
    assert_eq!(causes(&watch, whom).len(), 2);
    assert_eq!(watch.get(&whom).unwrap().acts(), [Act::Charged, Act::Closed]);
}

#[test]
fn words_are_cut_between_letters() {
    let (mut watch, whom) = (watch(), peer(1));
    let long = "\u{e4}".repeat(WORDS_BYTES_MAX);
    watch.note(at(1), &note(whom, Act::Held, &long));
    let (what, _) = causes(&watch, whom).remove(0);
    assert_eq!(what, "\u{e4}".repeat(WORDS_BYTES_MAX / 2));
}

#[test]
fn a_crowd_of_strangers_does_not_make_us_forget_a_member() {
    let (mut watch, member) = (watch(), peer(u64::MAX));
    let near = Note { distance: Distance::Near, ..note(member, Act::Held, &"too much") };
    watch.note(at(1), &near);
    for stranger in 0..2 * FAR_WATCHED_MAX as u64 {
        watch.note(at(stranger), &note(peer(stranger), Act::Refused, &"no room"));
    }
    assert_eq!(causes(&watch, member), [("too much".into(), 1)]);
    assert!(watch.get(&peer(0)).is_none() && watch.get(&peer(FAR_WATCHED_MAX as u64)).is_some());
    assert_eq!(watch.entries().count(), FAR_WATCHED_MAX + 1);
    assert_eq!(watch.totals().refused, 2 * FAR_WATCHED_MAX as u64);
    assert_eq!(watch.entries().next().unwrap().0, &member);
}

#[test]
fn regression_fresh_identities_of_one_network_washed_the_causes_of_all_strangers_out() {
    let from = |whom, ip: &str| Note {
        remote: Some(ip.parse().unwrap()),
        ..note(peer(whom), Act::Refused, &"no room")
    };
    let mut watch = watch();
    let others = ["10.0.1.1", "10.0.2.1", "2001:db9::1", "::ffff:10.0.3.1"];
    for (number, ip) in others.iter().enumerate() {
        watch.note(at(1), &from(number as u64, ip));
    }
    for number in 100..100 + 4 * FAR_WATCHED_MAX as u64 {
        let ip = match number % 3 {
            0 => format!("10.0.0.{}", number % 256),
            1 => format!("::ffff:10.0.0.{}", number % 256),
            _ => format!("2001:db8:{:x}::1", number % 65_536),
        };
        watch.note(at(number), &from(number, &ip));
    }
    assert!((0..others.len() as u64).all(|number| watch.get(&peer(number)).is_some()));
    assert_eq!(watch.occupancy().map(|it| it.len), [0, FAR_WATCHED_MAX]);
}

#[test]
fn whoever_becomes_a_member_takes_its_causes_along() {
    let (mut watch, whom) = (watch(), peer(1));
    watch.note(at(1), &note(whom, Act::Held, &"before its hello"));
    let near = Note { distance: Distance::Near, ..note(whom, Act::Held, &"too much") };
    watch.note(at(2), &near);
    assert_eq!(causes(&watch, whom).len(), 2);
    assert_eq!(watch.occupancy().map(|it| it.len), [1, 0]);
}

#[test]
fn a_clock_that_is_set_back_makes_no_cause_older() {
    let (mut watch, whom) = (watch(), peer(1));
    watch.note(at(7_200_000), &note(whom, Act::Held, &"too much"));
    watch.note(at(0), &note(whom, Act::Held, &"too much"));
    let cause = watch.get(&whom).unwrap().causes().next().unwrap().clone();
    assert_eq!((cause.first, cause.last), (at(7_200_000).unix, at(7_200_000).unix));
}

proptest! {
    #[test]
    fn it_is_bounded_and_its_counters_are_exact(
        notes in proptest::collection::vec((0..40_u64, 0..7_usize, 0..9_u8), 0..400)
    ) {
        let mut watch = watch();
        for (time, (whom, act, what)) in notes.iter().enumerate() {
            let (act, what) = (crate::ACTS[*act], char::from(b'a' + what));
            watch.note(at(time as u64), &note(peer(*whom), act, &what));
        }
        let all: u64 = crate::ACTS.iter().map(|act| watch.totals().of(*act)).sum();
        prop_assert_eq!(all, notes.len() as u64);
        for (whom, entry) in watch.entries() {
            let mine = notes.iter().filter(|(of, ..)| peer(*of) == *whom).count();
            let counted: u64 = crate::ACTS.iter().map(|act| entry.counts.of(*act)).sum();
            prop_assert_eq!(counted, mine as u64);
            prop_assert!(entry.causes().count() <= CAUSES_KEPT);
            prop_assert!(entry.since() <= entry.last());
        }
    }
}
