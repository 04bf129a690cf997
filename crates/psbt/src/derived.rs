//! The group's addresses: which child of its key each one is, and how they are found again.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use bitcoin::bip32::{ChainCode, ChildNumber, Fingerprint, Xpub};
use bitcoin::hashes::{Hash as _, hash160};
use bitcoin::{Address, NetworkKind, Script, ScriptBuf};
use ensign_musig::{CHAIN_CODE, ExtendedKey, KeyAggCtx, PublicKey, TweakError};
use ensign_primitives::{KeyPath, KeyPathError, Network};

use crate::{Group, convert};

/// How many addresses behind the last one that is known are looked at for coins, on each chain
/// ([BIP-0044]). What is paid further out no wallet finds by itself.
///
/// [BIP-0044]: <https://github.com/bitcoin/bips/blob/master/bip-0044.mediawiki#address-gap-limit>
pub const GAP_LIMIT: u32 = 20;

/// What a row of addresses is for; the first step from the group's key ([BIP-0044]).
///
/// [BIP-0044]: <https://github.com/bitcoin/bips/blob/master/bip-0044.mediawiki#change>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chain {
    /// Given to others to pay to: `0/*`.
    Receive,
    /// Where change goes: `1/*`.
    Change,
}

impl Chain {
    /// Both chains, in the order of their steps.
    pub const ALL: [Self; 2] = [Self::Receive, Self::Change];

    /// Returns its step.
    pub const fn step(self) -> u32 {
        match self {
            Self::Receive => 0,
            Self::Change => 1,
        }
    }
}

/// How many addresses of each chain were handed out or seen in use: the index of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// Of [`Chain::Receive`].
    pub receive: u32,
    /// Of [`Chain::Change`].
    pub change: u32,
}

impl Issued {
    /// Returns how many of a chain.
    pub const fn of(self, chain: Chain) -> u32 {
        match chain {
            Chain::Receive => self.receive,
            Chain::Change => self.change,
        }
    }

    /// Returns what either of two readers knows.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (receive, change) = (self.receive.max(other.receive), self.change.max(other.change));
        Self { receive, change }
    }

    /// Returns whether a wallet that looks [`GAP_LIMIT`] addresses ahead finds this one; the bare
    /// address it knows.
    pub fn reaches(self, path: KeyPath) -> bool {
        let on = |chain: &Chain| path.steps().first() == Some(&chain.step());
        match (Chain::ALL.into_iter().find(on), path.steps()) {
            (_, []) => true,
            (Some(chain), [_, index]) => *index < self.of(chain).saturating_add(GAP_LIMIT),
            _ => false,
        }
    }

    /// Counts an address as used, if a wallet that looks ahead would have found it: whoever names
    /// one far out does not make us look through all before it.
    #[must_use]
    pub fn with(mut self, path: KeyPath) -> Self {
        if self.reaches(path)
            && let [chain, index] = path.steps()
        {
            let of =
                if *chain == Chain::Receive.step() { &mut self.receive } else { &mut self.change };
            *of = (*of).max(index.saturating_add(1));
        }
        self
    }
}

/// An address of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupAddress {
    /// Which child of the group's key is its internal key.
    pub path: KeyPath,
    /// Its script, 34 bytes.
    pub script_pubkey: ScriptBuf,
    /// The address.
    pub address: String,
}

/// Why there is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// The index is none that a group can derive.
    #[error("{0}")]
    Path(KeyPathError),
    /// There is no key for it; the next one has one.
    #[error("there is no key at {path}: {cause}")]
    NoKey {
        /// Where.
        path: KeyPath,
        /// Why.
        cause: TweakError,
    },
}

/// What was derived of a group so far. Shared by its clones.
#[derive(Debug, Default)]
pub(crate) struct Derived {
    /// The parents of both chains; `None` if one does not exist, which does not happen.
    chains: OnceLock<Option<[ExtendedKey; 2]>>,
    /// The scripts of the addresses up to [`GAP_LIMIT`] behind those that are known.
    scripts: OnceLock<BTreeMap<ScriptBuf, KeyPath>>,
    /// Children that were asked for: a PSBT is looked at several times. At most [`CHILDREN_MAX`];
    /// then all are forgotten.
    children: Mutex<BTreeMap<KeyPath, Child>>,
}

/// Most children that are kept. Guess: the inputs and the change of a few transactions.
const CHILDREN_MAX: usize = 128;

/// A child of the group's key, and the address without a script tree over it.
#[derive(Clone, Debug)]
struct Child {
    ctx: KeyAggCtx,
    script: ScriptBuf,
}

impl Group {
    /// Returns an address of the group, by [BIP-0328] and [BIP-0341]: taproot, a child of the
    /// aggregate key as internal key, no script tree. `tr(xpub/<0;1>/*)` in a descriptor.
    ///
    /// Cost: two point multiplications, about 35 µs.
    ///
    /// # Errors
    ///
    /// [`DeriveError`] for an index from 2³¹ on, or one in 2¹²⁷ that has no key.
    ///
    /// [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki>
    /// [BIP-0341]: <https://github.com/bitcoin/bips/blob/master/bip-0341.mediawiki>
    pub fn address_at(&self, chain: Chain, index: u32) -> Result<GroupAddress, DeriveError> {
        let path = KeyPath::new(&[chain.step(), index]).map_err(DeriveError::Path)?;
        self.address_of(path)
    }

    /// Returns the path of the first change address that is not known to be used.
    pub fn next_change(&self) -> KeyPath {
        // No index reaches 2^31 by counting addresses.
        KeyPath::new(&[Chain::Change.step(), self.issued().change]).unwrap_or_default()
    }

    /// Returns the address at a path; at [`KeyPath::ROOT`] the one without derivation.
    ///
    /// # Errors
    ///
    /// [`DeriveError::NoKey`] as [`address_at`](Self::address_at).
    pub fn address_of(&self, path: KeyPath) -> Result<GroupAddress, DeriveError> {
        let script = self.script_of(path).map_err(|cause| DeriveError::NoKey { path, cause });
        let script_pubkey = script?;
        let address = address_text(&script_pubkey, self.network());
        Ok(GroupAddress { path, script_pubkey, address })
    }

    /// Returns which key of the group, and of nobody else, an output with this script is paid to:
    /// the bare address or the aggregate key itself ([`KeyPath::ROOT`]), or an address up to
    /// [`GAP_LIMIT`] behind those that are [known](Self::with_issued).
    ///
    /// An output over the group's key *with* a script tree does not count: whoever wrote the tree
    /// may be able to spend it alone.
    ///
    /// Cost: for the first taproot script about 35 µs an address that is looked at, then a look-up.
    pub fn owns(&self, script: &Script) -> Option<KeyPath> {
        if *script == **self.script_pubkey() || *script == **self.key_script() {
            return Some(KeyPath::ROOT);
        }
        if !script.is_p2tr() {
            return None;
        }
        self.derived.scripts.get_or_init(|| self.scripts()).get(script).copied()
    }

    /// Returns the key that an internal key at `path` is, with all signers behind it.
    ///
    /// # Errors
    ///
    /// [`TweakError`] where there is no key.
    pub(crate) fn child(&self, path: KeyPath) -> Result<KeyAggCtx, TweakError> {
        if path.is_root() {
            return Ok(self.aggregate.clone());
        }
        self.known(path).map(|child| child.ctx)
    }

    fn known(&self, path: KeyPath) -> Result<Child, TweakError> {
        let children = || self.derived.children.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = children().get(&path) {
            return Ok(child.clone());
        }
        let child = self.derive(path)?;
        let mut children = children();
        if children.len() >= CHILDREN_MAX {
            children.clear();
        }
        children.insert(path, child.clone());
        Ok(child)
    }

    fn derive(&self, path: KeyPath) -> Result<Child, TweakError> {
        let chain = match path.steps() {
            [step, _] => self.chains().and_then(|chains| chains.get(*step as usize)),
            _ => None,
        };
        let ctx = match (chain, path.split_last()) {
            (Some(chain), Some((_, index))) => chain.step(index)?.ctx().clone(),
            _ => self.aggregate.derive(&path)?,
        };
        let script = convert::p2tr_script(&ctx.taproot(None)?.agg_key());
        Ok(Child { ctx, script })
    }

    /// Returns the script of the address at a path.
    pub(crate) fn script_of(&self, path: KeyPath) -> Result<ScriptBuf, TweakError> {
        if path.is_root() {
            return Ok(self.script_pubkey().clone());
        }
        self.known(path).map(|child| child.script)
    }

    fn chains(&self) -> Option<&[ExtendedKey; 2]> {
        let derive = || {
            let root = ExtendedKey::new(self.aggregate.clone());
            let chain = |chain: Chain| root.step(chain.step()).ok();
            Some([chain(Chain::Receive)?, chain(Chain::Change)?])
        };
        self.derived.chains.get_or_init(derive).as_ref()
    }

    fn scripts(&self) -> BTreeMap<ScriptBuf, KeyPath> {
        let of = |chain: Chain| {
            let end = self.issued().of(chain).saturating_add(GAP_LIMIT);
            (0..end).filter_map(move |index| {
                let path = KeyPath::new(&[chain.step(), index]).ok()?;
                Some((self.derive(path).ok()?.script, path))
            })
        };
        Chain::ALL.into_iter().flat_map(of).collect()
    }

    /// Returns the synthetic extended key of [BIP-0328], `xpub..` or, off the main chain, `tpub..`:
    /// the group's key to every wallet that knows BIP32.
    ///
    /// [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki#specification>
    pub fn xpub(&self) -> String {
        let network = match self.network() {
            Network::Bitcoin => NetworkKind::Main,
            Network::Testnet4 | Network::Signet | Network::Regtest => NetworkKind::Test,
        };
        let key = convert::public_key(&self.aggregate_key());
        let xpub = key.map(|public_key| Xpub {
            network,
            depth: 0,
            parent_fingerprint: Fingerprint::default(),
            child_number: ChildNumber::Normal { index: 0 },
            public_key,
            chain_code: ChainCode::from(CHAIN_CODE),
        });
        xpub.map_or_else(String::new, |xpub| xpub.to_string())
    }
}

/// Returns the first four bytes of the hash of a key, by which derivation fields name it
/// ([BIP-0032]).
///
/// [BIP-0032]: <https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki#key-identifiers>
pub(crate) fn fingerprint(key: &PublicKey) -> Fingerprint {
    let [a, b, c, d, ..] = hash160::Hash::hash(&key.serialize()).to_byte_array();
    Fingerprint::from([a, b, c, d])
}

pub(crate) fn address_text(script: &Script, network: Network) -> String {
    Address::from_script(script, convert::chain(network))
        .map_or_else(|_| script.to_hex_string(), |address| address.to_string())
}
