//! Invitation codes: one line that lets its readers take a seat in a group.
//!
//! A code is [Bech32m] with the prefix `ensigninvite` over bytes (`code`). It is worth a seat to whoever
//! reads it first, for an hour, and nothing more: the fingerprint shows who took the seats.
//!
//! [Bech32m]: https://github.com/bitcoin/bips/blob/master/bip-0350.mediawiki

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use ensign_peers::contact::Address;
use ensign_primitives::{Network, PeerId, TaggedHasher, UnixTime};
use ensign_wire::InvitationId;

mod code;

/// What an invitation's code says.
///
/// # Security
///
/// Holds the secret that a seat is had for; its code is for those who shall be members.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The chain that the group signs on.
    pub network: Network,
    /// The group's name.
    pub name: String,
    /// How many members it has, whoever invited among them.
    pub size: u8,
    /// The node that gives the seats.
    pub inviter: PeerId,
    /// Where that node can be dialled, at most [`ADDRESSES_MAX`](ensign_peers::contact::ADDRESSES_MAX).
    pub addresses: Vec<Address>,
    /// Until when seats are given.
    pub expires: UnixTime,
    pub(crate) secret: [u8; 16],
}

/// Why text is no invitation code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// It does not begin as one does.
    #[error("`{seen}` does not begin with `ensigninvite1`")]
    Prefix {
        /// The first characters, escaped.
        seen: String,
    },
    /// It is a contact code.
    #[error("this is a contact code (`ensign1..`), not an invitation (`ensigninvite1..`)")]
    Contact,
    /// It is longer or shorter than any code, or has characters that none has, or its checksum does not
    /// fit.
    #[error(
        "of {characters} characters some are wrong, missing or too many: the checksum does not fit"
    )]
    Checksum {
        /// How many it has.
        characters: usize,
    },
    /// Another version of codes.
    #[error("version {seen} of invitations is not known, only 1")]
    Version {
        /// The version.
        seen: u8,
    },
    /// The bytes are not written in the one way, or a field is outside its limits.
    #[error("the bytes do not hold together at byte {offset}")]
    Layout {
        /// Where, from 0.
        offset: usize,
    },
}

impl Invitation {
    /// Returns the hash that names it: of everything in the code but the addresses, so that a changed code
    /// is one that nobody gave out.
    pub fn id(&self) -> InvitationId {
        let hash = TaggedHasher::new("ensign/invitation/v1", self.network)
            .bytes(self.inviter.as_bytes())
            .bytes(&self.secret)
            .u64(self.size.into())
            .u64(self.expires.as_millis())
            .var_bytes(self.name.as_bytes())
            .finish();
        InvitationId(hash.first_chunk().copied().unwrap_or_default())
    }

    /// Whether its time is over.
    pub fn is_over(&self, now: UnixTime) -> bool {
        self.expires <= now
    }
}

impl Invitation {
    /// Returns the bytes of its code, to be kept.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        code::encode(self)
    }

    /// Reads what was kept.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        code::decode(bytes).ok()
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation({} of {}, secret)", self.name, self.size)
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&code::write(&code::encode(self)).ok_or(fmt::Error)?)
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(text: &str) -> Result<Self, InvitationError> {
        code::decode(&code::read(text)?)
    }
}
