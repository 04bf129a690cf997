//! The demo as a smoke run: the release binary signs a transaction with three processes.

use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// What follows `--signers 3`: each mode once, the default one without being named.
const MODES: [&[&str]; 3] = [&[], &["--mode", "fast"], &["--mode", "strict"]];

/// Time that one demo may take. The phases of its session have shorter deadlines of their own, so
/// only a hang in the program reaches this.
const DEMO_TIMEOUT: Duration = Duration::from_secs(300);

/// Builds the release binary, then runs the demo in each mode; each must exit with 0.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    const BINARY: [&str; 4] = ["--release", "--locked", "--bin", "ensign-demo"];
    process::run(workspace.cargo(&["build"]).args(BINARY))?;
    for mode in MODES {
        let mut cargo = workspace.cargo(&["run"]);
        cargo.args(BINARY).args(["--", "--signers", "3"]).args(mode);
        process::run_within(DEMO_TIMEOUT, &mut cargo)?;
    }
    Ok(())
}
