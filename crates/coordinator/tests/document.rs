//! The pages of `docs/protocol` say what the code does, where that can be compared.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ensign_engine as engine;
use ensign_transport as transport;
use ensign_wire::{CloseCode, Kind, Lane};

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

#[test]
fn numbers_in_the_page_of_the_transport_are_those_of_the_code() {
    let page = page("transport.md");
    let block = page.split("```text numbers\n").nth(1).unwrap().split("```").next().unwrap();
    let said =
        block.lines().map(|line| line.trim_start().split(' ').next().unwrap().parse().unwrap());
    let millis = |time: Duration| time.as_millis() as usize;
    let numbers = [
        transport::HANDSHAKES_MAX,
        transport::HANDSHAKES_PER_IP_MAX,
        transport::HANDSHAKES_BEFORE_RETRY_MAX,
        transport::LINKS_MAX,
        engine::PEERS_MAX,
        engine::STRANGERS_MAX,
        millis(transport::HANDSHAKE_TIMEOUT),
        millis(transport::HANDSHAKE_GRACE),
        millis(engine::HELLO_TIMEOUT),
        millis(transport::ADMISSION_TIMEOUT),
        millis(engine::STRANGER_TIME),
        millis(transport::IDLE_TIMEOUT),
        millis(transport::KEEP_ALIVE_INTERVAL),
        millis(engine::peers::BACKOFF_MIN),
        millis(engine::peers::BACKOFF_MAX),
        millis(transport::FLUSH_TIMEOUT),
        transport::STRANGER_QUEUE_BYTES_MAX,
        transport::SIGNING_QUEUE_BYTES_MAX,
        transport::CONTROL_QUEUE_BYTES_MAX,
        transport::BULK_QUEUE_BYTES_MAX,
        transport::STRANGER_FRAMES_MAX as usize,
        engine::PINGS_ALLOWED.burst as usize,
        engine::PINGS_ALLOWED.per_minute as usize,
    ];
    assert_eq!(said.collect::<Vec<usize>>(), numbers);
}

#[test]
fn codes_in_the_page_of_the_transport_are_those_of_the_code() {
    let rows = table(&page("transport.md"), "## Close codes");
    let codes: Vec<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(codes, (0..=8).collect::<Vec<_>>());
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
    assert!(matches!(CloseCode::from_wire(9), CloseCode::Other(9)), "a code that the page lacks");
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
    let of_control = rows.iter().find(|row| row[1] == "control").unwrap()[2].clone();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.lane() == lane_of("control")) {
        assert!(of_control.contains(&format!("`{kind:?}`")), "{kind:?} is not in {of_control}");
    }
    let bulk = Kind::ALL.into_iter().filter(|kind| kind.lane() == lane_of("bulk"));
    assert_eq!(bulk.collect::<Vec<_>>(), [Kind::Payload]);
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
fn every_tag_of_the_code_stands_in_the_page_of_the_wire() {
    let (page, mut found) = (page("wire.md"), BTreeSet::new());
    for entry in fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap()) {
        tags(&entry.path().join("src"), &mut found);
    }
    let missing = |tag: &&String| !tag.starts_with("ensign/sim") && !page.contains(tag.as_str());
    let missing: Vec<_> = found.iter().filter(missing).collect();
    assert!(missing.is_empty(), "wire.md says nothing of {missing:?}: see \"Tags elsewhere\"");
}
