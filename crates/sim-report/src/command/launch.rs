//! What every command that runs something needs: threads, the commit, a clock, a folder.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// Real time since the start of something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "how long people wait; no run depends on it")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(super) fn millis(self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The number of threads that was asked for, or one for each core.
pub(super) fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)).max(1)
}

/// The commit that is checked out, where git and a repository are there to tell.
pub(super) fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]);
    let output = git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}

/// Makes a folder and proves that files can be written there, so that no run is lost for it.
pub(super) fn claim(folder: &Path) -> Result<()> {
    let cannot = || format!("cannot write to {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    let probe = folder.join(".probe");
    File::create(&probe).with_context(cannot)?;
    fs::remove_file(&probe).with_context(cannot)
}

/// How often a run is sampled: often enough for a smooth plot, and to stop soon after Ctrl-C.
pub(super) fn sample_every(length: Duration) -> Duration {
    (length / SAMPLES).max(Duration::from_millis(10))
}

/// Samples of a run: more than a plot has room to show apart.
const SAMPLES: u32 = 300;
