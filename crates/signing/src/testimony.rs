//! What a driver needs to show strangers who did what: the request, the attempt, the delegations.

use alloc::sync::Arc;

use ensign_identity::DelegationProof;
use ensign_primitives::{PeerId, RequestId, SessionId, SignerIndex};
use ensign_session::Session;
use ensign_wire::{Envelope, SignedRequest};

use crate::Signing;

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

impl Signing {
    /// Returns what is known of a node in a session of an open request, or of one whose end was
    /// reported just now.
    pub fn testimony(&self, session: &SessionId, peer: &PeerId) -> Option<Testimony> {
        let (id, attempt) = *self.sessions.get(session)?;
        let request = self.requests.get(&id)?;
        let signer = self.signer_of(id, peer)?;
        let of_creator = (request.signed.peer == *peer).then_some(request.signed.delegation);
        let delegation = request.session.delegation_of(signer).or(of_creator);
        Some(Testimony { request: Arc::clone(&request.signed), attempt, signer, delegation })
    }

    /// Returns the signed words with which another signer ended the current attempt at a request.
    pub fn ended_by(&self, request: &RequestId) -> Option<&Envelope> {
        self.requests.get(request).map(|request| &request.session).and_then(Session::ended_by)
    }
}
