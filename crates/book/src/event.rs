//! What goes into the machine and what comes out.

use alloc::vec::Vec;
use core::{fmt, net::SocketAddr};

use ensign_diversity::Group;
use ensign_primitives::{Direction, PeerId, UnixTime};

use crate::Fault;

/// What the driver tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<R> {
    /// A connection to a peer stands, whoever dialled; its identity is proven. Answers the dial of that peer.
    Up {
        /// Who is at the other end.
        peer: PeerId,
        /// Under which address.
        remote: SocketAddr,
        /// Who began it.
        direction: Direction,
    },
    /// The last connection to a peer is gone.
    Down {
        /// Who was at the other end.
        peer: PeerId,
    },
    /// A dial led to no connection.
    DialFailed {
        /// Who was dialled.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// Somebody is heard of otherwise than by an answer to us: a lookup, a seed, our user. Checked like every record.
    Learned {
        /// What it says of itself.
        record: R,
        /// Who handed it to us.
        source: Source,
    },
    /// A peer asks whom we know.
    Asked {
        /// Who.
        from: PeerId,
    },
    /// A peer says whom it knows.
    Told {
        /// Who.
        from: PeerId,
        /// Whom.
        records: Vec<R>,
    },
    /// Answers [`Output::Compare`]: the nodes nearest to the target that each walk has found.
    Compared {
        /// Which comparison.
        round: u64,
        /// By way of our outbound connections.
        near: Vec<PeerId>,
        /// By way of the others.
        apart: Vec<PeerId>,
    },
}

/// Who handed a record to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Our user.
    User,
    /// A DNS seed, by its number among ours.
    Seed(u16),
    /// A node at this address, in a lookup.
    Node(SocketAddr),
}

/// What the driver shall do, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub enum Output<R> {
    /// Dial a peer once. Answered by [`Input::Up`] or [`Input::DialFailed`], always.
    Dial {
        /// Whom.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// Close the connection that we dialled. Answered by [`Input::Down`].
    Close {
        /// To whom.
        peer: PeerId,
        /// Why.
        why: Closing,
    },
    /// Ask a peer whom it knows.
    Ask {
        /// Whom.
        to: PeerId,
    },
    /// Tell a peer whom we know.
    Tell {
        /// Whom.
        to: PeerId,
        /// At most [`TOLD_MAX`](crate::TOLD_MAX).
        records: Vec<R>,
    },
    /// Walk towards a target twice, from two sets of roots, and say whom each walk finds nearest, at most
    /// twenty. Answered by [`Input::Compared`], always, if need be with nobody found.
    Compare {
        /// Which comparison.
        round: u64,
        /// Where to.
        target: [u8; 32],
        /// The roots of one walk: outbound connections.
        near: Vec<PeerId>,
        /// The roots of the other: trusted nodes, and others from *tried* to whom we are not connected.
        apart: Vec<PeerId>,
    },
    /// A peer did wrong.
    Offense {
        /// Who.
        peer: PeerId,
        /// What.
        offense: Offense,
    },
    /// Write down, some time; at most [`NOTES_ALLOWED`](crate::NOTES_ALLOWED).
    Note(Note<R>),
    /// For the application.
    Event(Event),
}

/// Why a connection is closed that we dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It was a test, which is passed.
    Tested,
    /// Another one takes its place.
    Rotated,
}

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offense {
    /// It told whom it knows, and we did not ask.
    Unasked,
    /// It told of too many.
    TooMany {
        /// How many.
        count: usize,
        /// How many it may.
        limit: usize,
    },
    /// It told of one node twice.
    Twice {
        /// Of whom.
        peer: PeerId,
    },
    /// It handed on a record that cannot be.
    Record {
        /// Whose, as it says.
        peer: PeerId,
        /// What is wrong with it.
        fault: Fault,
    },
    /// It asks more often than anybody needs.
    AskedTooOften,
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("it tells whom it knows, and nobody asked"),
            Self::TooMany { count, limit } => {
                write!(f, "it tells of {count} nodes, at most {limit} may be")
            }
            Self::Twice { peer } => write!(f, "it tells of node {} twice", peer.short()),
            Self::Record { peer, fault } => {
                write!(f, "it hands on a record of node {} that {}", peer.short(), fault.what())
            }
            Self::AskedTooOften => {
                f.write_str("it asks whom we know more often than anybody needs")
            }
        }
    }
}

/// What is worth keeping. Nothing waits for it, and losing it costs a search.
#[derive(Clone, Debug, PartialEq)]
pub enum Note<R> {
    /// Somebody in *tried*; takes the place of the note before.
    Kept(Kept<R>),
    /// Somebody is in *tried* no more.
    Gone {
        /// Who.
        peer: PeerId,
    },
    /// Who is dialled first after a restart; takes the place of the note before.
    Anchors(Vec<PeerId>),
}

/// Somebody in *tried*.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<R> {
    /// What it says of itself.
    pub record: R,
    /// Where it answered.
    pub address: SocketAddr,
    /// When it did last.
    pub reached_at: UnixTime,
}

/// What a store still knows, for a new start; candidates all, whatever has become of the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored<R> {
    /// Who was in *tried*. Those whose record does not hold any more are left out.
    pub kept: Vec<Kept<R>>,
    /// Who is dialled first.
    pub anchors: Vec<PeerId>,
}

impl<R> Default for Restored<R> {
    fn default() -> Self {
        Self { kept: Vec::new(), anchors: Vec::new() }
    }
}

/// What the application may tell its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A sign that we are cut off from the network, or that we see a part of it only. The book keeps
    /// [`OUTBOUND_WHEN_ALARMED`](crate::OUTBOUND_WHEN_ALARMED) more connections until it is over.
    Alarm {
        /// Which.
        reason: Reason,
    },
    /// That sign is gone.
    Over {
        /// Which.
        reason: Reason,
    },
}

/// A sign that we are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// None of the anchors has been there for [`ANCHORS_LOST_TIME`](crate::ANCHORS_LOST_TIME). When false, they were
    /// switched off at the same time; it costs two connections.
    AnchorsLost,
    /// All outbound connections lead into one group; one of them is changed at once. When false, the network is
    /// small; it costs a connection.
    OneGroup {
        /// Which.
        group: Group,
    },
    /// What our outbound connections show and what others show are different worlds; half of the outbound
    /// connections are changed, one after the other, and trusted nodes are asked whom they know. When false, it costs
    /// six connections.
    ViewsApart,
}
