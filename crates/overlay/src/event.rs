//! What goes into the machine and what comes out.

use alloc::vec::Vec;
use core::{fmt, net::SocketAddr, time::Duration};

use ensign_book::Reason;
use ensign_dht::{NetworkView, Outcome};
use ensign_pow::Puzzle;
use ensign_primitives::{Direction, PeerId, QueryId, UnixTime};
use ensign_wire::{
    DhtMessage, DialBackNonce, Key, NodeRecord, PeersMessage, Proof, ReachMessage, Role,
};

/// What the world tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A link to a peer stands, whoever dialled, and the peer has introduced itself.
    Up {
        /// Who is at the other end.
        peer: PeerId,
        /// Under which address.
        remote: SocketAddr,
        /// Who began it.
        direction: Direction,
    },
    /// The link is gone; also of one that never introduced itself.
    Down {
        /// To whom.
        peer: PeerId,
    },
    /// A dial led to no link.
    DialFailed {
        /// Who was dialled.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
        /// Why.
        why: Unreached,
    },
    /// A message came.
    Message {
        /// From whom.
        from: PeerId,
        /// What.
        message: Message,
    },
    /// We want to be connected with a node for other reasons: it is looked for when it is away, and never left.
    Wanted {
        /// Which.
        peer: PeerId,
    },
    /// That is over.
    Unwanted {
        /// Which.
        peer: PeerId,
    },
    /// A node is in a group with us: it is told where we are while it is away, and looked for by what it tells us.
    Paired {
        /// Which.
        peer: PeerId,
    },
    /// That is over.
    Unpaired {
        /// Which.
        peer: PeerId,
    },
    /// Nobody is to be connected with that node, or everybody may again.
    Barred {
        /// Which.
        peer: PeerId,
        /// Whether it is barred.
        is_barred: bool,
    },
    /// A node that we have dialled, and whose link is up, tells where it sees us.
    Seen {
        /// Which.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// Somebody has dialled us for this alone.
    DialledBack {
        /// From where.
        remote: SocketAddr,
        /// What it has brought.
        nonce: DialBackNonce,
    },
    /// Answers [`Output::DialBack`].
    BackDialled {
        /// Who was dialled.
        peer: PeerId,
        /// Whether a connection stood.
        is_reached: bool,
    },
    /// Answers [`Output::Solve`].
    Solved {
        /// What was found; `None` when it could not be looked for.
        proof: Option<Proof>,
    },
}

/// Why a dial led to no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// Another link to that node is there or comes: it is waited for.
    Duplicate,
    /// Nobody answered in time.
    NoAnswer,
    /// Another node answers there.
    OtherNode {
        /// Which.
        found: PeerId,
    },
    /// The node there is of another network, or of another version.
    OtherNetwork,
    /// It is we who answer there.
    Ourselves,
    /// The node there has no place for us, or hung up before it said who it is.
    Refused,
    /// What answers there is no node, or the address is none that can be dialled.
    NoNode,
}

/// One of the first nodes, and what came of asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstNode {
    /// Who.
    pub peer: PeerId,
    /// Where it was dialled last, else where it is dialled first.
    pub address: SocketAddr,
    /// What came of that; `None` before.
    pub last: Option<Result<(), Unreached>>,
}

/// What nodes of the open network say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// About the hash table.
    Dht(DhtMessage),
    /// About whom they know.
    Peers(PeersMessage),
    /// About who can be reached.
    Reach(ReachMessage),
}

/// What the owner shall do, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Dial a node once. Answered by [`Input::Up`], [`Input::Down`] or [`Input::DialFailed`].
    Dial {
        /// Whom.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// Nothing here needs the link to a node that we have dialled, or its dial: close it.
    Leave {
        /// Whom.
        peer: PeerId,
    },
    /// Send to a peer whose link is up.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        message: Message,
    },
    /// Dial a node that asks for it once, from a new socket and under a name of that moment, and bring it this.
    /// Answered by [`Input::BackDialled`].
    DialBack {
        /// Who must be there.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
        /// What to bring.
        nonce: DialBackNonce,
    },
    /// A node that we want was found; others say so, so that it is dialled there after what is known better.
    Found {
        /// Who.
        peer: PeerId,
        /// Where it says that it is.
        addresses: Vec<SocketAddr>,
    },
    /// Solve this puzzle off the loop. Answered by [`Input::Solved`]. One at a time.
    Solve {
        /// What has to be found.
        puzzle: Puzzle,
        /// Where to begin.
        start: u64,
    },
    /// A peer did wrong.
    Offense {
        /// Who.
        peer: PeerId,
        /// What.
        offense: Offense,
    },
    /// Write down, some time; nobody waits for it.
    Note(Record),
    /// For the application.
    Event(Event),
}

/// What a peer did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offense {
    /// In the hash table.
    Dht(ensign_dht::Offense),
    /// When it told whom it knows.
    Book(ensign_book::Offense),
    /// When it told what came of dialling us.
    Reach(ensign_reach::Offense),
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dht(offense) => offense.fmt(f),
            Self::Book(offense) => offense.fmt(f),
            Self::Reach(offense) => offense.fmt(f),
        }
    }
}

/// What is worth keeping. Losing it costs a search, or a puzzle.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Of the address book.
    Book(ensign_book::Note<NodeRecord>),
    /// The work behind our position, in the place of the one before.
    Position(Proof),
    /// What was seen of the network's size, in the place of what was before.
    Looks(Looks),
}

/// What the last looks at random points have shown, from which the number of nodes is estimated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// When the last of them was.
    pub at: UnixTime,
    /// How far the twentieth nearest was at each, the first 64 bits of the distance, the oldest first; at most
    /// [`ESTIMATES_KEPT`](ensign_dht::ESTIMATES_KEPT).
    pub reaches: Vec<u64>,
}

/// What a store still knows, for a new start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Of the address book.
    pub book: ensign_book::Restored<NodeRecord>,
    /// The work behind our position.
    pub position: Option<Proof>,
    /// What was seen of the network's size.
    pub looks: Option<Looks>,
}

/// What the application may tell its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The puzzle of our position is solved, or was before: others can find us from now on.
    Positioned,
    /// Our node record was handed to the network.
    Published {
        /// How many nodes have taken it. In a small network it may be none: there a node is found through the
        /// tables of others.
        copies: u16,
    },
    /// Nodes of the network have answered us.
    Joined {
        /// How many are known by now.
        contacts: usize,
    },
    /// Nobody of the network is known any more.
    Alone,
    /// One of the first nodes was not reached; it is tried again, as [`FIRST_WAIT`](crate::FIRST_WAIT) says.
    FirstUnreached {
        /// Which.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
        /// Why.
        why: Unreached,
    },
    /// A walk that a command began has ended.
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
    /// A node that we want and were not connected with was found.
    Found {
        /// Who.
        peer: PeerId,
        /// By what.
        by: Way,
    },
    /// A node was reached for [`ping`](crate::Overlay::ping), or not.
    Pinged {
        /// Who.
        peer: PeerId,
        /// How long it took from the command to the answer; `None` when none came.
        after: Option<Duration>,
    },
    /// More nodes lie near a key than chance puts there: somebody may have placed himself around it. A walk for it
    /// asks twice as many nodes.
    Dense {
        /// Where.
        key: Key,
        /// Of how many neighbours.
        neighbours: usize,
    },
    /// Others have dialled us back: we say where we are, and serve.
    Reachable {
        /// Where.
        addresses: Vec<SocketAddr>,
    },
    /// Nobody could dial us back. Where our user names no address, we only ask.
    Unreachable,
    /// A sign that we are cut off from the network, or see a part of it only.
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

/// By what a node was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Its public node record.
    NodeRecord,
    /// What it has sealed for us, as a member of our group.
    Rendezvous,
}

impl Way {
    /// Returns its name, as programs read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NodeRecord => "node_record",
            Self::Rendezvous => "rendezvous",
        }
    }
}

/// One look at a node's part in the open network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is there: [`Role::Light`] for a node without an address too.
    pub role: Role,
    /// What its user wants it to be there.
    pub wanted_role: Role,
    /// Where it says that it can be reached.
    pub addresses: Vec<SocketAddr>,
    /// Where others see it, and whether they reach it.
    pub reach: ensign_reach::Status,
    /// What it says of itself; `None` for a node that says nothing, or whose position is still worked for.
    pub own: Option<NodeRecord>,
    /// Whether its position is being worked for.
    pub is_solving: bool,
    /// How many nodes had taken its record when it was last handed to the network; `None` before. In a small
    /// network it may be none: there a node is found through the tables of others.
    pub copies: Option<u16>,
    /// Connections that the address book keeps.
    pub outbound: Vec<(PeerId, SocketAddr)>,
    /// Further links that we have opened.
    pub warm: usize,
    /// Dials under way.
    pub dials: usize,
    /// What is known of the network.
    pub network: NetworkView,
    /// Signs of being cut off.
    pub signs: Vec<Reason>,
    /// Nodes that we want, are not connected with and look for.
    pub looked_for: usize,
    /// Members who are away and for whom we publish, sealed, where we are.
    pub sealed_for: usize,
    /// The first nodes: whom our user names, then whom seeds name.
    pub first: Vec<FirstNode>,
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Of the hash table.
    #[error(transparent)]
    Dht(#[from] ensign_dht::CommandError),
    /// There is too much in it.
    #[error("a record's body has 1 to {limit} bytes")]
    Body {
        /// Most bytes.
        limit: usize,
    },
    /// The slot does not exist.
    #[error("a record's slot is below {limit}")]
    Slot {
        /// How many there are.
        limit: u8,
    },
    /// The node is barred.
    #[error("the node is banned here")]
    Barred,
    /// Too many nodes are pinged.
    #[error("{limit} nodes are pinged at a time")]
    TooManyPings {
        /// How many may be.
        limit: usize,
    },
}
