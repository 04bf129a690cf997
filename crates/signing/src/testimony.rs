//! What a driver needs to show strangers who did what: the request, the attempt, the delegations.

use alloc::sync::Arc;

use ensign_identity::DelegationProof;
use ensign_primitives::SignerIndex;
use ensign_wire::SignedRequest;

/// Whom an attempt knows under a node's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Testimony {
    /// What was to be signed.
    pub request: Arc<SignedRequest>,
    /// Which attempt at it.
    pub attempt: u16,
    /// Which signer the node stands for in the group.
    pub signer: SignerIndex,
    /// That the signer key lets the node speak; `None` when it never showed it to us.
    pub delegation: Option<DelegationProof>,
}
