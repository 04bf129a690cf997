//! What our caller and what peers do wrong.

use alloc::string::String;
use core::fmt;

use ensign_primitives::SignerIndex;
use ensign_wire::{CertificateError, DecodeError, InvitationId};

/// Why a command of our user is refused. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A group of this name forms, or has formed.
    #[error("a group `{name}` forms already, or has formed")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// No group of this name forms.
    #[error("no group `{name}` forms here")]
    Unknown {
        /// The name.
        name: String,
    },
    /// As many groups form, or have formed, as may.
    #[error("{limit} groups form, or have formed, and no more may")]
    TooMany {
        /// How many.
        limit: usize,
    },
    /// A name, a number of seats or a roster is outside its limits.
    #[error("{0}")]
    Limits(#[source] DecodeError),
    /// The roster holds a delegation that does not hold.
    #[error("{0}")]
    Delegation(#[source] CertificateError),
    /// The roster, or the candidate, is not ours: our node is not in it.
    #[error("our own node is not among the members")]
    NotOurs,
    /// We invited: our own code is for the others.
    #[error("this invitation is our own; its code is for the others")]
    OwnInvitation,
    /// The invitation is over.
    #[error("the invitation ended at {expires}; ask for a new one")]
    Expired {
        /// When.
        expires: ensign_primitives::UnixTime,
    },
    /// The invitation or roster is for another chain.
    #[error("it is for {seen}, this node works on {expected}")]
    Network {
        /// Ours.
        expected: ensign_primitives::Network,
        /// Its.
        seen: ensign_primitives::Network,
    },
    /// Not everybody has revealed: there is nothing to confirm yet.
    #[error("there is no fingerprint yet: not everybody has come")]
    NoFingerprint,
    /// A member has signed another fingerprint: no certificate can come of this one.
    #[error("member {by} has confirmed another fingerprint: somebody stands between; begin anew")]
    Differs {
        /// Which member.
        by: SignerIndex,
    },
    /// The fingerprint is another one.
    #[error("the fingerprint here is {expected}, which is another one: nothing is confirmed")]
    OtherFingerprint {
        /// In words.
        expected: String,
    },
    /// Our user has confirmed: our signature is out, and the group may become whole without us.
    #[error("it is confirmed and may become whole by the others; it can be forgotten only")]
    Confirmed,
}

/// What a peer did wrong while a group formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offense {
    /// It asked for a seat and does not know the secret, or proved it for another connection.
    WrongProof {
        /// Of which invitation.
        invitation: InvitationId,
    },
    /// Its candidate is none: another node's, or the delegation does not hold.
    InvalidCandidate {
        /// For which invitation.
        invitation: InvitationId,
    },
    /// Bytes inside a message are none of what they should be.
    Decode(DecodeError),
    /// A roster is not what was agreed on: name, size, invitation, our own entry, or a delegation.
    WrongRoster,
    /// It sent a second, different roster for one invitation.
    SecondRoster,
    /// A statement is not signed by whom it names, or speaks for a member whose node is another.
    BadSignature,
    /// A member said two different things in one place.
    Contradiction {
        /// Which member.
        by: SignerIndex,
    },
    /// A revealed value is not what was committed.
    WrongReveal {
        /// Whose.
        by: SignerIndex,
    },
    /// A certificate does not hold.
    WrongCertificate,
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongProof { .. } => f.write_str("a wrong proof for a seat"),
            Self::InvalidCandidate { .. } => f.write_str("a candidate whose key does not hold"),
            Self::Decode(error) => error.fmt(f),
            Self::WrongRoster => f.write_str("a roster that is not what was agreed on"),
            Self::SecondRoster => f.write_str("a second roster for one invitation"),
            Self::BadSignature => f.write_str("a statement that its member did not sign"),
            Self::Contradiction { by } => write!(f, "two different statements of member {by}"),
            Self::WrongReveal { by } => {
                write!(f, "a value of member {by} that was not committed")
            }
            Self::WrongCertificate => f.write_str("a certificate that does not hold"),
        }
    }
}
