//! The steps that are plain cargo calls.
//!
//! No step sets `RUSTFLAGS`: a changed flag would build every dependency again. Warnings are denied
//! behind `--`, which reaches our own crates only.

use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::process;
use crate::workspace::Workspace;

/// The coordinator's examples, and what each is given: what the documentation promises an embedder must run.
const EXAMPLES: [(&str, &[&str]); 3] =
    [("two_party", &[]), ("embed", &[]), ("a_network", &["--", "8"])];

/// Time that one example may take. Each finishes within seconds on a developer's machine; the rest
/// is for a loaded one.
const EXAMPLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Checks formatting in the workspace and in the two packages that are excluded from it.
pub(crate) fn fmt(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&["fmt", "--all", "--", "--check"]))?;
    for manifest in [workspace.fuzz_manifest(), workspace.probe_manifest()] {
        let mut cargo = workspace.cargo(&["fmt", "--manifest-path"]);
        process::run(cargo.arg(manifest).args(["--", "--check"]))?;
    }
    Ok(())
}

/// Runs clippy on the workspace and on the stable part of the fuzz package.
pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    const DENY: [&str; 3] = ["--", "--deny", "warnings"];
    let mut cargo = workspace.cargo(&["clippy", "--workspace", "--all-targets", "--locked"]);
    process::run(cargo.args(DENY))?;
    let mut cargo = workspace.cargo(&["clippy", "--all-targets", "--locked", "--manifest-path"]);
    process::run(cargo.arg(workspace.fuzz_manifest()).args(DENY))
}

/// The seed from which properties draw their cases before a change lands, so that a change never fails by a case that
/// it has nothing to do with. Plain `cargo test` and `cargo xtask long` draw new ones.
const PROPERTY_SEED: &str = "1";

/// Runs every test; plain `cargo test` also builds the examples and runs the doctests.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo(&["test", "--workspace", "--locked"]);
    process::run(cargo.env("PROPTEST_RNG_SEED", PROPERTY_SEED))
}

/// Runs every property with so many cases, of a new seed each time.
pub(crate) fn properties(workspace: &Workspace, cases: &str) -> Result<()> {
    let mut cargo = workspace.cargo(&["test", "--workspace", "--lib", "--locked"]);
    process::run(cargo.env_remove("PROPTEST_RNG_SEED").env("PROPTEST_CASES", cases))
}

/// Hostile sessions of each kind and mode before a change lands.
const HOSTILE_SESSIONS: &str = "2000";

/// Has hostile signers of each kind play against honest ones, in each mode.
pub(crate) fn sessions(workspace: &Workspace) -> Result<()> {
    hostile_sessions(workspace, HOSTILE_SESSIONS)
}

/// The same with any number of sessions of each kind and mode; the seeds are printed.
pub(crate) fn hostile_sessions(workspace: &Workspace, sessions: &str) -> Result<()> {
    let tests = ["test", "--release", "--locked", "--package", "ensign-session", "--lib"];
    let mut cargo = workspace.cargo(&tests);
    cargo.args(["hostile", "--", "--nocapture"]);
    process::run(cargo.env("ENSIGN_HOSTILE_SESSIONS", sessions))
}

/// Builds, then runs each example. Naming no package resolves features as the tests do, so that
/// nothing is built a second time.
pub(crate) fn examples(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&["build", "--locked", "--examples"]))?;
    for (example, given) in EXAMPLES {
        let mut cargo = workspace.cargo(&["run", "--locked", "--example", example]);
        cargo.args(given);
        process::run_within(EXAMPLE_TIMEOUT, &mut cargo)?;
    }
    Ok(())
}

/// Builds the documentation of our crates, warnings and broken links denied.
pub(crate) fn doc(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    process::run(cargo.env("RUSTDOCFLAGS", "--deny warnings"))
        .map_err(|error| anyhow!("{error} (warnings are denied, broken links among them)"))
}
