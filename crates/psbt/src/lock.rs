//! Which of the group's keys an output is locked to, and whether the fields beside it say the same.

use std::collections::BTreeMap;

use bitcoin::bip32::{DerivationPath, KeySource};
use bitcoin::hashes::Hash as _;
use bitcoin::psbt::{Input, Output};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Script, TxOut, XOnlyPublicKey};
use ensign_musig::KeyAggCtx;
use ensign_primitives::{KeyPath, KeyPathError};
use ensign_wire::KeyTweak;

use crate::{Destination, Group, PsbtError, convert};

const TAP_BIP32_DERIVATION: u8 = 0x16;
const TAP_INTERNAL_KEY: u8 = 0x17;
const TAP_MERKLE_ROOT: u8 = 0x18;

/// The derivation fields of a map, by the key that each is about ([BIP-0371]).
///
/// [BIP-0371]: <https://github.com/bitcoin/bips/blob/master/bip-0371.mediawiki>
type Origins = BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, KeySource)>;

/// What a derivation field says of a key of the group.
struct Origin {
    key: XOnlyPublicKey,
    path: Result<KeyPath, KeyPathError>,
}

/// Finds which of the group's keys the output that an input spends is locked to.
///
/// By the derivation field for the group's fingerprint, if there is one; else the aggregate key, or
/// one of the [addresses that are looked at](Group::owns). Every field must lead to the script.
///
/// Cost: for the bare address nothing, else up to 50 µs; no more for a hostile input.
pub(crate) fn key_tweak(
    index: usize,
    input: &Input,
    utxo: &TxOut,
    group: &Group,
) -> Result<KeyTweak, PsbtError> {
    let origin = origin(&input.tap_key_origins, input.tap_internal_key, group);
    let named = match &origin {
        None => None,
        Some(Origin { path: Ok(path), .. }) => Some(*path),
        Some(Origin { path: Err(cause), .. }) => {
            return Err(PsbtError::KeyPath { input: index, cause: *cause });
        }
    };
    let merkle_root = input.tap_merkle_root.map(|root| root.to_byte_array());
    let script = &utxo.script_pubkey;
    let Some(tweak) = leading_to(script, group, named, merkle_root) else {
        return Err(not_led_to(index, input, script, group));
    };
    match stray(tweak, input, origin.as_ref(), group) {
        Some(key_type) => Err(PsbtError::TaprootField { input: index, key_type }),
        None => Ok(tweak),
    }
}

/// Returns the key among those that come into question which leads to `script`.
fn leading_to(
    script: &Script,
    group: &Group,
    named: Option<KeyPath>,
    merkle_root: Option<[u8; 32]>,
) -> Option<KeyTweak> {
    if *script == **group.key_script() {
        return named.unwrap_or_default().is_root().then_some(KeyTweak::None);
    }
    let path = match (named, merkle_root) {
        (None, None) => return group.owns(script).map(|path| taproot(path, None)),
        (named, _) => named.unwrap_or_default(),
    };
    let leads_here = match merkle_root {
        None => group.script_of(path).is_ok_and(|it| *it == *script),
        Some(_) => {
            let ctx = group.key_agg_ctx(taproot(path, merkle_root));
            ctx.is_ok_and(|ctx| *convert::p2tr_script(&ctx.agg_key()) == *script)
        }
    };
    leads_here.then(|| taproot(path, merkle_root))
}

const fn taproot(path: KeyPath, merkle_root: Option<[u8; 32]>) -> KeyTweak {
    KeyTweak::Taproot { path, merkle_root }
}

/// Says why no key leads to the script: it is another's, or a field is false.
fn not_led_to(index: usize, input: &Input, script: &Script, group: &Group) -> PsbtError {
    if group.owns(script).is_none() {
        let locked_to = Destination::new(script, group.network());
        return PsbtError::NotOurs { input: index, locked_to };
    }
    let has_tree = input.tap_merkle_root.is_some();
    let key_type = if has_tree { TAP_MERKLE_ROOT } else { TAP_BIP32_DERIVATION };
    PsbtError::TaprootField { input: index, key_type }
}

/// Returns the field that contradicts what an input is locked to.
fn stray(tweak: KeyTweak, input: &Input, origin: Option<&Origin>, group: &Group) -> Option<u8> {
    let path = match tweak {
        KeyTweak::None if input.tap_internal_key.is_some() => return Some(TAP_INTERNAL_KEY),
        KeyTweak::None if input.tap_merkle_root.is_some() => return Some(TAP_MERKLE_ROOT),
        KeyTweak::None => KeyPath::ROOT,
        KeyTweak::Taproot { path, .. } => path,
    };
    let key = group.child(path).ok().and_then(|ctx| internal_key(&ctx));
    if input.tap_internal_key.is_some_and(|seen| Some(seen) != key) {
        return Some(TAP_INTERNAL_KEY);
    }
    origin.filter(|origin| Some(origin.key) != key).map(|_| TAP_BIP32_DERIVATION)
}

/// Returns the key that a key set has, as the fields of a PSBT name it.
fn internal_key(ctx: &KeyAggCtx) -> Option<XOnlyPublicKey> {
    convert::x_only(&ctx.agg_key())
}

/// Names a key of the group in the fields of an input or output: the internal key and, for a child,
/// how it is derived.
pub(crate) fn name_key(
    group: &Group,
    path: KeyPath,
    key: &mut Option<XOnlyPublicKey>,
    origins: &mut Origins,
) {
    *key = group.child(path).ok().and_then(|ctx| internal_key(&ctx));
    if let Some(key) = key.filter(|_| !path.is_root()) {
        let steps: DerivationPath = path.steps().iter().map(|step| (*step).into()).collect();
        origins.insert(key, (Vec::new(), (group.fingerprint(), steps)));
    }
}

/// Returns which key of the group, and of nobody else, an output pays.
///
/// A derivation field makes an output ours only if it leads to the script. A false one is none.
pub(crate) fn path_of_output(output: &Output, script: &Script, group: &Group) -> Option<KeyPath> {
    let origin = origin(&output.tap_key_origins, output.tap_internal_key, group);
    let named = origin.and_then(|origin| origin.path.ok());
    let leads_here =
        |path: &KeyPath| script.is_p2tr() && group.script_of(*path).is_ok_and(|it| *it == *script);
    named.filter(leads_here).or_else(|| group.owns(script))
}

/// Returns what the derivation field for a key of the group says, the one for the internal key if
/// that is named; fields about keys in scripts do not count.
fn origin(origins: &Origins, internal: Option<XOnlyPublicKey>, group: &Group) -> Option<Origin> {
    let ours = |(_, (leaves, (fingerprint, _))): &(&XOnlyPublicKey, &(Vec<_>, KeySource))| {
        leaves.is_empty() && *fingerprint == group.fingerprint()
    };
    let is_internal = |(key, _): &(&XOnlyPublicKey, _)| Some(**key) == internal;
    let mut all = origins.iter().filter(ours);
    let (key, (_, (_, path))) = all.clone().find(is_internal).or_else(|| all.next())?;
    let mut steps = path.as_ref().iter().map(|step| u32::from(*step));
    Some(Origin { key: *key, path: steps.try_fold(KeyPath::ROOT, KeyPath::child) })
}
