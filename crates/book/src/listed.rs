//! What the book asks of a node record.

use core::{fmt::Debug, net::SocketAddr};

use ensign_primitives::{PeerId, UnixTime};
use ensign_wire::{NodeRecord, RecordError, RecordRules, Scope};

/// What a node says of itself under its signature: who it is, where, and until when.
///
/// The book reads these and no more, so that a record's bytes, its signature and its proof of work are the matter
/// of one other place.
pub trait Listed: Clone + Debug + PartialEq {
    /// What a record is held to: network, price, which addresses may stand in one.
    type Terms: Clone + Debug;

    /// Returns the node that signed it.
    fn peer(&self) -> PeerId;

    /// Returns where it stands in the space of ids; what it takes to choose that place is its proof's matter.
    fn position(&self) -> [u8; 32];

    /// Returns where it may be reached, few.
    fn addresses(&self) -> &[SocketAddr];

    /// Returns a number that rises with each record of the node.
    fn seq(&self) -> u64;

    /// Returns when it ends.
    fn expires(&self) -> UnixTime;

    /// Checks all that needs no signature.
    ///
    /// # Errors
    ///
    /// Any [`Fault`] but [`Fault::Forged`].
    fn check(&self, now: UnixTime, terms: &Self::Terms) -> Result<(), Fault>;

    /// Checks the signature and the proof of work; asked after [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// [`Fault::Forged`].
    fn prove(&self, terms: &Self::Terms) -> Result<(), Fault>;
}

/// Why a record is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has ended, or begins later by our clock: nobody's fault who hands it on.
    Stale,
    /// Its signature or its proof does not hold.
    Forged,
    /// It belongs to another network.
    Foreign,
    /// It holds for longer than any does, or names an address at which nobody can be reached, or none.
    Misplaced,
    /// It names an address that belongs into records of another scope: who handed it on may be set otherwise.
    OtherScope,
}

impl Fault {
    /// Says what is wrong, after "that".
    pub const fn what(self) -> &'static str {
        match self {
            Self::Stale => "has ended or has not begun",
            Self::Forged => "it has not signed, or has not worked for",
            Self::Foreign => "belongs to another network",
            Self::Misplaced => "holds too long or names an address where nobody is",
            Self::OtherScope => "names an address of another scope",
        }
    }

    /// Returns whether whoever hands such a record on has done wrong.
    pub const fn is_an_offense(self) -> bool {
        match self {
            Self::Stale | Self::OtherScope => false,
            Self::Forged | Self::Foreign | Self::Misplaced => true,
        }
    }
}

impl Listed for NodeRecord {
    type Terms = RecordRules;

    fn peer(&self) -> PeerId {
        self.peer()
    }

    fn position(&self) -> [u8; 32] {
        self.position().0
    }

    fn addresses(&self) -> &[SocketAddr] {
        &self.node().addresses
    }

    fn seq(&self) -> u64 {
        self.seq()
    }

    fn expires(&self) -> UnixTime {
        self.node().expires
    }

    fn check(&self, now: UnixTime, terms: &RecordRules) -> Result<(), Fault> {
        self.verify_cheaply(now, *terms).map_err(|error| fault_of(&error))
    }

    fn prove(&self, terms: &RecordRules) -> Result<(), Fault> {
        self.verify_work(terms.bits).map_err(|error| fault_of(&error))?;
        if self.verify_signature() { Ok(()) } else { Err(Fault::Forged) }
    }
}

fn fault_of(error: &RecordError) -> Fault {
    match error {
        RecordError::Network { .. } => Fault::Foreign,
        RecordError::Expired { .. }
        | RecordError::Future { .. }
        | RecordError::PositionEpoch { .. } => Fault::Stale,
        RecordError::Address { address } if Scope::Local.allows(address.ip()) => Fault::OtherScope,
        RecordError::Lifetime { .. } | RecordError::Address { .. } | RecordError::NoAddress => {
            Fault::Misplaced
        }
        RecordError::PositionVersion { .. }
        | RecordError::PositionBits { .. }
        | RecordError::Signature => Fault::Forged,
        // What a later version of the wire finds besides is a reason not to take it.
        _ => Fault::Misplaced,
    }
}
