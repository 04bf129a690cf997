//! The hostile client behind `cargo xtask attack`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::process;
use crate::workspace::Workspace;

/// What follows `cargo xtask attack`: all of it is the client's, help included.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct AttackArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Builds the program under attack and becomes the client, so that Ctrl-C and exit codes are its own.
///
/// # Errors
///
/// Fails if the program does not build or cargo cannot start; otherwise it does not return.
pub(crate) fn run(workspace: &Workspace, arguments: &AttackArguments) -> Result<()> {
    let arguments = &arguments.arguments;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Not in the root, as other steps are: paths among the arguments are the caller's.
    cargo.args(["run", "--quiet", "--release", "--manifest-path"]);
    cargo.arg(workspace.root().join("Cargo.toml")).args(["--package", "ensign-attack", "--"]);
    if !names_program(arguments) {
        let build = ["build", "--release", "--locked", "--bin", "ensign"];
        process::run(&mut workspace.cargo(&build))?;
        cargo.arg("--ensign").arg(workspace.target_dir().join("release/ensign"));
    }
    cargo.args(arguments).env("CARGO_TARGET_DIR", workspace.target_dir());
    Err(cargo.exec()).context("cannot start cargo")
}

/// Whether the caller says which program is attacked, names a node that runs and no home to be read by
/// one, or only asks what there is.
fn names_program(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let has = |name: &str| {
        let is_meant = |word: &&str| word.split('=').next() == Some(name);
        words.iter().any(is_meant)
    };
    has("--ensign") || has("--help") || has("-h") || (has("--target") && !has("--home"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{Arguments, Command};

    fn check(line: &str, is_named: bool) {
        let words = ["cargo xtask", "attack"].into_iter().chain(line.split_whitespace());
        let parsed = Arguments::try_parse_from(words).unwrap();
        let Command::Attack(arguments) = parsed.command else { panic!("{line}: another command") };
        let arguments = arguments.arguments;
        assert_eq!(names_program(&arguments), is_named, "{line}");
        assert_eq!(arguments, line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
    }

    #[test]
    fn everything_after_attack_reaches_the_client() {
        check("", false);
        check("--kind washing --json", false);
        check("--help", true);
    }

    #[test]
    fn a_program_that_is_named_is_not_built() {
        check("--ensign /usr/bin/ensign --kind all", true);
        check("--kind all --ensign=/usr/bin/ensign", true);
        check("--target 127.0.0.1:4820 --kind frames", true);
        check("--target 127.0.0.1:4820 --home /tmp/mallory --kind drown", false);
    }
}
