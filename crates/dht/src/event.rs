//! What goes into the machine and what comes out.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{PeerId, QueryId};
use ensign_wire::{DhtMessage, DhtRecord, Key, NodeRecord};

use crate::Offense;

/// What the world tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A link to a peer stands; its identity is proven.
    Up {
        /// Who is at the other end.
        peer: PeerId,
        /// Under which address.
        remote: SocketAddr,
    },
    /// The link is gone.
    Down {
        /// To whom.
        peer: PeerId,
    },
    /// A message came.
    Message {
        /// From whom.
        from: PeerId,
        /// What.
        message: DhtMessage,
    },
    /// What [`Output::Reach`] asked for led to no link.
    Unreachable {
        /// To whom.
        peer: PeerId,
    },
    /// The address book or a bootstrap node tells of a node. It is verified here.
    Learned {
        /// Its record.
        record: NodeRecord,
    },
}

/// What the owner shall do, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send to a peer whose link is up.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        message: DhtMessage,
    },
    /// Open a link to a node, or use one that is there; answered by [`Input::Up`] or
    /// [`Input::Unreachable`].
    Reach {
        /// The node's record.
        record: NodeRecord,
    },
    /// A peer did wrong.
    Offense {
        /// Who.
        peer: PeerId,
        /// What.
        offense: Offense,
    },
    /// For the application.
    Event(Event),
}

/// What the application may tell its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A walk has ended.
    Ended {
        /// Which.
        query: QueryId,
        /// What was looked for.
        key: Key,
        /// What came of it.
        outcome: Outcome,
        /// How many nodes were asked.
        asked: u16,
        /// How long it took.
        took: Duration,
    },
    /// A record that we publish is to be made anew and [`put`](crate::Dht::put) again: with a later `seq`, issued
    /// now. What is not put again leaves the network when it expires.
    Renew {
        /// Where it lies.
        key: Key,
    },
    /// More nodes lie near a key than chance puts there: somebody may have placed himself around it. A
    /// walk for it asks twice as many nodes.
    Dense {
        /// Where.
        key: Key,
        /// Of how many neighbours.
        neighbours: usize,
    },
}

/// What comes of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The record; `is_old` when no node had one that was issued within [`FRESH`](crate::FRESH).
    Record {
        /// The record.
        record: DhtRecord,
        /// Whether a later one may be somewhere.
        is_old: bool,
    },
    /// The node.
    Node(NodeRecord),
    /// Nobody who was asked has it.
    NotFound,
    /// It is stored.
    Stored {
        /// How many nodes have taken it from us.
        copies: u16,
    },
    /// Who is near was looked at.
    Seen {
        /// How many nodes were seen.
        nodes: usize,
        /// The nearest of those that are not known to be gone, nearest first, at most [`K`](crate::K).
        nearest: Vec<PeerId>,
    },
}

/// How sure a fetch has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thoroughness {
    /// The first record that is fresh.
    Usual,
    /// Three holders in three networks agree; twice as many nodes are asked.
    Thorough,
}

/// One question of a walk, as a person follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Who was asked.
    pub peer: PeerId,
    /// How many leading bits it shares with the key.
    pub shared_bits: u16,
    /// 0 for a contact of ours, else one more than who told of it.
    pub depth: u8,
    /// When it was asked, after the walk began.
    pub at: Duration,
    /// What came.
    pub heard: Heard,
}

/// What was heard of a node that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing yet, or not any more.
    Waiting,
    /// No link, or no answer in time.
    Nothing,
    /// An answer.
    Answered {
        /// After how long.
        after: Duration,
        /// How many nodes it told of that were new.
        new_nodes: u8,
        /// Whether it had, or took, the record.
        has_record: bool,
    },
    /// An answer that no honest node gives.
    Offense,
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Too many walks are under way.
    #[error("{limit} walks are under way")]
    Busy {
        /// How many may be.
        limit: usize,
    },
    /// We publish as many records as we may.
    #[error("{limit} records are published already")]
    TooManyRecords {
        /// How many may be.
        limit: usize,
    },
    /// The record is one that other nodes refuse: expired, of another network, of an unknown kind, not signed.
    #[error("other nodes would refuse the record")]
    BadRecord,
    /// The node record is not ours or does not stand up to the rules.
    #[error("the node record is not ours or does not hold")]
    BadNode,
}
