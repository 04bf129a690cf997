//! `sweep`: one key of a scenario varied, each value over the same seeds.

use std::{io::Write as _, path::PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use ensign_sim::{Scenario, scenario::Steps};

use ensign_sim_report::{Metric, SweepReport, SweepRun};

use super::{Console, Ending, Stop, launch, pool, subject::Subject, text};

/// What to vary, and how often to run each value.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// The key and its values, both ends included: loss=0:0.3:0.05, link.latency=10ms:90ms:20ms
    #[arg(long, value_name = "KEY=FROM:TO:STEP")]
    vary: String,
    /// How many seeds each value is run with, from 1
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Writes report.html, sweep.json, sweep.csv and runs.csv into this folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many runs go on at a time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

pub(super) fn run(arguments: &Arguments, console: &mut Console<'_>, stop: &Stop) -> Result<Ending> {
    let base = arguments.subject.load()?;
    let steps = Steps::parse(&arguments.vary)?;
    let scenarios = variants(&arguments.subject, &steps)?;
    launch::claim(&arguments.out)?;
    let (seeds, key) = (arguments.seeds, steps.key.path);
    writeln!(console.out, "{}, {key} varied, {seeds} seeds for each value", base.name)?;
    writeln!(console.out, "{HEAD}")?;
    let mut runs = Vec::new();
    for (value, scenario) in steps.values.iter().zip(&scenarios) {
        let found = run_value(arguments, key, value, scenario, stop);
        let cell = SweepReport::new(base.clone(), key, found.clone());
        writeln!(console.out, "{}", line(value, &cell))?;
        console.out.flush()?;
        runs.extend(found);
    }
    let mut report = SweepReport::new(base, key, runs);
    report.complete &= !stop.is_wanted();
    report.commit = launch::commit();
    report.write(&arguments.out)?;
    conclude(&report, arguments, console)
}

/// The scenario with each value, all checked before the first is run.
fn variants(subject: &Subject, steps: &Steps) -> Result<Vec<Scenario>> {
    let variant = |value: &String| {
        let mut scenario = subject.load()?;
        scenario.set(steps.key.path, value)?;
        scenario.validate()?;
        Ok(scenario)
    };
    ensure!(!steps.values.is_empty(), "--vary names no value");
    steps.values.iter().map(variant).collect()
}

fn run_value(
    arguments: &Arguments,
    key: &str,
    value: &str,
    scenario: &Scenario,
    stop: &Stop,
) -> Vec<SweepRun> {
    let seeds: Vec<u64> = (1..=arguments.seeds).collect();
    pool::each(&seeds, launch::threads(arguments.jobs), stop, |seed| {
        let report = pool::play(scenario, *seed, 1, stop);
        let (words, change) = (arguments.subject.words(), text::quoted(&format!("{key}={value}")));
        let command = format!("cargo xtask sim run {words} --set {change} --seed {seed}");
        SweepRun::new(value, command, &report)
    })
}

const HEAD: &str = "     value    runs    good    signed   attempts   latency p50   latency p99";

/// A value's line: means over its runs.
fn line(value: &str, report: &SweepReport) -> String {
    let Some(cell) = report.cells.first() else { return format!("{value:>10}       0") };
    let mean = |metric: Metric| {
        let estimate = cell.metrics.get(&metric);
        estimate.map_or_else(|| "-".to_owned(), |estimate| metric.text(estimate.value))
    };
    format!(
        "{value:>10} {:>7} {:>7} {:>9} {:>10} {:>13} {:>13}",
        cell.runs,
        cell.good,
        mean(Metric::SignedShare),
        mean(Metric::Attempts),
        mean(Metric::LatencyP50),
        mean(Metric::LatencyP99),
    )
}

fn conclude(
    report: &SweepReport,
    arguments: &Arguments,
    console: &mut Console<'_>,
) -> Result<Ending> {
    let bad = report.bad().count() as u64;
    for run in report.bad().take(COMMANDS_MAX) {
        writeln!(
            console.out,
            "{} = {}, seed {}: {}",
            report.vary, run.value, run.seed, run.headline
        )?;
        writeln!(console.out, "  {}", run.command)?;
    }
    if bad > 0 {
        writeln!(console.out, "FAILED: {}", text::many(bad, "run"))?;
    }
    if !report.complete {
        writeln!(console.out, "STOPPED: the rest was not run")?;
    }
    writeln!(console.out, "report  {}", arguments.out.join("report.html").display())?;
    console.out.flush()?;
    Ok(match (bad, report.complete) {
        (0, true) => Ending::Good,
        (0, false) => Ending::Interrupted,
        _ => Ending::Bad,
    })
}

/// Most failing runs that are named; the report has them all.
const COMMANDS_MAX: usize = 5;
