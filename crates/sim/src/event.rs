//! What happens next: the events of a run and their one order.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use ensign_engine::{peers::DialFailure, pow::Proof};
use ensign_primitives::{Instant, RequestId};

use crate::{NodeIndex, Sight};

/// When an event happens, and its place among those of the same moment.
///
/// The place is given by whoever causes the event, so it does not depend on who runs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) at: Instant,
    pub(crate) cause: NodeIndex,
    pub(crate) number: u64,
}

/// An event in the queue of its node.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) node: NodeIndex,
    pub(crate) what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest, because the standard heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

/// What happens to a node.
#[derive(Debug)]
pub(crate) enum What {
    /// Its process starts, or starts again.
    Start,
    /// Its process dies.
    Crash,
    /// Its process dies, and its disk is gone.
    LoseDisk,
    /// Its process ends in order; it starts again later.
    Stop,
    /// It falls asleep: its process stops and keeps its memory.
    Sleep,
    /// It wakes up.
    Wake,
    /// A packet comes in.
    Packet { from: NodeIndex, packet: Packet },
    /// Its machine asked to be woken.
    Timer,
    /// Its disk has written the oldest record that waits, if it is still the same process.
    Written { boot: u32 },
    /// A puzzle is solved, if it is still the same process.
    Solved { job: u64, proof: Option<Proof>, boot: u32 },
    /// A dial came to nothing at once, if it is still the same process.
    DialFailed { peer: NodeIndex, boot: u32, why: DialFailure },
    /// A dial has not been answered yet.
    Initial { peer: NodeIndex, conn: Conn, pause: Duration },
    /// A dial has taken too long.
    DialTimeout { peer: NodeIndex, conn: Conn },
    /// Nothing was heard on a connection since the peer went away.
    Silence { peer: NodeIndex, conn: Conn },
    /// Nothing came through a cut way for the whole idle timeout.
    Idle { peer: NodeIndex, conn: Conn },
    /// A connection breaks: which one, the node draws.
    Break,
    /// Ways were cut, or opened again.
    PathsChanged,
    /// Its processor has time again.
    Free,
    /// Its person does something.
    Person(Wish),
}

/// What a person does.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Asks the group to sign.
    Propose { intent: u32 },
    /// Answers a request.
    Decide(RequestId),
}

/// Names a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conn {
    pub(crate) dialer: NodeIndex,
    /// Counts the dialer's dials.
    pub(crate) number: u32,
}

/// What transports say to each other: the handshake reduced to its trips, frames, and ends.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Dial {
        conn: Conn,
        sent: Instant,
    },
    Accept {
        conn: Conn,
        sent: Instant,
    },
    Established {
        conn: Conn,
    },
    Frame {
        conn: Conn,
        frame: Arc<[u8]>,
    },
    Close {
        conn: Conn,
    },
    /// The receiver of a frame does not know its connection (RFC 9000 section 10.3).
    Reset {
        conn: Conn,
    },
}

/// What a node's turn gives rise to.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) events: Vec<Entry>,
    pub(crate) sights: Vec<Sight>,
}
