//! The simulator behind `cargo xtask sim`, and its check as a step of `ci`.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::process;
use crate::workspace::Workspace;

/// What follows `cargo xtask sim`: all of it is the simulator's, help included.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct SimArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// A program that simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    /// Engines alone.
    Engine,
    /// Coordinators over QUIC.
    Quic,
}

impl Tier {
    const fn package(self) -> &'static str {
        match self {
            Self::Engine => "ensign-sim-report",
            Self::Quic => "ensign-sim-quic",
        }
    }
}

/// Becomes the simulator, so that Ctrl-C and exit codes are its own.
///
/// # Errors
///
/// Fails if the tier is unknown or cargo cannot start; otherwise it does not return.
pub(crate) fn run(workspace: &Workspace, arguments: &SimArguments) -> Result<()> {
    let (tier, arguments) = take_tier(&arguments.arguments)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Not in the root, as other steps are: paths among the arguments are the caller's.
    cargo.args(["run", "--quiet", "--release", "--manifest-path"]);
    cargo.arg(workspace.root().join("Cargo.toml")).args(["--package", tier.package(), "--"]);
    cargo.args(arguments).env("CARGO_TARGET_DIR", workspace.target_dir());
    Err(cargo.exec()).context("cannot start cargo")
}

/// Checks every scenario with faults over many seeds; fails as the first seed that does.
///
/// # Errors
///
/// Fails if a run breaks safety or misses its demand; the output names the commands that repeat it.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo(&["run", "--release", "--locked"]);
    process::run(cargo.args(["--package", Tier::Engine.package(), "--", "check"]))
}

/// Takes `--tier engine` or `--tier quic` out of the arguments; the last one counts.
fn take_tier(arguments: &[OsString]) -> Result<(Tier, Vec<&OsStr>)> {
    let mut tier = Tier::Engine;
    let mut rest = Vec::new();
    let mut arguments = arguments.iter().map(OsString::as_os_str);
    while let Some(argument) = arguments.next() {
        let word = argument.to_str().unwrap_or_default();
        let name = match word.strip_prefix("--tier") {
            Some("") => arguments.next().and_then(OsStr::to_str),
            Some(name) if name.starts_with('=') => name.strip_prefix('='),
            Some(_) | None => {
                rest.push(argument);
                continue;
            }
        };
        tier = match name {
            Some("engine") => Tier::Engine,
            Some("quic") => Tier::Quic,
            other => bail!("--tier {}: write engine or quic", other.unwrap_or_default()),
        };
    }
    Ok((tier, rest))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{Arguments, Command};

    fn check(line: &str, tier: Tier, expected: &str) {
        let words = ["cargo xtask", "sim"].into_iter().chain(line.split_whitespace());
        let parsed = Arguments::try_parse_from(words).unwrap();
        let Command::Sim(arguments) = parsed.command else { panic!("{line} is not for sim") };
        let (found, rest) = take_tier(&arguments.arguments).unwrap();
        let rest: Vec<_> = rest.into_iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!((found, rest.join(" ").as_str()), (tier, expected), "{line}");
    }

    #[test]
    fn everything_after_sim_reaches_the_simulator() {
        check("", Tier::Engine, "");
        check("--help", Tier::Engine, "--help");
        check("help run", Tier::Engine, "help run");
        check("run churn --seed 3 --help", Tier::Engine, "run churn --seed 3 --help");
        check("run churn --set crashes=-1 -h", Tier::Engine, "run churn --set crashes=-1 -h");
    }

    #[test]
    fn the_tier_chooses_the_program_and_is_taken_out() {
        check("run churn --tier engine --seed 3", Tier::Engine, "run churn --seed 3");
        check("run churn --tier quic --seed 3", Tier::Quic, "run churn --seed 3");
        check("run churn --seed 3 --tier=quic", Tier::Quic, "run churn --seed 3");
        check("--tier quic run --help", Tier::Quic, "run --help");
    }

    #[test]
    fn an_unknown_tier_is_refused() {
        for words in [&["--tier", "udp"][..], &["--tier"], &["--tier="]] {
            let arguments: Vec<_> = words.iter().map(OsString::from).collect();
            let error = take_tier(&arguments).unwrap_err().to_string();
            assert!(error.ends_with("write engine or quic"), "{error}");
        }
    }
}
