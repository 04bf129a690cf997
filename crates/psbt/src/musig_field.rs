//! The MuSig2 fields of a PSBT, [BIP-0373]: participant keys, public nonces, partial signatures.
//!
//! `bitcoin` 0.32 keeps them as unknown fields and does not look inside.
//!
//! [BIP-0373]: <https://github.com/bitcoin/bips/blob/master/bip-0373.mediawiki>

use bitcoin::psbt::raw;
use ensign_identity::SignerKey;
use ensign_musig::{PartialSig, PubNonce, PublicKey, parse_public_key};
use ensign_primitives::SIGNERS_MAX;

use crate::layout::Map;

/// Most participant keys read from one field; parsing one costs 3 µs.
pub const PARTICIPANTS_MAX: usize = SIGNERS_MAX;

const IN_PARTICIPANTS: u8 = 0x1a;
const IN_PUB_NONCE: u8 = 0x1b;
const IN_PARTIAL_SIG: u8 = 0x1c;
const OUT_PARTICIPANTS: u8 = 0x08;

const KEY_BYTES: usize = 33;
const SLOT_BYTES: usize = 66;
const LEAF_SLOT_BYTES: usize = 98;

/// One MuSig2 field of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MusigField {
    /// Who is behind an aggregate key.
    Participants {
        /// The aggregate key before any tweak, with its sign.
        aggregate: PublicKey,
        /// The keys in aggregation order, 1 to [`PARTICIPANTS_MAX`].
        participants: Vec<SignerKey>,
    },
    /// A participant's public nonce.
    PubNonce {
        /// Whose, and for which key.
        slot: MusigSlot,
        /// The nonce.
        nonce: PubNonce,
    },
    /// A participant's partial signature.
    PartialSig {
        /// Whose, and for which key.
        slot: MusigSlot,
        /// The partial signature; not verified.
        sig: PartialSig,
    },
}

/// Which participant's contribution to which signature a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MusigSlot {
    /// The participant.
    pub participant: SignerKey,
    /// The key signed under, as it stands in the output or script. Some software names the
    /// untweaked aggregate key here; accept both when reading.
    pub aggregate: PublicKey,
    /// The leaf for a script-path spend, `None` for the key path.
    pub leaf: Option<[u8; 32]>,
}

impl MusigField {
    /// Decodes a field; `None` if it is no MuSig2 field of that map.
    ///
    /// # Errors
    ///
    /// [`MusigFieldError`] with the first part that is not as [BIP-0373] says.
    ///
    /// [BIP-0373]: <https://github.com/bitcoin/bips/blob/master/bip-0373.mediawiki#specification>
    pub fn decode(
        map: Map,
        key_type: u8,
        key_data: &[u8],
        value: &[u8],
    ) -> Result<Option<Self>, MusigFieldError> {
        match (map, key_type) {
            (Map::Input(_), IN_PARTICIPANTS) | (Map::Output(_), OUT_PARTICIPANTS) => {
                decode_participants(key_data, value)
            }
            (Map::Input(_), IN_PUB_NONCE) => {
                let (slot, value) = (MusigSlot::decode(key_data)?, exact::<66>(value)?);
                let nonce = PubNonce::from_bytes(&value);
                nonce
                    .map(|nonce| Self::PubNonce { slot, nonce })
                    .map_err(|_| MusigFieldError::Nonce)
            }
            (Map::Input(_), IN_PARTIAL_SIG) => {
                let (slot, value) = (MusigSlot::decode(key_data)?, exact::<32>(value)?);
                let sig = PartialSig::from_bytes(&value);
                sig.map(|sig| Self::PartialSig { slot, sig })
                    .map_err(|_| MusigFieldError::PartialSig)
            }
            _ => return Ok(None),
        }
        .map(Some)
    }

    /// Returns whether it is a nonce or partial signature for the key path under one of `keys`.
    pub(crate) fn contributes_to(&self, keys: &[PublicKey]) -> bool {
        match self {
            Self::Participants { .. } => false,
            Self::PubNonce { slot, .. } | Self::PartialSig { slot, .. } => {
                slot.leaf.is_none() && keys.contains(&slot.aggregate)
            }
        }
    }

    /// Returns the field as a pair of an input map.
    pub(crate) fn to_input_pair(&self) -> (raw::Key, Vec<u8>) {
        let (type_value, key, value) = match self {
            Self::Participants { aggregate, participants } => (
                IN_PARTICIPANTS,
                aggregate.serialize().to_vec(),
                participants.iter().flat_map(SignerKey::to_bytes).collect(),
            ),
            Self::PubNonce { slot, nonce } => {
                (IN_PUB_NONCE, slot.encode(), nonce.to_bytes().to_vec())
            }
            Self::PartialSig { slot, sig } => {
                (IN_PARTIAL_SIG, slot.encode(), sig.to_bytes().to_vec())
            }
        };
        (raw::Key { type_value, key }, value)
    }
}

impl MusigField {
    /// Returns the field as a pair of an output map, where only participants may stand.
    pub(crate) fn to_output_pair(&self) -> Option<(raw::Key, Vec<u8>)> {
        let (key, value) = self.to_input_pair();
        let is_participants = key.type_value == IN_PARTICIPANTS;
        is_participants.then_some((raw::Key { type_value: OUT_PARTICIPANTS, ..key }, value))
    }
}

impl MusigSlot {
    fn decode(key_data: &[u8]) -> Result<Self, MusigFieldError> {
        if !matches!(key_data.len(), SLOT_BYTES | LEAF_SLOT_BYTES) {
            return Err(MusigFieldError::SlotLength { seen: key_data.len() });
        }
        let (participant, rest) = key_data.split_at(KEY_BYTES);
        let (aggregate, leaf) = rest.split_at(KEY_BYTES);
        Ok(Self {
            participant: SignerKey::from_public_key(public_key(participant)?),
            aggregate: public_key(aggregate)?,
            leaf: leaf.try_into().ok(),
        })
    }

    fn encode(&self) -> Vec<u8> {
        let (participant, aggregate) = (self.participant.to_bytes(), self.aggregate.serialize());
        let leaf = self.leaf.as_ref().map_or(&[][..], |leaf| leaf);
        [&participant, &aggregate, leaf].concat()
    }
}

fn decode_participants(key_data: &[u8], value: &[u8]) -> Result<MusigField, MusigFieldError> {
    if key_data.len() != KEY_BYTES {
        return Err(MusigFieldError::AggregateLength { seen: key_data.len() });
    }
    if value.is_empty() || !value.len().is_multiple_of(KEY_BYTES) {
        return Err(MusigFieldError::ParticipantsLength { seen: value.len() });
    }
    let seen = value.len() / KEY_BYTES;
    if seen > PARTICIPANTS_MAX {
        return Err(MusigFieldError::TooManyParticipants { seen, limit: PARTICIPANTS_MAX });
    }
    let participants = value.chunks(KEY_BYTES).map(public_key);
    let participants = participants.map(|key| key.map(SignerKey::from_public_key));
    Ok(MusigField::Participants {
        aggregate: public_key(key_data)?,
        participants: participants.collect::<Result<_, _>>()?,
    })
}

fn public_key(bytes: &[u8]) -> Result<PublicKey, MusigFieldError> {
    let bytes = exact(bytes)?;
    parse_public_key(&bytes).map_err(|_| MusigFieldError::Key { bytes })
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], MusigFieldError> {
    bytes.try_into().map_err(|_| MusigFieldError::ValueLength { expected: N, seen: bytes.len() })
}

/// Why a MuSig2 field is not as BIP373 says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MusigFieldError {
    /// The aggregate key of a list of participants is no compressed key.
    #[error("the aggregate key has {seen} bytes, not 33")]
    AggregateLength {
        /// Bytes seen.
        seen: usize,
    },
    /// A list of participants is no sequence of compressed keys.
    #[error("the participant keys take {seen} bytes, not a positive multiple of 33")]
    ParticipantsLength {
        /// Bytes seen.
        seen: usize,
    },
    /// A list of participants is longer than any group here.
    #[error("{seen} participant keys, at most {limit}")]
    TooManyParticipants {
        /// Keys seen.
        seen: usize,
        /// [`PARTICIPANTS_MAX`].
        limit: usize,
    },
    /// The key data of a nonce or partial signature is no two compressed keys, with a leaf or not.
    #[error("the key data has {seen} bytes: 66 name participant and aggregate key, 98 also a leaf")]
    SlotLength {
        /// Bytes seen.
        seen: usize,
    },
    /// A value has the wrong length.
    #[error("the value has {seen} bytes, not {expected}")]
    ValueLength {
        /// Bytes wanted.
        expected: usize,
        /// Bytes seen.
        seen: usize,
    },
    /// A key is no compressed point on the curve.
    #[error("no compressed key on the curve: {}", SerializedKey(.bytes))]
    Key {
        /// What was given.
        bytes: [u8; 33],
    },
    /// A public nonce is no two points on the curve.
    #[error("the public nonce is no two points on the curve")]
    Nonce,
    /// A partial signature is no number below the group order.
    #[error("the partial signature is not below the group order")]
    PartialSig,
}

struct SerializedKey<'a>(&'a [u8; 33]);

impl core::fmt::Display for SerializedKey<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
