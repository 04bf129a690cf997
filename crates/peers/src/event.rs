//! What goes into the machine and what comes out.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{Direction, PeerId};

use crate::DialFailure;

/// What the driver tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A connection to a peer stands, or a newer one took its place; its identity is proven. Answers
    /// the dial of that peer, whoever dialled.
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
        /// Why not.
        why: DialFailure,
    },
    /// Somebody wants a peer: as [`want`](crate::Peers::want), after [`know`](crate::Peers::know); for a
    /// formation its addresses are claims, which are dialled last and leave with it. What has no room is not
    /// wanted.
    Want {
        /// Whom.
        peer: PeerId,
        /// Where it may be.
        addresses: Vec<SocketAddr>,
        /// Why.
        why: Why,
    },
    /// Others say where a peer is that is wanted: it is dialled there, after all that is known better.
    Found {
        /// Who.
        peer: PeerId,
        /// Where it may be.
        addresses: Vec<SocketAddr>,
    },
    /// Nobody wants it for that reason any more: as [`forget`](crate::Peers::forget).
    Forget {
        /// Whom.
        peer: PeerId,
        /// Why it was.
        why: Why,
    },
}

/// What the driver shall do, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Dial a peer once. Answered by [`Input::Up`] or [`Input::DialFailed`].
    Dial {
        /// Whom.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// Let a peer in whoever else is there; comes before it is dialled.
    Expect {
        /// Whom.
        peer: PeerId,
    },
    /// A peer is wanted no more, or was not when the connection that we dialled came up. Close that
    /// one; a dial that is not answered yet may be broken off.
    Forget {
        /// Whom.
        peer: PeerId,
    },
    /// Write down, some time, so that it is there after a restart.
    Note(Record),
    /// For the application.
    Event(Event),
}

/// What is worth keeping. Nothing waits for it, and losing it costs a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Where a peer was connected from last; takes the place of the note before.
    Address {
        /// Who.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
}

/// What a store still knows, for a new start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Where each peer was connected from last; of more than [`PEERS_MAX`](crate::PEERS_MAX) the
    /// first are taken.
    pub addresses: Vec<(PeerId, SocketAddr)>,
}

/// What the application may tell its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A peer did not answer as itself at one of its addresses.
    DialFailed {
        /// Who was dialled.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
        /// Why not.
        why: DialFailure,
        /// How long after its last address has failed it is dialled again.
        retry_in: Duration,
    },
}

/// Why a peer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is in a group with us.
    Member,
    /// The application asked for it.
    Application,
    /// A group forms with it.
    Formation,
}
