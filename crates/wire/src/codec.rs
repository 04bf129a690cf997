//! Postcard with offsets, exact length and one encoding per value.

use alloc::vec::Vec;
use core::ops::{Range, RangeInclusive};

use ensign_primitives::{Network, SIGNERS_MAX, SignerIndex};
use postcard::{Deserializer, de_flavors::Flavor, ser_flavors};
use serde::{Deserialize, Serialize, Serializer};

use crate::Kind;

/// Why bytes are no message.
///
/// Offsets count from the first byte that was handed to the decoder. A field outside its limits
/// was read in full, so it is named instead.
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
    /// The envelope inside a frame is of another kind than the frame says; it was not decoded.
    #[error("expected a body of kind {frame:?}, saw {body:?}")]
    KindMismatch {
        /// What the frame header says.
        frame: Kind,
        /// What the body is.
        body: Kind,
    },
    /// The envelope, by its first byte, belongs to another version of the protocol.
    #[error("expected protocol version {expected}, saw {seen}")]
    Version {
        /// Ours.
        expected: u8,
        /// Theirs.
        seen: u8,
    },
    /// The envelope, by its second byte, belongs to another network, and the rest was not decoded;
    /// or it announces a request on another network than its own.
    #[error("expected network {expected}, saw {seen}")]
    Network {
        /// Ours.
        expected: Network,
        /// Theirs.
        seen: Network,
    },
    /// A drill would sign something else than a drill.
    #[error("the message is not the one of a drill of this group and nonce")]
    DrillMessage,
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
    /// A group names one key twice.
    #[error("signers {first} and {second} have the same key")]
    DuplicateSigner {
        /// Where the key stands first.
        first: SignerIndex,
        /// Where it stands again.
        second: SignerIndex,
    },
    /// The purpose is not one line of visible text.
    #[error("expected visible text, saw {seen:?} at byte {at} of the purpose")]
    ControlCharacter {
        /// Where in the text, in bytes.
        at: usize,
        /// The character.
        seen: char,
    },
}

impl DecodeError {
    /// Counts offsets from `bytes` earlier.
    pub(crate) const fn after(mut self, bytes: usize) -> Self {
        if let Self::Malformed { offset, .. }
        | Self::TrailingBytes { offset, .. }
        | Self::NonCanonical { offset, .. } = &mut self
        {
            *offset = offset.saturating_add(bytes);
        }
        self
    }
}

/// Bytes of their own length, read once more by whoever knows what they are.
#[derive(Deserialize)]
pub(crate) struct Part<'a>(#[serde(borrow)] pub(crate) &'a [u8]);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'a> Part<'a> {
    /// Reads them; an error says where in `all`, of which they are a part.
    pub(crate) fn read<T>(
        &self,
        all: &[u8],
        decode: impl FnOnce(&'a [u8]) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let before = self.0.as_ptr().addr().saturating_sub(all.as_ptr().addr());
        decode(self.0).map_err(|error| error.after(before))
    }
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
    postcard::to_extend(value, Vec::with_capacity(ENCODED_BYTES_USUAL))
        .expect("encoding into memory fails only for unsized sequences")
}

/// Room for nearly every message, so that encoding allocates once.
const ENCODED_BYTES_USUAL: usize = 256;

/// Compares an encoding with bytes as it is made, without keeping it.
struct Same<'a>(core::slice::Iter<'a, u8>);

impl ser_flavors::Flavor for Same<'_> {
    type Output = bool;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.0.next() == Some(&byte) {
            Ok(())
        } else {
            Err(postcard::Error::SerializeBufferFull)
        }
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        let rest = self.0.as_slice().strip_prefix(bytes);
        self.0 = rest.ok_or(postcard::Error::SerializeBufferFull)?.iter();
        Ok(())
    }

    fn finalize(self) -> postcard::Result<bool> {
        Ok(self.0.len() == 0)
    }
}

/// Decodes a whole value and refuses trailing bytes and a second encoding.
pub(crate) fn decode<'a, T: Serialize + Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<T, DecodeError> {
    let (value, offset) = decode_start::<T>(bytes)?;
    let extra = bytes.len().saturating_sub(offset);
    if extra > 0 {
        return Err(DecodeError::TrailingBytes { offset, extra });
    }
    if postcard::serialize_with_flavor(&value, Same(bytes.iter())) != Ok(true) {
        let canonical = encode(&value);
        let offset =
            canonical.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
        return Err(DecodeError::NonCanonical { offset, seen: bytes.get(offset).copied() });
    }
    Ok(value)
}

/// Decodes the value that `bytes` start with, and returns where it ends. Accepts over-long numbers.
pub(crate) fn decode_start<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<(T, usize), DecodeError> {
    let mut deserializer = Deserializer::from_flavor(Cursor { bytes, at: 0, text: 0..0 });
    let decoded = T::deserialize(&mut deserializer);
    let cursor = deserializer.finalize().unwrap_or(Cursor { bytes, at: 0, text: 0..0 });
    match decoded {
        Ok(value) => Ok((value, cursor.at)),
        Err(error) => Err(cursor.locate(&error)),
    }
}

/// Bytes being read, and how far.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The bytes of the last text that was read.
    text: Range<usize>,
}

impl<'de> Flavor<'de> for Cursor<'de> {
    type Remainder = Self;
    type Source = &'de [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        let byte = self.bytes.get(self.at).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.at += 1;
        Ok(*byte)
    }

    /// Bounds what is allocated for a sequence by what is left to read.
    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len().saturating_sub(self.at))
    }

    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'de [u8]> {
        let (start, end) = (self.at, self.at.checked_add(count));
        let taken = end.and_then(|end| self.bytes.get(start..end));
        let taken = taken.ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.at += count;
        self.text = start..self.at;
        Ok(taken)
    }

    fn finalize(self) -> postcard::Result<Self> {
        Ok(self)
    }
}

impl Cursor<'_> {
    /// Says where reading stopped and what would have been right there.
    fn locate(&self, error: &postcard::Error) -> DecodeError {
        use postcard::Error;
        // Every reader but that of text has moved past the one byte that was wrong.
        let last = self.at.saturating_sub(1);
        #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign, non-exhaustive error")]
        let (offset, expected) = match error {
            Error::DeserializeUnexpectedEnd => (self.bytes.len(), MORE_BYTES),
            Error::DeserializeBadVarint => (last, "a number of at most its type's width"),
            Error::DeserializeBadOption => (last, "an option marker 0 or 1"),
            Error::DeserializeBadUtf8 => (self.bad_utf8(), "UTF-8 text"),
            Error::SerdeDeCustom => (last, "a known variant"),
            _ => (last, "a value of the field's type"),
        };
        DecodeError::Malformed { offset, expected, seen: self.bytes.get(offset).copied() }
    }

    fn bad_utf8(&self) -> usize {
        let text = self.bytes.get(self.text.clone()).unwrap_or_default();
        let valid = core::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len);
        self.text.start + valid
    }
}

/// What is expected where the bytes stop too early.
pub(crate) const MORE_BYTES: &str = "more bytes";

/// Checks a count or number against its range.
pub(crate) fn in_range(
    field: &'static str,
    seen: u64,
    range: RangeInclusive<u64>,
) -> Result<(), DecodeError> {
    if range.contains(&seen) {
        return Ok(());
    }
    Err(DecodeError::OutOfRange { field, min: *range.start(), max: *range.end(), seen })
}

/// Checks that an index lies within the largest group.
pub(crate) fn signer_index(signer: SignerIndex) -> Result<(), DecodeError> {
    in_range("signer", signer.0.into(), 0..=(SIGNERS_MAX - 1) as u64)
}
