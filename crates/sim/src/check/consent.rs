//! Nobody honest speaks in a session of a request that its person has not said yes to.

use std::collections::BTreeSet;

use ensign_engine::signing::ATTEMPTS_MAX;
use ensign_primitives::SessionId;
use ensign_wire::{Envelope, SigningRequest};

use super::{Cast, Checker, NETWORK, NodeIndex, Seen, Sight};

#[derive(Debug, Default)]
pub(super) struct Consent {
    /// Every attempt at what each node's person said yes to; nobody takes a yes back.
    approved: BTreeSet<(NodeIndex, SessionId)>,
}

impl Checker for Consent {
    fn name(&self) -> &'static str {
        "nothing joined or signed without consent"
    }

    fn check(&mut self, _: &Cast, sight: &Sight, own: Option<&Envelope>) -> Result<(), String> {
        let node = sight.node;
        if let Seen::Proposed { request, .. } | Seen::Approved { request } = sight.what {
            let session = |attempt| SigningRequest::session_id(request, NETWORK, attempt);
            self.approved.extend((1..=ATTEMPTS_MAX).map(|attempt| (node, session(attempt))));
        }
        let Some(envelope) = own else { return Ok(()) };
        let (session, kind) = (envelope.session(), envelope.body().kind());
        if self.approved.contains(&(node, session)) {
            return Ok(());
        }
        Err(format!(
            "node {node} says {kind:?} in session {}, to which its person has not consented",
            session.short()
        ))
    }
}
