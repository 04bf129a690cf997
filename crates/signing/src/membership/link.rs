//! What is known of one connection.

use alloc::collections::BTreeSet;

use ensign_identity::SignerKey;
use ensign_primitives::Instant;
use ensign_wire::Introduced;

/// What a connected node has shown.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) keys: BTreeSet<SignerKey>,
    /// What it says of itself, of a key that we do not know: we may form its group later.
    pub(super) unread: Option<Introduced>,
    pub(super) due: Option<Instant>,
    /// Whether it was told for whom we speak.
    pub(super) has_heard: bool,
    /// Whether it has told us what members are told.
    pub(super) has_welcomed: bool,
    /// Whether it was told that its key has a newer node.
    pub(super) is_answered: bool,
}
