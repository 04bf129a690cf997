//! The fuzz targets: what there is, the replay of the corpus on stable, discovery on nightly.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};
use cargo_metadata::MetadataCommand;
use clap::Subcommand;

use crate::process;
use crate::workspace::Workspace;

#[derive(Debug, Subcommand)]
pub(crate) enum FuzzCommand {
    /// Prints the name of every target.
    List,
    /// Feeds the committed corpus to every target, on stable.
    Replay,
    /// Looks for new inputs with libFuzzer; needs nightly and cargo-fuzz.
    Run {
        /// A name that `cargo xtask fuzz list` prints.
        target: String,
        /// How long to look.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
}

/// Runs one of the commands on fuzz targets.
///
/// # Errors
///
/// Fails if the target is unknown, a tool is missing, or an input breaks the target.
pub(crate) fn run(workspace: &Workspace, command: &FuzzCommand) -> Result<()> {
    match command {
        FuzzCommand::List => {
            for target in targets(workspace)? {
                println!("{target}");
            }
            Ok(())
        }
        FuzzCommand::Replay => replay(workspace),
        FuzzCommand::Run { target, seconds } => discover(workspace, target, *seconds),
    }
}

/// Replays the corpus as a test of the package `ensign-fuzz`, which also demands that every target
/// has a corpus and every corpus a target.
pub(crate) fn replay(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo(&["test", "--locked", "--manifest-path"]);
    process::run(cargo.arg(workspace.fuzz_manifest()))
}

/// The binaries of `ensign-fuzz`, one per target.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let metadata =
        MetadataCommand::new().manifest_path(workspace.fuzz_manifest()).no_deps().exec()?;
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    Ok(targets.filter(|target| target.is_bin()).map(|target| target.name.clone()).collect())
}

fn discover(workspace: &Workspace, target: &str, seconds: u32) -> Result<()> {
    let targets = targets(workspace)?;
    if !targets.iter().any(|known| known == target) {
        bail!("no fuzz target `{target}`; there are: {}", targets.join(", "));
    }
    demand("the nightly toolchain", &["rustc"], "rustup toolchain install nightly")?;
    demand("cargo-fuzz", &["cargo", "fuzz"], "cargo install cargo-fuzz --locked")?;
    // libFuzzer writes what it finds into the first folder: the committed corpus changes only when
    // somebody decides so.
    let fuzz_target_dir = workspace.target_dir().join("fuzz");
    let found = fuzz_target_dir.join("corpus").join(target);
    fs::create_dir_all(&found)?;
    let mut nightly = nightly(&["cargo", "fuzz", "run", "--features", "libfuzzer", target]);
    nightly.current_dir(workspace.root()).env("CARGO_TARGET_DIR", &fuzz_target_dir);
    nightly.arg(&found).arg(workspace.root().join("fuzz/corpus").join(target));
    process::run(nightly.args(["--", &format!("-max_total_time={seconds}")]))?;
    println!("new inputs: {}", found.display());
    Ok(())
}

fn nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).args(arguments);
    command
}

fn demand(what: &str, program: &[&str], install: &str) -> Result<()> {
    if !process::succeeds(nightly(program).arg("--version")) {
        bail!("this needs {what}: {install}");
    }
    Ok(())
}
