//! What a session is made from, and its limits.

use alloc::sync::Arc;

use ensign_deadline::Timeouts;
use ensign_identity::{DelegationProof, NodeKey, SignerKey};
use ensign_musig::KeyAggCtx;
use ensign_primitives::{PeerId, SignerIndex};
use ensign_wire::SignedRequest;

/// How many envelopes a session remembers as handled. Guess: sixteen signers times ten messages,
/// several times over.
pub const DUPLICATES_REMEMBERED: usize = 1024;

/// How many acknowledgements of one signer a session answers. Guess: a wait of two hours with a
/// repetition each 30 seconds makes 240.
pub const ACKS_ANSWERED_MAX: u32 = 512;

/// How often a session shows what it holds to one signer that holds something else. Once finds every
/// conflict; the rest makes up for losses. Guess: a question in each pause of two phases and of
/// linger, most of which are not needed.
pub const VIEWS_SHARED_MAX: u32 = 12;

/// How often a signer that names another nonce set is asked for what stands behind it before it is
/// named: as a claim, so that losses must not make one of somebody honest. Guess: of four questions
/// and answers one arrives.
pub const VIEW_QUESTIONS_MIN: u32 = 4;

/// Everything a session is made from. The node key is shared with the other sessions of the node; the
/// secret signer key is with the signer, wherever that is.
#[derive(Clone, Debug)]
pub struct SessionSetup {
    /// What is asked, verified by the caller.
    pub request: Arc<SignedRequest>,
    /// Which attempt, from 1.
    pub attempt: u16,
    /// Which signer we are.
    pub local: SignerIndex,
    /// The node of each signer, in key order.
    pub peers: Arc<[PeerId]>,
    /// The group's aggregated keys, in the same order.
    pub group: KeyAggCtx,
    /// Our node key: it signs every envelope.
    pub node_key: Arc<NodeKey>,
    /// Our signer key.
    pub signer: SignerKey,
    /// That our signer key lets our node speak.
    pub delegation: DelegationProof,
    /// How long each wait may take.
    pub timeouts: Timeouts,
}
