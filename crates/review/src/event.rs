//! What an application is told, as typed events.

use std::{sync::Arc, time::Duration};

use ensign_engine::pow::Paying;
use ensign_equivocation::Evidence;
use ensign_identity::DelegationProof;
use ensign_primitives::PeerId;

use crate::{Class, GroupInfo, PROOF_BYTES, PeerEvent, Problem, RequestEvent, RequestRef};

/// What an event takes besides what is counted.
const EVENT_BYTES: usize = 512;

/// What an event of a group that forms takes at most: its roster, or its certificate.
const FORMATION_BYTES: usize = 16 * 1024;

/// What a busy node has us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Busy {
    /// Work has begun, or goes on: about once a second.
    Proving {
        /// How many zero bits are looked for: `2^bits` tries in the mean.
        bits: u8,
        /// How many tries were made so far.
        tried: u64,
        /// How long that has taken.
        spent: Duration,
    },
    /// The work is done; the node has been told.
    Proven,
    /// It asks for more work than this node does, or for another kind of it.
    Unpayable {
        /// The version of the puzzle.
        version: u8,
        /// How many zero bits it asks for.
        bits: u8,
    },
    /// This node has done as much work for it as it does for one node; more comes with time.
    Enough {
        /// How many zero bits it asks for.
        bits: u8,
    },
}

impl Busy {
    /// Says in our user's words what a node asks of us.
    pub const fn of(paying: &Paying) -> (PeerId, Self) {
        match *paying {
            Paying::Proving { peer, bits } => {
                (peer, Self::Proving { bits, tried: 0, spent: Duration::ZERO })
            }
            Paying::Paid { peer, .. } => (peer, Self::Proven),
            Paying::Unpayable { peer, version, bits } => (peer, Self::Unpayable { version, bits }),
            Paying::PaidEnough { peer, bits } => (peer, Self::Enough { bits }),
        }
    }

    /// Returns how long the whole work takes in the mean, as far as it can be told yet. Luck decides: one
    /// case in a hundred takes 4.6 times as long.
    pub fn expected(&self) -> Option<Duration> {
        let Self::Proving { bits, tried, spent } = *self else { return None };
        let whole = 2_f64.powi(bits.into());
        (tried > 0).then(|| spent.mul_f64(whole / tried as f64))
    }
}

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
    /// The open network, in which our node takes part.
    Network(Box<ensign_engine::overlay::Event>),
    /// Our position in the open network is being worked for; told about once a second.
    Working {
        /// How many zero bits are looked for.
        bits: u8,
        /// How many tries were made so far: `2^bits` in the mean, by luck more or less.
        tried: u64,
        /// How long that has taken.
        spent: Duration,
    },
    /// A node that we want to reach is busy, and takes those first who prove work.
    Busy(PeerId, Busy),
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
        /// ([`Records::cases`](ensign_ledger::Records::cases)); `None` when it could not be.
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
            | Self::Network(_)
            | Self::Working { .. }
            | Self::Busy(..)
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
            | Self::Network(_)
            | Self::Working { .. }
            | Self::Busy(..)
            | Self::Warning { .. }
            | Self::Convicted { .. }
            | Self::Delegated(_) => None,
        }
    }

    /// Returns which node it is about.
    pub const fn peer(&self) -> Option<PeerId> {
        match self {
            Self::Peer(peer, _) | Self::Busy(peer, _) | Self::Convicted { peer, .. } => Some(*peer),
            Self::Warning { peer, .. } => *peer,
            Self::Request(..)
            | Self::Formation(_)
            | Self::Network(_)
            | Self::Working { .. }
            | Self::Delegated(_) => None,
        }
    }

    /// Returns which events give way to it: those of its own class.
    pub const fn class(&self) -> Class {
        match self {
            Self::Peer(_, event) => event.class(),
            Self::Warning { .. } => Class::Notice,
            Self::Network(_) => Class::Notice,
            Self::Busy(..) | Self::Working { .. } => Class::Progress,
            Self::Request(_, event) => event.class(),
            Self::Convicted { .. } | Self::Formation(_) | Self::Delegated(_) => Class::Decision,
        }
    }

    /// Returns whose node there would be no such event without, where it is another one's.
    pub fn caused_by(&self) -> Option<PeerId> {
        self.request().map_or_else(|| self.peer(), |request| request.creator)
    }

    /// Returns about how many bytes it takes, in whole what a peer can make large. The group is shared by
    /// all.
    pub fn weight(&self) -> usize {
        let more = match self {
            Self::Peer(_, event) => event.weight(),
            Self::Delegated(_) | Self::Busy(..) | Self::Network(_) | Self::Working { .. } => 0,
            Self::Formation(_) => FORMATION_BYTES,
            Self::Request(_, event) => event.weight(),
            Self::Warning { problem, .. } => problem.what.len(),
            Self::Convicted { .. } => PROOF_BYTES,
        };
        EVENT_BYTES.saturating_add(more)
    }
}
