//! What nodes say to each other while a group forms.

use alloc::{boxed::Box, vec::Vec};

use ensign_identity::Signature;
use ensign_primitives::{Network, SignerIndex};
use serde::{Deserialize, Serialize};

use crate::{DecodeError, InvitationId, Kind, ROSTER_MEMBERS_MAX, Signable, Signed, codec};

/// Most bytes of a candidate in a [`Seat`]: a name, two keys, a delegation and the addresses.
pub const CANDIDATE_BYTES_MAX: usize = 512;

/// What nodes say while a group forms.
///
/// What costs curve points to read (candidates, rosters, certificates) stays bytes here: only who waits
/// for one reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormationMessage {
    /// Asks for a seat.
    Seat(Seat),
    /// Answers that.
    Seated(Seated),
    /// Carries a [`RosterOffer`](crate::RosterOffer).
    Roster(Vec<u8>),
    /// Carries what a member says of a roster.
    Statement(Box<Signed<FormationStatement>>),
    /// Carries a [`Certificate`](crate::Certificate).
    Certificate(Vec<u8>),
}

/// Asks the node that invited for a seat in its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Which invitation.
    pub invitation: InvitationId,
    /// That the sender knows the invitation's secret, on this connection and about this candidate.
    pub proof: [u8; 32],
    /// A [`Candidate`](crate::Candidate), at most [`CANDIDATE_BYTES_MAX`] bytes: not read before the proof
    /// holds.
    pub candidate: Vec<u8>,
}

/// Answers a [`Seat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seated {
    /// Which invitation.
    pub invitation: InvitationId,
    /// The answer.
    pub answer: SeatAnswer,
}

/// Whether a seat is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeatAnswer {
    /// It is, or was before.
    Taken {
        /// That the sender knows the secret too.
        proof: [u8; 32],
        /// How many seats are taken, the sender's own among them.
        taken: u8,
    },
    /// It is not.
    Refused(SeatRefusal),
}

/// Why a seat is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SeatRefusal {
    /// The sender knows no such invitation: it is over, or its code was changed.
    Unknown,
    /// The proof is wrong.
    WrongProof,
    /// The invitation's time is over.
    Expired,
    /// Every seat is taken.
    Full,
    /// Somebody has a seat with the same key or a name that looks the same, or the asker has one with
    /// something else.
    Occupied,
    /// The candidate is none: its delegation does not hold, or it is another node's.
    Invalid,
    /// Whoever invited gave it up.
    Closed,
}

/// What a member says of a roster, under its node's signature.
///
/// The sequence number is the moment in which the sender began with this roster, in milliseconds: what it
/// said before that counts no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormationStatement {
    /// The roster's [digest](crate::Roster::digest).
    pub roster: [u8; 32],
    /// As which member.
    pub signer: SignerIndex,
    /// What.
    pub body: FormationBody,
}

/// What a member can say of a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormationBody {
    /// The hash of its random value.
    Commit([u8; 32]),
    /// The value, when all have committed.
    Reveal([u8; 32]),
    /// That its user has confirmed the fingerprint: BIP340 of its node key over it.
    Confirm(Signature),
    /// That its user does not want this group.
    Refuse,
}

impl Signable for FormationStatement {
    const TAG: &'static str = "ensign/formation-statement/v1";

    fn validate(&self, _: Network) -> Result<(), DecodeError> {
        codec::in_range("signer", self.signer.0.into(), 0..=(ROSTER_MEMBERS_MAX - 1) as u64)
    }
}

impl FormationMessage {
    /// Returns the kind of its frame.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Seat(_) => Kind::FormationSeat,
            Self::Seated(_) => Kind::FormationSeated,
            Self::Roster(_) => Kind::FormationRoster,
            Self::Statement(_) => Kind::FormationStatement,
            Self::Certificate(_) => Kind::FormationCertificate,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Seat(seat) => codec::encode(seat),
            Self::Seated(seated) => codec::encode(seated),
            Self::Roster(bytes) | Self::Certificate(bytes) => bytes.clone(),
            Self::Statement(statement) => statement.encode(),
        }
    }

    /// Decodes the body of a frame of one of its kinds.
    pub(crate) fn decode(kind: Kind, body: &[u8], network: Network) -> Result<Self, DecodeError> {
        if kind == Kind::FormationSeat {
            return Seat::decode(body).map(Self::Seat);
        }
        if kind == Kind::FormationSeated {
            return codec::decode(body).map(Self::Seated);
        }
        if kind == Kind::FormationStatement {
            return Signed::decode(body, network).map(Box::new).map(Self::Statement);
        }
        if body.is_empty() {
            let expected = codec::MORE_BYTES;
            return Err(DecodeError::Malformed { offset: 0, expected, seen: None });
        }
        // Read by who waits for one: each member costs a curve point.
        let bytes = body.to_vec();
        let is_roster = kind == Kind::FormationRoster;
        Ok(if is_roster { Self::Roster(bytes) } else { Self::Certificate(bytes) })
    }
}

impl Seat {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let seat: Self = codec::decode(bytes)?;
        let length = seat.candidate.len() as u64;
        codec::in_range("bytes of a candidate", length, 1..=CANDIDATE_BYTES_MAX as u64)?;
        Ok(seat)
    }
}
