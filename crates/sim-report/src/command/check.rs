//! `check`: every scenario with faults over many seeds, side by side; what CI runs.

use std::io::Write as _;

use anyhow::{Result, bail};
use clap::Args;
use ensign_sim::{Report, Scenario, report::Outcome, scenario::Shipped};

use ensign_sim_report::bars::{self, Judged};

use super::{
    Console, Ending, Stop, dht,
    launch::{self, Stopwatch},
    pool,
    subject::Subject,
    text,
};

/// What to check, and over which seeds.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The scenarios [default: all that come with the simulator and have faults]
    pub(super) scenarios: Vec<String>,
    /// How many seeds each scenario is run with
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: u64,
    /// The first of them; the others follow it
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) first_seed: u64,
    /// How many nodes each run has, instead of what the scenarios say
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) nodes: u32,
    /// How many runs go on at a time [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<usize>,
}

pub(super) fn run(arguments: &Arguments, console: &mut Console<'_>, stop: &Stop) -> Result<Ending> {
    let subjects = subjects(arguments);
    // All of them are read before the first is run: a misspelt name is told at once.
    let scenarios = subjects.iter().map(Subject::load).collect::<Result<Vec<_>>>()?;
    let (nodes, first) = (arguments.nodes, arguments.first_seed);
    let last = last_seed(arguments)?;
    let seeds: Vec<u64> = (first..=last).collect();
    writeln!(console.out, "{nodes} nodes, seeds {first} to {last}, each in every scenario")?;
    writeln!(console.out, "{HEAD}")?;
    console.out.flush()?;
    let mut ending = Ending::Good;
    for (subject, scenario) in subjects.iter().zip(&scenarios) {
        let watch = Stopwatch::start();
        let seeds = seeds.get(..seeds_of(&scenario.name, seeds.len())).unwrap_or(&seeds);
        let results = pool::each(seeds, launch::threads(arguments.jobs), stop, |seed| {
            run_seed(scenario, *seed, *seed == first, stop)
        });
        let row = Row { name: &scenario.name, results: &results, millis: watch.millis() };
        write!(console.out, "{}", row.text(subject))?;
        console.out.flush()?;
        if results.iter().any(Found::is_bad) {
            ending = Ending::Bad;
        }
        if stop.is_wanted() {
            writeln!(console.out, "STOPPED: the rest was not run")?;
            console.out.flush()?;
            return Ok(if ending == Ending::Bad { ending } else { Ending::Interrupted });
        }
    }
    if arguments.scenarios.is_empty() {
        writeln!(console.out)?;
        if dht::check(console, stop)? == Ending::Bad {
            ending = Ending::Bad;
        }
    }
    Ok(ending)
}

fn subjects(arguments: &Arguments) -> Vec<Subject> {
    let nodes = Some(arguments.nodes);
    if !arguments.scenarios.is_empty() {
        return arguments.scenarios.iter().map(|name| Subject::shipped(name, nodes)).collect();
    }
    let faulty = Scenario::shipped().iter().filter(|shipped| shipped.has_faults);
    let subject = |it: &Shipped| Subject::shipped(it.name, nodes.filter(|_| !it.is_costly));
    faulty.map(subject).collect()
}

/// How many of the seeds a scenario is run with: of a shipped one that costs much only the first few.
fn seeds_of(name: &str, seeds: usize) -> usize {
    let is_costly = Scenario::shipped().iter().any(|it| it.name == name && it.is_costly);
    if is_costly { seeds.min(COSTLY_SEEDS_MAX) } else { seeds }
}

/// Most seeds that such a scenario is run with, so that a check of all takes less than two minutes more.
const COSTLY_SEEDS_MAX: usize = 10;

fn last_seed(arguments: &Arguments) -> Result<u64> {
    let Some(last) = arguments.first_seed.checked_add(arguments.seeds - 1) else {
        bail!("--first-seed {} leaves no room for the seeds", arguments.first_seed);
    };
    Ok(last)
}

/// What one run found.
#[derive(Clone, Debug)]
struct Found {
    seed: u64,
    requests: u64,
    signed: u64,
    attempts: u64,
    events: u64,
    /// Whether the user let it run to its end.
    is_whole: bool,
    /// What was wrong, in a sentence; `None` when nothing was.
    wrong: Option<String>,
}

impl Found {
    const fn is_bad(&self) -> bool {
        self.wrong.is_some()
    }

    fn in_report(report: &Report, wrong: Option<String>) -> Self {
        let is_signed = |outcome| outcome == Outcome::Signed;
        let signed = report.intents.iter().filter(|intent| is_signed(intent.outcome));
        Self {
            seed: report.seed,
            requests: report.intents.len() as u64,
            signed: signed.count() as u64,
            attempts: report.intents.iter().map(|intent| u64::from(intent.attempts)).sum(),
            events: report.events,
            is_whole: report.complete,
            wrong,
        }
    }
}

/// Runs one seed; the first of a scenario a second time on two threads, which must be the same run.
fn run_seed(scenario: &Scenario, seed: u64, is_repeated: bool, stop: &Stop) -> Found {
    let report = pool::play(scenario, seed, 1, stop);
    let mut wrong = wrong(&report);
    if wrong.is_none() && is_repeated && report.complete {
        let again = pool::play(scenario, seed, 2, stop);
        if again.complete && again.digest != report.digest {
            let (one, two) = (&report.digest, &again.digest);
            wrong = Some(format!("two threads give digest {two}, one gives {one}"));
        }
    }
    Found::in_report(&report, wrong)
}

/// The first thing that went wrong.
fn wrong(report: &Report) -> Option<String> {
    if let Some(first) = report.violations.first() {
        let (at, node) = (text::moment(first.at), first.node);
        return Some(format!("{at} node {node}, {}: {}", first.checker, first.what));
    }
    let Some(first) = report.unmet.first() else {
        // Without a quiet run beside it: what compares with one is judged by `run`.
        let missed = bars::judge(report, None).into_iter().find(Judged::is_missed)?;
        return Some(format!("bar missed: {}", missed.text()));
    };
    let late = text::many(report.unmet.len() as u64, "request");
    Some(format!("{late} not signed in time; intent {}: {}", first.intent, first.why))
}

/// All runs of a scenario.
struct Row<'a> {
    name: &'a str,
    results: &'a [Found],
    millis: u64,
}

const HEAD: &str =
    "scenario                  runs    requests      signed    attempts    seconds  result";

/// Most failures of a scenario that are told at length; of the others only the seeds.
const FAILURES_MAX: usize = 10;

impl Row<'_> {
    /// A line of the table, and two for each failure: what it was, and the command that repeats it.
    fn text(&self, subject: &Subject) -> String {
        let runs = self.results.iter().filter(|found| found.is_whole).count() as u64;
        let sum = |of: fn(&Found) -> u64| text::count(self.results.iter().map(of).sum());
        let failures: Vec<_> = self.results.iter().filter(|found| found.is_bad()).collect();
        let seconds = self.millis as f64 / 1e3;
        let events: u64 = self.results.iter().map(|found| found.events).sum();
        let result = match failures.len() {
            0 => format!("ok, {} events/s", text::rate(events as f64 / seconds.max(1e-3))),
            number => format!("{number} FAILED"),
        };
        let mut text = format!(
            "{:<22} {:>7} {:>11} {:>11} {:>11} {seconds:>10.1}  {result}\n",
            self.name,
            text::count(runs),
            sum(|found| found.requests),
            sum(|found| found.signed),
            sum(|found| found.attempts),
        );
        let (told, others) = failures.split_at(failures.len().min(FAILURES_MAX));
        for found in told {
            let (seed, words) = (found.seed, subject.words());
            let wrong = found.wrong.as_deref().unwrap_or_default();
            let out = text::quoted(&format!("target/sim/{}-{seed}", self.name));
            text += &format!("  seed {seed}: {wrong}\n");
            text += &format!("    cargo xtask sim run {words} --seed {seed} --out {out}\n");
        }
        if !others.is_empty() {
            let seeds: Vec<_> = others.iter().map(|found| found.seed.to_string()).collect();
            text += &format!("  and with the same command, seeds {}\n", seeds.join(" "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(seed: u64, wrong: Option<&str>) -> Found {
        Found {
            seed,
            requests: 16,
            signed: 15,
            attempts: 20,
            events: 1_000_000,
            is_whole: true,
            wrong: wrong.map(str::to_owned),
        }
    }

    #[test]
    fn a_good_scenario_is_one_line() {
        let results: Vec<_> = (1..=100).map(|seed| found(seed, None)).collect();
        let row = Row { name: "churn", results: &results, millis: 2000 };
        assert_eq!(
            row.text(&Subject::shipped("churn", Some(50))),
            "churn                      100       1,600       1,500       2,000        2.0  ok, \
             50.0 M events/s\n"
        );
    }

    #[test]
    fn a_failing_seed_comes_with_the_command_that_repeats_it() {
        let results = [found(7, None), found(8, Some("12.5s node 3, no reuse: twice"))];
        let row = Row { name: "churn", results: &results, millis: 2000 };
        let text = row.text(&Subject::shipped("churn", Some(50)));
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "  seed 8: 12.5s node 3, no reuse: twice",
                "    cargo xtask sim run churn --nodes 50 --seed 8 --out target/sim/churn-8",
            ]
        );
    }
    #[test]
    fn many_failing_seeds_are_told_in_short() {
        let results: Vec<_> = (1..=13).map(|seed| found(seed, Some("late"))).collect();
        let row = Row { name: "churn", results: &results, millis: 2000 };
        let text = row.text(&Subject::shipped("churn", None));
        assert_eq!(text.matches("cargo xtask sim run").count(), 10, "{text}");
        assert!(text.ends_with("  and with the same command, seeds 11 12 13\n"), "{text}");
    }
}
