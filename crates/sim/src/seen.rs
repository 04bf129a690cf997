//! What an observer of a run sees: everything that a node does, in one order.

use std::sync::Arc;

use ensign_engine::{
    CloseCode, CommandError, Offense, Sentence,
    signing::{Event, Record},
};
use ensign_identity::Signature;
use ensign_primitives::{Instant, PeerId, RequestId, SessionId};
use ensign_wire::Kind;

use crate::{Cast, NodeIndex};

/// One thing that a node did or met.
#[derive(Clone, Debug)]
pub struct Sight {
    /// When, in the simulation's time.
    pub at: Instant,
    /// Whose.
    pub node: NodeIndex,
    /// Its number among the node's sights: sights are ordered by time, node and this.
    pub order: u64,
    /// What.
    pub what: Seen,
}

/// What a node did or met.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Its process started, for the `boot`-th time, from this many records.
    Started {
        /// How often it has started, from 1.
        boot: u32,
        /// How many records its disk held.
        records: usize,
    },
    /// Its person finds signatures in the journal that its dead process had not shown.
    Recovered {
        /// Of which request.
        request: RequestId,
        /// One per message.
        signatures: Vec<Signature>,
    },
    /// Its process died. Of the records that its disk had not acknowledged some survived.
    Crashed {
        /// How many were not acknowledged.
        pending: usize,
        /// How many of these survived.
        survived: usize,
    },
    /// Its disk is gone after a crash: it starts with nothing but its keys.
    LostDisk,
    /// Its process ended in order.
    Stopped,
    /// It fell asleep: its process stands still, with its memory and its monotonic clock.
    Slept,
    /// It woke up, and everything it was connected to is gone.
    Awoke,
    /// It dials a peer.
    Dials {
        /// Whom.
        peer: NodeIndex,
    },
    /// A connection came up.
    Connected {
        /// With whom.
        peer: NodeIndex,
    },
    /// A connection is gone.
    Disconnected {
        /// With whom.
        peer: NodeIndex,
    },
    /// It closed a connection.
    Closed {
        /// With whom.
        peer: NodeIndex,
        /// Why.
        reason: CloseCode,
    },
    /// A frame came.
    Received {
        /// From whom.
        from: NodeIndex,
        /// What its header says; `None` when it has none.
        kind: Option<Kind>,
        /// Header and body.
        frame: Arc<[u8]>,
    },
    /// It handed a frame to its transport.
    Sent {
        /// To whom.
        to: NodeIndex,
        /// What it carries.
        kind: Kind,
        /// Header and body.
        frame: Arc<[u8]>,
        /// Whether there was a connection to carry it.
        carried: bool,
    },
    /// It drew entropy.
    Drew {
        /// For which session.
        session: SessionId,
        /// How many nonces.
        nonces: usize,
    },
    /// Its signer was asked to erase the nonces of a session.
    Forgot {
        /// Of which session.
        session: SessionId,
    },
    /// Its signer was asked to sign.
    Signs {
        /// In which session.
        session: SessionId,
    },
    /// It asked its disk to keep a record.
    Persist {
        /// What.
        record: Arc<Record>,
    },
    /// Its disk acknowledged the record.
    Durable {
        /// What.
        record: Arc<Record>,
    },
    /// A timer fired.
    Woke {
        /// Which.
        reason: &'static str,
    },
    /// Its person asked the group to sign.
    Proposed {
        /// Which of the run's intents.
        intent: u32,
        /// How often it was proposed, from 1.
        turn: u32,
        /// The request.
        request: RequestId,
    },
    /// Its person said yes.
    Approved {
        /// To what.
        request: RequestId,
    },
    /// Its person said no.
    Declined {
        /// To what.
        request: RequestId,
    },
    /// Its engine refused a command.
    Refused {
        /// Why.
        why: CommandError,
    },
    /// Its engine reports.
    Event(Event),
    /// Its engine reports that a peer did wrong.
    Offense {
        /// The node.
        peer: PeerId,
        /// What it did.
        offense: Offense,
        /// What it costs.
        sentence: Sentence,
    },
    /// One of its collections is larger than its bound.
    Overfull {
        /// Which.
        name: &'static str,
        /// How large.
        len: usize,
        /// Its bound.
        limit: usize,
    },
}

/// Sees everything that happens in a run, in order.
pub trait Observer {
    /// Looks at one sight.
    fn observe(&mut self, cast: &Cast, sight: &Sight);
}
