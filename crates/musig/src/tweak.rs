//! Tweaks of the aggregate key.

use secp256k1::{Scalar, XOnlyPublicKey};
use sha2::{Digest, Sha256};

use crate::{KeyAggCtx, TweakError};

/// A number to add to the aggregate key, 32 bytes big-endian.
///
/// # Security
///
/// Apply only tweaks that were derived here by BIP32 or BIP341. A tweak chosen by a peer has no
/// security proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tweak {
    /// Added to the aggregate key as it is, as BIP32 derives children.
    Plain([u8; 32]),
    /// Added to the aggregate key made even, as BIP341 commits to scripts.
    XOnly([u8; 32]),
}

impl KeyAggCtx {
    /// Returns the same key set with one more tweak, as `ApplyTweak` of [BIP-0327].
    ///
    /// Tweaks add up in the order applied. The zero tweak is valid.
    ///
    /// Cost: one point multiplication, about 16 us.
    ///
    /// # Errors
    ///
    /// [`TweakError::OutOfRange`] from the group order upwards, [`TweakError::Infinity`] if the
    /// tweaked key would be no key.
    ///
    /// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#tweaking-the-aggregate-public-key
    pub fn with_tweak(&self, tweak: Tweak) -> Result<Self, TweakError> {
        let (Tweak::Plain(bytes) | Tweak::XOnly(bytes)) = tweak;
        let scalar =
            Scalar::from_be_bytes(bytes).map_err(|_| TweakError::OutOfRange { tweak: bytes })?;
        let mut cache = self.cache;
        match tweak {
            Tweak::Plain(_) => cache.pubkey_ec_tweak_add(&scalar),
            Tweak::XOnly(_) => cache.pubkey_xonly_tweak_add(&scalar),
        }
        .map_err(|_| TweakError::Infinity { tweak: bytes })?;
        Ok(self.with_cache(cache))
    }

    /// Returns the same key set under the taproot output key over its key ([`taproot_tweak`]).
    ///
    /// Cost and errors: as [`with_tweak`](Self::with_tweak).
    ///
    /// # Errors
    ///
    /// [`TweakError`]; no merkle root that leads there is known.
    pub fn taproot(&self, merkle_root: Option<&[u8; 32]>) -> Result<Self, TweakError> {
        self.with_tweak(taproot_tweak(&self.agg_key(), merkle_root))
    }
}

/// Derives the tweak that makes a taproot output key from an internal key.
///
/// The `TapTweak` hash of [BIP-0341]. A key-path-only output has no `merkle_root`, which is not
/// the same as a root of zero bytes.
///
/// [BIP-0341]: https://github.com/bitcoin/bips/blob/master/bip-0341.mediawiki#constructing-and-spending-taproot-outputs
pub fn taproot_tweak(internal: &XOnlyPublicKey, merkle_root: Option<&[u8; 32]>) -> Tweak {
    let tag = Sha256::digest(b"TapTweak");
    let hash = Sha256::new()
        .chain_update(tag)
        .chain_update(tag)
        .chain_update(internal.to_byte_array())
        .chain_update(merkle_root.map_or(&[][..], |root| root));
    Tweak::XOnly(hash.finalize().into())
}
