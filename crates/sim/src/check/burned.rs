//! No partial signature is made before its burn mark is on disk, and none leaves before it is on disk
//! itself.

use ensign_engine::signing::Record;
use ensign_primitives::SessionId;
use ensign_wire::{Envelope, Kind, SigningRequest};

use super::{Cast, Checker, NETWORK, Seen, Sight, journal::Journals};

#[derive(Debug)]
pub(super) struct Burned {
    marks: Journals<SessionId>,
    partials: Journals<SessionId>,
}

impl Default for Burned {
    fn default() -> Self {
        Self { marks: Journals::new(burned), partials: Journals::new(signed) }
    }
}

fn burned(record: &Record) -> Option<SessionId> {
    let Record::Burned { request, attempt } = record else { return None };
    Some(SigningRequest::session_id(*request, NETWORK, *attempt))
}

fn signed(record: &Record) -> Option<SessionId> {
    let Record::Partials { request, attempt, .. } = record else { return None };
    Some(SigningRequest::session_id(*request, NETWORK, *attempt))
}

impl Checker for Burned {
    fn name(&self) -> &'static str {
        "no partial signature without its burn mark on disk"
    }

    fn check(&mut self, _: &Cast, sight: &Sight, own: Option<&Envelope>) -> Result<(), String> {
        self.marks.follow(sight);
        self.partials.follow(sight);
        let node = sight.node;
        if let Seen::Signs { session } = &sight.what
            && !self.marks.is_durable(node, session)
        {
            let session = session.short();
            return Err(format!(
                "node {node} signs in session {session} with no burn mark on disk"
            ));
        }
        let Some(envelope) = own.filter(|own| own.body().kind() == Kind::PartialSigShare) else {
            return Ok(());
        };
        let session = envelope.session();
        for (records, what) in [(&self.marks, "burn mark"), (&self.partials, "partial signature")] {
            if !records.is_durable(node, &session) {
                let session = session.short();
                return Err(format!(
                    "node {node} sends its part of session {session} with no {what} on disk"
                ));
            }
        }
        Ok(())
    }
}
