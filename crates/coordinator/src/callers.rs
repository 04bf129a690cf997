//! Callers who wait for an answer: until the disk has it, or until the signer lets our node speak for it.

use std::collections::BTreeMap;

use ensign_primitives::RequestId;

use crate::{Approval, CommandError, Consent, LedgerError, SigningJob, command::Reply};

/// Most proposals that wait for a delegation; a further one goes on with the one in use. As many as
/// wait for the driver.
const PROPOSALS_WAITING_MAX: usize = 64;

/// What our user asked for while a delegation is waited for: it would carry one that nobody accepts.
pub(crate) type Proposal = (Box<SigningJob>, Consent, Reply<Approval>);

/// Whoever waits. A caller that waits no more has dropped its future.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    /// Until a consent is durable: at most one for each open request.
    begin: BTreeMap<RequestId, Begin>,
    /// Until an end is durable.
    end: BTreeMap<RequestId, Reply<()>>,
    /// Until everybody is known to hold the signatures, or there will be none.
    stay: Vec<(RequestId, Reply<()>)>,
    /// For a delegation that holds.
    proposals: Vec<Proposal>,
}

#[derive(Debug)]
enum Begin {
    Proposes(Box<Approval>, Reply<Approval>),
    Approves(Reply<()>),
}

impl Callers {
    pub(crate) fn proposes(&mut self, approval: Approval, reply: Reply<Approval>) {
        self.begin.insert(approval.id, Begin::Proposes(Box::new(approval), reply));
    }

    pub(crate) fn approves(&mut self, id: RequestId, reply: Reply<()>) {
        self.begin.insert(id, Begin::Approves(reply));
    }

    pub(crate) fn ends(&mut self, id: RequestId, reply: Reply<()>) {
        self.end.insert(id, reply);
    }

    pub(crate) fn stays(&mut self, id: RequestId, reply: Reply<()>) {
        self.stay.retain(|(_, other)| !other.is_closed());
        self.stay.push((id, reply));
    }

    /// Nobody has to stay for a request any more.
    pub(crate) fn may_leave(&mut self, id: &RequestId) {
        self.stay.retain(|(of, _)| of != id);
    }

    pub(crate) const fn has_room(&self) -> bool {
        self.proposals.len() < PROPOSALS_WAITING_MAX
    }

    pub(crate) fn waits(&mut self, proposal: Proposal) {
        self.proposals.push(proposal);
    }

    /// Returns what waited for a delegation.
    pub(crate) fn take_proposals(&mut self) -> Vec<Proposal> {
        std::mem::take(&mut self.proposals)
    }

    /// A request's end is durable.
    pub(crate) fn ended(&mut self, id: &RequestId) {
        if let Some(reply) = self.end.remove(id) {
            drop(reply.send(Ok(())));
        }
    }

    /// A request's consent is durable.
    pub(crate) fn began(&mut self, id: &RequestId) {
        match self.begin.remove(id) {
            Some(Begin::Proposes(approval, reply)) => drop(reply.send(Ok(*approval))),
            Some(Begin::Approves(reply)) => drop(reply.send(Ok(()))),
            None => {}
        }
    }

    /// What is waited for of a request is never written.
    pub(crate) fn refuse(&mut self, id: &RequestId, error: &LedgerError) {
        let error = CommandError::Store(error.clone());
        match self.begin.remove(id) {
            Some(Begin::Proposes(_, reply)) => drop(reply.send(Err(error.clone()))),
            Some(Begin::Approves(reply)) => drop(reply.send(Err(error.clone()))),
            None => {}
        }
        if let Some(reply) = self.end.remove(id) {
            drop(reply.send(Err(error)));
        }
    }

    /// Nothing is written any more.
    pub(crate) fn fail(&mut self, error: &LedgerError) {
        let waiting: Vec<_> = self.begin.keys().chain(self.end.keys()).copied().collect();
        waiting.iter().for_each(|id| self.refuse(id, error));
    }
}
