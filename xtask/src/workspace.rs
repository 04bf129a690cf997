//! Where the workspace lies, and what cargo says about it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// The workspace as `cargo metadata --no-deps` reports it.
#[derive(Debug)]
pub(crate) struct Workspace {
    metadata: Metadata,
}

impl Workspace {
    /// Finds the workspace that this program was built from.
    ///
    /// # Errors
    ///
    /// Fails if a manifest does not parse, or if `Cargo.lock` is missing or out of date.
    pub(crate) fn locate() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
            .no_deps()
            .exec()
            .context("cannot read the workspace")?;
        Ok(Self { metadata })
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    pub(crate) fn target_dir(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The manifest of the package that holds the fuzz targets.
    pub(crate) fn fuzz_manifest(&self) -> PathBuf {
        self.root().join("fuzz/Cargo.toml")
    }

    /// The manifest of the package that proves that the pure crates link without `std`.
    pub(crate) fn probe_manifest(&self) -> PathBuf {
        self.root().join("xtask/no_std_probe/Cargo.toml")
    }

    /// A call of the cargo that runs us, in the root, sharing one target folder.
    ///
    /// The excluded packages (`fuzz`, the probe) would otherwise build every dependency again in a
    /// folder of their own.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(self.root()).env("CARGO_TARGET_DIR", self.target_dir());
        command.args(arguments);
        command
    }
}
