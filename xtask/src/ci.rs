//! The steps of `cargo xtask ci`, in order, and the table printed at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::workspace::Workspace;
use crate::{cargo_steps, demo, fuzz, layers, no_std, sim, tidy};

/// One step, which is also a command of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Step {
    /// Checks the formatting of every package.
    Fmt,
    /// Checks habits that no lint knows: module docs, banned words, file budgets, links in pages.
    Tidy,
    /// Checks which crate may use which, and what lies at the top of the repository.
    Layers,
    /// Runs clippy on everything, warnings denied.
    Clippy,
    /// Builds the pure crates without `std`, and for wasm32 where that target is installed.
    NoStd,
    /// Runs every test: unit, integration, doc; builds every example.
    Test,
    /// Has hostile signers of each kind play against honest ones, 2,000 sessions of each kind and mode.
    Sessions,
    /// Runs the examples of the coordinator.
    Examples,
    /// Builds the documentation, warnings and broken links denied.
    Doc,
    /// Feeds the committed corpus to the fuzz targets, on stable.
    #[command(skip)]
    FuzzReplay,
    /// Signs a transaction with three processes, once per mode.
    Demo,
    /// Runs every scenario with faults over many seeds.
    #[command(skip)]
    SimCheck,
}

impl Step {
    /// Cheap steps first, so that a small mistake is told early.
    const ALL: [Self; 12] = [
        Self::Fmt,
        Self::Tidy,
        Self::Layers,
        Self::Clippy,
        Self::NoStd,
        Self::Test,
        Self::Sessions,
        Self::Examples,
        Self::Doc,
        Self::FuzzReplay,
        Self::Demo,
        Self::SimCheck,
    ];

    /// The words after `cargo xtask` that run this step alone.
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Layers => "layers",
            Self::Clippy => "clippy",
            Self::NoStd => "no-std",
            Self::Test => "test",
            Self::Sessions => "sessions",
            Self::Examples => "examples",
            Self::Doc => "doc",
            Self::FuzzReplay => "fuzz replay",
            Self::Demo => "demo",
            Self::SimCheck => "sim check",
        }
    }

    /// Runs the step.
    ///
    /// # Errors
    ///
    /// Fails with what the step found.
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Fmt => cargo_steps::fmt(workspace),
            Self::Tidy => tidy::run(workspace),
            Self::Layers => layers::run(workspace),
            Self::Clippy => cargo_steps::clippy(workspace),
            Self::NoStd => no_std::run(workspace),
            Self::Test => cargo_steps::test(workspace),
            Self::Sessions => cargo_steps::sessions(workspace),
            Self::Examples => cargo_steps::examples(workspace),
            Self::Doc => cargo_steps::doc(workspace),
            Self::FuzzReplay => fuzz::replay(workspace),
            Self::Demo => demo::run(workspace),
            Self::SimCheck => sim::check(workspace),
        }
    }
}

/// Runs every step; at the end, or at the first failure, prints the table.
///
/// # Errors
///
/// Fails at the first step that fails, naming the command that repeats it alone.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    let mut rows = Vec::new();
    let mut failure = None;
    for step in Step::ALL {
        if failure.is_some() {
            rows.push(Row { step, outcome: Outcome::NotRun });
            continue;
        }
        println!("\n=== {} ===", step.name());
        let step_start = Instant::now();
        let result = step.run(workspace);
        let took = step_start.elapsed();
        rows.push(Row {
            step,
            outcome: if result.is_ok() { Outcome::Passed(took) } else { Outcome::Failed(took) },
        });
        failure = result.err().map(|error| (step, error));
    }
    print!("\n{}", table(&rows, start.elapsed()));
    match failure {
        None => Ok(()),
        Some((step, error)) => {
            bail!("{error:#}\nrun this step alone: cargo xtask {}", step.name())
        }
    }
}

#[derive(Debug)]
struct Row {
    step: Step,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

/// Lays out one line per step: name, seconds, result.
fn table(rows: &[Row], total: Duration) -> String {
    let mut lines = format!("{:<12} {:>8}  result\n", "step", "seconds");
    for Row { step, outcome } in rows {
        let (seconds, result) = match outcome {
            Outcome::Passed(took) => (format!("{:.1}", took.as_secs_f64()), "ok"),
            Outcome::Failed(took) => (format!("{:.1}", took.as_secs_f64()), "FAILED"),
            Outcome::NotRun => ("-".to_owned(), "not run"),
        };
        lines += &format!("{:<12} {seconds:>8}  {result}\n", step.name());
    }
    lines + &format!("{:<12} {:>8.1}\n", "all", total.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Arguments;

    #[test]
    fn every_step_is_a_command_under_its_own_name() {
        for step in Step::ALL {
            let words = ["cargo xtask"].into_iter().chain(step.name().split(' '));
            assert!(Arguments::try_parse_from(words).is_ok(), "{step:?} is not a command");
        }
    }

    #[test]
    fn table_tells_passed_failed_and_not_run_apart() {
        let second = Duration::from_secs(1);
        let rows = [
            Row { step: Step::Fmt, outcome: Outcome::Passed(second) },
            Row { step: Step::Tidy, outcome: Outcome::Failed(second * 2) },
            Row { step: Step::Layers, outcome: Outcome::NotRun },
        ];
        let expected = "\
step          seconds  result
fmt               1.0  ok
tidy              2.0  FAILED
layers              -  not run
all               3.0
";
        assert_eq!(table(&rows, second * 3), expected);
    }
}
