//! The command as people run it.

use std::process::{Command, Output};

fn sim(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ensign-sim-quic")).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn run_writes_its_report_and_packets_and_ends_with_the_command_that_repeats_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new").join("run");
    let out = out.to_str().unwrap();
    let ran = sim(&["run", "signing-quiet", "--nodes", "4", "--out", out]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(text(&ran.stderr).contains("4 of 4 groups signed"));
    let summary = text(&ran.stdout);
    let command = "cargo xtask sim run signing-quiet --tier quic --nodes 4 --seed 42 --loss 0 \
                   --latency-ms 10:50 --mode committed --within-s 60\n";
    assert!(summary.ends_with(command), "{summary}");

    let report = std::fs::read(format!("{out}/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["passed"], true);
    assert!(summary.contains(report["digest"].as_str().unwrap()));
    let packets = std::fs::read_to_string(format!("{out}/packets.csv")).unwrap();
    assert_eq!(packets.lines().next(), Some("time_us,from,to,bytes,fate"));
    assert_eq!(packets.lines().count() as u64 - 1, report["packets"].as_u64().unwrap());
}

#[test]
fn folder_that_cannot_be_written_ends_it_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let ran = sim(&["run", "signing-quiet", "--out", file.join("run").to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(1));
    let said = text(&ran.stderr);
    assert!(said.starts_with("error: cannot write to ") && !said.contains("signed"), "{said}");
}

#[test]
fn demand_that_is_not_met_ends_with_code_1_and_says_which() {
    let ran = sim(&[
        "run",
        "signing-quiet",
        "--nodes",
        "3",
        "--latency-ms",
        "900:900",
        "--within-s",
        "1",
    ]);
    assert_eq!(ran.status.code(), Some(1));
    let summary = text(&ran.stdout);
    assert!(
        summary.contains("FAILED       group 0 (nodes 0, 1, 2): not signed within 1 s"),
        "{summary}"
    );
}
