//! Runs with one number varied.

use std::fs;

use super::{fixture, page::check_well_formed};
use crate::{Metric, SweepReport, SweepRun, Unmet, Verdict};
use ensign_sim::Scenario;

/// Three seeds for each value.
fn sweep(values: &[&str]) -> SweepReport {
    let mut runs = Vec::new();
    for (number, value) in (1..).zip(values) {
        for seed in 1..=3 {
            let mut report = fixture::run(seed, 40, 200_000 * number);
            if number == 3 && seed == 2 {
                report.unmet = vec![Unmet { intent: 7, due: 1, why: "silence".to_owned() }];
            }
            let command = format!("cargo xtask sim run quiet --set loss={value} --seed {seed}");
            runs.push(SweepRun::new(*value, command, &report));
        }
    }
    SweepReport::new(Scenario::default(), "link.loss", runs)
}

fn html(report: &SweepReport) -> String {
    let folder = tempfile::tempdir().unwrap();
    report.write(folder.path()).unwrap();
    assert_eq!(&SweepReport::read(folder.path()).unwrap(), report);
    let text = fs::read_to_string(folder.path().join("report.html")).unwrap();
    check_well_formed(&text);
    text
}

#[test]
fn runs_are_put_together_by_value() {
    let report = sweep(&["0", "0.1", "0.2"]);
    assert_eq!(report.cells.len(), 3);
    let latency = |at: usize| report.cells[at].metrics[&Metric::LatencyP50];
    assert!(latency(1).value > latency(0).value);
    assert_eq!((latency(0).n, latency(0).interval.is_some()), (3, true));
    assert_eq!((report.cells[1].good, report.cells[2].good), (3, 2));
}

#[test]
fn bad_runs_come_with_the_command_that_repeats_them() {
    let report = sweep(&["0", "0.1", "0.2"]);
    assert!(!report.is_good());
    let page = html(&report);
    for expected in [
        "1 of 9 runs were bad, at 1 of 3 values.",
        "cargo xtask sim run quiet --set loss=0.2 --seed 2",
        "Demand not met: 1 intent was not signed in time",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(sweep(&["0", "0.1"]).is_good());
}

#[test]
fn every_kind_of_value_has_a_page() {
    let names = ["full", "one-way", "<b>", "a very long name & more"];
    let doubled: Vec<String> = (0..12).map(|power| (1 << power).to_string()).collect();
    let doubled: Vec<&str> = doubled.iter().map(String::as_str).collect();
    for values in [&[][..], &["0.1"], &["10ms", "1s", "3s"], &["5", "5.0"], &names, &doubled] {
        html(&sweep(values));
    }
}

#[test]
fn a_run_that_was_stopped_makes_the_sweep_partial() {
    let mut report = fixture::run(1, 10, 3);
    report.complete = false;
    let stopped = SweepRun::new("1", "true", &report);
    let without = SweepRun::new("2", "true", &fixture::empty(1));
    assert_eq!(stopped.verdict, Verdict::Partial);
    let report = SweepReport::new(Scenario::default(), "nodes", vec![stopped, without]);
    assert!(!report.complete && report.is_good());
    assert!(html(&report).contains("Partial report"));
}

#[test]
fn tables_have_a_line_for_each_value_and_each_run() {
    let folder = tempfile::tempdir().unwrap();
    sweep(&["0", "0.1", "0.2"]).write(folder.path()).unwrap();
    let lines = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap().lines().count();
    assert_eq!((lines("sweep.csv"), lines("runs.csv")), (4, 10));
}
