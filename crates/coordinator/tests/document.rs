//! The pages of `docs/protocol` say what the code does, where that can be compared.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ensign_deadline::{RETRY_INTERVAL_MAX, Timeouts};
use ensign_engine as engine;
use ensign_engine::signing::{
    ANSWERS_PER_MEMBER_MAX, ATTEMPT_PAUSE, ATTEMPT_UNITS, ATTEMPTS_AHEAD, ATTEMPTS_MAX,
    CONSENT_MOMENT, EARLY_CONSENTS_MAX, EARLY_ENVELOPES_MAX, EARLY_PAYLOADS_MAX, ENDING_WAIT,
    ENDINGS_REMEMBERED, FAILED_ATTEMPTS_MAX, HANDED_ALLOWED, LINK_REPORT_AGE_MAX,
    LINK_REPORT_INTERVAL, OPENED_ALLOWED, PUSHED_OFF_MAX, REQUESTS_MAX, REQUESTS_PER_CREATOR_MAX,
    WORDS_ALLOWED,
};
use ensign_replay::{MESSAGE_AGE_MAX, NONCES_REMEMBERED_MAX};
use ensign_session::{CLOCKS_PART_MAX, NONCE_LIFETIME};
use ensign_store::Table;
use ensign_transport as transport;
use ensign_wire::{AbortReason, CloseCode, Kind, Lane, PAYLOAD_BYTES_MAX, ROSTER_MEMBERS_MAX};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs/protocol").join(name)).unwrap()
}

/// The rows of the first table below a line, head and rule left out; of each its cells.
fn table(page: &str, below: &str) -> Vec<Vec<String>> {
    let lines = page.lines().skip_while(|line| *line != below);
    let rows = lines.skip_while(|line| !line.starts_with('|')).take_while(|it| it.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let rows: Vec<_> = rows.skip(2).map(cells).collect();
    assert!(!rows.is_empty(), "no table below {below:?}");
    rows
}

/// Compares a block of a page with what the code has, or writes it.
fn check_block(name: &str, fence: &str, block: &str) {
    let (path, fence) = (root().join("docs/protocol").join(name), format!("```{fence}\n"));
    let page = page(name);
    let (before, rest) = page.split_once(&fence).unwrap();
    let (shown, after) = rest.split_once("```").unwrap();
    if env::var_os("ENSIGN_BLESS").is_some() {
        fs::write(path, format!("{before}{fence}{block}```{after}")).unwrap();
        return;
    }
    let command = "ENSIGN_BLESS=1 cargo test -p ensign-coordinator --test document";
    assert_eq!(shown, block, "{name} is stale: run `{command}`");
}

/// One line for each number, ranged right.
fn lines(numbers: &[(u64, &str)]) -> String {
    let width = numbers.iter().map(|(number, _)| number.to_string().len()).max().unwrap();
    numbers.iter().map(|(number, what)| format!("{number:>width$}  {what}\n")).collect()
}

const fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

#[test]
fn numbers_in_the_page_of_the_transport_are_those_of_the_code() {
    let numbers = [
        (transport::HANDSHAKES_MAX as u64, "unfinished handshakes of callers"),
        (transport::HANDSHAKES_PER_IP_MAX as u64, "of them from one address"),
        (
            transport::HANDSHAKES_KEPT_MAX as u64,
            "more from addresses where a peer that is wanted was connected",
        ),
        (
            transport::HANDSHAKES_BEFORE_RETRY_MAX as u64,
            "of them before a caller must prove its address (Retry)",
        ),
        (
            transport::LINKS_MAX as u64,
            "connections whose handshake is done, before strangers are refused",
        ),
        (engine::PEERS_MAX as u64, "nodes connected"),
        (engine::STRANGERS_MAX as u64, "strangers among them"),
        (millis(transport::HANDSHAKE_TIMEOUT), "milliseconds for a handshake and the choice"),
        (
            millis(transport::HANDSHAKE_GRACE),
            "of them in which a handshake does not give way to another",
        ),
        (millis(engine::HELLO_TIMEOUT), "milliseconds for the first Hello"),
        (
            millis(transport::ADMISSION_TIMEOUT),
            "milliseconds for the admission of a frame for members",
        ),
        (millis(engine::STRANGER_TIME), "milliseconds for a stranger"),
        (
            millis(transport::IDLE_TIMEOUT),
            "milliseconds of silence before a connection is given up",
        ),
        (
            millis(transport::KEEP_ALIVE_INTERVAL),
            "milliseconds between signs of life of QUIC (PING) on a quiet connection",
        ),
        (
            millis(engine::peers::BACKOFF_MIN),
            "milliseconds before the second dial; doubles, the upper half random",
        ),
        (millis(engine::peers::BACKOFF_MAX), "milliseconds between two dials at most"),
        (
            millis(transport::FLUSH_TIMEOUT),
            "milliseconds for what is queued when a connection is closed",
        ),
        (
            transport::STRANGER_QUEUE_BYTES_MAX as u64,
            "bytes waiting for a stranger, 144 for each frame included",
        ),
        (
            transport::SIGNING_QUEUE_BYTES_MAX as u64,
            "bytes of signing frames waiting for a member, likewise: whatever a node says itself of \
             100 requests",
        ),
        (transport::CONTROL_QUEUE_BYTES_MAX as u64, "bytes of control frames"),
        (transport::BULK_QUEUE_BYTES_MAX as u64, "bytes of bulk"),
        (transport::STRANGER_FRAMES_MAX.into(), "frames of a stranger on one connection"),
        (engine::PINGS_ALLOWED.burst, "pings answered at once"),
        (engine::PINGS_ALLOWED.per_minute, "more each minute"),
    ];
    check_block("transport.md", "text numbers", &lines(&numbers));
}

#[test]
fn codes_in_the_page_of_the_transport_are_those_of_the_code() {
    let rows = table(&page("transport.md"), "## Close codes");
    let codes: Vec<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(codes, (0..=9).collect::<Vec<_>>());
    // 0 is no code of ours.
    for (code, row) in codes.into_iter().zip(&rows).skip(1) {
        let known = CloseCode::from_wire(code);
        assert_eq!(u64::from(known.to_wire()), code);
        assert!(
            row[1].starts_with(&known.to_string()),
            "{code}: {known}, the page says {}",
            row[1]
        );
    }
    assert!(matches!(CloseCode::from_wire(10), CloseCode::Other(10)), "a code that the page lacks");
}

#[test]
fn lanes_in_the_page_of_the_transport_carry_what_the_code_sends_there() {
    let rows = table(&page("transport.md"), "## Lanes");
    let lane_of = |name: &str| match name {
        "signing" => Lane::Signing,
        "control" => Lane::Control,
        "bulk" => Lane::Bulk,
        other => panic!("no lane {other}"),
    };
    let names: BTreeSet<_> = rows.iter().map(|row| row[1].clone()).collect();
    assert_eq!(names.len(), 3);
    for name in ["control", "bulk"] {
        let carries = rows.iter().find(|row| row[1] == name).unwrap()[2].clone();
        for kind in Kind::ALL {
            let is_said = carries.contains(&format!("`{kind:?}`"));
            assert_eq!(is_said, kind.lane() == lane_of(name), "{kind:?} in {carries}");
        }
    }
}

/// Every tag in the code of a crate, but for those of simulations.
fn tags(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            tags(&entry, found);
        } else if entry.extension().is_some_and(|it| it == "rs") {
            let code = fs::read_to_string(&entry).unwrap();
            let quoted =
                code.split('"').filter(|it| it.starts_with("ensign/") && it.contains("/v"));
            found.extend(quoted.filter(|it| !it.contains([' ', '{'])).map(str::to_owned));
        }
    }
}

#[test]
fn every_tag_of_the_code_stands_in_a_page() {
    let page = ["wire.md", "formation.md", "dht.md", "gossip.md"].map(page).concat();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap()) {
        tags(&entry.path().join("src"), &mut found);
    }
    let missing = |tag: &&String| !tag.starts_with("ensign/sim") && !page.contains(tag.as_str());
    let missing: Vec<_> = found.iter().filter(missing).collect();
    assert!(missing.is_empty(), "the pages say nothing of {missing:?}: see \"Tags elsewhere\"");
}

fn session_numbers() -> Vec<(u64, &'static str)> {
    use ensign_session::{
        ACKS_ANSWERED_MAX, DUPLICATES_REMEMBERED, VIEW_QUESTIONS_MIN, VIEWS_SHARED_MAX,
    };
    let times = Timeouts::default();
    vec![
        (millis(times.init_timeout), "milliseconds until who has not even acknowledged is told of"),
        (millis(times.nonces_timeout), "milliseconds for the nonces"),
        (millis(times.partials_timeout), "milliseconds for the partial signatures"),
        (millis(times.linger_timeout), "milliseconds of linger"),
        (millis(times.retry_interval), "milliseconds before a question is repeated, doubling"),
        (millis(RETRY_INTERVAL_MAX), "milliseconds between two questions at most"),
        (millis(MESSAGE_AGE_MAX), "milliseconds that two clocks may be apart"),
        (ACKS_ANSWERED_MAX.into(), "questions and aborts of one signer answered in a session"),
        (VIEWS_SHARED_MAX.into(), "times that a view or proofs are shown to one signer"),
        (VIEW_QUESTIONS_MIN.into(), "questions before who does not show its view is named"),
        (DUPLICATES_REMEMBERED as u64, "envelopes remembered as handled"),
        (NONCES_REMEMBERED_MAX as u64, "nonces of others remembered, over all sessions"),
    ]
}

fn request_numbers() -> Vec<(u64, &'static str)> {
    let engine::Allowances {
        requests,
        brought,
        messages,
        announced_bytes,
        payload_bytes,
        refusals,
        work,
    } = engine::Allowances::default();
    vec![
        (REQUESTS_MAX as u64, "open requests"),
        (REQUESTS_PER_CREATOR_MAX as u64, "of them of one other creator"),
        (requests.burst, "new requests of one creator at once"),
        (requests.per_minute, "more each minute"),
        (messages.burst, "messages in them at once"),
        (messages.per_minute, "more each minute"),
        (brought.burst, "new requests that one member brings at once"),
        (brought.per_minute, "more each minute"),
        (announced_bytes.burst, "bytes of announcements that one member brings at once"),
        (announced_bytes.per_minute, "more each minute"),
        (payload_bytes.burst, "bytes of payloads likewise"),
        (payload_bytes.per_minute, "more each minute"),
        (refusals.burst, "refusals that one member is told at once"),
        (refusals.per_minute, "more each minute"),
        (work.burst, "compute tokens of one member's frames at once"),
        (work.per_minute, "more each minute"),
        (EARLY_ENVELOPES_MAX as u64, "envelopes of a member kept ahead of their announcement"),
        (EARLY_PAYLOADS_MAX as u64, "payloads likewise"),
        (PAYLOAD_BYTES_MAX as u64, "bytes of these payloads"),
        (PUSHED_OFF_MAX as u64, "names of a member's payloads that gave way"),
        (ENDINGS_REMEMBERED as u64, "ended requests of which everything said is answered"),
        (ANSWERS_PER_MEMBER_MAX.into(), "answers to one member about an ended request"),
    ]
}

#[test]
fn numbers_in_the_page_of_the_session_are_those_of_the_code() {
    let numbers = [session_numbers(), request_numbers()].concat();
    check_block("session.md", "text numbers", &lines(&numbers));
}

/// A size as the pages write it.
fn size(bytes: usize) -> String {
    match bytes {
        whole if whole % (1 << 20) == 0 => format!("{} MiB", whole >> 20),
        large if large > 1 << 20 => format!("{}.{} MiB", large >> 20, (large >> 10) % 1024 / 10),
        small => format!("{} KiB", small >> 10),
    }
}

#[test]
fn tables_in_the_page_of_the_store_are_those_of_the_code() {
    let rows = table(&page("store.md"), "## What is kept");
    let mut said: Vec<(String, String)> = Vec::new();
    for row in &rows {
        let names = row[0].split([':', '(']).next().unwrap();
        let names = names.split('`').skip(1).step_by(2);
        said.extend(names.map(|name| (name.to_owned(), row[2].clone())));
    }
    let kept = Table::ALL.map(|table| (table.name().to_owned(), size(table.value_bytes_max())));
    let kept: BTreeSet<_> = kept.into_iter().collect();
    assert_eq!(said.len(), kept.len(), "a table stands twice");
    assert_eq!(said.into_iter().collect::<BTreeSet<_>>(), kept);
}

/// Every reason, by the numbers of the wire.
fn reasons() -> Vec<AbortReason> {
    (0..u8::MAX).map_while(|number| postcard::from_bytes(&[number]).ok()).collect()
}

#[test]
fn reasons_in_the_page_of_the_session_are_those_of_the_code() {
    let rows = table(&page("session.md"), "## Reasons of an abort");
    let named: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let known: BTreeSet<_> = reasons().iter().map(|reason| format!("{reason:?}")).collect();
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), known);
    for reason in reasons() {
        let at = named.iter().position(|name| *name == format!("{reason:?}")).unwrap();
        let is_claim = rows[at][3] == "claim";
        assert_eq!(is_claim, reason.is_claim(), "{reason:?}");
    }
}

#[test]
fn kinds_in_the_page_of_evidence_are_those_of_the_session() {
    // Each row of proofs has a kind of file, and silence is the one that is no proof.
    let kinds = table(&page("evidence.md"), "| kind | finding | then |");
    let numbers: Vec<_> = kinds.iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5"]);
    let convicting = table(&page("session.md"), "## Evidence");
    assert_eq!(convicting.len() + 1, kinds.len());
}

#[test]
fn limits_in_the_page_of_formation_are_those_of_the_code() {
    use ensign_engine::formation::{
        CERTIFICATES_MAX, CLOCK_AHEAD_MAX, FORMATION_LIFETIME, GREETING_INTERVAL,
        INVITATION_LIFETIME, PENDING_MAX, WRONG_PROOFS_MAX,
    };
    let said = table(&page("formation.md"), "## Limits and times");
    let hours = |time: Duration| time.as_secs() / 3600;
    let known = [
        format!("{ROSTER_MEMBERS_MAX}"),
        format!("{PENDING_MAX}"),
        format!("{CERTIFICATES_MAX}"),
        format!("{WRONG_PROOFS_MAX}"),
        format!("{} hour", hours(INVITATION_LIFETIME)),
        format!("{} hours", hours(FORMATION_LIFETIME)),
        format!("{} minutes", CLOCK_AHEAD_MAX.as_secs() / 60),
        format!("{} seconds", GREETING_INTERVAL.as_secs()),
        format!("{}", engine::FORMATION_ALLOWED.burst),
        format!("{}", engine::FORMATION_ALLOWED.per_minute),
    ];
    let said: Vec<_> = said.iter().map(|row| row[1].clone()).take(known.len()).collect();
    assert_eq!(said, known);
}

#[test]
fn numbers_in_the_page_of_attempts_are_those_of_the_code() {
    use ensign_engine::signing::LACKS_NAMED_MAX;
    let numbers = [
        (millis(CONSENT_MOMENT), "milliseconds after a yes in which one joins ahead of the others"),
        (millis(LINK_REPORT_INTERVAL), "milliseconds between two link reports"),
        (millis(LINK_REPORT_AGE_MAX), "milliseconds that a link report may be old"),
        (millis(MESSAGE_AGE_MAX), "milliseconds that two clocks may be apart"),
        (WORDS_ALLOWED.burst, "consents and link reports that one member brings at once"),
        (WORDS_ALLOWED.per_minute, "more each minute"),
        (HANDED_ALLOWED.burst, "of others' that one member is handed on at once"),
        (HANDED_ALLOWED.per_minute, "more each minute"),
        (EARLY_CONSENTS_MAX as u64, "consents of a member kept ahead of their request"),
        (LACKS_NAMED_MAX as u64, "pairs of nodes named to our user"),
        (FAILED_ATTEMPTS_MAX.into(), "attempts that may fail"),
        (ATTEMPTS_MAX.into(), "attempts in all"),
        (ATTEMPTS_AHEAD.into(), "sessions ahead of the present one known by name"),
        (
            OPENED_ALLOWED.burst / ATTEMPT_UNITS,
            "attempts that one member takes others into at once",
        ),
        (OPENED_ALLOWED.per_minute * 60 / ATTEMPT_UNITS, "more each hour"),
        (
            millis(ATTEMPT_PAUSE),
            "milliseconds before another attempt, times those that have failed",
        ),
        (millis(ENDING_WAIT), "milliseconds in which the others are asked after the last attempt"),
        (millis(NONCE_LIFETIME), "milliseconds that nonces live"),
        (millis(CLOCKS_PART_MAX), "milliseconds that clocks may part meanwhile"),
    ];
    check_block("attempts.md", "text attempts", &lines(&numbers));
}
