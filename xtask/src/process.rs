//! Running other programs with their output let through.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a program with a time limit is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs `command` to its end and demands exit code 0.
///
/// # Errors
///
/// Fails if the program cannot start or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("$ {shown}");
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs `command` and demands exit code 0 within `limit`, so that a hang is a failure that says so.
///
/// # Errors
///
/// Fails if the program cannot start, does not exit with 0, or is killed at the limit.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("$ {shown}");
    let mut child =
        command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let start = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("`{shown}` failed: {status}"),
            None if start.elapsed() >= limit => {
                child.kill()?;
                child.wait()?;
                bail!("`{shown}` was still running after {} s and was killed", limit.as_secs());
            }
            None => thread::sleep(POLL_INTERVAL),
        }
    }
}

/// Says whether `command` can be run and exits with 0; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as somebody would type it: the program's file name and its arguments.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or_else(|| command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_the_folder_of_its_program() {
        let mut command = Command::new("/opt/toolchain/bin/cargo");
        command.args(["test", "--workspace"]);
        assert_eq!(shown(&command), "cargo test --workspace");
    }

    #[test]
    fn a_failing_program_is_named_in_the_error() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.contains("`false` failed"), "{error}");
    }

    #[test]
    fn a_program_that_outlives_its_limit_is_killed_and_named() {
        let mut command = Command::new("sleep");
        let error = run_within(Duration::ZERO, command.arg("600")).unwrap_err().to_string();
        assert!(error.contains("still running after 0 s"), "{error}");
    }

    #[test]
    fn a_program_that_ends_in_time_passes() {
        run_within(Duration::from_secs(60), &mut Command::new("true")).unwrap();
    }

    #[test]
    fn a_missing_program_does_not_succeed() {
        assert!(!succeeds(&mut Command::new("/nonexistent/program")));
    }
}
