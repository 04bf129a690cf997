//! What a request asks for, as its user has to see it, and what came of it.

use std::sync::Arc;

use ensign_identity::SignerKey;
use ensign_ledger::{Handle, LostAttempt};
use ensign_primitives::RequestId;
use ensign_psbt::{ConsentDigest, Note, Rule, Severity, Summary};
use ensign_wire::{Mode, SignedRequest};

use crate::{GroupInfo, RequestRef};

/// What a request asks for. Everything in it was checked, except what [`Approval::is_blind`] says.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The request.
    pub id: RequestId,
    /// Its name in this home.
    pub handle: Option<Handle>,
    /// The group that shall sign.
    pub group: Arc<GroupInfo>,
    /// What is asked, signed by its creator.
    pub request: Arc<SignedRequest>,
    /// What the PSBT spends and pays, recomputed here; `None` for bare messages.
    pub summary: Option<Box<Summary>>,
    /// What is remarkable about it, judged when this was made.
    pub notes: Vec<Note>,
    /// What a yes to all of this is given to: see [`Consent`](crate::Consent).
    pub digest: ConsentDigest,
}

impl Approval {
    /// Returns whether the meaning of what is signed cannot be checked.
    pub const fn is_blind(&self) -> bool {
        self.summary.is_none()
    }

    /// Returns whether a note wants more than a yes.
    pub fn is_grave(&self) -> bool {
        self.notes.iter().any(|note| note.severity() == Severity::Grave)
    }

    /// Returns the creator's signer key.
    pub fn creator(&self) -> Option<SignerKey> {
        let request = &self.request.request;
        request.signers.get(request.creator).copied()
    }

    /// Returns how the session will run.
    pub fn mode(&self) -> Mode {
        self.request.request.mode
    }

    /// Returns which request it is.
    pub fn reference(&self) -> RequestRef {
        let (group, creator) = (Arc::clone(&self.group), Some(self.request.peer));
        RequestRef { id: self.id, handle: self.handle, group, creator }
    }
}

/// What a proposal would ask for, judged before anybody hears of it.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The group that shall sign.
    pub group: Arc<GroupInfo>,
    /// What the PSBT spends and pays; `None` for bare messages.
    pub summary: Option<Box<Summary>>,
    /// What is remarkable about it.
    pub notes: Vec<Note>,
    /// What a yes to all of this is given to: see [`Consent`](crate::Consent).
    pub digest: ConsentDigest,
    /// The rule of the policy that refuses it, whoever says yes; `None` when it can be proposed.
    pub refused: Option<Rule>,
}

impl Preview {
    /// Returns whether a note wants more than a yes.
    pub fn is_grave(&self) -> bool {
        self.notes.iter().any(|note| note.severity() == Severity::Grave)
    }
}

/// A request that goes on after a restart.
#[derive(Clone, Debug)]
pub struct Resumption {
    /// What goes on; our user has consented to it.
    pub approval: Approval,
    /// The attempt that the restart has ended; `None` when none was joined.
    pub lost: Option<LostAttempt>,
}
