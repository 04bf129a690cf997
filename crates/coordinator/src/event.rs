//! What a coordinator reports, as typed events.

use std::{sync::Arc, time::Duration};

use ensign_equivocation::Evidence;
use ensign_identity::SignerKey;
use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex};
use ensign_psbt::{SignedPsbt, Summary};
use ensign_session::Phase;
use ensign_wire::{Mode, SignedRequest};

use crate::Problem;

mod class;
mod stream;
pub use stream::Events;
pub(crate) use stream::{Publisher, Subscriptions};

/// Something that happened. `who` is a signer's position in the request's key order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A member of one of our groups is connected.
    PeerUp {
        /// Its node.
        peer: PeerId,
        /// How far its clock is ahead of ours, in milliseconds; 0 too when it told none, which it
        /// does while it does not know that we share a group.
        clock_offset_millis: i64,
    },
    /// A member's connection is gone; it is dialled again.
    PeerDown {
        /// Its node.
        peer: PeerId,
        /// Whether it said that it stops; otherwise the connection broke, or either side closed it
        /// for another reason.
        has_stopped: bool,
    },
    /// A member cannot be reached now; it is dialled again.
    DialFailed {
        /// Its node.
        peer: PeerId,
        /// Why, naming the address.
        reason: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// Another signer asks us to sign: show the approval and answer with
    /// [`Coordinator::approve`](crate::Coordinator::approve) or
    /// [`Coordinator::decline`](crate::Coordinator::decline).
    Approval(Box<Approval>),
    /// A request to which our user had consented before a restart goes on, in a fresh attempt.
    Resumed(Box<Resumption>),
    /// Signatures that were made before a restart, and that nobody said they have
    /// ([`Coordinator::received`](crate::Coordinator::received)). Told when the group is joined.
    Recovered {
        /// The request.
        request: RequestId,
        /// The group that signed.
        group: GroupId,
        /// The result; the PSBT without the others' nonces and partial signatures.
        outcome: Box<Outcome>,
    },
    /// An attempt at a request began.
    Attempt {
        /// The request.
        request: RequestId,
        /// Which attempt, from 1.
        attempt: u16,
        /// Whose node began it, because it restarted or its wait was over; `None` for us.
        opened_by: Option<SignerIndex>,
    },
    /// A signer's node has the request and waits for its user.
    Acknowledged {
        /// The request.
        request: RequestId,
        /// The signer.
        who: SignerIndex,
    },
    /// A signer consented.
    Joined {
        /// The request.
        request: RequestId,
        /// The signer.
        who: SignerIndex,
    },
    /// A signer's nonces are here.
    Revealed {
        /// The request.
        request: RequestId,
        /// The signer.
        who: SignerIndex,
    },
    /// Mode strict: a signer confirmed the nonce set.
    Confirmed {
        /// The request.
        request: RequestId,
        /// The signer.
        who: SignerIndex,
    },
    /// A signer's partial signatures are here.
    Signed {
        /// The request.
        request: RequestId,
        /// The signer.
        who: SignerIndex,
    },
    /// A signer holds the final signatures too. Told once ours are durable: who has heard it of everybody
    /// may leave.
    PeerDone {
        /// The request.
        request: RequestId,
        /// The signer.
        who: SignerIndex,
    },
    /// The session moved on.
    Phase {
        /// The request.
        request: RequestId,
        /// Where it is now.
        phase: Phase,
    },
    /// The session waits for these signers.
    Waiting {
        /// The request.
        request: RequestId,
        /// Whom for.
        on: Vec<SignerIndex>,
        /// How long already.
        since: Duration,
    },
    /// These signers' nodes have not even acknowledged the request.
    Unreachable {
        /// The request.
        request: RequestId,
        /// Whose nodes.
        who: Vec<SignerIndex>,
    },
    /// An attempt failed; another follows by itself. The last one gives a
    /// [`Failed`](Self::Failed) instead.
    AttemptFailed {
        /// The request.
        request: RequestId,
        /// What went wrong.
        problem: Box<Problem>,
    },
    /// The request is over without a signature.
    Failed {
        /// The request.
        request: RequestId,
        /// What went wrong.
        problem: Box<Problem>,
        /// The proof, where somebody is convicted.
        evidence: Option<Box<Evidence>>,
    },
    /// The signatures are here and verify. May follow a failure: a signature that exists outranks
    /// it.
    Done {
        /// The request.
        request: RequestId,
        /// The result.
        outcome: Box<Outcome>,
    },
    /// A signer is convicted by its own signatures; the proof verifies offline. A warning says so
    /// in words. If it ended a request, the failure carries the same proof.
    Convicted {
        /// Its node.
        peer: PeerId,
        /// The proof.
        evidence: Box<Evidence>,
        /// Under which name the proof is kept as a file for others
        /// ([`Records::cases`](crate::Records::cases)); `None` when it could not be.
        case: Option<[u8; 32]>,
    },
    /// A peer did wrong, or something is worth a line in a log.
    Warning {
        /// The node, where there is one.
        peer: Option<PeerId>,
        /// What happened.
        problem: Box<Problem>,
    },
}

/// A request that waits for our user's decision. Everything in it was checked, except what
/// [`Approval::is_blind`] says.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The request.
    pub id: RequestId,
    /// The group that shall sign.
    pub group: GroupId,
    /// What is asked, signed by its creator.
    pub request: Arc<SignedRequest>,
    /// What the PSBT spends and pays, recomputed here; `None` for bare messages.
    pub summary: Option<Box<Summary>>,
}

impl Approval {
    /// Returns whether the meaning of what is signed cannot be checked.
    pub const fn is_blind(&self) -> bool {
        self.summary.is_none()
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
}

/// A request that goes on after a restart.
#[derive(Clone, Debug)]
pub struct Resumption {
    /// What goes on; our user has consented to it.
    pub approval: Approval,
    /// The attempt that the restart has ended; `None` when none was joined.
    pub lost: Option<LostAttempt>,
}

/// An attempt that a restart has ended. Its nonces were only in the memory of the process that is
/// gone, and it is never joined again: no nonce of it can meet a second challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostAttempt {
    /// Which one, from 1.
    pub attempt: u16,
    /// How far it came.
    pub reached: Reached,
}

/// How far an attempt came before a restart ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It was joined; its nonces were never used.
    Joined,
    /// Its nonces count as used: a partial signature may have been made, and none has left.
    Burned,
    /// Our partial signatures are kept and are sent again as they are: the others may need nothing
    /// more. If they do, the next attempt begins.
    Signed,
}

/// A finished request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One BIP340 signature per message, in order, each verified.
    pub signatures: Vec<[u8; 64]>,
    /// The signed PSBT; `None` for bare messages.
    pub psbt: Option<SignedPsbt>,
}
