//! What the machine is told, asks for and reports.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, net::SocketAddr};
use ensign_primitives::{PeerId, SignerIndex, UnixTime};
use ensign_wire::{Certificate, Fingerprint, FormationMessage, Roster, SeatRefusal};

use crate::Offense;

/// What the world tells the machine.
#[derive(Debug)]
pub enum Input {
    /// A node is connected and has introduced itself.
    Up {
        /// The node.
        peer: PeerId,
        /// A secret of this connection alone, which both ends know (RFC 8446, 7.5).
        exporter: [u8; 32],
    },
    /// It is connected no more.
    Down {
        /// The node.
        peer: PeerId,
    },
    /// Frames for a node did not leave: what it needs is said again, after
    /// [some seconds](crate::GREETING_INTERVAL).
    Dropped {
        /// The node.
        peer: PeerId,
    },
    /// A message came.
    Message {
        /// The node that brought it.
        peer: PeerId,
        /// What it says.
        message: FormationMessage,
    },
    /// Answers [`Output::Persist`]: the record is durable.
    Persisted {
        /// The token of the request.
        token: u64,
    },
}

/// What the machine asks of the world, oldest first.
#[derive(Debug)]
pub enum Output {
    /// Send this; drop it when there is no connection.
    Send {
        /// The node.
        peer: PeerId,
        /// What.
        message: FormationMessage,
    },
    /// Tell whoever dials: keep a connection to a node, or no more.
    Ask(ensign_peers::Input),
    /// Make the record durable and answer with [`Input::Persisted`].
    Persist {
        /// Names this request.
        token: u64,
        /// What to keep.
        record: Record,
    },
    /// A node did wrong; what that costs is not decided here.
    Offense {
        /// The node.
        peer: PeerId,
        /// What it did.
        offense: Offense,
    },
    /// Something for the application.
    Event(Event),
}

/// What must survive a crash. A record takes the place of the one before it under the same name.
///
/// # Security
///
/// Holds what our random value is made from, and an invitation's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The group's name.
    pub name: String,
    /// What is known of it, for [`Restored`]; `None` removes it.
    pub bytes: Option<Vec<u8>>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.as_ref().map(Vec::len);
        f.debug_struct("Record").field("name", &self.name).field("bytes", &bytes).finish()
    }
}

/// What is known from before a restart: the bytes of each [`Record`] that stands.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// In any order. What cannot be read is left out.
    pub records: Vec<Vec<u8>>,
    /// Whether they may be older than what this node said: a store that was restored or copied. What our
    /// user has not confirmed ends then, because a value of ours may be out.
    pub may_be_old: bool,
}

impl fmt::Debug for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, may_be_old } = self;
        let mut shown = f.debug_struct("Restored");
        shown.field("records", &records.len()).field("may_be_old", may_be_old).finish()
    }
}

/// Something for the application, about the group of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The group.
    pub name: String,
    /// What happened.
    pub what: Happened,
}

/// What happened to a group that forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Somebody took a seat in the group that we invite to.
    SeatTaken {
        /// What it calls itself.
        member: String,
        /// Its node.
        peer: PeerId,
        /// How many seats are taken, our own among them.
        taken: u8,
        /// How many there are.
        size: u8,
    },
    /// We have a seat.
    Seated {
        /// How many seats are taken.
        taken: u8,
        /// How many there are.
        size: u8,
    },
    /// Everybody is known; random values are exchanged.
    Gathered {
        /// Who.
        roster: Box<Roster>,
    },
    /// What our user compares with all others, and then [confirms](crate::Formation::confirm).
    Fingerprint {
        /// Who.
        roster: Box<Roster>,
        /// In [words](Fingerprint::words).
        fingerprint: Fingerprint,
    },
    /// A member has confirmed this fingerprint; ours among them.
    Confirmed {
        /// Which member.
        by: SignerIndex,
        /// How many have.
        confirmed: u8,
    },
    /// A member has confirmed another fingerprint: somebody stands between, or its program is broken.
    Differs {
        /// Which member.
        by: SignerIndex,
    },
    /// A member says different things to different others, as those have handed on: no certificate may come
    /// of it. Told once.
    Contradicts {
        /// Which member.
        by: SignerIndex,
    },
    /// A member has put together another group of this name, or of other codes: one of both pasted
    /// something else.
    OtherRoster {
        /// Its node.
        by: PeerId,
        /// Its roster.
        roster: Box<Roster>,
    },
    /// A member does not want this group. We have confirmed, so that it may yet become whole, if that
    /// member has confirmed to others.
    Refused {
        /// Which member.
        by: SignerIndex,
    },
    /// All have signed: the group is there.
    Formed {
        /// The proof.
        certificate: Box<Certificate>,
        /// Where each member said that it can be dialled, in the roster's order.
        addresses: Vec<Vec<SocketAddr>>,
    },
    /// Nothing comes of it, and nothing of it is left.
    Ended(Ended),
}

/// Why nothing comes of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its time is over.
    Expired,
    /// The node that invited gives us no seat.
    NotSeated(SeatRefusal),
    /// A member does not want it.
    Refused {
        /// Which member.
        by: SignerIndex,
    },
    /// A member began anew after everybody had revealed: all have to.
    StartedOver {
        /// Which member.
        by: SignerIndex,
    },
    /// The invitation was closed, because of [wrong proofs](crate::WRONG_PROOFS_MAX).
    WrongProofs,
    /// The store was restored from an older one: our random value may be known.
    StoreRestored,
}

/// How far a group has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// We invite; these have seats, we first.
    Inviting {
        /// What they call themselves.
        seated: Vec<String>,
        /// How many seats there are.
        size: u8,
        /// The code for the others.
        code: String,
    },
    /// We ask for a seat.
    Joining {
        /// The node that invited.
        inviter: PeerId,
        /// Whether it has given us one, on the connection that stands.
        is_seated: bool,
    },
    /// Everybody is known, random values are exchanged.
    Revealing {
        /// Who.
        roster: Box<Roster>,
        /// Of whom nothing, or not everything, has come.
        missing: Vec<SignerIndex>,
    },
    /// The fingerprint is there.
    Confirming {
        /// Who.
        roster: Box<Roster>,
        /// What is compared.
        fingerprint: Fingerprint,
        /// Who has not confirmed it; we too, while our user has not.
        missing: Vec<SignerIndex>,
    },
}

/// A group that forms, for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: String,
    /// How far it has come.
    pub step: Step,
    /// Until when it waits; `None` once our user has confirmed.
    pub expires: Option<UnixTime>,
}
