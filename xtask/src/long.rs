//! What takes longer than a change can wait for: `cargo xtask long`. Its last figures stand in
//! `docs/measured.md`.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{cargo_steps, process};

/// Formations in which somebody is hostile, or crashes: no two honest members end in different groups.
const HOSTILE_FORMATIONS: &str = "100000";
/// Sessions of each kind and mode with one hostile signer: 100,000 in four kinds and three modes.
const HOSTILE_SESSIONS: &str = "8334";
/// Sessions of each mode in which signers dodge.
const DODGING_SESSIONS: &str = "2000";
/// Cases of each property, of a new seed each time.
const PROPERTY_CASES: &str = "2000";
/// Signatures that two wallets make one after the other: the memory ends flat.
const SIGNATURES: &str = "30000";

/// Runs everything, one after the other; the output is the result.
///
/// # Errors
///
/// Fails at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    cargo_steps::properties(workspace, PROPERTY_CASES)?;
    cargo_steps::hostile_sessions(workspace, HOSTILE_SESSIONS)?;
    let dodging = ["test", "--release", "--locked", "--package", "ensign-session", "--lib"];
    let mut dodging = workspace.cargo(&dodging);
    dodging.args(["dodging", "--", "--nocapture"]);
    process::run(dodging.env("ENSIGN_DODGING_SESSIONS", DODGING_SESSIONS))?;
    let hostile = ["test", "--release", "--locked", "--package", "ensign-formation", "--lib"];
    let mut hostile = workspace.cargo(&hostile);
    hostile.args(["hostile", "--", "--nocapture"]);
    process::run(hostile.env("ENSIGN_HOSTILE_FORMATIONS", HOSTILE_FORMATIONS))?;
    let example = ["run", "--release", "--locked", "--package", "ensign-coordinator"];
    let mut signing = workspace.cargo(&example);
    process::run(signing.args(["--example", "long_run", "--", SIGNATURES]))?;
    let dht = ["run", "--release", "--locked", "--package", "ensign-sim-report", "--", "dht"];
    process::run(&mut workspace.cargo(&dht))?;
    process::run(&mut workspace.cargo(&["build", "--release", "--locked", "--bin", "ensign"]))?;
    let attack = ["run", "--release", "--locked", "--package", "ensign-attack", "--"];
    process::run(workspace.cargo(&attack).args(["--kind", "all"]))
}
