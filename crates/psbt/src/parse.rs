//! From bytes or text to a PSBT that is well-formed throughout, MuSig2 fields included.

use std::borrow::Cow;

use bitcoin::Txid;
use bitcoin::base64::{DecodeError as Base64Error, Engine as _, engine::general_purpose::STANDARD};
use bitcoin::psbt::raw;
use ensign_wire::PAYLOAD_BYTES_MAX;

use crate::layout::{self, MAGIC, Map};
use crate::{DecodeError, MusigField, PsbtError};

/// The first characters of a PSBT in base64: [`MAGIC`], up to the last whole character.
const MAGIC_BASE64: &[u8] = b"cHNidP";
/// Most bytes of base64 text, line breaks included.
const TEXT_BYTES_MAX: usize = 2 * PAYLOAD_BYTES_MAX;

/// A version 0 PSBT whose every field is well-formed; what it asks for is not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Psbt(pub(crate) bitcoin::Psbt);

/// Reads a PSBT, binary or as base64 text with any white space.
///
/// At most [`PAYLOAD_BYTES_MAX`] bytes once decoded.
///
/// # Errors
///
/// [`PsbtError::Decode`], with the offset or the field at which the bytes stop making sense.
pub fn parse(bytes: &[u8]) -> Result<Psbt, PsbtError> {
    let bytes = to_binary(bytes)?;
    layout::walk(&bytes, |field| {
        MusigField::decode(field.map, field.key_type, field.key_data, field.value)
            .map(|_| ())
            .map_err(|cause| DecodeError::Musig { map: field.map, offset: field.offset, cause })
    })?;
    let psbt = bitcoin::Psbt::deserialize(&bytes).map_err(|_| layout::first_invalid(&bytes))?;
    Ok(Psbt(psbt))
}

impl Psbt {
    /// Returns the binary form, with the fields of each map in one fixed order.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.serialize()
    }

    /// Returns the base64 form, on one line.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.to_bytes())
    }

    /// Returns the id of the transaction; signing by key path does not change it.
    pub fn txid(&self) -> Txid {
        self.0.unsigned_tx.compute_txid()
    }

    /// Returns the MuSig2 fields of a map, in the order of their keys; none for a map that does not
    /// exist.
    pub fn musig_fields(&self, map: Map) -> Vec<MusigField> {
        let unknown = match map {
            Map::Global => None,
            Map::Input(index) => self.0.inputs.get(index).map(|input| &input.unknown),
            Map::Output(index) => self.0.outputs.get(index).map(|output| &output.unknown),
        };
        // `parse` has refused whatever does not decode.
        let decode = |(key, value): (&raw::Key, &Vec<u8>)| {
            MusigField::decode(map, key.type_value, &key.key, value).ok().flatten()
        };
        unknown.into_iter().flatten().filter_map(decode).collect()
    }
}

fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeError> {
    let text = bytes.trim_ascii();
    let binary = if bytes.starts_with(MAGIC) {
        Cow::Borrowed(bytes)
    } else if !text.starts_with(MAGIC_BASE64) {
        return Err(DecodeError::Magic { seen: bytes.iter().copied().take(MAGIC.len()).collect() });
    } else if text.len() > TEXT_BYTES_MAX {
        return Err(DecodeError::TooLarge { seen: text.len(), limit: TEXT_BYTES_MAX });
    } else {
        Cow::Owned(decode_base64(text)?)
    };
    match binary.len() {
        seen if seen > PAYLOAD_BYTES_MAX => {
            Err(DecodeError::TooLarge { seen, limit: PAYLOAD_BYTES_MAX })
        }
        _ if !binary.starts_with(MAGIC) => {
            Err(DecodeError::Magic { seen: binary.iter().copied().take(MAGIC.len()).collect() })
        }
        _ => Ok(binary),
    }
}

fn decode_base64(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let packed: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(&packed).map_err(|error| {
        let offset = match error {
            Base64Error::InvalidByte(offset, _) | Base64Error::InvalidLastSymbol(offset, _) => {
                offset
            }
            Base64Error::InvalidLength | Base64Error::InvalidPadding => packed.len(),
        };
        DecodeError::Base64 { offset }
    })
}
