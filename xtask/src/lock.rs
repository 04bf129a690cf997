//! The lock files of the packages outside the workspace follow the root's.
//!
//! `fuzz` and the no_std probe build our crates with lock files of their own. If those drifted, the
//! replay and the bare build would test other versions than the ones that ship.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// Rewrites both lock files from the root's, then lets cargo drop and add what differs.
///
/// # Errors
///
/// Fails if a file cannot be written or cargo cannot resolve a manifest.
pub(crate) fn carry_versions(workspace: &Workspace) -> Result<()> {
    for manifest in [workspace.fuzz_manifest(), workspace.probe_manifest()] {
        fs::copy(workspace.root().join("Cargo.lock"), lock_of(&manifest))?;
        process::run(
            workspace.cargo(&["update", "--quiet", "--workspace", "--manifest-path"]).arg(manifest),
        )?;
    }
    Ok(())
}

/// Packages whose version in a lock file outside the workspace is unknown to the root's.
pub(crate) fn drift(workspace: &Workspace) -> Result<Vec<String>> {
    let root = read_versions(&workspace.root().join("Cargo.lock"))?;
    let mut findings = Vec::new();
    for manifest in [workspace.fuzz_manifest(), workspace.probe_manifest()] {
        let lock = lock_of(&manifest);
        let shown = lock.strip_prefix(workspace.root())?.display().to_string();
        let drifted = drifted(&root, &read_versions(&lock)?);
        findings.extend(drifted.iter().map(|package| {
            format!("{shown}: {package} differs from Cargo.lock; run `cargo xtask lock`")
        }));
    }
    Ok(findings)
}

fn lock_of(manifest: &Path) -> PathBuf {
    manifest.with_file_name("Cargo.lock")
}

fn read_versions(lock: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let text =
        fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    Ok(versions(&text))
}

/// The versions of each package in a lock file, where a `version` line follows each `name` line.
fn versions(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut versions = BTreeMap::<String, BTreeSet<String>>::new();
    let mut package = "";
    for line in lock.lines() {
        if let Some(name) = quoted(line, "name = ") {
            package = name;
        } else if let Some(version) = quoted(line, "version = ") {
            versions.entry(package.to_owned()).or_default().insert(version.to_owned());
        }
    }
    versions
}

fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix('"')?.strip_suffix('"')
}

/// `package version` for what `root` holds in other versions only; what it lacks is no drift.
fn drifted(
    root: &BTreeMap<String, BTreeSet<String>>,
    other: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (package, versions) in other {
        let Some(known) = root.get(package) else { continue };
        found.extend(versions.difference(known).map(|version| format!("{package} {version}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "\
version = 4

[[package]]
name = \"serde\"
version = \"1.0.1\"

[[package]]
name = \"rand\"
version = \"0.8.0\"

[[package]]
name = \"rand\"
version = \"0.9.0\"
";

    fn check(other: &str, expected: &[&str]) {
        assert_eq!(drifted(&versions(ROOT), &versions(other)), expected);
    }

    #[test]
    fn one_of_several_versions_is_no_drift() {
        check("name = \"rand\"\nversion = \"0.9.0\"\n", &[]);
    }

    #[test]
    fn a_package_that_only_the_other_has_is_no_drift() {
        check("name = \"libfuzzer-sys\"\nversion = \"0.4.0\"\n", &[]);
    }

    #[test]
    fn another_version_of_a_shipped_package_is_drift() {
        check("name = \"serde\"\nversion = \"1.0.2\"\n", &["serde 1.0.2"]);
    }
}
