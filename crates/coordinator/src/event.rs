//! What a coordinator reports, as typed events.

use std::{sync::Arc, time::Duration};

use ensign_equivocation::Evidence;
use ensign_identity::DelegationProof;
use ensign_primitives::{GroupId, PeerId};

use crate::{GroupInfo, Problem, RequestEvent, RequestRef};

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
    /// A group that forms.
    Formation(Box<ensign_engine::formation::Event>),
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
    /// Our signer key lets our node speak under this delegation from here on; whoever keeps it is asked for
    /// no other at the next start.
    Delegated(DelegationProof),
}

impl Event {
    /// Returns which request it is about.
    pub const fn request(&self) -> Option<&RequestRef> {
        match self {
            Self::Request(request, _) => Some(request),
            Self::Peer(..)
            | Self::Formation(_)
            | Self::Warning { .. }
            | Self::Convicted { .. }
            | Self::Delegated(_) => None,
        }
    }

    /// Returns which group it is about.
    pub const fn group(&self) -> Option<&Arc<GroupInfo>> {
        match self {
            Self::Request(request, _) => Some(&request.group),
            Self::Peer(_, PeerEvent::GroupUnknown { group } | PeerEvent::GroupKnown { group }) => {
                Some(group)
            }
            Self::Peer(..)
            | Self::Formation(_)
            | Self::Warning { .. }
            | Self::Convicted { .. }
            | Self::Delegated(_) => None,
        }
    }

    /// Returns which node it is about.
    pub const fn peer(&self) -> Option<PeerId> {
        match self {
            Self::Peer(peer, _) | Self::Convicted { peer, .. } => Some(*peer),
            Self::Warning { peer, .. } => *peer,
            Self::Request(..) | Self::Formation(_) | Self::Delegated(_) => None,
        }
    }
}

/// What happened to the connection to a member's node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// It is connected.
    Up {
        /// How far its clock is ahead of ours, in milliseconds.
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
    /// It is connected, and has not shown that it speaks for the member whose node it should be; nothing of a
    /// group is sent to it. Mostly its user has not formed the group yet.
    NotShown,
    /// It has taken the place of a member's former node, in every group: the member's key says so.
    TookPlace {
        /// The former node.
        from: PeerId,
        /// The number of its delegation.
        number: u64,
    },
    /// Our own key has let this other node speak for it.
    OwnKey {
        /// The number of its delegation.
        number: u64,
        /// Whether that is above ours: then it has taken our place.
        is_newer: bool,
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
