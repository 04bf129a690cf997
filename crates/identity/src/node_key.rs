//! The key that is a node's identity, in the handshake and on every envelope.

use core::fmt;

use ensign_primitives::PeerId;
use secp256k1::{Keypair, Parity, PublicKey, SecretKey, XOnlyPublicKey, ecdh, schnorr};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// A node's secret key. Move-only, erased on drop, never printed.
pub struct NodeKey {
    keypair: Keypair,
    peer: PeerId,
}

impl NodeKey {
    /// Takes 32 secret bytes that the caller drew from the operating system.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret`] when the bytes are zero or not below the curve order.
    pub fn from_secret_bytes(mut bytes: [u8; 32]) -> Result<Self, InvalidSecret> {
        let secret = SecretKey::from_secret_bytes(bytes);
        bytes.zeroize();
        let mut secret = secret.map_err(|_| InvalidSecret)?;
        let keypair = Keypair::from_secret_key(&secret);
        secret.non_secure_erase();
        let peer = PeerId::from_bytes(keypair.x_only_public_key().0.to_byte_array());
        Ok(Self { keypair, peer })
    }

    /// Returns the public name of this key.
    pub const fn peer_id(&self) -> PeerId {
        self.peer
    }

    /// Signs a 32-byte tagged hash with BIP340.
    ///
    /// # Security
    ///
    /// No auxiliary randomness: the nonce is derived from key and message ([BIP-0340], "Default
    /// Signing"), which keeps machines deterministic. It gives up the extra protection against
    /// fault and power analysis, which needs physical access to the node.
    ///
    /// [BIP-0340]: <https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki>
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        Signature(schnorr::sign_no_aux_rand(digest, &self.keypair).to_byte_array())
    }

    /// Returns what this node and another one alone know: the x coordinate of our secret times its point, the same
    /// on both sides whatever the parities are. `None` when `peer` is no point on the curve.
    ///
    /// Source: SEC 1, 3.3.1, without a hash: whoever uses it hashes it under a tag. Cost: about 40 µs, in constant time.
    pub fn shared_secret(&self, peer: &PeerId) -> Option<SharedSecret> {
        let point = XOnlyPublicKey::from_byte_array(*peer.as_bytes()).ok()?;
        let point = PublicKey::from_x_only_public_key(point, Parity::Even);
        let mut secret = self.keypair.secret_key();
        let both = Zeroizing::new(ecdh::shared_secret_point(&point, &secret));
        secret.non_secure_erase();
        both.first_chunk().map(|x| SharedSecret(Zeroizing::new(*x)))
    }
}

/// What two nodes know and nobody else does. Move-only, erased on drop, never printed.
pub struct SharedSecret(Zeroizing<[u8; 32]>);

impl SharedSecret {
    /// Returns its bytes, to be hashed under a tag.
    ///
    /// # Security
    ///
    /// Whoever has them can read and say what the two nodes seal for each other.
    pub fn dangerous_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(secret)")
    }
}

impl Drop for NodeKey {
    fn drop(&mut self) {
        self.keypair.non_secure_erase();
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({:?}, secret)", self.peer)
    }
}

/// The bytes are no secret key: zero, or not below the curve order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("secret key is zero or not below the curve order")]
pub struct InvalidSecret;

/// A BIP340 signature: 64 bytes, not yet verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Signature({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (low, high) = self.0.split_at(32);
        (
            <[u8; 32]>::try_from(low).unwrap_or_default(),
            <[u8; 32]>::try_from(high).unwrap_or_default(),
        )
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (low, high) = <([u8; 32], [u8; 32])>::deserialize(deserializer)?;
        let mut bytes = [0; 64];
        let (first, second) = bytes.split_at_mut(32);
        first.copy_from_slice(&low);
        second.copy_from_slice(&high);
        Ok(Self(bytes))
    }
}

/// Tells whether `signature` over `digest` was made by `peer`'s node key.
///
/// Also false when `peer` is no point on the curve. Cost: about 22 µs.
pub fn verify(peer: &PeerId, digest: &[u8; 32], signature: &Signature) -> bool {
    crate::checks::count();
    XOnlyPublicKey::from_byte_array(*peer.as_bytes()).is_ok_and(|key| {
        schnorr::verify(&schnorr::Signature::from_byte_array(signature.0), digest, &key).is_ok()
    })
}
