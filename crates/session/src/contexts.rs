//! Under which key each message is signed, computed from the request alone.

use alloc::{collections::BTreeMap, vec::Vec};

use ensign_identity::Signature;
use ensign_musig::{ExtendedKey, KeyAggCtx, TweakError, verify_schnorr};
use ensign_primitives::KeyPath;
use ensign_wire::{KeyTweak, Message};

/// The keys of a group under the tweaks that were asked for so far.
struct Tweaked<'a> {
    group: &'a KeyAggCtx,
    known: BTreeMap<KeyTweak, KeyAggCtx>,
    /// The chains of addresses that were used so far, by all steps but the last.
    parents: BTreeMap<KeyPath, ExtendedKey>,
}

impl<'a> Tweaked<'a> {
    const fn new(group: &'a KeyAggCtx) -> Self {
        Self { group, known: BTreeMap::new(), parents: BTreeMap::new() }
    }

    fn context(&mut self, tweak: KeyTweak) -> Result<&KeyAggCtx, TweakError> {
        if !self.known.contains_key(&tweak) {
            let ctx = match tweak {
                KeyTweak::None => self.group.clone(),
                KeyTweak::Taproot { path, merkle_root } => {
                    self.child(path)?.taproot(merkle_root.as_ref())?
                }
            };
            self.known.insert(tweak, ctx);
        }
        Ok(self.known.get(&tweak).unwrap_or(self.group))
    }

    /// Derives a child of the group's key; of a chain that is known already one step.
    fn child(&mut self, path: KeyPath) -> Result<KeyAggCtx, TweakError> {
        let Some((parent, last)) = path.split_last() else { return Ok(self.group.clone()) };
        if !self.parents.contains_key(&parent) {
            let key = ExtendedKey::new(self.group.clone()).derive(&parent)?;
            self.parents.insert(parent, key);
        }
        let derived = self.parents.get(&parent).map(|key| key.step(last));
        derived.map_or_else(|| self.group.derive(&path), |key| Ok(key?.ctx().clone()))
    }
}

/// Tweaks the group once for each different tweak; one context per message.
///
/// Cost: 16 us for each different tweak, and for each step to a child that is new.
///
/// # Errors
///
/// The first message whose tweak gives no key, and why.
pub(crate) fn contexts(
    group: &KeyAggCtx,
    messages: &[Message],
) -> Result<Vec<KeyAggCtx>, (usize, TweakError)> {
    let mut tweaked = Tweaked::new(group);
    let one = |(position, message): (usize, &Message)| {
        let ctx = tweaked.context(message.tweak).map_err(|error| (position, error))?;
        Ok(ctx.clone())
    };
    messages.iter().enumerate().map(one).collect()
}

/// Checks one final signature for each message, one after the other, up to the first false one.
///
/// Cost: 45 us a message up to there, and what [`contexts`] costs.
pub(crate) fn signatures_hold(
    group: &KeyAggCtx,
    messages: &[Message],
    signatures: &[Signature],
) -> bool {
    let mut tweaked = Tweaked::new(group);
    signatures.len() == messages.len()
        && signatures.iter().zip(messages).all(|(signature, message)| {
            tweaked
                .context(message.tweak)
                .is_ok_and(|ctx| verify_schnorr(&ctx.agg_key(), &message.digest, &signature.0))
        })
}
