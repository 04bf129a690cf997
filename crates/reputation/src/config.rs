//! The numbers, and the one that is a setting.

use core::{ops::RangeInclusive, time::Duration};

/// What a session that a node helped to finish is worth. Specification: +1.
pub const SCORE_OF_GOOD: i32 = 1;

/// What an offense against the protocol costs. Specification: -5.
pub const SCORE_OF_OFFENSE: i32 = -5;

/// What it costs not to answer; only ever what was earned above neutral. Specification: -10.
pub const SCORE_OF_SILENCE: i32 = -10;

/// What a proven lie costs. Specification: -50.
pub const SCORE_OF_PROOF: i32 = -50;

/// The best score. Guess: as much as two proven lies cost, so that no stock of good deeds outweighs one
/// for long.
pub const SCORE_MAX: i32 = 100;

/// The worst score, and that of whom our user has banned. Guess: two proven lies; more change nothing.
pub const SCORE_MIN: i32 = -100;

/// Until when silence is forgotten, in equal steps. Design: gone in a day.
pub const SILENCE_FADES: Duration = Duration::from_secs(24 * 60 * 60);

/// Default of [`Config::min_peer_reputation`]: four offenses, as many as end a connection. Guess: one
/// or two happen to programs of another version.
pub const MINIMUM: i32 = -20;

/// What [`Config::min_peer_reputation`] may be: above neutral nobody who is new could come in, an invited
/// one neither.
pub const MINIMUM_RANGE: RangeInclusive<i32> = SCORE_MIN..=0;

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Score below which a node that is none of ours, and that nobody wants, is not let in; points, within
    /// [`MINIMUM_RANGE`].
    pub min_peer_reputation: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self { min_peer_reputation: MINIMUM }
    }
}

/// Why a minimum is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "min_peer_reputation is {seen}; it is a score from {} to {}",
    MINIMUM_RANGE.start(),
    MINIMUM_RANGE.end()
)]
pub struct MinimumError {
    /// What was set, in points.
    pub seen: i32,
}

impl Config {
    /// Takes a setting if it is within its range.
    ///
    /// # Errors
    ///
    /// [`MinimumError`] when it is not.
    pub fn with_minimum(min_peer_reputation: i32) -> Result<Self, MinimumError> {
        if MINIMUM_RANGE.contains(&min_peer_reputation) {
            Ok(Self { min_peer_reputation })
        } else {
            Err(MinimumError { seen: min_peer_reputation })
        }
    }
}
