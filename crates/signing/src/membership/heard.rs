//! What an introduction comes to.

use ensign_identity::{DelegationError, SignerKey};
use ensign_primitives::PeerId;

use super::Delegated;

/// What an introduction means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is about no key that we know, or says nothing new.
    Nothing,
    /// It does not hold.
    Refused(DelegationError),
    /// The same number stands in another delegation that was first.
    Twice(SignerKey, u64),
    /// What is known holds: its node speaks for this key.
    Counts(SignerKey),
    /// It is the highest that is known of a key from here on.
    Newer(Delegated),
    /// A node has shown an earlier delegation to another node than the one that holds.
    Older(Delegated),
    /// Our own key speaks through another node too.
    Elsewhere(PeerId, u64),
}
