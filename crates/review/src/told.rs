//! What our user is told of a request.

use std::time::Duration;

use ensign_equivocation::Evidence;
use ensign_ledger::Outcome;
use ensign_primitives::SignerIndex;
use ensign_psbt::Note;
use ensign_session::Phase;
use ensign_signing::Wait;

use crate::{Approval, Problem, Resumption};

/// What happened to a request. `who` is a signer's position in the group's key order
/// ([`GroupInfo::name_of`](crate::GroupInfo::name_of)).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RequestEvent {
    /// Another signer asks us to sign, or a yes has become void: show the approval and answer with the
    /// coordinator's `approve` or `decline`. When it comes again for a request, only this one counts.
    Asked(Box<Approval>),
    /// Our user has proposed it.
    Proposed(Box<Approval>),
    /// Our user had consented to it before a restart; it goes on, in a fresh attempt.
    Resumed(Box<Resumption>),
    /// It was signed before a restart, and nobody said that they have the signatures (the
    /// coordinator's `received`). Told when the group is joined.
    Recovered(Box<Outcome>),
    /// The node refuses it by itself, without asking: what it is. The failure that follows says why.
    Refused(Box<Approval>),
    /// What was to be signed is not any more what our user said yes to. Nothing is signed before
    /// another yes: [`Asked`](Self::Asked) follows.
    Voided {
        /// What is new, or graver.
        notes: Vec<Note>,
    },
    /// An attempt began.
    Attempt {
        /// Which attempt, from 1.
        attempt: u16,
        /// Who began it, and why; `None` for us.
        opened_by: Option<Opener>,
    },
    /// A signer's node has the request and waits for its user.
    Acknowledged {
        /// The signer.
        who: SignerIndex,
    },
    /// A signer consented.
    Joined {
        /// The signer.
        who: SignerIndex,
    },
    /// A signer's nonces are here.
    Revealed {
        /// The signer.
        who: SignerIndex,
    },
    /// Mode strict: a signer confirmed the nonce set.
    Confirmed {
        /// The signer.
        who: SignerIndex,
    },
    /// A signer's partial signatures are here.
    Signed {
        /// The signer.
        who: SignerIndex,
    },
    /// A signer holds the final signatures too. Told once ours are durable: who has heard it of everybody
    /// may leave.
    PeerDone {
        /// The signer.
        who: SignerIndex,
    },
    /// The session moved on.
    Phase {
        /// Where it is now.
        phase: Phase,
    },
    /// The session waits for these signers.
    Waiting {
        /// Whom for.
        on: Vec<SignerIndex>,
        /// How long already.
        since: Duration,
    },
    /// What the request waits for before an attempt can begin has changed.
    Wait(Box<Wait>),
    /// Our user has withdrawn a consent; the request is [asked](Self::Asked) about again.
    Withdrawn,
    /// These signers' nodes have not even acknowledged the request.
    Unreachable {
        /// Whose nodes.
        who: Vec<SignerIndex>,
    },
    /// An attempt failed; another follows by itself. The last one gives a
    /// [`Failed`](Self::Failed) instead.
    AttemptFailed {
        /// What went wrong.
        problem: Box<Problem>,
    },
    /// It is over without a signature.
    Failed {
        /// What went wrong.
        problem: Box<Problem>,
        /// The proof, where somebody is convicted.
        evidence: Option<Box<Evidence>>,
    },
    /// The signatures are here and verify. May follow a failure: a signature that exists outranks
    /// it.
    Done {
        /// The result.
        outcome: Box<Outcome>,
    },
}

impl RequestEvent {
    /// Returns what the request asks for, where the event says it.
    pub fn approval(&self) -> Option<&Approval> {
        match self {
            Self::Asked(approval) | Self::Proposed(approval) | Self::Refused(approval) => {
                Some(approval)
            }
            Self::Resumed(resumption) => Some(&resumption.approval),
            Self::Recovered(_)
            | Self::Voided { .. }
            | Self::Attempt { .. }
            | Self::Acknowledged { .. }
            | Self::Joined { .. }
            | Self::Revealed { .. }
            | Self::Confirmed { .. }
            | Self::Signed { .. }
            | Self::PeerDone { .. }
            | Self::Phase { .. }
            | Self::Waiting { .. }
            | Self::Wait(_)
            | Self::Withdrawn
            | Self::Unreachable { .. }
            | Self::AttemptFailed { .. }
            | Self::Failed { .. }
            | Self::Done { .. } => None,
        }
    }
}

/// Who began an attempt that we did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opener {
    /// Whose node.
    pub who: SignerIndex,
    /// Why.
    pub because: Because,
}

/// Why a signer's node began another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Because {
    /// It restarted while it was in the last one.
    Restarted,
    /// The pause after the last one was over there.
    WaitOver,
}
