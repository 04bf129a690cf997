//! The numbers about reachability in `docs/protocol/peers.md` are those of this crate.

use std::{fs, path::Path};

use ensign_reach::*;

/// The page, in one line.
fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/peers.md");
    let text = fs::read_to_string(page).expect("the page");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn numbers_of_observers_dial_backs_and_rounds_are_on_the_page() {
    assert_eq!((OBSERVERS_COUNTED, OBSERVERS_MIN, CANDIDATES_MAX), (8, 2, 8));
    assert_eq!((DIAL_BACKS_MIN, DIAL_BACKS_MIN_OWN), (2, 1));
    assert_eq!((ASKED_MAX, FAILURES_MAX, FAILURES_MIN, REFRESHED), (6, 3, 2, 3));
    let minutes = |of: core::time::Duration| of.as_secs() / 60;
    let (node, area, all) = (FAVOURS_OF_NODE, FAVOURS_OF_AREA, FAVOURS_IN_ALL);
    assert_eq!(RETRY_MAX.as_secs(), 3600);
    let says = [
        "the eight areas that spoke last have a voice each".to_owned(),
        "A host is believed when two of them".into(),
        "**Candidates**, eight at most".into(),
        "after one dial back".into(),
        "after dial backs from two areas".into(),
        format!("six at most, {} s each", ANSWER_TIMEOUT.as_secs()),
        format!("when three were `Unreached`, or after {} s", ROUND_TIME.as_secs()),
        format!("tested anew each {} min", minutes(RETEST_INTERVAL)),
        "lost after three `Unreached`, or two when nobody else can be asked".into(),
        format!("tested again after {} min, twice as long each time up to an hour", minutes(RETRY)),
        "three connections that say so are made anew".into(),
        format!("the port is {FAVOUR_PORT_MIN} or above"),
        format!("fewer than {} and then {} a minute", node.burst, node.per_minute),
        format!("its area {} and then {}", area.burst, area.per_minute),
        format!("{FAVOURS_MAX} are under way"),
        format!("had {} and then {} a minute: `Busy`", all.burst, all.per_minute),
    ];
    let page = page();
    let missing: Vec<_> = says.iter().filter(|it| !page.contains(it.as_str())).collect();
    assert!(missing.is_empty(), "docs/protocol/peers.md does not say: {missing:#?}");
}
