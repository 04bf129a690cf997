//! What a change did.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::fixture;
use crate::Folder as _;
use crate::{
    Comparison, Metric, ReadError, Report, SweepReport, SweepRun,
    compare::{Finding, Method, Row},
};
use ensign_sim::Scenario;

fn write(root: &Path, folder: &str, report: &Report) {
    report.write(&root.join(folder)).unwrap();
}

fn row(comparison: &Comparison, metric: Metric) -> &Row {
    comparison.rows.iter().find(|row| row.metric == metric).unwrap()
}

/// Writes runs of some seeds with some latency on either side and compares them.
fn compared(base: (&[u64], u64), change: (&[u64], u64)) -> (TempDir, Comparison) {
    let root = tempfile::tempdir().unwrap();
    for (side, (seeds, latency)) in [("base", base), ("change", change)] {
        for seed in seeds {
            write(root.path(), &format!("{side}/seed-{seed}"), &fixture::run(*seed, 80, latency));
        }
    }
    let read = Comparison::read(&root.path().join("base"), &root.path().join("change"));
    (root, read.unwrap())
}

#[test]
fn equal_seeds_are_paired_and_a_faster_change_is_better() {
    let seeds = [1, 2, 3, 4, 5];
    let (_root, comparison) = compared((&seeds, 300_000), (&seeds, 250_000));
    assert_eq!(comparison.method, Method::Paired);
    assert_eq!(row(&comparison, Metric::LatencyP50).finding, Finding::Better);
    assert_eq!(row(&comparison, Metric::SignedShare).finding, Finding::Equal);
    assert_eq!(row(&comparison, Metric::LatencyP50).difference.unwrap().n, 5);
    let (_root, comparison) = compared((&seeds, 300_000), (&seeds, 350_000));
    assert_eq!(row(&comparison, Metric::LatencyP50).finding, Finding::Worse);
}

#[test]
fn other_seeds_are_not_paired() {
    let (_root, comparison) = compared((&[1, 2, 3], 300_000), (&[4, 5, 6, 7], 301_000));
    assert_eq!(comparison.method, Method::Unpaired);
    assert_eq!(row(&comparison, Metric::LatencyP50).finding, Finding::Unclear);
}

#[test]
fn two_runs_tell_only_what_their_intents_tell() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "base", &fixture::run(1, 400, 300_000));
    write(root.path(), "change", &fixture::run(1, 400, 600_000));
    let comparison =
        Comparison::read(&root.path().join("base"), &root.path().join("change")).unwrap();
    assert_eq!(comparison.method, Method::Single);
    assert_eq!(row(&comparison, Metric::LatencyMean).finding, Finding::Worse);
    assert_eq!(row(&comparison, Metric::SignedShare).finding, Finding::Unclear);
    assert_eq!(row(&comparison, Metric::LatencyP99).finding, Finding::Single);
    assert!(comparison.to_string().contains("n = 1: not known"), "{comparison}");
}

#[test]
fn runs_without_intents_compare_too() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "base", &fixture::empty(1));
    write(root.path(), "change", &fixture::run(1, 400, 600_000));
    let comparison =
        Comparison::read(&root.path().join("base"), &root.path().join("change")).unwrap();
    assert_eq!(row(&comparison, Metric::LatencyMean).finding, Finding::Unknown);
    assert!(comparison.to_string().contains("no value"), "{comparison}");
}

#[test]
fn different_scenarios_and_commits_and_partial_runs_are_told() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "base", &fixture::run(1, 40, 300_000));
    let mut change = fixture::run(1, 40, 300_000);
    change.scenario.link.loss = 0.25;
    change.commit = Some("fedcba9".to_owned());
    change.complete = false;
    write(root.path(), "change", &change);
    let comparison =
        Comparison::read(&root.path().join("base"), &root.path().join("change")).unwrap();
    let text = comparison.to_string();
    for expected in [
        "scenario differs: link.loss was 0.1, is 0.25\n",
        "commits differ\n",
        "1 run, seed 1, commit fedcba9\n",
        "1 of them stopped early: their numbers are partial\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert_eq!(comparison.settings.len(), 1);
    assert!(serde_json::to_value(&comparison).unwrap()["rows"].is_array());
}

#[test]
fn sweeps_are_paired_by_value_and_seed() {
    let root = tempfile::tempdir().unwrap();
    for (side, latency) in [("base", 300_000), ("change", 200_000)] {
        for (value, more) in [("loss=0.1", 0), ("loss=0.2", 500_000)] {
            for seed in 1..4 {
                let report = fixture::run(seed, 40, latency + more);
                write(root.path(), &format!("{side}/{value}/seed-{seed}"), &report);
            }
        }
    }
    let comparison =
        Comparison::read(&root.path().join("base"), &root.path().join("change")).unwrap();
    assert_eq!(comparison.method, Method::Paired);
    assert_eq!(row(&comparison, Metric::LatencyP50).difference.unwrap().n, 6);
    assert_eq!(row(&comparison, Metric::LatencyP50).finding, Finding::Better);
}

#[test]
fn a_sweeps_own_file_is_enough() {
    let root = tempfile::tempdir().unwrap();
    for (side, latency) in [("base", 300_000), ("change", 200_000)] {
        let values = ["0.1", "0.2"];
        let runs = values.iter().flat_map(|value| {
            let run = move |seed| SweepRun::new(*value, "true", &fixture::run(seed, 40, latency));
            (1..4).map(run)
        });
        let sweep = SweepReport::new(Scenario::default(), "link.loss", runs.collect());
        sweep.write(&root.path().join(side)).unwrap();
    }
    let comparison =
        Comparison::read(&root.path().join("base"), &root.path().join("change")).unwrap();
    assert_eq!((comparison.method, comparison.base.runs), (Method::Paired, 6));
    assert_eq!(row(&comparison, Metric::LatencyP50).finding, Finding::Better);
    assert_eq!(comparison.settings, []);
}

#[test]
fn a_table_has_straight_columns() {
    let (_root, comparison) = compared((&[1, 2, 3], 300_000), (&[1, 2, 3], 250_000));
    let text = comparison.to_string();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let head = lines.iter().position(|line| line.starts_with("metric")).unwrap();
    let column = |line: &str, word: &str| {
        line.find(word).map(|at| line.get(..at).unwrap_or_default().chars().count())
    };
    let verdict = column(lines[head], "verdict").unwrap();
    for line in &lines[head + 1..head + 1 + Metric::ALL.len()] {
        let before: String = line.chars().skip(verdict - 2).take(2).collect();
        assert_eq!(before, "  ", "{text}");
    }
}

#[test]
fn folders_without_runs_are_named() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("none")).unwrap();
    write(root.path(), "run", &fixture::empty(1));
    let read = |base: &str| {
        Comparison::read(&root.path().join(base), &root.path().join("run")).unwrap_err()
    };
    assert!(matches!(read("none"), ReadError::NoRuns { .. }));
    assert!(matches!(read("absent"), ReadError::Unreadable { .. }));
    fs::create_dir(root.path().join("none/bad")).unwrap();
    fs::write(root.path().join("none/bad/report.json"), "{}").unwrap();
    assert!(matches!(read("none"), ReadError::NotAReport { .. }));
}
