//! From bytes or text to a PSBT that is well-formed throughout, MuSig2 fields included.

use std::borrow::Cow;

use bitcoin::Txid;
use bitcoin::psbt::raw;
use ensign_wire::PAYLOAD_BYTES_MAX;

use crate::form::{self, Form};
use crate::kept::Kept;
use crate::layout::{self, MAGIC, Map, Version};
use crate::version2;
use crate::{DecodeError, MusigField, PsbtError};

/// A PSBT, of version 0 or 2, whose every field is well-formed; what it asks for is not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Psbt {
    pub(crate) inner: bitcoin::Psbt,
    /// What `inner` would write in another way.
    pub(crate) kept: Kept,
}

/// Reads a PSBT, binary or as text.
///
/// Text is base64 or hex, with or without quotes, or JSON as [`Form::Json`] says, in UTF-8 or
/// UTF-16. White space and invisible characters count for nothing wherever they stand. At most
/// 1 MiB once decoded ([`PAYLOAD_BYTES_MAX`]).
///
/// # Errors
///
/// [`PsbtError::Decode`], with the offset or the field at which the bytes stop making sense, or with
/// what they are in place of a PSBT.
pub fn parse(bytes: &[u8]) -> Result<Psbt, PsbtError> {
    parse_with_form(bytes).map(|(psbt, _)| psbt)
}

/// Does what [`parse`] does and also tells in which form the PSBT came, for
/// [`Psbt::to_form`] to give it back.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with_form(bytes: &[u8]) -> Result<(Psbt, Form), PsbtError> {
    let (bytes, form) = form::to_binary(bytes)?;
    Ok((read(&without_line_end(bytes)?)?, form))
}

/// Reads a PSBT as it travels between nodes: its binary form, and nothing around it.
///
/// The digest of a request is over these bytes, and other implementations read no other form.
///
/// # Errors
///
/// As [`parse`]; [`DecodeError::Magic`] for text.
pub fn parse_binary(bytes: &[u8]) -> Result<Psbt, PsbtError> {
    let (seen, limit) = (bytes.len(), PAYLOAD_BYTES_MAX);
    if seen > limit {
        return Err(DecodeError::TooLarge { seen, limit }.into());
    }
    if !bytes.starts_with(MAGIC) {
        let seen = bytes.get(..MAGIC.len()).unwrap_or(bytes).to_vec();
        return Err(DecodeError::Magic { seen }.into());
    }
    read(bytes)
}

fn read(bytes: &[u8]) -> Result<Psbt, PsbtError> {
    let mut kept = Kept::default();
    let version = layout::walk(bytes, |field| {
        kept.take_in(&field);
        MusigField::decode(field.map, field.key_type, field.key_data, field.value)
            .map(|_| ())
            .map_err(|cause| DecodeError::Musig { map: field.map, offset: field.offset, cause })
    })?;
    let version_0 = match version {
        Version::Zero => Cow::Borrowed(bytes),
        Version::Two => Cow::Owned(version2::to_version_0(bytes)?),
    };
    let inner = bitcoin::Psbt::deserialize(&version_0);
    let inner = inner.map_err(|_| layout::first_invalid(bytes))?;
    Ok(Psbt { inner, kept })
}

/// Takes away the white space that some programs put behind a binary file.
fn without_line_end(mut bytes: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, DecodeError> {
    if !bytes.last().is_some_and(u8::is_ascii_whitespace) {
        return Ok(bytes);
    }
    match layout::walk(&bytes, |_| Ok(())) {
        Err(DecodeError::Trailing { offset, .. })
            if bytes.get(offset..).is_some_and(|rest| rest.trim_ascii().is_empty()) =>
        {
            match &mut bytes {
                Cow::Borrowed(bytes) => *bytes = bytes.get(..offset).unwrap_or_default(),
                Cow::Owned(bytes) => bytes.truncate(offset),
            }
            Ok(bytes)
        }
        walked => walked.map(|_| bytes),
    }
}

impl Psbt {
    /// Returns the binary form, with the fields of each map in one fixed order,
    /// and each value as it was read.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.kept.put_back(self.inner.serialize(), &self.inner.unsigned_tx)
    }

    /// Returns the base64 form, on one line.
    pub fn to_base64(&self) -> String {
        form::to_base64(&self.to_bytes())
    }

    /// Returns the id of the transaction; signing by key path does not change it.
    pub fn txid(&self) -> Txid {
        self.inner.unsigned_tx.compute_txid()
    }

    /// Returns the MuSig2 fields of a map, in the order of their keys; none for a map that does not
    /// exist.
    pub fn musig_fields(&self, map: Map) -> Vec<MusigField> {
        let unknown = match map {
            Map::Global => None,
            Map::Input(index) => self.inner.inputs.get(index).map(|input| &input.unknown),
            Map::Output(index) => self.inner.outputs.get(index).map(|output| &output.unknown),
        };
        // `parse` has refused whatever does not decode.
        let decode = |(key, value): (&raw::Key, &Vec<u8>)| {
            MusigField::decode(map, key.type_value, &key.key, value).ok().flatten()
        };
        unknown.into_iter().flatten().filter_map(decode).collect()
    }
}
