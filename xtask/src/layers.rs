//! Layers point down only: who may use whom, as data, and the check of `cargo metadata` against it.
//!
//! The table of `docs/architecture.md` is compared with this one. A crate that is not in it fails,
//! so that somebody decides where it belongs. A line may stand here before its crate exists.

mod check;
mod page;

use std::fs;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Package};

use crate::workspace::Workspace;

/// What a crate may use of ours.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// Every crate of the layers from 0 to this one.
    UpTo(u8),
    /// This crate, whatever its layer.
    Only(&'static str),
    /// Every crate.
    All,
}
use Use::{All, Only, UpTo};

/// One crate: its folder, its layer, and what it may use.
#[derive(Debug)]
struct Row {
    folder: &'static str,
    layer: Layer,
    may_use: &'static [Use],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Product(u8),
    /// Tests, timings and automation: may use what they need, and only they may use each other.
    Dev,
}

const fn row(folder: &'static str, layer: u8, may_use: &'static [Use]) -> Row {
    Row { folder, layer: Layer::Product(layer), may_use }
}

const fn dev(folder: &'static str) -> Row {
    Row { folder, layer: Layer::Dev, may_use: &[All] }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("crates/primitives",   0, &[]),
    row("crates/musig",        1, &[UpTo(0)]),
    row("crates/identity",     1, &[UpTo(0)]),
    row("crates/wire",         1, &[UpTo(0), Only("identity")]),
    row("crates/book",         2, &[UpTo(0), Only("wire"), Only("diversity"), Only("ratelimit")]),
    row("crates/pow",          2, &[UpTo(0), Only("wire"), Only("diversity"), Only("ratelimit")]),
    row("crates/reach",        2, &[UpTo(0), Only("wire"), Only("book"), Only("diversity"), Only("ratelimit")]),
    row("crates/reputation",   2, &[UpTo(0)]),
    row("crates/diversity",    2, &[UpTo(0)]),
    row("crates/ratelimit",    2, &[UpTo(0), Only("wire"), Only("diversity")]),
    row("crates/rendezvous",   2, &[UpTo(0), Only("identity"), Only("wire")]),
    row("crates/replay",       2, &[UpTo(0), Only("identity")]),
    row("crates/equivocation", 2, &[UpTo(1)]),
    row("crates/deadline",     2, &[UpTo(0)]),
    row("crates/watch",        2, &[UpTo(0)]),
    row("crates/session",      3, &[UpTo(2)]),
    row("crates/signing",      3, &[UpTo(2), Only("session")]),
    row("crates/dht",          3, &[UpTo(2)]),
    row("crates/overlay",      3, &[UpTo(2), Only("dht")]),
    row("crates/gossip",       3, &[UpTo(2)]),
    row("crates/peers",        3, &[UpTo(2)]),
    row("crates/formation",    3, &[UpTo(2), Only("peers")]),
    row("crates/discovery",    3, &[UpTo(2)]),
    row("crates/gate",         4, &[UpTo(3)]),
    row("crates/engine",       4, &[UpTo(3), Only("gate")]),
    row("crates/transport",    5, &[UpTo(1), Only("diversity"), Only("ratelimit")]),
    row("crates/store",        5, &[UpTo(1)]),
    row("crates/ledger",       5, &[UpTo(4), Only("store"), Only("psbt")]),
    row("crates/signer",       5, &[UpTo(4)]),
    row("crates/solving",      5, &[UpTo(4)]),
    row("crates/seeds",        5, &[UpTo(1), Only("peers")]),
    row("crates/vault",        5, &[UpTo(1)]),
    row("crates/psbt",         5, &[UpTo(1)]),
    row("crates/review",       5, &[UpTo(4), Only("psbt"), Only("store"), Only("ledger")]),
    row("crates/coordinator",  5, &[UpTo(4), Only("transport"), Only("store"), Only("psbt"), Only("ledger"), Only("signer"), Only("solving"), Only("review")]),
    row("crates/sim",          5, &[UpTo(4)]),
    row("crates/sim-overlay",  5, &[UpTo(4)]),
    row("crates/sim-report",   5, &[UpTo(4), Only("sim"), Only("sim-overlay")]),
    row("crates/api",          6, &[UpTo(5)]),
    row("crates/cli",          6, &[UpTo(4), Only("transport"), Only("store"), Only("psbt"), Only("vault"), Only("ledger"), Only("signer"), Only("review"), Only("seeds"), Only("coordinator"), Only("api")]),
    row("crates/demo",         6, &[Only("cli")]),
    dev("crates/attack"),
    dev("crates/testkit"),
    dev("crates/sim-quic"),
    dev("fuzz"),
    dev("benches"),
    dev("xtask"),
];

/// The highest layer whose crates are `#![no_std]` and see neither clock, socket nor entropy.
const PURE_LAYER_MAX: u8 = 4;

/// Crates that bring a clock, a socket, a thread or ambient entropy. No pure crate uses one
/// directly, not even in its tests, because a test that needs one tests the wrong layer.
const IMPURE: &[&str] = &[
    "async-std",
    "aws-lc-rs",
    "getrandom",
    "hickory-resolver",
    "mio",
    "quinn",
    "quinn-proto",
    "quinn-udp",
    "rand",
    "redb",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
];

/// Driven by virtual time, so it is held to [`IMPURE`] although its layer is not pure.
const VIRTUAL_TIME: &[&str] = &["crates/sim", "crates/sim-overlay"];

/// Everything at the top of the repository, dot-files and cargo's `target` aside.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "benches",
    "crates",
    "docs",
    "fuzz",
    "rust-toolchain.toml",
    "xtask",
];

/// Checks the workspace on disk against the table.
///
/// # Errors
///
/// Fails with one line per finding.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let crates = read_crates(workspace)?;
    let mut findings = check::dependencies(TABLE, &crates);
    findings.extend(check::no_std(TABLE, &crates));
    let page = fs::read_to_string(workspace.root().join("docs/architecture.md"))?;
    findings.extend(page::compare(TABLE, |folder| workspace.root().join(folder).exists(), &page));
    findings.extend(check::top_level(TOP_LEVEL, &top_level_entries(workspace)?));
    if !findings.is_empty() {
        bail!("{}", findings.join("\n"));
    }
    println!("{} crates, each in its layer", crates.len());
    Ok(())
}

/// The package names of the pure crates that exist, in layer order.
pub(crate) fn pure_packages(workspace: &Workspace) -> Result<Vec<String>> {
    let crates = read_crates(workspace)?;
    let pure = TABLE.iter().filter(|row| row.is_pure());
    Ok(pure
        .filter_map(|row| crates.iter().find(|known| known.folder == row.folder))
        .map(|known| known.package.clone())
        .collect())
}

impl Row {
    fn is_pure(&self) -> bool {
        self.layer <= Layer::Product(PURE_LAYER_MAX)
    }

    fn name(&self) -> &'static str {
        self.folder.rsplit('/').next().unwrap_or(self.folder)
    }

    fn may_use(&self, other: &Row) -> bool {
        self.may_use.iter().any(|allowed| match *allowed {
            UpTo(layer) => other.layer <= Layer::Product(layer),
            Only(name) => other.name() == name,
            All => true,
        })
    }
}

/// A crate of the workspace as far as the checks look at it.
#[derive(Debug)]
struct Crate {
    package: String,
    folder: String,
    dependencies: Vec<Dependency>,
    /// Text of `src/lib.rs`; empty for a crate without a library.
    lib: String,
}

#[derive(Debug)]
struct Dependency {
    package: String,
    kind: DependencyKind,
}

fn read_crates(workspace: &Workspace) -> Result<Vec<Crate>> {
    let packages = workspace.metadata().packages.iter();
    packages.map(|package| read_crate(workspace, package)).collect()
}

fn read_crate(workspace: &Workspace, package: &Package) -> Result<Crate> {
    let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
    let lib = folder.join("src/lib.rs");
    Ok(Crate {
        package: package.name.to_string(),
        folder: folder.as_std_path().strip_prefix(workspace.root())?.to_string_lossy().into_owned(),
        dependencies: package
            .dependencies
            .iter()
            .map(|found| Dependency { package: found.name.clone(), kind: found.kind })
            .collect(),
        lib: if lib.exists() { fs::read_to_string(lib)? } else { String::new() },
    })
}

fn top_level_entries(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace.root())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.') && name != "target");
    names.sort();
    Ok(names)
}
