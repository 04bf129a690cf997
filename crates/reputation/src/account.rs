//! What is held of one node.

use alloc::{collections::VecDeque, vec::Vec};

use ensign_primitives::UnixTime;
use serde::{Deserialize, Serialize};

use crate::{
    CAUSES_MAX, Cause, CauseKind, Mark, SCORE_MAX, SCORE_MIN, SILENCE_FADES,
    fading::{Fading, HalfLife, MILLI, NOTHING},
};

/// Most proofs of one node that are remembered. Guess: two make the worst score, and whoever shows more has
/// nothing left to lose; the oldest gives way.
pub const PROOFS_MAX: usize = 8;

/// Most thousandths of points of one kind.
const POINTS_MAX: u32 = SCORE_MAX.unsigned_abs() * MILLI;

/// What the user says of a node. Stores name a variant by its position: none moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Word {
    /// No connection with it, whoever it is.
    Banned,
    /// Let in whatever its score is.
    Trusted,
}

/// What is held of one node, as it is kept across a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub(crate) word: Option<(Word, UnixTime)>,
    good: Fading,
    offenses: Fading,
    proven: Fading,
    silence: Fading,
    proofs: VecDeque<[u8; 32]>,
    /// The newest first.
    causes: VecDeque<Cause>,
}

impl Account {
    /// Takes a mark; `false` if it was there already.
    pub(crate) fn mark(&mut self, now: UnixTime, mark: Mark, cause: Cause) -> bool {
        let points = mark.score().unsigned_abs() * MILLI;
        match mark {
            Mark::Good => self.good.add(now, HalfLife::MONTH, points, POINTS_MAX),
            Mark::Offense => self.offenses.add(now, HalfLife::DAY, points, POINTS_MAX),
            Mark::Unresponsive => {
                self.silence.add_evenly(now, SILENCE_FADES, (points, POINTS_MAX));
            }
            Mark::Proof(digest) if self.proofs.contains(&digest) => return false,
            Mark::Proof(digest) => {
                if self.proofs.len() >= PROOFS_MAX {
                    self.proofs.pop_front();
                }
                self.proofs.push_back(digest);
                self.proven.add(now, HalfLife::MONTH, points, POINTS_MAX);
            }
        }
        self.explain(cause);
        true
    }

    fn explain(&mut self, mut cause: Cause) {
        if let Some(at) = self.causes.iter().position(|earlier| earlier.is_like(&cause))
            && let Some(earlier) = self.causes.remove(at)
        {
            cause.add(&earlier);
        }
        self.causes.push_front(cause);
        if self.causes.len() > CAUSES_MAX {
            // What convicts it explains it for as long as it counts: the last such cause is kept.
            let proof = self.causes.iter().position(|cause| cause.kind == CauseKind::Proof);
            let is_last = proof == Some(CAUSES_MAX);
            self.causes.remove(CAUSES_MAX.saturating_sub(is_last.into()));
        }
    }

    /// Returns what the node has earned, in points; the user's word aside.
    pub(crate) fn earned(&self, now: UnixTime) -> i32 {
        let good = i64::from(self.good.at(now, HalfLife::MONTH));
        let bad = i64::from(self.offenses.at(now, HalfLife::DAY))
            + i64::from(self.proven.at(now, HalfLife::MONTH));
        let mut milli = good - bad;
        if milli > 0 {
            let silence = i64::from(self.silence.at_evenly(now, SILENCE_FADES));
            milli = (milli - silence).max(0);
        }
        let half = i64::from(NOTHING) * milli.signum();
        let points = i32::try_from((milli + half) / i64::from(MILLI)).unwrap_or(SCORE_MIN);
        let most = if self.is_proven() { -1 } else { SCORE_MAX };
        points.clamp(SCORE_MIN, most)
    }

    /// Returns how the node stands, in points: what it has earned, unless our user has said otherwise.
    pub(crate) fn score(&self, now: UnixTime) -> i32 {
        match self.word {
            Some((Word::Banned, _)) => SCORE_MIN,
            Some((Word::Trusted, _)) => SCORE_MAX,
            None => self.earned(now),
        }
    }

    pub(crate) fn is_banned(&self) -> bool {
        matches!(self.word, Some((Word::Banned, _)))
    }

    pub(crate) fn is_proven(&self) -> bool {
        !self.proofs.is_empty()
    }

    pub(crate) fn has_merits(&self) -> bool {
        self.good != Fading::default()
    }

    /// Returns whether nothing is held against the node or for it any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.word.is_none() && self.causes.is_empty()
    }

    /// Returns when proven lies are forgotten, but that they were.
    pub(crate) fn proven_until(&self) -> UnixTime {
        self.proven.gone_at(HalfLife::MONTH)
    }

    pub(crate) fn good_until(&self) -> UnixTime {
        self.good.gone_at(HalfLife::MONTH)
    }

    pub(crate) fn offends_until(&self) -> UnixTime {
        let silent_until = self.silence.gone_evenly_at(SILENCE_FADES);
        self.offenses.gone_at(HalfLife::DAY).max(silent_until)
    }

    pub(crate) fn causes(&self) -> Vec<Cause> {
        self.causes.iter().cloned().collect()
    }

    /// Takes what a store has kept, within the limits.
    pub(crate) fn restored(mut self, now: UnixTime) -> Self {
        self.proofs.truncate(PROOFS_MAX);
        self.causes.truncate(CAUSES_MAX);
        for fading in [&mut self.good, &mut self.offenses, &mut self.proven, &mut self.silence] {
            fading.not_after(now);
        }
        self
    }
}
