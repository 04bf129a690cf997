//! What the user knows.

use std::fmt;

use zeroize::Zeroizing;

/// Most bytes of a passphrase. Guess: ten times the longest that anybody types.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;

/// A passphrase: bytes as they were given, not normalized. Move-only, erased on drop.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Why bytes are no passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// There are none.
    #[error("the passphrase is empty")]
    Empty,
    /// There are too many.
    #[error("the passphrase has {bytes} bytes, at most {PASSPHRASE_BYTES_MAX} are taken")]
    TooLong {
        /// How many.
        bytes: usize,
    },
}

impl Passphrase {
    /// Takes 1 to [`PASSPHRASE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    ///
    /// [`PassphraseError`] when there are none or too many.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, PassphraseError> {
        match bytes.len() {
            0 => Err(PassphraseError::Empty),
            1..=PASSPHRASE_BYTES_MAX => Ok(Self(bytes)),
            bytes => Err(PassphraseError::TooLong { bytes }),
        }
    }

    /// Tells whether two passphrases are the same, as when one is typed twice.
    pub fn is_same_as(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    /// Returns the number of bytes.
    pub fn byte_count(&self) -> usize {
        self.0.len()
    }

    /// Returns the secret itself, for whoever looks at the form of the text.
    ///
    /// # Security
    ///
    /// Whatever is made of it is to be erased too, and shown nowhere.
    pub fn dangerous_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}
