//! Public keys, their order, and the secret signing key.

use alloc::boxed::Box;
use core::fmt;

use secp256k1::{Keypair, PublicKey, SecretKey, schnorr};
use zeroize::Zeroizing;

use crate::{InvalidKey, InvalidSecret};

/// Parses a compressed public key, as `cpoint` of [BIP-0327].
///
/// Cost: one square root, about 3 us.
///
/// # Errors
///
/// [`InvalidKey`] unless the bytes are `02` or `03` and the x coordinate of a curve point.
///
/// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki
pub fn parse_public_key(bytes: &[u8; 33]) -> Result<PublicKey, InvalidKey> {
    PublicKey::from_byte_array_compressed(*bytes).map_err(|_| InvalidKey { bytes: *bytes })
}

/// Sorts keys by their 33 bytes, as `KeySort` of [BIP-0327].
///
/// Order changes the aggregate key: a group without an order of its own sorts first. Duplicates
/// stay.
///
/// Cost: one allocation of 35 bytes a key.
///
/// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki
pub fn key_sort(keys: &mut [PublicKey]) {
    keys.sort_by_cached_key(PublicKey::serialize);
}

/// A secret signing key.
///
/// Move-only, in one heap allocation that is erased on drop; its `Debug` shows the public key.
///
/// ```compile_fail,E0599
/// let key = ensign_musig::SecKey::from_secret_bytes([1; 32]).unwrap();
/// let copy = key.clone();
/// ```
///
/// ```compile_fail,E0382
/// let key = ensign_musig::SecKey::from_secret_bytes([1; 32]).unwrap();
/// let moved = key;
/// let again = key.public_key();
/// ```
///
/// ```compile_fail,E0369
/// let key = ensign_musig::SecKey::from_secret_bytes([1; 32]).unwrap();
/// let equal = key == key;
/// ```
pub struct SecKey {
    secret: Box<Secret>,
    public_key: PublicKey,
}

/// The one key in the two forms that libsecp256k1's Rust API takes.
struct Secret {
    keypair: Keypair,
    secret_key: SecretKey,
}

impl SecKey {
    /// Takes 32 big-endian bytes as a secret key.
    ///
    /// Pass [`Zeroizing`] bytes so that the caller's copy is erased as well.
    ///
    /// Cost: one point multiplication, about 40 us.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret`] if the number is zero or not below the group order.
    pub fn from_secret_bytes(bytes: impl Into<Zeroizing<[u8; 32]>>) -> Result<Self, InvalidSecret> {
        let bytes = bytes.into();
        let keypair = Keypair::from_secret_bytes(*bytes).map_err(|_| InvalidSecret)?;
        let secret_key = SecretKey::from_secret_bytes(*bytes).map_err(|_| InvalidSecret)?;
        let secret = Box::new(Secret { keypair, secret_key });
        Ok(Self { secret, public_key: PublicKey::from_keypair(&keypair) })
    }

    /// Returns the public key, the signer's name in a key set.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Signs 32 bytes with this key alone, as [BIP-0340] with no auxiliary randomness.
    ///
    /// The nonce is the hash of key and digest, so this call needs no random source and cannot
    /// repeat a nonce for another digest. It is meant for statements about the key, never for a
    /// message that a group signs.
    ///
    /// Cost: about 28 us, 17 of them re-blinding.
    ///
    /// # Security
    ///
    /// [BIP-0340] advises auxiliary randomness against fault and power analysis. An attacker with
    /// such access to the machine is outside the threat model.
    ///
    /// [BIP-0340]: https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki#default-signing
    pub fn sign_schnorr(&self, digest: &[u8; 32]) -> [u8; 64] {
        schnorr::sign_no_aux_rand(digest, &self.secret.keypair).to_byte_array()
    }

    #[cfg(test)]
    pub(crate) fn erase(&mut self) {
        self.secret.erase();
    }

    pub(crate) fn keypair(&self) -> &Keypair {
        &self.secret.keypair
    }

    pub(crate) fn secret_key(&self) -> &SecretKey {
        &self.secret.secret_key
    }
}

impl Secret {
    fn erase(&mut self) {
        self.keypair.non_secure_erase();
        self.secret_key.non_secure_erase();
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.erase();
    }
}

impl fmt::Debug for SecKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecKey").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}
