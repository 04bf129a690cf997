//! Public nonces as they travel, and the hash that names a set of them.

use ensign_primitives::{Network, SessionId, SignerIndex, TaggedHasher};
use serde::{Deserialize, Serialize};

/// A public nonce as it travels: two compressed points, 66 bytes, not yet parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PubNonceBytes(pub [u8; 66]);

impl core::fmt::Debug for PubNonceBytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "PubNonceBytes({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

impl Serialize for PubNonceBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (a, rest) = self.0.split_at(32);
        let (b, c) = rest.split_at(32);
        (
            <[u8; 32]>::try_from(a).unwrap_or_default(),
            <[u8; 32]>::try_from(b).unwrap_or_default(),
            <[u8; 2]>::try_from(c).unwrap_or_default(),
        )
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PubNonceBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (a, b, c) = <([u8; 32], [u8; 32], [u8; 2])>::deserialize(deserializer)?;
        let mut bytes = [0; 66];
        bytes.iter_mut().zip(a.into_iter().chain(b).chain(c)).for_each(|(to, from)| *to = from);
        Ok(Self(bytes))
    }
}

/// Returns the tagged hash over a set of nonces: who holds the same set has the same digest.
///
/// `nonces` yields each signer whose nonces are held, in ascending order.
pub fn nonce_set_digest<'a>(
    network: Network,
    session: &SessionId,
    nonces: impl IntoIterator<Item = (SignerIndex, &'a [PubNonceBytes])>,
) -> [u8; 32] {
    let hasher = TaggedHasher::new("ensign/nonce-set/v1", network).bytes(session.as_bytes());
    nonces
        .into_iter()
        .fold(hasher, |hasher, (signer, nonces)| hash_nonces(hasher.u64(signer.0.into()), nonces))
        .finish()
}

/// Appends how many nonces there are, and each.
pub(crate) fn hash_nonces(hasher: TaggedHasher, nonces: &[PubNonceBytes]) -> TaggedHasher {
    nonces.iter().fold(hasher.u64(nonces.len() as u64), |hasher, nonce| hasher.bytes(&nonce.0))
}
