//! The public key a signer brings into a MuSig2 group.

use core::fmt;

use secp256k1::PublicKey;
use serde::{Deserialize, Serialize, de::Error as _};

/// A signer's public key: a point on the curve, 33 bytes compressed on the wire.
///
/// Ordered by its compressed bytes, as `KeySort` of BIP327 wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignerKey(PublicKey);

impl SignerKey {
    /// Parses a compressed key.
    ///
    /// # Errors
    ///
    /// [`InvalidSignerKey`] when the bytes are no compressed point on the curve.
    pub fn from_bytes(bytes: &[u8; 33]) -> Result<Self, InvalidSignerKey> {
        PublicKey::from_byte_array_compressed(*bytes)
            .map(Self)
            .map_err(|_| InvalidSignerKey { bytes: *bytes })
    }

    /// Takes a parsed key.
    pub const fn from_public_key(key: PublicKey) -> Self {
        Self(key)
    }

    /// Returns the parsed key.
    pub const fn as_public_key(&self) -> &PublicKey {
        &self.0
    }

    /// Returns the 33 compressed bytes.
    pub fn to_bytes(&self) -> [u8; 33] {
        self.0.serialize()
    }
}

impl PartialOrd for SignerKey {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SignerKey {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.to_bytes().cmp(&other.to_bytes())
    }
}

impl fmt::Display for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.to_bytes();
        write!(f, "SignerKey({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

impl Serialize for SignerKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [prefix, x @ ..] = self.to_bytes();
        (prefix, x).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SignerKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (prefix, x) = <(u8, [u8; 32])>::deserialize(deserializer)?;
        let mut bytes = [prefix; 33];
        bytes.iter_mut().skip(1).zip(x).for_each(|(to, from)| *to = from);
        Self::from_bytes(&bytes).map_err(D::Error::custom)
    }
}

/// The bytes are no compressed point on the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSignerKey {
    /// What was given.
    pub bytes: [u8; 33],
}

impl fmt::Display for InvalidSignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no compressed point on the curve: ")?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::error::Error for InvalidSignerKey {}
