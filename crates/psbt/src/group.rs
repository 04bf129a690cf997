//! The group whose coins are spent: its keys, its aggregate key, its address.

use std::sync::Arc;

use bitcoin::ScriptBuf;
use bitcoin::bip32::Fingerprint;
use ensign_musig::{KeyAggCtx, KeyAggError, PublicKey, TweakError};
use ensign_primitives::{GroupId, Network};
use ensign_wire::{GroupKeys, KeyTweak};

use crate::derived::{Derived, address_text, fingerprint};
use crate::{Issued, convert};

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
    pub(crate) aggregate: KeyAggCtx,
    fingerprint: Fingerprint,
    /// The key-path-only output over the aggregate key, which is the group's bare address.
    script_pubkey: ScriptBuf,
    /// The aggregate key as output key.
    key_script: ScriptBuf,
    address: String,
    issued: Issued,
    pub(crate) derived: Arc<Derived>,
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
        let output = aggregate.taproot(None).map_err(GroupError::Tweak)?;
        let script_pubkey = convert::p2tr_script(&output.agg_key());
        let key_script = convert::p2tr_script(&aggregate.agg_key());
        Ok(Self {
            network,
            keys: keys.clone(),
            id: keys.group_id(network),
            fingerprint: fingerprint(&aggregate.agg_key_full()),
            address: address_text(&script_pubkey, network),
            aggregate,
            script_pubkey,
            key_script,
            issued: Issued::default(),
            derived: Arc::default(),
        })
    }

    /// Tells the group which of its addresses were handed out or seen; until then none.
    #[must_use]
    pub fn with_issued(mut self, issued: Issued) -> Self {
        if issued != self.issued {
            self.issued = issued;
            self.derived = Arc::default();
        }
        self
    }

    /// Returns which of its addresses were handed out or seen.
    pub const fn issued(&self) -> Issued {
        self.issued
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

    /// Returns the group's bare address: taproot, the aggregate key as internal key, no script tree.
    ///
    /// Coins there can be spent as ever; [`address_at`](Self::address_at) has a new one each time.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the script of [`address`](Self::address), 34 bytes.
    pub fn script_pubkey(&self) -> &ScriptBuf {
        &self.script_pubkey
    }

    /// Returns the script that is locked to the aggregate key itself, 34 bytes.
    pub(crate) const fn key_script(&self) -> &ScriptBuf {
        &self.key_script
    }

    /// Returns how derivation fields name the aggregate key.
    pub(crate) const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the key set that signs under `tweak`.
    ///
    /// Cost: one point multiplication, about 16 µs; for a child one more for each step, on the two
    /// chains for one.
    ///
    /// # Errors
    ///
    /// [`TweakError`] for a merkle root that leads to no key; no such root is known.
    pub fn key_agg_ctx(&self, tweak: KeyTweak) -> Result<KeyAggCtx, TweakError> {
        match tweak {
            KeyTweak::None => Ok(self.aggregate.clone()),
            KeyTweak::Taproot { path, merkle_root } => {
                self.child(path)?.taproot(merkle_root.as_ref())
            }
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
