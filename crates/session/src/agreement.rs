//! Whether all hold the same: who names another nonce set than ours, and who holds what we hold. Who
//! told each something else is found here, even when the session was signed all the same.

use alloc::vec::Vec;
use core::mem;

use ensign_primitives::SignerIndex;

use crate::{VIEW_QUESTIONS_MIN, attempt::Attempt};

/// How we stand with each signer, in key order.
#[derive(Debug)]
pub(crate) struct Agreement {
    /// Whether anybody was seen to hold something else.
    broken: bool,
    with: Vec<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// Whether it has named another nonce set than ours.
    names_another: bool,
    /// How often it was asked for what stands behind that.
    asked: u32,
    /// What it named as the digest of what it holds, when it was last done.
    held: Option<[u8; 32]>,
    /// After the end: whether it holds what we hold.
    agrees: bool,
}

impl Agreement {
    /// Nobody has named anything yet.
    pub(crate) fn new(attempt: &Attempt) -> Self {
        let with = attempt.signers().map(|_| Standing::default()).collect();
        Self { broken: false, with }
    }

    /// Somebody holds something else than we do.
    pub(crate) const fn note_difference(&mut self) {
        self.broken = true;
    }

    /// Returns whether anybody was seen to hold something else.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// A signer names another nonce set than ours; returns whether that is new.
    pub(crate) fn names_another(&mut self, signer: SignerIndex) -> bool {
        let Some(standing) = self.get_mut(signer) else { return false };
        let first = !mem::replace(&mut standing.names_another, true);
        self.broken |= first;
        first
    }

    /// A signer is asked what it holds: counted, if it names another nonce set than ours.
    pub(crate) fn note_question(&mut self, signer: SignerIndex) {
        if let Some(standing) = self.get_mut(signer).filter(|it| it.names_another) {
            standing.asked = standing.asked.saturating_add(1);
        }
    }

    /// Returns whom of `others` we have asked often enough, and in vain, for what stands behind its nonce
    /// set; with them whether there is anybody whom we have not.
    pub(crate) fn unshown(&self, others: &[SignerIndex]) -> (Vec<SignerIndex>, bool) {
        let naming = |who: &SignerIndex| self.get(*who).is_some_and(|it| it.names_another);
        let asked = |who: &SignerIndex| {
            self.get(*who).is_some_and(|standing| standing.asked >= VIEW_QUESTIONS_MIN)
        };
        let naming: Vec<_> = others.iter().copied().filter(naming).collect();
        let unshown: Vec<_> = naming.iter().copied().filter(asked).collect();
        let others_wait = unshown.len() < naming.len();
        (unshown, others_wait)
    }

    /// A signer that is done names the digest of what it holds.
    pub(crate) fn hear(&mut self, signer: SignerIndex, held: [u8; 32]) {
        if let Some(standing) = self.get_mut(signer) {
            standing.held = Some(held);
        }
    }

    /// Holds what others have named when they were done against what we hold now.
    pub(crate) fn weigh(&mut self, ours: [u8; 32]) {
        for standing in &mut self.with {
            if let Some(theirs) = standing.held {
                standing.agrees = theirs == ours;
            }
        }
    }

    /// A signer's view was compared with ours.
    pub(crate) fn settle(&mut self, signer: SignerIndex, agrees: bool) {
        if let Some(standing) = self.get_mut(signer) {
            standing.agrees = agrees;
        }
    }

    /// Something new came: whom we agreed with may hold something else.
    pub(crate) fn reopen(&mut self) {
        for standing in &mut self.with {
            standing.agrees = false;
        }
    }

    /// Returns whether a signer holds what we hold.
    pub(crate) fn agrees(&self, signer: SignerIndex) -> bool {
        self.get(signer).is_some_and(|standing| standing.agrees)
    }

    fn get(&self, signer: SignerIndex) -> Option<&Standing> {
        self.with.get(signer.as_usize())
    }

    fn get_mut(&mut self, signer: SignerIndex) -> Option<&mut Standing> {
        self.with.get_mut(signer.as_usize())
    }
}
