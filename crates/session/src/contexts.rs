//! Under which key each message is signed, computed from the request alone.

use alloc::vec::Vec;

use ensign_musig::{KeyAggCtx, TweakError, taproot_tweak};
use ensign_wire::{KeyTweak, Message};

/// Tweaks the group once for each different tweak; one context per message.
///
/// Cost: 16 us for each different tweak.
///
/// # Errors
///
/// The first message whose tweak gives no key, and why.
pub(crate) fn contexts(
    group: &KeyAggCtx,
    messages: &[Message],
) -> Result<Vec<KeyAggCtx>, (usize, TweakError)> {
    let mut known: Vec<(KeyTweak, KeyAggCtx)> = Vec::new();
    let mut contexts = Vec::with_capacity(messages.len());
    for (position, message) in messages.iter().enumerate() {
        if let Some((_, ctx)) = known.iter().find(|(tweak, _)| *tweak == message.tweak) {
            contexts.push(ctx.clone());
            continue;
        }
        let ctx = match message.tweak {
            KeyTweak::None => group.clone(),
            KeyTweak::Taproot { merkle_root } => group
                .with_tweak(taproot_tweak(&group.agg_key(), merkle_root.as_ref()))
                .map_err(|error| (position, error))?,
        };
        known.push((message.tweak, ctx.clone()));
        contexts.push(ctx);
    }
    Ok(contexts)
}
