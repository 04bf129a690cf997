//! Vaults that are about to be written.

use std::fmt;

use ensign_identity::{NodeKey, SignerKey};
use ensign_musig::SecKey;
use ensign_primitives::{Network, UnixTime};
use zeroize::Zeroizing;

use crate::archive::Archive;
use crate::derive::MasterKey;
use crate::layout::{
    CHECK_BYTES, ENTRIES_MAX, FILE_BYTES_MAX, Front, Head, NONCE_BYTES, Name, SALT_BYTES,
    checksum_of, go_together,
};
use crate::{Cost, Passphrase, Purpose};

/// Random bytes for one write, drawn from the operating system and used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Randomness {
    /// Makes the derived keys differ, also for equal passphrases.
    pub salt: [u8; SALT_BYTES],
    /// Is random for every write although the keys are new as well: should one source fail, the
    /// other still keeps a pair of key and nonce from occurring twice.
    pub nonce: [u8; NONCE_BYTES],
}

/// Secrets that wait to be sealed. Move-only, erased on drop, never printed.
pub struct Draft {
    purpose: Purpose,
    network: Network,
    entries: Vec<(Head, Zeroizing<Vec<u8>>)>,
}

/// Why an entry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The bytes are no secret key.
    #[error("the secret is zero or not below the curve order")]
    Secret,
    /// There is such an entry already, or [`ENTRIES_MAX`] are there.
    #[error("the entry is there already, or there are {ENTRIES_MAX}")]
    Entries,
}

/// Why a draft cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It holds nothing.
    #[error("there is nothing to seal")]
    Empty,
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("the file would have {bytes} bytes, at most {FILE_BYTES_MAX} are written")]
    TooLarge {
        /// How large.
        bytes: usize,
    },
    /// The key cannot be derived.
    #[error("{memory_kib} KiB of memory are needed to derive the key, and not there")]
    Memory {
        /// How much.
        memory_kib: u32,
    },
}

impl Draft {
    /// Begins a vault without entries.
    pub const fn new(purpose: Purpose, network: Network) -> Self {
        Self { purpose, network, entries: Vec::new() }
    }

    /// Adds the secret of the node key.
    ///
    /// # Errors
    ///
    /// [`DraftError`] when it is no key, or a node key is there.
    pub fn node_key(self, secret: &Zeroizing<[u8; 32]>) -> Result<Self, DraftError> {
        let key = NodeKey::from_secret_bytes(**secret).map_err(|_| DraftError::Secret)?;
        self.with(Name::Node(key.peer_id()), Zeroizing::new(secret.to_vec()))
    }

    /// Adds the secret of a signer key.
    ///
    /// # Errors
    ///
    /// [`DraftError`] when it is no key, or this key is there.
    pub fn signer_key(self, secret: &Zeroizing<[u8; 32]>) -> Result<Self, DraftError> {
        let key = SecKey::from_secret_bytes(secret.clone()).map_err(|_| DraftError::Secret)?;
        let key = SignerKey::from_public_key(key.public_key());
        self.with(Name::Signer(key), Zeroizing::new(secret.to_vec()))
    }

    /// Adds other files.
    ///
    /// # Errors
    ///
    /// [`DraftError::Entries`] when there are some.
    pub fn archive(self, archive: &Archive) -> Result<Self, DraftError> {
        self.with(Name::Archive, Zeroizing::new(archive.to_bytes()))
    }

    pub(crate) fn with(
        mut self,
        name: Name,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<Self, DraftError> {
        self.entries.push((Head { name, length: secret.len() }, secret));
        if self.entries.len() > ENTRIES_MAX || !go_together(&self.heads()) {
            return Err(DraftError::Entries);
        }
        Ok(self)
    }

    fn heads(&self) -> Vec<Head> {
        self.entries.iter().map(|(head, _)| *head).collect()
    }

    /// Encrypts every entry and returns the bytes of the file.
    ///
    /// - `cost`: for new files [`Cost::STANDARD`].
    /// - `created`: shown to whoever opens the file.
    /// - `random`: drawn for this call.
    ///
    /// Cost: as `cost` says.
    ///
    /// # Errors
    ///
    /// [`SealError`] when there is nothing, too much, or no memory.
    pub fn seal(
        &self,
        passphrase: &Passphrase,
        cost: Cost,
        created: UnixTime,
        random: Randomness,
    ) -> Result<Vec<u8>, SealError> {
        let Self { purpose, network, ref entries } = *self;
        let Randomness { salt, nonce } = random;
        let (check, heads) = ([0; CHECK_BYTES], self.heads());
        let mut front = Front { purpose, network, created, cost, salt, nonce, check, heads };
        match front.file_bytes() {
            _ if entries.is_empty() => return Err(SealError::Empty),
            bytes if bytes > FILE_BYTES_MAX => return Err(SealError::TooLarge { bytes }),
            _ => {}
        }
        let key = MasterKey::derive(passphrase, &salt, cost)
            .map_err(|_| SealError::Memory { memory_kib: cost.memory_kib() })?;
        front.check = key.check();
        let mut file = front.to_bytes();
        let bound = file.clone();
        for (index, (_, secret)) in (0..).zip(entries) {
            file.extend(key.seal(index, &nonce, &bound, secret));
        }
        file.extend(checksum_of(&file));
        Ok(file)
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { purpose, network, entries } = self;
        write!(f, "Draft({purpose:?}, {network}, {} entries, secret)", entries.len())
    }
}
