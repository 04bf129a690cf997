//! `run`: one run of one scenario.

use std::{ops::ControlFlow, path::PathBuf};

use anyhow::Result;
use clap::Args;
use ensign_sim::{Options, Plan, Report, Scenario, scenario::Adversaries};
use ensign_sim_report::{
    Folder as _,
    bars::{self, BARS, Judged},
};

use super::{
    Console, Ending, Stop, excerpt,
    launch::{self, Stopwatch},
    progress::Teller,
    subject::Subject,
    summary::{self, Words},
    text,
};

/// What to run and how.
#[derive(Clone, Debug, Args)]
#[command(after_help = TIERS)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// What the run is drawn from: the same seed gives the same run
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// How many threads share the nodes; the run does not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Writes report.html, report.json and CSV files into this folder, for people, `replay` and
    /// `compare`
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Prints the report as JSON instead of a summary
    #[arg(long)]
    pub(super) json: bool,
}

const TIERS: &str = "\
Two tiers:
  --tier engine   the default: engines alone, thousands of them
  --tier quic     the whole coordinator over QUIC and simulated packets, about a hundred nodes; its
                  options are its own: see `run --tier quic --help`";

pub(super) fn run(arguments: &Arguments, console: &mut Console<'_>, stop: &Stop) -> Result<Ending> {
    let scenario = arguments.subject.load()?;
    if let Some(folder) = &arguments.out {
        launch::claim(folder)?;
    }
    let quiet = quiet_twin(&scenario);
    let mut report = play(scenario, arguments, console, stop)?;
    let quiet = quiet.filter(|_| report.complete);
    let quiet = quiet.map(|twin| play(twin, arguments, console, stop)).transpose()?;
    let bars = bars::judge(&report, quiet.as_ref().filter(|quiet| quiet.complete));
    if let Some(folder) = &arguments.out {
        excerpt::fill(&mut report, stop);
        report.write(folder)?;
    }
    if arguments.json {
        serde_json::to_writer_pretty(&mut console.out, &report)?;
        writeln!(console.out)?;
    } else {
        write!(console.out, "{}", summary::of(&report, &words(arguments)))?;
        write!(console.out, "{}", summary::of_bars(&bars))?;
    }
    console.out.flush()?;
    Ok(if bars.iter().any(Judged::is_missed) { Ending::Bad } else { ending(&report) })
}

/// The same scenario without attackers, where a bar compares with it.
fn quiet_twin(scenario: &Scenario) -> Option<Scenario> {
    let mut bars = BARS.iter().filter(|bar| bar.scenario == scenario.name);
    let is_needed = bars.any(|bar| bar.figure.needs_quiet());
    let twin = Scenario { adversaries: Adversaries::default(), ..scenario.clone() };
    is_needed.then_some(twin)
}

/// Runs it under the eyes of the user.
fn play(
    scenario: Scenario,
    arguments: &Arguments,
    console: &mut Console<'_>,
    stop: &Stop,
) -> Result<Report> {
    let options = Options {
        threads: launch::threads(arguments.threads),
        sample_every: launch::sample_every(scenario.length),
        commit: launch::commit(),
    };
    let watch = Stopwatch::start();
    let mut teller = Teller::new(console, watch);
    let mut told = Ok(());
    let plan = Plan::new(scenario, arguments.seed);
    let mut report = ensign_sim::run(plan, &options, &mut |progress| {
        if told.is_ok() {
            told = teller.tell(progress);
        }
        if told.is_err() { ControlFlow::Break(()) } else { stop.answer() }
    });
    told?;
    teller.end()?;
    report.wall_millis = watch.millis();
    Ok(report)
}

fn ending(report: &Report) -> Ending {
    match (report.is_good(), report.complete) {
        (false, _) => Ending::Bad,
        (true, false) => Ending::Interrupted,
        (true, true) => Ending::Good,
    }
}

/// The commands that a user may want next.
fn words(arguments: &Arguments) -> Words {
    let name = arguments.subject.scenario.trim_end_matches(".toml");
    let name = name.rsplit('/').next().unwrap_or(name);
    let folder = arguments
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("target/sim/{name}-{}", arguments.seed)));
    let folder_word = text::quoted(&folder.to_string_lossy());
    Words {
        run: format!(
            "cargo xtask sim run {} --seed {} --out {folder_word}",
            arguments.subject.words(),
            arguments.seed
        ),
        replay: format!("cargo xtask sim replay {folder_word}"),
        page: arguments.out.is_some().then(|| folder.join("report.html").display().to_string()),
    }
}
