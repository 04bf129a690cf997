//! The commands that show a part of a run again.

use std::path::Path;

/// Hex digits of a request that are enough to name it within a run.
const REQUEST_DIGITS: usize = 8;

/// Makes commands about the run of one folder.
#[derive(Debug)]
pub(crate) struct Replay {
    folder: String,
}

impl Replay {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: quoted(&folder.to_string_lossy()) }
    }

    /// The whole run.
    pub(crate) fn whole(&self) -> String {
        format!("cargo xtask sim replay {}", self.folder)
    }

    /// Everything about one request.
    pub(crate) fn request(&self, request: &str) -> String {
        let digits: String = request.chars().take(REQUEST_DIGITS).collect();
        format!("{} --request {}", self.whole(), quoted(&digits))
    }

    /// Every request of one intent, and what befell its signers.
    pub(crate) fn intent(&self, intent: u32) -> String {
        format!("{} --intent {intent}", self.whole())
    }

    /// One node, from and until a moment in microseconds; widened to whole milliseconds.
    pub(crate) fn node(&self, node: u32, from: u64, until: u64) -> String {
        let (from, until) = (from / 1000, until.div_ceil(1000).max(from / 1000 + 1));
        format!("{} --node {node} --from {from}ms --to {until}ms", self.whole())
    }
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
