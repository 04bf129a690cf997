//! Secret keys on disk: 64 hex digits in a file that only its owner can read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use zeroize::Zeroizing;

/// Bytes of a key file: 64 digits and a line feed.
const KEY_FILE_BYTES: usize = 65;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum KeyFileError {
    /// The system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Entropy(getrandom::Error),
    /// The file has another length or other characters.
    #[error("expected 64 hex digits and a line feed")]
    Format,
    /// The bytes are no secret key.
    #[error("the 32 bytes are zero or not below the curve order")]
    Invalid,
}

/// Draws a secret key from the operating system.
///
/// # Errors
///
/// [`KeyFileError::Entropy`].
pub(crate) fn draw() -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    loop {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(KeyFileError::Entropy)?;
        // Fails once in 2^128 draws.
        if NodeKey::from_secret_bytes(*bytes).is_ok() {
            return Ok(bytes);
        }
    }
}

/// Writes a new key file with mode 0600 and waits until it is on disk.
///
/// # Errors
///
/// [`KeyFileError::Io`], also when the file exists.
pub(crate) fn write(path: &Path, key: &[u8; 32]) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new([b'\n'; KEY_FILE_BYTES]);
    if let Some(digits) = text.get_mut(..64) {
        hex::encode_to_slice(key, digits).map_err(|_| KeyFileError::Format)?;
    }
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(&*text)?;
    Ok(file.sync_all()?)
}

/// Reads the key of a node.
///
/// # Errors
///
/// [`KeyFileError`] when the file is missing or holds no key.
pub(crate) fn read_node_key(path: &Path) -> Result<NodeKey, KeyFileError> {
    NodeKey::from_secret_bytes(*read(path)?).map_err(|_| KeyFileError::Invalid)
}

/// Reads the key of a signer.
///
/// # Errors
///
/// [`KeyFileError`] when the file is missing or holds no key.
pub(crate) fn read_signer_key(path: &Path) -> Result<SecKey, KeyFileError> {
    SecKey::from_secret_bytes(read(path)?).map_err(|_| KeyFileError::Invalid)
}

/// Reads the secret of a key.
///
/// # Errors
///
/// [`KeyFileError`] when the file is missing or has another form.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let mut text = Zeroizing::new([0; KEY_FILE_BYTES + 1]);
    let mut file = File::open(path)?;
    let mut length = 0;
    while let Some(free) = text.get_mut(length..).filter(|free| !free.is_empty()) {
        match file.read(free)? {
            0 => break,
            more => length += more,
        }
    }
    let mut key = Zeroizing::new([0; 32]);
    let digits = text.get(..length).unwrap_or_default().trim_ascii_end();
    hex::decode_to_slice(digits, &mut *key).map_err(|_| KeyFileError::Format)?;
    Ok(key)
}

/// Lets nobody but the owner read a file that is made now.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        let key = draw().unwrap();
        write(&path, &key).unwrap();
        assert_eq!(*read(&path).unwrap(), *key);
        let refused = write(&path, &key).unwrap_err();
        assert!(matches!(refused, KeyFileError::Io(e) if e.kind() == io::ErrorKind::AlreadyExists));
    }

    #[test]
    fn a_damaged_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        for text in ["", "00", &"zz".repeat(32), &"11".repeat(33), &"11".repeat(31)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Format)), "{text}");
        }
        std::fs::write(&path, "00".repeat(32)).unwrap();
        assert!(matches!(read_node_key(&path), Err(KeyFileError::Invalid)));
    }
}
