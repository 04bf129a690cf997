//! What was said in an attempt, for those who must show it to strangers.

use ensign_identity::DelegationProof;
use ensign_primitives::SignerIndex;
use ensign_wire::{Body, Envelope, Slot};

use crate::{Session, session::Aborted};

impl Session {
    /// Returns the delegation that a signer's join carried: that its key lets its node speak.
    /// `None` before the join, and for ourselves.
    pub fn delegation_of(&self, signer: SignerIndex) -> Option<DelegationProof> {
        let peer = self.peer_of(signer)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the slot of joins holds joins")]
        match self.statements.get(&peer, Slot::Join)?.body() {
            Body::SessionJoin(join) => Some(join.delegation),
            _ => None,
        }
    }

    /// Returns the signed words with which another signer ended the attempt.
    pub fn ended_by(&self) -> Option<&Envelope> {
        match &self.abort {
            Some(Aborted::ByPeer(envelope)) => Some(envelope),
            Some(Aborted::ByUs(_)) | None => None,
        }
    }
}
