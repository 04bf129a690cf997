//! What the socket's server does not know by itself: the files of a home, and its words.

use std::future::Future;
use std::pin::Pin;

use ensign_coordinator::{CommandError, Handle, LedgerError};
use ensign_primitives::RequestId;

use crate::problem::Problem;
use crate::view::{AddressView, GroupChange, NewFormation, NewGroup, Target, Which};

/// What something in a home gives, or why not.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

/// The home of a node: its files, its catalogue, and whoever else wants to know what was decided.
pub trait House: Send + Sync + 'static {
    /// Forms a group, keeps it, and joins it; returns what its user should know about it.
    fn make_group(&self, asked: NewGroup) -> Answer<'_, Vec<String>>;

    /// Takes another name or new addresses of a group; returns what its user should know about it.
    fn change_group(&self, name: String, change: GroupChange) -> Answer<'_, Vec<String>>;

    /// Leaves a group and removes its file.
    fn forget_group(&self, name: String) -> Answer<'_, ()>;

    /// Begins to form a group, and returns its name.
    fn form(&self, asked: NewFormation) -> Answer<'_, String>;

    /// Gives up a group that forms; the others are told.
    fn give_up(&self, name: String) -> Answer<'_, ()>;

    /// Hands out an address of a group; returns it with its index.
    fn hand_out(&self, name: String, which: Which) -> Answer<'_, AddressView>;

    /// Finds out before anybody signs whether a result could be written there.
    fn check_target(&self, target: Target) -> Answer<'_, ()>;

    /// Remembers, durably, where the result of a request is written once it is there.
    fn keep_target(&self, request: RequestId, target: Target) -> Answer<'_, ()>;

    /// Hears what was decided by a client, once it is durable.
    fn decided(&self, request: RequestId, handle: Option<Handle>, how: &'static str);

    /// Words a refusal by its code, one of [`USED`].
    fn problem(&self, status: u16, code: &str, what: String) -> Problem;

    /// Words a refusal of the coordinator's.
    fn refused(&self, error: &CommandError) -> Problem;

    /// Words why the store cannot be read.
    fn unread(&self, error: &LedgerError) -> Problem;
}

/// The codes that [`House::problem`] is asked for.
pub const USED: [&str; 12] = [
    GROUP_UNKNOWN,
    REQUEST_UNKNOWN,
    REQUEST_AMBIGUOUS,
    REQUEST_NOT_OPEN,
    NO_RESULT,
    BY_PREFIX,
    NO_DIGEST,
    NOT_ACCEPTED,
    EVIDENCE_UNKNOWN,
    NODE_UNKNOWN,
    NODE_OWN,
    NET_BUSY,
];

pub(crate) const GROUP_UNKNOWN: &str = "E-GRP-001";
pub(crate) const REQUEST_UNKNOWN: &str = "E-REQ-001";
pub(crate) const REQUEST_AMBIGUOUS: &str = "E-REQ-002";
pub(crate) const REQUEST_NOT_OPEN: &str = "E-REQ-003";
pub(crate) const NO_RESULT: &str = "E-REQ-005";
pub(crate) const BY_PREFIX: &str = "E-REQ-010";
pub(crate) const NO_DIGEST: &str = "E-REQ-011";
pub(crate) const NOT_ACCEPTED: &str = "E-REQ-012";
pub(crate) const EVIDENCE_UNKNOWN: &str = "E-EVI-001";
pub(crate) const NODE_UNKNOWN: &str = "E-NET-011";
pub(crate) const NODE_OWN: &str = "E-NET-013";
pub(crate) const NET_BUSY: &str = "E-NET-020";
