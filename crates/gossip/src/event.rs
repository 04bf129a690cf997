//! What goes into the machine and what comes out.

use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{Direction, PeerId};
use ensign_wire::{GOSSIP_DATA_BYTES_MAX, GossipData, GossipMessage, MessageId, Topic};

use crate::{Class, Offense};

/// What the world tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A link to a peer stands; its identity is proven.
    Up {
        /// Who is at the other end.
        peer: PeerId,
        /// Under which address.
        remote: SocketAddr,
        /// Who has dialled.
        direction: Direction,
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
        message: GossipMessage,
    },
    /// The link has taken so many bytes of [`Output::Send`].
    Taken {
        /// To whom.
        peer: PeerId,
        /// As many as the outputs said.
        bytes: usize,
    },
    /// The layer above has looked at a message, which [`Output::Validate`] asked for.
    Judged {
        /// Which.
        id: MessageId,
        /// What it is.
        verdict: Verdict,
    },
    /// The layer above thinks so of a peer (P5).
    Regarded {
        /// Of whom.
        peer: PeerId,
        /// In thousandths of a point, cut to [`APP_SCORE_MAX`](crate::APP_SCORE_MAX) either way.
        points: i64,
    },
}

/// What a message is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It goes on to others.
    Accept,
    /// It does not, and that is nobody's fault: it is old, not of interest, or cannot be told.
    Ignore,
    /// Whoever sent it could have seen that it is false. Never for what only we can know.
    Reject,
}

/// What the owner shall do, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send to a peer whose link is up; answered by [`Input::Taken`] when it has left.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        message: GossipMessage,
        /// How much it counts until it is taken.
        bytes: usize,
    },
    /// Look at a message; answered by [`Input::Judged`] within [`VALIDATION_TIMEOUT`](crate::VALIDATION_TIMEOUT).
    Validate {
        /// Its name.
        id: MessageId,
        /// Who brought it first.
        from: PeerId,
        /// What it says.
        message: GossipData,
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
    /// The mesh of a topic that we joined is there: what is published now spreads at its usual speed.
    MeshReady {
        /// Which.
        topic: Topic,
        /// How many links it has.
        links: usize,
        /// How long after joining.
        after: Duration,
    },
    /// A message of ours has left.
    Published {
        /// Which.
        id: MessageId,
        /// To how many peers.
        copies: usize,
    },
    /// A message of ours has not left within [`PUBLISH_WITHIN`](crate::PUBLISH_WITHIN): no peer wants its topic.
    Unpublished {
        /// Which.
        id: MessageId,
        /// Under which topic.
        topic: Topic,
    },
    /// A peer takes less than there is for it; told with a heartbeat.
    Slow {
        /// Who.
        peer: PeerId,
        /// Of what most was dropped.
        class: Class,
        /// How much was dropped since it was told last: frames of mesh and topics, messages, names.
        dropped: u64,
    },
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There are as many topics as there may be.
    #[error("{limit} topics already")]
    TooManyTopics {
        /// How many there may be.
        limit: usize,
    },
    /// As many peers are explicit as may be.
    #[error("{limit} explicit peers already")]
    TooManyExplicit {
        /// How many there may be.
        limit: usize,
    },
    /// What is to be published is empty or too large.
    #[error("a message has {seen} bytes, allowed is 1 to {GOSSIP_DATA_BYTES_MAX}")]
    Size {
        /// How many bytes it has.
        seen: usize,
    },
    /// The same was published or heard within [`SEEN_RETENTION`](crate::SEEN_RETENTION).
    #[error("message is known already")]
    Known {
        /// Its name.
        id: MessageId,
    },
    /// As many messages wait for links as may.
    #[error("{limit} messages wait already")]
    Busy {
        /// How many may.
        limit: usize,
    },
}
