//! Vaults that were read, and what is in them once they are unlocked.

use std::fmt;

use ensign_identity::{NodeKey, SignerKey};
use ensign_musig::SecKey;
use ensign_primitives::{Network, PeerId, UnixTime};
use zeroize::Zeroizing;

use crate::archive::{Archive, ArchiveError};
use crate::derive::MasterKey;
use crate::draft::{Draft, DraftError};
use crate::layout::{Front, Name};
use crate::{Cost, FormatError, Passphrase, Purpose};

/// A file that is whole and known, still locked.
///
/// What it says about itself was not authenticated yet: trust it as far as the folder it lay in.
/// [`unlock`](Self::unlock) and what follows authenticate all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    front: Front,
    file: Vec<u8>,
}

/// A vault whose passphrase was right. Holds the derived key; decrypts one entry at a time.
pub struct Unlocked<'v> {
    vault: &'v Vault,
    key: MasterKey,
}

/// Why a vault does not give what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// The passphrase is another one.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The key cannot be derived.
    #[error("{memory_kib} KiB of memory are needed to derive the key, and not there")]
    Memory {
        /// How much.
        memory_kib: u32,
    },
    /// The passphrase is right, but the file was changed by somebody who does not know it.
    #[error("entry {index} was altered, or what stands in front of it")]
    Altered {
        /// Which, from 0.
        index: u8,
    },
    /// An entry does not hold the secret of the public key that it has.
    #[error("entry {index} holds another key than it says")]
    OtherKey {
        /// Which, from 0.
        index: u8,
    },
    /// There is no such entry.
    #[error("the vault has no such entry")]
    Missing,
    /// The archive makes no sense.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// The entries do not go into one draft.
    #[error("{0}")]
    Draft(#[from] DraftError),
}

impl Vault {
    /// Reads the bytes of a file and checks whatever needs no passphrase.
    ///
    /// # Errors
    ///
    /// [`FormatError`]: another file, another version, damage, or parameters out of bounds.
    pub fn parse(file: Vec<u8>) -> Result<Self, FormatError> {
        Ok(Self { front: Front::parse(&file)?, file })
    }

    /// Returns what the file is for.
    pub const fn purpose(&self) -> Purpose {
        self.front.purpose
    }

    /// Returns the chain that the keys sign on.
    pub const fn network(&self) -> Network {
        self.front.network
    }

    /// Returns when the file was written.
    pub const fn created(&self) -> UnixTime {
        self.front.created
    }

    /// Returns what unlocking costs.
    pub const fn cost(&self) -> Cost {
        self.front.cost
    }

    /// Returns the name of the node key, if there is one.
    pub fn node(&self) -> Option<PeerId> {
        self.front.heads.iter().find_map(|head| match head.name {
            Name::Node(peer) => Some(peer),
            Name::Signer(_) | Name::Archive => None,
        })
    }

    /// Returns the public parts of the signer keys, in the order of the file.
    pub fn signers(&self) -> impl Iterator<Item = SignerKey> {
        self.front.heads.iter().filter_map(|head| match head.name {
            Name::Signer(key) => Some(key),
            Name::Node(_) | Name::Archive => None,
        })
    }

    /// Derives the key from a passphrase and checks that it is the right one.
    ///
    /// Cost: as [`cost`](Self::cost) says, the same for a wrong passphrase.
    ///
    /// # Errors
    ///
    /// [`UnlockError::WrongPassphrase`], [`UnlockError::Memory`].
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<Unlocked<'_>, UnlockError> {
        let Front { salt, cost, check, .. } = &self.front;
        let key = MasterKey::derive(passphrase, salt, *cost)
            .map_err(|_| UnlockError::Memory { memory_kib: cost.memory_kib() })?;
        // Not in constant time: whoever can ask often enough to measure it has the file anyway.
        if key.check() != *check {
            return Err(UnlockError::WrongPassphrase);
        }
        Ok(Unlocked { vault: self, key })
    }
}

impl Unlocked<'_> {
    /// Decrypts the node key.
    ///
    /// # Errors
    ///
    /// [`UnlockError::Missing`], [`UnlockError::Altered`], [`UnlockError::OtherKey`].
    pub fn node_key(&self) -> Result<NodeKey, UnlockError> {
        let wanted = self.vault.node().ok_or(UnlockError::Missing)?;
        let (index, secret) = self.secret(Name::Node(wanted))?;
        let key = NodeKey::from_secret_bytes(*secret).ok();
        key.filter(|key| key.peer_id() == wanted).ok_or(UnlockError::OtherKey { index })
    }

    /// Decrypts a signer key by its public part.
    ///
    /// # Errors
    ///
    /// As [`node_key`](Self::node_key).
    pub fn signer_key(&self, wanted: SignerKey) -> Result<SecKey, UnlockError> {
        let (index, secret) = self.secret(Name::Signer(wanted))?;
        let key = SecKey::from_secret_bytes(secret).ok();
        key.filter(|key| key.public_key() == *wanted.as_public_key())
            .ok_or(UnlockError::OtherKey { index })
    }

    /// Decrypts the archive.
    ///
    /// # Errors
    ///
    /// [`UnlockError::Missing`], [`UnlockError::Altered`], [`UnlockError::Archive`].
    pub fn archive(&self) -> Result<Archive, UnlockError> {
        let (_, bytes) = self.entry(Name::Archive)?;
        Ok(Archive::from_bytes(&bytes)?)
    }

    /// Copies every key, not the archive, into the draft of another vault.
    ///
    /// # Errors
    ///
    /// As [`node_key`](Self::node_key).
    pub fn keys_for(&self, purpose: Purpose) -> Result<Draft, UnlockError> {
        let mut draft = Draft::new(purpose, self.vault.network());
        if self.vault.node().is_some() {
            draft = self.copy_node_key(draft)?;
        }
        for signer in self.vault.signers() {
            draft = self.copy_signer_key(signer, draft)?;
        }
        Ok(draft)
    }

    /// Copies the node key alone into the draft of another vault.
    ///
    /// # Errors
    ///
    /// As [`node_key`](Self::node_key).
    pub fn node_key_for(&self, purpose: Purpose) -> Result<Draft, UnlockError> {
        self.copy_node_key(Draft::new(purpose, self.vault.network()))
    }

    /// Copies one signer key alone into the draft of another vault.
    ///
    /// # Errors
    ///
    /// As [`signer_key`](Self::signer_key).
    pub fn signer_key_for(
        &self,
        purpose: Purpose,
        signer: SignerKey,
    ) -> Result<Draft, UnlockError> {
        self.copy_signer_key(signer, Draft::new(purpose, self.vault.network()))
    }

    fn copy_node_key(&self, draft: Draft) -> Result<Draft, UnlockError> {
        let name = Name::Node(self.node_key()?.peer_id());
        Ok(draft.with(name, self.entry(name)?.1)?)
    }

    fn copy_signer_key(&self, signer: SignerKey, draft: Draft) -> Result<Draft, UnlockError> {
        self.signer_key(signer)?;
        Ok(draft.with(Name::Signer(signer), self.entry(Name::Signer(signer))?.1)?)
    }

    fn secret(&self, name: Name) -> Result<(u8, Zeroizing<[u8; 32]>), UnlockError> {
        let (index, bytes) = self.entry(name)?;
        let secret = <&[u8; 32]>::try_from(&bytes[..]);
        Ok((index, Zeroizing::new(*secret.map_err(|_| UnlockError::OtherKey { index })?)))
    }

    fn entry(&self, name: Name) -> Result<(u8, Zeroizing<Vec<u8>>), UnlockError> {
        let Vault { front, file } = self.vault;
        let found = front.sealed(file).find(|(_, head, _)| head.name == name);
        let (index, _, sealed) = found.ok_or(UnlockError::Missing)?;
        let opened = self.key.open(index, &front.nonce, &front.to_bytes(), sealed);
        Ok((index, opened.ok_or(UnlockError::Altered { index })?))
    }
}

impl fmt::Debug for Unlocked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlocked").field("vault", &self.vault.front).finish_non_exhaustive()
    }
}
