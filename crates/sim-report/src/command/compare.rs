//! `compare`: what a change did to runs of before and after.

use std::{io::Write as _, path::PathBuf};

use anyhow::Result;
use clap::Args;
use ensign_sim_report::Comparison;

use super::{Console, Ending};

/// Two runs, or two sets of runs.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// Before: a folder that `run --out` or `sweep --out` wrote, or one that holds such folders
    base: PathBuf,
    /// After: the same of the change
    change: PathBuf,
    /// Prints the comparison as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, console: &mut Console<'_>) -> Result<Ending> {
    let comparison = Comparison::read(&arguments.base, &arguments.change)?;
    if arguments.json {
        serde_json::to_writer_pretty(&mut console.out, &comparison)?;
        writeln!(console.out)?;
    } else {
        write!(console.out, "{comparison}")?;
    }
    console.out.flush()?;
    Ok(Ending::Good)
}
