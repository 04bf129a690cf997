//! Where words go: results to standard output, progress and warnings to standard error.

use std::io::{self, IsTerminal as _, Write};

/// The two streams of a program.
pub(crate) struct Console<'a> {
    /// For results.
    pub(super) out: Box<dyn Write + 'a>,
    /// For progress.
    pub(super) err: Box<dyn Write + 'a>,
    /// Whether somebody watches the progress, so that one line can be written over and over.
    pub(super) is_watched: bool,
}

impl Console<'_> {
    /// Returns the streams of this process.
    pub(crate) fn standard() -> Self {
        Self {
            // Buffered: a replay prints hundreds of thousands of lines.
            out: Box::new(io::BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            is_watched: io::stderr().is_terminal(),
        }
    }
}

impl Drop for Console<'_> {
    fn drop(&mut self) {
        // Reported by `flush` where a command ends; here it is too late to matter.
        let _late = self.out.flush();
    }
}
