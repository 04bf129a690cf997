//! What was said in an attempt, for those who must show it to strangers.

use ensign_identity::DelegationProof;
use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{AbortReason, Body, Envelope, SessionAbort, Slot};

use crate::{Session, course::Aborted};

impl Session {
    /// Returns the delegation that a signer's join carried: that its key lets its node speak.
    /// `None` before the join, and for ourselves.
    pub fn delegation_of(&self, signer: SignerIndex) -> Option<DelegationProof> {
        let peer = self.attempt.peer_of(signer)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the slot of joins holds joins")]
        match self.statements.get(&peer, Slot::Join)?.body() {
            Body::SessionJoin(join) => Some(join.delegation),
            _ => None,
        }
    }

    /// Signs that we waited for a signer in vain, for whoever is shown it later; says it to nobody. Its
    /// number is the next of what we say in this session.
    pub fn report(
        &mut self,
        now: Now,
        reason: AbortReason,
        culprit: SignerIndex,
    ) -> Option<Envelope> {
        let body = Body::SessionAbort(SessionAbort { reason, culprit: Some(culprit) });
        self.voice.sign(now, &self.attempt, body)
    }

    /// Returns the signed words with which another signer ended the attempt.
    pub fn ended_by(&self) -> Option<&Envelope> {
        match self.course.aborted() {
            Some(Aborted::ByPeer(envelope)) => Some(envelope),
            Some(Aborted::ByUs(_)) | None => None,
        }
    }
}
