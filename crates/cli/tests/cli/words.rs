//! What is printed: documented events, explained codes, failures in words.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use crate::ensign::{Signer, run};

const PAGE: &str = include_str!("../../../../docs/operate/cli.md");

/// Names in backticks at the beginning of the rows of the page's tables.
static DOCUMENTED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let name = |line: &'static str| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name);
    PAGE.lines().filter_map(name).collect()
});

/// Checks that `docs/operate/cli.md` knows an event.
pub(crate) fn check_documented(event: &Value) {
    let name = event["event"].as_str().unwrap();
    assert!(DOCUMENTED.contains(name), "docs/operate/cli.md does not describe the event `{name}`");
}

#[test]
fn a_failure_says_what_who_what_to_do_and_what_is_at_risk() {
    let alice = Signer::new();
    let ended = alice.text(&["contact", "show"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert!(lines[0].starts_with("error E-HOM-001: there is no home in "), "{lines:?}");
    let parts: Vec<_> = lines[1..].iter().map(|line| &line[..8]).collect();
    assert_eq!(parts, ["  do:   ", "  risk: ", "  retry:", "  more: "]);
}

#[test]
fn every_error_code_is_explained() {
    for code in ["E-HOM-003", "e-ses-008"] {
        let ended = run(&["explain", code]).succeeded();
        assert!(ended.stdout.starts_with(&code.to_uppercase()), "{}", ended.stdout);
    }
    run(&["--json", "explain", "E-XYZ-999"]).refused(2, "E-USE-003");
}

#[test]
fn foreign_text_is_printed_escaped() {
    let alice = Signer::init("alice");
    let ended = alice.text(&["group", "show", "tr\u{1b}[2Jeasury"]);
    assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
    assert_eq!(ended.code, 2);
}

#[test]
fn the_home_comes_from_the_environment_too() {
    let alice = Signer::init("alice");
    let shown = std::process::Command::new(env!("CARGO_BIN_EXE_ensign"))
        .env("ENSIGN_HOME", &alice.home)
        .args(["contact", "show"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap().trim(), alice.code());
}
