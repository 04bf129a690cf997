//! No partial signature leaves before its burn mark is on disk.

use ensign_engine::Record;
use ensign_primitives::SessionId;
use ensign_wire::{Envelope, Kind, SigningRequest};

use super::{Cast, Checker, NETWORK, Sight, journal::Journals};

#[derive(Debug)]
pub(super) struct Burned {
    marks: Journals<SessionId>,
}

impl Default for Burned {
    fn default() -> Self {
        Self { marks: Journals::new(burned) }
    }
}

fn burned(record: &Record) -> Option<SessionId> {
    let Record::Burned { request, attempt } = record else { return None };
    Some(SigningRequest::session_id(*request, NETWORK, *attempt))
}

impl Checker for Burned {
    fn name(&self) -> &'static str {
        "no partial signature without its burn mark on disk"
    }

    fn check(&mut self, _: &Cast, sight: &Sight, own: Option<&Envelope>) -> Result<(), String> {
        self.marks.follow(sight);
        let Some(envelope) = own.filter(|own| own.body().kind() == Kind::PartialSigShare) else {
            return Ok(());
        };
        let (node, session) = (sight.node, envelope.session());
        if self.marks.is_durable(node, &session) {
            return Ok(());
        }
        Err(format!("node {node} signs in session {} with no burn mark on disk", session.short()))
    }
}
