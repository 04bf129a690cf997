//! Callers who proposed or approved, and are answered once the consent is durable.

use std::collections::BTreeMap;

use ensign_primitives::RequestId;

use crate::{Approval, CommandError, LedgerError, command::Reply};

/// Whoever waits until a consent is durable: at most one for each open request.
#[derive(Debug, Default)]
pub(crate) struct Consenting {
    begin: BTreeMap<RequestId, Caller>,
    /// Whoever waits until an end is durable.
    end: BTreeMap<RequestId, Reply<()>>,
}

#[derive(Debug)]
enum Caller {
    Proposes(Box<Approval>, Reply<Approval>),
    Approves(Reply<()>),
}

impl Consenting {
    pub(crate) fn proposes(&mut self, approval: Approval, reply: Reply<Approval>) {
        self.begin.insert(approval.id, Caller::Proposes(Box::new(approval), reply));
    }

    pub(crate) fn approves(&mut self, id: RequestId, reply: Reply<()>) {
        self.begin.insert(id, Caller::Approves(reply));
    }

    pub(crate) fn ends(&mut self, id: RequestId, reply: Reply<()>) {
        self.end.insert(id, reply);
    }

    /// Answers whoever waits for a request's end. A caller that waits no more has dropped its future.
    pub(crate) fn ended(&mut self, id: &RequestId) {
        if let Some(reply) = self.end.remove(id) {
            drop(reply.send(Ok(())));
        }
    }

    /// Answers whoever waits for a request's consent. A caller that waits no more has dropped its
    /// future.
    pub(crate) fn answer(&mut self, id: &RequestId, outcome: Result<(), LedgerError>) {
        let outcome = outcome.map_err(CommandError::Store);
        match self.begin.remove(id) {
            Some(Caller::Proposes(approval, reply)) => {
                drop(reply.send(outcome.map(|()| *approval)));
            }
            Some(Caller::Approves(reply)) => drop(reply.send(outcome)),
            None => {}
        }
    }

    /// Answers everybody who waits: nothing is written any more.
    pub(crate) fn fail(&mut self, error: &LedgerError) {
        while let Some(id) = self.begin.keys().next().copied() {
            self.answer(&id, Err(error.clone()));
        }
    }
}
