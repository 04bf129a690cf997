//! The group whose coins are spent: its keys, its aggregate key, its address.

use bitcoin::{Address, ScriptBuf};
use ensign_musig::{KeyAggCtx, KeyAggError, PublicKey, TweakError, taproot_tweak};
use ensign_primitives::{GroupId, Network};
use ensign_wire::{GroupKeys, KeyTweak};

use crate::convert;

/// An ordered set of signers on one network, aggregated once.
///
/// No key appears twice ([`GroupKeys`] sees to it): a PSBT names nonces by key.
///
/// Immutable. Building costs 19 µs a key; keep one per group.
#[derive(Clone, Debug)]
pub struct Group {
    network: Network,
    keys: GroupKeys,
    id: GroupId,
    aggregate: KeyAggCtx,
    /// The key-path-only output over the aggregate key, which is the group's address.
    script_pubkey: ScriptBuf,
    address: String,
}

impl Group {
    /// Aggregates the keys in the order given.
    ///
    /// # Errors
    ///
    /// [`GroupError`] if the keys have no aggregate or that has no taproot output. Neither happens
    /// with valid [`GroupKeys`]; no such keys are known.
    pub fn new(network: Network, keys: &GroupKeys) -> Result<Self, GroupError> {
        let public_keys: Vec<_> = keys.as_slice().iter().map(|key| *key.as_public_key()).collect();
        let aggregate = KeyAggCtx::new(&public_keys).map_err(GroupError::KeyAgg)?;
        let output = tweaked(&aggregate, KeyTweak::Taproot { merkle_root: None })
            .map_err(GroupError::Tweak)?;
        let script_pubkey = convert::p2tr_script(&output.agg_key());
        let address = Address::from_script(&script_pubkey, convert::chain(network))
            .map_or_else(|_| script_pubkey.to_hex_string(), |address| address.to_string());
        let id = keys.group_id(network);
        Ok(Self { network, keys: keys.clone(), id, aggregate, script_pubkey, address })
    }

    /// Returns the chain.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Returns the keys in aggregation order.
    pub const fn keys(&self) -> &GroupKeys {
        &self.keys
    }

    /// Returns the group's name.
    pub const fn id(&self) -> GroupId {
        self.id
    }

    /// Returns the aggregate key with its sign, before any tweak.
    pub fn aggregate_key(&self) -> PublicKey {
        self.aggregate.agg_key_full()
    }

    /// Returns the address to pay the group at: taproot, the aggregate key as internal key, no
    /// script tree.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the script of [`address`](Self::address), 34 bytes.
    pub fn script_pubkey(&self) -> &ScriptBuf {
        &self.script_pubkey
    }

    /// Returns whether `script` pays the group and nobody else: its address, or the aggregate key
    /// as output key.
    ///
    /// An output over the group's key *with* a script tree does not count: whoever wrote the tree
    /// may be able to spend it alone.
    pub fn owns(&self, script: &ScriptBuf) -> bool {
        *script == self.script_pubkey || *script == convert::p2tr_script(&self.aggregate.agg_key())
    }

    /// Returns the key set that signs under `tweak`.
    ///
    /// Cost: one point multiplication, about 16 µs.
    ///
    /// # Errors
    ///
    /// [`TweakError`] for a merkle root that leads to no key; no such root is known.
    pub fn key_agg_ctx(&self, tweak: KeyTweak) -> Result<KeyAggCtx, TweakError> {
        tweaked(&self.aggregate, tweak)
    }
}

fn tweaked(aggregate: &KeyAggCtx, tweak: KeyTweak) -> Result<KeyAggCtx, TweakError> {
    match tweak {
        KeyTweak::None => Ok(aggregate.clone()),
        KeyTweak::Taproot { merkle_root } => {
            aggregate.with_tweak(taproot_tweak(&aggregate.agg_key(), merkle_root.as_ref()))
        }
    }
}

/// Why keys make no group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The keys cannot be aggregated.
    #[error("the keys cannot be aggregated: {0}")]
    KeyAgg(KeyAggError),
    /// The aggregate key has no taproot output key.
    #[error("the aggregate key has no taproot output: {0}")]
    Tweak(TweakError),
}
