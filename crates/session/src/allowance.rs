//! How much one signer can make us say: each answer and each showing is counted.

use alloc::vec::Vec;

use ensign_primitives::SignerIndex;

use crate::{ACKS_ANSWERED_MAX, VIEWS_SHARED_MAX, attempt::Attempt};

/// One count for each signer, in key order.
#[derive(Debug)]
pub(crate) struct Allowance(Vec<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Questions, answered or not.
    asked: u32,
    /// How often we have shown it what we hold, or would have.
    shown: u32,
}

impl Allowance {
    /// Nobody has asked anything yet.
    pub(crate) fn new(attempt: &Attempt) -> Self {
        Self(attempt.signers().map(|_| Counts::default()).collect())
    }

    /// Counts a question and tells whether it is answered: [`ACKS_ANSWERED_MAX`] are.
    pub(crate) fn may_answer(&mut self, signer: SignerIndex) -> bool {
        self.count(signer, |counts| &mut counts.asked, ACKS_ANSWERED_MAX)
    }

    /// Counts a showing and tells whether it is within the bound of [`VIEWS_SHARED_MAX`].
    pub(crate) fn may_show(&mut self, signer: SignerIndex) -> bool {
        self.count(signer, |counts| &mut counts.shown, VIEWS_SHARED_MAX)
    }

    /// Returns whether a signer has asked once.
    pub(crate) fn has_asked_once(&self, signer: SignerIndex) -> bool {
        self.0.get(signer.as_usize()).is_some_and(|counts| counts.asked == 1)
    }

    fn count(
        &mut self,
        signer: SignerIndex,
        which: impl FnOnce(&mut Counts) -> &mut u32,
        most: u32,
    ) -> bool {
        self.0.get_mut(signer.as_usize()).map(which).is_some_and(|count| {
            *count = count.saturating_add(1);
            *count <= most
        })
    }
}
