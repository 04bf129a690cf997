//! The key set of a group, aggregated once.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use secp256k1::musig::KeyAggCache;
use secp256k1::{PublicKey, XOnlyPublicKey};

use crate::KeyAggError;

/// Signers one key set may hold.
///
/// Aggregating costs 19 us a key and blaming 39 us a signer, so one hostile key set or signature
/// occupies a core for at most 15 ms; all nonces of a session take 17 KiB. `n`-of-`n` groups larger
/// than this fail by absence long before.
pub const SIGNERS_MAX: usize = 256;

/// A set of signers: their keys in order, the aggregate key, and the tweaks applied so far.
///
/// Immutable. Building one costs 19 us a key; it is the cache to keep for every later session of
/// the same group. Cloning copies 270 bytes and shares the keys.
///
/// A key may appear several times, as [BIP-0327] allows. Each appearance is a slot of its own with
/// its own nonce and partial signature; a slot is named by its index in the order of the keys.
///
/// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#key-aggregation
#[derive(Clone)]
pub struct KeyAggCtx {
    keys: Arc<[PublicKey]>,
    pub(crate) cache: KeyAggCache,
}

impl KeyAggCtx {
    /// Aggregates keys in the order given, as `KeyAgg` of [BIP-0327].
    ///
    /// Sort with [`key_sort`](crate::key_sort) first unless the group has an order of its own.
    ///
    /// # Errors
    ///
    /// [`KeyAggError`] if there are no keys or more than [`SIGNERS_MAX`].
    ///
    /// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#key-aggregation
    pub fn new(keys: &[PublicKey]) -> Result<Self, KeyAggError> {
        match keys.len() {
            0 => Err(KeyAggError::NoKeys),
            1..=SIGNERS_MAX => {
                let cache = KeyAggCache::new(&keys.iter().collect::<Vec<_>>());
                Ok(Self { keys: keys.into(), cache })
            }
            seen => Err(KeyAggError::TooManyKeys { seen, limit: SIGNERS_MAX }),
        }
    }

    /// Returns the aggregate key with all tweaks, as a signature is verified under it.
    pub fn agg_key(&self) -> XOnlyPublicKey {
        self.cache.agg_pk()
    }

    /// Returns the aggregate key with all tweaks and its sign, as BIP32 derivation needs it.
    pub fn agg_key_full(&self) -> PublicKey {
        self.cache.agg_pk_full()
    }

    /// Returns the keys in order; the index is the slot of a signer.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Returns the number of slots, at least one and at most [`SIGNERS_MAX`].
    #[expect(clippy::len_without_is_empty, reason = "a key set is never empty")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns the first slot of a key, or nothing if the key is not in the set.
    ///
    /// The further slots of a repeated key are found in [`keys`](Self::keys).
    pub fn signer_index(&self, key: &PublicKey) -> Option<usize> {
        self.keys.iter().position(|listed| listed.eq_fast_unstable(key))
    }

    /// Pairs the same keys with the cache of a further tweak.
    pub(crate) fn with_cache(&self, cache: KeyAggCache) -> Self {
        Self { keys: Arc::clone(&self.keys), cache }
    }
}

impl fmt::Debug for KeyAggCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyAggCtx")
            .field("agg_key", &self.agg_key_full())
            .field("keys", &self.keys)
            .finish()
    }
}
