//! The numbers in `docs/protocol/dht.md` are those of this crate.

use std::{fs, path::Path, time::Duration};

use ensign_dht::*;
use ensign_wire::{
    DHT_BODY_BYTES_MAX, DHT_RECORD_LIFETIME_MAX, HAND_ON_TTL, NAMES_PER_HAVE_MAX,
    NODE_ADDRESSES_MAX, NODE_RECORD_BYTES_MAX, NODE_RECORD_LIFETIME_MAX, NODES_PER_REPLY_MAX,
    POSITION_BITS, POSITION_EPOCH, RECORD_CLOCK_AHEAD_MAX, RECORD_SLOTS,
};

/// The page, in one line.
fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/dht.md");
    let text = fs::read_to_string(page).expect("the page");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check(says: &[String]) {
    let page = page();
    let missing: Vec<_> = says.iter().filter(|it| !page.contains(it.as_str())).collect();
    assert!(missing.is_empty(), "docs/protocol/dht.md does not say: {missing:#?}");
}

const fn minutes(time: Duration) -> u64 {
    time.as_secs() / 60
}

#[test]
fn numbers_of_records_and_messages_are_on_the_page() {
    let [last, slots] = [RECORD_SLOTS - 1, RECORD_SLOTS].map(u64::from);
    assert_eq!(slots, RECORDS_PER_PUBLISHER as u64, "a publisher has a place for each slot");
    check(&[
        format!("{POSITION_BITS} in the open network (`POSITION_BITS`)"),
        format!("The epoch counts {} days", POSITION_EPOCH.as_secs() / 86_400),
        format!("list of addresses, at most {NODE_ADDRESSES_MAX}"),
        format!("at most {} h after `sent_at`", NODE_RECORD_LIFETIME_MAX.as_secs() / 3600),
        format!("At most {NODE_RECORD_BYTES_MAX} bytes in all"),
        format!("`sent_at` at most {} min ahead", minutes(RECORD_CLOCK_AHEAD_MAX)),
        format!("`u8`, 0 to {last}"),
        format!("at most {} min after `sent_at`", minutes(DHT_RECORD_LIFETIME_MAX)),
        format!("bytes, 1 to {DHT_BODY_BYTES_MAX}"),
        format!("list of node records, at most {NODES_PER_REPLY_MAX}"),
        format!("1 to {NAMES_PER_HAVE_MAX} times the first half of a key"),
        format!("`ttl`, 0 to {HAND_ON_TTL}"),
        format!("a publisher's copy comes with {HAND_ON_TTL}"),
    ]);
}

#[test]
fn numbers_of_tables_and_questions_are_on_the_page() {
    let (kib, cells) = (SHELF_BYTES_MAX / 1024, ROOT_CELLS * ROOTS_PER_CELL);
    assert_eq!(FREE_BYTES_MAX * 2, SHELF_BYTES_MAX);
    check(&[
        format!("{K} contacts each (`K`)"),
        format!("{SPARE_MAX} of each bucket (`SPARE_MAX`)"),
        format!("{GROUP_PER_BUCKET_MAX} of a bucket, {GROUP_PER_TABLE_MAX} of the table"),
        format!("{cells}: {ROOT_CELLS} cells of {ROOTS_PER_CELL} by the first 4 bits"),
        format!("{ROOTS_PER_NETWORK} of one network"),
        format!("{kib} KiB; {RECORDS_PER_PUBLISHER} of one publisher"),
        format!("| estimates | {ESTIMATES_KEPT} |"),
        format!("was so for {} min", minutes(STALE_AFTER)),
        format!("at most {PROBES_MAX} at a time, {GROUP_PER_BUCKET_MAX} of one network"),
        format!("{} ms pass", SOFT_TIMEOUT.as_millis()),
        format!("| asked, slow | {} s pass", HARD_TIMEOUT.as_secs()),
        format!("asked {} a minute (`QUESTIONS_ASKED`)", QUESTIONS_ASKED.per_minute),
        format!("`DhtPull` {} (`PULLS_ASKED`)", PULLS_ASKED.per_minute),
    ]);
}

#[test]
fn numbers_of_walks_and_of_what_is_kept_are_on_the_page() {
    let fresh = minutes(FRESH);
    let density = DENSITY.map(|(_, least)| format!("{}.{:02}", least / 100, least % 100));
    check(&[
        format!("when *i* is a multiple of {KEY_EVERY}"),
        format!("*i* mod {STONE_EVERY} is {}", STONE_EVERY - 1),
        format!("| store | {STORE_BUDGET} | {STORE_EXPLORE} | never |"),
        format!("| fetch | {FETCH_BUDGET}, or {THOROUGH_BUDGET} when it is thorough"),
        format!("| {FETCH_EXPLORE} | at a record issued within {fresh} min"),
        format!("| node | {FETCH_BUDGET}, or {THOROUGH_BUDGET} | {FETCH_EXPLORE} |"),
        format!("a record of it issued within {fresh} min"),
        format!("| nearest | {NEAREST_BUDGET} | - | after {NEAREST_MIN}, when the ten nearest"),
        format!("The *region* of a key has {REGION_NODES} nodes"),
        format!("a quarter of all when there are fewer than 1,{:03}", SMALL_NETWORK - 1000),
        format!("tells {HANDS} neighbours"),
        format!("gathered for {} s", HAVE_INTERVAL.as_secs()),
        format!("Of one publisher {VERSIONS_PER_MINUTE} versions a minute"),
        format!("4,{:03} of each", PUBLISHERS_COUNTED - 4000),
        format!("issued anew every {} min", minutes(REPUBLISH_INTERVAL)),
        format!("at its own position and {JOIN_REFRESHES} random points"),
        format!("at a random point every {} min", minutes(REFRESH_INTERVAL)),
        format!("after {DENSITY_SEEN} questions"),
        format!("| least | {} |", density.join(" | ")),
    ]);
    assert_eq!(REFRESH_INTERVAL * OWN_REFRESH_EVERY as u32, Duration::from_secs(3600));
    assert_eq!((ALPHA, HOLDERS, ASKED_PER_NETWORK, JOIN_RETRY.as_secs()), (4, 3, 2, 1));
    check(&[
        "Four questions are under way".into(),
        "three holders in three networks".into(),
        "none was asked twice".into(),
        "after 1 s, 2 s, 4 s".into(),
    ]);
}
