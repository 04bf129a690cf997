//! What takes longer than a change can wait for: `cargo xtask long`. Its last figures stand in
//! `docs/measured.md`.

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Sessions of each mode in which signers dodge.
const DODGING_SESSIONS: &str = "2000";
/// Signatures that two wallets make one after the other: the memory ends flat.
const SIGNATURES: &str = "30000";

/// Runs everything, one after the other; the output is the result.
///
/// # Errors
///
/// Fails at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let dodging = ["test", "--release", "--locked", "--package", "ensign-session", "--lib"];
    let mut dodging = workspace.cargo(&dodging);
    dodging.args(["dodging", "--", "--nocapture"]);
    process::run(dodging.env("ENSIGN_DODGING_SESSIONS", DODGING_SESSIONS))?;
    let example = ["run", "--release", "--locked", "--package", "ensign-coordinator"];
    let mut signing = workspace.cargo(&example);
    process::run(signing.args(["--example", "long_run", "--", SIGNATURES]))?;
    process::run(&mut workspace.cargo(&["build", "--release", "--locked", "--bin", "ensign"]))?;
    let attack = ["run", "--release", "--locked", "--package", "ensign-attack", "--"];
    process::run(workspace.cargo(&attack).args(["--kind", "all"]))
}
