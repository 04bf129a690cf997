//! Names of what has no name of its own.

use ensign_session::Phase;
use ensign_wire::Mode;

/// Returns the name of a mode.
pub const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Fast => "fast",
        Mode::Committed => "committed",
        Mode::Strict => "strict",
    }
}

/// Returns the mode with a name.
pub fn mode_named(name: &str) -> Option<Mode> {
    [Mode::Fast, Mode::Committed, Mode::Strict].into_iter().find(|mode| mode_name(*mode) == name)
}

/// Returns the name of a phase.
pub const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Gathering => "gathering",
        Phase::Committing => "committing",
        Phase::Revealing => "revealing",
        Phase::Signing => "signing",
        Phase::Complete => "complete",
        Phase::Aborted => "aborted",
    }
}
