//! The numbers in `docs/protocol/peers.md` are those of this crate.

use std::{fs, path::Path, time::Duration};

use ensign_book::*;
use ensign_wire::NODES_TOLD_MAX;

/// The page, in one line.
fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/peers.md");
    let text = fs::read_to_string(page).expect("the page");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check(says: &[String]) {
    let page = page();
    let missing: Vec<_> = says.iter().filter(|it| !page.contains(it.as_str())).collect();
    assert!(missing.is_empty(), "docs/protocol/peers.md does not say: {missing:#?}");
}

const fn days(time: Duration) -> u64 {
    time.as_secs() / 86_400
}

#[test]
fn numbers_of_tables_are_on_the_page() {
    let (new, tried) = (NEW_BUCKETS, TRIED_BUCKETS);
    let of_source = NEW_BUCKETS_PER_SOURCE * BUCKET_PLACES;
    check(&[
        format!("{new} × {BUCKET_PLACES} | {tried} × {BUCKET_PLACES}"),
        format!("one of {NEW_BUCKETS_PER_SOURCE} numbers that area and source choose"),
        format!("one of {TRIED_BUCKETS_PER_AREA} numbers that its key chooses"),
        format!("{TRIED_BUCKETS_PER_AREA} buckets; at most {TRIED_PER_AREA_MAX} nodes"),
        format!("and {TRIED_PER_NETWORK_MAX} of one /24 or /48"),
        format!("{NEW_BUCKETS_PER_SOURCE} buckets, {of_source} records"),
        format!("for {} days", days(HORIZON)),
        format!("{FAILURES_OF_NEW_MAX} dials failed"),
        format!("{FAILURES_OF_TRIED_MAX} dials in a row failed"),
        format!("the last success is {} days ago", days(FAILURES_TIME)),
        format!("answered within {} h", CONTEST_REST.as_secs() / 3600),
        format!("at most {CONTESTS_MAX} wait"),
        format!("{} minutes are over", CONTEST_TIME.as_secs() / 60),
    ]);
    assert_eq!(CONTEST_FAILURES, 2);
    check(&["the holder failed twice in a row".into()]);
}

#[test]
fn numbers_of_connections_are_on_the_page() {
    assert_eq!((OUTBOUND_MAX, DIALS_MAX, ANCHORS_MAX), (12, 4, 2));
    let (first, last) = (FILL_WAIT_MIN.as_millis(), FILL_WAIT_MAX.as_secs());
    check(&[
        "Twelve, each to another area".into(),
        "four dials at once".into(),
        "The two outbound connections that stood longest".into(),
        format!("dialled in the last {} minutes", REDIAL_WAIT.as_secs() / 60),
        format!("A dial tries {ADDRESSES_DIALLED_MAX} addresses"),
        format!("waits {first} ms, doubled each time up to {last} s"),
        format!("Each {} minutes ± 50 %", ROTATION_INTERVAL.as_secs() / 60),
        format!("at most {TRUSTED_MAX}) have places of their own"),
        format!("Each {} s ± 50 % one is dialled", FEELER_INTERVAL.as_secs()),
        format!("stood longest, {} minutes at least", ANCHOR_AGE.as_secs() / 60),
        format!("nobody does for {} minutes", ANCHORS_LOST_TIME.as_secs() / 60),
    ]);
}

#[test]
fn numbers_of_questions_and_signs_are_on_the_page() {
    assert_eq!(NODES_TOLD_MAX, TOLD_MAX + 1, "its own comes first");
    let (allowed, asked, all) = (QUESTIONS_ALLOWED, QUESTIONS_ASKED, ANSWERS_ALLOWED);
    let of_all = [all.burst, all.per_minute].map(|it| format!("1,{:03}", it - 1000));
    assert_eq!((ONE_GROUP_MIN, VIEWS_APART, CHANGED_WHEN_CUT_OFF), (3, 4, 6));
    check(&[
        format!("at most {NODES_TOLD_MAX}, each as bytes"),
        format!("more than {TOLD_MAX} records of others"),
        format!("up to {TOLD_MAX} records of nodes that it reached within a day"),
        format!("A book of fewer than {ROUND_TAKEN_MAX} asks each one at once"),
        format!("all again each {} s ± 50 %", THIN_ROUND_INTERVAL.as_secs()),
        format!("otherwise each {} min ± 50 %", ROUND_INTERVAL.as_secs() / 60),
        format!("{ROUND_TAKEN_MAX} in all and {ROUND_TAKEN_PER_SOURCE_MAX} (a third)"),
        format!("({SAMPLE_CLASSES}, by area) and period of {} min", SAMPLE_TIME.as_secs() / 60),
        format!("each asker {} and then {} a minute", allowed.burst, allowed.per_minute),
        format!("all together {} and then {} a minute", of_all[0], of_all[1]),
        format!("holds itself to {} and then {} a minute", asked.burst, asked.per_minute),
        format!("each {} s ± 25 %", COMPARE_INTERVAL.as_secs()),
        format!("one by {VIEWERS_NEAR} outbound connections, one by {VIEWERS_APART} nodes"),
        format!("fewer than {VIEWS_SHARED_MIN} are the same"),
        format!("one each {} s, anchors too", CHANGE_WAIT.as_secs()),
        format!("no anchor was there for {} min", ANCHORS_LOST_TIME.as_secs() / 60),
        format!("At most {} notes at once", NOTES_ALLOWED.burst),
        format!("and {} a minute, whatever peers do", NOTES_ALLOWED.per_minute),
    ]);
    check(&["4 comparisons in a row disagree".into(), "changes six".into()]);
}
