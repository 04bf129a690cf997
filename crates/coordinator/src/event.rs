//! What a coordinator reports, as typed events.

use std::sync::Arc;

use ensign_equivocation::Evidence;
use ensign_identity::DelegationProof;
use ensign_primitives::PeerId;

use crate::{GroupInfo, PeerEvent, Problem, RequestEvent, RequestRef};

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
