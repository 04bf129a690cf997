//! What is told of a node.

use alloc::vec::Vec;
use core::fmt;

use ensign_primitives::UnixTime;

use crate::{Cause, Word};

/// Why a node stands as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// How it stands, in points, by the user's word or by what it has earned.
    pub score: i32,
    /// What it has earned, in points.
    pub earned: i32,
    /// What the user has said of it, and when.
    pub word: Option<(Word, UnixTime)>,
    /// Whether it was ever convicted by its own signatures.
    pub is_proven: bool,
    /// The last causes, the newest first, at most [`CAUSES_MAX`](crate::CAUSES_MAX).
    pub causes: Vec<Cause>,
}

/// Why a node is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// Our user has banned it.
    Banned,
    /// It is none of ours, and its score is below the least that is let in.
    BelowMinimum {
        /// Its score, in points.
        score: i32,
    },
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Banned => f.write_str("you have banned it"),
            Self::BelowMinimum { score } => {
                write!(f, "its score, {score}, is below the least that is let in")
            }
        }
    }
}
