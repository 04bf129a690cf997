//! Whether those to whom we are connected show the same world as others do.

use alloc::{collections::BTreeSet, vec::Vec};

use ensign_primitives::PeerId;

use crate::{VIEWS_APART, VIEWS_SHARED_MIN};

/// Nodes of a walk that count.
const NEAREST: usize = 20;

/// The comparisons so far.
#[derive(Debug, Default)]
pub(crate) struct Views {
    round: u64,
    is_waiting: bool,
    apart: u8,
}

impl Views {
    /// Begins a comparison and returns its number.
    pub(crate) fn begin(&mut self) -> u64 {
        self.round = self.round.saturating_add(1);
        self.is_waiting = true;
        self.round
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Returns whether the views have disagreed so often that it means something.
    pub(crate) const fn are_apart(&self) -> bool {
        self.apart >= VIEWS_APART
    }

    /// Judges a comparison. Where the others found too few to say anything, nothing changes: they may be away.
    pub(crate) fn end(&mut self, round: u64, near: &[PeerId], apart: &[PeerId]) {
        if !self.is_waiting || round != self.round {
            return;
        }
        self.is_waiting = false;
        let near: BTreeSet<_> = near.iter().take(NEAREST).collect();
        let apart: Vec<_> = apart.iter().take(NEAREST).collect();
        if apart.len() < VIEWS_SHARED_MIN {
            return;
        }
        let shared = apart.iter().filter(|peer| near.contains(*peer)).count();
        self.apart = if shared < VIEWS_SHARED_MIN { self.apart.saturating_add(1) } else { 0 };
    }
}
