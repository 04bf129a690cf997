//! What a node is told, asks for and reports.

use alloc::{sync::Arc, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use ensign_overlay as overlay;
use ensign_peers::DialFailure;
use ensign_pow::{Paying, Proof, Puzzle};
use ensign_primitives::{Direction, LinkId, PeerId, RequestId};
use ensign_ratelimit::Load;
use ensign_signing::{Known, SignerAnswer, SignerQuestion};
use ensign_wire::{CloseCode, Kind, Lane};

use crate::{Offense, Sentence};

/// What the world tells the node.
#[derive(Debug)]
pub enum Input {
    /// A connection is up; its handshake proved the peer's identity.
    Up {
        /// Names it from here on. No other connection ever has this name.
        link: LinkId,
        /// The node at its other end.
        peer: PeerId,
        /// Where that node speaks from.
        remote: SocketAddr,
        /// Who began it.
        direction: Direction,
        /// A secret of this connection alone that both ends know (RFC 8446, 7.5).
        exporter: [u8; 32],
        /// How long it takes there and back; `None` where nobody has measured it.
        round_trip: Option<Duration>,
    },
    /// The connection is gone.
    Down {
        /// Which.
        link: LinkId,
    },
    /// A frame came; its header was checked against the limit of its kind.
    Frame {
        /// The connection that brought it.
        link: LinkId,
        /// What the header says.
        kind: Kind,
        /// The bytes after the header.
        body: Vec<u8>,
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
    /// Answers [`Output::DialBack`].
    BackDialled {
        /// Who was dialled.
        peer: PeerId,
        /// Whether a connection stood.
        is_reached: bool,
    },
    /// Frames that we sent did not leave: their lane was full.
    Dropped {
        /// The connection.
        link: LinkId,
        /// Which lane.
        lane: Lane,
        /// How many.
        frames: u32,
    },
    /// How busy the node was, about once a second while anything comes; see
    /// [`Meter`](ensign_ratelimit::Meter).
    Load(Load),
    /// Answers [`Output::Solve`].
    Solved {
        /// The puzzle.
        job: u64,
        /// What was found; `None` when it could not be looked for.
        proof: Option<Proof>,
    },
    /// Answers [`Output::Signer`].
    Signer(SignerAnswer),
    /// Answers [`Output::Persist`]: the record is durable.
    Persisted {
        /// The token of the request.
        token: u64,
    },
    /// Answers [`Output::Recall`].
    Recalled {
        /// The request that was asked about.
        request: RequestId,
        /// What the store knows of it, every record included that was to be written before.
        known: Known,
    },
}

/// What the node asks of the world, oldest first.
#[derive(Debug)]
pub enum Output {
    /// Dial a node once. Answered by [`Input::Up`] or [`Input::DialFailed`].
    Dial {
        /// The node.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// Dial a node once, from a new socket and under a key of that moment, send this frame and close. Answered by
    /// [`Input::BackDialled`].
    DialBack {
        /// Who must be there.
        peer: PeerId,
        /// Where: the host from which it speaks to us.
        address: SocketAddr,
        /// Header and body of a [`Kind::DialBack`].
        frame: Arc<[u8]>,
    },
    /// Let a node in whoever else is there.
    Expect {
        /// The node.
        peer: PeerId,
    },
    /// Neither dial nor expect this node any more; its connection is closed beside this.
    Forget {
        /// The node.
        peer: PeerId,
    },
    /// The peer is one of ours: let it open more streams.
    Admit {
        /// Its connection.
        link: LinkId,
    },
    /// Close the connection. Nothing that still comes over it is heard.
    Close {
        /// Which.
        link: LinkId,
        /// Why.
        reason: CloseCode,
    },
    /// Send this frame; drop it when the connection is gone.
    Send {
        /// Over which connection.
        link: LinkId,
        /// In which of its lanes.
        lane: Lane,
        /// What it carries.
        kind: Kind,
        /// Header and body.
        frame: Arc<[u8]>,
    },
    /// Solve this puzzle off the loop: as many [`Solver`](ensign_pow::Solver)s as there are cores, each with its
    /// part, until one has found it. Answered by [`Input::Solved`]. One at a time.
    Solve {
        /// Names it.
        job: u64,
        /// Who asks for it.
        peer: PeerId,
        /// What has to be found.
        puzzle: Puzzle,
        /// Where the first part begins.
        start: u64,
    },
    /// Nobody waits for this puzzle any more.
    StopSolving {
        /// Which.
        job: u64,
    },
    /// Ask the signer; questions are put to it in this order. Answered by [`Input::Signer`].
    Signer(SignerQuestion),
    /// Make the record durable and answer with [`Input::Persisted`].
    Persist {
        /// Names this request, and the child that waits.
        token: u64,
        /// What to keep.
        record: Record,
    },
    /// Write the record down with the next one that is persisted, or within
    /// [`NOTE_PAUSE`](ensign_signing::NOTE_PAUSE); nobody waits for it. A later note of the same place
    /// takes the place of an earlier one.
    Note(Record),
    /// Look up what the store knows of a request and answer with [`Input::Recalled`]. No flush: it
    /// is asked on behalf of peers.
    Recall {
        /// The request.
        request: RequestId,
    },
    /// Something for the application.
    Event(Event),
}

/// What must survive a crash, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Of signing.
    Signing(ensign_signing::Record),
    /// Of peers; nobody waits for one.
    Peers(ensign_peers::Record),
    /// Of formation.
    Formation(ensign_formation::Record),
    /// Of reputation; our user waits for one that is persisted.
    Reputation(ensign_reputation::Record),
    /// Of the open network; nobody waits for one.
    Overlay(overlay::Record),
}

/// Something for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Signing reports.
    Signing(ensign_signing::Event),
    /// Peers reports.
    Peers(ensign_peers::Event),
    /// Formation reports.
    Formation(ensign_formation::Event),
    /// The open network reports.
    Overlay(overlay::Event),
    /// A node that we want is busy, and has us prove work.
    Paying(Paying),
    /// A peer did wrong. Told at a bounded rate; see [`Warnings`](ensign_signing::Warnings).
    Offense {
        /// The node.
        peer: PeerId,
        /// What it did.
        offense: Offense,
        /// What it costs.
        sentence: Sentence,
        /// How many offenses of such peers were not told since the last that was: members and strangers
        /// are counted apart.
        held_back: u64,
    },
    /// Frames for a peer did not leave.
    Dropped {
        /// The node.
        peer: PeerId,
        /// In which lane.
        lane: Lane,
        /// How many.
        frames: u32,
    },
}
