//! What a coordinator reports, as typed events.

use std::{sync::Arc, time::Duration};

use ensign_equivocation::Evidence;
use ensign_primitives::{GroupId, PeerId, SignerIndex};
use ensign_psbt::Note;
use ensign_session::Phase;

use crate::{GroupInfo, Outcome, Problem, RequestRef};

mod approval;
pub use approval::{Approval, Preview, Resumption};
mod class;
mod stream;
pub use stream::Events;
pub(crate) use stream::{Publisher, Subscriptions};

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The node of a member of one of our groups.
    Peer(PeerId, PeerEvent),
    /// A request. The first event of a request says what it asks for
    /// ([`RequestEvent::approval`]), or that it was signed before; no other comes before that one.
    Request(RequestRef, RequestEvent),
    /// A peer did wrong, or something is worth a line in a log.
    Warning {
        /// The node, where there is one.
        peer: Option<PeerId>,
        /// What happened.
        problem: Box<Problem>,
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
}

impl Event {
    /// Returns which request it is about.
    pub const fn request(&self) -> Option<&RequestRef> {
        match self {
            Self::Request(request, _) => Some(request),
            Self::Peer(..) | Self::Warning { .. } | Self::Convicted { .. } => None,
        }
    }

    /// Returns which group it is about.
    pub const fn group(&self) -> Option<&Arc<GroupInfo>> {
        match self {
            Self::Request(request, _) => Some(&request.group),
            Self::Peer(_, PeerEvent::GroupUnknown { group } | PeerEvent::GroupKnown { group }) => {
                Some(group)
            }
            Self::Peer(..) | Self::Warning { .. } | Self::Convicted { .. } => None,
        }
    }

    /// Returns which node it is about.
    pub const fn peer(&self) -> Option<PeerId> {
        match self {
            Self::Peer(peer, _) | Self::Convicted { peer, .. } => Some(*peer),
            Self::Warning { peer, .. } => *peer,
            Self::Request(..) => None,
        }
    }
}

/// What happened to the connection to a member's node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// It is connected.
    Up {
        /// How far its clock is ahead of ours, in milliseconds; 0 too when it told none, which it
        /// does while it does not know that we share a group.
        clock_offset_millis: i64,
    },
    /// The connection is gone; it is dialled again.
    Down {
        /// Whether it said that it stops; otherwise the connection broke, or either side closed it
        /// for another reason.
        has_stopped: bool,
    },
    /// It cannot be reached now; it is dialled again.
    DialFailed {
        /// Why, naming the address.
        reason: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// It is connected and does not have this group of ours: its user has to form it too.
    GroupUnknown {
        /// Our group.
        group: Arc<GroupInfo>,
    },
    /// It has this group of ours now, which it did not have before.
    GroupKnown {
        /// Our group.
        group: Arc<GroupInfo>,
    },
    /// It is connected and has a group with us that we do not have.
    GroupMissing {
        /// The group's id.
        group: GroupId,
    },
    /// Two processes run with one identity and push each other off: one home was copied, and each
    /// copy may forget what the other has joined.
    Copied {
        /// Which identity.
        whose: Whose,
    },
}

/// Which of two nodes runs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The other one.
    Theirs,
    /// Ours.
    Ours,
}

/// What happened to a request. `who` is a signer's position in the group's key order
/// ([`GroupInfo::name_of`]).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RequestEvent {
    /// Another signer asks us to sign, or a yes has become void: show the approval and answer with
    /// [`Coordinator::approve`](crate::Coordinator::approve) or
    /// [`Coordinator::decline`](crate::Coordinator::decline). When it comes again for a request,
    /// only this one counts.
    Asked(Box<Approval>),
    /// Our user has proposed it.
    Proposed(Box<Approval>),
    /// Our user had consented to it before a restart; it goes on, in a fresh attempt.
    Resumed(Box<Resumption>),
    /// It was signed before a restart, and nobody said that they have the signatures
    /// ([`Coordinator::received`](crate::Coordinator::received)). Told when the group is joined.
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
