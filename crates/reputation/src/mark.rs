//! What is noted of a node, and how it is kept to be told.

use alloc::string::{String, ToString};
use core::fmt;

use ensign_primitives::UnixTime;
use serde::{Deserialize, Serialize};

use crate::{SCORE_OF_GOOD, SCORE_OF_OFFENSE, SCORE_OF_PROOF, SCORE_OF_SILENCE};

/// Most causes that are kept of one node, equal ones as one. Design: the last five.
pub const CAUSES_MAX: usize = 5;

/// Most bytes of the words of one cause. Guess: a line on a screen.
pub const WORDS_BYTES_MAX: usize = 96;

/// What this node has seen or verified of another; never what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It helped to finish a session.
    Good,
    /// It broke a rule of the protocol.
    Offense,
    /// It did not answer while we waited for it.
    Unresponsive,
    /// It is convicted by its own signatures. Counts once by this digest, which two proofs of one
    /// misdeed share.
    Proof([u8; 32]),
}

impl Mark {
    /// Returns what it is worth, in points.
    pub const fn score(self) -> i32 {
        match self {
            Self::Good => SCORE_OF_GOOD,
            Self::Offense => SCORE_OF_OFFENSE,
            Self::Unresponsive => SCORE_OF_SILENCE,
            Self::Proof(_) => SCORE_OF_PROOF,
        }
    }

    pub(crate) const fn kind(self) -> CauseKind {
        match self {
            Self::Good => CauseKind::Good,
            Self::Offense => CauseKind::Offense,
            Self::Unresponsive => CauseKind::Unresponsive,
            Self::Proof(_) => CauseKind::Proof,
        }
    }
}

/// Which kind of [`Mark`] a cause was. Stores name a variant by its position: none moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CauseKind {
    /// [`Mark::Good`].
    Good,
    /// [`Mark::Offense`].
    Offense,
    /// [`Mark::Unresponsive`].
    Unresponsive,
    /// [`Mark::Proof`].
    Proof,
}

/// Why a score is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Of which kind.
    pub kind: CauseKind,
    /// In the words of whoever noted it, at most [`WORDS_BYTES_MAX`] bytes.
    pub words: String,
    /// The last time.
    pub at: UnixTime,
    /// How often, those together that are equal but for their numbers.
    pub times: u32,
    /// Points for all of them, before they fade.
    pub weight: i32,
}

impl Cause {
    pub(crate) fn of(mark: Mark, words: &dyn fmt::Display, at: UnixTime) -> Self {
        let mut words = words.to_string();
        while words.len() > WORDS_BYTES_MAX {
            words.pop();
        }
        Self { kind: mark.kind(), words, at, times: 1, weight: mark.score() }
    }

    pub(crate) fn is_like(&self, other: &Self) -> bool {
        // But for numbers, which whoever offends may choose: they would make every cause another one.
        let letters = |it: &'_ Self| -> String {
            it.words.chars().filter(|letter| !letter.is_ascii_digit()).collect()
        };
        self.kind == other.kind && letters(self) == letters(other)
    }

    pub(crate) fn add(&mut self, earlier: &Self) {
        self.times = self.times.saturating_add(earlier.times);
        self.weight = self.weight.saturating_add(earlier.weight);
    }
}
