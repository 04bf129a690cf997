//! What a request waits for before an attempt at it can begin, for people.

use alloc::vec::Vec;

use ensign_primitives::SignerIndex;

/// Most pairs of a group's signers that a [`Wait`] names. Guess: more than anybody reads; more are rare,
/// and say no more.
pub const LACKS_NAMED_MAX: usize = 64;

/// What one open request waits for. Told whenever it changes, and only then.
///
/// The lists are in key order. Nothing waits for anybody when [`missing`](Self::missing) and
/// [`is_ready`](Self::is_ready) say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// Whose user has agreed, ours included.
    pub agreed: Vec<SignerIndex>,
    /// Whose user has not, or not yet.
    pub missing: Vec<SignerIndex>,
    /// Whose user had agreed and has withdrawn that since; these are missing too.
    pub withdrawn: Vec<SignerIndex>,
    /// Whose node does not see whose, by its own word; at most [`LACKS_NAMED_MAX`]. Ours is among them.
    pub lacks: Vec<Lack>,
    /// Whose node we see and have no young word of, over its own connection.
    pub stale: Vec<SignerIndex>,
    /// Whose node's clock differs from ours by more than is allowed.
    pub clocks: Vec<ClockGap>,
    /// Whose node follows another revision of the rules, and which.
    pub versions: Vec<(SignerIndex, u16)>,
    /// Whose node our user has banned: it lacks ours until that is taken back. Whoever knows the user's
    /// words fills it in; none here.
    pub banned: Vec<SignerIndex>,
}

/// One signer's node does not see another one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lack {
    /// Whose node says so.
    pub who: SignerIndex,
    /// Whose node it does not see.
    pub whom: SignerIndex,
}

/// A clock that differs from ours by more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockGap {
    /// Whose node's.
    pub who: SignerIndex,
    /// How far it is ahead of ours, in whole minutes; negative if it is behind.
    pub minutes_ahead: i64,
}

impl Wait {
    /// Returns whether all nodes see each other, have said so lately, and agree on time and rules.
    pub fn is_ready(&self) -> bool {
        let Self { agreed: _, missing: _, withdrawn: _, banned: _, lacks, stale, clocks, versions } =
            self;
        lacks.is_empty() && stale.is_empty() && clocks.is_empty() && versions.is_empty()
    }
}
