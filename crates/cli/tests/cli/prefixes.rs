//! The table of prefixes that a home names: in force, left out, missing, and read again.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::ensign::{Signer, treasury};

fn set(signer: &Signer, value: &str) {
    signer.json(&["config", "set", "diversity.prefix_table", value]).succeeded();
}

#[test]
fn table_that_is_missing_is_told_and_the_node_runs() {
    let [alice, bob, _carol] = treasury();
    set(&alice, "nowhere.gz");
    // A check says what the node will say.
    let checked = alice.json(&["config", "check"]).succeeded();
    assert_eq!(checked.last()["warnings"], json!(1));
    let lines = checked.lines();
    assert!(lines.iter().any(|line| line["code"] == "E-CFG-010"), "{lines:?}");
    let text = alice.text(&["config", "check"]).succeeded().stdout;
    assert!(text.contains("in order, but for the table of prefixes"), "{text}");
    let mut up = alice.up("none");
    let told = up.wait_for("warning");
    assert_eq!(told["code"], "E-CFG-010", "{told}");
    assert!(told["what"].as_str().unwrap().ends_with("nowhere.gz is not there"), "{told}");
    let mut other = bob.up("none");
    other.wait_for("connected");
}

#[test]
fn bad_lines_are_told_and_the_others_are_in_force() {
    let [alice, _bob, _carol] = treasury();
    fs::write(alice.home.join("table"), "10.0.0.0\t8\t1\n11.0.0.0\t8\t2_3\nhello\n").unwrap();
    set(&alice, "table");
    let mut up = alice.up("none");
    let told = up.wait_for("warning");
    assert_eq!(told["code"], "E-CFG-011");
    assert!(told["what"].as_str().unwrap().contains("line 3: 1 fields"), "{told}");
    assert_eq!(up.wait_for("prefixes")["count"], 2);
}

#[test]
fn node_that_runs_reads_the_table_on_a_hangup() {
    let [alice, bob, _carol] = treasury();
    let (mut up, _bob) = (alice.up("none"), bob.up("none"));
    up.wait_for("connected");
    fs::write(alice.home.join("table"), "2001:db8::\t32\t1\tDE\n").unwrap();
    set(&alice, "table");
    kill_process(Pid::from_raw(up.id().cast_signed()).unwrap(), Signal::HUP).unwrap();
    assert_eq!(up.wait_for("prefixes")["count"], 1);
}
