//! Children of an aggregate key: BIP32 derivation from the synthetic extended key of BIP328.

use ensign_primitives::KeyPath;
use sha2::{Digest, Sha512};

use crate::{KeyAggCtx, Tweak, TweakError};

/// The chain code that every aggregate key starts from: SHA-256 of `MuSig2MuSig2MuSig2`
/// ([BIP-0328]). It is public, so the children of a group can be linked by who knows its keys.
///
/// [BIP-0328]: https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki#specification
pub const CHAIN_CODE: [u8; 32] = [
    0x86, 0x80, 0x87, 0xca, 0x02, 0xa6, 0xf9, 0x74, 0xc4, 0x59, 0x89, 0x24, 0xc3, 0x6b, 0x57, 0x76,
    0x2d, 0x32, 0xcb, 0x45, 0x71, 0x71, 0x67, 0xe3, 0x00, 0x62, 0x2c, 0x71, 0x67, 0xe3, 0x89, 0x65,
];

/// Bytes of one block of SHA-512, which HMAC pads its key to.
const BLOCK_BYTES: usize = 128;

/// A key set with the chain code that its children are derived with.
#[derive(Clone, Debug)]
pub struct ExtendedKey {
    ctx: KeyAggCtx,
    chain_code: [u8; 32],
}

impl ExtendedKey {
    /// Starts at an aggregate key, as [BIP-0328] says: depth 0, chain code [`CHAIN_CODE`].
    ///
    /// - `ctx`: without a tweak, for the children of another key are another group's.
    ///
    /// [BIP-0328]: https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki
    pub const fn new(ctx: KeyAggCtx) -> Self {
        Self { ctx, chain_code: CHAIN_CODE }
    }

    /// Returns the key set under this key.
    pub const fn ctx(&self) -> &KeyAggCtx {
        &self.ctx
    }

    /// Returns the key at the end of `path`.
    ///
    /// Cost: a point multiplication a step, about 16 us.
    ///
    /// # Errors
    ///
    /// [`TweakError`] where [BIP-0032] has no key: one step in 2^127.
    ///
    /// [BIP-0032]: https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki
    pub fn derive(&self, path: &KeyPath) -> Result<Self, TweakError> {
        path.steps().iter().try_fold(self.clone(), |key, step| key.step(*step))
    }

    /// Returns the key one step further, `CKDpub` of [BIP-0032] as a plain tweak of the key set.
    ///
    /// - `step`: below 2^31, as in a [`KeyPath`]; from there on BIP32 hardens, which no group can.
    ///
    /// # Errors
    ///
    /// As [`derive`](Self::derive).
    ///
    /// [BIP-0032]: https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki#public-parent-key--public-child-key
    pub fn step(&self, step: u32) -> Result<Self, TweakError> {
        let key = self.ctx.agg_key_full().serialize();
        let (tweak, chain_code) = hmac_sha512(&self.chain_code, &key, &step.to_be_bytes());
        Ok(Self { ctx: self.ctx.with_tweak(Tweak::Plain(tweak))?, chain_code })
    }
}

impl KeyAggCtx {
    /// Returns the same key set under a child of its key, as [`ExtendedKey::derive`].
    ///
    /// # Errors
    ///
    /// [`TweakError`] where there is no such key.
    pub fn derive(&self, path: &KeyPath) -> Result<Self, TweakError> {
        if path.is_root() {
            return Ok(self.clone());
        }
        ExtendedKey::new(self.clone()).derive(path).map(|key| key.ctx)
    }
}

/// Returns both halves of HMAC-SHA512 (RFC 2104) over two parts of a message.
fn hmac_sha512(key: &[u8; 32], first: &[u8; 33], second: &[u8; 4]) -> ([u8; 32], [u8; 32]) {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK_BYTES];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        Sha512::new().chain_update(block)
    };
    let inner = padded(0x36).chain_update(first).chain_update(second).finalize();
    let outer: [u8; 64] = padded(0x5c).chain_update(inner).finalize().into();
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.iter_mut().chain(&mut right).zip(outer).for_each(|(to, from)| *to = from);
    (left, right)
}
