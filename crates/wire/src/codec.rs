//! Postcard with offsets, exact length and one encoding per value.

use alloc::vec::Vec;

use ensign_primitives::Network;
use postcard::{Deserializer, de_flavors};
use serde::{Serialize, de::DeserializeOwned};

use crate::Kind;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first byte of a frame names no kind.
    #[error("unknown frame kind {seen} at offset 0")]
    UnknownKind {
        /// The byte.
        seen: u8,
    },
    /// The frame is longer than its kind may be; nothing of its body was read.
    #[error("frame of kind {kind:?} has {seen} bytes, more than the limit of {limit}")]
    FrameTooLarge {
        /// The kind.
        kind: Kind,
        /// The most bytes a body of this kind may have.
        limit: usize,
        /// The length that was announced.
        seen: usize,
    },
    /// The length of a frame is not written in its shortest form, or has too many bytes.
    #[error("frame length at offset 1 is not a shortest-form number of at most three bytes")]
    LengthEncoding,
    /// The bytes stop too early or hold a value that its type does not allow.
    #[error("expected {expected} at offset {offset}, saw {}", Seen(*.seen))]
    Malformed {
        /// Where reading stopped.
        offset: usize,
        /// What would have been right.
        expected: &'static str,
        /// The byte at the offset, `None` at the end.
        seen: Option<u8>,
    },
    /// A whole value was read and bytes are left.
    #[error("expected the end at offset {offset}, saw {extra} more bytes")]
    TrailingBytes {
        /// Where the value ended.
        offset: usize,
        /// How many bytes follow.
        extra: usize,
    },
    /// The value is right but is not written in its one encoding.
    #[error("expected the shortest encoding at offset {offset}, saw {}", Seen(*.seen))]
    NonCanonical {
        /// The first byte that differs from the one encoding.
        offset: usize,
        /// The byte there, `None` at the end.
        seen: Option<u8>,
    },
    /// The envelope inside a frame is of another kind than the frame says.
    #[error("expected a body of kind {frame:?}, saw {body:?}")]
    KindMismatch {
        /// What the frame header says.
        frame: Kind,
        /// What the body is.
        body: Kind,
    },
    /// The message belongs to another version of the protocol.
    #[error("expected protocol version {expected}, saw {seen}")]
    Version {
        /// Ours.
        expected: u8,
        /// Theirs.
        seen: u8,
    },
    /// The message belongs to another network.
    #[error("expected network {expected}, saw {seen}")]
    Network {
        /// Ours.
        expected: Network,
        /// Theirs.
        seen: Network,
    },
    /// A field is outside its limits.
    #[error("{field} is {seen}, allowed is {min} to {max}")]
    OutOfRange {
        /// The field's name.
        field: &'static str,
        /// The least allowed value.
        min: u64,
        /// The greatest allowed value.
        max: u64,
        /// The value, or the number of elements.
        seen: u64,
    },
}

struct Seen(Option<u8>);

impl core::fmt::Display for Seen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(byte) => write!(f, "byte 0x{byte:02x}"),
            None => f.write_str("the end"),
        }
    }
}

/// Encodes a value that is within the limits of this crate.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("encoding into memory fails only for unsized sequences")
}

/// Decodes a whole value and refuses trailing bytes and a second encoding.
pub(crate) fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut deserializer = Deserializer::from_flavor(de_flavors::Slice::new(bytes));
    let decoded = T::deserialize(&mut deserializer);
    let rest = deserializer.finalize().map_or(0, <[u8]>::len);
    let offset = bytes.len().saturating_sub(rest);
    let value = decoded.map_err(|error| malformed(bytes, offset, &error))?;
    if rest > 0 {
        return Err(DecodeError::TrailingBytes { offset, extra: rest });
    }
    let canonical = encode(&value);
    if canonical != bytes {
        let offset =
            canonical.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
        return Err(DecodeError::NonCanonical { offset, seen: bytes.get(offset).copied() });
    }
    Ok(value)
}

fn malformed(bytes: &[u8], offset: usize, error: &postcard::Error) -> DecodeError {
    use postcard::Error;
    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign, non-exhaustive error")]
    let expected = match error {
        Error::DeserializeUnexpectedEnd => {
            return DecodeError::Malformed {
                offset: bytes.len(),
                expected: "more bytes",
                seen: None,
            };
        }
        Error::DeserializeBadVarint => "a number of at most its type's width",
        Error::DeserializeBadBool => "0 or 1",
        Error::DeserializeBadOption => "an option marker 0 or 1",
        Error::DeserializeBadEnum => "a known variant",
        Error::DeserializeBadUtf8 => "UTF-8 text",
        Error::SerdeDeCustom => "a known variant or a point on the curve",
        _ => "a value of the field's type",
    };
    // The flavor has moved past the byte that was wrong.
    let offset = offset.saturating_sub(1);
    DecodeError::Malformed { offset, expected, seen: bytes.get(offset).copied() }
}

/// Checks a count or number against its range.
pub(crate) fn in_range(
    field: &'static str,
    seen: u64,
    range: core::ops::RangeInclusive<u64>,
) -> Result<(), DecodeError> {
    if range.contains(&seen) {
        return Ok(());
    }
    Err(DecodeError::OutOfRange { field, min: *range.start(), max: *range.end(), seen })
}
