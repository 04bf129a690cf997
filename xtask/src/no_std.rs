//! The pure crates build where there is no `std`: no clock, no thread, no socket, no entropy.
//!
//! Two builds say so. The bare build links all of them into `no_std_probe`, a static library with
//! a panic handler of its own: if any dependency, however deep, links `std`, its panic handler is a
//! second one and the compiler refuses. It needs no other target, so it always runs. The build for
//! wasm32 also shows that the C code compiles there; it runs where target and clang are installed.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use cargo_metadata::MetadataCommand;

use crate::workspace::Workspace;
use crate::{layers, process};

const WASM: &str = "wasm32-unknown-unknown";

/// What the compiler says when two crates define the panic handler.
const DUPLICATE_PANIC_HANDLER: &str = "duplicate lang item";

/// Runs the bare build, the proof that it bites, and the build for wasm32.
///
/// # Errors
///
/// Fails if a pure crate is missing from the probe, or a build fails that must not, or passes that
/// must not.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let packages = layers::pure_packages(workspace)?;
    probe_holds(workspace, &packages)?;
    process::run(&mut probe(workspace))?;
    bare_build_bites(workspace)?;
    wasm_build(workspace, &packages)
}

/// The bare build covers every pure crate that exists.
fn probe_holds(workspace: &Workspace, packages: &[String]) -> Result<()> {
    let metadata =
        MetadataCommand::new().manifest_path(workspace.probe_manifest()).no_deps().exec()?;
    let held: Vec<&str> = metadata
        .packages
        .iter()
        .flat_map(|package| &package.dependencies)
        .map(|dependency| dependency.name.as_str())
        .collect();
    let missing = missing(packages, &held);
    if !missing.is_empty() {
        bail!("xtask/no_std_probe does not depend on {}", missing.join(", "));
    }
    Ok(())
}

fn missing<'a>(packages: &'a [String], held: &[&str]) -> Vec<&'a str> {
    packages.iter().map(String::as_str).filter(|name| !held.contains(name)).collect()
}

fn probe(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo(&["build", "--locked", "--manifest-path"]);
    cargo.arg(workspace.probe_manifest());
    cargo
}

/// Links `std` into the probe on purpose: a probe that still builds would prove nothing.
fn bare_build_bites(workspace: &Workspace) -> Result<()> {
    println!("the same with `std` linked, which must fail:");
    let output = probe(workspace).args(["--features", "canary"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        bail!("the bare build passes with `std` linked, so it proves nothing");
    }
    if !said.contains(DUPLICATE_PANIC_HANDLER) {
        bail!("the bare build with `std` linked failed for another reason:\n{said}");
    }
    println!("refused: {DUPLICATE_PANIC_HANDLER}");
    Ok(())
}

fn wasm_build(workspace: &Workspace, packages: &[String]) -> Result<()> {
    let libdir =
        Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]).output()?;
    let libdir = String::from_utf8_lossy(&libdir.stdout).trim().to_owned();
    if libdir.is_empty() || !Path::new(&libdir).is_dir() {
        println!("NOT RUN: the build for {WASM}; install it with `rustup target add {WASM}`");
        return Ok(());
    }
    if !process::succeeds(Command::new("clang").arg("--version")) {
        println!("NOT RUN: the build for {WASM}; its C code needs `clang`");
        return Ok(());
    }
    let mut cargo = workspace.cargo(&["check", "--locked", "--target", WASM]);
    process::run(cargo.args(packages.iter().flat_map(|package| ["-p", package.as_str()])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pure_crate_that_the_probe_forgets_is_named() {
        let packages = ["ensign-wire".to_owned(), "ensign-dht".to_owned()];
        assert_eq!(missing(&packages, &["ensign-wire", "serde"]), ["ensign-dht"]);
    }
}
