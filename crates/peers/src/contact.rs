//! Contact codes: everything another signer needs to know about us, in one line to paste.
//!
//! A code is [Bech32m] with the prefix `ensign` over bytes: the version, then entries of a kind, a
//! length and a value (`bytes`). What mail and phones do to it on the way is undone before it is
//! read (`text`). One code per contact: bytes that are written otherwise are refused.
//!
//! [Bech32m]: https://github.com/bitcoin/bips/blob/master/bip-0350.mediawiki

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use ensign_identity::{DelegationProof, SignerKey};
use ensign_primitives::{Network, PeerId};

mod address;
pub use address::{Address, AddressError, HostError, HostName};
mod foreign;
pub use foreign::foreign;
mod name;
pub use name::{NAME_CHARS_MAX, NameError, check_name};

mod bytes;
mod text;

const PREFIX: Hrp = Hrp::parse_unchecked("ensign");

/// Most addresses in one code. Guess: two networks with both address families, twice.
pub const ADDRESSES_MAX: usize = 8;

/// Most bytes of a code: Bech32m finds errors in up to 1,023 characters only (BIP350).
const CODE_BYTES_MAX: usize = (1023 - "ensign1".len() - 6) * 5 / 8;

/// One signer, as it introduces itself. Its keys are points on the curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The chain it signs on.
    pub network: Network,
    /// What it calls itself, which is a claim; see [`check_name`].
    pub name: String,
    /// What this user calls it, where that is something else; no part of the code.
    pub alias: Option<String>,
    /// Its node.
    pub peer: PeerId,
    /// The key it brings into groups.
    pub signer: SignerKey,
    /// Where its node can be dialled, at most [`ADDRESSES_MAX`].
    pub addresses: Vec<Address>,
    /// What else its code says.
    pub more: Vec<More>,
}

/// What a code may say besides who somebody is and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum More {
    /// The signer key lets the node speak for it; the signature was verified.
    Delegation(DelegationProof),
    /// Something that a later version understands; kept as it is.
    Unknown {
        /// Which kind of entry.
        kind: u8,
        /// Its value.
        value: Vec<u8>,
    },
}

/// Why text is no contact code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContactError {
    /// It does not begin as a code does.
    #[error("`{seen}` does not begin with `ensign1`")]
    Prefix {
        /// The first characters, escaped.
        seen: String,
    },
    /// Another one begins inside.
    #[error("a second code begins at character {position}; give one for each")]
    Several {
        /// Where, from 1, white space aside.
        position: usize,
    },
    /// A character that no code has.
    #[error("character {position} is `{character}`, which no code has{meant}")]
    Character {
        /// Where, from 1, white space aside.
        position: usize,
        /// The character, escaped.
        character: String,
        /// What it may have been.
        meant: &'static str,
    },
    /// It is longer than any code.
    #[error("it has {characters} characters, more than any code")]
    Long {
        /// How long it is.
        characters: usize,
    },
    /// One letter does not fit the rest.
    #[error("one letter near character {position} is wrong: the checksum does not fit")]
    Letter {
        /// Where, from 1, white space aside.
        position: usize,
    },
    /// The checksum does not fit.
    #[error(
        "the checksum does not fit: of {characters} characters some are wrong, missing or too many"
    )]
    Checksum {
        /// How long the text is.
        characters: usize,
    },
    /// Another version of codes.
    #[error("version {seen} is not known, only 1 and 2")]
    Version {
        /// The version.
        seen: u8,
    },
    /// A network that does not exist.
    #[error("network {seen} is not known")]
    Network {
        /// The network's number.
        seen: u8,
    },
    /// The bytes end too early, go on too long, or are not written in the one way.
    #[error("the bytes do not hold together at byte {offset}")]
    Layout {
        /// Where, from 0.
        offset: usize,
    },
    /// The name is not acceptable.
    #[error("{0}")]
    Name(NameError),
    /// The node id is no point on the curve.
    #[error("the node id {seen} is no point on the curve")]
    NodeKey {
        /// The id.
        seen: PeerId,
    },
    /// The signer key is no point on the curve.
    #[error("the signer key is {0}")]
    SignerKey(ensign_identity::InvalidSignerKey),
    /// The signer key does not let the node speak for it, as the code says.
    #[error("the signer key did not sign that the node speaks for it")]
    Delegation,
}

impl Contact {
    /// Returns how this user calls it.
    pub fn called(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// Returns the delegation of its signer key to its node, if the code carries one.
    pub fn delegation(&self) -> Option<DelegationProof> {
        self.more.iter().find_map(|more| match more {
            More::Delegation(proof) => Some(*proof),
            More::Unknown { .. } => None,
        })
    }

    /// Whether both keys are those of another contact, so that they are one signer.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        self.peer == other.peer && self.signer == other.signer
    }

    /// Whether a code has room for all that it says.
    pub fn fits(&self) -> bool {
        bytes::encode(self).len() <= CODE_BYTES_MAX
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = bytes::encode(self);
        f.write_str(&bech32::encode::<Bech32m>(PREFIX, &bytes).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Contact {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        let code = text::clean(text)?;
        let Ok(checked) = CheckedHrpstring::new::<Bech32m>(&code) else {
            return Err(text::checksum_error(&code));
        };
        let bytes: Vec<u8> = checked.byte_iter().collect();
        // The last character has spare bits.
        if bech32::encode::<Bech32m>(PREFIX, &bytes).is_ok_and(|written| written == code) {
            return bytes::decode(&bytes);
        }
        Err(ContactError::Layout { offset: bytes.len() })
    }
}

#[cfg(test)]
mod tests;
