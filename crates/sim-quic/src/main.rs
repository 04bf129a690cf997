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

use anyhow::{Context as _, Result};
use clap::Parser as _;
use ensign_sim_quic::{Report, run, write_packets};

use crate::{args::Cli, progress::Narrator};

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
    let (plan, out) = cli.plan();
    let files = out.map(Files::create).transpose()?;
    #[expect(clippy::disallowed_methods, reason = "how long people wait for the run")]
    let began = Instant::now();
    let mut narrator = Narrator::default();
    let outcome = run(&plan, |progress| narrator.tell(progress))?;
    let report = Report::new(&plan, &outcome, began.elapsed());
    if let Some(files) = files {
        files.write(&report, &outcome.trace)?;
    }
    // A reader that has gone away is no failure of the run.
    let _ = std::io::stdout().write_all(report.summary().as_bytes());
    Ok(report.passed())
}

/// The files of a report, opened before the run so that no run is lost for want of a place.
struct Files {
    report: File,
    packets: File,
}

impl Files {
    fn create(folder: &Path) -> Result<Self> {
        let cannot = || format!("cannot write to {}", folder.display());
        fs::create_dir_all(folder).with_context(cannot)?;
        let report = File::create(folder.join("report.json")).with_context(cannot)?;
        let packets = File::create(folder.join("packets.csv")).with_context(cannot)?;
        Ok(Self { report, packets })
    }

    fn write(mut self, report: &Report, trace: &ensign_sim_quic::Trace) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(report).context("the report is JSON")?;
        json.push(b'\n');
        self.report.write_all(&json).context("cannot write report.json")?;
        write_packets(trace, BufWriter::new(self.packets)).context("cannot write packets.csv")
    }
}
