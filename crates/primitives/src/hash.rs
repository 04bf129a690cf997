//! BIP340-style tagged hashes with the network inside.

use sha2::{Digest, Sha256};

use crate::Network;

/// Hashes fields under a tag and a network.
///
/// Computes `SHA256(SHA256(tag) || SHA256(tag) || network || fields)` ([BIP-0340], "Design"). Tags
/// have the form `ensign/<what>/v1`. Fields of variable length go through
/// [`var_bytes`](Self::var_bytes), so that no two different inputs hash the same bytes.
///
/// [BIP-0340]: <https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki>
#[derive(Clone, Debug)]
pub struct TaggedHasher(Sha256);

impl TaggedHasher {
    /// Starts a hash for `tag` on `network`.
    pub fn new(tag: &str, network: Network) -> Self {
        let tag_hash = Sha256::digest(tag.as_bytes());
        let mut hasher = Sha256::new();
        hasher.update(tag_hash);
        hasher.update(tag_hash);
        hasher.update([network.id()]);
        Self(hasher)
    }

    /// Appends a field whose length the tag fixes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// Appends a number as eight little-endian bytes.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a field of variable length, prefixed by that length.
    #[must_use]
    pub fn var_bytes(self, bytes: &[u8]) -> Self {
        self.u64(bytes.len() as u64).bytes(bytes)
    }

    /// Returns the 32-byte hash.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Returns plain SHA-256 of `bytes`, for content that other software hashes too.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
