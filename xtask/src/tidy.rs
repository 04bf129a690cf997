//! Habits that neither rustfmt nor clippy checks.

mod bounds;
mod machines;
mod pages;
mod source;
mod walls;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::lock;
use crate::workspace::Workspace;

/// Folders that hold no text of ours: build output, fuzz inputs and crashes.
const SKIPPED: &[&str] = &["artifacts", "corpus", "coverage", "target"];

/// Checks every Rust file, every page, and the lock files outside the workspace.
///
/// # Errors
///
/// Fails with one line per finding, `file:line: what`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root = workspace.root();
    let files = files_below(root)?;
    let mut findings = lock::drift(workspace)?;
    let mut checked = 0_usize;
    let (mut sources, mut listed) = (Vec::new(), Vec::new());
    for file in &files {
        let path = file.strip_prefix(root)?.to_string_lossy().into_owned();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => {
                let text = read(file)?;
                findings.extend(source::check(&path, &text));
                sources.push((path, text));
            }
            Some("md") => {
                findings.extend(pages::check(root, &path, &read(file)?));
                listed.push(path);
            }
            _ => continue,
        }
        checked += 1;
    }
    findings.extend(pages::check_contents(&read(&root.join("docs/README.md"))?, &listed));
    findings.extend(bounds::check(&read(&root.join("docs/architecture.md"))?, &sources));
    findings.extend(machines::check(&sources));
    findings.extend(walls::check(&sources));
    findings.extend(source::stale_allowances(root)?);
    if !findings.is_empty() {
        bail!("{}", findings.join("\n"));
    }
    println!("{checked} files are tidy");
    Ok(())
}

/// Every file below `folder` in name order, dot-files and [`SKIPPED`] folders aside.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type()?.is_dir();
        if name.starts_with('.') || is_folder && SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if is_folder {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
