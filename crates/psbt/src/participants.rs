//! Whether the MuSig2 participants that an input names are the group.

use core::fmt;

use ensign_identity::SignerKey;
use ensign_musig::{KeyAggCtx, PublicKey};
use ensign_wire::KeyTweak;

use crate::{Group, Map, MusigField, Psbt, PsbtError};

/// How the MuSig2 participants of an input differ from the group.
///
/// [BIP-0373] names them for the aggregate key before any tweak, as a compressed key.
///
/// [BIP-0373]: <https://github.com/bitcoin/bips/blob/master/bip-0373.mediawiki#specification>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParticipantsMismatch {
    /// They are the group's keys in another order, which makes another aggregate key.
    Order,
    /// They are the group's keys, named for the taproot output key in place of the aggregate key.
    OutputKey,
    /// They are the group's keys, named for a child of the aggregate key.
    Child,
    /// They are the group's keys, named for the aggregate key with the other sign.
    Sign,
    /// Other keys are named for the group's aggregate key.
    Keys,
    /// They are another group.
    Group,
}

impl fmt::Display for ParticipantsMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "are the group's keys in another order",
            Self::OutputKey => "are the group, but named for its output key",
            Self::Child => "are the group, but named for a child of its aggregate key",
            Self::Sign => "are the group, but named for its aggregate key with the other sign",
            Self::Keys => "are other keys than the group's, for its aggregate key",
            Self::Group => "are another group",
        })
    }
}

/// Refuses an input whose MuSig2 participants are others than the group's keys.
///
/// Beside a script tree further aggregates may be named: they belong to its leaves.
pub(crate) fn check_participants(
    index: usize,
    psbt: &Psbt,
    group: &Group,
    tweak: KeyTweak,
) -> Result<(), PsbtError> {
    let has_tree = psbt.inner.inputs.get(index).is_some_and(|it| it.tap_merkle_root.is_some());
    for field in psbt.musig_fields(Map::Input(index)) {
        let MusigField::Participants { aggregate, participants } = field else { continue };
        let mismatch = mismatch(group, tweak, &aggregate, &participants);
        let is_of_a_leaf = has_tree && aggregate != group.aggregate_key();
        if let Some(cause) = mismatch.filter(|_| !is_of_a_leaf) {
            return Err(PsbtError::ForeignParticipants { input: index, aggregate, cause });
        }
    }
    Ok(())
}

fn mismatch(
    group: &Group,
    tweak: KeyTweak,
    aggregate: &PublicKey,
    participants: &[SignerKey],
) -> Option<ParticipantsMismatch> {
    let ours = group.aggregate_key();
    let sorted = |keys: &[SignerKey]| {
        let mut keys = keys.to_vec();
        keys.sort();
        keys
    };
    let is_ordered = participants == group.keys().as_slice();
    if !is_ordered && sorted(participants) == sorted(group.keys().as_slice()) {
        return Some(ParticipantsMismatch::Order);
    }
    match (*aggregate == ours, is_ordered) {
        (true, true) => None,
        (true, false) => Some(ParticipantsMismatch::Keys),
        (false, false) => Some(ParticipantsMismatch::Group),
        (false, true) if is_x_of(aggregate, &ours) => Some(ParticipantsMismatch::Sign),
        (false, true) => {
            let is = |ctx: KeyAggCtx| is_x_of(aggregate, &ctx.agg_key_full());
            let child = match tweak {
                KeyTweak::None => None,
                KeyTweak::Taproot { path, .. } => group.child(path).ok(),
            };
            Some(if group.key_agg_ctx(tweak).is_ok_and(is) {
                ParticipantsMismatch::OutputKey
            } else if child.is_some_and(is) {
                ParticipantsMismatch::Child
            } else {
                ParticipantsMismatch::Group
            })
        }
    }
}

/// Whether two keys are the same but for their sign.
fn is_x_of(key: &PublicKey, other: &PublicKey) -> bool {
    key.x_only_public_key().0 == other.x_only_public_key().0
}
