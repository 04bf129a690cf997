//! How each open request stands, for whoever asks.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use ensign_primitives::{GroupId, RequestId, SignerIndex};
use ensign_session::Phase;
use ensign_wire::SignedRequest;

/// One open request as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestStatus {
    /// Its name.
    pub id: RequestId,
    /// Who shall sign.
    pub group: GroupId,
    /// What is asked.
    pub request: Arc<SignedRequest>,
    /// Whether our user has consented.
    pub consented: bool,
    /// The current attempt, from 1.
    pub attempt: u16,
    /// How far the attempt is.
    pub phase: Phase,
    /// Whom it waits for.
    pub waiting_on: Vec<SignerIndex>,
    /// When the next attempt begins, between two of them.
    pub retry_in: Option<Duration>,
}

/// Who opened an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The signer whose node it was.
    pub who: SignerIndex,
    /// Whether the node was seen to restart in the attempt before; else its wait was over.
    pub has_restarted: bool,
}
