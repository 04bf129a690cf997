//! `cargo xtask sim run <scenario> --tier quic`, behind the name `ensign-sim-quic`.

mod args;
mod progress;

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, Error, Result};
use clap::Parser as _;
use ensign_sim_quic::{CrashPlan, Plan, Report, run, run_crashes, write_packets};
use serde::Serialize;

use crate::{
    args::{Asked, Cli},
    progress::Narrator,
};

fn main() -> ExitCode {
    match play(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; false when a demand was not met.
fn play(cli: &Cli) -> Result<bool> {
    let (asked, out) = cli.asked();
    #[expect(clippy::disallowed_methods, reason = "how long people wait for the run")]
    let began = Instant::now();
    match asked {
        Asked::Signing(plan) => play_signing(&plan, out, began),
        Asked::Crashes(plan) => play_crashes(&plan, out, began),
    }
}

fn play_signing(plan: &Plan, out: Option<&Path>, began: Instant) -> Result<bool> {
    // Before the run, so that none is lost for want of a place.
    let files = out.map(|out| Ok::<_, Error>((create(out, REPORT)?, create(out, PACKETS)?)));
    let files = files.transpose()?;
    let mut narrator = Narrator::default();
    let outcome = run(plan, |progress| narrator.tell(progress))?;
    let report = Report::new(plan, &outcome, began.elapsed());
    if let Some((json, packets)) = files {
        write(json, &report)?;
        write_packets(&outcome.trace, BufWriter::new(packets))
            .context("cannot write packets.csv")?;
    }
    say(&report.summary());
    Ok(report.passed())
}

fn play_crashes(plan: &CrashPlan, out: Option<&Path>, began: Instant) -> Result<bool> {
    let json = out.map(|out| create(out, REPORT)).transpose()?;
    let report = run_crashes(plan, |line| {
        let _ = writeln!(std::io::stderr(), "{line}");
    })?;
    if let Some(json) = json {
        write(json, &report)?;
    }
    say(&report.summary(began.elapsed()));
    Ok(report.passed())
}

const REPORT: &str = "report.json";
const PACKETS: &str = "packets.csv";

fn create(folder: &Path, name: &str) -> Result<File> {
    let cannot = || format!("cannot write to {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    File::create(folder.join(name)).with_context(cannot)
}

fn write(mut to: File, report: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(report).context("the report is JSON")?;
    json.push(b'\n');
    to.write_all(&json).context("cannot write report.json")
}

fn say(summary: &str) {
    // A reader that has gone away is no failure of the run.
    let _ = std::io::stdout().write_all(summary.as_bytes());
}
