//! What goes into the machine and what comes out.

use alloc::vec::Vec;
use core::{fmt, net::SocketAddr, time::Duration};

use ensign_primitives::PeerId;
use ensign_wire::{DialBackAsk, DialBackNonce, DialBackOutcome, DialBackTold};

/// What is announced of a node whose user names no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Announce {
    /// What was dialled back.
    Tested,
    /// Where it listens: in a network of local addresses, where nothing lies between.
    Listening,
    /// Nothing: it only asks.
    Nothing,
}

/// What the world tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A node that we have dialled is there.
    Met {
        /// Which.
        peer: PeerId,
        /// Where we have dialled it.
        remote: SocketAddr,
        /// Where it says that we are.
        seen: Option<SocketAddr>,
    },
    /// It is gone.
    Left {
        /// Which.
        peer: PeerId,
    },
    /// Somebody asks to be dialled back.
    Asked {
        /// Who.
        from: PeerId,
        /// From where it speaks.
        remote: SocketAddr,
        /// What it asks.
        ask: DialBackAsk,
    },
    /// Answers [`Output::DialBack`].
    Dialled {
        /// Who was dialled.
        peer: PeerId,
        /// Whether a connection stood.
        is_reached: bool,
    },
    /// Somebody tells what came of dialling us.
    Told {
        /// Who.
        from: PeerId,
        /// What.
        told: DialBackTold,
    },
    /// A connection that was dialled to us has brought this.
    DialledBack {
        /// From where it came.
        remote: SocketAddr,
        /// What it brought.
        nonce: DialBackNonce,
    },
}

/// What the owner shall do, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask a node that we have dialled.
    Ask {
        /// Which.
        to: PeerId,
        /// What.
        ask: DialBackAsk,
    },
    /// Answer a node that has asked us.
    Tell {
        /// Which.
        to: PeerId,
        /// What.
        told: DialBackTold,
    },
    /// Dial a node once, from a new socket and under a name of that moment, and bring it this. Answered by
    /// [`Input::Dialled`].
    DialBack {
        /// Who must be there.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
        /// What to bring.
        nonce: DialBackNonce,
    },
    /// A peer did wrong.
    Offense {
        /// Who.
        peer: PeerId,
        /// What.
        offense: Offense,
    },
    /// Connect anew with a node that we have dialled, if nobody else needs the connection: it stood through a change, and
    /// says where we were.
    Refresh {
        /// Which.
        peer: PeerId,
    },
    /// What is [announced](crate::Reach::announced) is another now.
    Changed,
    /// Whether the node is reached is another now.
    Judged(Verdict),
}

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offense {
    /// It answered what it was not asked.
    Unasked,
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("it tells of a dial back that it was not asked for"),
        }
    }
}

/// Whether a node is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It only asks: nothing is tested.
    Unwanted,
    /// Its addresses are announced as they are, because its user or its network says so, and nobody has tested one.
    Untested,
    /// Somebody came back to what is announced.
    Reached,
    /// Fewer than [`OBSERVERS_MIN`](crate::OBSERVERS_MIN) areas say where it is, or they do not agree.
    Unseen,
    /// It is being tested, or nobody could be asked yet.
    Testing,
    /// It was tested, and nobody, or too few, came back.
    Unreached,
}

/// One look at all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// In one word.
    pub verdict: Verdict,
    /// Whether what is announced is what our user names.
    pub is_given: bool,
    /// The port on which it listens, where that is known: the one to forward.
    pub port: Option<u16>,
    /// Where others see it, those that most say first.
    pub seen: Vec<Seen>,
    /// What is tested.
    pub tested: Vec<Tested>,
}

/// Where others see a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where.
    pub address: SocketAddr,
    /// How many areas say so, of the latest.
    pub networks: usize,
}

/// How the test of one address stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The address.
    pub address: SocketAddr,
    /// Whether it is reached.
    pub is_reached: bool,
    /// Who came back, and how long ago, the latest last.
    pub reached: Vec<(PeerId, Duration)>,
    /// How many dialled in vain in the last round.
    pub failed: usize,
    /// How many refused to dial in it.
    pub refused: usize,
    /// The last refusal, or other answer.
    pub last: Option<DialBackOutcome>,
}
